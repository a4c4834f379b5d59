package vpc_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pileus/all"
	api "pileus/api/ec2"
	elb "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/names"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
	"pileus/privatelink"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// provider is an account with a network load balancer in front of something.
type provider struct {
	*world
	balancer string // ARN
}

// consumer is another account.
const consumer = "111122223333"

func newProvider(t testing.TB) *provider {
	t.Helper()
	p := sim.New("")
	w := &provider{world: &world{nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool {
			return !slices.Contains([]string{"ec2", "elbv2", "iam", "s3"}, m.API.Name)
		})
	}}), p}}
	v := w.vpc("10.0.0.0/16")
	w.balancer = w.network("front", w.subnet(v, "10.0.1.0/24", "us-east-1a"))
	return w
}

func (w *provider) network(name string, subnets ...string) string {
	w.T.Helper()
	in := &elb.CreateLoadBalancerInput{Name: name, Type: new("network"), Scheme: new("internal"), Subnets: subnets}
	arn := *nodetest.Do(w.World, &elb.CreateLoadBalancer, in).LoadBalancers[0].LoadBalancerArn
	w.Drain()
	return arn
}

// offer makes a service of the load balancer.
func (w *provider) offer(in *api.CreateVpcEndpointServiceConfigurationInput) *api.ServiceConfiguration {
	w.T.Helper()
	if in.NetworkLoadBalancerArns == nil {
		in.NetworkLoadBalancerArns = []string{w.balancer}
	}
	return nodetest.Do(w.World, &api.CreateVpcEndpointServiceConfiguration, in).ServiceConfiguration
}

// of is a call as an account's root.
func (w *provider) of(account string) *cloud.Call {
	return w.Call().As(&cloud.Principal{Kind: cloud.Root, ARN: "arn:aws:iam::" + account + ":root", Account: account, Name: "root", ID: account})
}

