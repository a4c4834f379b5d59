package vpc

import (
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxRouteTables = 200 // of a VPC

var noRouteTable = notFound("RouteTableID", "routeTable", "rtb")

// main tells whether the table is the VPC's main one.
func (t *RouteTable) main() bool {
	return slices.ContainsFunc(t.Associations, func(a Association) bool { return a.Main })
}

// mainTable is a VPC's main route table.
func mainTable(c *cloud.Call, r store.Reader, vpc string) *RouteTable {
	for t := range routeTables.Index(r, "vpc", c.Account, c.Region, vpc) {
		if t.main() {
			return t
		}
	}
	return nil
}

func createRouteTable(c *cloud.Call, tx store.Tx, in *api.CreateRouteTableInput) (*api.CreateRouteTableOutput, error) {
	return resource.Once(c, tx, "CreateRouteTable", in.ClientToken, in, func() (*api.CreateRouteTableOutput, error) {
		tags, err := tagsFor(in.TagSpecifications, "route-table")
		if err != nil {
			return nil, err
		}
		v, err := FindVPC(c, tx, in.VpcId)
		if err != nil {
			return nil, err
		}
		if count(routeTables.Index(tx, "vpc", c.Account, c.Region, v.ID)) >= maxRouteTables {
			return nil, limit("RouteTableLimitExceeded", "route tables")
		}
		t := &RouteTable{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "rtb"), VPC: v.ID}
		routeTables.Put(tx, t)
		resource.Register(c, tx, "route-table", t.ID, tags)
		return &api.CreateRouteTableOutput{RouteTable: t.api(c, tx), ClientToken: in.ClientToken}, nil
	})
}

func deleteRouteTable(c *cloud.Call, tx store.Tx, in *api.DeleteRouteTableInput) (*cloud.Empty, error) {
	t, err := find(c, tx, routeTables, in.RouteTableId, noRouteTable)
	if err != nil {
		return nil, err
	}
	if len(t.Associations) > 0 {
		return nil, resource.Errorf("DependencyViolation", "The routeTable '%s' has dependencies and cannot be deleted.", t.ID)
	}
	routeTables.Delete(tx, c.Account, c.Region, t.ID)
	resource.Unregister(c, tx, t.ID)
	touch(c, tx, t.VPC)
	return &cloud.Empty{}, nil
}

func associateRouteTable(c *cloud.Call, tx store.Tx, in *api.AssociateRouteTableInput) (*api.AssociateRouteTableOutput, error) {
	t, err := find(c, tx, routeTables, in.RouteTableId, noRouteTable)
	if err != nil {
		return nil, err
	}
	a := Association{ID: resource.NewID(c, "rtbassoc"), Subnet: cloud.Or(in.SubnetId, ""), Gateway: cloud.Or(in.GatewayId, "")}
	switch {
	case a.Subnet == "" && a.Gateway == "":
		return nil, resource.Errorf("MissingParameter", "The request must contain exactly one of subnetId or gatewayId.")
	case a.Subnet != "" && a.Gateway != "":
		return nil, resource.Combination("The request must contain exactly one of subnetId or gatewayId.")
	case strings.HasPrefix(a.Gateway, "vgw-"):
		if err := targetKinds[plane.ToVPN].check(c, tx, t, a.Gateway); err != nil {
			return nil, err
		}
	case a.Gateway != "":
		g, err := find(c, tx, internetGateways, a.Gateway, noGateway)
		if err != nil {
			return nil, err
		}
		if g.VPC != t.VPC {
			return nil, differentNetworks(t.ID, g.ID)
		}
	default:
		s, err := FindSubnet(c, tx, a.Subnet)
		if err != nil {
			return nil, err
		}
		if s.VPC != t.VPC {
			return nil, resource.Errorf("InvalidParameterValue", "Route table %s and subnet %s belong to different networks", t.ID, s.ID)
		}
	}
	for o := range routeTables.Index(tx, "vpc", c.Account, c.Region, t.VPC) {
		for _, b := range o.Associations {
			if b.Main || b.Subnet != a.Subnet || b.Gateway != a.Gateway {
				continue
			}
			if o.ID == t.ID {
				return &api.AssociateRouteTableOutput{AssociationId: &b.ID, AssociationState: associated()}, nil
			}
			return nil, resource.Errorf("Resource.AlreadyAssociated", "the specified association for route table %s conflicts with an existing association", t.ID)
		}
	}
	changed := *t
	changed.Associations = append(slices.Clone(t.Associations), a)
	routeTables.Put(tx, &changed)
	touch(c, tx, t.VPC)
	return &api.AssociateRouteTableOutput{AssociationId: &a.ID, AssociationState: associated()}, nil
}

