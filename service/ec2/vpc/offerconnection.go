package vpc

import (
	"hash/fnv"
	"slices"
	"time"

	api "pileus/api/ec2"
	elb "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/privatelink"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// connectionKind are connections as resources: an endpoint as the owner of the
// service behind it sees it.
const connectionKind = "vpc-endpoint-connection"

// connection is the id of an endpoint's connection.
func (e *Endpoint) connection() string { return "vpce-con-" + e.ID[len("vpce-"):] }

// linksOf are the ways from an endpoint's interfaces to the load balancers of a
// service: in each zone to one of those that are there.
func (e *Endpoint) linksOf(c *cloud.Call, r store.Reader, o *Offer) ([]privatelink.Link, error) {
	list, err := o.balancers(c)
	if err != nil {
		return nil, err
	}
	var links []privatelink.Link
	for _, d := range e.Doors {
		i, ok := interfaces.Get(r, e.Account, e.Region, d.Interface)
		if !ok {
			continue
		}
		var here []string
		for _, b := range list {
			if slices.ContainsFunc(b.AvailabilityZones, func(z elb.AvailabilityZone) bool { return *z.ZoneName == d.Zone }) {
				here = append(here, *b.LoadBalancerArn)
			}
		}
		if len(here) == 0 {
			continue
		}
		l := privatelink.Link{
			Balancer: here[spread(d.Interface)%len(here)], Account: o.Account, Region: o.Region, Interface: d.Interface, VPC: e.VPC, Zone: d.Zone,
			Addresses: i.IPv6, Endpoint: e.ID, Owner: e.Account, Home: e.Region,
		}
		for _, a := range i.Addresses {
			l.Addresses = append(slices.Clip(l.Addresses), a.Private)
		}
		links = append(links, l)
	}
	return links, nil
}

// spread makes a number of an id, always the same.
func spread(id string) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() >> 1)
}

// settleLinks joins an endpoint that is accepted with its service, and tells
// whether packets pass.
func (e *Endpoint) settleLinks(c *cloud.Call, tx store.Tx) (up bool, err error) {
	var links []privatelink.Link
	o, ok := offered(tx, e.Service)
	if ok && (e.State == endpointPending || e.State == endpointAvailable) {
		if links, err = e.linksOf(c, tx, o); err != nil {
			return false, err
		}
	}
	return privatelink.Set(tx, e.ID, links), nil
}

func acceptVpcEndpointConnections(c *cloud.Call, tx store.Tx, in *api.AcceptVpcEndpointConnectionsInput) (*api.AcceptVpcEndpointConnectionsOutput, error) {
	list, err := answerConnections(c, tx, in.ServiceId, in.VpcEndpointIds, []string{endpointWaiting, endpointRejected}, func(e *Endpoint) {
		e.State = endpointPending
		endpoints.Put(tx, e)
		tx.After(time.Time{}, endpointController, keyOf(e.Account, e.Region, e.ID))
	})
	return &api.AcceptVpcEndpointConnectionsOutput{Unsuccessful: list}, err
}

func rejectVpcEndpointConnections(c *cloud.Call, tx store.Tx, in *api.RejectVpcEndpointConnectionsInput) (*api.RejectVpcEndpointConnectionsOutput, error) {
	list, err := answerConnections(c, tx, in.ServiceId, in.VpcEndpointIds, []string{endpointWaiting, endpointPending, endpointAvailable}, func(e *Endpoint) {
		e.State, e.PrivateDNS = endpointRejected, false
		endpoints.Put(tx, e)
		privatelink.Set(tx, e.ID, nil)
	})
	return &api.RejectVpcEndpointConnectionsOutput{Unsuccessful: list}, err
}

// answerConnections does something with connections of a service that are in
// one of some states; the others are told.
func answerConnections(c *cloud.Call, tx store.Tx, service string, ids, states []string, do func(*Endpoint)) ([]api.UnsuccessfulItem, error) {
	o, err := find(c, tx, offers, service, noOffer)
	if err != nil {
		return nil, err
	}
	failed := []api.UnsuccessfulItem{}
	for _, id := range ids {
		e := o.connectionOf(tx, id)
		switch {
		case e == nil:
			failed = append(failed, unsuccessful(id, noEndpoint(id)))
		case !slices.Contains(states, e.State):
			failed = append(failed, unsuccessful(id, resource.Errorf("InvalidState", "The VPC endpoint %s is in the state %s, in which this cannot be done", id, e.State)))
		default:
			changed := *e
			do(&changed)
		}
	}
	return failed, nil
}

// connectionOf is the endpoint of an id, if it leads to the service.
func (o *Offer) connectionOf(r store.Reader, id string) *Endpoint {
	for e := range o.connections(r) {
		if e.ID == id {
			return e
		}
	}
	return nil
}

func describeVpcEndpointConnections(c *cloud.Call, r store.Reader, in *api.DescribeVpcEndpointConnectionsInput) (*api.DescribeVpcEndpointConnectionsOutput, error) {
	of := map[string]*Offer{}
	all := func(yield func(*Endpoint) bool) {
		for o := range offers.Scan(r, c.Account, c.Region) {
			for e := range o.connections(r) {
				if of[e.ID] = o; !yield(e) {
					return
				}
			}
		}
	}
	list, next, err := resource.List(c, r, resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1}, all,
		(*Endpoint).connection,
		resource.Fields[Endpoint]{
			"ip-address-type":     resource.One(func(e *Endpoint) string { return e.IPType }),
			"service-id":          resource.One(func(e *Endpoint) string { return of[e.ID].ID }),
			"vpc-endpoint-id":     resource.One(func(e *Endpoint) string { return e.ID }),
			"vpc-endpoint-owner":  resource.One(func(e *Endpoint) string { return e.Account }),
			"vpc-endpoint-region": resource.One(func(e *Endpoint) string { return e.Region }),
			"vpc-endpoint-state":  resource.One(func(e *Endpoint) string { return e.State }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcEndpointConnectionsOutput{VpcEndpointConnections: []api.VpcEndpointConnection{}, NextToken: next}
	for _, e := range list {
		out.VpcEndpointConnections = append(out.VpcEndpointConnections, api.VpcEndpointConnection{
			ServiceId: &of[e.ID].ID, VpcEndpointId: &e.ID, VpcEndpointOwner: &e.Account, VpcEndpointState: &e.State, CreationTimestamp: &e.Made,
			DnsEntries: e.dnsEntries(r), NetworkLoadBalancerArns: of[e.ID].Balancers, IpAddressType: &e.IPType, VpcEndpointConnectionId: new(e.connection()),
			VpcEndpointRegion: &e.Region,
			Tags:              resource.APITags(resource.Tags(c, r, e.connection())),
		})
	}
	return out, nil
}
