//go:build linux

package network

import (
	"context"
	"strings"

	"pileus/plane"
)

// Traffic reads the counters of the VPC's interfaces that are attached: those
// of their links, and of what is billed by nftables'.
func (n *Network) Traffic(ctx context.Context, vpc string) (map[string]plane.Counters, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, err := n.applied(vpc)
	if err != nil {
		return nil, err
	}
	links, err := r.link.LinkList()
	if err != nil {
		return nil, err
	}
	zone, err := r.counted(setInterZone)
	if err != nil {
		return nil, err
	}
	internet, err := r.counted(setInternet)
	if err != nil {
		return nil, err
	}
	nats := map[string]bool{}
	for _, g := range r.vpc.NATGateways {
		nats[g.Interface] = true
	}
	all := map[string]plane.Counters{}
	for _, l := range links {
		a := l.Attrs()
		if !strings.HasPrefix(a.Name, linkInterface) || a.Statistics == nil {
			continue
		}
		// What the router sends is what the machine receives.
		id := aliasWord(a.Alias, aliasInterface)
		c := plane.Counters{
			BytesIn: a.Statistics.TxBytes, BytesOut: a.Statistics.RxBytes,
			PacketsIn: a.Statistics.TxPackets, PacketsOut: a.Statistics.RxPackets,
			InterZone: zone[a.Name], Internet: internet[a.Name],
		}
		if nats[id] {
			// One that an earlier version has made does not count.
			c.NAT, _ = n.translated(aliasWord(a.Alias, aliasHolder))
		}
		all[id] = c
	}
	return all, nil
}

// counted reads the bytes that a set of links has counted.
func (r *router) counted(name string) (map[string]uint64, error) {
	elements, err := r.elements(name, kindBill)
	if err != nil {
		return nil, err
	}
	bytes := map[string]uint64{}
	for _, e := range elements {
		if e.Counter != nil {
			bytes[strings.TrimRight(string(e.Key), "\x00")] = e.Counter.Bytes
		}
	}
	return bytes, nil
}
