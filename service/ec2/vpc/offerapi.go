package vpc

import (
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/privatelink"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func createVpcEndpointServiceConfiguration(c *cloud.Call, tx store.Tx, in *api.CreateVpcEndpointServiceConfigurationInput) (*api.CreateVpcEndpointServiceConfigurationOutput, error) {
	return resource.Once(c, tx, "CreateVpcEndpointServiceConfiguration", in.ClientToken, in, func() (*api.CreateVpcEndpointServiceConfigurationOutput, error) {
		tags, err := tagsFor(in.TagSpecifications, offerKind)
		if err != nil {
			return nil, err
		}
		switch {
		case len(in.GatewayLoadBalancerArns) > 0:
			return nil, noGatewayBalancers()
		case len(in.NetworkLoadBalancerArns) == 0:
			return nil, resource.Missing("NetworkLoadBalancerArn")
		}
		if err := elsewhere(c, in.SupportedRegions...); err != nil {
			return nil, err
		}
		o := &Offer{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "vpce-svc"), Balancers: set(in.NetworkLoadBalancerArns),
			Acceptance: cloud.Or(in.AcceptanceRequired, true), IPTypes: set(in.SupportedIpAddressTypes), Made: c.Now,
		}
		if len(o.IPTypes) == 0 {
			o.IPTypes = []string{"ipv4"}
		}
		if err := o.rename(c, val(in.PrivateDnsName)); err != nil {
			return nil, err
		}
		if err := o.checkBalancers(c); err != nil {
			return nil, err
		}
		offers.Put(tx, o)
		resource.Register(c, tx, offerKind, o.ID, tags)
		s, err := o.api(c, tx)
		return &api.CreateVpcEndpointServiceConfigurationOutput{ServiceConfiguration: s, ClientToken: in.ClientToken}, err
	})
}

// noGatewayBalancers is the answer to Gateway Load Balancers, of which nobody
// has one.
func noGatewayBalancers() error {
	return resource.Unsupported("Gateway Load Balancers are not available here")
}

// set is a list in order, each value once.
func set(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// edited is a list with some more, and without others.
func edited(list, add, remove []string) []string {
	return slices.DeleteFunc(set(append(slices.Clone(list), add...)), func(s string) bool { return slices.Contains(remove, s) })
}

func modifyVpcEndpointServiceConfiguration(c *cloud.Call, tx store.Tx, in *api.ModifyVpcEndpointServiceConfigurationInput) (*api.ModifyVpcEndpointServiceConfigurationOutput, error) {
	old, err := find(c, tx, offers, in.ServiceId, noOffer)
	if err != nil {
		return nil, err
	}
	if len(in.AddGatewayLoadBalancerArns)+len(in.RemoveGatewayLoadBalancerArns) > 0 {
		return nil, noGatewayBalancers()
	}
	if err := elsewhere(c, in.AddSupportedRegions...); err != nil {
		return nil, err
	}
	o := *old
	o.Acceptance = cloud.Or(in.AcceptanceRequired, o.Acceptance)
	o.Balancers = edited(o.Balancers, in.AddNetworkLoadBalancerArns, in.RemoveNetworkLoadBalancerArns)
	o.IPTypes = edited(o.IPTypes, in.AddSupportedIpAddressTypes, in.RemoveSupportedIpAddressTypes)
	switch {
	case len(o.Balancers) == 0:
		return nil, resource.Errorf("InvalidParameter", "A VPC endpoint service must have at least one load balancer.")
	case len(o.IPTypes) == 0:
		return nil, resource.Errorf("InvalidParameter", "A VPC endpoint service must support at least one IP address type.")
	}
	if err := o.checkBalancers(c); err != nil {
		return nil, err
	}
	if in.PrivateDnsName != nil || cloud.Or(in.RemovePrivateDnsName, false) {
		for e := range o.connections(tx) {
			if e.PrivateDNS {
				return nil, resource.Errorf("InvalidParameter", "The private DNS name of %s cannot be changed while endpoints use it: %s", o.ID, e.ID)
			}
		}
		if err := o.rename(c, val(in.PrivateDnsName)); err != nil {
			return nil, err
		}
	}
	offers.Put(tx, &o)
	o.relink(tx)
	return &api.ModifyVpcEndpointServiceConfigurationOutput{Return: yes()}, nil
}

// relink has all endpoints of the service find their load balancers anew.
func (o *Offer) relink(tx store.Tx) {
	for e := range o.connections(tx) {
		tx.After(time.Time{}, endpointController, keyOf(e.Account, e.Region, e.ID))
	}
}

func deleteVpcEndpointServiceConfigurations(c *cloud.Call, tx store.Tx, in *api.DeleteVpcEndpointServiceConfigurationsInput) (*api.DeleteVpcEndpointServiceConfigurationsOutput, error) {
	out := &api.DeleteVpcEndpointServiceConfigurationsOutput{Unsuccessful: []api.UnsuccessfulItem{}}
	for _, id := range in.ServiceIds {
		o, err := find(c, tx, offers, id, noOffer)
		if err != nil {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id, noOffer(id)))
			continue
		}
		if o.connected(tx) {
			out.Unsuccessful = append(out.Unsuccessful, unsuccessful(id,
				resource.Errorf("ExistingVpcEndpointConnections", "Service %s has existing active VPC Endpoint connections!", id)))
			continue
		}
		for e := range o.connections(tx) {
			privatelink.Set(tx, e.ID, nil)
		}
		for _, p := range o.Allowed {
			resource.Unregister(c, tx, p.ID)
		}
		for n := range notices.Scan(tx, c.Account, c.Region) {
			if n.Service == o.ID {
				notices.Delete(tx, n.Account, n.Region, n.ID)
			}
		}
		offers.Delete(tx, o.Account, o.Region, o.ID)
		resource.Unregister(c, tx, o.ID)
	}
	return out, nil
}

