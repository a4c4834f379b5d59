package elbv2_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	apiec2 "pileus/api/ec2"
	api "pileus/api/elbv2"
	"pileus/identity"
	"pileus/names"
	"pileus/node/nodetest"
	"pileus/store"
)

// TestApplicationBalancer: what an application load balancer is made of, and
// that nothing of it is left.
func TestApplicationBalancer(t *testing.T) {
	w := newWorld(t)
	made := nodetest.Do(w.World, &api.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: "web", Subnets: []string{w.subnetA, w.subnetB}}).LoadBalancers[0]
	if *made.State.Code != "provisioning" {
		t.Errorf("a new load balancer is %s", *made.State.Code)
	}
	w.Drain()
	b := w.describe("web")
	for what, match := range map[string][2]string{
		"ARN":  {*b.LoadBalancerArn, `^arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/[0-9a-f]{16}$`},
		"name": {*b.DNSName, `^web-[0-9]{10}\.us-east-1\.elb\.amazonaws\.com$`},
		"zone": {*b.CanonicalHostedZoneId, `^Z35SXDOTRQ7X7K$`}, "state": {*b.State.Code, `^active$`}, "scheme": {*b.Scheme, `^internet-facing$`},
	} {
		if !regexp.MustCompile(match[1]).MatchString(match[0]) {
			t.Errorf("the %s is %s", what, match[0])
		}
	}
	if len(b.SecurityGroups) != 1 || len(b.AvailabilityZones) != 2 {
		t.Errorf("groups %v, zones %v", b.SecurityGroups, b.AvailabilityZones)
	}
	nics := nodetest.Do(w.World, &apiec2.DescribeNetworkInterfaces, &apiec2.DescribeNetworkInterfacesInput{
		Filters: []apiec2.Filter{{Name: new("requester-id"), Values: []string{"amazon-elb"}}},
	}).NetworkInterfaces
	if len(nics) != 2 || nics[0].Association == nil || !regexp.MustCompile(`^ELB app/web/[0-9a-f]{16}$`).MatchString(*nics[0].Description) {
		t.Fatalf("its interfaces are %+v", nics)
	}
	w.View(func(r store.Reader) {
		if n, ok := names.Find(r, *b.DNSName); !ok || len(n.Addresses) != 2 {
			t.Errorf("its name leads to %v", n)
		}
		if _, ok := identity.FindRole(r, nodetest.Account, "AWSServiceRoleForElasticLoadBalancing"); !ok {
			t.Error("there is no service-linked role")
		}
	})
	nodetest.Do(w.World, &api.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerArn: *b.LoadBalancerArn})
	w.Drain()
	w.View(func(r store.Reader) {
		if _, ok := names.Find(r, *b.DNSName); ok {
			t.Error("its name is still there")
		}
	})
	nodetest.Do(w.World, &apiec2.DeleteSubnet, &apiec2.DeleteSubnetInput{SubnetId: w.subnetA})
	_, err := nodetest.Try(w.World, &api.DescribeLoadBalancers, &api.DescribeLoadBalancersInput{Names: []string{"web"}})
	wants(t, err, "LoadBalancerNotFound", "Load balancers '[web]' not found")
	nodetest.Do(w.World, &api.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerArn: *b.LoadBalancerArn}) // again
}

