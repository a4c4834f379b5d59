package elbv2

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	api "pileus/api/elbv2"
	apiiam "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/store"
	"pileus/zone/shift"
)

var zero time.Time

const hex = "0123456789abcdef"

// kind is the load balancer's kind as the data path names it.
func (b *balancer) kind() lb.Kind {
	if b.Type == network {
		return lb.Network
	}
	return lb.Application
}

// letters are how ARNs and metrics name the type.
func (b *balancer) letters() string {
	if b.Type == network {
		return "net"
	}
	return "app"
}

func (s *elb) createLoadBalancer(c *cloud.Call, tx store.Tx, in *api.CreateLoadBalancerInput) (*api.CreateLoadBalancerOutput, error) {
	if err := checkName("Load balancer", in.Name); err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	b := &balancer{
		Account: c.Account, Region: c.Region, Name: in.Name, ID: c.Rand().String(16, hex), State: provisioning, Made: c.Now, Tags: tags,
		Type: cloud.Or(in.Type, application), Internal: cloud.Or(in.Scheme, "internet-facing") == "internal", IPType: cloud.Or(in.IpAddressType, "ipv4"),
		Prefix: cloud.Or(in.EnablePrefixForIpv6SourceNat, ""),
	}
	if in.IpamPools != nil {
		b.Pool = cloud.Or(in.IpamPools.Ipv4IpamPoolId, "")
	}
	if b.Type == gateway {
		return nil, unbuilt("Gateway Load Balancers (GENEVE)")
	}
	if in.CustomerOwnedIpv4Pool != nil {
		return nil, api.ErrInvalidConfigurationRequest.New("Customer-owned IP address pools are only for load balancers on Outposts")
	}
	if err := b.checkIPType(); err != nil {
		return nil, err
	}
	wanted, err := wantedSubnets(in.Subnets, in.SubnetMappings)
	if err != nil {
		return nil, err
	}
	if old := balancerNamed(tx, c, in.Name); old != nil {
		if old.equals(b, wanted, in.SecurityGroups) {
			return &api.CreateLoadBalancerOutput{LoadBalancers: []api.LoadBalancer{old.show()}}, nil
		}
		return nil, api.ErrDuplicateLoadBalancerName.New("A load balancer with the same name '%s' exists, but with different settings", in.Name)
	}
	if err := checkLimit(tx, c, b.Type); err != nil {
		return nil, err
	}
	b.ARN = c.ARN(service, "loadbalancer/"+b.letters()+"/"+b.Name+"/"+b.ID)
	b.DNS = b.dnsName(c)
	if err := linkRole(c, tx); err != nil {
		return nil, err
	}
	if err := b.open(c, wanted, in.SecurityGroups); err != nil {
		return nil, err
	}
	balancers.Insert(tx, b)
	touch(tx, b)
	return &api.CreateLoadBalancerOutput{LoadBalancers: []api.LoadBalancer{b.show()}}, nil
}

// dnsName is a name for a new load balancer.
func (b *balancer) dnsName(c *cloud.Call) string {
	id := b.ID
	if b.Type == application {
		id = c.Rand().String(1, "123456789") + c.Rand().String(9, "0123456789")
	}
	return attach.DNSName(b.kind(), b.Internal, b.Name, id, b.Region)
}

func balancerNamed(r store.Reader, c *cloud.Call, name string) *balancer {
	for b := range balancers.Index(r, "name", c.Account, c.Region, name) {
		return b
	}
	return nil
}

// equals tells whether a load balancer is what a request asks for: making it
// again is no error then.
func (b *balancer) equals(o *balancer, wanted []api.SubnetMapping, groups []string) bool {
	var have, want []string
	for _, n := range b.Nodes {
		have = append(have, n.Subnet)
	}
	for _, m := range wanted {
		want = append(want, *m.SubnetId)
	}
	slices.Sort(have)
	slices.Sort(want)
	sorted := slices.Sorted(slices.Values(groups))
	return b.Type == o.Type && b.Internal == o.Internal && b.IPType == o.IPType && slices.Equal(have, want) &&
		(len(groups) == 0 || slices.Equal(slices.Sorted(slices.Values(b.Groups)), sorted)) && maps.Equal(b.Tags.Map(), o.Tags.Map())
}

