package vpc

import (
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	maxGroups = 2500 // in a region
	// groupCharacters are those of names and descriptions.
	groupCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*"
)

// makeGroup makes a security group that lets everything out.
func makeGroup(c *cloud.Call, tx store.Tx, vpc, name, description string, tags identity.Tags) *Group {
	g := &Group{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "sg"), VPC: vpc, Name: name, Description: description, Made: c.Now}
	groups.Put(tx, g)
	resource.Register(c, tx, "security-group", g.ID, tags)
	letOut(c, tx, g, everywhere4)
	if v, ok := vpcs.Get(tx, c.Account, c.Region, vpc); ok && len(v.IPv6) > 0 {
		letOut(c, tx, g, everywhere6)
	}
	return g
}

func createSecurityGroup(c *cloud.Call, tx store.Tx, in *api.CreateSecurityGroupInput) (*api.CreateSecurityGroupOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, "security-group")
	if err != nil {
		return nil, err
	}
	if err := checkGroupName(in.GroupName, in.Description); err != nil {
		return nil, err
	}
	vpc, err := vpcOrDefault(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	if _, ok := groupNamed(c, tx, vpc, in.GroupName); ok {
		return nil, resource.Errorf("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", in.GroupName, vpc)
	}
	if count(groups.Scan(tx, c.Account, c.Region)) >= maxGroups {
		return nil, limit("SecurityGroupLimitExceeded", "security groups")
	}
	g := makeGroup(c, tx, vpc, in.GroupName, in.Description, tags)
	touch(c, tx, vpc)
	return &api.CreateSecurityGroupOutput{GroupId: &g.ID, SecurityGroupArn: new(g.arn(c)), Tags: resource.ShownTags(tags)}, nil
}

// vpcOrDefault is the VPC that a request names, or the default one.
func vpcOrDefault(c *cloud.Call, r store.Reader, id *string) (string, error) {
	if id != nil && *id != "" {
		v, err := FindVPC(c, r, *id)
		if err != nil {
			return "", err
		}
		return v.ID, nil
	}
	v, ok := DefaultVPC(c, r)
	if !ok {
		return "", errNoDefaultVPC
	}
	return v.ID, nil
}

