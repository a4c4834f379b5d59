package vpc

import (
	"slices"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxACLs = 200 // of a VPC

var noACL = notFound("NetworkAclID", "networkAcl", "acl")

func createNetworkAcl(c *cloud.Call, tx store.Tx, in *api.CreateNetworkAclInput) (*api.CreateNetworkAclOutput, error) {
	return resource.Once(c, tx, "CreateNetworkAcl", in.ClientToken, in, func() (*api.CreateNetworkAclOutput, error) {
		tags, err := tagsFor(in.TagSpecifications, "network-acl")
		if err != nil {
			return nil, err
		}
		v, err := FindVPC(c, tx, in.VpcId)
		if err != nil {
			return nil, err
		}
		if count(acls.Index(tx, "vpc", c.Account, c.Region, v.ID)) >= maxACLs {
			return nil, limit("NetworkAclLimitExceeded", "network ACLs")
		}
		a := &ACL{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "acl"), VPC: v.ID}
		acls.Put(tx, a)
		resource.Register(c, tx, "network-acl", a.ID, tags)
		return &api.CreateNetworkAclOutput{NetworkAcl: a.api(c, tx), ClientToken: in.ClientToken}, nil
	})
}

func deleteNetworkAcl(c *cloud.Call, tx store.Tx, in *api.DeleteNetworkAclInput) (*cloud.Empty, error) {
	a, err := find(c, tx, acls, in.NetworkAclId, noACL)
	if err != nil {
		return nil, err
	}
	if a.Default {
		return nil, resource.Errorf("InvalidParameterValue", "cannot delete default network ACL %s", a.ID)
	}
	if len(a.Associations) > 0 {
		return nil, resource.DependencyViolation("networkAcl", a.ID)
	}
	acls.Delete(tx, c.Account, c.Region, a.ID)
	resource.Unregister(c, tx, a.ID)
	touch(c, tx, a.VPC)
	return &cloud.Empty{}, nil
}

// replaceNetworkAclAssociation puts a subnet under another ACL; a subnet always
// has exactly one.
func replaceNetworkAclAssociation(c *cloud.Call, tx store.Tx, in *api.ReplaceNetworkAclAssociationInput) (*api.ReplaceNetworkAclAssociationOutput, error) {
	to, err := find(c, tx, acls, in.NetworkAclId, noACL)
	if err != nil {
		return nil, err
	}
	for from := range acls.Scan(tx, c.Account, c.Region) {
		n := slices.IndexFunc(from.Associations, func(a Association) bool { return a.ID == in.AssociationId })
		if n < 0 {
			continue
		}
		if from.VPC != to.VPC {
			return nil, resource.Errorf("InvalidParameterValue", "Network ACL %s and subnet %s belong to different networks", to.ID, from.Associations[n].Subnet)
		}
		moved := Association{ID: resource.NewID(c, "aclassoc"), Subnet: from.Associations[n].Subnet}
		left := *from
		left.Associations = slices.Delete(slices.Clone(from.Associations), n, n+1)
		if from.ID == to.ID {
			to = &left
		}
		acls.Put(tx, &left)
		changed := *to
		changed.Associations = append(slices.Clone(to.Associations), moved)
		acls.Put(tx, &changed)
		touch(c, tx, to.VPC)
		return &api.ReplaceNetworkAclAssociationOutput{NewAssociationId: &moved.ID}, nil
	}
	return nil, resource.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", in.AssociationId)
}

// Numbers of the rules at the end, which deny the rest and cannot be changed.
const (
	lastRule4 = 32767
	lastRule6 = 32768
)

// api is an ACL as answers have it: with the rules at the end.
func (a *ACL) api(c *cloud.Call, r store.Reader) *api.NetworkAcl {
	o := &api.NetworkAcl{
		NetworkAclId: &a.ID, VpcId: &a.VPC, OwnerId: &a.Account, IsDefault: &a.Default, Entries: a.apiEntries(c, r),
		Associations: []api.NetworkAclAssociation{}, Tags: resource.APITags(resource.Tags(c, r, a.ID)),
	}
	for _, b := range a.Associations {
		o.Associations = append(o.Associations, api.NetworkAclAssociation{NetworkAclAssociationId: &b.ID, NetworkAclId: &a.ID, SubnetId: &b.Subnet})
	}
	return o
}

