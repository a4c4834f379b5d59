package vpc

import (
	"net/netip"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxVPCs = 5 // in a region

// makeVPC makes a VPC with what each has: a main route table, a default ACL
// that lets everything through, a default security group.
func makeVPC(c *cloud.Call, tx store.Tx, v VPC) *VPC {
	v.Account, v.Region, v.ID, v.Made = c.Account, c.Region, resource.NewID(c, "vpc"), c.Now
	v.DNSSupport = true
	v.CIDRs[0].Association = resource.NewID(c, "vpc-cidr-assoc")
	v.DHCPOptions = defaultDHCP(c, tx)
	vpcs.Put(tx, &v)
	resource.Register(c, tx, "vpc", v.ID, nil)

	t := &RouteTable{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "rtb"), VPC: v.ID}
	t.Associations = []Association{{ID: resource.NewID(c, "rtbassoc"), Main: true}}
	routeTables.Put(tx, t)
	resource.Register(c, tx, "route-table", t.ID, nil)

	all := []Entry{letAll4}
	a := &ACL{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "acl"), VPC: v.ID, Default: true, Ingress: all, Egress: all}
	acls.Put(tx, a)
	resource.Register(c, tx, "network-acl", a.ID, nil)

	g := makeGroup(c, tx, v.ID, "default", "default VPC security group", nil)
	addRule(c, tx, Rule{Group: g.ID, Protocol: "-1", From: -1, To: -1, Peer: Peer{Group: g.ID, Account: c.Account}}, nil)
	touch(c, tx, v.ID)
	return &v
}

var (
	everywhere4 = netip.MustParsePrefix("0.0.0.0/0")
	everywhere6 = netip.MustParsePrefix("::/0")
	// letAll4 is what default ACLs are made with, in either direction.
	letAll4 = Entry{Number: 100, Allow: true, Protocol: -1, CIDR: everywhere4}
)

func createVpc(c *cloud.Call, tx store.Tx, in *api.CreateVpcInput) (*api.CreateVpcOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, "vpc")
	if err != nil {
		return nil, err
	}
	if err := noIPAM(in.Ipv4IpamPoolId, in.Ipv6IpamPoolId, in.Ipv6Pool); err != nil {
		return nil, err
	}
	if in.CidrBlock == nil {
		return nil, resource.Errorf("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
	}
	p, err := parseVPCRange(*in.CidrBlock)
	if err != nil {
		return nil, err
	}
	tenancy := cloud.Or(in.InstanceTenancy, "default")
	if tenancy != "default" && tenancy != "dedicated" {
		return nil, resource.Invalid(tenancy, "instanceTenancy")
	}
	if count(vpcs.Scan(tx, c.Account, c.Region)) >= maxVPCs {
		return nil, limit("VpcLimitExceeded", "VPCs")
	}
	v := makeVPC(c, tx, VPC{CIDRs: []CIDR{{Prefix: p}}, Tenancy: tenancy})
	retag(c, tx, "vpc", v.ID, tags)
	if cloud.Or(in.AmazonProvidedIpv6CidrBlock, false) {
		addIPv6(c, tx, v)
	}
	out := v.made(c, tx)
	for n := range out.Ipv6CidrBlockAssociationSet {
		// The range itself is told by DescribeVpcs, once it is associated.
		out.Ipv6CidrBlockAssociationSet[n].Ipv6CidrBlock = new("")
		out.Ipv6CidrBlockAssociationSet[n].Ipv6CidrBlockState.State = new("associating")
	}
	return &api.CreateVpcOutput{Vpc: out}, nil
}

// made is a new VPC as the call that makes it shows it.
func (v *VPC) made(c *cloud.Call, r store.Reader) *api.Vpc {
	out := v.api(c, r)
	out.State = new("pending")
	if out.Ipv6CidrBlockAssociationSet == nil {
		out.Ipv6CidrBlockAssociationSet = []api.VpcIpv6CidrBlockAssociation{}
	}
	return out
}

// retag gives a resource that was just registered its tags.
func retag(c *cloud.Call, tx store.Tx, kind, id string, tags identity.Tags) {
	if len(tags) > 0 {
		resource.Register(c, tx, kind, id, tags)
	}
}

// noIPAM refuses ranges from pools: there are none.
func noIPAM(ipv4, ipv6, pool *string) error {
	for _, p := range []*string{ipv4, ipv6} {
		if p != nil {
			return resource.Errorf("InvalidIpamPoolId.NotFound", "The ipam-pool ID '%s' does not exist", *p)
		}
	}
	if pool != nil && *pool != "Amazon" {
		return resource.Errorf("InvalidIpv6PoolID.NotFound", "The IPv6 pool ID '%s' does not exist", *pool)
	}
	return nil
}

// parseVPCRange reads the range of a VPC: /16 to /28.
func parseVPCRange(s string) (netip.Prefix, error) {
	p, err := parseIPv4(s, "cidrBlock")
	if err == nil && (p.Bits() < 16 || p.Bits() > 28) {
		err = resource.Errorf("InvalidVpc.Range", "The CIDR '%s' is invalid.", s)
	}
	return p, err
}

