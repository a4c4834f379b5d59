package arczonalshift

import (
	"errors"
	"slices"

	api "pileus/api/arczonalshift"
	"pileus/cloud"
	"pileus/store"
	"pileus/zone/shift"
)

// keep brings a resource's shifts to where they have to be now, and its traffic
// with them.
func keep(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	var st standing
	found := false
	err := c.View(func(r store.Reader) error {
		x, ok := shift.Resources.Get(r, key...)
		if found = ok; ok {
			st = standingOf(r, x)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !found {
		return forget(c, key)
	}
	// What has to do with alarms and capacity asks others, and may fail while
	// these cannot answer: shifts go on and end all the same.
	return errors.Join(rehearse(c, st), settle(c, key))
}

// settle ends what is over and moves the traffic.
func settle(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		x, ok := shift.Resources.Get(tx, key...)
		if !ok {
			return nil
		}
		st := standingOf(tx, x)
		if s := st.going; s != nil && st.over(c) {
			status, outcome := api.ZonalShiftStatusExpired, api.PracticeRunOutcomeSucceeded
			if c.Now.Before(s.Expiry) {
				status, outcome = api.ZonalShiftStatusCanceled, api.PracticeRunOutcomeInterrupted
			}
			s.end(tx, status, outcome)
			st.going = nil
		}
		shift.Move(tx, x, st.away())
		if s := st.going; s != nil {
			tx.After(s.Expiry, shift.Controller, key)
			if s.practice() {
				tx.After(c.Now.Add(looks), shift.Controller, key)
			}
		}
		if st.set != nil && len(x.Zones) > 1 {
			tx.After(st.set.Next, shift.Controller, key)
		}
		return nil
	})
}

// over tells whether the shift that goes on has to end: its time is over, the
// resource has left the zone, an autoshift takes precedence, or nothing is
// configured any more for a practice run.
func (st standing) over(c *cloud.Call) bool {
	s := st.going
	return !c.Now.Before(s.Expiry) || !slices.Contains(st.Zones, s.Zone) || !st.manual() && st.auto != nil || s.practice() && st.set == nil
}

// forget ends all that there is of a resource that is gone.
func forget(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		if shift.Resources.Has(tx, key...) {
			return nil
		}
		for _, s := range slices.Collect(shifts.Index(tx, "active", key...)) {
			s.end(tx, api.ZonalShiftStatusCanceled, api.PracticeRunOutcomeInterrupted)
		}
		configurations.Delete(tx, key...)
		return nil
	})
}