func associated() *api.RouteTableAssociationState {
	return &api.RouteTableAssociationState{State: new("associated")}
}

// routeAssociation finds an association of a route table by its id.
func routeAssociation(c *cloud.Call, r store.Reader, id string) (*RouteTable, int, error) {
	for t := range routeTables.Scan(r, c.Account, c.Region) {
		if n := slices.IndexFunc(t.Associations, func(a Association) bool { return a.ID == id }); n >= 0 {
			return t, n, nil
		}
	}
	return nil, 0, resource.Errorf("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id)
}

func disassociateRouteTable(c *cloud.Call, tx store.Tx, in *api.DisassociateRouteTableInput) (*cloud.Empty, error) {
	t, n, err := routeAssociation(c, tx, in.AssociationId)
	if err != nil {
		return nil, err
	}
	if t.Associations[n].Main {
		return nil, resource.Errorf("InvalidParameterValue", "cannot disassociate the main route table association %s", in.AssociationId)
	}
	changed := *t
	changed.Associations = slices.Delete(slices.Clone(t.Associations), n, n+1)
	routeTables.Put(tx, &changed)
	touch(c, tx, t.VPC)
	return &cloud.Empty{}, nil
}

// replaceRouteTableAssociation moves an association to another table; with the
// main association, another table becomes the main one.
func replaceRouteTableAssociation(c *cloud.Call, tx store.Tx, in *api.ReplaceRouteTableAssociationInput) (*api.ReplaceRouteTableAssociationOutput, error) {
	from, n, err := routeAssociation(c, tx, in.AssociationId)
	if err != nil {
		return nil, err
	}
	to, err := find(c, tx, routeTables, in.RouteTableId, noRouteTable)
	if err != nil {
		return nil, err
	}
	a := from.Associations[n]
	if from.VPC != to.VPC {
		return nil, resource.Errorf("InvalidParameterValue", "Route table %s and association %s belong to different networks", to.ID, a.ID)
	}
	a.ID = resource.NewID(c, "rtbassoc")
	left := *from
	left.Associations = slices.Delete(slices.Clone(from.Associations), n, n+1)
	if from.ID == to.ID {
		to = &left
	}
	routeTables.Put(tx, &left)
	changed := *to
	changed.Associations = append(slices.Clone(to.Associations), a)
	routeTables.Put(tx, &changed)
	touch(c, tx, to.VPC)
	return &api.ReplaceRouteTableAssociationOutput{NewAssociationId: &a.ID, AssociationState: associated()}, nil
}

// api is a route table as answers have it.
func (t *RouteTable) api(c *cloud.Call, r store.Reader) *api.RouteTable {
	o := &api.RouteTable{
		RouteTableId: &t.ID, VpcId: &t.VPC, OwnerId: &t.Account, Tags: resource.APITags(resource.Tags(c, r, t.ID)),
		Associations: []api.RouteTableAssociation{}, PropagatingVgws: []api.PropagatingVgw{}, Routes: t.apiRoutes(c, r),
	}
	for _, a := range t.Associations {
		o.Associations = append(o.Associations, api.RouteTableAssociation{
			Main: &a.Main, RouteTableAssociationId: &a.ID, RouteTableId: &t.ID, SubnetId: text(a.Subnet), GatewayId: text(a.Gateway), AssociationState: associated(),
		})
	}
	for _, g := range t.Gateways {
		o.PropagatingVgws = append(o.PropagatingVgws, api.PropagatingVgw{GatewayId: &g})
	}
	return o
}

func describeRouteTables(c *cloud.Call, r store.Reader, in *api.DescribeRouteTablesInput) (*api.DescribeRouteTablesOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.RouteTableIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Most: 100, NotFound: noRouteTable},
		routeTables.Scan(r, c.Account, c.Region), func(t *RouteTable) string { return t.ID },
		routeTableFields(c, r))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeRouteTablesOutput{RouteTables: []api.RouteTable{}, NextToken: next}
	for _, t := range list {
		out.RouteTables = append(out.RouteTables, *t.api(c, r))
	}
	return out, nil
}

