package reach

import (
	"net/netip"

	"pileus/plane"
)

// local tells whether an address is the network's own in every VPC: metadata
// and DNS, which nothing filters.
func local(v *plane.VPC, a netip.Addr) bool {
	if a == plane.Metadata || a == plane.Resolver {
		return true
	}
	for _, p := range v.CIDRs {
		if p.Addr().Is4() {
			return p.Masked().Addr().Next().Next() == a
		}
	}
	return false
}

func subnetOf(v *plane.VPC, id string) plane.Subnet {
	for _, s := range v.Subnets {
		if s.ID == id {
			return s
		}
	}
	return plane.Subnet{ID: id}
}

func interfaceOf(v *plane.VPC, id string) (plane.Interface, bool) {
	for _, e := range v.Interfaces {
		if e.ID == id {
			return e, true
		}
	}
	return plane.Interface{}, false
}

// isNAT tells whether an interface is a NAT gateway's.
func isNAT(v *plane.VPC, id string) bool {
	for _, g := range v.NATGateways {
		if g.Interface == id {
			return true
		}
	}
	return false
}

// targetIn is the subnet of whoever has an address in the VPC.
func targetIn(v *plane.VPC, a netip.Addr) string {
	for _, e := range v.Interfaces {
		if has(e, a) {
			return e.Subnet
		}
	}
	return ""
}

// publicOf is the public address that stands for a private one.
func publicOf(v *plane.VPC, private netip.Addr) (netip.Addr, bool) {
	for _, e := range v.Interfaces {
		if public, ok := e.Public[private]; ok {
			return public, true
		}
	}
	return netip.Addr{}, false
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
