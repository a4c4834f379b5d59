package elb_test

import (
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apiec2 "pileus/api/ec2"
	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/names"
	"pileus/node/nodetest"
	"pileus/store"
)

// fails checks an error's code and a part of its text.
func fails(t *testing.T, err error, code, text string) {
	t.Helper()
	var e *cloud.Error
	switch {
	case code == "" && err != nil:
		t.Errorf("fails: %v", err)
	case code != "" && (!errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, text)):
		t.Errorf("not %s with %q: %v", code, text, err)
	}
}

func try[In, Out any](w *world, op *cloud.Op[In, Out], in In) error {
	_, err := nodetest.Try(w.World, op, in)
	return err
}

func TestCreate(t *testing.T) {
	w := newWorld(t)
	dns := w.create("web")
	if !regexp.MustCompile(`^web-\d{10}\.us-east-1\.elb\.amazonaws\.com$`).MatchString(dns) {
		t.Errorf("it is called %s", dns)
	}
	d := w.describe("web")
	if !slices.Equal(d.AvailabilityZones, []string{"us-east-1a", "us-east-1b"}) || !slices.Equal(d.Subnets, w.subnets) || *d.Scheme != "internet-facing" ||
		*d.CanonicalHostedZoneNameID != "Z35SXDOTRQ7X7K" || *d.CanonicalHostedZoneName != dns || len(d.SecurityGroups) != 1 || *d.SourceSecurityGroup.GroupName != "default" {
		t.Errorf("described as %+v", d)
	}
	if h := d.HealthCheck; h.Target != "TCP:8080" || h.Interval != 30 || h.Timeout != 5 || h.UnhealthyThreshold != 2 || h.HealthyThreshold != 10 {
		t.Errorf("checked by %+v", h)
	}
	if l := d.ListenerDescriptions[0].Listener; *l.InstanceProtocol != "HTTP" || l.Protocol != "HTTP" {
		t.Errorf("listens by %+v", l)
	}
	nics := nodetest.Do(w.World, &apiec2.DescribeNetworkInterfaces, &apiec2.DescribeNetworkInterfacesInput{Filters: []apiec2.Filter{{Name: new("description"), Values: []string{"ELB web"}}}}).NetworkInterfaces
	if len(nics) != 2 || *nics[0].RequesterId != "amazon-elb" || nics[0].Association == nil {
		t.Fatalf("it has the interfaces %+v", nics)
	}
	var public []netip.Addr
	for _, n := range nics {
		public = append(public, netip.MustParseAddr(*n.Association.PublicIp))
	}
	w.View(func(r store.Reader) {
		n, ok := names.Find(r, dns)
		if !ok || len(n.Addresses) != 2 || !slices.Contains(public, n.Addresses[0]) || !slices.Contains(public, n.Addresses[1]) {
			t.Errorf("its name leads to %+v, not to %v", n, public)
		}
	})
	nodetest.Do(w.World, &api.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerName: "web"})
	nodetest.Do(w.World, &api.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerName: "web"})
	w.Drain()
	w.View(func(r store.Reader) {
		if _, ok := names.Find(r, dns); ok {
			t.Error("its name outlived it")
		}
	})
	if nics = nodetest.Do(w.World, &apiec2.DescribeNetworkInterfaces, &apiec2.DescribeNetworkInterfacesInput{Filters: []apiec2.Filter{{Name: new("description"), Values: []string{"ELB web"}}}}).NetworkInterfaces; len(nics) > 0 {
		t.Errorf("interfaces outlived it: %v", nics)
	}
	fails(t, try(w, &api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{LoadBalancerNames: []string{"web"}}), "LoadBalancerNotFound", "There is no ACTIVE Load Balancer named 'web'")
}

func TestCreateAgain(t *testing.T) {
	w := newWorld(t)
	dns := w.create("web")
	if again := w.create("web"); again != dns {
		t.Errorf("%s became %s", dns, again)
	}
	fails(t, try(w, &api.CreateLoadBalancer, &api.CreateLoadBalancerInput{LoadBalancerName: "web", Listeners: []api.Listener{http(81)}, Subnets: w.subnets}),
		"DuplicateLoadBalancerName", "it is configured with different parameters")
}

