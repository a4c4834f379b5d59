package vpc

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/policy"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Endpoint is a VPC endpoint: a way to a service of the cloud that does not
// lead through the internet.
type Endpoint struct {
	Account, Region, ID string
	VPC, Service        string // Service is "com.amazonaws.us-east-1.s3"
	Type                string // "Gateway", "Interface"
	State               string
	Policy              string   // "" for the one that lets everything through
	RouteTables         []string // of a gateway endpoint
	Doors               []Door   // of an interface endpoint, one in each subnet
	Groups              []string //
	PrivateDNS          bool     // the service's own names lead to the endpoint
	IPType              string   // "ipv4", "dualstack"
	DNSType             string   // of its DNS records: one of recordTypes
	Label, Zone         string   // of its DNS names: 8 characters, and the id of their hosted zone
	Made                time.Time
}

// Door is the interface of an endpoint in a subnet.
type Door struct{ Subnet, Interface, Zone string }

const (
	gatewayEndpoint   = "Gateway"
	interfaceEndpoint = "Interface"

	endpointWaiting   = "pendingAcceptance" // for the owner of the service
	endpointRejected  = "rejected"          // by him
	endpointPending   = "pending"
	endpointAvailable = "available"
	endpointDeleting  = "deleting"

	// endpointInterface is the type of the interfaces of endpoints.
	endpointInterface = "vpc_endpoint"
	endpointRequester = "amazon-vpce"

	maxGatewayEndpoints   = 20 // in a region
	maxInterfaceEndpoints = 50 // in a VPC
)

var endpoints = &store.Table[Endpoint]{
	Name: "ec2.endpoint",
	Key:  func(e *Endpoint) store.Key { return keyOf(e.Account, e.Region, e.ID) },
	Indexes: map[string]func(*Endpoint) store.Key{
		"vpc":     func(e *Endpoint) store.Key { return keyOf(e.Account, e.Region, e.VPC) },
		"id":      func(e *Endpoint) store.Key { return store.K(e.ID) },
		"service": func(e *Endpoint) store.Key { return store.K(e.Service) },
	},
	Memo: 1000,
}

func noEndpoint(id string) *cloud.Error {
	if !resource.WellFormed("vpce", id) {
		return resource.Errorf("InvalidVpcEndpointId.Malformed", "The Vpc Endpoint Id '%s' is malformed", id)
	}
	return resource.Errorf("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '%s' does not exist", id)
}

// service is what the endpoint leads to.
func (e *Endpoint) service(r store.Reader) endpointService {
	if o, ok := offered(r, e.Service); ok {
		return o.as()
	}
	s, _ := serviceNamed(e.Region, e.Service, e.Type)
	return s
}

// toOffer tells whether the endpoint leads to a service that some account
// offers, and not to one of the cloud's own.
func (e *Endpoint) toOffer() bool { return strings.HasPrefix(e.Service, offerPrefix) }

// defaultPolicy lets everything through.
const defaultPolicy = `{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`

// checkPolicy reads an endpoint policy.
func checkPolicy(text string) error {
	if !json.Valid([]byte(text)) {
		return resource.Errorf("InvalidPolicyDocument", "The policy document is not a valid JSON policy document.")
	}
	if _, err := policy.Parse(text, policy.Endpoint); err != nil {
		return resource.Errorf("InvalidPolicyDocument", "%s", err)
	}
	return nil
}

// desiredEndpoints adds a VPC's gateway endpoints to its desired state; those
// with interfaces are there by them.
func desiredEndpoints(c *cloud.Call, r store.Reader, v *plane.VPC) {
	doors := map[string]string{}
	for e := range endpoints.Index(r, "vpc", c.Account, c.Region, v.ID) {
		for _, d := range e.Doors {
			if !e.toOffer() { // a load balancer answers there, not the cloud's services
				doors[d.Interface] = e.ID
			}
		}
		if e.Type == gatewayEndpoint && e.State != endpointDeleting {
			v.GatewayEndpoints = append(v.GatewayEndpoints, plane.GatewayEndpoint{ID: e.ID, Addresses: prefixesOf(c, r, e.service(r).list)})
		}
	}
	for n := range v.Interfaces {
		v.Interfaces[n].Endpoint = doors[v.Interfaces[n].ID]
	}
}

