package vpc

import (
	"cmp"
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// endpointService is a service that endpoints lead to.
// https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
type endpointService struct {
	host          string // first label of its names: "sqs"
	api, probe    string // the service and one of its operations, to tell whether this cloud has it; "" where that does not matter
	list          string // prefix list of a gateway endpoint; "" where there is none
	interfaces    bool
	wild, noRules bool   // names below its own lead to it too; it takes no endpoint policy
	offer         *Offer // it is one that an account offers; nil for the cloud's own
}

var endpointServices = []endpointService{
	{host: "autoscaling", api: "autoscaling", probe: "DescribeAutoScalingGroups", interfaces: true},
	{host: "dynamodb", list: "pl-02cd2c6b"}, // routes lead to its edge, whatever answers there
	{host: "dynamodb", api: "dynamodb", probe: "ListTables", interfaces: true},
	{host: "ebs", api: "ebs", probe: "ListSnapshotBlocks", interfaces: true},
	{host: "ec2", api: "ec2", probe: "DescribeVpcs", interfaces: true},
	{host: "elasticloadbalancing", api: "elbv2", probe: "DescribeLoadBalancers", interfaces: true},
	{host: "fis", api: "fis", probe: "ListExperiments", interfaces: true},
	{host: "monitoring", api: "cloudwatch", probe: "PutMetricData", interfaces: true},
	{host: "rbin", api: "rbin", probe: "ListRules", interfaces: true, noRules: true},
	{host: "s3", api: "s3", probe: "ListBuckets", list: "pl-63a5400a"},
	{host: "s3", api: "s3", probe: "ListBuckets", interfaces: true, wild: true},
	{host: "sqs", api: "sqs", probe: "ListQueues", interfaces: true},
	{host: "ssm", api: "ssm", probe: "GetParameter", interfaces: true},
	{host: "sts", api: "sts", probe: "GetCallerIdentity", interfaces: true},
}

// present tells whether endpoints to it can be made in this cloud.
func (s endpointService) present(c *cloud.Call) bool {
	return s.probe == "" || c.Cloud.Implements(s.api, s.probe)
}

func (s endpointService) name(region string) string {
	if s.offer != nil {
		return s.offer.service()
	}
	return "com.amazonaws." + region + "." + s.host
}

func (s endpointService) kind() string {
	if s.interfaces {
		return interfaceEndpoint
	}
	return gatewayEndpoint
}

func (s endpointService) privateName(region string) string {
	if s.offer != nil {
		return s.offer.Name.Domain
	}
	return s.host + "." + region + ".amazonaws.com"
}

// answersTo tells whether a DNS name is the service's own.
func (s endpointService) answersTo(region, name string) bool {
	own := s.privateName(region)
	if below, wild := strings.CutPrefix(own, "*"); wild {
		return strings.HasSuffix(name, below)
	}
	return name == own || s.wild && strings.HasSuffix(name, "."+own)
}

// serviceNamed is a service by its name, and the types of endpoints that it
// has.
func serviceNamed(region, name string, kind ...string) (s endpointService, kinds []string) {
	for _, x := range endpointServices {
		if x.name(region) != name {
			continue
		}
		kinds = append(kinds, x.kind())
		if s.host == "" || slices.Contains(kind, x.kind()) {
			s = x
		}
	}
	return s, kinds
}

// chosenService is what a request for an endpoint names.
func chosenService(c *cloud.Call, r store.Reader, name, kind string) (endpointService, error) {
	s, kinds := serviceNamed(c.Region, name, kind)
	if o, ok := offered(r, name); ok && o.Region == c.Region && o.allows(c) {
		s, kinds = o.as(), []string{interfaceEndpoint}
	} else if len(kinds) == 0 || !s.present(c) {
		return s, noServiceName(name)
	}
	if !slices.Contains(kinds, kind) {
		return s, resource.Errorf("InvalidParameter", "Endpoint type (%s) does not match available service types ([%s]).", kind, strings.Join(kinds, ", "))
	}
	return s, nil
}

func describeVpcEndpointServices(c *cloud.Call, r store.Reader, in *api.DescribeVpcEndpointServicesInput) (*api.DescribeVpcEndpointServicesOutput, error) {
	all := func(yield func(*endpointService) bool) {
		for _, s := range endpointServices {
			wanted := len(in.ServiceNames) == 0 || slices.Contains(in.ServiceNames, s.name(c.Region))
			if wanted && s.present(c) && !yield(&s) {
				return
			}
		}
		for o := range offersTo(c, r) {
			s := o.as()
			if (len(in.ServiceNames) == 0 || slices.Contains(in.ServiceNames, o.service())) && !yield(&s) {
				return
			}
		}
	}
	if err := elsewhere(c, in.ServiceRegions...); err != nil {
		return nil, err
	}
	for _, name := range in.ServiceNames {
		o, ok := offered(r, name)
		if _, kinds := serviceNamed(c.Region, name); len(kinds) == 0 && (!ok || o.Region != c.Region || !o.allows(c)) {
			return nil, noServiceName(name)
		}
	}
	list, next, err := resource.List(c, r, resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken}, all,
		func(s *endpointService) string { return s.name(c.Region) + "/" + s.kind() },
		resource.Fields[endpointService]{
			"service-name":               resource.One(func(s *endpointService) string { return s.name(c.Region) }),
			"service-type":               resource.One(func(s *endpointService) string { return s.kind() }),
			"service-region":             resource.One(func(*endpointService) string { return c.Region }),
			"owner":                      resource.One((*endpointService).owner),
			"supported-ip-address-types": func(s *endpointService) []string { return s.ipTypes() },
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcEndpointServicesOutput{ServiceNames: []string{}, ServiceDetails: []api.ServiceDetail{}, NextToken: next}
	for _, s := range list {
		if n := s.name(c.Region); !slices.Contains(out.ServiceNames, n) {
			out.ServiceNames = append(out.ServiceNames, n)
		}
		d, err := s.detail(c)
		if err != nil {
			return nil, err
		}
		out.ServiceDetails = append(out.ServiceDetails, d)
	}
	return out, nil
}

// owner is who offers the service.
func (s *endpointService) owner() string {
	if s.offer != nil {
		return s.offer.Account
	}
	return "amazon"
}

func (s *endpointService) ipTypes() []string {
	if s.offer != nil {
		return s.offer.IPTypes
	}
	if s.interfaces {
		return []string{"ipv4", "ipv6"}
	}
	return []string{"ipv4"}
}

func (s *endpointService) detail(c *cloud.Call) (api.ServiceDetail, error) {
	if s.offer != nil {
		return s.offer.detail(c)
	}
	o := api.ServiceDetail{
		ServiceName: new(s.name(c.Region)), ServiceId: new("vpce-svc-" + serviceDigits(s.name(c.Region)+s.kind())), ServiceType: []api.ServiceTypeDetail{{ServiceType: new(s.kind())}},
		Owner: new("amazon"), AcceptanceRequired: new(false), ManagesVpcEndpoints: new(false), VpcEndpointPolicySupported: new(!s.noRules),
		SupportedIpAddressTypes: s.ipTypes(), Tags: []api.Tag{}, AvailabilityZones: []string{}, BaseEndpointDnsNames: []string{s.privateName(c.Region)},
	}
	if here, ok := region.Find(c.Region); ok {
		for _, z := range here.Zones() {
			o.AvailabilityZones, o.AvailabilityZoneIds = append(o.AvailabilityZones, z.Name), append(o.AvailabilityZoneIds, z.ID)
		}
	}
	if s.interfaces {
		o.BaseEndpointDnsNames = []string{s.host + "." + c.Region + ".vpce.amazonaws.com"}
		o.PrivateDnsName = new(s.privateName(c.Region))
		o.PrivateDnsNames = []api.PrivateDnsDetails{{PrivateDnsName: o.PrivateDnsName}}
		o.PrivateDnsNameVerificationState = new("verified")
		o.ServiceRegion = &c.Region
	}
	return o, nil
}

// endpointPolicyText is the policy that an answer shows.
func endpointPolicyText(e *Endpoint) string { return cmp.Or(e.Policy, defaultPolicy) }
