package vpc

import (
	"net/netip"
	"time"

	"pileus/plane"
	"pileus/store"
)

// RouteTable is routes and the subnets that follow them.
type RouteTable struct {
	Account, Region, ID string
	VPC                 string
	Routes              []Route // without the local ones of the VPC's ranges
	Associations        []Association
	Gateways            []string // virtual private gateways that propagate routes
}

// Route is one route.
type Route struct {
	To         netip.Prefix // invalid where PrefixList is given
	PrefixList string
	Kind       plane.TargetKind
	Target     string // id of a gateway, interface, peering connection
	Propagated bool   // by a virtual private gateway
}

// Association joins a route table to a subnet, to a gateway, or to the VPC as
// its main table; or an ACL to a subnet.
type Association struct {
	ID      string
	Subnet  string
	Gateway string
	Main    bool
}

// ACL is a network ACL.
type ACL struct {
	Account, Region, ID string
	VPC                 string
	Default             bool
	Ingress, Egress     []Entry // by number
	Associations        []Association
}

// Entry is one numbered rule of an ACL.
type Entry struct {
	Number   int32
	Allow    bool
	Protocol int // IANA number; -1 for all
	CIDR     netip.Prefix
	Ports    *Ports // TCP and UDP
	ICMP     *ICMP
}

// Ports is a range, inclusive.
type Ports struct{ From, To int32 }

// ICMP is a type and a code; -1 for all.
type ICMP struct{ Type, Code int32 }

// Rule is one rule of a security group: one other side.
type Rule struct {
	Account, Region, ID string
	Group               string
	Egress              bool
	Protocol            string // "tcp", "udp", "icmp", "icmpv6", "-1" or a number
	From, To            int32  // ports, or ICMP type and code; -1 for all
	CIDR                netip.Prefix
	PrefixList          string
	Peer                Peer // a security group
	Description         string
}

// Peer is the security group that a rule refers to.
type Peer struct {
	Group, Account, VPC string // VPC and Peering only where it is of a peered VPC
	Peering             string
}

// Gateway is an internet gateway, or one for IPv6 that only lets out.
type Gateway struct {
	Account, Region, ID string
	VPC                 string // that it is attached to; "" for none
}

// NAT is a NAT gateway.
type NAT struct {
	Account, Region, ID string
	VPC, Subnet         string
	Private             bool
	State               string // "pending", "available", "failed", "deleting", "deleted"
	FailureCode         string
	FailureMessage      string
	Addresses           []NATAddress // the primary one first
	Made, Gone          time.Time
}

// NATAddress is an address that a NAT gateway translates to.
type NATAddress struct {
	Allocation, Association string
	Interface               string
	Private, Public         netip.Addr
	Status                  string // "succeeded", "failed" ...
}

// Address is an elastic address.
type Address struct {
	Account, Region, ID string // ID is its allocation
	Public              netip.Addr
	Association         string // "" while it is not associated
	Interface           string
	Private             netip.Addr
	Since               time.Time // when it was associated, or became idle
	PTR                 string    // its reverse DNS name
	Transfer            *Transfer
}

// Transfer offers an elastic address to another account.
type Transfer struct {
	To      string
	Expires time.Time
}

// PrefixList is a managed prefix list.
type PrefixList struct {
	Account, Region, ID string
	Name, Family        string // Family is "IPv4" or "IPv6"
	Max                 int32
	Version             int64
	State               string                // "create-complete", "modify-complete", "restore-complete"
	Entries             map[int64][]ListEntry // of each version
}

// ListEntry is one entry of a prefix list.
type ListEntry struct {
	CIDR        netip.Prefix
	Description string
}

// DHCP is a set of DHCP options.
type DHCP struct {
	Account, Region, ID string
	Options             []DHCPOption
}

// DHCPOption is one of them.
type DHCPOption struct {
	Key    string
	Values []string
}

var routeTables = &store.Table[RouteTable]{
	Name:    "ec2.routetable",
	Key:     func(t *RouteTable) store.Key { return keyOf(t.Account, t.Region, t.ID) },
	Indexes: map[string]func(*RouteTable) store.Key{"vpc": func(t *RouteTable) store.Key { return keyOf(t.Account, t.Region, t.VPC) }},
	Memo:    5000,
}

var acls = &store.Table[ACL]{
	Name:    "ec2.acl",
	Key:     func(a *ACL) store.Key { return keyOf(a.Account, a.Region, a.ID) },
	Indexes: map[string]func(*ACL) store.Key{"vpc": func(a *ACL) store.Key { return keyOf(a.Account, a.Region, a.VPC) }},
	Memo:    5000,
}

var rules = &store.Table[Rule]{
	Name:    "ec2.rule",
	Key:     func(v *Rule) store.Key { return keyOf(v.Account, v.Region, v.ID) },
	Indexes: map[string]func(*Rule) store.Key{"group": func(v *Rule) store.Key { return keyOf(v.Account, v.Region, v.Group) }},
	Memo:    20_000,
}

var internetGateways = gatewayTable("ec2.igw")

var egressGateways = gatewayTable("ec2.eigw")

func gatewayTable(name string) *store.Table[Gateway] {
	return &store.Table[Gateway]{
		Name: name,
		Key:  func(g *Gateway) store.Key { return keyOf(g.Account, g.Region, g.ID) },
		Indexes: map[string]func(*Gateway) store.Key{"vpc": func(g *Gateway) store.Key {
			if g.VPC == "" {
				return nil
			}
			return keyOf(g.Account, g.Region, g.VPC)
		}},
		Memo: 1000,
	}
}

var nats = &store.Table[NAT]{
	Name:    "ec2.nat",
	Key:     func(n *NAT) store.Key { return keyOf(n.Account, n.Region, n.ID) },
	Indexes: map[string]func(*NAT) store.Key{"vpc": func(n *NAT) store.Key { return keyOf(n.Account, n.Region, n.VPC) }},
	Memo:    1000,
}

var addresses = &store.Table[Address]{
	Name: "ec2.address",
	Key:  func(a *Address) store.Key { return keyOf(a.Account, a.Region, a.ID) },
	Memo: 1000,
}

var prefixLists = &store.Table[PrefixList]{
	Name: "ec2.prefixlist",
	Key:  func(p *PrefixList) store.Key { return keyOf(p.Account, p.Region, p.ID) },
	Memo: 1000,
}

var dhcps = &store.Table[DHCP]{
	Name: "ec2.dhcp",
	Key:  func(d *DHCP) store.Key { return keyOf(d.Account, d.Region, d.ID) },
	Memo: 1000,
}
