package vpc

import (
	"iter"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// groupVPC lets the interfaces of another VPC than a security group's own have
// the group.
// https://docs.aws.amazon.com/vpc/latest/userguide/security-group-assoc.html
type groupVPC struct{ Account, Region, Group, Own, VPC string }

var groupVPCs = &store.Table[groupVPC]{
	Name: "ec2.groupvpc",
	Key:  func(a *groupVPC) store.Key { return store.K(a.Account, a.Region, a.Group, a.VPC) },
	Indexes: map[string]func(*groupVPC) store.Key{
		"vpc": func(a *groupVPC) store.Key { return store.K(a.Account, a.Region, a.VPC) },
		"own": func(a *groupVPC) store.Key { return store.K(a.Account, a.Region, a.Own) },
	},
}

// groupsFor yields the groups that interfaces of a VPC may have.
func groupsFor(c *cloud.Call, r store.Reader, vpc string) iter.Seq[*Group] {
	return func(yield func(*Group) bool) {
		for g := range groups.Index(r, "vpc", c.Account, c.Region, vpc) {
			if !yield(g) {
				return
			}
		}
		for a := range groupVPCs.Index(r, "vpc", c.Account, c.Region, vpc) {
			if g, ok := groups.Get(r, c.Account, c.Region, a.Group); ok && !yield(g) {
				return
			}
		}
	}
}

// in tells whether interfaces of a VPC may have the group.
func (g *Group) in(r store.Reader, vpc string) bool {
	return g.VPC == vpc || groupVPCs.Has(r, g.Account, g.Region, g.ID, vpc)
}

// dropGroupVPCs forgets the associations of a VPC that goes away.
func dropGroupVPCs(c *cloud.Call, tx store.Tx, vpc string) {
	for _, index := range []string{"vpc", "own"} {
		for a := range groupVPCs.Index(tx, index, c.Account, c.Region, vpc) {
			groupVPCs.Delete(tx, a.Account, a.Region, a.Group, a.VPC)
		}
	}
}

func associateSecurityGroupVpc(c *cloud.Call, tx store.Tx, in *api.AssociateSecurityGroupVpcInput) (*api.AssociateSecurityGroupVpcOutput, error) {
	g, err := FindGroup(c, tx, in.GroupId)
	if err != nil {
		return nil, err
	}
	v, err := FindVPC(c, tx, in.VpcId)
	switch {
	case err != nil:
		return nil, err
	case g.Name == "default":
		return nil, resource.Errorf("InvalidParameterValue", "The security group '%s' is a default security group, which can't be associated with another VPC.", g.ID)
	case g.VPC == v.ID:
		return nil, resource.Errorf("InvalidParameterValue", "The security group '%s' belongs to the VPC '%s' already.", g.ID, v.ID)
	case g.in(tx, v.ID):
		return nil, resource.Errorf("InvalidParameterValue", "The security group '%s' is associated with the VPC '%s' already.", g.ID, v.ID)
	}
	groupVPCs.Put(tx, &groupVPC{Account: c.Account, Region: c.Region, Group: g.ID, Own: g.VPC, VPC: v.ID})
	touch(c, tx, v.ID)
	return &api.AssociateSecurityGroupVpcOutput{State: new(api.SecurityGroupVpcAssociationStateAssociating)}, nil
}

func disassociateSecurityGroupVpc(c *cloud.Call, tx store.Tx, in *api.DisassociateSecurityGroupVpcInput) (*api.DisassociateSecurityGroupVpcOutput, error) {
	g, err := FindGroup(c, tx, in.GroupId)
	if err != nil {
		return nil, err
	}
	switch {
	case !groupVPCs.Has(tx, c.Account, c.Region, g.ID, in.VpcId):
		return nil, resource.Errorf("InvalidParameterValue", "The security group '%s' is not associated with the VPC '%s'.", g.ID, in.VpcId)
	case groupOnInterface(c, tx, g, in.VpcId):
		return nil, resource.Errorf("DependencyViolation", "resource %s has a dependent object", g.ID)
	}
	groupVPCs.Delete(tx, c.Account, c.Region, g.ID, in.VpcId)
	touch(c, tx, in.VpcId)
	return &api.DisassociateSecurityGroupVpcOutput{State: new(api.SecurityGroupVpcAssociationStateDisassociating)}, nil
}

func describeSecurityGroupVpcAssociations(c *cloud.Call, r store.Reader, in *api.DescribeSecurityGroupVpcAssociationsInput) (*api.DescribeSecurityGroupVpcAssociationsOutput, error) {
	state := func(*groupVPC) string { return api.SecurityGroupVpcAssociationStateAssociated }
	page, next, err := resource.List(c, r, resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken}, groupVPCs.Scan(r, c.Account, c.Region),
		func(a *groupVPC) string { return a.Group + " " + a.VPC }, resource.Fields[groupVPC]{
			"group-id":       resource.One(func(a *groupVPC) string { return a.Group }),
			"group-owner-id": resource.One(func(a *groupVPC) string { return a.Account }),
			"vpc-id":         resource.One(func(a *groupVPC) string { return a.VPC }),
			"vpc-owner-id":   resource.One(func(a *groupVPC) string { return a.Account }),
			"state":          resource.One(state),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSecurityGroupVpcAssociationsOutput{SecurityGroupVpcAssociations: []api.SecurityGroupVpcAssociation{}, NextToken: next}
	for _, a := range page {
		out.SecurityGroupVpcAssociations = append(out.SecurityGroupVpcAssociations, api.SecurityGroupVpcAssociation{
			GroupId: &a.Group, GroupOwnerId: &a.Account, VpcId: &a.VPC, VpcOwnerId: &a.Account, State: new(state(a)),
		})
	}
	return out, nil
}