func call[In, Out any](t testing.TB, c *cloud.Call, op *cloud.Op[In, Out], in In) Out {
	t.Helper()
	out, err := op.Call(c, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// asks makes an endpoint to a service in a VPC of the consumer's.
func (w *provider) asks(service string) (id, v string, err error) {
	w.T.Helper()
	c := w.of(consumer)
	v = *call(w.T, c, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	s := call(w.T, c, &api.CreateSubnet, &api.CreateSubnetInput{VpcId: v, CidrBlock: new("10.0.1.0/24"), AvailabilityZone: new("us-east-1a")}).Subnet.SubnetId
	out, err := api.CreateVpcEndpoint.Call(c, &api.CreateVpcEndpointInput{VpcId: v, ServiceName: service, VpcEndpointType: new("Interface"), SubnetIds: []string{*s}})
	if err != nil {
		return "", v, err
	}
	w.Drain()
	return *out.VpcEndpoint.VpcEndpointId, v, nil
}

func (w *provider) state(id string) string {
	w.T.Helper()
	list := call(w.T, w.of(consumer), &api.DescribeVpcEndpoints, &api.DescribeVpcEndpointsInput{VpcEndpointIds: []string{id}}).VpcEndpoints
	return *list[0].State
}

func (w *provider) links(id string) (list []*privatelink.Link) {
	w.View(func(r store.Reader) { list = privatelink.Of(r, id) })
	return list
}

// TestOffer goes the way of an endpoint of another account: not allowed, asks,
// is accepted, carries, is rejected, is accepted again, is gone.
func TestOffer(t *testing.T) {
	w := newProvider(t)
	s := w.offer(&api.CreateVpcEndpointServiceConfigurationInput{})
	if *s.ServiceName != "com.amazonaws.vpce.us-east-1."+*s.ServiceId || !*s.AcceptanceRequired || !slices.Equal(s.AvailabilityZones, []string{"us-east-1a"}) {
		t.Errorf("the service: %+v", s)
	}
	_, _, err := w.asks(*s.ServiceName)
	wantCode(t, err, "InvalidServiceName")
	permit := &api.ModifyVpcEndpointServicePermissionsInput{ServiceId: *s.ServiceId, AddAllowedPrincipals: []string{"arn:aws:iam::" + consumer + ":root"}}
	nodetest.Do(w.World, &api.ModifyVpcEndpointServicePermissions, permit)
	seen := call(t, w.of(consumer), &api.DescribeVpcEndpointServices, &api.DescribeVpcEndpointServicesInput{ServiceNames: []string{*s.ServiceName}}).ServiceDetails
	if len(seen) != 1 || *seen[0].Owner != nodetest.Account {
		t.Errorf("the consumer sees %+v", seen)
	}

	id, v, err := w.asks(*s.ServiceName)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.state(id); got != "pendingAcceptance" || len(w.links(id)) != 0 {
		t.Errorf("before it is accepted: %s, %v", got, w.links(id))
	}
	one := []string{id}
	nodetest.Do(w.World, &api.AcceptVpcEndpointConnections, &api.AcceptVpcEndpointConnectionsInput{ServiceId: *s.ServiceId, VpcEndpointIds: one})
	w.Drain()
	links := w.links(id)
	if got := w.state(id); got != "available" || len(links) != 1 || !links[0].Up || links[0].Balancer != w.balancer || links[0].VPC != v {
		t.Fatalf("after it was accepted: %s, %+v", got, links)
	}
	applied, _ := w.plane.Applied(v)
	if i := applied.Interfaces[0]; i.ID != links[0].Interface || !i.Served || i.Endpoint != "" {
		t.Errorf("the interface is %+v", i)
	}
	connections := nodetest.Do(w.World, &api.DescribeVpcEndpointConnections, &api.DescribeVpcEndpointConnectionsInput{}).VpcEndpointConnections
	if len(connections) != 1 || *connections[0].VpcEndpointOwner != consumer || *connections[0].VpcEndpointState != "available" {
		t.Errorf("the provider sees %+v", connections)
	}
	name := *connections[0].DnsEntries[0].DnsName
	if !strings.HasSuffix(name, "."+s.BaseEndpointDnsNames[0]) {
		t.Errorf("the endpoint is called %s", name)
	}
	w.leadsTo(v, name, links[0].Addresses)

	gone := nodetest.Do(w.World, &api.DeleteVpcEndpointServiceConfigurations, &api.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{*s.ServiceId}})
	if len(gone.Unsuccessful) != 1 || *gone.Unsuccessful[0].Error.Code != "ExistingVpcEndpointConnections" {
		t.Errorf("with a connection: %+v", gone.Unsuccessful)
	}
	_, err = nodetest.Try(w.World, &elb.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: w.balancer})
	wantCode(t, err, "ResourceInUse")

	nodetest.Do(w.World, &api.RejectVpcEndpointConnections, &api.RejectVpcEndpointConnectionsInput{ServiceId: *s.ServiceId, VpcEndpointIds: one})
	w.Drain()
	if got := w.state(id); got != "rejected" || len(w.links(id)) != 0 {
		t.Errorf("after it was rejected: %s, %v", got, w.links(id))
	}
	nodetest.Do(w.World, &api.AcceptVpcEndpointConnections, &api.AcceptVpcEndpointConnectionsInput{ServiceId: *s.ServiceId, VpcEndpointIds: one})
	w.Drain()
	if got := w.state(id); got != "available" {
		t.Errorf("accepted again: %s", got)
	}
	again := nodetest.Do(w.World, &api.AcceptVpcEndpointConnections, &api.AcceptVpcEndpointConnectionsInput{ServiceId: *s.ServiceId, VpcEndpointIds: []string{id, "vpce-00000000000000000"}})
	if len(again.Unsuccessful) != 2 {
		t.Errorf("accepting what is accepted, and what is not: %+v", again.Unsuccessful)
	}
	call(t, w.of(consumer), &api.DeleteVpcEndpoints, &api.DeleteVpcEndpointsInput{VpcEndpointIds: one})
	w.Drain()
	if left := w.links(id); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
	gone = nodetest.Do(w.World, &api.DeleteVpcEndpointServiceConfigurations, &api.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{*s.ServiceId}})
	if len(gone.Unsuccessful) != 0 {
		t.Errorf("without connections: %+v", gone.Unsuccessful)
	}
	nodetest.Do(w.World, &elb.DeleteLoadBalancer, &elb.DeleteLoadBalancerInput{LoadBalancerArn: w.balancer})
}

// TestOfferElsewhere refuses what would have to reach other regions.
func TestOfferElsewhere(t *testing.T) {
	w := newProvider(t)
	s := w.offer(&api.CreateVpcEndpointServiceConfigurationInput{SupportedRegions: []string{"us-east-1"}})
	if len(s.SupportedRegions) != 1 || *s.SupportedRegions[0].Region != "us-east-1" {
		t.Errorf("it is in %+v", s.SupportedRegions)
	}
	_, err := nodetest.Try(w.World, &api.ModifyVpcEndpointServiceConfiguration, &api.ModifyVpcEndpointServiceConfigurationInput{ServiceId: *s.ServiceId, AddSupportedRegions: []string{"eu-west-1"}})
	wantCode(t, err, "UnsupportedOperation")
	_, err = nodetest.Try(w.World, &api.CreateVpcEndpoint, &api.CreateVpcEndpointInput{VpcId: w.vpc("10.9.0.0/16"), ServiceName: *s.ServiceName, VpcEndpointType: new("Interface"), ServiceRegion: new("eu-west-1")})
	wantCode(t, err, "UnsupportedOperation")
}

