package market

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// retry is how long a fleet waits after a launch that failed.
const retry = time.Minute

// keep brings one fleet to its target: what it lacks it launches, what it has
// too much it ends.
func (s *Room) keep(c *cloud.Call, key store.Key) error {
	var f *fleet
	err := c.View(func(r store.Reader) error {
		f, _ = fleets.Get(r, key...)
		return nil
	})
	switch {
	case err != nil || f == nil:
		return err
	case f.gone():
		return s.wind(c, f)
	case c.Now.Before(f.From):
		return wakeAt(c, f, f.From)
	case !f.Until.IsZero() && !c.Now.Before(f.Until):
		return s.expire(c, f)
	}
	if f.State == submitted || f.State == modifying {
		if f, err = begin(c, f); err != nil || f == nil {
			return err
		}
	}
	if !f.Until.IsZero() {
		if err := wakeAt(c, f, f.Until); err != nil {
			return err
		}
	}
	if f.Type != "maintain" && f.Type != "request" {
		return nil
	}
	if err := s.heal(c, f); err != nil {
		return err
	}
	if err := s.trim(c, f); err != nil {
		return err
	}
	return s.fill(c, f)
}

// begin makes a fleet active.
func begin(c *cloud.Call, f *fleet) (d *fleet, err error) {
	return d, c.Update(func(tx store.Tx) error {
		now, ok := fleets.Get(tx, f.key()...)
		if d = nil; !ok || now.State != f.State {
			return nil
		}
		d = new(*now)
		event := active
		if now.State == modifying {
			event = "modify_succeeded"
		}
		d.State = active
		fleets.Put(tx, d)
		note(c, tx, d, "fleetRequestChange", event, "", "")
		return nil
	})
}