func (a *ACL) apiEntries(c *cloud.Call, r store.Reader) []api.NetworkAclEntry {
	out := []api.NetworkAclEntry{}
	last := []Entry{{Number: lastRule4, Protocol: -1, CIDR: everywhere4}}
	if v, ok := vpcs.Get(r, c.Account, c.Region, a.VPC); ok && len(v.IPv6) > 0 {
		last = append(last, Entry{Number: lastRule6, Protocol: -1, CIDR: everywhere6})
	}
	for _, side := range []struct {
		egress  bool
		entries []Entry
	}{{true, a.Egress}, {false, a.Ingress}} {
		for _, e := range append(slices.Clone(side.entries), last...) {
			out = append(out, e.api(side.egress))
		}
	}
	return out
}

func (e Entry) api(egress bool) api.NetworkAclEntry {
	o := api.NetworkAclEntry{RuleNumber: &e.Number, Egress: &egress, Protocol: new(strconv.Itoa(e.Protocol)), RuleAction: new("deny")}
	if e.Allow {
		o.RuleAction = new("allow")
	}
	if e.CIDR.Addr().Is4() {
		o.CidrBlock = new(e.CIDR.String())
	} else {
		o.Ipv6CidrBlock = new(e.CIDR.String())
	}
	if e.Ports != nil {
		o.PortRange = &api.PortRange{From: &e.Ports.From, To: &e.Ports.To}
	}
	if e.ICMP != nil {
		o.IcmpTypeCode = &api.IcmpTypeCode{Type: &e.ICMP.Type, Code: &e.ICMP.Code}
	}
	return o
}

func describeNetworkAcls(c *cloud.Call, r store.Reader, in *api.DescribeNetworkAclsInput) (*api.DescribeNetworkAclsOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.NetworkAclIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noACL},
		acls.Scan(r, c.Account, c.Region), func(a *ACL) string { return a.ID },
		aclFields(c, r))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeNetworkAclsOutput{NetworkAcls: []api.NetworkAcl{}, NextToken: next}
	for _, a := range list {
		out.NetworkAcls = append(out.NetworkAcls, *a.api(c, r))
	}
	return out, nil
}

// aclFields are the filters of DescribeNetworkAcls.
func aclFields(c *cloud.Call, r store.Reader) resource.Fields[ACL] {
	associations := func(f func(Association) string) func(*ACL) []string {
		return func(a *ACL) (out []string) {
			for _, b := range a.Associations {
				out = append(out, f(b))
			}
			return out
		}
	}
	entries := func(f func(api.NetworkAclEntry) string) func(*ACL) []string {
		return func(a *ACL) (out []string) {
			for _, e := range a.apiEntries(c, r) {
				if s := f(e); s != "" {
					out = append(out, s)
				}
			}
			return out
		}
	}
	number := func(p *int32) string {
		if p == nil {
			return ""
		}
		return strconv.Itoa(int(*p))
	}
	return resource.Fields[ACL]{
		"association.association-id": associations(func(b Association) string { return b.ID }),
		"association.network-acl-id": func(a *ACL) []string {
			if len(a.Associations) == 0 {
				return nil
			}
			return []string{a.ID}
		},
		"association.subnet-id": associations(func(b Association) string { return b.Subnet }),
		"default":               resource.Flag(func(a *ACL) bool { return a.Default }),
		"entry.cidr":            entries(func(e api.NetworkAclEntry) string { return cloud.Or(e.CidrBlock, "") }),
		"entry.ipv6-cidr":       entries(func(e api.NetworkAclEntry) string { return cloud.Or(e.Ipv6CidrBlock, "") }),
		"entry.egress":          entries(func(e api.NetworkAclEntry) string { return strconv.FormatBool(*e.Egress) }),
		"entry.protocol":        entries(func(e api.NetworkAclEntry) string { return *e.Protocol }),
		"entry.rule-action":     entries(func(e api.NetworkAclEntry) string { return *e.RuleAction }),
		"entry.rule-number":     entries(func(e api.NetworkAclEntry) string { return number(e.RuleNumber) }),
		"entry.icmp.code": entries(func(e api.NetworkAclEntry) string {
			return number(cloud.Or(e.IcmpTypeCode, api.IcmpTypeCode{}).Code)
		}),
		"entry.icmp.type": entries(func(e api.NetworkAclEntry) string {
			return number(cloud.Or(e.IcmpTypeCode, api.IcmpTypeCode{}).Type)
		}),
		"entry.port-range.from": entries(func(e api.NetworkAclEntry) string { return number(cloud.Or(e.PortRange, api.PortRange{}).From) }),
		"entry.port-range.to":   entries(func(e api.NetworkAclEntry) string { return number(cloud.Or(e.PortRange, api.PortRange{}).To) }),
		"network-acl-id":        resource.One(func(a *ACL) string { return a.ID }),
		"owner-id":              resource.One(func(a *ACL) string { return a.Account }),
		"vpc-id":                resource.One(func(a *ACL) string { return a.VPC }),
	}
}
