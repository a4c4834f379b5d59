package lb

import (
	"net/netip"

	"pileus/plane"
)

// Door is an interface of a VPC endpoint: another way to a node, from a VPC
// that knows nothing of the load balancer's.
type Door struct {
	Endpoint, Interface string // "vpce-...", "eni-..."
	VPC                 string // in which the interface is
	Addresses           []netip.Addr
}

// entrance is an address at which a node is reached, and the VPC that has it.
type entrance struct {
	vpc string
	at  netip.AddrPort
}

// entrances are where the nodes that are in service are reached on a port: at
// their own addresses, and at those of their doors, where the node is a copy
// that knows by which one.
func (b *Balancer) entrances(port uint16) map[entrance]*Node {
	all := map[entrance]*Node{}
	for i := range b.Nodes {
		n := &b.Nodes[i]
		if n.Off {
			continue
		}
		for _, a := range n.Addresses {
			all[entrance{b.VPC, netip.AddrPortFrom(a, port)}] = n
		}
		for d := range n.Doors {
			through := *n
			through.via = &n.Doors[d]
			for _, a := range through.via.Addresses {
				all[entrance{through.via.VPC, netip.AddrPortFrom(a, port)}] = &through
			}
		}
	}
	return all
}

// open tells whether what came by a node may go on: nothing does whose door is
// gone.
func (b *Balancer) open(n *Node) bool {
	if n.via == nil {
		return true
	}
	for i := range b.Nodes {
		for _, d := range b.Nodes[i].Doors {
			if d.Endpoint == n.via.Endpoint && d.Interface == n.via.Interface {
				return true
			}
		}
	}
	return false
}

// admits tells whether a client may come in by a node: through a door, by the
// load balancer's own rules. What comes to a node's own addresses has passed
// them on its way.
func (b *Balancer) admits(n *Node, protocol int, from netip.Addr, port uint16) bool {
	if n.via == nil || b.Inbound == nil {
		return true
	}
	for _, m := range b.Inbound {
		if matches(m, protocol, from, port) {
			return true
		}
	}
	return false
}

// Protocol numbers of IANA.
const (
	protocolTCP = 6
	protocolUDP = 17
)

func matches(m plane.Match, protocol int, from netip.Addr, port uint16) bool {
	switch {
	case m.Protocol == -1:
	case m.Protocol != protocol, int(port) < m.FromPort, int(port) > m.ToPort:
		return false
	}
	return m.CIDR.IsValid() && m.CIDR.Contains(from.Unmap())
}

// endpoint is the VPC endpoint by which a node was reached; "" for none.
func (n *Node) endpoint() string {
	if n.via == nil {
		return ""
	}
	return n.via.Endpoint
}
