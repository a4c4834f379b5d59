package vpc

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/privatelink"
	"pileus/rng"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// serviceDigits are the digits of a service's id: always the same for a name.
func serviceDigits(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "0" + hex.EncodeToString(sum[:8])
}

func createVpcEndpoint(c *cloud.Call, tx store.Tx, in *api.CreateVpcEndpointInput) (*api.CreateVpcEndpointOutput, error) {
	return resource.Once(c, tx, "CreateVpcEndpoint", in.ClientToken, in, func() (*api.CreateVpcEndpointOutput, error) {
		tags, err := tagsFor(in.TagSpecifications, "vpc-endpoint")
		if err != nil {
			return nil, err
		}
		v, err := FindVPC(c, tx, in.VpcId)
		if err != nil {
			return nil, err
		}
		if err := elsewhere(c, cloud.Or(in.ServiceRegion, c.Region)); err != nil {
			return nil, err
		}
		kind := cloud.Or(in.VpcEndpointType, gatewayEndpoint)
		s, err := chosenService(c, tx, in.ServiceName, kind)
		if err != nil {
			return nil, err
		}
		e := &Endpoint{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "vpce"), VPC: v.ID, Service: in.ServiceName, Type: kind,
			Policy: val(in.PolicyDocument), Groups: slices.Clone(in.SecurityGroupIds), IPType: cloud.Or(in.IpAddressType, "ipv4"),
			Label: c.Rand().String(8, "0123456789abcdefghijklmnopqrstuvwxyz"), Zone: "Z" + c.Rand().String(13, rng.Base32),
			State: endpointPending, Made: c.Now,
		}
		if s.offer != nil && s.offer.Acceptance {
			e.State = endpointWaiting
		}
		if err := e.check(c, tx, s); err != nil {
			return nil, err
		}
		if err := e.setDNS(in.DnsOptions); err != nil {
			return nil, err
		}
		if kind == gatewayEndpoint {
			err = e.makeGateway(c, tx, in)
		} else {
			err = e.makeInterfaces(c, tx, v, in)
		}
		if err != nil {
			return nil, err
		}
		endpoints.Put(tx, e)
		resource.Register(c, tx, "vpc-endpoint", e.ID, tags)
		if o := s.offer; o != nil {
			resource.Register(c.In(o.Account, o.Region), tx, connectionKind, e.connection(), nil)
		}
		touch(c, tx, v.ID)
		tx.After(time.Time{}, endpointController, keyOf(e.Account, e.Region, e.ID))
		return &api.CreateVpcEndpointOutput{VpcEndpoint: e.api(c, tx), ClientToken: in.ClientToken}, nil
	})
}

// check looks at what both types of endpoints have in common.
func (e *Endpoint) check(c *cloud.Call, r store.Reader, s endpointService) error {
	if e.Policy != "" {
		if s.noRules {
			return resource.Errorf("InvalidParameter", "The service %s does not support endpoint policies.", e.Service)
		}
		if err := checkPolicy(e.Policy); err != nil {
			return err
		}
	}
	if err := e.checkFamily(s); err != nil {
		return err
	}
	most, have := maxGatewayEndpoints, 0
	if e.Type == interfaceEndpoint {
		most = maxInterfaceEndpoints
	}
	for o := range endpoints.Scan(r, c.Account, c.Region) {
		if o.Type == e.Type && (o.Type == gatewayEndpoint || o.VPC == e.VPC) {
			have++
		}
	}
	if have >= most {
		return limit("VpcEndpointLimitExceeded", "VPC endpoints")
	}
	return nil
}

