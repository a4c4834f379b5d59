package metadata

import (
	"fmt"
	"strconv"
)

// enter fills network/interfaces/macs/<mac>/.
func (i *Interface) enter(d *dir) {
	d.text("device-number", strconv.Itoa(i.Index))
	d.text("interface-id", i.ID)
	d.text("mac", i.MAC)
	d.text("owner-id", i.Owner)
	d.text("local-hostname", i.LocalHostname)
	d.text("public-hostname", i.PublicHostname)
	d.text("subnet-id", i.Subnet)
	d.text("vpc-id", i.VPC)
	if i.Card > 0 {
		d.text("network-card", strconv.Itoa(i.Card))
	}
	var local, public []string
	for _, a := range i.Addresses {
		local = append(local, a.Private.String())
		if a.Public.IsValid() {
			public = append(public, a.Public.String())
			d.sub("ipv4-associations").text(a.Public.String(), a.Private.String())
		}
	}
	d.lines("local-ipv4s", local)
	d.lines("public-ipv4s", public)
	d.lines("ipv6s", texts(i.IPv6))
	d.lines("ipv4-prefix", texts(i.Prefixes))
	d.lines("ipv6-prefix", texts(i.IPv6Prefixes))
	d.lines("security-groups", i.Groups)
	d.lines("security-group-ids", i.GroupIDs)
	if i.SubnetCIDR.IsValid() {
		d.text("subnet-ipv4-cidr-block", i.SubnetCIDR.String())
	}
	d.lines("subnet-ipv6-cidr-blocks", texts(i.SubnetIPv6))
	if len(i.VPCCIDRs) > 0 {
		d.text("vpc-ipv4-cidr-block", i.VPCCIDRs[0].String())
	}
	d.lines("vpc-ipv4-cidr-blocks", texts(i.VPCCIDRs))
	d.lines("vpc-ipv6-cidr-blocks", texts(i.VPCIPv6))
}

func texts[T fmt.Stringer](list []T) (out []string) {
	for _, v := range list {
		out = append(out, v.String())
	}
	return out
}
