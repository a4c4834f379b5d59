package elb

import (
	"slices"
	"strconv"

	apiec2 "pileus/api/ec2"
	api "pileus/api/elb"
	"pileus/cloud"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/store"
)

// pageSize is how many are described at once.
const pageSize = 400

func describeLoadBalancers(c *cloud.Call, r store.Reader, in *api.DescribeLoadBalancersInput) (*api.DescribeLoadBalancersOutput, error) {
	var list []*balancer
	for _, name := range in.LoadBalancerNames {
		b, err := find(c, r, name)
		if err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	if len(in.LoadBalancerNames) == 0 {
		list = slices.Collect(balancers.Scan(r, c.Account, c.Region))
	}
	list, next, err := page(list, in.Marker, in.PageSize, func(b *balancer) string { return b.Name })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLoadBalancersOutput{LoadBalancerDescriptions: []api.LoadBalancerDescription{}, NextMarker: next}
	for _, b := range list {
		out.LoadBalancerDescriptions = append(out.LoadBalancerDescriptions, b.api(c))
	}
	return out, nil
}

// page is the part of list that begins at marker, with the marker of the next.
// name names an entry for good.
func page[T any](list []T, marker *string, size *int32, name func(T) string) ([]T, *string, error) {
	list, next, ok := store.PageOf(list, cloud.Or(marker, ""), int(cloud.Or(size, pageSize)), name)
	switch {
	case !ok:
		return nil, nil, invalid("The specified marker is not valid")
	case next == "":
		return list, nil, nil
	}
	return list, &next, nil
}

func (b *balancer) api(c *cloud.Call) api.LoadBalancerDescription {
	scheme := "internet-facing"
	if b.Internal {
		scheme = "internal"
	}
	d := api.LoadBalancerDescription{
		LoadBalancerName: &b.Name, DNSName: &b.DNSName, VPCId: &b.VPC, CreatedTime: &b.Made, Scheme: &scheme,
		AvailabilityZones: b.zones(), Subnets: b.subnets(), SecurityGroups: b.Groups, Instances: b.apiInstances(), HealthCheck: b.Check.api(),
		ListenerDescriptions: []api.ListenerDescription{}, BackendServerDescriptions: []api.BackendServerDescription{}, Policies: b.apiPolicies(),
		SourceSecurityGroup: b.sourceGroup(c),
	}
	if !b.Internal {
		d.CanonicalHostedZoneName = &b.DNSName
	}
	if zone := attach.HostedZone(lb.Classic, b.Region); zone != "" {
		d.CanonicalHostedZoneNameID = &zone
	}
	for _, l := range b.Listeners {
		x := api.Listener{Protocol: l.Protocol, LoadBalancerPort: l.Port, InstanceProtocol: &l.InstanceProtocol, InstancePort: l.InstancePort}
		if l.Certificate != "" {
			x.SSLCertificateId = &l.Certificate
		}
		d.ListenerDescriptions = append(d.ListenerDescriptions, api.ListenerDescription{Listener: &x, PolicyNames: some(l.Policies)})
	}
	for _, x := range b.Backends {
		d.BackendServerDescriptions = append(d.BackendServerDescriptions, api.BackendServerDescription{InstancePort: &x.Port, PolicyNames: some(x.Policies)})
	}
	return d
}

// some is a list that is shown even when it is empty.
func some(list []string) []string { return append([]string{}, list...) }

func (b *balancer) apiPolicies() *api.Policies {
	out := &api.Policies{AppCookieStickinessPolicies: []api.AppCookieStickinessPolicy{}, LBCookieStickinessPolicies: []api.LBCookieStickinessPolicy{}, OtherPolicies: []string{}}
	for _, p := range b.Policies {
		switch p.Type {
		case appCookieType:
			out.AppCookieStickinessPolicies = append(out.AppCookieStickinessPolicies, api.AppCookieStickinessPolicy{PolicyName: &p.Name, CookieName: new(p.value("CookieName"))})
		case lbCookieType:
			x := api.LBCookieStickinessPolicy{PolicyName: &p.Name}
			if n, err := strconv.ParseInt(p.value(expirationAttribute), 10, 64); err == nil && n > 0 {
				x.CookieExpirationPeriod = &n
			}
			out.LBCookieStickinessPolicies = append(out.LBCookieStickinessPolicies, x)
		default:
			out.OtherPolicies = append(out.OtherPolicies, p.Name)
		}
	}
	return out
}

// sourceGroup is the group that instances can let in; nil where it cannot be
// described.
func (b *balancer) sourceGroup(c *cloud.Call) *api.SourceSecurityGroup {
	if len(b.Groups) == 0 {
		return nil
	}
	out, err := apiec2.DescribeSecurityGroups.Call(attach.As(c), &apiec2.DescribeSecurityGroupsInput{GroupIds: b.Groups[:1]})
	if err != nil || len(out.SecurityGroups) == 0 {
		return nil
	}
	return &api.SourceSecurityGroup{OwnerAlias: &b.Account, GroupName: out.SecurityGroups[0].GroupName}
}

func describeLimits(_ *cloud.Call, _ store.Reader, in *api.DescribeAccountLimitsInput) (*api.DescribeAccountLimitsOutput, error) {
	limits := []api.Limit{
		{Name: new("classic-load-balancers"), Max: new(strconv.Itoa(maxBalancers))},
		{Name: new("classic-listeners"), Max: new(strconv.Itoa(maxListeners))},
		{Name: new("classic-registered-instances"), Max: new(strconv.Itoa(maxInstances))},
	}
	limits, next, err := page(limits, in.Marker, in.PageSize, func(l api.Limit) string { return *l.Name })
	return &api.DescribeAccountLimitsOutput{Limits: limits, NextMarker: next}, err
}