// leadsTo checks where a name leads inside of a VPC.
func (w *provider) leadsTo(v, name string, want []netip.Addr) {
	w.T.Helper()
	w.View(func(r store.Reader) {
		rec, _ := vpc.Locate(r, v)
		if got, _ := rec.EndpointAddresses(r, name, false); !slices.Equal(got, want) {
			w.T.Errorf("%s leads to %v, want %v", name, got, want)
		}
	})
}

// TestOfferPlaces has endpoints only where the service has load balancers, and
// moves them when those change.
func TestOfferPlaces(t *testing.T) {
	w := newProvider(t)
	s := w.offer(&api.CreateVpcEndpointServiceConfigurationInput{AcceptanceRequired: new(false)})
	v := w.vpc("10.9.0.0/16")
	a, b := w.subnet(v, "10.9.1.0/24", "us-east-1a"), w.subnet(v, "10.9.2.0/24", "us-east-1b")
	in := &api.CreateVpcEndpointInput{VpcId: v, ServiceName: *s.ServiceName, VpcEndpointType: new("Interface"), SubnetIds: []string{a, b}}
	_, err := nodetest.Try(w.World, &api.CreateVpcEndpoint, in)
	wantCode(t, err, "InvalidParameter")
	if !strings.Contains(err.Error(), "does not support the availability zone of the subnet: "+b) {
		t.Error(err)
	}
	in.SubnetIds = []string{a}
	e := w.endpoint(in) // pending, then available, for nobody has to accept it
	second := w.network("second", w.subnet(w.vpc("10.8.0.0/16"), "10.8.1.0/24", "us-east-1b"))
	nodetest.Do(w.World, &api.ModifyVpcEndpointServiceConfiguration, &api.ModifyVpcEndpointServiceConfigurationInput{ServiceId: *s.ServiceId, AddNetworkLoadBalancerArns: []string{second}})
	nodetest.Do(w.World, &api.ModifyVpcEndpoint, &api.ModifyVpcEndpointInput{VpcEndpointId: *e.VpcEndpointId, AddSubnetIds: []string{b}})
	w.Drain()
	by := map[string]string{}
	for _, l := range w.links(*e.VpcEndpointId) {
		by[l.Zone] = l.Balancer
	}
	if by["us-east-1a"] != w.balancer || by["us-east-1b"] != second {
		t.Errorf("the ways are %v", by)
	}
	nodetest.Do(w.World, &api.ModifyVpcEndpointServiceConfiguration, &api.ModifyVpcEndpointServiceConfigurationInput{ServiceId: *s.ServiceId, RemoveNetworkLoadBalancerArns: []string{w.balancer}})
	w.Drain()
	if left := w.links(*e.VpcEndpointId); len(left) != 1 || left[0].Balancer != second {
		t.Errorf("left: %+v", left)
	}
	for _, wrong := range []*api.ModifyVpcEndpointServiceConfigurationInput{
		{RemoveNetworkLoadBalancerArns: []string{second}}, {RemoveSupportedIpAddressTypes: []string{"ipv4"}},
		{AddSupportedIpAddressTypes: []string{"ipv6"}}, {AddNetworkLoadBalancerArns: []string{second + "0"}}, {PrivateDnsName: new("nodots")},
	} {
		wrong.ServiceId = *s.ServiceId
		_, err := nodetest.Try(w.World, &api.ModifyVpcEndpointServiceConfiguration, wrong)
		wantCode(t, err, "InvalidParameter")
	}
}

