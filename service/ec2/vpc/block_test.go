package vpc

import (
	"slices"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
)

// open is a VPC with an internet gateway, an egress-only one, two subnets and a
// NAT gateway in the first.
type openVPC struct {
	*world
	id, first, second string
	nic, nat          string // interfaces with public addresses in the first subnet
	other             string // and in the second
}

func newOpenVPC(t *testing.T) *openVPC {
	w := newWorld(t)
	x := &openVPC{world: w, id: w.vpc("10.0.0.0/16")}
	nodetest.Do(w.World, &api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: x.id, AmazonProvidedIpv6CidrBlock: new(true)})
	x.first, x.second = w.subnet(x.id, "10.0.1.0/24", "us-east-1a"), w.subnet(x.id, "10.0.2.0/24", "us-east-1b")
	range6 := *nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{VpcIds: []string{x.id}}).Vpcs[0].Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock
	nodetest.Do(w.World, &api.AssociateSubnetCidrBlock, &api.AssociateSubnetCidrBlockInput{SubnetId: x.first, Ipv6CidrBlock: new(range6[:len(range6)-2] + "64")})
	gateway := w.gateway(x.id)
	out := *nodetest.Do(w.World, &api.CreateEgressOnlyInternetGateway, &api.CreateEgressOnlyInternetGatewayInput{VpcId: x.id}).EgressOnlyInternetGateway.EgressOnlyInternetGatewayId
	table := *nodetest.Do(w.World, &api.DescribeRouteTables, &api.DescribeRouteTablesInput{Filters: []api.Filter{{Name: new("vpc-id"), Values: []string{x.id}}}}).RouteTables[0].RouteTableId
	for _, in := range []*api.CreateRouteInput{
		{DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: &gateway},
		{DestinationIpv6CidrBlock: new("2001:db8::/32"), GatewayId: &gateway},
		{DestinationIpv6CidrBlock: new("::/0"), EgressOnlyInternetGatewayId: &out},
	} {
		in.RouteTableId = table
		nodetest.Do(w.World, &api.CreateRoute, in)
	}
	public := func(nic string) string {
		e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
		nodetest.Do(w.World, &api.AssociateAddress, &api.AssociateAddressInput{AllocationId: e.AllocationId, NetworkInterfaceId: &nic})
		return nic
	}
	x.nic, x.other = public(w.nic(x.first)), public(w.nic(x.second))
	e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &x.first, AllocationId: e.AllocationId})
	w.Drain()
	x.nat = x.applied(x.id).NATGateways[0].Interface
	return x
}

// block sets the mode and returns the network that comes of it.
func (x *openVPC) block(mode string) plane.VPC {
	x.T.Helper()
	nodetest.Do(x.World, &api.ModifyVpcBlockPublicAccessOptions, &api.ModifyVpcBlockPublicAccessOptionsInput{InternetGatewayBlockMode: mode})
	return x.applied(x.id)
}

// exclude excludes a subnet.
func (x *openVPC) exclude(subnet, mode string) string {
	x.T.Helper()
	out := nodetest.Do(x.World, &api.CreateVpcBlockPublicAccessExclusion, &api.CreateVpcBlockPublicAccessExclusionInput{SubnetId: &subnet, InternetGatewayExclusionMode: mode})
	return *out.VpcBlockPublicAccessExclusion.ExclusionId
}

// ways are the kinds of targets that a subnet's routes have, blackholes aside.
func ways(v plane.VPC, subnet string) (list []string) {
	for _, s := range v.Subnets {
		for _, t := range v.RouteTables {
			for _, route := range t.Routes {
				if s.ID == subnet && s.RouteTable == t.ID && route.Kind != plane.Blackhole && route.Kind != "" {
					family := "6 "
					if route.Destination.Addr().Is4() {
						family = "4 "
					}
					list = append(list, family+string(route.Kind))
				}
			}
		}
	}
	slices.Sort(list)
	return list
}

// public tells which interfaces have public addresses.
func (x *openVPC) public(v plane.VPC) (nic, nat, other bool) {
	for _, e := range v.Interfaces {
		switch has := len(e.Public) > 0; e.ID {
		case x.nic:
			nic = has
		case x.nat:
			nat = has
		case x.other:
			other = has
		}
	}
	return nic, nat, other
}

