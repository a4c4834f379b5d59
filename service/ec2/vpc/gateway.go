package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxGateways = 5 // in a region, as many as VPCs

var (
	noGateway = notFound("InternetGatewayID", "internetGateway", "igw")
	noEgress  = func(id string) *cloud.Error {
		return resource.Errorf("InvalidGatewayID.NotFound", "The eigw ID '%s' does not exist", id)
	}
)

func createInternetGateway(c *cloud.Call, tx store.Tx, in *api.CreateInternetGatewayInput) (*api.CreateInternetGatewayOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, "internet-gateway")
	if err != nil {
		return nil, err
	}
	if count(internetGateways.Scan(tx, c.Account, c.Region)) >= maxGateways {
		return nil, limit("InternetGatewayLimitExceeded", "internet gateways")
	}
	g := &Gateway{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "igw")}
	internetGateways.Put(tx, g)
	resource.Register(c, tx, "internet-gateway", g.ID, tags)
	return &api.CreateInternetGatewayOutput{InternetGateway: g.api(c, tx)}, nil
}

func (g *Gateway) api(c *cloud.Call, r store.Reader) *api.InternetGateway {
	return &api.InternetGateway{
		InternetGatewayId: &g.ID, OwnerId: &g.Account, Attachments: g.attachments("available"), Tags: resource.APITags(resource.Tags(c, r, g.ID)),
	}
}

// attachments are where the gateway is: one VPC or none.
func (g *Gateway) attachments(state string) []api.InternetGatewayAttachment {
	if g.VPC == "" {
		return []api.InternetGatewayAttachment{}
	}
	return []api.InternetGatewayAttachment{{State: &state, VpcId: &g.VPC}}
}

func attachInternetGateway(c *cloud.Call, tx store.Tx, in *api.AttachInternetGatewayInput) (*cloud.Empty, error) {
	g, err := find(c, tx, internetGateways, in.InternetGatewayId, noGateway)
	if err != nil {
		return nil, err
	}
	v, err := FindVPC(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, resource.Errorf("Resource.AlreadyAssociated", "resource %s is already attached to network %s", g.ID, g.VPC)
	}
	if hasInternetGateway(c, tx, v.ID) {
		return nil, resource.Errorf("InvalidParameterValue", "Network %s already has an internet gateway attached", v.ID)
	}
	changed := *g
	changed.VPC = v.ID
	internetGateways.Put(tx, &changed)
	touch(c, tx, v.ID)
	return &cloud.Empty{}, nil
}

func detachInternetGateway(c *cloud.Call, tx store.Tx, in *api.DetachInternetGatewayInput) (*cloud.Empty, error) {
	g, err := find(c, tx, internetGateways, in.InternetGatewayId, noGateway)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		if _, err := FindVPC(c, tx, in.VpcId); err != nil {
			return nil, err
		}
	}
	if g.VPC != in.VpcId {
		return nil, resource.Errorf("Gateway.NotAttached", "resource %s is not attached to network %s", g.ID, in.VpcId)
	}
	// Public addresses would lead nowhere.
	for i := range interfaces.Index(tx, "vpc", c.Account, c.Region, g.VPC) {
		for _, a := range i.Addresses {
			if a.Public.IsValid() {
				return nil, resource.Errorf("DependencyViolation", "Network %s has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.", g.VPC)
			}
		}
	}
	changed := *g
	changed.VPC = ""
	internetGateways.Put(tx, &changed)
	touch(c, tx, g.VPC)
	return &cloud.Empty{}, nil
}

func deleteInternetGateway(c *cloud.Call, tx store.Tx, in *api.DeleteInternetGatewayInput) (*cloud.Empty, error) {
	g, err := find(c, tx, internetGateways, in.InternetGatewayId, noGateway)
	if err != nil {
		return nil, err
	}
	if g.VPC != "" {
		return nil, resource.DependencyViolation("internetGateway", g.ID)
	}
	internetGateways.Delete(tx, c.Account, c.Region, g.ID)
	resource.Unregister(c, tx, g.ID)
	touchRoutesTo(c, tx, g.ID)
	return &cloud.Empty{}, nil
}