func TestInternalInZones(t *testing.T) {
	w := newWorld(t)
	dns := *nodetest.Do(w.World, &api.CreateLoadBalancer, &api.CreateLoadBalancerInput{
		LoadBalancerName: "inside", Listeners: []api.Listener{http(80)}, AvailabilityZones: []string{"us-east-1b"}, Scheme: new("internal")}).DNSName
	d := w.describe("inside")
	if !strings.HasPrefix(dns, "internal-inside-") || !slices.Equal(d.Subnets, w.subnets[1:]) || *d.Scheme != "internal" || d.CanonicalHostedZoneName != nil {
		t.Errorf("%s is %+v", dns, d)
	}
	w.Drain()
	w.View(func(r store.Reader) {
		if n, ok := names.Find(r, dns); !ok || len(n.Addresses) != 1 || !n.Addresses[0].IsPrivate() {
			t.Errorf("its name leads to %+v", n)
		}
	})
	out := nodetest.Do(w.World, &api.EnableAvailabilityZonesForLoadBalancer, &api.EnableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: "inside", AvailabilityZones: []string{"us-east-1a"}})
	if !slices.Equal(out.AvailabilityZones, []string{"us-east-1a", "us-east-1b"}) {
		t.Errorf("then it is in %v", out.AvailabilityZones)
	}
	left := nodetest.Do(w.World, &api.DisableAvailabilityZonesForLoadBalancer, &api.DisableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: "inside", AvailabilityZones: []string{"us-east-1b"}})
	if !slices.Equal(left.AvailabilityZones, []string{"us-east-1a"}) {
		t.Errorf("then it is in %v", left.AvailabilityZones)
	}
	fails(t, try(w, &api.DisableAvailabilityZonesForLoadBalancer, &api.DisableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: "inside", AvailabilityZones: []string{"us-east-1a"}}),
		"InvalidConfigurationRequest", "at least one")
}

func TestWhatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	ok := api.CreateLoadBalancerInput{LoadBalancerName: "web", Listeners: []api.Listener{http(80)}, Subnets: w.subnets}
	for name, test := range map[string]struct {
		change     func(in *api.CreateLoadBalancerInput)
		code, text string
	}{
		"long name":      {func(in *api.CreateLoadBalancerInput) { in.LoadBalancerName = strings.Repeat("x", 33) }, "ValidationError", "longer than 32"},
		"odd name":       {func(in *api.CreateLoadBalancerInput) { in.LoadBalancerName = "a_b" }, "ValidationError", "hyphens"},
		"hyphen":         {func(in *api.CreateLoadBalancerInput) { in.LoadBalancerName = "-a" }, "ValidationError", "hyphen"},
		"no subnet":      {func(in *api.CreateLoadBalancerInput) { in.Subnets = nil }, "ValidationError", "Either AvailabilityZones or SubnetIds"},
		"both":           {func(in *api.CreateLoadBalancerInput) { in.AvailabilityZones = []string{"us-east-1a"} }, "ValidationError", "Only one of SubnetIds or AvailabilityZones"},
		"unknown subnet": {func(in *api.CreateLoadBalancerInput) { in.Subnets = []string{"subnet-00000000000000000"} }, "SubnetNotFound", ""},
		"unknown zone":   {func(in *api.CreateLoadBalancerInput) { in.Subnets, in.AvailabilityZones = nil, []string{"us-east-1x"} }, "ValidationError", "us-east-1x"},
		"unknown group":  {func(in *api.CreateLoadBalancerInput) { in.SecurityGroups = []string{"sg-00000000000000000"} }, "InvalidSecurityGroup", ""},
		"scheme":         {func(in *api.CreateLoadBalancerInput) { in.Scheme = new("outside") }, "InvalidScheme", ""},
		"no listener":    {func(in *api.CreateLoadBalancerInput) { in.Listeners = []api.Listener{} }, "ValidationError", "Listeners"},
		"protocol":       {func(in *api.CreateLoadBalancerInput) { in.Listeners[0].Protocol = "UDP" }, "UnsupportedProtocol", "UDP"},
		"layers":         {func(in *api.CreateLoadBalancerInput) { in.Listeners[0].InstanceProtocol = new("TCP") }, "ValidationError", "layer"},
		"port":           {func(in *api.CreateLoadBalancerInput) { in.Listeners[0].LoadBalancerPort = 70000 }, "ValidationError", "1..65535"},
		"no certificate": {func(in *api.CreateLoadBalancerInput) { in.Listeners[0].Protocol = "HTTPS" }, "ValidationError", "SSLCertificateId"},
		"certificate": {func(in *api.CreateLoadBalancerInput) {
			in.Listeners[0].Protocol, in.Listeners[0].SSLCertificateId = "HTTPS", new("arn:aws:iam::000000000000:server-certificate/none")
		}, "CertificateNotFound", "Server Certificate not found for the key: arn:aws:iam::000000000000:server-certificate/none"},
		"tags": {func(in *api.CreateLoadBalancerInput) { in.Tags = []api.Tag{{Key: "a"}, {Key: "a"}} }, "DuplicateTagKeys", ""},
	} {
		in := ok
		in.Listeners = slices.Clone(ok.Listeners)
		test.change(&in)
		t.Run(name, func(t *testing.T) { fails(t, try(w, &api.CreateLoadBalancer, &in), test.code, test.text) })
	}
	if left := nodetest.Do(w.World, &api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{}); len(left.LoadBalancerDescriptions) > 0 {
		t.Errorf("there are %v", left)
	}
	for i := range 20 {
		in := ok
		in.LoadBalancerName = "web" + string(rune('a'+i))
		nodetest.Do(w.World, &api.CreateLoadBalancer, &in)
	}
	fails(t, try(w, &api.CreateLoadBalancer, &ok), "TooManyLoadBalancers", "Exceeded quota of account")
	first := nodetest.Do(w.World, &api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{PageSize: new(int32(15))})
	rest := nodetest.Do(w.World, &api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{PageSize: new(int32(15)), Marker: first.NextMarker})
	for _, b := range first.LoadBalancerDescriptions { // as scripts that clean up do, page by page
		nodetest.Do(w.World, &api.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerName: *b.LoadBalancerName})
	}
	again := nodetest.Do(w.World, &api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{Marker: first.NextMarker})
	if len(again.LoadBalancerDescriptions) != 5 {
		t.Errorf("%d are left", len(again.LoadBalancerDescriptions))
	}
	fails(t, try(w, &api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{Marker: new("abc")}), "ValidationError", "marker")
	if len(first.LoadBalancerDescriptions) != 15 || len(rest.LoadBalancerDescriptions) != 5 || rest.NextMarker != nil {
		t.Errorf("pages of %d and %d", len(first.LoadBalancerDescriptions), len(rest.LoadBalancerDescriptions))
	}
}

