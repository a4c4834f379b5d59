package vpn

import (
	"math"
	"net/netip"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Customer is a customer gateway: the end of VPN connections on premises.
type Customer struct {
	Account, Region, ID string
	Address             netip.Addr // in the internet
	ASN                 int64
	Device, Certificate string
}

var customers = &store.Table[Customer]{
	Name: "ec2.cgw",
	Key:  func(g *Customer) store.Key { return store.K(g.Account, g.Region, g.ID) },
}

var noCustomer = notFound("CustomerGatewayID", "customerGateway", "cgw")

const defaultASN = 65000

func createCustomerGateway(c *cloud.Call, tx store.Tx, in *api.CreateCustomerGatewayInput) (*api.CreateCustomerGatewayOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, customerKind); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, customerKind)
	if err != nil {
		return nil, err
	}
	address := cloud.Or(in.IpAddress, cloud.Or(in.PublicIp, ""))
	a, err := netip.ParseAddr(address)
	asn := cloud.Or(in.BgpAsnExtended, int64(cloud.Or(in.BgpAsn, defaultASN)))
	switch {
	case in.Type != "ipsec.1":
		return nil, resource.Invalid(in.Type, "type")
	case in.CertificateArn != nil:
		return nil, resource.Unsupported("Certificates of customer gateways are not available in this cloud.")
	case address == "":
		return nil, resource.Missing("ipAddress")
	case err != nil || !a.Is4():
		return nil, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter ipAddress is invalid. Invalid IPv4 address.", address)
	case asn < 1 || asn > 4294967294:
		return nil, resource.Invalid(strconv.FormatInt(asn, 10), "bgpAsn")
	}
	g := &Customer{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "cgw"), Address: a, ASN: asn, Device: cloud.Or(in.DeviceName, "")}
	for o := range customers.Scan(tx, c.Account, c.Region) {
		if o.Address == g.Address && o.ASN == g.ASN && o.Device == g.Device {
			g = o // the same once more is the one that is there
		}
	}
	customers.Put(tx, g)
	resource.Register(c, tx, customerKind, g.ID, tags)
	return &api.CreateCustomerGatewayOutput{CustomerGateway: g.api(c, tx)}, nil
}

func deleteCustomerGateway(c *cloud.Call, tx store.Tx, in *api.DeleteCustomerGatewayInput) (*cloud.Empty, error) {
	if !customers.Has(tx, c.Account, c.Region, in.CustomerGatewayId) {
		return nil, noCustomer(in.CustomerGatewayId)
	}
	for v := range connections.Scan(tx, c.Account, c.Region) {
		if v.Customer == in.CustomerGatewayId {
			return nil, resource.Errorf("IncorrectState", "The customer gateway is in use.")
		}
	}
	customers.Delete(tx, c.Account, c.Region, in.CustomerGatewayId)
	resource.Unregister(c, tx, in.CustomerGatewayId)
	return &cloud.Empty{}, nil
}

func (g *Customer) api(c *cloud.Call, r store.Reader) *api.CustomerGateway {
	o := &api.CustomerGateway{
		CustomerGatewayId: &g.ID, IpAddress: new(g.Address.String()), State: new("available"), Type: new("ipsec.1"),
		Tags: resource.APITags(resource.Tags(c, r, g.ID)),
	}
	if asn := new(strconv.FormatInt(g.ASN, 10)); g.ASN > math.MaxInt32 {
		o.BgpAsnExtended = asn
	} else {
		o.BgpAsn = asn
	}
	if g.Device != "" {
		o.DeviceName = &g.Device
	}
	return o
}

func describeCustomerGateways(c *cloud.Call, r store.Reader, in *api.DescribeCustomerGatewaysInput) (*api.DescribeCustomerGatewaysOutput, error) {
	list, _, err := resource.List(c, r, resource.Query{IDs: in.CustomerGatewayIds, Filters: in.Filters, NotFound: noCustomer},
		customers.Scan(r, c.Account, c.Region), func(g *Customer) string { return g.ID },
		resource.Fields[Customer]{
			"bgp-asn":             resource.One(func(g *Customer) string { return strconv.FormatInt(g.ASN, 10) }),
			"customer-gateway-id": resource.One(func(g *Customer) string { return g.ID }),
			"ip-address":          resource.One(func(g *Customer) string { return g.Address.String() }),
			"state":               resource.One(func(*Customer) string { return "available" }),
			"type":                resource.One(func(*Customer) string { return "ipsec.1" }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeCustomerGatewaysOutput{CustomerGateways: []api.CustomerGateway{}}
	for _, g := range list {
		out.CustomerGateways = append(out.CustomerGateways, *g.api(c, r))
	}
	return out, nil
}