// trim marks and ends members that there are too many of, and those that the
// fleet has replaced.
func (s *Room) trim(c *cloud.Call, f *fleet) error {
	var wake time.Time
	err := c.Update(func(tx store.Tx) error {
		wake = time.Time{}
		w := crewOf(c, tx, f)
		for _, m := range w.list {
			if err := f.replaceRisky(c, tx, m, w.on[m.Instance], &wake); err != nil {
				return err
			}
		}
		if f.Excess == "no-termination" || f.Type != "maintain" {
			return nil
		}
		w = crewOf(c, tx, f)
		ending := append(f.surplus(w, true, f.Target.spot(), c.Now), f.surplus(w, false, f.Target.OnDemand, c.Now)...)
		for _, m := range ending {
			if err := f.dismiss(c, tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && !wake.IsZero() {
		err = wakeAt(c, f, wake)
	}
	return err
}

// replaceRisky counts a spot instance no more once it is at risk, where the
// fleet rebalances its capacity; it ends it after a while where it is told to.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-capacity-rebalance.html
func (f *fleet) replaceRisky(c *cloud.Call, tx store.Tx, m *member, i *instance.Instance, wake *time.Time) error {
	if f.Rebalance == "" || f.Type != "maintain" || !m.Spot {
		return nil
	}
	if m.Replaced.IsZero() {
		if _, _, rebalance := interruption(c, tx, i.ID); rebalance.IsZero() {
			return nil
		}
		m = new(*m)
		m.Replaced = c.Now
		members.Put(tx, m)
	}
	if f.Rebalance != "launch-before-terminate" {
		return nil
	}
	if due := m.Replaced.Add(f.Delay); c.Now.Before(due) {
		if wake.IsZero() || due.Before(*wake) {
			*wake = due
		}
		return nil
	}
	return f.dismiss(c, tx, m)
}

// dismiss ends a member.
func (f *fleet) dismiss(c *cloud.Call, tx store.Tx, m *member) error {
	d := new(*m)
	d.Leaving = true
	members.Put(tx, d)
	tx.After(time.Time{}, fleetController, f.key())
	within := identity.AsAccount(c)
	within.Tx = tx
	_, err := api.TerminateInstances.Call(within, &api.TerminateInstancesInput{InstanceIds: []string{m.Instance}})
	var e *cloud.Error
	if errors.As(err, &e) && !e.Server {
		note(c, tx, f, "error", e.Code, m.Instance, e.Message) // it is protected, say: it stays
		return nil
	}
	note(c, tx, f, "instanceChange", "terminated", m.Instance, described(m))
	return err
}

// fill launches what a fleet lacks. A fleet of type request asks for its
// capacity once.
func (s *Room) fill(c *cloud.Call, f *fleet) error {
	var w *crew
	asked := false
	err := c.View(func(r store.Reader) error {
		w = crewOf(c, r, f)
		for range members.Scan(r, f.Account, f.Region, f.ID) {
			asked = true
			break
		}
		return nil
	})
	if err != nil || f.Type == "request" && asked {
		return err
	}
	failures := s.buy(c, f, w)
	if err := remember(c, f, failures); err != nil {
		return err
	}
	if len(failures) > 0 {
		return wakeAt(c, f, c.Now.Add(retry))
	}
	return nil
}

// buy launches what is missing on both markets. A pool that fails is left out,
// and others take its place.
func (s *Room) buy(c *cloud.Call, f *fleet, w *crew) (failures []failure) {
	for _, spot := range []bool{false, true} {
		missing, chosen := f.Target.OnDemand-w.onDemand, f.OnDemand
		if spot {
			missing, chosen = f.Target.spot()-w.spot, f.Spot
		}
		failed := map[int]bool{}
		for missing > slack {
			orders := plan(missing, spot, chosen, f.offers(w, spot, c.Now, failed))
			orders = f.affordable(orders, chosen, f.spending(w, spot, c.Now), c.Now)
			if len(orders) == 0 {
				if len(failed) == 0 && chosen.MostPrice == "" {
					failures = append(failures, failure{-1, spot, "spotInstanceCountLimitExceeded", "There is no pool whose price is within the limit.", c.Now})
				}
				break
			}
			for _, o := range orders {
				got, err := s.launchFor(c, f, o)
				if err != nil {
					failed[o.pool] = true
					failures = append(failures, *err)
					continue
				}
				missing -= f.Pools[o.pool].Weight * float64(len(got))
				w.list = append(w.list, got...)
			}
			if chosen.MostPrice != "" {
				break
			}
		}
	}
	return failures
}

// launchFor launches instances of a pool, and enters them as members in the
// same transaction.
func (s *Room) launchFor(c *cloud.Call, f *fleet, o order) (got []*member, failed *failure) {
	p := &f.Pools[o.pool]
	in := &api.RunInstancesInput{}
	err := json.Unmarshal(p.Launch, in)
	if err == nil {
		in.MinCount, in.MaxCount = int32(o.count), int32(o.count)
		if o.spot {
			in.InstanceMarketOptions = f.market(p)
		}
		err = c.Update(func(tx store.Tx) error {
			got, err = f.run(c, tx, in, o)
			return err
		})
	}
	if err == nil {
		return got, nil
	}
	e := &cloud.Error{Code: "InternalError", Message: err.Error()}
	errors.As(err, &e)
	return nil, &failure{o.pool, o.spot, e.Code, e.Message, c.Now}
}

// market is what a spot instance of the fleet is asked for with.
func (f *fleet) market(p *pool) *api.InstanceMarketOptionsRequest {
	o := &api.SpotMarketOptions{MaxPrice: optional(p.MaxPrice), SpotInstanceType: new("one-time")}
	if f.Behavior != "" && f.Behavior != "terminate" && f.Type == "maintain" {
		o.SpotInstanceType, o.InstanceInterruptionBehavior = new("persistent"), &f.Behavior
	}
	return &api.InstanceMarketOptionsRequest{MarketType: new("spot"), SpotOptions: o}
}

func (f *fleet) run(c *cloud.Call, tx store.Tx, in *api.RunInstancesInput, o order) (got []*member, err error) {
	who := c
	if f.Type != "instant" {
		who = identity.AsAccount(c)
	}
	within := forPurpose(who, purpose{fleet: f.ID})
	within.Tx = tx
	out, err := api.RunInstances.Call(within, in)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, i := range out.Instances {
		m := &member{Account: f.Account, Region: f.Region, Fleet: f.ID, Instance: *i.InstanceId, Pool: o.pool, Weight: f.Pools[o.pool].Weight, Spot: o.spot, Type: f.Pools[o.pool].Type}
		members.Put(tx, m)
		got, ids = append(got, m), append(ids, m.Instance)
		note(c, tx, f, "instanceChange", "launched", m.Instance, described(m))
	}
	tag := "aws:ec2:fleet-id"
	if f.SpotFleet {
		tag = "aws:ec2spot:fleet-request-id"
	}
	linked := identity.AsAccount(c)
	linked.Tx = tx
	_, err = api.CreateTags.Call(linked, &api.CreateTagsInput{Resources: ids, Tags: []api.Tag{{Key: &tag, Value: &f.ID}}})
	return got, err
}

// remember keeps what failed, for the fleet's status and history.
func remember(c *cloud.Call, f *fleet, failures []failure) error {
	return c.Update(func(tx store.Tx) error {
		now, ok := fleets.Get(tx, f.key()...)
		if !ok || len(failures) == 0 && len(now.Errors) == 0 {
			return nil
		}
		d := new(*now)
		d.Errors = failures
		fleets.Put(tx, d)
		for _, e := range failures {
			note(c, tx, d, "error", e.Code, "", e.Message)
		}
		return nil
	})
}

func wakeAt(c *cloud.Call, f *fleet, at time.Time) error {
	return c.Update(func(tx store.Tx) error { tx.After(at, fleetController, f.key()); return nil })
}

// expire ends a fleet whose time is over.
func (s *Room) expire(c *cloud.Call, f *fleet) error {
	return c.Update(func(tx store.Tx) error {
		now, ok := fleets.Get(tx, f.key()...)
		if !ok || now.gone() {
			return nil
		}
		note(c, tx, now, "fleetRequestChange", "expired", "", "")
		return end(c, tx, now, now.EndsWithIt)
	})
}

// end deletes a fleet, with its instances or without.
func end(c *cloud.Call, tx store.Tx, f *fleet, terminate bool) error {
	d := new(*f)
	w := crewOf(c, tx, f)
	d.State, d.Errors = deletedRunning, nil
	if terminate {
		d.State = deletedTerminating
		for _, m := range w.list {
			if err := f.dismiss(c, tx, m); err != nil {
				return err
			}
		}
	}
	fleets.Put(tx, d)
	note(c, tx, d, "fleetRequestChange", d.shownState(), "", "")
	tx.After(time.Time{}, fleetController, d.key())
	return nil
}

// wind follows a deleted fleet until its last instance is gone, and then
// forgets it after a while.
func (s *Room) wind(c *cloud.Call, f *fleet) error {
	return c.Update(func(tx store.Tx) error {
		now, ok := fleets.Get(tx, f.key()...)
		if !ok || !now.gone() {
			return nil
		}
		d := new(*now)
		if d.State != deleted {
			if !slices.ContainsFunc(slices.Collect(members.Scan(tx, f.Account, f.Region, f.ID)), func(m *member) bool {
				i, err := instance.Find(c, tx, m.Instance)
				return err == nil && i.State != instance.Terminated
			}) {
				d.State, d.Ended = deleted, c.Now
				note(c, tx, d, "fleetRequestChange", d.shownState(), "", "")
				fleets.Put(tx, d)
				tx.After(c.Now.Add(fleetKept), fleetController, d.key())
			}
			return nil
		}
		if due := d.Ended.Add(fleetKept); c.Now.Before(due) {
			tx.After(due, fleetController, d.key())
			return nil
		}
		fleets.Delete(tx, d.key()...)
		members.DeleteAll(tx, f.Account, f.Region, f.ID)
		events.DeleteAll(tx, f.Account, f.Region, f.ID)
		resource.Unregister(c, tx, d.ID)
		return nil
	})
}
