package vpc

import (
	"cmp"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func describeSecurityGroupRules(c *cloud.Call, r store.Reader, in *api.DescribeSecurityGroupRulesInput) (*api.DescribeSecurityGroupRulesOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.SecurityGroupRuleIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noRule},
		rules.Scan(r, c.Account, c.Region), func(v *Rule) string { return v.ID },
		resource.Fields[Rule]{
			"group-id":               resource.One(func(v *Rule) string { return v.Group }),
			"security-group-rule-id": resource.One(func(v *Rule) string { return v.ID }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSecurityGroupRulesOutput{SecurityGroupRules: []api.SecurityGroupRule{}, NextToken: next}
	for _, v := range list {
		out.SecurityGroupRules = append(out.SecurityGroupRules, v.api(c, r))
	}
	return out, nil
}

// modifySecurityGroupRules replaces rules and keeps their ids.
func modifySecurityGroupRules(c *cloud.Call, tx store.Tx, in *api.ModifySecurityGroupRulesInput) (*api.ModifySecurityGroupRulesOutput, error) {
	g, err := FindGroup(c, tx, in.GroupId)
	if err != nil {
		return nil, err
	}
	for _, u := range in.SecurityGroupRules {
		old, err := findRule(c, tx, g, u.SecurityGroupRuleId)
		if err != nil {
			return nil, err
		}
		if u.SecurityGroupRule == nil {
			return nil, resource.Missing("SecurityGroupRule")
		}
		q := u.SecurityGroupRule
		p := api.IpPermission{IpProtocol: q.IpProtocol, FromPort: q.FromPort, ToPort: q.ToPort}
		if q.CidrIpv4 != nil {
			p.IpRanges = []api.IpRange{{CidrIp: q.CidrIpv4, Description: q.Description}}
		}
		if q.CidrIpv6 != nil {
			p.Ipv6Ranges = []api.Ipv6Range{{CidrIpv6: q.CidrIpv6, Description: q.Description}}
		}
		if q.PrefixListId != nil {
			p.PrefixListIds = []api.PrefixListId{{PrefixListId: q.PrefixListId, Description: q.Description}}
		}
		if q.ReferencedGroupId != nil {
			p.UserIdGroupPairs = []api.UserIdGroupPair{{GroupId: q.ReferencedGroupId, Description: q.Description}}
		}
		made, err := expand(c, tx, g, old.Egress, []api.IpPermission{p})
		if err != nil {
			return nil, err
		}
		if len(made) != 1 {
			return nil, resource.Combination("Only one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId may be specified.")
		}
		v := made[0]
		if side(&v) != side(old) {
			return nil, resource.Errorf("InvalidParameterValue", "The type of the source or destination of rule %s cannot be changed.", old.ID)
		}
		if o, ok := sameRule(c, tx, v); ok && o.ID != old.ID {
			return nil, resource.Errorf("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", o)
		}
		v.Account, v.Region, v.ID = old.Account, old.Region, old.ID
		rules.Put(tx, &v)
	}
	touch(c, tx, g.VPC)
	return &api.ModifySecurityGroupRulesOutput{Return: yes()}, nil
}

// side is which kind of other side a rule has.
func side(v *Rule) string {
	switch {
	case v.Peer.Group != "":
		return "group"
	case v.PrefixList != "":
		return "list"
	case v.CIDR.Addr().Is4():
		return "IPv4"
	}
	return "IPv6"
}

func updateSecurityGroupRuleDescriptionsIngress(c *cloud.Call, tx store.Tx, in *api.UpdateSecurityGroupRuleDescriptionsIngressInput) (*api.UpdateSecurityGroupRuleDescriptionsIngressOutput, error) {
	g, err := chosenGroup(c, tx, in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if err := describe(c, tx, g, false, in.IpPermissions, in.SecurityGroupRuleDescriptions); err != nil {
		return nil, err
	}
	return &api.UpdateSecurityGroupRuleDescriptionsIngressOutput{Return: yes()}, nil
}

func updateSecurityGroupRuleDescriptionsEgress(c *cloud.Call, tx store.Tx, in *api.UpdateSecurityGroupRuleDescriptionsEgressInput) (*api.UpdateSecurityGroupRuleDescriptionsEgressOutput, error) {
	g, err := chosenGroup(c, tx, in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if err := describe(c, tx, g, true, in.IpPermissions, in.SecurityGroupRuleDescriptions); err != nil {
		return nil, err
	}
	return &api.UpdateSecurityGroupRuleDescriptionsEgressOutput{Return: yes()}, nil
}

// describe sets the descriptions of rules.
func describe(c *cloud.Call, tx store.Tx, g *Group, egress bool, list []api.IpPermission, ids []api.SecurityGroupRuleDescription) error {
	if len(list) == 0 && len(ids) == 0 {
		return resource.Errorf("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleDescriptions' should be provided.")
	}
	for _, d := range ids {
		old, err := findRule(c, tx, g, cloud.Or(d.SecurityGroupRuleId, ""))
		if err != nil {
			return err
		}
		v := *old
		v.Description = cloud.Or(d.Description, "")
		rules.Put(tx, &v)
	}
	wanted, err := expand(c, tx, g, egress, list)
	if err != nil {
		return err
	}
	for _, want := range wanted {
		old, ok := sameRule(c, tx, want)
		if !ok {
			return resource.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		v := *old
		v.Description = want.Description
		rules.Put(tx, &v)
	}
	return nil
}

// describeSecurityGroupReferences tells which peered VPCs have rules that refer
// to a group.
func describeSecurityGroupReferences(c *cloud.Call, r store.Reader, in *api.DescribeSecurityGroupReferencesInput) (*api.DescribeSecurityGroupReferencesOutput, error) {
	out := &api.DescribeSecurityGroupReferencesOutput{SecurityGroupReferenceSet: []api.SecurityGroupReference{}}
	for _, id := range in.GroupId {
		g, err := FindGroup(c, r, id)
		if err != nil {
			return nil, err
		}
		seen := map[string]bool{}
		for v := range rules.Scan(r) {
			o, ok := groups.Get(r, v.Account, v.Region, v.Group)
			if !ok || v.Peer.Group != g.ID || v.Peer.Peering == "" || seen[o.VPC] {
				continue
			}
			seen[o.VPC] = true
			out.SecurityGroupReferenceSet = append(out.SecurityGroupReferenceSet, api.SecurityGroupReference{
				GroupId: &g.ID, ReferencingVpcId: &o.VPC, VpcPeeringConnectionId: &v.Peer.Peering,
			})
		}
	}
	return out, nil
}

// describeStaleSecurityGroups tells which groups of a VPC have rules that refer
// to a group of a VPC that is not peered with it any more, or that is gone.
func describeStaleSecurityGroups(c *cloud.Call, r store.Reader, in *api.DescribeStaleSecurityGroupsInput) (*api.DescribeStaleSecurityGroupsOutput, error) {
	v, err := FindVPC(c, r, in.VpcId)
	if err != nil {
		return nil, err
	}
	stale := map[string][2][]api.StaleIpPermission{}
	for g := range groups.Index(r, "vpc", c.Account, c.Region, v.ID) {
		var sides [2][]api.StaleIpPermission
		for rule := range rules.Index(r, "group", c.Account, c.Region, g.ID) {
			if !rule.stale(c, r, v.ID) {
				continue
			}
			p := api.StaleIpPermission{IpProtocol: &rule.Protocol, FromPort: &rule.From, ToPort: &rule.To, UserIdGroupPairs: []api.UserIdGroupPair{rule.pair(c, r)}}
			n := 0
			if rule.Egress {
				n = 1
			}
			sides[n] = append(sides[n], p)
		}
		if len(sides[0])+len(sides[1]) > 0 {
			stale[g.ID] = sides
		}
	}
	all := func(yield func(*Group) bool) {
		for g := range groups.Index(r, "vpc", c.Account, c.Region, v.ID) {
			if _, ok := stale[g.ID]; ok && !yield(g) {
				return
			}
		}
	}
	list, next, err := resource.List(c, r, resource.Query{Max: in.MaxResults, Token: in.NextToken, Most: 255}, all, func(g *Group) string { return g.ID }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeStaleSecurityGroupsOutput{NextToken: next, StaleSecurityGroupSet: []api.StaleSecurityGroup{}}
	for _, g := range list {
		out.StaleSecurityGroupSet = append(out.StaleSecurityGroupSet, api.StaleSecurityGroup{
			GroupId: &g.ID, GroupName: &g.Name, Description: &g.Description, VpcId: &g.VPC,
			StaleIpPermissions: stale[g.ID][0], StaleIpPermissionsEgress: stale[g.ID][1],
		})
	}
	return out, nil
}

// stale tells whether a rule refers to a group that its VPC has no way to.
func (v *Rule) stale(c *cloud.Call, r store.Reader, vpc string) bool {
	if v.Peer.Peering == "" {
		return false
	}
	if _, ok := joined(c, r, vpc, v.Peer.VPC); !ok {
		return true
	}
	return !groups.Has(r, cmp.Or(v.Peer.Account, c.Account), c.Region, v.Peer.Group)
}
