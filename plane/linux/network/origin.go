//go:build linux

package network

import (
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Two VPCs may have the same private addresses. What comes through their
// gateway endpoints therefore has an address of the VPC's own on the way to the
// services, and the router's connection table knows who it was.

// Origin tells the VPC and the private address of who connected through a
// gateway endpoint.
func (n *Network) Origin(remote netip.AddrPort) (vpc string, source netip.Addr, ok bool) {
	at := remote.Addr().Unmap()
	known, ok := n.origins.Load(at)
	if !ok {
		return "", netip.Addr{}, false
	}
	vpc = known.(string)
	ns, close, err := n.visit(vpc)
	if err != nil {
		return vpc, netip.Addr{}, true
	}
	defer close()
	var h *netlink.Handle
	err = ns.do(func() error {
		h, err = netlink.NewHandle(unix.NETLINK_NETFILTER)
		return err
	})
	if err != nil {
		return vpc, netip.Addr{}, true
	}
	defer h.Close()
	flows, err := h.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
	if err != nil {
		n.log.Warn("connections of a gateway endpoint", "vpc", vpc, "error", err)
		return vpc, netip.Addr{}, true
	}
	for _, f := range flows {
		to, _ := netip.AddrFromSlice(f.Reverse.DstIP)
		if to.Unmap() == at && f.Reverse.DstPort == remote.Port() && f.Reverse.Protocol == unix.IPPROTO_TCP {
			from, _ := netip.AddrFromSlice(f.Forward.SrcIP)
			return vpc, from.Unmap(), true
		}
	}
	return vpc, netip.Addr{}, true
}
