package vpc_test

import (
	"net/netip"
	"strings"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

func (w *world) endpoint(in *api.CreateVpcEndpointInput) *api.VpcEndpoint {
	w.T.Helper()
	made := nodetest.Do(w.World, &api.CreateVpcEndpoint, in).VpcEndpoint
	if *made.State != "pending" {
		w.T.Errorf("a new endpoint is %s", *made.State)
	}
	w.Drain()
	list := nodetest.Do(w.World, &api.DescribeVpcEndpoints, &api.DescribeVpcEndpointsInput{VpcEndpointIds: []string{*made.VpcEndpointId}}).VpcEndpoints
	if *list[0].State != "available" {
		w.T.Errorf("an endpoint is %s after a while", *list[0].State)
	}
	return &list[0]
}

func TestGatewayEndpoint(t *testing.T) {
	for service, at := range map[string]struct {
		list string
		edge netip.Addr
	}{
		"s3":       {"pl-63a5400a", plane.EdgeS3},
		"dynamodb": {"pl-02cd2c6b", plane.EdgeDynamoDB},
	} {
		t.Run(service, func(t *testing.T) { testGatewayEndpoint(t, service, at.list, at.edge) })
	}
}

func testGatewayEndpoint(t *testing.T, service, list string, edge netip.Addr) {
	w := servedWorld(t)
	v := w.vpc("10.0.0.0/16")
	table := *nodetest.Do(w.World, &api.CreateRouteTable, &api.CreateRouteTableInput{VpcId: v}).RouteTable.RouteTableId
	w.nic(w.subnet(v, "10.0.1.0/24", "us-east-1a"))
	in := &api.CreateVpcEndpointInput{VpcId: v, ServiceName: "com.amazonaws.us-east-1." + service, RouteTableIds: []string{table}}
	e := w.endpoint(in)
	p := w.applied(v)
	if len(p.GatewayEndpoints) != 1 || p.GatewayEndpoints[0].ID != *e.VpcEndpointId || p.GatewayEndpoints[0].Addresses[0].Addr() != edge {
		t.Errorf("the data plane has %+v", p.GatewayEndpoints)
	}
	route := func() (found *plane.Route) {
		for _, rt := range w.applied(v).RouteTables {
			for _, r := range rt.Routes {
				if rt.ID == table {
					found = &r
				}
			}
		}
		return found
	}
	if r := route(); r == nil || r.Kind != plane.ToGatewayEndpoint || r.Destination != netip.PrefixFrom(edge, 32) {
		t.Errorf("the route is %+v", r)
	}
	_, err := nodetest.Try(w.World, &api.CreateVpcEndpoint, in)
	wantCode(t, err, "RouteAlreadyExists")
	_, err = nodetest.Try(w.World, &api.DeleteRoute, &api.DeleteRouteInput{RouteTableId: table, DestinationPrefixListId: new(list)})
	wantCode(t, err, "InvalidParameterValue")
	nodetest.Do(w.World, &api.ModifyVpcEndpoint, &api.ModifyVpcEndpointInput{VpcEndpointId: *e.VpcEndpointId, RemoveRouteTableIds: []string{table}})
	if r := route(); r != nil {
		t.Errorf("the route stays: %+v", r)
	}
	_, err = nodetest.Try(w.World, &api.DeleteVpc, &api.DeleteVpcInput{VpcId: v})
	wantCode(t, err, "DependencyViolation")
	gone := nodetest.Do(w.World, &api.DeleteVpcEndpoints, &api.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId, "vpce-00000000000000000"}})
	if len(gone.Unsuccessful) != 1 || *gone.Unsuccessful[0].Error.Code != "InvalidVpcEndpointId.NotFound" {
		t.Errorf("unsuccessful: %+v", gone.Unsuccessful)
	}
	w.Drain()
	if left := nodetest.Do(w.World, &api.DescribeVpcEndpoints, &api.DescribeVpcEndpointsInput{}).VpcEndpoints; len(left) != 0 {
		t.Errorf("left: %+v", left)
	}
}