// TestOfferName has a service known under a name of its owner's once he has
// proved that the domain is his.
func TestOfferName(t *testing.T) {
	w := newProvider(t)
	s := w.offer(&api.CreateVpcEndpointServiceConfigurationInput{AcceptanceRequired: new(false), PrivateDnsName: new("api.example.com")})
	proof := s.PrivateDnsNameConfiguration
	if *proof.State != "pendingVerification" || *proof.Type != "TXT" || !strings.HasPrefix(*proof.Value, "vpce:") {
		t.Errorf("the proof asked for: %+v", proof)
	}
	v := w.vpc("10.9.0.0/16")
	nodetest.Do(w.World, &api.ModifyVpcAttribute, &api.ModifyVpcAttributeInput{VpcId: v, EnableDnsHostnames: &api.AttributeBooleanValue{Value: new(true)}})
	in := &api.CreateVpcEndpointInput{VpcId: v, ServiceName: *s.ServiceName, VpcEndpointType: new("Interface"), SubnetIds: []string{w.subnet(v, "10.9.1.0/24", "us-east-1a")}, PrivateDnsEnabled: new(true)}
	_, err := nodetest.Try(w.World, &api.CreateVpcEndpoint, in)
	wantCode(t, err, "InvalidParameter")
	w.Update(func(tx store.Tx) {
		names.Put(tx, names.Record{Name: *proof.Name + ".example.com", Owner: "zone", Text: []string{"other", *proof.Value}})
	})
	nodetest.Do(w.World, &api.StartVpcEndpointServicePrivateDnsVerification, &api.StartVpcEndpointServicePrivateDnsVerificationInput{ServiceId: *s.ServiceId})
	w.Drain()
	now := nodetest.Do(w.World, &api.DescribeVpcEndpointServiceConfigurations, &api.DescribeVpcEndpointServiceConfigurationsInput{ServiceIds: []string{*s.ServiceId}}).ServiceConfigurations[0]
	if *now.PrivateDnsNameConfiguration.State != "verified" {
		t.Fatalf("after the proof: %s", *now.PrivateDnsNameConfiguration.State)
	}
	e := w.endpoint(in)
	w.leadsTo(v, "api.example.com", w.links(*e.VpcEndpointId)[0].Addresses)
	_, err = nodetest.Try(w.World, &api.ModifyVpcEndpointServiceConfiguration, &api.ModifyVpcEndpointServiceConfigurationInput{ServiceId: *s.ServiceId, RemovePrivateDnsName: new(true)})
	wantCode(t, err, "InvalidParameter") // it is in use
}

// TestOfferAccess lets a user who may do one thing alone do it, and refuses the
// same to one who may do nothing.
func TestOfferAccess(t *testing.T) {
	w := newProvider(t)
	s := w.offer(&api.CreateVpcEndpointServiceConfigurationInput{PrivateDnsName: new("*.example.com")})
	id := *s.ServiceId
	v := w.vpc("10.9.0.0/16")
	e := *nodetest.Do(w.World, &api.CreateVpcEndpoint, &api.CreateVpcEndpointInput{VpcId: v, ServiceName: *s.ServiceName, VpcEndpointType: new("Interface")}).VpcEndpoint.VpcEndpointId
	topic := "arn:aws:sns:us-east-1:000000000000:news"
	notice := *nodetest.Do(w.World, &api.CreateVpcEndpointConnectionNotification, &api.CreateVpcEndpointConnectionNotificationInput{ServiceId: &id, ConnectionNotificationArn: topic, ConnectionEvents: []string{"Accept"}}).ConnectionNotification.ConnectionNotificationId
	for _, tt := range []struct {
		op  string
		run trial
	}{
		{"CreateVpcEndpointServiceConfiguration", of(&api.CreateVpcEndpointServiceConfiguration, &api.CreateVpcEndpointServiceConfigurationInput{NetworkLoadBalancerArns: []string{w.balancer}})},
		{"ModifyVpcEndpointServiceConfiguration", of(&api.ModifyVpcEndpointServiceConfiguration, &api.ModifyVpcEndpointServiceConfigurationInput{ServiceId: id, AcceptanceRequired: new(true)})},
		{"DescribeVpcEndpointServiceConfigurations", of(&api.DescribeVpcEndpointServiceConfigurations, &api.DescribeVpcEndpointServiceConfigurationsInput{})},
		{"ModifyVpcEndpointServicePermissions", of(&api.ModifyVpcEndpointServicePermissions, &api.ModifyVpcEndpointServicePermissionsInput{ServiceId: id, AddAllowedPrincipals: []string{"*"}})},
		{"DescribeVpcEndpointServicePermissions", of(&api.DescribeVpcEndpointServicePermissions, &api.DescribeVpcEndpointServicePermissionsInput{ServiceId: id})},
		{"ModifyVpcEndpointServicePayerResponsibility", of(&api.ModifyVpcEndpointServicePayerResponsibility, &api.ModifyVpcEndpointServicePayerResponsibilityInput{ServiceId: id, PayerResponsibility: "ServiceOwner"})},
		{"StartVpcEndpointServicePrivateDnsVerification", of(&api.StartVpcEndpointServicePrivateDnsVerification, &api.StartVpcEndpointServicePrivateDnsVerificationInput{ServiceId: id})},
		{"AcceptVpcEndpointConnections", of(&api.AcceptVpcEndpointConnections, &api.AcceptVpcEndpointConnectionsInput{ServiceId: id, VpcEndpointIds: []string{e}})},
		{"RejectVpcEndpointConnections", of(&api.RejectVpcEndpointConnections, &api.RejectVpcEndpointConnectionsInput{ServiceId: id, VpcEndpointIds: []string{e}})},
		{"DescribeVpcEndpointConnections", of(&api.DescribeVpcEndpointConnections, &api.DescribeVpcEndpointConnectionsInput{})},
		{"CreateVpcEndpointConnectionNotification", of(&api.CreateVpcEndpointConnectionNotification, &api.CreateVpcEndpointConnectionNotificationInput{VpcEndpointId: &e, ConnectionNotificationArn: topic, ConnectionEvents: []string{"Reject"}})},
		{"ModifyVpcEndpointConnectionNotification", of(&api.ModifyVpcEndpointConnectionNotification, &api.ModifyVpcEndpointConnectionNotificationInput{ConnectionNotificationId: notice, ConnectionEvents: []string{"Delete"}})},
		{"DescribeVpcEndpointConnectionNotifications", of(&api.DescribeVpcEndpointConnectionNotifications, &api.DescribeVpcEndpointConnectionNotificationsInput{})},
		{"DeleteVpcEndpointConnectionNotifications", of(&api.DeleteVpcEndpointConnectionNotifications, &api.DeleteVpcEndpointConnectionNotificationsInput{ConnectionNotificationIds: []string{notice}})},
		{"DeleteVpcEndpointServiceConfigurations", of(&api.DeleteVpcEndpointServiceConfigurations, &api.DeleteVpcEndpointServiceConfigurationsInput{ServiceIds: []string{id}})},
	} {
		nobody, somebody := w.User("no-"+tt.op, nodetest.Allow("s3:*")), w.User("may-"+tt.op, nodetest.Allow("ec2:"+tt.op))
		var e *cloud.Error
		if err := tt.run(w.As(nobody)); !errors.As(err, &e) || e.Code != "UnauthorizedOperation" {
			t.Errorf("%s: not refused: %v", tt.op, err)
		}
		if err := tt.run(w.As(somebody)); err != nil {
			t.Errorf("%s: %v", tt.op, err)
		}
	}
}