func checkGroupName(name, description string) error {
	switch {
	case name == "":
		return resource.Missing("GroupName")
	case name == "default":
		return resource.Errorf("InvalidParameterValue", "Cannot use reserved security group name: default")
	case strings.HasPrefix(name, "sg-"):
		return resource.Errorf("InvalidParameterValue", "invalid value for parameter groupName: group names may not be in the format sg-*")
	case len(name) > 255 || strings.Trim(name, groupCharacters) != "":
		return resource.Errorf("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.", name)
	case description == "":
		return resource.Missing("GroupDescription")
	case len(description) > 255 || strings.Trim(description, groupCharacters) != "":
		return resource.Errorf("InvalidParameterValue", "Invalid security group description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
	}
	return nil
}

// chosenGroup is the group that a request names by id, or by name in the
// default VPC.
func chosenGroup(c *cloud.Call, r store.Reader, id, name *string) (*Group, error) {
	if id != nil {
		return FindGroup(c, r, *id)
	}
	if name == nil {
		return nil, resource.Errorf("MissingParameter", "The request must contain the parameter GroupName or GroupId")
	}
	v, ok := DefaultVPC(c, r)
	if !ok {
		return nil, errNoDefaultVPC
	}
	g, ok := groupNamed(c, r, v.ID, *name)
	if !ok {
		return nil, resource.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC '%s'", *name, v.ID)
	}
	return g, nil
}

func deleteSecurityGroup(c *cloud.Call, tx store.Tx, in *api.DeleteSecurityGroupInput) (*api.DeleteSecurityGroupOutput, error) {
	g, err := chosenGroup(c, tx, in.GroupId, in.GroupName)
	if err != nil {
		return nil, err
	}
	if g.Name == "default" {
		return nil, resource.Errorf("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", g.ID)
	}
	if groupUsed(c, tx, g) {
		return nil, resource.Errorf("DependencyViolation", "resource %s has a dependent object", g.ID)
	}
	removeGroup(c, tx, g)
	touch(c, tx, g.VPC)
	return &api.DeleteSecurityGroupOutput{Return: yes(), GroupId: &g.ID}, nil
}

// groupOnInterface tells whether an interface of a VPC has the group.
func groupOnInterface(c *cloud.Call, r store.Reader, g *Group, vpc string) bool {
	for i := range interfaces.Index(r, "vpc", c.Account, c.Region, vpc) {
		if slices.Contains(i.Groups, g.ID) {
			return true
		}
	}
	return false
}

// groupUsed tells whether an interface, another VPC or another group's rule
// needs the group.
func groupUsed(c *cloud.Call, r store.Reader, g *Group) bool {
	if groupOnInterface(c, r, g, g.VPC) {
		return true
	}
	for range groupVPCs.Scan(r, c.Account, c.Region, g.ID) {
		return true // disassociate it first
	}
	for v := range rules.Scan(r, c.Account, c.Region) {
		if v.Peer.Group == g.ID && v.Group != g.ID {
			return true
		}
	}
	return false
}

// removeGroup deletes a group and its rules.
func removeGroup(c *cloud.Call, tx store.Tx, g *Group) {
	for v := range rules.Index(tx, "group", c.Account, c.Region, g.ID) {
		removeRule(c, tx, v)
	}
	groups.Delete(tx, c.Account, c.Region, g.ID)
	resource.Unregister(c, tx, g.ID)
}

// api is a security group as answers have it.
func (g *Group) api(c *cloud.Call, r store.Reader) api.SecurityGroup {
	in, out := permissions(c, r, g.ID)
	return api.SecurityGroup{
		GroupId: &g.ID, GroupName: &g.Name, Description: &g.Description, OwnerId: &g.Account, VpcId: &g.VPC,
		IpPermissions: in, IpPermissionsEgress: out, Tags: resource.ShownTags(resource.Tags(c, r, g.ID)), SecurityGroupArn: new(g.arn(c)),
	}
}

// arn is the group's name for policies; its account is the owner's, who may have
// shared the group.
func (g *Group) arn(c *cloud.Call) string {
	return c.In(g.Account, g.Region).ARN("ec2", "security-group/"+g.ID)
}

func describeSecurityGroups(c *cloud.Call, r store.Reader, in *api.DescribeSecurityGroupsInput) (*api.DescribeSecurityGroupsOutput, error) {
	ids := append([]string{}, in.GroupIds...)
	for _, name := range in.GroupNames {
		g, err := chosenGroup(c, r, nil, &name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, g.ID)
	}
	list, next, err := resource.List(c, r, resource.Query{IDs: ids, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noGroup},
		groups.Scan(r, c.Account, c.Region), func(g *Group) string { return g.ID }, groupFields(c, r))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSecurityGroupsOutput{SecurityGroups: []api.SecurityGroup{}, NextToken: next}
	for _, g := range list {
		out.SecurityGroups = append(out.SecurityGroups, g.api(c, r))
	}
	return out, nil
}

func groupFields(c *cloud.Call, r store.Reader) resource.Fields[Group] {
	fields := resource.Fields[Group]{
		"description": resource.One(func(g *Group) string { return g.Description }),
		"group-id":    resource.One(func(g *Group) string { return g.ID }),
		"group-name":  resource.One(func(g *Group) string { return g.Name }),
		"owner-id":    resource.One(func(g *Group) string { return g.Account }),
		"vpc-id":      resource.One(func(g *Group) string { return g.VPC }),
	}
	for name, f := range ruleFields(c, r) {
		for prefix, egress := range map[string]bool{"": false, "egress.": true} {
			fields[prefix+"ip-permission."+name] = func(g *Group) (out []string) {
				for v := range rules.Index(r, "group", c.Account, c.Region, g.ID) {
					if s := f(v); v.Egress == egress && s != "" {
						out = append(out, s)
					}
				}
				return out
			}
		}
	}
	return fields
}

func getSecurityGroupsForVpc(c *cloud.Call, r store.Reader, in *api.GetSecurityGroupsForVpcInput) (*api.GetSecurityGroupsForVpcOutput, error) {
	v, err := FindVPC(c, r, in.VpcId)
	if err != nil {
		return nil, err
	}
	fields := groupFields(c, r)
	fields["primary-vpc-id"] = fields["vpc-id"]
	list, next, err := resource.List(c, r, resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken},
		groupsFor(c, r, v.ID), func(g *Group) string { return g.ID }, fields)
	if err != nil {
		return nil, err
	}
	out := &api.GetSecurityGroupsForVpcOutput{NextToken: next, SecurityGroupForVpcs: []api.SecurityGroupForVpc{}}
	for _, g := range list {
		out.SecurityGroupForVpcs = append(out.SecurityGroupForVpcs, api.SecurityGroupForVpc{
			GroupId: &g.ID, GroupName: &g.Name, Description: &g.Description, OwnerId: &g.Account, PrimaryVpcId: &g.VPC,
			Tags: resource.APITags(resource.Tags(c, r, g.ID)),
		})
	}
	return out, nil
}