func TestSubnets(t *testing.T) {
	w := newWorld(t)
	nodetest.Do(w.World, &api.CreateLoadBalancer, &api.CreateLoadBalancerInput{LoadBalancerName: "web", Listeners: []api.Listener{http(80)}, Subnets: w.subnets[:1]})
	out := nodetest.Do(w.World, &api.AttachLoadBalancerToSubnets, &api.AttachLoadBalancerToSubnetsInput{LoadBalancerName: "web", Subnets: w.subnets})
	if !slices.Equal(out.Subnets, w.subnets) {
		t.Errorf("attached to %v", out.Subnets)
	}
	v := *w.describe("web").VPCId
	second := *nodetest.Do(w.World, &apiec2.CreateSubnet, &apiec2.CreateSubnetInput{VpcId: v, CidrBlock: new("172.31.240.0/24"), AvailabilityZone: new("us-east-1a")}).Subnet.SubnetId
	fails(t, try(w, &api.AttachLoadBalancerToSubnets, &api.AttachLoadBalancerToSubnetsInput{LoadBalancerName: "web", Subnets: []string{second}}), "InvalidConfigurationRequest", "same AZ")
	left := nodetest.Do(w.World, &api.DetachLoadBalancerFromSubnets, &api.DetachLoadBalancerFromSubnetsInput{LoadBalancerName: "web", Subnets: w.subnets[:1]})
	if !slices.Equal(left.Subnets, w.subnets[1:]) {
		t.Errorf("left in %v", left.Subnets)
	}
	group := *nodetest.Do(w.World, &apiec2.CreateSecurityGroup, &apiec2.CreateSecurityGroupInput{GroupName: "lb", Description: "x", VpcId: &v}).GroupId
	nodetest.Do(w.World, &api.ApplySecurityGroupsToLoadBalancer, &api.ApplySecurityGroupsToLoadBalancerInput{LoadBalancerName: "web", SecurityGroups: []string{group}})
	nics := nodetest.Do(w.World, &apiec2.DescribeNetworkInterfaces, &apiec2.DescribeNetworkInterfacesInput{Filters: []apiec2.Filter{{Name: new("group-id"), Values: []string{group}}}})
	if len(nics.NetworkInterfaces) != 1 {
		t.Errorf("in the group: %v", nics.NetworkInterfaces)
	}
	fails(t, try(w, &api.ApplySecurityGroupsToLoadBalancer, &api.ApplySecurityGroupsToLoadBalancerInput{LoadBalancerName: "web", SecurityGroups: []string{"sg-00000000000000000"}}), "InvalidSecurityGroup", "")
}

func TestListeners(t *testing.T) {
	w := newWorld(t)
	w.create("web")
	add := func(l api.Listener) error {
		return try(w, &api.CreateLoadBalancerListeners, &api.CreateLoadBalancerListenersInput{LoadBalancerName: "web", Listeners: []api.Listener{l}})
	}
	fails(t, add(http(80)), "", "")
	fails(t, add(api.Listener{Protocol: "tcp", LoadBalancerPort: 80, InstancePort: 9}), "DuplicateListener", "already exists for web with LoadBalancerPort 80")
	fails(t, add(api.Listener{Protocol: "tcp", LoadBalancerPort: 25, InstancePort: 25}), "", "")
	if list := w.describe("web").ListenerDescriptions; len(list) != 2 || list[1].Listener.Protocol != "TCP" || *list[1].Listener.InstanceProtocol != "TCP" {
		t.Errorf("listeners %v", list)
	}
	nodetest.Do(w.World, &api.DeleteLoadBalancerListeners, &api.DeleteLoadBalancerListenersInput{LoadBalancerName: "web", LoadBalancerPorts: []int32{80, 81}})
	if list := w.describe("web").ListenerDescriptions; len(list) != 1 {
		t.Errorf("listeners %v", list)
	}
	fails(t, try(w, &api.SetLoadBalancerListenerSSLCertificate, &api.SetLoadBalancerListenerSSLCertificateInput{LoadBalancerName: "web", LoadBalancerPort: 80, SSLCertificateId: "x"}), "ListenerNotFound", "")
	fails(t, try(w, &api.SetLoadBalancerListenerSSLCertificate, &api.SetLoadBalancerListenerSSLCertificateInput{LoadBalancerName: "web", LoadBalancerPort: 25, SSLCertificateId: "x"}), "InvalidConfigurationRequest", "")
}