// endpointTarget is a gateway endpoint as the target of routes, which only the
// endpoint itself writes.
func endpointTarget() targetKind {
	return targetKind{
		check: func(c *cloud.Call, r store.Reader, _ *RouteTable, id string) error {
			if _, err := find(c, r, endpoints, id, noEndpoint); err != nil {
				return err
			}
			return resource.Errorf("InvalidParameterValue", "The VPC endpoint '%s' cannot be the target of a route. Use ModifyVpcEndpoint to associate the route table with it.", id)
		},
		alive: func(c *cloud.Call, r store.Reader, t *RouteTable, id string) bool {
			e, ok := endpoints.Get(r, c.Account, c.Region, id)
			return ok && e.VPC == t.VPC && e.State != endpointDeleting
		},
		show: func(_ *cloud.Call, _ store.Reader, o *api.Route, id string) { o.GatewayId = &id },
	}
}

// routeThrough adds the endpoint's route to a table.
func (e *Endpoint) routeThrough(c *cloud.Call, tx store.Tx, table string) error {
	t, err := find(c, tx, routeTables, table, noRouteTable)
	if err != nil {
		return err
	}
	if t.VPC != e.VPC {
		return resource.Errorf("InvalidParameter", "Route table %s does not belong to the VPC %s", t.ID, e.VPC)
	}
	d := destination{list: e.service(tx).list}
	if t.find(d) >= 0 {
		return resource.Errorf("RouteAlreadyExists", "route table %s already has a route with destination-prefix-list-id %s", t.ID, d.list)
	}
	changed := *t
	changed.Routes = append(slices.Clone(t.Routes), Route{PrefixList: d.list, Kind: plane.ToGatewayEndpoint, Target: e.ID})
	routeTables.Put(tx, &changed)
	e.RouteTables = append(e.RouteTables, t.ID)
	return nil
}

// unroute takes the endpoint's route out of a table.
func (e *Endpoint) unroute(c *cloud.Call, tx store.Tx, table string) {
	e.RouteTables = slices.DeleteFunc(e.RouteTables, func(id string) bool { return id == table })
	t, ok := routeTables.Get(tx, c.Account, c.Region, table)
	if !ok {
		return
	}
	changed := *t
	changed.Routes = slices.DeleteFunc(slices.Clone(t.Routes), func(route Route) bool { return route.Target == e.ID })
	routeTables.Put(tx, &changed)
}

// open makes the endpoint's interface in a subnet.
func (e *Endpoint) open(c *cloud.Call, tx store.Tx, subnet string, at netip.Addr) error {
	s, err := FindSubnet(c, tx, subnet)
	if err != nil {
		return err
	}
	var zones []string // in which the service is; nil: in all
	if o, ok := offered(tx, e.Service); ok {
		if zones, err = o.zones(c); err != nil {
			return err
		}
	}
	switch {
	case s.VPC != e.VPC:
		return resource.Errorf("InvalidParameter", "The subnet ID '%s' does not belong to the VPC '%s'", s.ID, e.VPC)
	case !s.CIDR.IsValid():
		return resource.Errorf("InvalidParameter", "The subnet '%s' has no IPv4 range, which the endpoint needs.", s.ID)
	case zones != nil && !slices.Contains(zones, s.Zone):
		return resource.Errorf("InvalidParameter", "The VPC endpoint service %s does not support the availability zone of the subnet: %s.", e.Service, s.ID)
	case slices.ContainsFunc(e.Doors, func(d Door) bool { return d.Zone == s.Zone }):
		return resource.Errorf("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of %s.", s.ID)
	}
	n := NewInterface{
		Subnet: s.ID, Description: "VPC Endpoint Interface " + e.ID, Type: endpointInterface, Requester: endpointRequester,
		Groups: e.Groups, Public: new(false), Private: at,
	}
	if e.IPType == "dualstack" {
		n.IPv6Count = 1
	}
	i, err := CreateInterface(c, tx, n)
	if err != nil {
		return err
	}
	e.Groups = i.Groups
	e.Doors = append(e.Doors, Door{Subnet: s.ID, Interface: i.ID, Zone: s.Zone})
	return nil
}

