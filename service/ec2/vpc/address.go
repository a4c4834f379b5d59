package vpc

import (
	"net/netip"
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxAddresses = 5 // elastic ones, in a region

// findAddress is the elastic address that a request names by allocation or by
// the address itself.
func findAddress(c *cloud.Call, r store.Reader, allocation, public *string) (*Address, error) {
	if allocation != nil && public != nil {
		return nil, resource.Combination("You may specify public IP or allocation id, but not both in the same call")
	}
	if allocation != nil {
		return find(c, r, addresses, *allocation, noAllocation)
	}
	if public == nil {
		return nil, resource.Errorf("MissingParameter", "Either public IP or allocation id must be specified")
	}
	if _, err := netip.ParseAddr(*public); err != nil {
		return nil, resource.Errorf("InvalidParameterValue", "Invalid IPv4 address: %s", *public)
	}
	for a := range addresses.Scan(r, c.Account, c.Region) {
		if a.Public.String() == *public {
			return a, nil
		}
	}
	return nil, resource.Errorf("InvalidAddress.NotFound", "Address '%s' not found.", *public)
}

func noAllocation(id string) *cloud.Error {
	return resource.Errorf("InvalidAllocationID.NotFound", "The allocation ID '%s' does not exist", id)
}

func allocateAddress(c *cloud.Call, tx store.Tx, in *api.AllocateAddressInput) (*api.AllocateAddressOutput, error) {
	if d := cloud.Or(in.Domain, "vpc"); d != "vpc" {
		return nil, resource.Errorf("InvalidParameterValue", "Invalid value '%s' for domain.", d)
	}
	tags, err := tagsFor(in.TagSpecifications, "elastic-ip")
	if err != nil {
		return nil, err
	}
	if p := cloud.Or(in.PublicIpv4Pool, "amazon"); p != "amazon" {
		if !ipv4Pools.Has(tx, c.Account, c.Region, p) {
			return nil, noIpv4Pool(p)
		}
		return nil, resource.Errorf("InsufficientAddressCapacity", "The pool '%s' has no free addresses.", p)
	}
	if g := cloud.Or(in.NetworkBorderGroup, c.Region); g != c.Region {
		return nil, resource.Errorf("InvalidNetworkBorderGroup.NotFound", "Invalid network border group %s", g)
	}
	if count(addresses.Scan(tx, c.Account, c.Region)) >= maxAddresses {
		return nil, limit("AddressLimitExceeded", "addresses")
	}
	a := &Address{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "eipalloc"), Since: c.Now}
	if want := cloud.Or(in.Address, ""); want != "" {
		if a.Public, err = recoverAddress(tx, want, a.ID); err != nil {
			return nil, err
		}
	} else if a.Public, err = takePublic(c, tx, a.ID); err != nil {
		return nil, err
	}
	addresses.Put(tx, a)
	resource.Register(c, tx, "elastic-ip", a.ID, tags)
	return &api.AllocateAddressOutput{
		AllocationId: &a.ID, PublicIp: new(a.Public.String()), Domain: new("vpc"), PublicIpv4Pool: new("amazon"), NetworkBorderGroup: &a.Region,
	}, nil
}

// recoverAddress gives out one public address that was asked for by name: customers
// get back what they released as long as nobody else has it.
func recoverAddress(tx store.Tx, want, owner string) (netip.Addr, error) {
	a, err := netip.ParseAddr(want)
	if err != nil || !usable(plane.Elastic, a) {
		return a, resource.Errorf("InvalidAddress.NotFound", "Address '%s' not found.", want)
	}
	if publics.Has(tx, a.AsSlice()) {
		return a, resource.Errorf("InvalidAddress.NotFound", "Address '%s' is not available.", want)
	}
	publics.Insert(tx, &public{Addr: a, Owner: owner})
	return a, nil
}

