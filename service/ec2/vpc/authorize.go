package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func authorizeSecurityGroupIngress(c *cloud.Call, tx store.Tx, in *api.AuthorizeSecurityGroupIngressInput) (*api.AuthorizeSecurityGroupIngressOutput, error) {
	g, err := chosenGroup(c, tx, in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	list, err := requested(in.IpPermissions, legacy{in.IpProtocol, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId, in.FromPort, in.ToPort})
	if err != nil {
		return nil, err
	}
	made, err := authorize(c, tx, g, false, list, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &api.AuthorizeSecurityGroupIngressOutput{Return: yes(), SecurityGroupRules: made}, nil
}

func authorizeSecurityGroupEgress(c *cloud.Call, tx store.Tx, in *api.AuthorizeSecurityGroupEgressInput) (*api.AuthorizeSecurityGroupEgressOutput, error) {
	g, err := FindGroup(c, tx, in.GroupId)
	if err != nil {
		return nil, err
	}
	list, err := requested(in.IpPermissions, legacy{in.IpProtocol, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId, in.FromPort, in.ToPort})
	if err != nil {
		return nil, err
	}
	made, err := authorize(c, tx, g, true, list, in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &api.AuthorizeSecurityGroupEgressOutput{Return: yes(), SecurityGroupRules: made}, nil
}

// authorize adds rules to a group: all of them, or none.
func authorize(c *cloud.Call, tx store.Tx, g *Group, egress bool, list []api.IpPermission, specs []api.TagSpecification) ([]api.SecurityGroupRule, error) {
	tags, err := tagsFor(specs, "security-group-rule")
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, resource.Missing("ipPermissions")
	}
	more, err := expand(c, tx, g, egress, list)
	if err != nil {
		return nil, err
	}
	used := 0
	for v := range rules.Index(tx, "group", c.Account, c.Region, g.ID) {
		if v.Egress == egress {
			used += v.weight(c, tx)
		}
	}
	for _, v := range more {
		if o, ok := sameRule(c, tx, v); ok {
			return nil, resource.Errorf("InvalidPermission.Duplicate", "the specified rule \"%s\" already exists", o)
		}
		used += v.weight(c, tx)
	}
	if used > maxRules {
		return nil, resource.Errorf("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	made := []api.SecurityGroupRule{}
	for _, v := range more {
		made = append(made, addRule(c, tx, v, tags).api(c, tx))
	}
	touch(c, tx, g.VPC)
	return made, nil
}

func revokeSecurityGroupIngress(c *cloud.Call, tx store.Tx, in *api.RevokeSecurityGroupIngressInput) (*api.RevokeSecurityGroupIngressOutput, error) {
	g, err := chosenGroup(c, tx, in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	list, err := requested(in.IpPermissions, legacy{in.IpProtocol, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId, in.FromPort, in.ToPort})
	if err != nil {
		return nil, err
	}
	gone, unknown, err := revoke(c, tx, g, false, list, in.SecurityGroupRuleIds)
	if err != nil {
		return nil, err
	}
	return &api.RevokeSecurityGroupIngressOutput{Return: yes(), RevokedSecurityGroupRules: gone, UnknownIpPermissions: unknown}, nil
}

func revokeSecurityGroupEgress(c *cloud.Call, tx store.Tx, in *api.RevokeSecurityGroupEgressInput) (*api.RevokeSecurityGroupEgressOutput, error) {
	g, err := FindGroup(c, tx, in.GroupId)
	if err != nil {
		return nil, err
	}
	list, err := requested(in.IpPermissions, legacy{in.IpProtocol, in.CidrIp, in.SourceSecurityGroupName, in.SourceSecurityGroupOwnerId, in.FromPort, in.ToPort})
	if err != nil {
		return nil, err
	}
	gone, unknown, err := revoke(c, tx, g, true, list, in.SecurityGroupRuleIds)
	if err != nil {
		return nil, err
	}
	return &api.RevokeSecurityGroupEgressOutput{Return: yes(), RevokedSecurityGroupRules: gone, UnknownIpPermissions: unknown}, nil
}

// revoke removes rules by what they allow or by their ids. What is not there is
// an error, but in a default VPC it is only told.
func revoke(c *cloud.Call, tx store.Tx, g *Group, egress bool, list []api.IpPermission, ids []string) (gone []api.RevokedSecurityGroupRule, unknown []api.IpPermission, err error) {
	switch {
	case len(list) == 0 && len(ids) == 0:
		return nil, nil, resource.Errorf("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	case len(list) > 0 && len(ids) > 0:
		return nil, nil, resource.Combination("The parameter 'ipPermissions' may not be used in combination with 'securityGroupRuleIds'")
	}
	remove := func(v *Rule) {
		gone = append(gone, v.revoked())
		removeRule(c, tx, v)
	}
	for _, id := range ids {
		v, err := findRule(c, tx, g, id)
		if err != nil {
			return nil, nil, err
		}
		if v.Egress != egress {
			return nil, nil, noRule(id)
		}
		remove(v)
	}
	less, err := expand(c, tx, g, egress, list)
	if err != nil {
		return nil, nil, err
	}
	vpc, _ := vpcs.Get(tx, c.Account, c.Region, g.VPC)
	for _, want := range less {
		v, ok := sameRule(c, tx, want)
		switch {
		case ok:
			remove(v)
		case vpc != nil && vpc.Default:
			p := want.permission()
			want.addTo(c, tx, &p)
			unknown = append(unknown, p)
		default:
			return nil, nil, resource.Errorf("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
	}
	touch(c, tx, g.VPC)
	return gone, unknown, nil
}

func noRule(id string) *cloud.Error {
	if !resource.WellFormed("sgr", id) {
		return resource.Errorf("InvalidSecurityGroupRuleId.Malformed", "Invalid id: \"%s\" (expecting \"sgr-...\")", id)
	}
	return resource.Errorf("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '%s' does not exist", id)
}

// findRule is a rule of a group.
func findRule(c *cloud.Call, r store.Reader, g *Group, id string) (*Rule, error) {
	v, err := find(c, r, rules, id, noRule)
	if err == nil && v.Group != g.ID {
		err = noRule(id)
	}
	return v, err
}
