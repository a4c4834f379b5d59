//go:build linux

package network

import (
	"slices"
	"strings"

	"pileus/plane"
)

// A peering is a veth between the routers of two VPCs. Each checks for itself
// that what leaves is from its own ranges and what arrives is for them, so
// that a peering is no way to a third VPC, nor to a gateway behind it.

// peer brings the peerings up to date. One whose other VPC is not there yet is
// made when that one is.
func (r *router) peer() error {
	wanted := map[string]bool{}
	for _, p := range r.vpc.Peerings {
		wanted[linkName(linkPeering, p.ID)] = true
	}
	for name, l := range r.links {
		if !strings.HasPrefix(name, linkPeering) || wanted[name] {
			continue
		}
		other := r.n.routers[aliasWord(l.alias, 1)]
		if err := r.unplug(name); err != nil {
			return err
		}
		if other != nil {
			other.forget(name)
		}
	}
	for _, p := range r.vpc.Peerings {
		if l := r.links[linkName(linkPeering, p.ID)]; l != nil && l.end == joined {
			continue
		}
		if err := r.peerWith(p); err != nil {
			return err
		}
	}
	return nil
}

func (r *router) peerWith(p plane.Peering) error {
	other, err := r.n.router(p.Peer, false)
	if err != nil || other == nil {
		return err
	}
	if other.applied && !slices.ContainsFunc(other.vpc.Peerings, func(q plane.Peering) bool { return q.ID == p.ID }) {
		return nil
	}
	name := linkName(linkPeering, p.ID)
	err = r.join(other.wiring, cable{
		name: name, alias: p.ID + " " + p.Peer, group: groupPeering, mtu: interfaceMTU,
		farName: name, farAlias: p.ID + " " + r.id, farGroup: groupPeering,
	})
	if err != nil || !other.applied {
		return err
	}
	return other.routeAll()
}