// letsIn tells whether the VPC's range of IPv6 can be reached by the internet
// gateway.
func letsIn(v plane.VPC) bool {
	table := v.GatewayTables[v.InternetGateway]
	for _, t := range v.RouteTables {
		if t.ID == table && slices.ContainsFunc(t.Routes, func(r plane.Route) bool { return r.Kind == plane.Blackhole && r.Destination.Addr().Is6() }) {
			return false
		}
	}
	return true
}

var everyWay = []string{"4 internet-gateway", "6 egress-only-gateway", "6 internet-gateway"}

func TestBlockedPublicAccess(t *testing.T) {
	for name, tt := range map[string]struct {
		mode, exclude           string // the mode, and that of an exclusion of the first subnet
		first, second           []string
		nic, nat, other, comeIn bool
		shown                   string // of the first subnet
	}{
		"off":                    {mode: "off", first: everyWay, second: everyWay, nic: true, nat: true, other: true, comeIn: true, shown: "off"},
		"both ways":              {mode: "block-bidirectional", shown: "block-bidirectional"},
		"both ways but a subnet": {mode: "block-bidirectional", exclude: "allow-bidirectional", first: everyWay, nic: true, nat: true, comeIn: true, shown: "off"},
		"in but for a subnet's way out": {
			mode: "block-bidirectional", exclude: "allow-egress", first: []string{"4 internet-gateway", "6 egress-only-gateway"}, nat: true, shown: "block-ingress",
		},
		"in": {
			mode: "block-ingress", first: []string{"4 internet-gateway", "6 egress-only-gateway"}, second: []string{"6 egress-only-gateway"}, nat: true, shown: "block-ingress",
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := newOpenVPC(t)
			if tt.exclude != "" {
				x.exclude(x.first, tt.exclude)
			}
			v := x.block(tt.mode)
			nic, nat, other := x.public(v)
			if nic != tt.nic || nat != tt.nat || other != tt.other || letsIn(v) != tt.comeIn {
				t.Errorf("public addresses: %v %v %v, IPv6 comes in: %v", nic, nat, other, letsIn(v))
			}
			if got := ways(v, x.first); !slices.Equal(got, tt.first) {
				t.Errorf("the first subnet's ways out are %v", got)
			}
			if got := ways(v, x.second); !slices.Equal(got, tt.second) {
				t.Errorf("the second subnet's ways out are %v", got)
			}
			s := nodetest.Do(x.World, &api.DescribeSubnets, &api.DescribeSubnetsInput{SubnetIds: []string{x.first}}).Subnets[0]
			if *s.BlockPublicAccessStates.InternetGatewayBlockMode != tt.shown {
				t.Errorf("the first subnet is shown as %s", *s.BlockPublicAccessStates.InternetGatewayBlockMode)
			}
			if v = x.block("off"); !slices.Equal(ways(v, x.second), everyWay) || !letsIn(v) {
				t.Error("it stays blocked")
			}
		})
	}
}

// TestNewerAnswers covers what answers on networks have had since.
func TestNewerAnswers(t *testing.T) {
	x := newOpenVPC(t)
	n := nodetest.Do(x.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{x.nic}}).NetworkInterfaces[0]
	if n.PublicDnsName != nil {
		t.Errorf("a VPC without hostnames has %s", *n.PublicDnsName)
	}
	nodetest.Do(x.World, &api.ModifyVpcAttribute, &api.ModifyVpcAttributeInput{VpcId: x.id, EnableDnsHostnames: &api.AttributeBooleanValue{Value: new(true)}})
	n = nodetest.Do(x.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{x.nic}}).NetworkInterfaces[0]
	if *n.PublicDnsName != *n.Association.PublicDnsName || *n.PublicIpDnsNameOptions.PublicIpv4DnsName != *n.PublicDnsName {
		t.Errorf("the interface's name: %+v", n)
	}
	s := nodetest.Do(x.World, &api.DescribeSubnets, &api.DescribeSubnetsInput{SubnetIds: []string{x.first}}).Subnets[0].Ipv6CidrBlockAssociationSet[0]
	if *s.IpSource != "amazon" || *s.Ipv6AddressAttribute != "public" {
		t.Errorf("the subnet's range: %+v", s)
	}
	d := nodetest.Do(x.World, &api.DescribeVpcEndpointServices, &api.DescribeVpcEndpointServicesInput{ServiceNames: []string{"com.amazonaws.us-east-1.ec2"}}).ServiceDetails[0]
	if len(d.AvailabilityZoneIds) != len(d.AvailabilityZones) || d.AvailabilityZoneIds[0] != "use1-az1" {
		t.Errorf("the service's zones: %v, %v", d.AvailabilityZones, d.AvailabilityZoneIds)
	}
	v := x.vpc("10.9.0.0/16")
	_, err := nodetest.Try(x.World, &api.CreateVpcPeeringConnection, &api.CreateVpcPeeringConnectionInput{VpcId: x.id, PeerVpcId: &v, RequesterPeeringConnectionOptions: &api.CreatePeeringConnectionOptionsRequest{AllowMultipathResilience: new(true)}})
	wantCode(t, err, "UnsupportedOperation")
	_, err = nodetest.Try(x.World, &api.DescribeVpcEndpointAssociations, &api.DescribeVpcEndpointAssociationsInput{VpcEndpointIds: []string{"vpce-0123456789abcdef0"}})
	wantCode(t, err, "InvalidVpcEndpointId.NotFound")
}

