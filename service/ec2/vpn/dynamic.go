package vpn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// Connections with dynamic routing learn what is on premises by BGP, which the
// data plane speaks. Here its news become routes.
// https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNRoutingTypes.html

const (
	followEvery = time.Second
	holdTime    = 30 // seconds that a neighbour may be silent
)

// speaks is how one end of the connection's tunnels speaks BGP. The customer's
// end calls; what each announces is filled in where it is known.
func (v *Connection) speaks(r store.Reader, customer *Customer, customers bool) *plane.BGP {
	c := &cloud.Call{Account: v.Account, Region: v.Region}
	g, err := vpc.FindVPNGateway(c, r, v.Gateway)
	if err != nil {
		return nil // it is being deleted
	}
	b := &plane.BGP{Local: uint32(g.ASN), Peer: uint32(customer.ASN), Listens: true}
	if customers {
		b.Local, b.Peer, b.Listens = b.Peer, b.Local, false
	}
	return b
}

// start follows the news for as long as the cloud runs. It goes by the
// machine's time: it is a matter of packets.
func (s *room) start(_ context.Context, c cloud.Cloud) error {
	c.Go("ec2.vpn", func(ctx context.Context) {
		for taken := false; c.Clock().Wait(ctx, followEvery) == nil; {
			call := &cloud.Call{Context: ctx, Cloud: c, Now: c.Clock().Now()}
			taken = taken || s.takeUp(call)
			s.follow(call)
		}
	})
	return nil
}

// follow writes down what dynamic connections have learned. What fails is tried
// again a second later.
func (s *room) follow(c *cloud.Call) {
	type news struct {
		connection *Connection
		vpc        string
	}
	var list []news
	err := c.View(func(r store.Reader) error {
		list = nil
		for v := range connections.Scan(r) {
			if !v.Dynamic {
				continue
			}
			if g, err := vpc.FindVPNGateway(c.In(v.Account, v.Region), r, v.Gateway); err == nil && g.VPC != "" {
				list = append(list, news{v, g.VPC})
			}
		}
		return nil
	})
	if err != nil {
		return
	}
	for _, n := range list {
		state, err := s.plane.Tunnels(c, n.vpc)
		if err != nil && !errors.Is(err, plane.ErrNotFound) && !errors.Is(err, plane.ErrUnsupported) {
			continue
		}
		if learned := n.connection.union(state); !slices.Equal(learned, n.connection.Learned) {
			_ = n.connection.learn(c, learned) // as above
		}
	}
}

// union is what the tunnels have learned together.
func (v *Connection) union(state map[string]plane.TunnelStatus) (list []netip.Prefix) {
	for n := range v.Tunnels {
		if t := state[v.tunnelID(n)]; t.Up && t.Established {
			list = append(list, t.Learned...)
		}
	}
	slices.SortFunc(list, netip.Prefix.Compare)
	return slices.Compact(list)
}

func (v *Connection) learn(c *cloud.Call, learned []netip.Prefix) error {
	c = c.In(v.Account, v.Region)
	return c.Update(func(tx store.Tx) error {
		now, ok := connections.Get(tx, v.Account, v.Region, v.ID)
		if !ok {
			return nil
		}
		changed := *now
		changed.Learned = learned
		return changed.put(c, tx)
	})
}

// telemetry tells how a tunnel is. With dynamic routing it is up once the ends
// speak BGP.
func (v *Connection) telemetry(line *api.VgwTelemetry, now plane.TunnelStatus) {
	switch {
	case !now.Up:
	case !v.Dynamic:
		line.Status, line.StatusMessage, line.AcceptedRouteCount = new("UP"), new(""), new(int32(len(v.Routes)))
	case now.Established:
		line.Status, line.AcceptedRouteCount = new("UP"), new(int32(len(now.Learned)))
		line.StatusMessage = new(fmt.Sprintf("%d BGP ROUTES", len(now.Learned)))
	default:
		line.StatusMessage = new("IPSEC IS UP")
	}
}