func deleteVpc(c *cloud.Call, tx store.Tx, in *api.DeleteVpcInput) (*cloud.Empty, error) {
	v, err := FindVPC(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	if occupied(c, tx, v.ID) {
		return nil, resource.DependencyViolation("vpc", v.ID)
	}
	unjoin(c, tx, v)
	drop := func(id string) { resource.Unregister(c, tx, id) }
	for t := range routeTables.Index(tx, "vpc", c.Account, c.Region, v.ID) {
		routeTables.Delete(tx, c.Account, c.Region, t.ID)
		drop(t.ID)
	}
	for a := range acls.Index(tx, "vpc", c.Account, c.Region, v.ID) {
		acls.Delete(tx, c.Account, c.Region, a.ID)
		drop(a.ID)
	}
	for g := range groups.Index(tx, "vpc", c.Account, c.Region, v.ID) {
		removeGroup(c, tx, g)
	}
	dropGroupVPCs(c, tx, v.ID)
	for _, b := range v.IPv6 {
		releasePublic(tx, b.Prefix.Addr())
	}
	vpcs.Delete(tx, c.Account, c.Region, v.ID)
	drop(v.ID)
	touch(c, tx, v.ID)
	return &cloud.Empty{}, nil
}

// occupied tells whether a VPC has anything but what it was made with. What
// else lives in VPCs (peering connections, endpoints, VPN gateways) adds itself.
func occupied(c *cloud.Call, r store.Reader, vpc string) bool {
	any := func(n int) bool { return n > 0 }
	for t := range routeTables.Index(r, "vpc", c.Account, c.Region, vpc) {
		if !t.main() {
			return true
		}
	}
	for a := range acls.Index(r, "vpc", c.Account, c.Region, vpc) {
		if !a.Default {
			return true
		}
	}
	for n := range nats.Index(r, "vpc", c.Account, c.Region, vpc) {
		if n.State != natDeleted && n.State != natFailed {
			return true
		}
	}
	return holds(c, r, vpc) || any(count(subnets.Index(r, "vpc", c.Account, c.Region, vpc))) ||
		any(count(interfaces.Index(r, "vpc", c.Account, c.Region, vpc))) ||
		any(count(internetGateways.Index(r, "vpc", c.Account, c.Region, vpc))) ||
		any(count(egressGateways.Index(r, "vpc", c.Account, c.Region, vpc))) ||
		any(count(groups.Index(r, "vpc", c.Account, c.Region, vpc))-1)
}

// api is a VPC as answers have it.
func (v *VPC) api(c *cloud.Call, r store.Reader) *api.Vpc {
	o := &api.Vpc{
		CidrBlock: new(v.CIDRs[0].Prefix.String()), DhcpOptionsId: &v.DHCPOptions, State: new("available"), VpcId: &v.ID, OwnerId: &v.Account,
		InstanceTenancy: &v.Tenancy, IsDefault: &v.Default, Tags: resource.ShownTags(resource.Tags(c, r, v.ID)),
		BlockPublicAccessStates: blockStates(c, r, v.ID, ""),
	}
	for _, b := range v.CIDRs {
		o.CidrBlockAssociationSet = append(o.CidrBlockAssociationSet, *b.api("associated"))
	}
	for _, b := range v.IPv6 {
		o.Ipv6CidrBlockAssociationSet = append(o.Ipv6CidrBlockAssociationSet, *b.api6(v.Region, "associated"))
	}
	return o
}

func describeVpcs(c *cloud.Call, r store.Reader, in *api.DescribeVpcsInput) (*api.DescribeVpcsOutput, error) {
	blocks := func(list func(*VPC) []CIDR, f func(CIDR) string) func(*VPC) []string {
		return func(v *VPC) (out []string) {
			for _, b := range list(v) {
				out = append(out, f(b))
			}
			return out
		}
	}
	v4, v6 := func(v *VPC) []CIDR { return v.CIDRs }, func(v *VPC) []CIDR { return v.IPv6 }
	text := func(b CIDR) string { return b.Prefix.String() }
	id := func(b CIDR) string { return b.Association }
	state := func(CIDR) string { return "associated" }
	primary := resource.One(func(v *VPC) string { return v.CIDRs[0].Prefix.String() })
	dhcp := resource.One(func(v *VPC) string { return v.DHCPOptions })
	isDefault := resource.Flag(func(v *VPC) bool { return v.Default })
	list, next, err := resource.List(c, r, resource.Query{IDs: in.VpcIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noVPC},
		vpcs.Scan(r, c.Account, c.Region), func(v *VPC) string { return v.ID },
		resource.Fields[VPC]{
			"cidr": primary, "cidrBlock": primary, "cidr-block": primary,
			"cidr-block-association.cidr-block":           blocks(v4, text),
			"cidr-block-association.association-id":       blocks(v4, id),
			"cidr-block-association.state":                blocks(v4, state),
			"ipv6-cidr-block-association.ipv6-cidr-block": blocks(v6, text),
			"ipv6-cidr-block-association.association-id":  blocks(v6, id),
			"ipv6-cidr-block-association.state":           blocks(v6, state),
			"ipv6-cidr-block-association.ipv6-pool":       blocks(v6, func(CIDR) string { return "Amazon" }),
			"dhcp-options-id":                             dhcp, "dhcpOptionsId": dhcp,
			"is-default": isDefault, "isDefault": isDefault,
			"owner-id": resource.One(func(v *VPC) string { return v.Account }),
			"state":    resource.One(func(*VPC) string { return "available" }),
			"vpc-id":   resource.One(func(v *VPC) string { return v.ID }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcsOutput{Vpcs: []api.Vpc{}, NextToken: next}
	for _, v := range list {
		out.Vpcs = append(out.Vpcs, *v.api(c, r))
	}
	return out, nil
}