// TestWhatCannotBeMade: the answers to load balancers that make no sense.
func TestWhatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	w.balancer("web")
	both := []string{w.subnetA, w.subnetB}
	bare := *nodetest.Do(w.World, &apiec2.CreateVpc, &apiec2.CreateVpcInput{CidrBlock: new("10.9.0.0/16")}).Vpc.VpcId
	lone := func(cidr, zone string) string {
		return *nodetest.Do(w.World, &apiec2.CreateSubnet, &apiec2.CreateSubnetInput{VpcId: bare, CidrBlock: &cidr, AvailabilityZone: &zone}).Subnet.SubnetId
	}
	dark := []string{lone("10.9.0.0/24", "us-east-1a"), lone("10.9.1.0/24", "us-east-1b")}
	for name, row := range map[string]struct {
		in         api.CreateLoadBalancerInput
		code, text string
	}{
		"the same again":        {api.CreateLoadBalancerInput{Name: "web", Subnets: both}, "", ""},
		"the same name":         {api.CreateLoadBalancerInput{Name: "web", Subnets: both, Scheme: new("internal")}, "DuplicateLoadBalancerName", "exists, but with different settings"},
		"one zone":              {api.CreateLoadBalancerInput{Name: "a", Subnets: both[:1]}, "ValidationError", "At least two subnets in two different Availability Zones must be specified"},
		"no subnet":             {api.CreateLoadBalancerInput{Name: "a"}, "ValidationError", "at least one subnet"},
		"a subnet that is gone": {api.CreateLoadBalancerInput{Name: "a", Subnets: []string{w.subnetA, "subnet-0123456789abcdef0"}}, "SubnetNotFound", "subnet-0123456789abcdef0"},
		"twice a zone":          {api.CreateLoadBalancerInput{Name: "a", Subnets: []string{w.subnetA, w.subnetA}}, "InvalidConfigurationRequest", "multiple subnets in the same Availability Zone"},
		"two VPCs":              {api.CreateLoadBalancerInput{Name: "a", Subnets: []string{w.subnetA, dark[1]}}, "InvalidConfigurationRequest", "same VPC"},
		"no way out":            {api.CreateLoadBalancerInput{Name: "a", Subnets: dark}, "InvalidSubnet", "VPC " + bare + " has no internet gateway"},
		"internal":              {api.CreateLoadBalancerInput{Name: "inner", Subnets: dark, Scheme: new("internal")}, "", ""},
		"an odd group":          {api.CreateLoadBalancerInput{Name: "b", Subnets: both, SecurityGroups: []string{"sg-0123456789abcdef0"}}, "InvalidSecurityGroup", "sg-0123456789abcdef0"},
		"a long name":           {api.CreateLoadBalancerInput{Name: "a23456789012345678901234567890123", Subnets: both}, "ValidationError", "cannot be longer than '32' characters"},
		"an odd name":           {api.CreateLoadBalancerInput{Name: "a_b", Subnets: both}, "ValidationError", "alphanumeric characters or hyphens(-)"},
		"internal-":             {api.CreateLoadBalancerInput{Name: "internal-a", Subnets: both}, "ValidationError", "cannot begin with 'internal-'"},
		"gateway":               {api.CreateLoadBalancerInput{Name: "g", Type: new("gateway"), Subnets: both}, "NotImplemented", "Gateway Load Balancers"},
		"dual stack":            {api.CreateLoadBalancerInput{Name: "d", Subnets: both, IpAddressType: new("dualstack")}, "InvalidSubnet", "IPv6"},
		"an address of an ALB":  {api.CreateLoadBalancerInput{Name: "e", SubnetMappings: []api.SubnetMapping{{SubnetId: &w.subnetA, AllocationId: new("eipalloc-1")}, {SubnetId: &w.subnetB}}}, "InvalidConfigurationRequest", "Elastic IP"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := nodetest.Try(w.World, &api.CreateLoadBalancer, &row.in)
			wants(t, err, row.code, row.text)
		})
	}
}

