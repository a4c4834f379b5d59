//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"pileus/plane"
)

// A site is a namespace that stands for a network on premises: it has the
// customer gateway's address in the internet, and its ends of the tunnels.
type site struct {
	*wiring
	desired plane.Site
	tunnels map[string]*tunnel
}

const linkSite = "o"

// ApplySite makes a network on premises what s says.
func (n *Network) ApplySite(ctx context.Context, s plane.Site) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if n.net == nil {
		return errors.New("the network is closed")
	}
	o := n.sites[s.ID]
	if o == nil {
		var err error
		if o, err = n.openSite(s); err != nil {
			return fmt.Errorf("site %s: %w", s.ID, err)
		}
		n.sites[s.ID] = o
	}
	if err := n.applySite(o, s); err != nil {
		return fmt.Errorf("site %s: %w", s.ID, err)
	}
	n.watchTunnels()
	return nil
}

func (n *Network) openSite(s plane.Site) (*site, error) {
	ns, _, err := makeNamespace(n.namespacePath(s.ID), func(ns *namespace) error { return ns.set(routerSettings...) })
	if err != nil {
		return nil, err
	}
	w, err := openWiring(ns)
	if err != nil {
		ns.close()
		return nil, err
	}
	return &site{wiring: w, tunnels: map[string]*tunnel{}}, nil
}

func (n *Network) applySite(o *site, s plane.Site) error {
	name := linkName(linkSite, s.ID)
	if n.net.links[name] == nil {
		if err := n.net.join(o.wiring, cable{name: name, alias: s.ID, mtu: internetMTU, farName: "internet", farAlias: s.ID}); err != nil {
			return err
		}
	}
	o.desired = s
	if err := o.address(s.Address); err != nil {
		return err
	}
	for _, p := range s.Networks {
		if err := o.address(nthAddress(p, 1)); err != nil {
			return err
		}
	}
	near := n.net.links[name]
	want := map[routeKey]nextHop{{unix.RT_TABLE_MAIN, single(s.Address)}: {kind: unix.RTN_UNICAST, link: near.index, via: next4}}
	if err := n.net.route(want, func(_ routeKey, hop nextHop) bool { return hop.link == near.index }); err != nil {
		return err
	}
	for at, t := range s.Tunnels {
		if w := o.tunnels[t.ID]; w != nil {
			if w.print == tunnelPrint(t) {
				continue
			}
			w.close()
			o.forget(w.name)
		}
		w, err := openTunnel(t, tunnelEnds{inside: o.wiring, outside: o.namespace, port: plane.TunnelPort + at, peer: n.port(t.Customer)}, n.opt.Clock, n.log)
		if err != nil {
			return err
		}
		o.tunnels[t.ID] = w
	}
	if err := o.routes(); err != nil {
		return err
	}
	return errors.Join(o.settle(), n.net.settle())
}

// routes sends what is for the VPC through the first tunnel that is up, and
// all else into the internet.
func (o *site) routes() error {
	want := map[routeKey]nextHop{}
	if l := o.links["internet"]; l != nil {
		want[routeKey{unix.RT_TABLE_MAIN, all4}] = nextHop{kind: unix.RTN_UNICAST, link: l.index, via: next4}
	}
	for _, t := range o.desired.Tunnels {
		w := o.tunnels[t.ID]
		if w == nil || !w.alive() || o.links[w.name] == nil {
			continue
		}
		for _, p := range w.leads(t) {
			if _, taken := want[routeKey{unix.RT_TABLE_MAIN, p.Masked()}]; !taken {
				want[routeKey{unix.RT_TABLE_MAIN, p.Masked()}] = nextHop{kind: unix.RTN_UNICAST, link: o.links[w.name].index}
			}
		}
	}
	return o.preferOwn(want)
}

// preferOwn routes with the site's own address as the source.
func (o *site) preferOwn(want map[routeKey]nextHop) error {
	if err := o.route(want, func(routeKey, nextHop) bool { return true }); err != nil {
		return err
	}
	if len(o.desired.Networks) == 0 {
		return nil
	}
	for k, hop := range want {
		route := k.netlink(hop)
		if route.Src = nthAddress(o.desired.Networks[0], 1).AsSlice(); k.to == all4 {
			route.Src = o.desired.Address.AsSlice()
		}
		if err := o.link.RouteReplace(route); err != nil {
			return fmt.Errorf("route to %v: %w", k.to, err)
		}
	}
	return nil
}

// look finds out which tunnels have come up or gone down, and routes anew.
func (o *site) look(now time.Time) error {
	changed := false
	for _, w := range o.tunnels {
		changed = w.look(now) || changed
	}
	if !changed {
		return nil
	}
	return o.routes()
}

// RemoveSite takes a network on premises away.
func (n *Network) RemoveSite(_ context.Context, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.removeSite(id)
}

func (n *Network) removeSite(id string) error {
	if !strings.HasPrefix(id, "vpn-") {
		return fmt.Errorf("%q is no id of a VPN connection", id)
	}
	if o := n.sites[id]; o != nil {
		for _, w := range o.tunnels {
			w.close()
		}
		o.wiring.close()
		delete(n.sites, id)
	}
	if n.net != nil {
		if err := n.net.unplug(linkName(linkSite, id)); err != nil {
			return err
		}
	}
	return removeNamespace(n.namespacePath(id))
}

// Sites lists the networks on premises.
func (n *Network) Sites(context.Context) (ids []string, err error) {
	names, err := n.namespaces()
	for _, id := range names {
		if strings.HasPrefix(id, "vpn-") {
			ids = append(ids, id)
		}
	}
	return ids, err
}

// closeTunnels ends this process's part in all tunnels: they are down until
// another process takes them up.
func (n *Network) closeTunnels() {
	if n.stopWatch != nil {
		n.stopWatch()
		n.stopWatch = nil
	}
	for _, r := range n.routers {
		for _, w := range r.wires {
			w.close()
		}
		clear(r.wires)
	}
	for _, o := range n.sites {
		for _, w := range o.tunnels {
			w.close()
		}
		o.wiring.close()
	}
	clear(n.sites)
}

// own makes an address of the internet local there: a tunnel's end.
func (i *internet) own(a netip.Addr) error {
	lo, err := i.link.LinkByName("lo")
	if err != nil {
		return err
	}
	return i.link.AddrReplace(lo, &netlink.Addr{IPNet: ipNet(single(a))})
}
