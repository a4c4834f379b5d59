package vpc

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	elb "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Offer is an endpoint service that an account offers: the way to what stands
// behind its network load balancers, for the endpoints of others.
// https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-share-your-services.html
type Offer struct {
	Account, Region, ID string   // "vpce-svc-..."
	Balancers           []string // ARNs
	Acceptance          bool     // endpoints wait until they are accepted
	IPTypes             []string // "ipv4", "ipv6"
	Payer               string   // "ServiceOwner"; "" for who has the endpoint
	Allowed             []Permission
	Name                OwnName
	Made                time.Time
}

// Permission lets a principal make endpoints to a service.
type Permission struct{ ID, Principal string }

const (
	offerKind   = "vpc-endpoint-service"
	offerPrefix = "com.amazonaws.vpce."

	// permissionKind are permissions as resources.
	permissionKind = "vpc-endpoint-service-permission"
)

var offers = &store.Table[Offer]{
	Name: "ec2.offer",
	Key:  func(o *Offer) store.Key { return keyOf(o.Account, o.Region, o.ID) },
	Indexes: map[string]func(*Offer) store.Key{
		"id": func(o *Offer) store.Key { return store.K(o.ID) },
	},
	Memo: 1000,
}

func noOffer(id string) *cloud.Error {
	if !resource.WellFormed("vpce-svc", id) {
		return resource.Errorf("InvalidVpcEndpointServiceId.Malformed", "The VpcEndpointService Id '%s' is malformed", id)
	}
	return resource.Errorf("InvalidVpcEndpointServiceId.NotFound", "The VpcEndpointService Id '%s' does not exist", id)
}

func noServiceName(name string) *cloud.Error {
	return resource.Errorf("InvalidServiceName", "The Vpc Endpoint Service '%s' does not exist", name)
}

// service is the service's name as endpoints give it.
func (o *Offer) service() string { return offerPrefix + o.Region + "." + o.ID }

// offered is the service of a name, whoever has it.
func offered(r store.Reader, name string) (*Offer, bool) {
	rest, ok := strings.CutPrefix(name, offerPrefix)
	if !ok {
		return nil, false
	}
	region, id, _ := strings.Cut(rest, ".")
	for o := range offers.Index(r, "id", id) {
		return o, o.Region == region
	}
	return nil, false
}

// offersTo yields the services of a region that a caller may make endpoints to.
func offersTo(c *cloud.Call, r store.Reader) iter.Seq[*Offer] {
	return func(yield func(*Offer) bool) {
		for o := range offers.Scan(r) {
			if o.Region == c.Region && o.allows(c) && !yield(o) {
				return
			}
		}
	}
}

// allows tells whether the caller may make endpoints to the service: its owner
// may, and who has a permission.
func (o *Offer) allows(c *cloud.Call) bool {
	if c.Account == o.Account {
		return true
	}
	account := cloud.ARN{Partition: c.Partition, Service: "iam", Account: c.Account, Resource: "root"}.String()
	return slices.ContainsFunc(o.Allowed, func(p Permission) bool {
		switch p.Principal {
		case "*", account:
			return true
		}
		return c.Principal != nil && (p.Principal == c.Principal.ARN || p.Principal == c.Principal.RoleARN)
	})
}

// as is the service as endpoints see services.
func (o *Offer) as() endpointService {
	return endpointService{host: o.ID, interfaces: true, noRules: true, offer: o}
}

// connections yields the endpoints that lead to the service.
func (o *Offer) connections(r store.Reader) iter.Seq[*Endpoint] {
	return endpoints.Index(r, "service", o.service())
}

// connected tells whether some endpoints are connected, or wait for it.
func (o *Offer) connected(r store.Reader) bool {
	for e := range o.connections(r) {
		if e.State == endpointPending || e.State == endpointAvailable || e.State == endpointWaiting {
			return true
		}
	}
	return false
}

// balancers are the load balancers behind the service.
func (o *Offer) balancers(c *cloud.Call) ([]elb.LoadBalancer, error) {
	if len(o.Balancers) == 0 {
		return nil, nil
	}
	out, err := elb.DescribeLoadBalancers.Call(identity.AsAccount(c.In(o.Account, o.Region)), &elb.DescribeLoadBalancersInput{LoadBalancerArns: o.Balancers})
	if err != nil {
		return nil, err
	}
	return out.LoadBalancers, nil
}

// zones are where the service is: in the zones of its load balancers.
func (o *Offer) zones(c *cloud.Call) ([]string, error) {
	list, err := o.balancers(c)
	if err != nil {
		return nil, err
	}
	zones := []string{}
	for _, b := range list {
		for _, z := range b.AvailabilityZones {
			zones = append(zones, *z.ZoneName)
		}
	}
	slices.Sort(zones)
	return slices.Compact(zones), nil
}

