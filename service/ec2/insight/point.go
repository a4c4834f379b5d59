package insight

import (
	"net/netip"
	"strings"

	"pileus/cloud"
	"pileus/plane/reach"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// outside is an address that stands for anybody in the internet (RFC 5737).
var outside = netip.MustParseAddr("203.0.113.1")

// point is one end of a path.
type point struct {
	nic  *vpc.Interface // nil: the internet, or an address
	addr netip.Addr     // where it was given
}

// resolve finds what an id, an ARN or an address stands for.
func resolve(c *cloud.Call, r store.Reader, name, parameter string) (p point, err error) {
	if n := strings.LastIndexByte(name, '/'); strings.HasPrefix(name, "arn:") && n >= 0 {
		name = name[n+1:]
	}
	if a, err := netip.ParseAddr(name); err == nil {
		return at(c, r, a), nil
	}
	switch prefix, _, _ := strings.Cut(name, "-"); {
	case name == "internet", prefix == "igw":
		return p, nil
	case prefix == "i":
		list := vpc.InterfacesOf(c, r, name)
		if len(list) == 0 {
			return p, resource.Errorf("InvalidParameterValue", "The %s %s does not exist.", parameter, name)
		}
		p.nic = list[0]
		return p, nil
	case prefix == "eni":
		p.nic, err = vpc.FindInterface(c, r, name)
		return p, err
	}
	return p, resource.Errorf("InvalidParameterValue", "The resource type of %s %s is not supported.", parameter, name)
}

// at is whoever has an address in the account's networks.
func at(c *cloud.Call, r store.Reader, a netip.Addr) point {
	for i := range vpc.Interfaces(c, r) {
		for _, own := range i.Addresses {
			if own.Private == a || own.Public == a {
				return point{nic: i, addr: a}
			}
		}
	}
	return point{addr: a}
}

// inside is the address of the point within networks; the internet's otherwise.
func (p point) inside() netip.Addr {
	switch {
	case p.nic != nil && len(p.nic.Addresses) > 0:
		return p.nic.Addresses[0].Private
	case p.addr.IsValid():
		return p.addr
	}
	return outside
}

// question is what to ask: from one point to the other.
func question(from, to point, protocol string, port int) reach.Question {
	q := reach.Question{Packet: reach.Packet{From: from.inside(), To: to.inside(), Protocol: map[string]int{"tcp": 6, "udp": 17, "icmp": 1}[protocol], ToPort: port}}
	if from.nic != nil {
		q.VPC, q.Interface = from.nic.VPC, from.nic.ID
		if from.addr.IsValid() && from.addr != publicOf(from.nic) {
			q.Packet.From = from.addr
		}
	}
	switch {
	case to.addr.IsValid():
		q.Packet.To = to.addr
	case from.nic == nil && to.nic != nil && publicOf(to.nic).IsValid():
		q.Packet.To = publicOf(to.nic) // as the internet knows it
	}
	return q
}

func publicOf(i *vpc.Interface) (a netip.Addr) {
	for _, own := range i.Addresses {
		if own.Public.IsValid() {
			return own.Public
		}
	}
	return a
}

// answer walks the networks as they are.
func answer(c *cloud.Call, r store.Reader, q reach.Question) reach.Answer {
	networks := reach.Networks{}
	for id, v := range vpc.Networks(c, r) {
		networks[id] = v
	}
	return networks.Reach(q)
}