// TestAddressesOfDualStack: a zone tells its IPv4 and its IPv6 address apart.
func TestAddressesOfDualStack(t *testing.T) {
	w := newWorld(t)
	vpc := nodetest.Do(w.World, &apiec2.CreateVpc, &apiec2.CreateVpcInput{CidrBlock: new("10.9.0.0/16"), AmazonProvidedIpv6CidrBlock: new(true)}).Vpc
	six := nodetest.Do(w.World, &apiec2.DescribeVpcs, &apiec2.DescribeVpcsInput{VpcIds: []string{*vpc.VpcId}}).Vpcs[0].Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock
	subnet := nodetest.Do(w.World, &apiec2.CreateSubnet, &apiec2.CreateSubnetInput{VpcId: *vpc.VpcId, CidrBlock: new("10.9.0.0/24"), Ipv6CidrBlock: new(strings.Replace(*six, "/56", "/64", 1))}).Subnet
	nodetest.Do(w.World, &api.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: "six", Type: new("network"), Scheme: new("internal"), IpAddressType: new("dualstack"),
		SubnetMappings: []api.SubnetMapping{{SubnetId: subnet.SubnetId, PrivateIPv4Address: new("10.9.0.15")}}})
	a := w.describe("six").AvailabilityZones[0].LoadBalancerAddresses
	if len(a) != 2 || *a[0].PrivateIPv4Address != "10.9.0.15" || a[0].IPv6Address != nil || a[1].IPv6Address == nil || a[1].PrivateIPv4Address != nil {
		t.Errorf("its addresses are %+v", a)
	}
}

// TestNetworkBalancer: elastic addresses, names of zones, no security groups.
func TestNetworkBalancer(t *testing.T) {
	w := newWorld(t)
	eip := nodetest.Do(w.World, &apiec2.AllocateAddress, &apiec2.AllocateAddressInput{})
	nodetest.Do(w.World, &api.CreateLoadBalancer, &api.CreateLoadBalancerInput{Name: "net", Type: new("network"), SubnetMappings: []api.SubnetMapping{{SubnetId: &w.subnetA, AllocationId: eip.AllocationId}}})
	w.Drain()
	b := w.describe("net")
	if a := b.AvailabilityZones[0].LoadBalancerAddresses; len(a) != 1 || *a[0].IpAddress != *eip.PublicIp || *a[0].AllocationId != *eip.AllocationId {
		t.Errorf("its addresses are %+v", a)
	}
	if !regexp.MustCompile(`^net-[0-9a-f]{16}\.elb\.us-east-1\.amazonaws\.com$`).MatchString(*b.DNSName) || len(b.SecurityGroups) != 0 {
		t.Errorf("it is %+v", b)
	}
	w.View(func(r store.Reader) {
		for _, name := range []string{*b.DNSName, "us-east-1a." + *b.DNSName} {
			if n, ok := names.Find(r, name); !ok || len(n.Addresses) != 1 || n.Addresses[0].String() != *eip.PublicIp {
				t.Errorf("%s leads to %v", name, n)
			}
		}
	})
	_, err := nodetest.Try(w.World, &apiec2.ReleaseAddress, &apiec2.ReleaseAddressInput{AllocationId: eip.AllocationId})
	wants(t, err, "InvalidIPAddress.InUse", "")
	_, err = nodetest.Try(w.World, &api.SetSecurityGroups, &api.SetSecurityGroupsInput{LoadBalancerArn: *b.LoadBalancerArn, SecurityGroups: []string{"sg-1"}})
	wants(t, err, "InvalidConfigurationRequest", "without security groups")
	nodetest.Do(w.World, &api.SetSubnets, &api.SetSubnetsInput{LoadBalancerArn: *b.LoadBalancerArn, Subnets: []string{w.subnetB}})
	w.Drain()
	if z := w.describe("net").AvailabilityZones; len(z) != 1 || *z[0].ZoneName != "us-east-1b" {
		t.Errorf("its zones are %+v", z)
	}
	nodetest.Do(w.World, &apiec2.ReleaseAddress, &apiec2.ReleaseAddressInput{AllocationId: eip.AllocationId})
}

// TestDeletionProtection: a protected load balancer stays.
func TestDeletionProtection(t *testing.T) {
	w := newWorld(t)
	arn := *w.balancer("web").LoadBalancerArn
	set := func(value string) {
		nodetest.Do(w.World, &api.ModifyLoadBalancerAttributes, &api.ModifyLoadBalancerAttributesInput{LoadBalancerArn: arn, Attributes: []api.LoadBalancerAttribute{{Key: new("deletion_protection.enabled"), Value: &value}}})
	}
	set("true")
	_, err := nodetest.Try(w.World, &api.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerArn: arn})
	wants(t, err, "OperationNotPermitted", "cannot be deleted because deletion protection is enabled")
	set("false")
	nodetest.Do(w.World, &api.DeleteLoadBalancer, &api.DeleteLoadBalancerInput{LoadBalancerArn: arn})
}

