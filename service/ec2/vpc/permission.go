package vpc

import (
	"cmp"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// permissions are a group's rules as DescribeSecurityGroups has them: those
// with the same protocol and ports are one permission.
func permissions(c *cloud.Call, r store.Reader, group string) (in, out []api.IpPermission) {
	var list []*Rule
	for v := range rules.Index(r, "group", c.Account, c.Region, group) {
		list = append(list, v)
	}
	slices.SortStableFunc(list, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.String(), b.String()))
	})
	in, out = []api.IpPermission{}, []api.IpPermission{}
	for _, v := range list {
		to := &in
		if v.Egress {
			to = &out
		}
		if n := len(*to); n == 0 || !v.within((*to)[n-1]) {
			*to = append(*to, v.permission())
		}
		v.addTo(c, r, &(*to)[len(*to)-1])
	}
	return in, out
}

// permission is a rule's protocol and ports, without the other side.
func (v *Rule) permission() api.IpPermission {
	p := api.IpPermission{
		IpProtocol: &v.Protocol, IpRanges: []api.IpRange{}, Ipv6Ranges: []api.Ipv6Range{},
		PrefixListIds: []api.PrefixListId{}, UserIdGroupPairs: []api.UserIdGroupPair{},
	}
	switch v.Protocol {
	case "tcp", "udp", "icmp", "icmpv6": // others have neither ports nor types
		p.FromPort, p.ToPort = &v.From, &v.To
	}
	return p
}

// within tells whether the rule is of a permission.
func (v *Rule) within(p api.IpPermission) bool {
	return *p.IpProtocol == v.Protocol && cloud.Or(p.FromPort, -1) == v.From && cloud.Or(p.ToPort, -1) == v.To
}

// addTo adds the rule's other side to its permission.
func (v *Rule) addTo(c *cloud.Call, r store.Reader, p *api.IpPermission) {
	d := text(v.Description)
	switch {
	case v.Peer.Group != "":
		p.UserIdGroupPairs = append(p.UserIdGroupPairs, v.pair(c, r))
	case v.PrefixList != "":
		p.PrefixListIds = append(p.PrefixListIds, api.PrefixListId{PrefixListId: &v.PrefixList, Description: d})
	case v.CIDR.Addr().Is4():
		p.IpRanges = append(p.IpRanges, api.IpRange{CidrIp: new(v.CIDR.String()), Description: d})
	default:
		p.Ipv6Ranges = append(p.Ipv6Ranges, api.Ipv6Range{CidrIpv6: new(v.CIDR.String()), Description: d})
	}
}

// pair is the group on the other side.
func (v *Rule) pair(c *cloud.Call, r store.Reader) api.UserIdGroupPair {
	return api.UserIdGroupPair{
		GroupId: &v.Peer.Group, UserId: &v.Peer.Account, VpcId: text(v.Peer.VPC), VpcPeeringConnectionId: text(v.Peer.Peering),
		PeeringStatus: peeringStatus(c, r, v.Peer.Peering), Description: text(v.Description),
	}
}

// api is a rule as DescribeSecurityGroupRules has it.
func (v *Rule) api(c *cloud.Call, r store.Reader) api.SecurityGroupRule {
	o := api.SecurityGroupRule{
		SecurityGroupRuleId: &v.ID, GroupId: &v.Group, GroupOwnerId: &v.Account, IsEgress: &v.Egress, IpProtocol: &v.Protocol,
		FromPort: &v.From, ToPort: &v.To, PrefixListId: text(v.PrefixList), Description: text(v.Description),
		Tags: resource.APITags(resource.Tags(c, r, v.ID)), SecurityGroupRuleArn: new(c.In(v.Account, v.Region).ARN("ec2", "security-group-rule/"+v.ID)),
	}
	switch {
	case v.Peer.Group != "":
		o.ReferencedGroupInfo = &api.ReferencedSecurityGroup{
			GroupId: &v.Peer.Group, UserId: &v.Peer.Account, VpcId: text(v.Peer.VPC), VpcPeeringConnectionId: text(v.Peer.Peering),
			PeeringStatus: peeringStatus(c, r, v.Peer.Peering),
		}
	case v.PrefixList != "":
	case v.CIDR.Addr().Is4():
		o.CidrIpv4 = new(v.CIDR.String())
	default:
		o.CidrIpv6 = new(v.CIDR.String())
	}
	return o
}

// revoked is a rule as it is told that has been removed.
func (v *Rule) revoked() api.RevokedSecurityGroupRule {
	o := api.RevokedSecurityGroupRule{
		SecurityGroupRuleId: &v.ID, GroupId: &v.Group, IsEgress: &v.Egress, IpProtocol: &v.Protocol, FromPort: &v.From, ToPort: &v.To,
		PrefixListId: text(v.PrefixList), ReferencedGroupId: text(v.Peer.Group), Description: text(v.Description),
	}
	if v.CIDR.IsValid() && v.CIDR.Addr().Is4() {
		o.CidrIpv4 = new(v.CIDR.String())
	} else if v.CIDR.IsValid() {
		o.CidrIpv6 = new(v.CIDR.String())
	}
	return o
}

// legacy are the parameters that came before IpPermissions: one permission in
// pieces. A group alone stands for all of TCP, UDP and ICMP.
type legacy struct {
	protocol, cidr, group, owner *string
	from, to                     *int32
}

// requested are the permissions of a request in either form.
func requested(list []api.IpPermission, l legacy) ([]api.IpPermission, error) {
	given := l.protocol != nil || l.cidr != nil || l.group != nil
	if len(list) > 0 {
		if given {
			return nil, resource.Combination("The parameter 'ipPermissions' may not be used in combination with 'ipProtocol'")
		}
		return list, nil
	}
	if !given {
		return nil, nil
	}
	if l.group != nil {
		pair := []api.UserIdGroupPair{{GroupName: l.group, UserId: l.owner}}
		all := func(protocol string, from, to int32) api.IpPermission {
			return api.IpPermission{IpProtocol: &protocol, FromPort: &from, ToPort: &to, UserIdGroupPairs: pair}
		}
		if l.protocol == nil {
			return []api.IpPermission{all("tcp", 1, 65535), all("udp", 1, 65535), all("icmp", -1, -1)}, nil
		}
		return []api.IpPermission{{IpProtocol: l.protocol, FromPort: l.from, ToPort: l.to, UserIdGroupPairs: pair}}, nil
	}
	p := api.IpPermission{IpProtocol: l.protocol, FromPort: l.from, ToPort: l.to}
	if l.cidr != nil {
		p.IpRanges = []api.IpRange{{CidrIp: l.cidr}}
	}
	return []api.IpPermission{p}, nil
}