// close removes the endpoint's interface from a subnet.
func (e *Endpoint) close(c *cloud.Call, tx store.Tx, subnet string) {
	for _, d := range e.Doors {
		if d.Subnet == subnet {
			RemoveInterface(c, tx, d.Interface)
		}
	}
	e.Doors = slices.DeleteFunc(slices.Clone(e.Doors), func(d Door) bool { return d.Subnet == subnet })
}

// names are the DNS names of an interface endpoint: one for all its zones, one
// for each, and the service's own.
func (e *Endpoint) names() (all string, zonal map[string]string) {
	base := e.ID + "-" + e.Label
	domain := "." + e.Service[strings.LastIndexByte(e.Service, '.')+1:] + "." + e.Region + ".vpce.amazonaws.com"
	zonal = map[string]string{}
	for _, d := range e.Doors {
		zonal[d.Zone] = base + "-" + d.Zone + domain
	}
	return base + domain, zonal
}

// EndpointAddresses are what the name of an endpoint leads to, or the name of a
// service that has an endpoint with private DNS in the VPC.
func (v *VPC) EndpointAddresses(r store.Reader, name string, six bool) ([]netip.Addr, bool) {
	if strings.HasSuffix(name, ".vpce.amazonaws.com") {
		return endpointNamed(r, name, six)
	}
	if !v.DNSHostnames {
		return nil, false
	}
	for e := range endpoints.Index(r, "vpc", v.Account, v.Region, v.ID) {
		if e.Type == interfaceEndpoint && e.PrivateDNS && e.State == endpointAvailable && e.service(r).answersTo(v.Region, name) {
			return e.addresses(r, six, e.Doors...), true
		}
	}
	return nil, false
}

// endpointNamed are what one of an endpoint's own names leads to. A service that
// answers to names below its own does so here as well: "bucket.vpce-..." is S3's.
func endpointNamed(r store.Reader, name string, six bool) ([]netip.Addr, bool) {
	at := strings.Index("."+name, ".vpce-")
	if at < 0 || len(name[at:]) < len("vpce-")+17 {
		return nil, false
	}
	own := name[at:]
	for e := range endpoints.Index(r, "id", own[:len("vpce-")+17]) {
		if at > 0 && !e.service(r).wild {
			break
		}
		all, zonal := e.names()
		for _, d := range e.Doors {
			if zonal[d.Zone] == own {
				return e.addresses(r, six, d), true
			}
		}
		return e.addresses(r, six, e.Doors...), all == own
	}
	return nil, false
}

func (e *Endpoint) addresses(r store.Reader, six bool, doors ...Door) (list []netip.Addr) {
	if !e.answers(six) {
		return nil
	}
	for _, d := range doors {
		i, ok := interfaces.Get(r, e.Account, e.Region, d.Interface)
		switch {
		case !ok:
		case six:
			list = append(list, i.IPv6...)
		case len(i.Addresses) > 0:
			list = append(list, i.Addresses[0].Private)
		}
	}
	return list
}

// Through tells which endpoint a connection came through, and its policy: by
// the endpoint of the interface that took it or, for a gateway endpoint, by the
// VPC that it came from and the service that it leads to.
func Through(r store.Reader, o cloud.Origin) (id string, attached []policy.Attached) {
	e := throughOf(r, o)
	if e == nil {
		return "", nil
	}
	text := e.Policy
	if text == "" {
		text = defaultPolicy
	}
	doc, err := policy.Parse(text, policy.Endpoint)
	if err != nil { // it was checked; what cannot be read lets nothing through
		doc = &policy.Document{}
	}
	return e.ID, []policy.Attached{{ID: "policy of VPC endpoint " + e.ID, Doc: doc}}
}

func throughOf(r store.Reader, o cloud.Origin) *Endpoint {
	if o.Endpoint != "" {
		for e := range endpoints.Index(r, "id", o.Endpoint) {
			return e
		}
		return nil
	}
	v, ok := Locate(r, o.VPC)
	if !ok {
		return nil
	}
	for e := range endpoints.Index(r, "vpc", v.Account, v.Region, v.ID) {
		if e.Type == gatewayEndpoint && e.service(r).host == o.Service {
			return e
		}
	}
	return nil
}
