package vpc

import (
	"time"

	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// peeringController moves a peering connection on: a request reaches the other
// side or fails, one that was accepted becomes active once packets pass, one
// that nobody answered expires, and what has ended is forgotten.
const peeringController = "ec2.peering"

func (s *Room) settlePeering(c *cloud.Call, key store.Key) error {
	id := key[0].(string)
	var provisioning *Peering
	err := c.Update(func(tx store.Tx) error {
		provisioning = nil
		p, ok := peerings.Get(tx, id)
		if !ok {
			return nil
		}
		c := c.In(p.Requester.Account, p.Requester.Region)
		switch {
		case p.State == peeringInitiating:
			p.send(c, tx)
		case p.State == peeringPending && !c.Now.Before(p.Expires):
			q := *p
			q.keepRanges(tx)
			q.become(c.In("", ""), tx, peeringExpired, "Expired").forget(c, tx)
		case p.State == peeringProvisioning:
			provisioning = p
		case !p.Ended.IsZero():
			p.forget(c, tx)
		}
		return nil
	})
	if err != nil || provisioning == nil {
		return err
	}
	for _, side := range []PeeringSide{provisioning.Requester, provisioning.Accepter, provisioning.Requester} {
		// The first side is asked again: its half waits until the other is there.
		if err := s.Converge(c.In(side.Account, side.Region), side.VPC); err != nil {
			return err
		}
	}
	return c.Update(func(tx store.Tx) error {
		if p, ok := peerings.Get(tx, id); ok && p.State == peeringProvisioning {
			p.become(c, tx, peeringActive, "Active")
		}
		return nil
	})
}

// send brings a request to the other side, if there is one that it fits.
func (p *Peering) send(c *cloud.Call, tx store.Tx) {
	ours, here := vpcs.Get(tx, p.Requester.Account, p.Requester.Region, p.Requester.VPC)
	theirs, there := vpcs.Get(tx, p.Accepter.Account, p.Accepter.Region, p.Accepter.VPC)
	if !here || !there || ours.ID == theirs.ID || overlaps(ours, theirs) {
		p.become(c, tx, peeringFailed, "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range")
		return
	}
	p.become(c, tx, peeringPending, "Pending Acceptance by "+p.Accepter.Account)
	if p.Accepter.Account != p.Requester.Account || p.Accepter.Region != p.Requester.Region {
		resource.Register(c.In(p.Accepter.Account, p.Accepter.Region), tx, "vpc-peering-connection", p.ID, nil)
	}
	tx.After(p.Expires, peeringController, store.K(p.ID))
}

// forget removes the connection from the sides that have seen its end for long
// enough, and then altogether.
func (p *Peering) forget(c *cloud.Call, tx store.Tx) {
	var last time.Time
	for _, s := range []PeeringSide{p.Requester, p.Accepter} {
		until := p.Ended.Add(p.shownFor(s.Account))
		if !c.Now.Before(until) {
			resource.Unregister(c.In(s.Account, s.Region), tx, p.ID)
		} else if last.IsZero() || until.Before(last) {
			last = until
		}
	}
	if last.IsZero() {
		peerings.Delete(tx, p.ID)
		return
	}
	tx.After(last, peeringController, store.K(p.ID))
}
