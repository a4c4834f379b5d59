package vpc

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
)

// TestRoutes tries targets and destinations.
func TestRoutes(t *testing.T) {
	w := newWorld(t)
	v, other := w.vpc("10.0.0.0/16"), w.vpc("10.9.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	g, stranger := w.gateway(v), w.gateway(other)
	eni := w.nic(s)
	rtb := *nodetest.Do(w.World, &api.CreateRouteTable, &api.CreateRouteTableInput{VpcId: v}).RouteTable.RouteTableId
	create := func(in api.CreateRouteInput) error {
		in.RouteTableId = rtb
		_, err := nodetest.Try(w.World, &api.CreateRoute, &in)
		return err
	}
	for _, test := range []struct {
		in   api.CreateRouteInput
		code string
	}{
		{api.CreateRouteInput{DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &g}, ""},
		{api.CreateRouteInput{DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &g}, ""}, // the same again
		{api.CreateRouteInput{DestinationCidrBlock: new("0.0.0.0/0"), NetworkInterfaceId: &eni}, "RouteAlreadyExists"},
		{api.CreateRouteInput{DestinationCidrBlock: new("10.0.0.0/16"), NetworkInterfaceId: &eni}, "RouteAlreadyExists"},
		{api.CreateRouteInput{DestinationCidrBlock: new("10.0.0.0/24"), GatewayId: &g}, "InvalidParameterValue"},
		{api.CreateRouteInput{DestinationCidrBlock: new("192.0.2.0/24"), GatewayId: &stranger}, "InvalidParameterValue"},
		{api.CreateRouteInput{DestinationCidrBlock: new("192.0.2.0/24"), GatewayId: new("igw-0123456789abcdef0")}, "InvalidGatewayID.NotFound"},
		{api.CreateRouteInput{DestinationCidrBlock: new("192.0.2.0/24"), NatGatewayId: new("nat-0123456789abcdef0")}, "InvalidNatGatewayID.NotFound"},
		{api.CreateRouteInput{DestinationCidrBlock: new("192.0.2.0/24"), GatewayId: &g, NetworkInterfaceId: &eni}, "InvalidParameterCombination"},
		{api.CreateRouteInput{DestinationCidrBlock: new("192.0.2.0/24"), DestinationIpv6CidrBlock: new("::/0"), GatewayId: &g}, "InvalidParameterCombination"},
		{api.CreateRouteInput{DestinationPrefixListId: new("pl-63a5400a"), NetworkInterfaceId: &eni}, ""},
		{api.CreateRouteInput{DestinationCidrBlock: new("192.0.2.0/24"), NetworkInterfaceId: &eni}, ""},
	} {
		err := create(test.in)
		if test.code != "" {
			wantCode(t, err, test.code)
		} else if err != nil {
			t.Error(err)
		}
	}
	state := func(cidr string) string {
		for _, r := range nodetest.Do(w.World, &api.DescribeRouteTables, &api.DescribeRouteTablesInput{RouteTableIds: []string{rtb}}).RouteTables[0].Routes {
			if r.DestinationCidrBlock != nil && *r.DestinationCidrBlock == cidr {
				return *r.State
			}
		}
		return "missing"
	}
	if got := state("192.0.2.0/24"); got != "blackhole" { // the interface is attached to nothing
		t.Errorf("the route to a loose interface is %s", got)
	}
	nodetest.Do(w.World, &api.DetachInternetGateway, &api.DetachInternetGatewayInput{InternetGatewayId: g, VpcId: v})
	if got := state("0.0.0.0/0"); got != "blackhole" {
		t.Errorf("the route to a detached gateway is %s", got)
	}
	for _, r := range tableOf(t, w.applied(v), rtb).Routes {
		if r.Kind != plane.Blackhole {
			t.Errorf("the data plane has the route %+v", r)
		}
	}
	nodetest.Do(w.World, &api.AttachInternetGateway, &api.AttachInternetGatewayInput{InternetGatewayId: g, VpcId: v})
	if got := state("0.0.0.0/0"); got != "active" {
		t.Errorf("the route to the gateway is %s", got)
	}
	_, err := nodetest.Try(w.World, &api.DeleteRoute, &api.DeleteRouteInput{RouteTableId: rtb, DestinationCidrBlock: new("10.0.0.0/16")})
	wantCode(t, err, "InvalidParameterValue")
	_, err = nodetest.Try(w.World, &api.DeleteRoute, &api.DeleteRouteInput{RouteTableId: rtb, DestinationCidrBlock: new("198.51.100.0/24")})
	wantCode(t, err, "InvalidRoute.NotFound")
	_, err = nodetest.Try(w.World, &api.ReplaceRoute, &api.ReplaceRouteInput{RouteTableId: rtb, DestinationCidrBlock: new("198.51.100.0/24"), GatewayId: &g})
	wantCode(t, err, "InvalidParameterValue")
}

func tableOf(t *testing.T, v plane.VPC, id string) plane.RouteTable {
	t.Helper()
	for _, x := range v.RouteTables {
		if x.ID == id {
			return x
		}
	}
	t.Fatalf("the data plane has no table %s", id)
	return plane.RouteTable{}
}

// TestMainTable makes another table the main one, and moves a subnet.
func TestMainTable(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	w.nic(s)
	main := nodetest.Do(w.World, &api.DescribeRouteTables, &api.DescribeRouteTablesInput{Filters: filter("vpc-id", v)}).RouteTables[0]
	rtb := *nodetest.Do(w.World, &api.CreateRouteTable, &api.CreateRouteTableInput{VpcId: v}).RouteTable.RouteTableId
	_, err := nodetest.Try(w.World, &api.DisassociateRouteTable, &api.DisassociateRouteTableInput{AssociationId: *main.Associations[0].RouteTableAssociationId})
	wantCode(t, err, "InvalidParameterValue")
	nodetest.Do(w.World, &api.ReplaceRouteTableAssociation, &api.ReplaceRouteTableAssociationInput{AssociationId: *main.Associations[0].RouteTableAssociationId, RouteTableId: rtb})
	if got := w.applied(v).Subnets[0].RouteTable; got != rtb {
		t.Errorf("the subnet follows %s", got)
	}
	nodetest.Do(w.World, &api.AssociateRouteTable, &api.AssociateRouteTableInput{RouteTableId: *main.RouteTableId, SubnetId: &s})
	if got := w.applied(v).Subnets[0].RouteTable; got != *main.RouteTableId {
		t.Errorf("the subnet follows %s", got)
	}
	_, err = nodetest.Try(w.World, &api.AssociateRouteTable, &api.AssociateRouteTableInput{RouteTableId: rtb, SubnetId: &s})
	wantCode(t, err, "Resource.AlreadyAssociated")
	_, err = nodetest.Try(w.World, &api.DeleteRouteTable, &api.DeleteRouteTableInput{RouteTableId: rtb})
	wantCode(t, err, "DependencyViolation")
}