// zoneIDs are the ids of zones by their names.
func zoneIDs(names []string) []string {
	list := []string{}
	for _, n := range names {
		if id := resource.ZoneID(n); id != nil {
			list = append(list, *id)
		}
	}
	return list
}

// elsewhere is the answer to those who want a service or its endpoints in other
// regions: there is no way between regions for them.
func elsewhere(c *cloud.Call, regions ...string) error {
	for _, r := range regions {
		if r != c.Region {
			return resource.Unsupported("Cross-region access to VPC endpoint services is not available here: %s", r)
		}
	}
	return nil
}

// checkBalancers looks at what a service shall lead to.
func (o *Offer) checkBalancers(c *cloud.Call) error {
	if !c.Cloud.Implements("elbv2", "DescribeLoadBalancers") {
		return resource.Unsupported("Network Load Balancers are not available here")
	}
	for _, arn := range o.Balancers {
		out, err := elb.DescribeLoadBalancers.Call(identity.AsAccount(c), &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
		switch {
		case err != nil:
			return resource.Errorf("InvalidParameter", "The Network Load Balancer '%s' does not exist", arn)
		case cloud.Or(out.LoadBalancers[0].Type, "") != elb.LoadBalancerTypeEnumNetwork:
			return resource.Errorf("InvalidParameter", "The load balancer '%s' is not a Network Load Balancer", arn)
		case slices.Contains(o.IPTypes, "ipv6") && cloud.Or(out.LoadBalancers[0].IpAddressType, "") != "dualstack":
			return resource.Errorf("InvalidParameter", "The load balancer '%s' does not support the IP address type ipv6", arn)
		}
	}
	return nil
}

// api is a service as its owner sees it.
func (o *Offer) api(c *cloud.Call, r store.Reader) (*api.ServiceConfiguration, error) {
	zones, err := o.zones(c)
	if err != nil {
		return nil, err
	}
	s := &api.ServiceConfiguration{
		ServiceType: []api.ServiceTypeDetail{{ServiceType: new(interfaceEndpoint)}}, ServiceId: &o.ID, ServiceName: new(o.service()),
		ServiceState: new(api.ServiceStateAvailable), AvailabilityZones: zones, AvailabilityZoneIds: zoneIDs(zones), AcceptanceRequired: &o.Acceptance, ManagesVpcEndpoints: new(false),
		NetworkLoadBalancerArns: o.Balancers, SupportedIpAddressTypes: o.IPTypes, BaseEndpointDnsNames: []string{o.base()},
		Tags: resource.APITags(resource.Tags(c, r, o.ID)), PayerResponsibility: text(o.Payer), RemoteAccessEnabled: new(false),
		SupportedRegions: []api.SupportedRegionDetail{{Region: &o.Region, ServiceState: new(api.ServiceStateAvailable)}},
	}
	if n := o.Name; n.Domain != "" {
		s.PrivateDnsName = &n.Domain
		s.PrivateDnsNameConfiguration = &api.PrivateDnsNameConfiguration{State: &n.State, Type: new("TXT"), Name: &n.Record, Value: &n.Value}
	}
	return s, nil
}

// base is the domain of the names of the service's endpoints.
func (o *Offer) base() string { return o.ID + "." + o.Region + ".vpce.amazonaws.com" }

// detail is a service as others see it.
func (o *Offer) detail(c *cloud.Call) (api.ServiceDetail, error) {
	zones, err := o.zones(c)
	if err != nil {
		return api.ServiceDetail{}, err
	}
	d := api.ServiceDetail{
		ServiceName: new(o.service()), ServiceId: &o.ID, ServiceType: []api.ServiceTypeDetail{{ServiceType: new(interfaceEndpoint)}},
		AvailabilityZones: zones, AvailabilityZoneIds: zoneIDs(zones), Owner: &o.Account, BaseEndpointDnsNames: []string{o.base()}, VpcEndpointPolicySupported: new(false),
		AcceptanceRequired: &o.Acceptance, ManagesVpcEndpoints: new(false), SupportedIpAddressTypes: o.IPTypes, Tags: []api.Tag{},
		PayerResponsibility: text(o.Payer), ServiceRegion: &o.Region,
	}
	if o.Account == c.Account {
		if err := c.View(func(r store.Reader) error { d.Tags = resource.APITags(resource.Tags(c, r, o.ID)); return nil }); err != nil {
			return d, err
		}
	}
	if n := o.Name; n.Domain != "" {
		d.PrivateDnsName, d.PrivateDnsNames = &n.Domain, []api.PrivateDnsDetails{{PrivateDnsName: &n.Domain}}
		d.PrivateDnsNameVerificationState = new(cmp.Or(n.State, api.DnsNameStatePendingVerification))
	}
	return d, nil
}