// unsuccessful is an item of a request that failed.
func unsuccessful(id string, e *cloud.Error) api.UnsuccessfulItem {
	return api.UnsuccessfulItem{ResourceId: &id, Error: &api.UnsuccessfulItemError{Code: &e.Code, Message: &e.Message}}
}

func modifyVpcEndpointServicePayerResponsibility(c *cloud.Call, tx store.Tx, in *api.ModifyVpcEndpointServicePayerResponsibilityInput) (*api.ModifyVpcEndpointServicePayerResponsibilityOutput, error) {
	old, err := find(c, tx, offers, in.ServiceId, noOffer)
	if err != nil {
		return nil, err
	}
	o := *old
	o.Payer = in.PayerResponsibility
	offers.Put(tx, &o)
	return &api.ModifyVpcEndpointServicePayerResponsibilityOutput{ReturnValue: yes()}, nil
}

func describeVpcEndpointServiceConfigurations(c *cloud.Call, r store.Reader, in *api.DescribeVpcEndpointServiceConfigurationsInput) (*api.DescribeVpcEndpointServiceConfigurationsOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.ServiceIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: noOffer},
		offers.Scan(r, c.Account, c.Region), func(o *Offer) string { return o.ID },
		resource.Fields[Offer]{
			"service-name":               resource.One(func(o *Offer) string { return o.service() }),
			"service-id":                 resource.One(func(o *Offer) string { return o.ID }),
			"service-state":              resource.One(func(*Offer) string { return api.ServiceStateAvailable }),
			"supported-ip-address-types": func(o *Offer) []string { return o.IPTypes },
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcEndpointServiceConfigurationsOutput{ServiceConfigurations: []api.ServiceConfiguration{}, NextToken: next}
	for _, o := range list {
		s, err := o.api(c, r)
		if err != nil {
			return nil, err
		}
		out.ServiceConfigurations = append(out.ServiceConfigurations, *s)
	}
	return out, nil
}

func modifyVpcEndpointServicePermissions(c *cloud.Call, tx store.Tx, in *api.ModifyVpcEndpointServicePermissionsInput) (*api.ModifyVpcEndpointServicePermissionsOutput, error) {
	old, err := find(c, tx, offers, in.ServiceId, noOffer)
	if err != nil {
		return nil, err
	}
	o := *old
	o.Allowed = slices.Clone(old.Allowed)
	out := &api.ModifyVpcEndpointServicePermissionsOutput{AddedPrincipals: []api.AddedPrincipal{}, ReturnValue: yes()}
	for _, p := range in.RemoveAllowedPrincipals {
		n := slices.IndexFunc(o.Allowed, func(x Permission) bool { return x.Principal == p })
		if n < 0 {
			return nil, resource.Errorf("InvalidPrincipal", "Invalid Principal: '%s'", p)
		}
		resource.Unregister(c, tx, o.Allowed[n].ID)
		o.Allowed = slices.Delete(o.Allowed, n, n+1)
	}
	for _, p := range in.AddAllowedPrincipals {
		kind := principalType(p)
		if kind == "" {
			return nil, resource.Errorf("InvalidPrincipal", "Invalid Principal: '%s'", p)
		}
		if slices.ContainsFunc(o.Allowed, func(x Permission) bool { return x.Principal == p }) {
			continue
		}
		x := Permission{ID: resource.NewID(c, "vpce-svc-perm"), Principal: p}
		o.Allowed = append(o.Allowed, x)
		resource.Register(c, tx, permissionKind, x.ID, nil)
		out.AddedPrincipals = append(out.AddedPrincipals, api.AddedPrincipal{PrincipalType: &kind, Principal: &p, ServicePermissionId: &x.ID, ServiceId: &o.ID})
	}
	offers.Put(tx, &o)
	return out, nil
}

// principalType is what kind of principal a permission names; "" for what
// cannot be one.
func principalType(p string) string {
	if p == "*" {
		return api.PrincipalTypeAll
	}
	a, ok := cloud.ParseARN(p)
	if !ok || a.Service != "iam" || len(a.Account) != 12 {
		return ""
	}
	switch kind, _, _ := strings.Cut(a.Resource, "/"); kind {
	case "root":
		return api.PrincipalTypeAccount
	case "user":
		return api.PrincipalTypeUser
	case "role":
		return api.PrincipalTypeRole
	}
	return ""
}

func describeVpcEndpointServicePermissions(c *cloud.Call, r store.Reader, in *api.DescribeVpcEndpointServicePermissionsInput) (*api.DescribeVpcEndpointServicePermissionsOutput, error) {
	o, err := find(c, r, offers, in.ServiceId, noOffer)
	if err != nil {
		return nil, err
	}
	all := func(yield func(*Permission) bool) {
		for n := range o.Allowed {
			if !yield(&o.Allowed[n]) {
				return
			}
		}
	}
	list, next, err := resource.List(c, r, resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1}, all,
		func(p *Permission) string { return p.ID },
		resource.Fields[Permission]{
			"principal":      resource.One(func(p *Permission) string { return p.Principal }),
			"principal-type": resource.One(func(p *Permission) string { return principalType(p.Principal) }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcEndpointServicePermissionsOutput{AllowedPrincipals: []api.AllowedPrincipal{}, NextToken: next}
	for _, p := range list {
		out.AllowedPrincipals = append(out.AllowedPrincipals, api.AllowedPrincipal{
			PrincipalType: new(principalType(p.Principal)), Principal: &p.Principal, ServicePermissionId: &p.ID, ServiceId: &o.ID,
			Tags: resource.APITags(resource.Tags(c, r, p.ID)),
		})
	}
	return out, nil
}