// TestConnectionNotices keeps notifications, and refuses those that could not be
// sent.
func TestConnectionNotices(t *testing.T) {
	w := newProvider(t)
	id := *w.offer(&api.CreateVpcEndpointServiceConfigurationInput{}).ServiceId
	topic := "arn:aws:sns:us-east-1:000000000000:news"
	for _, wrong := range []api.CreateVpcEndpointConnectionNotificationInput{
		{ConnectionNotificationArn: topic, ConnectionEvents: []string{"Accept"}},
		{ServiceId: &id, ConnectionNotificationArn: "arn:aws:sqs:us-east-1:000000000000:news", ConnectionEvents: []string{"Accept"}},
		{ServiceId: &id, ConnectionNotificationArn: topic, ConnectionEvents: []string{"Sneeze"}},
	} {
		_, err := nodetest.Try(w.World, &api.CreateVpcEndpointConnectionNotification, &wrong)
		wantCode(t, err, "InvalidParameter")
	}
	made := nodetest.Do(w.World, &api.CreateVpcEndpointConnectionNotification, &api.CreateVpcEndpointConnectionNotificationInput{ServiceId: &id, ConnectionNotificationArn: topic, ConnectionEvents: []string{"Reject", "Accept"}}).ConnectionNotification
	nodetest.Do(w.World, &api.ModifyVpcEndpointConnectionNotification, &api.ModifyVpcEndpointConnectionNotificationInput{ConnectionNotificationId: *made.ConnectionNotificationId, ConnectionEvents: []string{"Connect"}})
	list := nodetest.Do(w.World, &api.DescribeVpcEndpointConnectionNotifications, &api.DescribeVpcEndpointConnectionNotificationsInput{ConnectionNotificationId: made.ConnectionNotificationId}).ConnectionNotificationSet
	if len(list) != 1 || !slices.Equal(list[0].ConnectionEvents, []string{"Connect"}) || *list[0].ConnectionNotificationState != "Enabled" {
		t.Errorf("kept: %+v", list)
	}
	gone := nodetest.Do(w.World, &api.DeleteVpcEndpointConnectionNotifications, &api.DeleteVpcEndpointConnectionNotificationsInput{ConnectionNotificationIds: []string{*made.ConnectionNotificationId, "vpce-nfn-0"}})
	if len(gone.Unsuccessful) != 1 || *gone.Unsuccessful[0].Error.Code != "InvalidConnectionNotification" {
		t.Errorf("unsuccessful: %+v", gone.Unsuccessful)
	}
}