// routeTableFields are the filters of DescribeRouteTables.
func routeTableFields(c *cloud.Call, r store.Reader) resource.Fields[RouteTable] {
	associations := func(f func(Association) string) func(*RouteTable) []string {
		return func(t *RouteTable) (out []string) {
			for _, a := range t.Associations {
				if s := f(a); s != "" {
					out = append(out, s)
				}
			}
			return out
		}
	}
	routes := func(f func(*api.Route) *string) func(*RouteTable) []string {
		return func(t *RouteTable) (out []string) {
			for _, o := range t.apiRoutes(c, r) {
				if s := f(&o); s != nil {
					out = append(out, *s)
				}
			}
			return out
		}
	}
	return resource.Fields[RouteTable]{
		"association.gateway-id":                 associations(func(a Association) string { return a.Gateway }),
		"association.route-table-association-id": associations(func(a Association) string { return a.ID }),
		"association.subnet-id":                  associations(func(a Association) string { return a.Subnet }),
		"association.route-table-id": func(t *RouteTable) []string {
			if len(t.Associations) == 0 {
				return nil
			}
			return []string{t.ID}
		},
		// A table without associations matches neither value, as on AWS.
		"association.main": associations(func(a Association) string {
			if a.Main {
				return "true"
			}
			return "false"
		}),
		"owner-id":                              resource.One(func(t *RouteTable) string { return t.Account }),
		"route-table-id":                        resource.One(func(t *RouteTable) string { return t.ID }),
		"vpc-id":                                resource.One(func(t *RouteTable) string { return t.VPC }),
		"route.destination-cidr-block":          routes(func(o *api.Route) *string { return o.DestinationCidrBlock }),
		"route.destination-ipv6-cidr-block":     routes(func(o *api.Route) *string { return o.DestinationIpv6CidrBlock }),
		"route.destination-prefix-list-id":      routes(func(o *api.Route) *string { return o.DestinationPrefixListId }),
		"route.egress-only-internet-gateway-id": routes(func(o *api.Route) *string { return o.EgressOnlyInternetGatewayId }),
		"route.gateway-id":                      routes(func(o *api.Route) *string { return o.GatewayId }),
		"route.instance-id":                     routes(func(o *api.Route) *string { return o.InstanceId }),
		"route.nat-gateway-id":                  routes(func(o *api.Route) *string { return o.NatGatewayId }),
		"route.network-interface-id":            routes(func(o *api.Route) *string { return o.NetworkInterfaceId }),
		"route.transit-gateway-id":              routes(func(o *api.Route) *string { return o.TransitGatewayId }),
		"route.origin":                          routes(func(o *api.Route) *string { return o.Origin }),
		"route.state":                           routes(func(o *api.Route) *string { return o.State }),
		"route.vpc-peering-connection-id":       routes(func(o *api.Route) *string { return o.VpcPeeringConnectionId }),
		"route.vpc-endpoint-id":                 routes(func(o *api.Route) *string { return nil }),
	}
}
