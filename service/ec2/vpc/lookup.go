package vpc

import (
	"iter"
	"net/netip"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// Locate is the VPC of an id, whoever has it.
func Locate(r store.Reader, id string) (*VPC, bool) {
	for v := range vpcs.Scan(r) {
		if v.ID == id {
			return v, true
		}
	}
	return nil, false
}

// At is the interface of the VPC that has a private address.
func (v *VPC) At(r store.Reader, a netip.Addr) (*Interface, bool) {
	for s := range subnets.Index(r, "vpc", v.Account, v.Region, v.ID) {
		if !s.CIDR.Contains(a) {
			continue
		}
		if t, ok := takens.Get(r, v.Account, v.Region, s.ID, a.AsSlice()); ok {
			return interfaces.Get(r, v.Account, v.Region, t.Interface)
		}
	}
	return nil, false
}

// Behind is the private address in the VPC that a public one stands for.
func (v *VPC) Behind(r store.Reader, public netip.Addr) (private netip.Addr, ok bool) {
	for i := range interfaces.Index(r, "vpc", v.Account, v.Region, v.ID) {
		for _, a := range i.Addresses {
			if a.Public == public {
				return a.Private, true
			}
		}
	}
	return netip.Addr{}, false
}

// Contains tells whether an address lies in one of the VPC's ranges.
func (v *VPC) Contains(a netip.Addr) bool {
	for _, b := range append(v.CIDRs[:len(v.CIDRs):len(v.CIDRs)], v.IPv6...) {
		if b.Prefix.Contains(a) {
			return true
		}
	}
	return false
}

// Interfaces yields the interfaces of the call's account and region.
func Interfaces(c *cloud.Call, r store.Reader) iter.Seq[*Interface] {
	return interfaces.Scan(r, c.Account, c.Region)
}

// Networks are all VPCs as the data plane takes them, whoever has them.
func Networks(c *cloud.Call, r store.Reader) map[string]plane.VPC {
	out := map[string]plane.VPC{}
	for v := range vpcs.Scan(r) {
		out[v.ID], _ = desired(c.In(v.Account, v.Region), r, v.ID)
	}
	return out
}
