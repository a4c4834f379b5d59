package vpc

import (
	"iter"
	"net/netip"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Peering is a peering connection: one record, seen from both sides.
type Peering struct {
	ID                  string
	Requester, Accepter PeeringSide
	State               string
	Message             string
	Made, Expires       time.Time
	Ended               time.Time
	EndedBy             string // account
}

// PeeringSide is one of the two VPCs of a peering connection.
type PeeringSide struct {
	Account, Region, VPC string
	CIDRs, IPv6          []netip.Prefix // as they were when the connection became active or ended
	// RemoteDNS has this side's public names resolve to private addresses when
	// the other side asks.
	RemoteDNS bool
}

// States of peering connections.
// https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html#vpc-peering-lifecycle
const (
	peeringInitiating   = "initiating-request"
	peeringPending      = "pending-acceptance"
	peeringProvisioning = "provisioning"
	peeringActive       = "active"
	peeringFailed       = "failed"
	peeringExpired      = "expired"
	peeringRejected     = "rejected"
	peeringDeleted      = "deleted"
)

const (
	// acceptWithin is how long a request waits for its answer.
	acceptWithin = 7 * 24 * time.Hour
	// A connection that ended stays visible for a while: shortly to the side
	// that ended it, longer to the other.
	endedNear, endedFar = 2 * time.Hour, 48 * time.Hour

	maxPeerings    = 50 // active ones of a VPC
	maxOutstanding = 25 // requests of an account
)

func sideKey(s PeeringSide) store.Key { return store.K(s.Account, s.Region, s.VPC) }

var peerings = &store.Table[Peering]{
	Name: "ec2.peering",
	Key:  func(p *Peering) store.Key { return store.K(p.ID) },
	Indexes: map[string]func(*Peering) store.Key{
		"requester": func(p *Peering) store.Key { return sideKey(p.Requester) },
		"accepter":  func(p *Peering) store.Key { return sideKey(p.Accepter) },
	},
	Memo: 1000,
}

// peeringsOf yields the connections that have a side in an account and region
// or, more narrowly, in a VPC; each once.
func peeringsOf(r store.Reader, side ...any) iter.Seq[*Peering] {
	return func(yield func(*Peering) bool) {
		seen := map[string]bool{}
		for _, index := range []string{"requester", "accepter"} {
			for p := range peerings.Index(r, index, side...) {
				if seen[p.ID] {
					continue
				}
				seen[p.ID] = true
				if !yield(p) {
					return
				}
			}
		}
	}
}

var noPeering = notFound("VpcPeeringConnectionID", "vpcPeeringConnection", "pcx")

// findPeering is a connection that the call's account and region see.
func findPeering(c *cloud.Call, r store.Reader, id string) (*Peering, error) {
	p, ok := peerings.Get(r, id)
	if !ok || !p.visible(c) {
		return nil, noPeering(id)
	}
	return p, nil
}

// joins tells whether packets pass.
func (p *Peering) joins() bool { return p.State == peeringActive || p.State == peeringProvisioning }

// open tells whether the connection is there or may come to be.
func (p *Peering) open() bool {
	return p.joins() || p.State == peeringPending || p.State == peeringInitiating
}

// other is the side that is not of the VPC.
func (p *Peering) other(vpc string) PeeringSide {
	if p.Requester.VPC == vpc {
		return p.Accepter
	}
	return p.Requester
}

// visible tells whether an account sees the connection in a region. A request
// that was never valid is no news for the other side.
func (p *Peering) visible(c *cloud.Call) bool {
	is := func(s PeeringSide) bool { return s.Account == c.Account && s.Region == c.Region }
	if !is(p.Requester) && (!is(p.Accepter) || p.State == peeringFailed || p.State == peeringInitiating) {
		return false
	}
	if p.Ended.IsZero() {
		return true
	}
	return c.Now.Before(p.Ended.Add(p.shownFor(c.Account)))
}

// shownFor is how long an account sees the connection after its end.
func (p *Peering) shownFor(account string) time.Duration {
	if p.State == peeringFailed || p.EndedBy == account {
		return endedNear
	}
	return endedFar
}

// become is the connection in another state.
func (p *Peering) become(c *cloud.Call, tx store.Tx, state, message string) *Peering {
	changed := *p
	changed.State, changed.Message = state, message
	if !changed.open() {
		changed.Ended, changed.EndedBy = c.Now, c.Account
		tx.After(c.Now.Add(endedNear), peeringController, store.K(p.ID))
	}
	peerings.Put(tx, &changed)
	return &changed
}

// end closes the connection for both sides, and has packets stop.
func (p *Peering) end(c *cloud.Call, tx store.Tx, state string) {
	said := map[string]string{peeringDeleted: "Deleted by " + c.Account, peeringRejected: "Rejected by " + c.Account}
	was := p.joins()
	q := *p
	q.keepRanges(tx)
	q.become(c, tx, state, said[state])
	if was {
		for _, s := range []PeeringSide{p.Requester, p.Accepter} {
			tx.After(time.Time{}, networkController, sideKey(s))
		}
	}
}

// keepRanges remembers the sides' ranges for as long as the record outlives
// the VPCs.
func (p *Peering) keepRanges(r store.Reader) {
	for _, s := range []*PeeringSide{&p.Requester, &p.Accepter} {
		if v, ok := vpcs.Get(r, s.Account, s.Region, s.VPC); ok {
			s.CIDRs, s.IPv6 = prefixesIn(v.CIDRs), prefixesIn(v.IPv6)
		}
	}
}

func prefixesIn(list []CIDR) (out []netip.Prefix) {
	for _, b := range list {
		out = append(out, b.Prefix)
	}
	return out
}

// joined is the active peering connection between two VPCs.
func joined(c *cloud.Call, r store.Reader, one, other string) (peering string, ok bool) {
	for p := range peeringsOf(r, c.Account, c.Region, one) {
		if p.joins() && p.other(one).VPC == other {
			return p.ID, true
		}
	}
	return "", false
}

// peeringStatus is the status of a peering connection that a rule needs.
func peeringStatus(_ *cloud.Call, r store.Reader, id string) *string {
	if id == "" {
		return nil
	}
	if p, ok := peerings.Get(r, id); ok {
		return &p.State
	}
	return new(peeringDeleted)
}

// members are the private addresses of a group of a peered VPC: what a rule
// that refers to it lets pass, for as long as the connection is active.
func (v *Peer) members(r store.Reader) (list []netip.Addr) {
	p, ok := peerings.Get(r, v.Peering)
	if !ok || !p.joins() {
		return nil
	}
	side := p.Requester
	if side.VPC != v.VPC {
		side = p.Accepter
	}
	for i := range interfaces.Index(r, "vpc", side.Account, side.Region, v.VPC) {
		for _, g := range i.Groups {
			if g != v.Group {
				continue
			}
			for _, a := range i.Addresses {
				list = append(list, a.Private)
			}
			list = append(list, i.IPv6...)
		}
	}
	return list
}

// peeringTarget is the connection as a target of routes.
func peeringTarget() targetKind {
	return targetKind{
		check: func(c *cloud.Call, r store.Reader, t *RouteTable, id string) error {
			p, err := findPeering(c, r, id)
			switch {
			case err != nil:
				return err
			case p.Requester.VPC != t.VPC && p.Accepter.VPC != t.VPC:
				return resource.Errorf("InvalidParameterValue", "route table %s and vpc peering connection %s belong to different networks", t.ID, id)
			case !p.open():
				return resource.Errorf("InvalidStateTransition", "The VPC peering connection '%s' is not in a valid state: %s", id, p.State)
			}
			return nil
		},
		alive: func(_ *cloud.Call, r store.Reader, _ *RouteTable, id string) bool {
			p, ok := peerings.Get(r, id)
			return ok && p.joins()
		},
		show: func(_ *cloud.Call, _ store.Reader, o *api.Route, id string) { o.VpcPeeringConnectionId = &id },
	}
}

// Reaches yields the VPCs that a VPC is joined with, and whether public names
// of each resolve to private addresses from here.
func (v *VPC) Reaches(r store.Reader) iter.Seq2[*VPC, bool] {
	return func(yield func(*VPC, bool) bool) {
		for p := range peeringsOf(r, v.Account, v.Region, v.ID) {
			o := p.other(v.ID)
			if w, ok := vpcs.Get(r, o.Account, o.Region, o.VPC); ok && p.joins() && !yield(w, o.RemoteDNS) {
				return
			}
		}
	}
}