func (b *balancer) checkIPType() error {
	switch b.IPType {
	case "ipv4", "dualstack":
	case "dualstack-without-public-ipv4":
		if b.Type != application || b.Internal {
			return api.ErrInvalidConfigurationRequest.New("IP address type 'dualstack-without-public-ipv4' is only for internet-facing Application Load Balancers")
		}
	}
	return nil
}

// checkName tells what is wrong with a name.
func checkName(what, name string) error {
	switch {
	case name == "":
		return invalid("%s name cannot be empty", what)
	case len(name) > 32:
		return invalid("%s name '%s' cannot be longer than '32' characters", what, name)
	case strings.HasPrefix(name, "-"), strings.HasSuffix(name, "-"):
		return invalid("%s name '%s' cannot begin or end with '-'", what, name)
	case what == "Load balancer" && strings.HasPrefix(name, "internal-"):
		return invalid("%s name '%s' cannot begin with 'internal-'", what, name)
	}
	for _, r := range name {
		if r != '-' && (r > 'z' || !strings.ContainsRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", r)) {
			return invalid("%s name '%s' can only contain characters that are alphanumeric characters or hyphens(-)", what, name)
		}
	}
	return nil
}

// linkRole makes the role through which the service acts, for the account's
// first load balancer.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html
func linkRole(c *cloud.Call, tx store.Tx) error {
	if _, ok := identity.FindRole(tx, c.Account, "AWSServiceRoleForElasticLoadBalancing"); ok || !c.Cloud.Implements("iam", "CreateServiceLinkedRole") {
		return nil
	}
	_, err := apiiam.CreateServiceLinkedRole.Call(identity.AsAccount(c), &apiiam.CreateServiceLinkedRoleInput{
		AWSServiceName: attach.Service, Description: new("Allows ELB to call AWS services on your behalf."),
	})
	return err
}

func (s *elb) deleteLoadBalancer(c *cloud.Call, tx store.Tx, in *api.DeleteLoadBalancerInput) (*api.DeleteLoadBalancerOutput, error) {
	out := &api.DeleteLoadBalancerOutput{}
	b, err := findBalancer(c, tx, in.LoadBalancerArn)
	if errors.Is(err, api.ErrLoadBalancerNotFound.New("")) { // one that is gone is no error
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	if b.attribute("deletion_protection.enabled") == "true" {
		return nil, api.ErrOperationNotPermitted.New("Load balancer '%s' cannot be deleted because deletion protection is enabled", b.ARN)
	}
	for g := range targetsWith(tx, c, b.ARN) {
		return nil, api.ErrResourceInUse.New("Load balancer '%s' cannot be deleted because it is currently associated with the target group '%s'", b.ARN, g)
	}
	if err := checkServed(c, b); err != nil {
		return nil, err
	}
	for _, l := range slices.Collect(listenersOf(tx, b)) {
		removeListener(tx, l)
	}
	for _, n := range b.Nodes {
		if err := attach.Close(c, n); err != nil {
			return nil, err
		}
	}
	for _, v := range slices.Collect(sightings.Scan(tx, b.ARN)) {
		sightings.Delete(tx, v.Balancer, v.Group, v.ID, v.Port)
	}
	attach.Unpublish(tx, b.ARN)
	shift.Unregister(tx, b.Account, b.Region, b.ARN)
	balancers.Delete(tx, b.Account, b.Region, b.ARN)
	touch(tx, b)
	b.bill(c, tx)
	return out, nil
}

// targetsWith yields the groups in which a load balancer itself is a target.
func targetsWith(r store.Reader, c *cloud.Call, id string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for t := range targets.Index(r, "id", c.Account, c.Region, id) {
			if !yield(t.Group) {
				return
			}
		}
	}
}