func TestInstances(t *testing.T) {
	w := newWorld(t)
	w.launch()
	w.create("web")
	w.register("web", w.instances...)
	one, two := w.instances[0], w.instances[1]
	if got := w.describe("web").Instances; len(got) != 2 {
		t.Errorf("registered %v", got)
	}
	// On a simulated plane nobody answers checks: they have not come to an end.
	if got := w.health("web"); got[one] != "OutOfService/ELB/Instance registration is still in progress." && !strings.Contains(got[one], "UnhealthyThreshold") {
		t.Errorf("health %v", got)
	}
	nodetest.Do(w.World, &apiec2.StopInstances, &apiec2.StopInstancesInput{InstanceIds: []string{one}})
	w.Drain()
	w.Advance(time.Minute)
	if got := w.health("web", one); got[one] != "OutOfService/Instance/Instance is in stopped state." {
		t.Errorf("health %v", got)
	}
	nodetest.Do(w.World, &api.DisableAvailabilityZonesForLoadBalancer, &api.DisableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: "web", AvailabilityZones: []string{"us-east-1b"}})
	if got := w.health("web", two); !strings.HasPrefix(got[two], "OutOfService/ELB/Instance is in the EC2 Availability Zone for which") {
		t.Errorf("health %v", got)
	}
	fails(t, try(w, &api.RegisterInstancesWithLoadBalancer, &api.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: "web", Instances: []api.Instance{{InstanceId: new("i-00000000000000000")}}}),
		"InvalidInstance", "Could not find EC2 instance i-00000000000000000.")
	fails(t, try(w, &api.DescribeInstanceHealth, &api.DescribeInstanceHealthInput{LoadBalancerName: "web", Instances: []api.Instance{{InstanceId: new("i-00000000000000000")}}}), "InvalidInstance", "")
}

func TestDraining(t *testing.T) {
	w := newWorld(t)
	w.launch()
	w.create("web")
	w.register("web", w.instances...)
	one := w.instances[0]
	nodetest.Do(w.World, &api.ModifyLoadBalancerAttributes, &api.ModifyLoadBalancerAttributesInput{LoadBalancerName: "web",
		LoadBalancerAttributes: api.LoadBalancerAttributes{ConnectionDraining: &api.ConnectionDraining{Enabled: true, Timeout: new(int32(60))}}})
	out := nodetest.Do(w.World, &api.DeregisterInstancesFromLoadBalancer, &api.DeregisterInstancesFromLoadBalancerInput{LoadBalancerName: "web", Instances: []api.Instance{{InstanceId: &one}}})
	if len(out.Instances) != 1 {
		t.Errorf("left are %v", out.Instances)
	}
	if got := w.health("web")[one]; got != "InService/N/A/Instance deregistration currently in progress." {
		t.Errorf("health %s", got)
	}
	w.Advance(61 * time.Second)
	if got := w.health("web"); got[one] != "" || len(got) != 1 {
		t.Errorf("health %v", got)
	}
	if got := w.health("web", one)[one]; got != "OutOfService/Instance/Instance is not currently registered with the LoadBalancer." {
		t.Errorf("health %s", got)
	}
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	w.create("web")
	nodetest.Do(w.World, &api.AddTags, &api.AddTagsInput{LoadBalancerNames: []string{"web"}, Tags: []api.Tag{{Key: "a", Value: new("1")}, {Key: "b"}}})
	nodetest.Do(w.World, &api.AddTags, &api.AddTagsInput{LoadBalancerNames: []string{"web"}, Tags: []api.Tag{{Key: "a", Value: new("2")}}})
	nodetest.Do(w.World, &api.RemoveTags, &api.RemoveTagsInput{LoadBalancerNames: []string{"web"}, Tags: []api.TagKeyOnly{{Key: new("b")}}})
	got := nodetest.Do(w.World, &api.DescribeTags, &api.DescribeTagsInput{LoadBalancerNames: []string{"web"}}).TagDescriptions
	if len(got) != 1 || len(got[0].Tags) != 1 || *got[0].Tags[0].Value != "2" {
		t.Errorf("tags %v", got)
	}
	var many []api.Tag
	for i := range 51 {
		many = append(many, api.Tag{Key: strings.Repeat("x", i+1)})
	}
	fails(t, try(w, &api.AddTags, &api.AddTagsInput{LoadBalancerNames: []string{"web"}, Tags: many}), "TooManyTags", "")
	fails(t, try(w, &api.DescribeTags, &api.DescribeTagsInput{LoadBalancerNames: []string{"none"}}), "LoadBalancerNotFound", "")
}
