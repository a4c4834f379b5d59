package vpc

import (
	"net/netip"
	"time"

	"pileus/store"
)

// VPC is a virtual private cloud.
type VPC struct {
	Account, Region, ID string
	CIDRs               []CIDR // IPv4; the primary one first
	IPv6                []CIDR
	DHCPOptions         string // "default" for none
	Tenancy             string // "default", "dedicated"
	Default             bool
	// DNSSupport and DNSHostnames: names are resolved, and instances get public ones.
	DNSSupport, DNSHostnames, UsageMetrics bool
	Made                                   time.Time
}

// CIDR is a range that was given to a VPC or a subnet, with the id of its
// association.
type CIDR struct {
	Association string
	Prefix      netip.Prefix
	Amazon      bool // from Amazon's pool of IPv6 ranges
}

// Subnet is a range of a VPC in one zone.
type Subnet struct {
	Account, Region, ID string
	VPC, Zone           string
	CIDR                netip.Prefix // invalid where the subnet has IPv6 only
	IPv6                []CIDR
	Default             bool // for its zone
	PublicOnLaunch      bool
	IPv6OnCreation      bool
	DNS64, IPv6Native   bool
	HostnameType        string // "ip-name", "resource-name"
	ResourceA           bool   // names of instances by their ids have A records
	ResourceAAAA        bool
	LocalInterface      int32 // device index of local network interfaces (Outposts); 0 for none
}

// Interface is an elastic network interface.
type Interface struct {
	Account, Region, ID string
	VPC, Subnet, Zone   string
	Description         string
	Type                string // "interface", "nat_gateway", "efa"
	MAC                 string
	Addresses           []PrivateAddress // IPv4; the primary one first
	IPv6                []netip.Addr
	PrimaryIPv6         bool // the first of IPv6 is primary
	Prefixes            []netip.Prefix
	IPv6Prefixes        []netip.Prefix
	Groups              []string
	SourceCheck         bool   // source/destination check
	Requester           string // who manages it; "" for the account itself
	Maker               string // the unique id of who asked for it, where it was not made with an instance
	PublicIP            bool   // AssociatePublicIpAddress as it was asked for
	Attachment          *Attachment
	Tracking            *Tracking
	Made                time.Time
}

// PrivateAddress is an IPv4 address of an interface, with the public one that
// stands for it.
type PrivateAddress struct {
	Private     netip.Addr
	Public      netip.Addr // invalid for none
	Allocation  string     // of an elastic address; "" for one that Amazon lent
	Association string     // eipassoc-; "" for one that Amazon lent
	Owner       string     // the account, "amazon" for one that Amazon lent
	Lent        time.Time  // when Amazon lent it
}

// Attachment joins an interface to an instance.
type Attachment struct {
	ID                  string
	Instance, Owner     string // the instance and its account
	Index, Card         int
	DeleteOnTermination bool
	At                  time.Time
}

// Tracking are the timeouts of tracked connections in seconds; 0 is Amazon's.
type Tracking struct{ TCPEstablished, UDP, UDPStream int32 }

// Group is a security group. Its rules are records of their own.
type Group struct {
	Account, Region, ID string
	VPC                 string
	Name, Description   string
	Made                time.Time
}

func keyOf(account, region, id string) store.Key { return store.K(account, region, id) }

var vpcs = &store.Table[VPC]{
	Name: "ec2.vpc",
	Key:  func(v *VPC) store.Key { return keyOf(v.Account, v.Region, v.ID) },
	Memo: 1000,
}

var subnets = &store.Table[Subnet]{
	Name:    "ec2.subnet",
	Key:     func(s *Subnet) store.Key { return keyOf(s.Account, s.Region, s.ID) },
	Indexes: map[string]func(*Subnet) store.Key{"vpc": func(s *Subnet) store.Key { return keyOf(s.Account, s.Region, s.VPC) }},
	Memo:    5000,
}

var interfaces = &store.Table[Interface]{
	Name: "ec2.interface",
	Key:  func(i *Interface) store.Key { return keyOf(i.Account, i.Region, i.ID) },
	Indexes: map[string]func(*Interface) store.Key{
		"vpc":    func(i *Interface) store.Key { return keyOf(i.Account, i.Region, i.VPC) },
		"subnet": func(i *Interface) store.Key { return keyOf(i.Account, i.Region, i.Subnet) },
		"instance": func(i *Interface) store.Key {
			if i.Attachment == nil {
				return nil
			}
			return store.K(i.Account, i.Region, i.Attachment.Instance, i.Attachment.Index)
		},
	},
	Memo: 20_000,
}

var groups = &store.Table[Group]{
	Name:    "ec2.group",
	Key:     func(g *Group) store.Key { return keyOf(g.Account, g.Region, g.ID) },
	Indexes: map[string]func(*Group) store.Key{"vpc": func(g *Group) store.Key { return store.K(g.Account, g.Region, g.VPC, g.Name) }},
	Memo:    5000,
}