func releaseElasticAddress(c *cloud.Call, tx store.Tx, in *api.ReleaseAddressInput) (*cloud.Empty, error) {
	a, err := findAddress(c, tx, in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	if g := cloud.Or(in.NetworkBorderGroup, a.Region); g != a.Region {
		return nil, resource.Errorf("InvalidParameterValue", "The address %s is not in the network border group %s.", a.Public, g)
	}
	if a.Association != "" {
		return nil, resource.Errorf("InvalidIPAddress.InUse", "Address %s is in use.", a.Public)
	}
	if a.Transfer != nil && c.Now.Before(a.Transfer.Expires) {
		return nil, resource.Errorf("InvalidAddress.Locked", "The address %s has a pending transfer.", a.Public)
	}
	bills(c, tx, a.level())
	addresses.Delete(tx, a.Account, a.Region, a.ID)
	releasePublic(tx, a.Public)
	resource.Unregister(c, tx, a.ID)
	return &cloud.Empty{}, nil
}

func describeAddresses(c *cloud.Call, r store.Reader, in *api.DescribeAddressesInput) (*api.DescribeAddressesOutput, error) {
	ids := slices.Clone(in.AllocationIds)
	for _, p := range in.PublicIps {
		a, err := findAddress(c, r, nil, &p)
		if err != nil {
			return nil, err
		}
		ids = append(ids, a.ID)
	}
	instance := func(a *Address) string {
		if i, ok := interfaces.Get(r, c.Account, c.Region, a.Interface); ok && i.Attachment != nil {
			return i.Attachment.Instance
		}
		return ""
	}
	list, _, err := resource.List(c, r, resource.Query{IDs: ids, Filters: in.Filters, NotFound: noAllocation}, addresses.Scan(r, c.Account, c.Region),
		func(a *Address) string { return a.ID },
		resource.Fields[Address]{
			"allocation-id":              resource.One(func(a *Address) string { return a.ID }),
			"association-id":             optional(func(a *Address) string { return a.Association }),
			"domain":                     resource.One(func(*Address) string { return "vpc" }),
			"instance-id":                optional(instance),
			"network-border-group":       resource.One(func(a *Address) string { return a.Region }),
			"network-interface-id":       optional(func(a *Address) string { return a.Interface }),
			"network-interface-owner-id": resource.One(func(a *Address) string { return a.Account }),
			"private-ip-address":         optional(func(a *Address) string { return addr(a.Private) }),
			"public-ip":                  resource.One(func(a *Address) string { return a.Public.String() }),
			"public-ipv4-pool":           resource.One(func(*Address) string { return "amazon" }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeAddressesOutput{Addresses: []api.Address{}}
	for _, a := range list {
		o := api.Address{
			AllocationId: &a.ID, PublicIp: new(a.Public.String()), Domain: new("vpc"), PublicIpv4Pool: new("amazon"),
			NetworkBorderGroup: &a.Region, Tags: resource.ShownTags(resource.Tags(c, r, a.ID)),
		}
		if a.Association != "" {
			o.AssociationId, o.NetworkInterfaceId, o.NetworkInterfaceOwnerId = &a.Association, &a.Interface, &a.Account
			o.PrivateIpAddress, o.InstanceId = new(a.Private.String()), new(instance(a))
		}
		out.Addresses = append(out.Addresses, o)
	}
	return out, nil
}

func describeAddressesAttribute(c *cloud.Call, r store.Reader, in *api.DescribeAddressesAttributeInput) (*api.DescribeAddressesAttributeOutput, error) {
	if a := cloud.Or(in.Attribute, "domain-name"); a != "domain-name" {
		return nil, resource.Invalid(a, "attribute")
	}
	list, next, err := resource.List(c, r, resource.Query{IDs: in.AllocationIds, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: noAllocation},
		addresses.Scan(r, c.Account, c.Region), func(a *Address) string { return a.ID }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeAddressesAttributeOutput{Addresses: []api.AddressAttribute{}, NextToken: next}
	for _, a := range list {
		if a.PTR != "" {
			out.Addresses = append(out.Addresses, *a.attribute())
		}
	}
	return out, nil
}

func (a *Address) attribute() *api.AddressAttribute {
	return &api.AddressAttribute{AllocationId: &a.ID, PublicIp: new(a.Public.String()), PtrRecord: text(a.PTR)}
}

func modifyAddressAttribute(c *cloud.Call, tx store.Tx, in *api.ModifyAddressAttributeInput) (*api.ModifyAddressAttributeOutput, error) {
	a, err := find(c, tx, addresses, in.AllocationId, noAllocation)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(cloud.Or(in.DomainName, ""), ".")
	if name == "" || len(name) > 253 || strings.ContainsAny(name, " /:@") {
		return nil, resource.Invalid(name, "DomainName")
	}
	changed := *a
	changed.PTR = name + "."
	addresses.Put(tx, &changed)
	return &api.ModifyAddressAttributeOutput{Address: changed.attribute()}, nil
}

func resetAddressAttribute(c *cloud.Call, tx store.Tx, in *api.ResetAddressAttributeInput) (*api.ResetAddressAttributeOutput, error) {
	a, err := find(c, tx, addresses, in.AllocationId, noAllocation)
	if err != nil {
		return nil, err
	}
	if in.Attribute != "domain-name" {
		return nil, resource.Invalid(in.Attribute, "attribute")
	}
	changed := *a
	changed.PTR = ""
	addresses.Put(tx, &changed)
	return &api.ResetAddressAttributeOutput{Address: changed.attribute()}, nil
}

// moveAddressToVpc and its like are for EC2-Classic, which is no more: every
// address is in the VPC platform already.
func moveAddressToVpc(c *cloud.Call, r store.Reader, in *api.MoveAddressToVpcInput) (*api.MoveAddressToVpcOutput, error) {
	a, err := findAddress(c, r, nil, &in.PublicIp)
	if err != nil {
		return nil, err
	}
	return nil, resource.Errorf("InvalidState", "The address %s is already in the VPC platform.", a.Public)
}

func restoreAddressToClassic(c *cloud.Call, r store.Reader, in *api.RestoreAddressToClassicInput) (*api.RestoreAddressToClassicOutput, error) {
	if _, err := findAddress(c, r, nil, &in.PublicIp); err != nil {
		return nil, err
	}
	return nil, resource.Unsupported("This account does not support EC2-Classic.")
}

func describeMovingAddresses(_ *cloud.Call, _ store.Reader, _ *api.DescribeMovingAddressesInput) (*api.DescribeMovingAddressesOutput, error) {
	return &api.DescribeMovingAddressesOutput{MovingAddressStatuses: []api.MovingAddressStatus{}}, nil
}
