package vpc

import (
	"maps"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// api is an endpoint as answers have it.
func (e *Endpoint) api(c *cloud.Call, r store.Reader) *api.VpcEndpoint {
	o := &api.VpcEndpoint{
		VpcEndpointId: &e.ID, VpcEndpointType: &e.Type, VpcId: &e.VPC, ServiceName: &e.Service, State: &e.State, PolicyDocument: new(endpointPolicyText(e)),
		RouteTableIds: append([]string{}, e.RouteTables...), SubnetIds: []string{}, NetworkInterfaceIds: []string{}, Groups: []api.SecurityGroupIdentifier{},
		DnsEntries: []api.DnsEntry{}, PrivateDnsEnabled: &e.PrivateDNS, RequesterManaged: new(false), CreationTimestamp: &e.Made,
		Tags: resource.APITags(resource.Tags(c, r, e.ID)), OwnerId: &e.Account,
	}
	if e.Type == gatewayEndpoint {
		return o
	}
	o.ServiceRegion = &e.Region
	o.IpAddressType, o.DnsOptions = &e.IPType, &api.DnsOptions{DnsRecordIpType: &e.DNSType}
	for _, d := range e.Doors {
		o.SubnetIds = append(o.SubnetIds, d.Subnet)
		o.NetworkInterfaceIds = append(o.NetworkInterfaceIds, d.Interface)
	}
	for _, g := range GroupIdentifiers(c, r, e.Groups) {
		o.Groups = append(o.Groups, api.SecurityGroupIdentifier{GroupId: g.GroupId, GroupName: g.GroupName})
	}
	o.DnsEntries = e.dnsEntries(r)
	return o
}

// dnsEntries are the names of an endpoint that has interfaces.
func (e *Endpoint) dnsEntries(r store.Reader) []api.DnsEntry {
	list := []api.DnsEntry{}
	if len(e.Doors) == 0 {
		return list
	}
	all, zonal := e.names()
	below := ""
	if e.service(r).wild {
		below = "*."
	}
	list = append(list, api.DnsEntry{DnsName: new(below + all), HostedZoneId: &e.Zone})
	for _, z := range slices.Sorted(maps.Keys(zonal)) {
		list = append(list, api.DnsEntry{DnsName: new(below + zonal[z]), HostedZoneId: &e.Zone})
	}
	if e.PrivateDNS {
		list = append(list, api.DnsEntry{DnsName: new(e.service(r).privateName(e.Region)), HostedZoneId: &e.Zone})
	}
	return list
}

func describeVpcEndpoints(c *cloud.Call, r store.Reader, in *api.DescribeVpcEndpointsInput) (*api.DescribeVpcEndpointsOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.VpcEndpointIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: noEndpoint},
		endpoints.Scan(r, c.Account, c.Region), func(e *Endpoint) string { return e.ID },
		resource.Fields[Endpoint]{
			"ip-address-type":    resource.One(func(e *Endpoint) string { return e.IPType }),
			"service-name":       resource.One(func(e *Endpoint) string { return e.Service }),
			"service-region":     resource.One(func(e *Endpoint) string { return e.Region }),
			"vpc-id":             resource.One(func(e *Endpoint) string { return e.VPC }),
			"vpc-endpoint-id":    resource.One(func(e *Endpoint) string { return e.ID }),
			"vpc-endpoint-state": resource.One(func(e *Endpoint) string { return e.State }),
			"vpc-endpoint-type":  resource.One(func(e *Endpoint) string { return e.Type }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcEndpointsOutput{VpcEndpoints: []api.VpcEndpoint{}, NextToken: next}
	for _, e := range list {
		out.VpcEndpoints = append(out.VpcEndpoints, *e.api(c, r))
	}
	return out, nil
}

// describeVpcEndpointAssociations answers for endpoints to resources and service
// networks, of which there are none: no other endpoint is associated with anything.
func describeVpcEndpointAssociations(c *cloud.Call, r store.Reader, in *api.DescribeVpcEndpointAssociationsInput) (*api.DescribeVpcEndpointAssociationsOutput, error) {
	for _, id := range in.VpcEndpointIds {
		if !endpoints.Has(r, c.Account, c.Region, id) {
			return nil, noEndpoint(id)
		}
	}
	return &api.DescribeVpcEndpointAssociationsOutput{VpcEndpointAssociations: []api.VpcEndpointAssociation{}}, nil
}

func endpointAccess() []cloud.Access {
	service := func(name string) cloud.Keys { return cloud.Keys{"ec2:vpceservicename": {name}} }
	return []cloud.Access{
		api.CreateVpcEndpoint.Decides([]string{"ec2:CreateVpcEndpoint"}, func(c *cloud.Call, r store.Reader, in *api.CreateVpcEndpointInput) ([]cloud.Check, error) {
			checks := withKeys(resource.CreateChecks(c, "CreateVpcEndpoint", "vpc-endpoint", in.TagSpecifications), service(in.ServiceName))
			on := []named{{"vpc", in.VpcId}}
			on = append(on, several("route-table", in.RouteTableIds)...)
			on = append(on, several("subnet", in.SubnetIds)...)
			on = append(on, several("security-group", in.SecurityGroupIds)...)
			return append(checks, checksOn(c, r, "CreateVpcEndpoint", on)...), nil
		}),
		acts(&api.ModifyVpcEndpoint, func(in *api.ModifyVpcEndpointInput) []named {
			on := []named{{"vpc-endpoint", in.VpcEndpointId}}
			on = append(on, several("route-table", append(slices.Clone(in.AddRouteTableIds), in.RemoveRouteTableIds...))...)
			on = append(on, several("subnet", append(slices.Clone(in.AddSubnetIds), in.RemoveSubnetIds...))...)
			return append(on, several("security-group", append(slices.Clone(in.AddSecurityGroupIds), in.RemoveSecurityGroupIds...))...)
		}),
		acts(&api.DeleteVpcEndpoints, func(in *api.DeleteVpcEndpointsInput) []named { return several("vpc-endpoint", in.VpcEndpointIds) }),
		resource.Looks(&api.DescribeVpcEndpointAssociations),
		resource.Looks(&api.DescribeVpcEndpoints),
		resource.Looks(&api.DescribeVpcEndpointServices),
		resource.Looks(&api.DescribeVpcEndpointServiceConfigurations),
		resource.Looks(&api.DescribeVpcEndpointConnections),
	}
}