// touchRoutesTo has every VPC looked at that has a route to a target that is
// gone.
func touchRoutesTo(c *cloud.Call, tx store.Tx, target string) {
	for t := range routeTables.Scan(tx, c.Account, c.Region) {
		for _, route := range t.Routes {
			if route.Target == target {
				touch(c, tx, t.VPC)
			}
		}
	}
}

func describeInternetGateways(c *cloud.Call, r store.Reader, in *api.DescribeInternetGatewaysInput) (*api.DescribeInternetGatewaysOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.InternetGatewayIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noGateway},
		internetGateways.Scan(r, c.Account, c.Region), func(g *Gateway) string { return g.ID }, gatewayFields("internet-gateway-id"))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeInternetGatewaysOutput{InternetGateways: []api.InternetGateway{}, NextToken: next}
	for _, g := range list {
		out.InternetGateways = append(out.InternetGateways, *g.api(c, r))
	}
	return out, nil
}

func gatewayFields(id string) resource.Fields[Gateway] {
	return resource.Fields[Gateway]{
		"attachment.state": optional(func(g *Gateway) string {
			if g.VPC == "" {
				return ""
			}
			return "available"
		}),
		"attachment.vpc-id": optional(func(g *Gateway) string { return g.VPC }),
		id:                  resource.One(func(g *Gateway) string { return g.ID }),
		"owner-id":          resource.One(func(g *Gateway) string { return g.Account }),
	}
}

func createEgressOnlyInternetGateway(c *cloud.Call, tx store.Tx, in *api.CreateEgressOnlyInternetGatewayInput) (*api.CreateEgressOnlyInternetGatewayOutput, error) {
	return resource.Once(c, tx, "CreateEgressOnlyInternetGateway", in.ClientToken, in, func() (*api.CreateEgressOnlyInternetGatewayOutput, error) {
		tags, err := tagsFor(in.TagSpecifications, "egress-only-internet-gateway")
		if err != nil {
			return nil, err
		}
		v, err := FindVPC(c, tx, in.VpcId)
		if err != nil {
			return nil, err
		}
		if count(egressGateways.Scan(tx, c.Account, c.Region)) >= maxGateways {
			return nil, limit("EgressOnlyInternetGatewayLimitExceeded", "egress only internet gateways")
		}
		g := &Gateway{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "eigw"), VPC: v.ID}
		egressGateways.Put(tx, g)
		resource.Register(c, tx, "egress-only-internet-gateway", g.ID, tags)
		touch(c, tx, v.ID)
		return &api.CreateEgressOnlyInternetGatewayOutput{ClientToken: in.ClientToken, EgressOnlyInternetGateway: g.apiEgress(c, tx)}, nil
	})
}

func (g *Gateway) apiEgress(c *cloud.Call, r store.Reader) *api.EgressOnlyInternetGateway {
	return &api.EgressOnlyInternetGateway{EgressOnlyInternetGatewayId: &g.ID, Attachments: g.attachments("attached"), Tags: resource.APITags(resource.Tags(c, r, g.ID))}
}

func deleteEgressOnlyInternetGateway(c *cloud.Call, tx store.Tx, in *api.DeleteEgressOnlyInternetGatewayInput) (*api.DeleteEgressOnlyInternetGatewayOutput, error) {
	g, err := find(c, tx, egressGateways, in.EgressOnlyInternetGatewayId, noEgress)
	if err != nil {
		return nil, err
	}
	egressGateways.Delete(tx, c.Account, c.Region, g.ID)
	resource.Unregister(c, tx, g.ID)
	touch(c, tx, g.VPC)
	return &api.DeleteEgressOnlyInternetGatewayOutput{ReturnCode: yes()}, nil
}

func describeEgressOnlyInternetGateways(c *cloud.Call, r store.Reader, in *api.DescribeEgressOnlyInternetGatewaysInput) (*api.DescribeEgressOnlyInternetGatewaysOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.EgressOnlyInternetGatewayIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Most: 255, NotFound: noEgress},
		egressGateways.Scan(r, c.Account, c.Region), func(g *Gateway) string { return g.ID }, gatewayFields("egress-only-internet-gateway-id"))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeEgressOnlyInternetGatewaysOutput{EgressOnlyInternetGateways: []api.EgressOnlyInternetGateway{}, NextToken: next}
	for _, g := range list {
		out.EgressOnlyInternetGateways = append(out.EgressOnlyInternetGateways, *g.apiEgress(c, r))
	}
	return out, nil
}