func TestInterfaceEndpoint(t *testing.T) {
	w := servedWorld(t)
	v := w.vpc("10.0.0.0/16")
	a, b, a2 := w.subnet(v, "10.0.1.0/24", "us-east-1a"), w.subnet(v, "10.0.2.0/24", "us-east-1b"), w.subnet(v, "10.0.3.0/24", "us-east-1a")
	in := &api.CreateVpcEndpointInput{VpcId: v, ServiceName: "com.amazonaws.us-east-1.sqs", VpcEndpointType: new("Interface"), SubnetIds: []string{a},
		SubnetConfigurations: []api.SubnetConfiguration{{SubnetId: &a, Ipv4: new("10.0.1.50")}}}
	_, err := nodetest.Try(w.World, &api.CreateVpcEndpoint, in)
	wantCode(t, err, "InvalidParameter") // no DNS host names
	nodetest.Do(w.World, &api.ModifyVpcAttribute, &api.ModifyVpcAttributeInput{VpcId: v, EnableDnsHostnames: &api.AttributeBooleanValue{Value: new(true)}})
	e := w.endpoint(in)
	if len(e.DnsEntries) != 3 || *e.DnsEntries[2].DnsName != "sqs.us-east-1.amazonaws.com" || len(e.Groups) != 1 {
		t.Errorf("the endpoint: %+v", e)
	}
	var served []plane.Interface
	for _, i := range w.applied(v).Interfaces {
		if i.Served && i.Endpoint == *e.VpcEndpointId {
			served = append(served, i)
		}
	}
	if len(served) != 1 || served[0].Primary != netip.MustParseAddr("10.0.1.50") {
		t.Errorf("served: %+v", served)
	}
	resolve := func(name string) (list []netip.Addr, ok bool) {
		w.View(func(r store.Reader) {
			rec, _ := vpc.Locate(r, v)
			list, ok = rec.EndpointAddresses(r, name, false)
		})
		return list, ok
	}
	for _, d := range e.DnsEntries {
		if got, ok := resolve(*d.DnsName); !ok || len(got) != 1 || got[0] != netip.MustParseAddr("10.0.1.50") {
			t.Errorf("%s leads to %v, %v", *d.DnsName, got, ok)
		}
	}
	if _, ok := resolve("sts.us-east-1.amazonaws.com"); ok {
		t.Error("a service without an endpoint has the name of one")
	}
	_, err = nodetest.Try(w.World, &api.CreateVpcEndpoint, in)
	wantCode(t, err, "InvalidParameter") // a conflicting DNS domain
	modify := func(in *api.ModifyVpcEndpointInput) error {
		in.VpcEndpointId = *e.VpcEndpointId
		_, err := nodetest.Try(w.World, &api.ModifyVpcEndpoint, in)
		return err
	}
	wantCode(t, modify(&api.ModifyVpcEndpointInput{AddSubnetIds: []string{a2}}), "DuplicateSubnetsInSameZone")
	if err := modify(&api.ModifyVpcEndpointInput{AddSubnetIds: []string{b}, PrivateDnsEnabled: new(false)}); err != nil {
		t.Fatal(err)
	}
	if got, _ := resolve(*e.DnsEntries[0].DnsName); len(got) != 2 {
		t.Errorf("with two subnets: %v", got)
	}
	if _, ok := resolve("sqs.us-east-1.amazonaws.com"); ok {
		t.Error("private DNS was turned off and answers")
	}
	nodetest.Do(w.World, &api.DeleteVpcEndpoints, &api.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}})
	w.Drain()
	if n := len(nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{}).NetworkInterfaces); n != 0 {
		t.Errorf("%d interfaces stay", n)
	}
}

func TestEndpointErrors(t *testing.T) {
	w := servedWorld(t)
	v := w.vpc("10.0.0.0/16")
	for name, tt := range map[string]struct {
		in   api.CreateVpcEndpointInput
		code string
	}{
		"no such service":        {api.CreateVpcEndpointInput{ServiceName: "com.amazonaws.us-east-1.nothing"}, "InvalidServiceName"},
		"not in this cloud":      {api.CreateVpcEndpointInput{ServiceName: "com.amazonaws.us-east-1.dynamodb", VpcEndpointType: new("Interface")}, "InvalidServiceName"},
		"another region":         {api.CreateVpcEndpointInput{ServiceName: "com.amazonaws.eu-west-1.s3"}, "InvalidServiceName"},
		"the wrong type":         {api.CreateVpcEndpointInput{ServiceName: "com.amazonaws.us-east-1.sqs"}, "InvalidParameter"},
		"a bad policy":           {api.CreateVpcEndpointInput{ServiceName: "com.amazonaws.us-east-1.s3", PolicyDocument: new("{")}, "InvalidPolicyDocument"},
		"groups for a gateway":   {api.CreateVpcEndpointInput{ServiceName: "com.amazonaws.us-east-1.s3", SecurityGroupIds: []string{"sg-00000000000000000"}}, "InvalidParameter"},
		"a table of another VPC": {api.CreateVpcEndpointInput{ServiceName: "com.amazonaws.us-east-1.s3", RouteTableIds: []string{"rtb-00000000000000000"}}, "InvalidRouteTableID.NotFound"},
	} {
		tt.in.VpcId = v
		_, err := nodetest.Try(w.World, &api.CreateVpcEndpoint, &tt.in)
		t.Log(name)
		wantCode(t, err, tt.code)
	}
	services := nodetest.Do(w.World, &api.DescribeVpcEndpointServices, &api.DescribeVpcEndpointServicesInput{})
	if len(services.ServiceNames) != 4 || len(services.ServiceDetails) != 5 { // dynamodb's gateway, ec2, s3 of both types, sqs
		t.Errorf("services: %v", services.ServiceNames)
	}
}