func (e *Endpoint) makeGateway(c *cloud.Call, tx store.Tx, in *api.CreateVpcEndpointInput) error {
	switch {
	case len(in.SubnetIds) > 0 || len(in.SubnetConfigurations) > 0:
		return resource.Errorf("InvalidParameter", "Subnets cannot be specified for an endpoint of type Gateway.")
	case len(in.SecurityGroupIds) > 0:
		return resource.Errorf("InvalidParameter", "Security groups cannot be specified for an endpoint of type Gateway.")
	case cloud.Or(in.PrivateDnsEnabled, false):
		return resource.Errorf("InvalidParameter", "Private DNS can't be enabled because the service %s does not provide a private DNS name.", e.Service)
	}
	e.Groups = nil
	for _, t := range in.RouteTableIds {
		if err := e.routeThrough(c, tx, t); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoint) makeInterfaces(c *cloud.Call, tx store.Tx, v *VPC, in *api.CreateVpcEndpointInput) error {
	if len(in.RouteTableIds) > 0 {
		return resource.Errorf("InvalidParameter", "Route table IDs are only supported for Gateway type VPC endpoints.")
	}
	groups, err := ResolveGroups(c, tx, v.ID, in.SecurityGroupIds, nil)
	if err != nil {
		return err
	}
	e.Groups = groups
	if e.PrivateDNS = cloud.Or(in.PrivateDnsEnabled, !e.toOffer()); e.PrivateDNS {
		if err := e.checkPrivateDNS(c, tx, v); err != nil {
			return err
		}
	}
	at, err := doorAddresses(in.SubnetConfigurations)
	if err != nil {
		return err
	}
	for _, s := range in.SubnetIds {
		if err := e.open(c, tx, s, at[s]); err != nil {
			return err
		}
	}
	return nil
}

// doorAddresses are the addresses that a request wants in subnets.
func doorAddresses(list []api.SubnetConfiguration) (map[string]netip.Addr, error) {
	at := map[string]netip.Addr{}
	for _, x := range list {
		if x.Ipv4 == nil {
			continue
		}
		a, err := parseAddr(*x.Ipv4, "ipv4")
		if err != nil {
			return nil, err
		}
		at[val(x.SubnetId)] = a
	}
	return at, nil
}

// checkPrivateDNS tells whether the service's own names may lead to the
// endpoint.
func (e *Endpoint) checkPrivateDNS(c *cloud.Call, r store.Reader, v *VPC) error {
	if !v.DNSSupport || !v.DNSHostnames {
		return resource.Errorf("InvalidParameter", "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for %s", v.ID)
	}
	s := e.service(r)
	if s.offer != nil {
		switch n := s.offer.Name; {
		case n.State != api.DnsNameStateVerified:
			return resource.Errorf("InvalidParameter", "Private DNS can't be enabled because the service %s does not provide a private DNS name.", e.Service)
		case e.State != endpointPending && e.State != endpointAvailable:
			return resource.Errorf("InvalidParameter", "Private DNS can only be enabled after the endpoint connection is accepted by the owner of %s.", e.Service)
		}
	}
	for o := range endpoints.Index(r, "vpc", c.Account, c.Region, v.ID) {
		if o.ID != e.ID && o.PrivateDNS && o.Service == e.Service && o.State != endpointDeleting {
			return resource.Errorf("InvalidParameter", "private-dns-enabled cannot be set because there is already a conflicting DNS domain for %s in the VPC %s", s.privateName(c.Region), v.ID)
		}
	}
	return nil
}

func modifyVpcEndpoint(c *cloud.Call, tx store.Tx, in *api.ModifyVpcEndpointInput) (*api.ModifyVpcEndpointOutput, error) {
	old, err := find(c, tx, endpoints, in.VpcEndpointId, noEndpoint)
	if err != nil {
		return nil, err
	}
	if old.State == endpointDeleting {
		return nil, resource.Errorf("InvalidStateTransition", "The VPC endpoint %s is being deleted", old.ID)
	}
	e := *old
	e.RouteTables, e.Doors, e.Groups = slices.Clone(old.RouteTables), slices.Clone(old.Doors), slices.Clone(old.Groups)
	if in.PolicyDocument != nil {
		if err := checkPolicy(*in.PolicyDocument); err != nil {
			return nil, err
		}
		e.Policy = *in.PolicyDocument
	}
	if cloud.Or(in.ResetPolicy, false) {
		e.Policy = ""
	}
	if e.Type == gatewayEndpoint {
		err = e.modifyGateway(c, tx, in)
	} else {
		err = e.modifyInterfaces(c, tx, in)
	}
	if err != nil {
		return nil, err
	}
	endpoints.Put(tx, &e)
	touch(c, tx, e.VPC)
	if e.toOffer() {
		tx.After(time.Time{}, endpointController, keyOf(e.Account, e.Region, e.ID))
	}
	return &api.ModifyVpcEndpointOutput{Return: yes()}, nil
}

func (e *Endpoint) modifyGateway(c *cloud.Call, tx store.Tx, in *api.ModifyVpcEndpointInput) error {
	if len(in.AddSubnetIds)+len(in.RemoveSubnetIds)+len(in.AddSecurityGroupIds)+len(in.RemoveSecurityGroupIds) > 0 {
		return resource.Errorf("InvalidParameter", "Subnets and security groups cannot be modified for an endpoint of type Gateway.")
	}
	for _, t := range in.RemoveRouteTableIds {
		if !slices.Contains(e.RouteTables, t) {
			return resource.Errorf("InvalidRouteTableId.NotFound", "The route table '%s' is not associated with the VPC endpoint %s", t, e.ID)
		}
		e.unroute(c, tx, t)
	}
	for _, t := range in.AddRouteTableIds {
		if err := e.routeThrough(c, tx, t); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoint) modifyInterfaces(c *cloud.Call, tx store.Tx, in *api.ModifyVpcEndpointInput) error {
	if len(in.AddRouteTableIds)+len(in.RemoveRouteTableIds) > 0 {
		return resource.Errorf("InvalidParameter", "Route table IDs are only supported for Gateway type VPC endpoints.")
	}
	v, err := FindVPC(c, tx, e.VPC)
	if err != nil {
		return err
	}
	if on := cloud.Or(in.PrivateDnsEnabled, e.PrivateDNS); on != e.PrivateDNS {
		if e.PrivateDNS = on; on {
			if err := e.checkPrivateDNS(c, tx, v); err != nil {
				return err
			}
		}
	}
	if len(in.AddSecurityGroupIds)+len(in.RemoveSecurityGroupIds) > 0 {
		if err := e.regroup(c, tx, in.AddSecurityGroupIds, in.RemoveSecurityGroupIds); err != nil {
			return err
		}
	}
	for _, s := range in.RemoveSubnetIds {
		e.close(c, tx, s)
	}
	// After the subnets that leave: those may have no IPv6.
	if err := e.setFamily(c, tx, cloud.Or(in.IpAddressType, e.IPType)); err != nil {
		return err
	}
	if err := e.setDNS(in.DnsOptions); err != nil {
		return err
	}
	at, err := doorAddresses(in.SubnetConfigurations)
	if err != nil {
		return err
	}
	for _, s := range in.AddSubnetIds {
		if err := e.open(c, tx, s, at[s]); err != nil {
			return err
		}
	}
	return e.readdress(c, tx, at)
}

// readdress moves the endpoint's interfaces to the addresses that a request
// wants them to have.
func (e *Endpoint) readdress(c *cloud.Call, tx store.Tx, at map[string]netip.Addr) error {
	for _, d := range slices.Clone(e.Doors) {
		i, err := FindInterface(c, tx, d.Interface)
		if err != nil {
			return err
		}
		want, ok := at[d.Subnet]
		if !ok || i.Addresses[0].Private == want {
			continue
		}
		e.close(c, tx, d.Subnet)
		if err := e.open(c, tx, d.Subnet, want); err != nil {
			return err
		}
	}
	return nil
}

// regroup changes the security groups of the endpoint and of its interfaces.
func (e *Endpoint) regroup(c *cloud.Call, tx store.Tx, add, remove []string) error {
	list := slices.DeleteFunc(append(slices.Clone(e.Groups), add...), func(id string) bool { return slices.Contains(remove, id) })
	groups, err := ResolveGroups(c, tx, e.VPC, list, nil)
	if err != nil {
		return err
	}
	e.Groups = groups
	for _, d := range e.Doors {
		if i, ok := interfaces.Get(tx, c.Account, c.Region, d.Interface); ok {
			changed := i.clone()
			changed.Groups = groups
			interfaces.Put(tx, changed)
		}
	}
	return nil
}

func deleteVpcEndpoints(c *cloud.Call, tx store.Tx, in *api.DeleteVpcEndpointsInput) (*api.DeleteVpcEndpointsOutput, error) {
	out := &api.DeleteVpcEndpointsOutput{Unsuccessful: []api.UnsuccessfulItem{}}
	for _, id := range in.VpcEndpointIds {
		old, err := find(c, tx, endpoints, id, noEndpoint)
		if err != nil {
			e := noEndpoint(id)
			out.Unsuccessful = append(out.Unsuccessful, api.UnsuccessfulItem{ResourceId: &id, Error: &api.UnsuccessfulItemError{Code: &e.Code, Message: &e.Message}})
			continue
		}
		e := *old
		e.RouteTables, e.State = slices.Clone(old.RouteTables), endpointDeleting
		for _, t := range old.RouteTables {
			e.unroute(c, tx, t)
		}
		for _, d := range old.Doors {
			RemoveInterface(c, tx, d.Interface)
		}
		e.Doors = nil
		endpoints.Put(tx, &e)
		privatelink.Set(tx, e.ID, nil)
		touch(c, tx, e.VPC)
		tx.After(time.Time{}, endpointController, keyOf(e.Account, e.Region, e.ID))
	}
	return out, nil
}

// endpointController makes endpoints available once packets pass, and forgets
// those that none passes any more.
const endpointController = privatelink.EndpointController

func (s *Room) settleEndpoint(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	id := key[2].(string)
	vpc := ""
	err := c.View(func(r store.Reader) error {
		if e, ok := endpoints.Get(r, c.Account, c.Region, id); ok {
			vpc = e.VPC
		}
		return nil
	})
	if err != nil || vpc == "" {
		return err
	}
	if err := s.Converge(c, vpc); err != nil {
		return err
	}
	return c.Update(func(tx store.Tx) error {
		e, ok := endpoints.Get(tx, c.Account, c.Region, id)
		switch {
		case !ok:
			return nil
		case e.State == endpointDeleting:
			endpoints.Delete(tx, c.Account, c.Region, id)
			resource.Unregister(c, tx, id)
			if o, ok := offered(tx, e.Service); ok {
				resource.Unregister(c.In(o.Account, o.Region), tx, e.connection())
			}
			return nil
		}
		up := true
		if e.toOffer() {
			if up, err = e.settleLinks(c, tx); err != nil {
				return err
			}
		}
		if up && e.State == endpointPending {
			changed := *e
			changed.State = endpointAvailable
			endpoints.Put(tx, &changed)
		}
		return nil
	})
}
