//go:build linux

package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// tunnels brings the tunnels of the VPC's VPN gateway up to date.
func (r *router) tunnels() error {
	wanted := map[string]plane.Tunnel{}
	if r.vpc.VPN != nil {
		for _, t := range r.vpc.VPN.Tunnels {
			wanted[t.ID] = t
		}
	}
	for id, w := range r.wires {
		if t, ok := wanted[id]; !ok || w.print != tunnelPrint(t) {
			w.close()
			delete(r.wires, id)
			r.forget(w.name)
		}
	}
	for id, t := range wanted {
		if r.wires[id] != nil {
			continue
		}
		if err := r.n.net.own(t.Outside); err != nil {
			return err
		}
		w, err := openTunnel(t, tunnelEnds{inside: r.wiring, outside: r.n.net.namespace, group: groupVPN, port: r.n.port(t.Outside)}, r.n.opt.Clock, r.n.log)
		if err != nil {
			return fmt.Errorf("tunnel %s: %w", id, err)
		}
		r.wires[id] = w
	}
	if len(wanted) > 0 {
		r.n.watchTunnels()
	}
	return nil
}

// vpnHop is the tunnel that a route to the VPN gateway takes: the first that is
// up and leads there.
func (r *router) vpnHop(route plane.Route) nextHop {
	if r.vpc.VPN != nil && r.vpc.VPN.ID == route.Target {
		for _, t := range r.vpc.VPN.Tunnels {
			w := r.wires[t.ID]
			if w == nil || !w.alive() || r.links[w.name] == nil {
				continue
			}
			if slices.ContainsFunc(w.leads(t), func(p netip.Prefix) bool { return p.Overlaps(route.Destination) }) {
				return nextHop{kind: unix.RTN_UNICAST, link: r.links[w.name].index}
			}
		}
	}
	return nextHop{kind: unix.RTN_BLACKHOLE}
}

// Tunnels tells how the tunnels of a VPC are.
func (n *Network) Tunnels(_ context.Context, vpc string) (map[string]plane.TunnelStatus, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	r, err := n.applied(vpc)
	if err != nil {
		return nil, err
	}
	out := map[string]plane.TunnelStatus{}
	for id, w := range r.wires {
		out[id] = w.status()
	}
	return out, nil
}

// watchTunnels looks after all tunnels, each second, for as long as the network
// is open: packets move to another tunnel when one goes down.
func (n *Network) watchTunnels() {
	if n.stopWatch != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stopWatch = cancel
	go func() {
		for n.opt.Clock.Wait(ctx, tunnelLook) == nil {
			n.look()
		}
	}()
}

// look finds out which tunnels have come up or gone down, and routes anew.
func (n *Network) look() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.routers {
		changed := false
		for _, w := range r.wires {
			changed = w.look(n.opt.Clock.Now()) || changed
		}
		if changed && r.applied {
			if err := r.routeAll(); err != nil {
				n.log.Warn("routes through tunnels", "vpc", r.id, "error", err)
			}
		}
	}
	for id, s := range n.sites {
		if err := s.look(n.opt.Clock.Now()); err != nil {
			n.log.Warn("routes through tunnels", "site", id, "error", err)
		}
	}
}

// port is the UDP port of a cloud's end: they share the internet's namespace,
// in which each needs its own.
func (n *Network) port(outside netip.Addr) int {
	b := outside.As4()
	return 20000 + (int(b[1])<<16|int(b[2])<<8|int(b[3]))%40000
}