// TestEndpointFamily changes an endpoint to dual stack and back, which DNS
// records it has, and where its interface is.
func TestEndpointFamily(t *testing.T) {
	w := servedWorld(t)
	v := w.vpc("10.0.0.0/16")
	nodetest.Do(w.World, &api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: v, AmazonProvidedIpv6CidrBlock: new(true)})
	six := nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{VpcIds: []string{v}}).Vpcs[0].Ipv6CidrBlockAssociationSet[0]
	s, bare := w.subnet(v, "10.0.1.0/24", "us-east-1a"), w.subnet(v, "10.0.2.0/24", "us-east-1b")
	nodetest.Do(w.World, &api.AssociateSubnetCidrBlock, &api.AssociateSubnetCidrBlockInput{SubnetId: s, Ipv6CidrBlock: new(netip.PrefixFrom(netip.MustParsePrefix(*six.Ipv6CidrBlock).Addr(), 64).String())})
	e := w.endpoint(&api.CreateVpcEndpointInput{VpcId: v, ServiceName: "com.amazonaws.us-east-1.sqs", VpcEndpointType: new("Interface"), SubnetIds: []string{s, bare}, PrivateDnsEnabled: new(false)})
	answers := func() (n4, n6 int) {
		w.View(func(r store.Reader) {
			rec, _ := vpc.Locate(r, v)
			a4, _ := rec.EndpointAddresses(r, *e.DnsEntries[0].DnsName, false)
			a6, _ := rec.EndpointAddresses(r, *e.DnsEntries[0].DnsName, true)
			n4, n6 = len(a4), len(a6)
		})
		return n4, n6
	}
	_, err := nodetest.Try(w.World, &api.ModifyVpcEndpoint, &api.ModifyVpcEndpointInput{VpcEndpointId: *e.VpcEndpointId, IpAddressType: new("dualstack")})
	wantCode(t, err, "InvalidParameterValue") // a subnet has no IPv6
	for _, step := range []struct {
		in        api.ModifyVpcEndpointInput
		ip, dns   string
		four, six int
	}{
		{api.ModifyVpcEndpointInput{IpAddressType: new("dualstack"), RemoveSubnetIds: []string{bare}}, "dualstack", "ipv4", 1, 0},
		{api.ModifyVpcEndpointInput{DnsOptions: &api.DnsOptionsSpecification{DnsRecordIpType: new("dualstack")}}, "dualstack", "dualstack", 1, 1},
		{api.ModifyVpcEndpointInput{DnsOptions: &api.DnsOptionsSpecification{DnsRecordIpType: new("ipv6")}}, "dualstack", "ipv6", 0, 1},
		{api.ModifyVpcEndpointInput{SubnetConfigurations: []api.SubnetConfiguration{{SubnetId: &s, Ipv4: new("10.0.1.77")}}}, "dualstack", "ipv6", 0, 1},
		{api.ModifyVpcEndpointInput{IpAddressType: new("ipv4")}, "ipv4", "ipv4", 1, 0},
	} {
		step.in.VpcEndpointId = *e.VpcEndpointId
		nodetest.Do(w.World, &api.ModifyVpcEndpoint, &step.in)
		got := nodetest.Do(w.World, &api.DescribeVpcEndpoints, &api.DescribeVpcEndpointsInput{VpcEndpointIds: []string{*e.VpcEndpointId}}).VpcEndpoints[0]
		if *got.IpAddressType != step.ip || *got.DnsOptions.DnsRecordIpType != step.dns {
			t.Errorf("%+v: it is %s with records %s", step.in, *got.IpAddressType, *got.DnsOptions.DnsRecordIpType)
		}
		if a, b := answers(); a != step.four || b != step.six {
			t.Errorf("%+v: its name leads to %d IPv4 and %d IPv6 addresses", step.in, a, b)
		}
	}
	list := nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{}).NetworkInterfaces
	if len(list) != 1 || *list[0].PrivateIpAddress != "10.0.1.77" || len(list[0].Ipv6Addresses) != 0 {
		t.Errorf("its interfaces: %+v", list)
	}
}

// TestNamesBelowAnEndpoint resolves what S3's clients write before the name of
// an endpoint; other services have no such names.
func TestNamesBelowAnEndpoint(t *testing.T) {
	w := servedWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.1.0/24", "us-east-1a")
	named := func(service string) string {
		return *w.endpoint(&api.CreateVpcEndpointInput{VpcId: v, ServiceName: "com.amazonaws.us-east-1." + service, VpcEndpointType: new("Interface"), SubnetIds: []string{s}, PrivateDnsEnabled: new(false)}).DnsEntries[1].DnsName
	}
	s3, sqs := named("s3"), named("sqs")
	own, wild := strings.CutPrefix(s3, "*.")
	if !wild || strings.HasPrefix(sqs, "*.") {
		t.Fatalf("the endpoints are named %s, %s", s3, sqs)
	}
	w.View(func(r store.Reader) {
		rec, _ := vpc.Locate(r, v)
		for name, want := range map[string]bool{"bucket." + own: true, "photos.bucket." + own: true, s3: true, sqs: true, "bucket." + sqs: false, "bucket.vpce-0.s3.us-east-1.vpce.amazonaws.com": false} {
			if list, ok := rec.EndpointAddresses(r, name, false); ok != want || ok && len(list) != 1 {
				t.Errorf("%s leads to %v, %v", name, list, ok)
			}
		}
	})
}
