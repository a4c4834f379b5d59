package vpc

import (
	"cmp"
	"net/netip"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func createVpcPeeringConnection(c *cloud.Call, tx store.Tx, in *api.CreateVpcPeeringConnectionInput) (*api.CreateVpcPeeringConnectionOutput, error) {
	tags, err := tagsFor(in.TagSpecifications, "vpc-peering-connection")
	if err != nil {
		return nil, err
	}
	v, err := FindVPC(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	peer := PeeringSide{Account: cmp.Or(val(in.PeerOwnerId), c.Account), Region: cmp.Or(val(in.PeerRegion), c.Region), VPC: val(in.PeerVpcId)}
	_, known := region.Find(peer.Region)
	switch o := in.RequesterPeeringConnectionOptions; {
	case o != nil && (cloud.Or(o.AllowMultipathResilience, false) || o.MultipathResilienceMode != nil):
		return nil, resource.Unsupported("Multipath resilience is not supported for VPC peering connections of these Regions.")
	case peer.VPC == "":
		return nil, resource.Missing("peerVpcId")
	case !resource.WellFormed("vpc", peer.VPC):
		return nil, noVPC(peer.VPC)
	case !known:
		return nil, resource.Errorf("InvalidParameterValue", "Invalid region: %s", peer.Region)
	}
	outstanding := 0
	for p := range peeringsOf(tx, c.Account, c.Region) {
		if p.open() && (p.Requester.VPC == v.ID && p.Accepter.VPC == peer.VPC || p.Requester.VPC == peer.VPC && p.Accepter.VPC == v.ID) {
			return nil, resource.Errorf("VpcPeeringConnectionAlreadyExists", "A VPC peering connection between the VPCs '%s' and '%s' already exists: %s", v.ID, peer.VPC, p.ID)
		}
		if p.State == peeringPending && p.Requester.Account == c.Account {
			outstanding++
		}
	}
	if outstanding >= maxOutstanding {
		return nil, resource.Errorf("OutstandingVpcPeeringConnectionLimitExceeded", "You have reached the limit of outstanding VPC peering connection requests.")
	}
	p := &Peering{
		ID: resource.NewID(c, "pcx"), Requester: PeeringSide{Account: c.Account, Region: c.Region, VPC: v.ID}, Accepter: peer,
		State: peeringInitiating, Message: "Initiating Request to " + peer.Account, Made: c.Now, Expires: c.Now.Add(acceptWithin),
	}
	peerings.Put(tx, p)
	resource.Register(c, tx, "vpc-peering-connection", p.ID, tags)
	tx.After(time.Time{}, peeringController, store.K(p.ID))
	return &api.CreateVpcPeeringConnectionOutput{VpcPeeringConnection: p.api(c, tx)}, nil
}

func acceptVpcPeeringConnection(c *cloud.Call, tx store.Tx, in *api.AcceptVpcPeeringConnectionInput) (*api.AcceptVpcPeeringConnectionOutput, error) {
	p, err := findPeering(c, tx, in.VpcPeeringConnectionId)
	if err != nil {
		return nil, err
	}
	if err := p.answerable(c, "accepted", peeringActive); err != nil {
		return nil, err
	}
	for _, s := range []PeeringSide{p.Requester, p.Accepter} {
		active := 0
		for o := range peeringsOf(tx, s.Account, s.Region, s.VPC) {
			if o.joins() {
				active++
			}
		}
		if active >= maxPeerings {
			return nil, resource.Errorf("VpcPeeringConnectionsPerVpcLimitExceeded", "You have reached the limit of active VPC peering connections for the VPC '%s'.", s.VPC)
		}
	}
	p = p.become(c, tx, peeringProvisioning, "Provisioning")
	tx.After(time.Time{}, peeringController, store.K(p.ID))
	return &api.AcceptVpcPeeringConnectionOutput{VpcPeeringConnection: p.api(c, tx)}, nil
}

// answerable tells whether the caller may accept or reject the request.
func (p *Peering) answerable(c *cloud.Call, verb, to string) error {
	switch {
	case p.Accepter.Account != c.Account:
		return resource.Errorf("OperationNotPermitted", "User %s cannot %s peering %s", c.Account, verb[:len(verb)-2], p.ID)
	case p.Accepter.Region != c.Region:
		return resource.Errorf("OperationNotPermitted", "Incorrect region (%s) specified for this request. VPC peering connection %s must be %s in region %s", c.Region, p.ID, verb, p.Accepter.Region)
	case p.State != peeringPending:
		return resource.Errorf("InvalidStateTransition", "Invalid state transition for %s, attempted to transition from %s to %s", p.ID, p.State, to)
	}
	return nil
}

func rejectVpcPeeringConnection(c *cloud.Call, tx store.Tx, in *api.RejectVpcPeeringConnectionInput) (*api.RejectVpcPeeringConnectionOutput, error) {
	p, err := findPeering(c, tx, in.VpcPeeringConnectionId)
	if err == nil {
		err = p.answerable(c, "rejected", peeringRejected)
	}
	if err != nil {
		return nil, err
	}
	p.end(c, tx, peeringRejected)
	return &api.RejectVpcPeeringConnectionOutput{Return: yes()}, nil
}

// deleteVpcPeeringConnection ends a connection; either side may, and the
// requester may take back a request.
func deleteVpcPeeringConnection(c *cloud.Call, tx store.Tx, in *api.DeleteVpcPeeringConnectionInput) (*api.DeleteVpcPeeringConnectionOutput, error) {
	p, err := findPeering(c, tx, in.VpcPeeringConnectionId)
	switch {
	case err != nil:
		return nil, err
	case p.State == peeringPending && p.Requester.Account != c.Account:
		return nil, resource.Errorf("OperationNotPermitted", "User %s cannot delete peering %s in state %s", c.Account, p.ID, p.State)
	case !p.open():
		return nil, resource.Errorf("InvalidStateTransition", "Invalid state transition for %s, attempted to transition from %s to deleting", p.ID, p.State)
	}
	p.end(c, tx, peeringDeleted)
	return &api.DeleteVpcPeeringConnectionOutput{Return: yes()}, nil
}

func modifyVpcPeeringConnectionOptions(c *cloud.Call, tx store.Tx, in *api.ModifyVpcPeeringConnectionOptionsInput) (*api.ModifyVpcPeeringConnectionOptionsOutput, error) {
	p, err := findPeering(c, tx, in.VpcPeeringConnectionId)
	switch {
	case err != nil:
		return nil, err
	case in.AccepterPeeringConnectionOptions == nil && in.RequesterPeeringConnectionOptions == nil:
		return nil, resource.Errorf("MissingParameter", "The request must contain at least one of accepterPeeringConnectionOptions and requesterPeeringConnectionOptions")
	case p.State != peeringActive:
		return nil, resource.Errorf("OperationNotPermitted", "Peering %s is not active. Peering options can be added only to active peerings.", p.ID)
	}
	changed := *p
	out := &api.ModifyVpcPeeringConnectionOptionsOutput{}
	for _, x := range []struct {
		name string
		side *PeeringSide
		in   *api.PeeringConnectionOptionsRequest
		out  **api.PeeringConnectionOptions
	}{
		{"requester", &changed.Requester, in.RequesterPeeringConnectionOptions, &out.RequesterPeeringConnectionOptions},
		{"accepter", &changed.Accepter, in.AccepterPeeringConnectionOptions, &out.AccepterPeeringConnectionOptions},
	} {
		if x.in == nil {
			continue
		}
		if x.side.Account != c.Account || x.side.Region != c.Region {
			return nil, resource.Errorf("OperationNotPermitted", "User %s cannot modify %s peering options of %s in region %s", c.Account, x.name, p.ID, c.Region)
		}
		if cloud.Or(x.in.AllowEgressFromLocalClassicLinkToRemoteVpc, false) || cloud.Or(x.in.AllowEgressFromLocalVpcToRemoteClassicLink, false) {
			return nil, resource.Errorf("InvalidParameterValue", "ClassicLink is not supported")
		}
		x.side.RemoteDNS = cloud.Or(x.in.AllowDnsResolutionFromRemoteVpc, x.side.RemoteDNS)
		*x.out = &api.PeeringConnectionOptions{
			AllowDnsResolutionFromRemoteVpc:            &x.side.RemoteDNS,
			AllowEgressFromLocalClassicLinkToRemoteVpc: new(false), AllowEgressFromLocalVpcToRemoteClassicLink: new(false),
		}
	}
	peerings.Put(tx, &changed)
	return out, nil
}

// api is a peering connection as answers have it. The options of a side are
// told once the connection is active, its ranges as long as it is known.
func (p *Peering) api(c *cloud.Call, r store.Reader) *api.VpcPeeringConnection {
	o := &api.VpcPeeringConnection{
		VpcPeeringConnectionId: &p.ID, Status: &api.VpcPeeringConnectionStateReason{Code: &p.State, Message: &p.Message},
		Tags: resource.APITags(resource.Tags(c, r, p.ID)),
	}
	if p.State == peeringPending || p.State == peeringInitiating {
		o.ExpirationTime = &p.Expires
	}
	o.RequesterVpcInfo = p.apiSide(r, p.Requester, true)
	o.AccepterVpcInfo = p.apiSide(r, p.Accepter, p.joins() || !p.Ended.IsZero())
	return o
}

func (p *Peering) apiSide(r store.Reader, s PeeringSide, ranges bool) *api.VpcPeeringConnectionVpcInfo {
	o := &api.VpcPeeringConnectionVpcInfo{OwnerId: &s.Account, VpcId: &s.VPC, Region: &s.Region}
	four, six := s.CIDRs, s.IPv6
	if v, ok := vpcs.Get(r, s.Account, s.Region, s.VPC); ok && p.open() {
		four, six = prefixesIn(v.CIDRs), prefixesIn(v.IPv6)
	}
	if ranges && len(four) > 0 {
		o.CidrBlock = new(four[0].String())
		for _, b := range four {
			o.CidrBlockSet = append(o.CidrBlockSet, api.CidrBlock{CidrBlock: new(b.String())})
		}
		for _, b := range six {
			o.Ipv6CidrBlockSet = append(o.Ipv6CidrBlockSet, api.Ipv6CidrBlock{Ipv6CidrBlock: new(b.String())})
		}
	}
	if p.joins() {
		o.PeeringOptions = &api.VpcPeeringConnectionOptionsDescription{
			AllowDnsResolutionFromRemoteVpc:            &s.RemoteDNS,
			AllowEgressFromLocalClassicLinkToRemoteVpc: new(false), AllowEgressFromLocalVpcToRemoteClassicLink: new(false),
		}
	}
	return o
}

func describeVpcPeeringConnections(c *cloud.Call, r store.Reader, in *api.DescribeVpcPeeringConnectionsInput) (*api.DescribeVpcPeeringConnectionsOutput, error) {
	seen := func(yield func(*Peering) bool) {
		for p := range peeringsOf(r, c.Account, c.Region) {
			if p.visible(c) && !yield(p) {
				return
			}
		}
	}
	fields := resource.Fields[Peering]{
		"expiration-time":           optional(func(p *Peering) string { return stamp(p.api(c, r).ExpirationTime) }),
		"status-code":               resource.One(func(p *Peering) string { return p.State }),
		"status-message":            resource.One(func(p *Peering) string { return p.Message }),
		"vpc-peering-connection-id": resource.One(func(p *Peering) string { return p.ID }),
	}
	for name, side := range map[string]func(*Peering) PeeringSide{
		"requester": func(p *Peering) PeeringSide { return p.Requester }, "accepter": func(p *Peering) PeeringSide { return p.Accepter },
	} {
		fields[name+"-vpc-info.vpc-id"] = resource.One(func(p *Peering) string { return side(p).VPC })
		fields[name+"-vpc-info.owner-id"] = resource.One(func(p *Peering) string { return side(p).Account })
		fields[name+"-vpc-info.cidr-block"] = func(p *Peering) (out []string) {
			s := side(p)
			list := s.CIDRs
			if v, ok := vpcs.Get(r, s.Account, s.Region, s.VPC); ok {
				list = prefixesIn(v.CIDRs)
			}
			for _, b := range list {
				out = append(out, b.String())
			}
			return out
		}
	}
	list, next, err := resource.List(c, r, resource.Query{IDs: in.VpcPeeringConnectionIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: noPeering},
		seen, func(p *Peering) string { return p.ID }, fields)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcPeeringConnectionsOutput{VpcPeeringConnections: []api.VpcPeeringConnection{}, NextToken: next}
	for _, p := range list {
		out.VpcPeeringConnections = append(out.VpcPeeringConnections, *p.api(c, r))
	}
	return out, nil
}

// overlaps tells whether two VPCs have ranges in common.
func overlaps(a, b *VPC) bool {
	in := func(list []CIDR, p netip.Prefix) bool {
		for _, x := range list {
			if x.Prefix.Overlaps(p) {
				return true
			}
		}
		return false
	}
	for _, x := range append(prefixesIn(a.CIDRs), prefixesIn(a.IPv6)...) {
		if in(b.CIDRs, x) || in(b.IPv6, x) {
			return true
		}
	}
	return false
}