func TestExclusions(t *testing.T) {
	x := newOpenVPC(t)
	options := func() *api.VpcBlockPublicAccessOptions {
		return nodetest.Do(x.World, &api.DescribeVpcBlockPublicAccessOptions, &api.DescribeVpcBlockPublicAccessOptionsInput{}).VpcBlockPublicAccessOptions
	}
	if o := options(); *o.State != "default-state" || *o.InternetGatewayBlockMode != "off" || *o.ExclusionsAllowed != "allowed" {
		t.Errorf("at first %+v", o)
	}
	x.block("block-bidirectional")
	if o := options(); *o.State != "update-complete" || !o.LastUpdateTimestamp.Equal(x.Now()) {
		t.Errorf("then %+v", o)
	}
	id := x.exclude(x.first, "allow-bidirectional")
	x.Drain()
	state := func() string {
		list := nodetest.Do(x.World, &api.DescribeVpcBlockPublicAccessExclusions, &api.DescribeVpcBlockPublicAccessExclusionsInput{ExclusionIds: []string{id}}).VpcBlockPublicAccessExclusions
		return *list[0].State
	}
	if s := state(); s != "create-complete" {
		t.Errorf("made: %s", s)
	}
	for code, in := range map[string]*api.CreateVpcBlockPublicAccessExclusionInput{
		"MissingParameter":                           {},
		"InvalidParameterCombination":                {VpcId: &x.id, SubnetId: &x.first},
		"InvalidSubnetID.NotFound":                   {SubnetId: new("subnet-0123456789abcdef0")},
		"VpcBlockPublicAccessExclusionAlreadyExists": {SubnetId: &x.first},
	} {
		in.InternetGatewayExclusionMode = "allow-egress"
		_, err := nodetest.Try(x.World, &api.CreateVpcBlockPublicAccessExclusion, in)
		wantCode(t, err, code)
	}
	nodetest.Do(x.World, &api.ModifyVpcBlockPublicAccessExclusion, &api.ModifyVpcBlockPublicAccessExclusionInput{ExclusionId: id, InternetGatewayExclusionMode: "allow-egress"})
	if v := x.applied(x.id); len(ways(v, x.first)) != 2 || state() != "update-complete" {
		t.Errorf("changed: %s, %v", state(), ways(v, x.first))
	}
	nodetest.Do(x.World, &api.DeleteVpcBlockPublicAccessExclusion, &api.DeleteVpcBlockPublicAccessExclusionInput{ExclusionId: id})
	if v := x.applied(x.id); len(ways(v, x.first)) != 0 || state() != "delete-complete" {
		t.Errorf("deleted: %s, %v", state(), ways(v, x.first))
	}
	_, err := nodetest.Try(x.World, &api.DeleteVpcBlockPublicAccessExclusion, &api.DeleteVpcBlockPublicAccessExclusionInput{ExclusionId: id})
	wantCode(t, err, "InvalidVpcBlockPublicAccessExclusionId.NotFound")
	x.Advance(exclusionKept + time.Second)
	_, err = nodetest.Try(x.World, &api.DescribeVpcBlockPublicAccessExclusions, &api.DescribeVpcBlockPublicAccessExclusionsInput{ExclusionIds: []string{id}})
	wantCode(t, err, "InvalidVpcBlockPublicAccessExclusionId.NotFound")
}