func (s *elb) describeLoadBalancers(c *cloud.Call, r store.Reader, in *api.DescribeLoadBalancersInput) (*api.DescribeLoadBalancersOutput, error) {
	if len(in.LoadBalancerArns) > 0 && len(in.Names) > 0 {
		return nil, invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
	}
	var list []*balancer
	switch {
	case len(in.LoadBalancerArns) > 0:
		for _, arn := range in.LoadBalancerArns {
			b, err := findBalancer(c, r, arn)
			if err != nil {
				return nil, err
			}
			list = append(list, b)
		}
	case len(in.Names) > 0:
		for _, name := range in.Names {
			b := balancerNamed(r, c, name)
			if b == nil {
				return nil, api.ErrLoadBalancerNotFound.New("Load balancers '[%s]' not found", strings.Join(in.Names, ", "))
			}
			list = append(list, b)
		}
	default:
		list = slices.Collect(balancers.Scan(r, c.Account, c.Region))
	}
	list, next, err := page(list, in.Marker, in.PageSize, func(b *balancer) string { return b.ARN })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLoadBalancersOutput{LoadBalancers: []api.LoadBalancer{}, NextMarker: next}
	for _, b := range list {
		out.LoadBalancers = append(out.LoadBalancers, b.show())
	}
	return out, nil
}

// show is a load balancer as the API has it.
func (b *balancer) show() api.LoadBalancer {
	o := api.LoadBalancer{
		LoadBalancerArn: &b.ARN, LoadBalancerName: &b.Name, DNSName: &b.DNS, CreatedTime: &b.Made, VpcId: &b.VPC, Type: &b.Type,
		Scheme: new(b.scheme()), State: &api.LoadBalancerState{Code: &b.State, Reason: some(b.Reason)}, IpAddressType: &b.IPType,
		SecurityGroups: b.Groups, AvailabilityZones: b.zones(), EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: some(b.Enforce),
		EnablePrefixForIpv6SourceNat: some(b.Prefix),
	}
	if z := attach.HostedZone(b.kind(), b.Region); z != "" {
		o.CanonicalHostedZoneId = &z
	}
	if b.Pool != "" {
		o.IpamPools = &api.IpamPools{Ipv4IpamPoolId: &b.Pool}
	}
	return o
}

func (b *balancer) scheme() string {
	if b.Internal {
		return "internal"
	}
	return "internet-facing"
}

// zones are a load balancer's zones with its subnets. Network load balancers
// tell the addresses that were chosen for them.
func (b *balancer) zones() []api.AvailabilityZone {
	list := []api.AvailabilityZone{}
	for _, n := range b.Nodes {
		z := api.AvailabilityZone{ZoneName: &n.Zone, SubnetId: &n.Subnet, LoadBalancerAddresses: []api.LoadBalancerAddress{}}
		if b.Type == network {
			a := api.LoadBalancerAddress{}
			if n.Allocation != "" {
				a.AllocationId, a.IpAddress = &n.Allocation, new(n.Public.String())
			}
			if b.Internal && n.Private.IsValid() {
				a.PrivateIPv4Address = new(n.Private.String())
			}
			if a != (api.LoadBalancerAddress{}) {
				z.LoadBalancerAddresses = append(z.LoadBalancerAddresses, a)
			}
			if len(n.IPv6) > 0 { // an entry of its own, after that of IPv4
				z.LoadBalancerAddresses = append(z.LoadBalancerAddresses, api.LoadBalancerAddress{IPv6Address: new(n.IPv6[0].String())})
			}
		}
		list = append(list, z)
	}
	return list
}

// some is a pointer to s, or nil for "".
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
