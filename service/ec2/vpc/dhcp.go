package vpc

import (
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

var noDHCP = func(id string) *cloud.Error {
	return resource.Errorf("InvalidDhcpOptionID.NotFound", "The dhcpOption ID '%s' does not exist", id)
}

// dhcpKeys are the options that there are.
// https://docs.aws.amazon.com/vpc/latest/userguide/VPC_DHCP_Options.html
var dhcpKeys = []string{"domain-name-servers", "domain-name", "ntp-servers", "netbios-name-servers", "netbios-node-type", "ipv6-address-preferred-lease-time"}

// makeDefaultDHCP makes the options that every VPC begins with.
func makeDefaultDHCP(c *cloud.Call, tx store.Tx) {
	d := &DHCP{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "dopt"), Options: []DHCPOption{
		{"domain-name", []string{PrivateDomain(c.Region)}}, {"domain-name-servers", []string{"AmazonProvidedDNS"}},
	}}
	dhcps.Put(tx, d)
	resource.Register(c, tx, "dhcp-options", d.ID, nil)
	defaultDHCPs.Put(tx, &defaultOptions{c.Account, c.Region, d.ID})
}

// defaultOptions says which options are those that VPCs begin with.
type defaultOptions struct{ Account, Region, ID string }

var defaultDHCPs = &store.Table[defaultOptions]{
	Name: "ec2.dhcp.default",
	Key:  func(d *defaultOptions) store.Key { return store.K(d.Account, d.Region) },
}

// defaultDHCP is the id of the options that a VPC begins with; "default" (none)
// once they are deleted.
func defaultDHCP(c *cloud.Call, r store.Reader) string {
	d, ok := defaultDHCPs.Get(r, c.Account, c.Region)
	if ok && dhcps.Has(r, c.Account, c.Region, d.ID) {
		return d.ID
	}
	return "default"
}

func createDhcpOptions(c *cloud.Call, tx store.Tx, in *api.CreateDhcpOptionsInput) (*api.CreateDhcpOptionsOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, "dhcp-options")
	if err != nil {
		return nil, err
	}
	d := &DHCP{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "dopt")}
	for _, o := range in.DhcpConfigurations {
		key := cloud.Or(o.Key, "")
		if !slices.Contains(dhcpKeys, key) {
			return nil, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter name is invalid. Unknown DHCP option", key)
		}
		if len(o.Values) == 0 {
			return nil, resource.Missing("Value")
		}
		if len(o.Values) > 4 {
			return nil, resource.Errorf("InvalidParameterValue", "Too many values for the DHCP option %s.", key)
		}
		d.Options = append(d.Options, DHCPOption{key, o.Values})
	}
	if len(d.Options) == 0 {
		return nil, resource.Missing("dhcpConfiguration")
	}
	dhcps.Put(tx, d)
	resource.Register(c, tx, "dhcp-options", d.ID, tags)
	return &api.CreateDhcpOptionsOutput{DhcpOptions: d.api(c, tx)}, nil
}

func (d *DHCP) api(c *cloud.Call, r store.Reader) *api.DhcpOptions {
	o := &api.DhcpOptions{DhcpOptionsId: &d.ID, OwnerId: &d.Account, Tags: resource.APITags(resource.Tags(c, r, d.ID)), DhcpConfigurations: []api.DhcpConfiguration{}}
	for _, x := range d.Options {
		k := api.DhcpConfiguration{Key: &x.Key}
		for _, v := range x.Values {
			k.Values = append(k.Values, api.AttributeValue{Value: &v})
		}
		o.DhcpConfigurations = append(o.DhcpConfigurations, k)
	}
	return o
}

// Lease is what the DHCP options of a VPC tell its instances: the DNS servers
// where they are not the cloud's own, and the domains to complete names with,
// where they are not the region's.
func Lease(c *cloud.Call, r store.Reader, id string) (servers, search []string) {
	v, ok := vpcs.Get(r, c.Account, c.Region, id)
	if !ok {
		return nil, nil
	}
	d, ok := dhcps.Get(r, c.Account, c.Region, v.DHCPOptions)
	if !ok {
		return nil, nil // "default": no options at all
	}
	for _, o := range d.Options {
		switch o.Key {
		case "domain-name-servers":
			for _, s := range o.Values {
				if s == "AmazonProvidedDNS" {
					s = plane.Resolver.String()
				}
				servers = append(servers, s)
			}
		case "domain-name":
			for _, s := range o.Values { // some systems take several, in one value
				search = append(search, strings.Fields(s)...)
			}
		}
	}
	return servers, search
}

func deleteDhcpOptions(c *cloud.Call, tx store.Tx, in *api.DeleteDhcpOptionsInput) (*cloud.Empty, error) {
	d, err := find(c, tx, dhcps, in.DhcpOptionsId, noDHCP)
	if err != nil {
		return nil, err
	}
	for v := range vpcs.Scan(tx, c.Account, c.Region) {
		if v.DHCPOptions == d.ID {
			return nil, resource.DependencyViolation("dhcpOptions", d.ID)
		}
	}
	dhcps.Delete(tx, c.Account, c.Region, d.ID)
	resource.Unregister(c, tx, d.ID)
	return &cloud.Empty{}, nil
}

func associateDhcpOptions(c *cloud.Call, tx store.Tx, in *api.AssociateDhcpOptionsInput) (*cloud.Empty, error) {
	v, err := FindVPC(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	if in.DhcpOptionsId != "default" {
		if _, err := find(c, tx, dhcps, in.DhcpOptionsId, noDHCP); err != nil {
			return nil, err
		}
	}
	changed := *v
	changed.DHCPOptions = in.DhcpOptionsId
	vpcs.Put(tx, &changed)
	touch(c, tx, v.ID)
	return &cloud.Empty{}, nil
}

func describeDhcpOptions(c *cloud.Call, r store.Reader, in *api.DescribeDhcpOptionsInput) (*api.DescribeDhcpOptionsOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.DhcpOptionsIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noDHCP},
		dhcps.Scan(r, c.Account, c.Region), func(d *DHCP) string { return d.ID },
		resource.Fields[DHCP]{
			"dhcp-options-id": resource.One(func(d *DHCP) string { return d.ID }),
			"owner-id":        resource.One(func(d *DHCP) string { return d.Account }),
			"key": func(d *DHCP) (out []string) {
				for _, o := range d.Options {
					out = append(out, o.Key)
				}
				return out
			},
			"value": func(d *DHCP) (out []string) {
				for _, o := range d.Options {
					out = append(out, o.Values...)
				}
				return out
			},
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeDhcpOptionsOutput{NextToken: next, DhcpOptions: []api.DhcpOptions{}}
	for _, d := range list {
		out.DhcpOptions = append(out.DhcpOptions, *d.api(c, r))
	}
	return out, nil
}
