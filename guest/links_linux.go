package guest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
)

// setLinks sets the machine's interfaces up.
func setLinks(links []handoff.Link) error {
	for name, value := range map[string]string{"accept_dad": "0", "accept_ra": "0"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/default/"+name, []byte(value), 0)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	for _, l := range links {
		if err := setLink(l); err != nil {
			return fmt.Errorf("interface %s: %w", l.Name, err)
		}
	}
	return nil
}

func setLink(l handoff.Link) error {
	link, err := findLink(l.MAC)
	if err != nil {
		return err
	}
	if link.Attrs().Name != l.Name {
		if err := errors.Join(netlink.LinkSetDown(link), netlink.LinkSetName(link, l.Name)); err != nil {
			return fmt.Errorf("it is called %s: %w", link.Attrs().Name, err)
		}
	}
	if l.MTU > 0 && link.Attrs().MTU != l.MTU {
		if err := netlink.LinkSetMTU(link, l.MTU); err != nil {
			return fmt.Errorf("its MTU: %w", err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	if err := setAddresses(link, l.Addresses); err != nil {
		return err
	}
	return setRoutes(link.Attrs().Index, l)
}

func findLink(mac string) (netlink.Link, error) {
	list, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	for _, l := range list {
		if strings.EqualFold(l.Attrs().HardwareAddr.String(), mac) {
			return l, nil
		}
	}
	return nil, fmt.Errorf("there is no card with the address %s", mac)
}

// setAddresses makes a link's addresses those that are wanted.
func setAddresses(link netlink.Link, want []netip.Prefix) error {
	have, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, p := range want {
		wanted[p.String()] = true
		a := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrReplace(link, a); err != nil {
			return fmt.Errorf("address %v: %w", p, err)
		}
	}
	for _, a := range have {
		if !wanted[a.IPNet.String()] && !a.IP.IsLinkLocalUnicast() {
			if err := netlink.AddrDel(link, &a); err != nil {
				return fmt.Errorf("address %v: %w", a.IPNet, err)
			}
		}
	}
	return nil
}

func setRoutes(index int, l handoff.Link) error {
	for _, n := range l.Neighbours {
		mac, err := net.ParseMAC(n.MAC)
		if err != nil {
			return err
		}
		err = netlink.NeighSet(&netlink.Neigh{
			LinkIndex: index, Family: familyOf(n.Address), State: netlink.NUD_PERMANENT, IP: n.Address.AsSlice(), HardwareAddr: mac})
		if err != nil {
			return fmt.Errorf("neighbour %v: %w", n.Address, err)
		}
	}
	for _, r := range l.Routes {
		route := &netlink.Route{LinkIndex: index, Dst: ipNet(r.To), Table: r.Table, Family: familyOf(r.To.Addr())}
		if r.By.IsValid() {
			route.Gw, route.Flags = r.By.AsSlice(), int(netlink.FLAG_ONLINK)
		} else {
			route.Scope = netlink.SCOPE_LINK
		}
		if err := netlink.RouteReplace(route); err != nil {
			return fmt.Errorf("route to %v: %w", r.To, err)
		}
	}
	for _, r := range l.Rules {
		rule := netlink.NewRule()
		rule.Family, rule.Src, rule.Table, rule.Priority = familyOf(r.From.Addr()), ipNet(r.From), r.Table, r.Priority
		if err := netlink.RuleAdd(rule); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("rule for %v: %w", r.From, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func familyOf(a netip.Addr) int {
	if a.Is6() {
		return netlink.FAMILY_V6
	}
	return netlink.FAMILY_V4
}