// TestThroughTheEdge: the cloud's own port answers for a load balancer under
// its name.
func TestThroughTheEdge(t *testing.T) {
	w := newWorld(t)
	b := w.balancer("web")
	l := w.listener(*b.LoadBalancerArn, 80, says("hello"))
	w.rule(l, 1, "/other", says("other"))
	w.Drain()
	for host, want := range map[string]string{
		"":                               "hello",
		*b.DNSName:                       "hello",
		"nobody.us-east-1.elb.localhost": "pileus: no load balancer has the name nobody.us-east-1.elb.amazonaws.com\n",
	} {
		if host == "" {
			host = (*b.DNSName)[:len(*b.DNSName)-len(".amazonaws.com")] + ".localhost"
		}
		if _, got := w.get(host, "/"); got != want {
			t.Errorf("%s answers %q, want %q", host, got, want)
		}
	}
	if _, got := w.get(*b.DNSName, "/other"); got != "other" {
		t.Errorf("the rule answers %q", got)
	}
	nodetest.Do(w.World, &api.DeleteListener, &api.DeleteListenerInput{ListenerArn: l})
	w.Drain()
	if status, _ := w.get(*b.DNSName, "/"); status != http.StatusServiceUnavailable {
		t.Errorf("without a listener it answers %d", status)
	}
}

// TestLogsAreTriedOut: a bucket that lets nobody in gets no logs; one that lets
// the service in gets a file at once.
func TestLogsAreTriedOut(t *testing.T) {
	w := newWorld(t)
	b := w.balancer("web")
	w.listener(*b.LoadBalancerArn, 80, says("hello"))
	w.Drain()
	w.bucket("logs", "")
	on := []api.LoadBalancerAttribute{{Key: new("access_logs.s3.enabled"), Value: new("true")}, {Key: new("access_logs.s3.bucket"), Value: new("logs")}, {Key: new("access_logs.s3.prefix"), Value: new("web")}}
	_, err := nodetest.Try(w.World, &api.ModifyLoadBalancerAttributes, &api.ModifyLoadBalancerAttributesInput{LoadBalancerArn: *b.LoadBalancerArn, Attributes: on})
	wants(t, err, "InvalidConfigurationRequest", "Access Denied for bucket: logs. Please check S3bucket permission")
	w.bucket("", `{"Statement":[{"Effect":"Allow","Principal":{"Service":"logdelivery.elasticloadbalancing.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::logs/web/AWSLogs/000000000000/*"}]}`)
	nodetest.Do(w.World, &api.ModifyLoadBalancerAttributes, &api.ModifyLoadBalancerAttributesInput{LoadBalancerArn: *b.LoadBalancerArn, Attributes: on})
	if keys := w.keys("logs"); len(keys) != 1 || keys[0] != "web/AWSLogs/000000000000/ELBAccessLogTestFile" {
		t.Fatalf("the bucket has %v", keys)
	}
	w.Drain()
	w.get(*b.DNSName, "/")
	w.Advance(6 * time.Minute)
	keys := w.keys("logs")
	if len(keys) != 2 || !regexp.MustCompile(`^web/AWSLogs/000000000000/elasticloadbalancing/us-east-1/2026/01/01/000000000000_elasticloadbalancing_us-east-1_app\.web\.[0-9a-f]{16}_20260101T0005Z_198\.1[89]\.[0-9.]+_[0-9A-Za-z]{8}\.log\.gz$`).MatchString(keys[len(keys)-1]) {
		t.Errorf("the bucket has %v", keys)
	}
}
