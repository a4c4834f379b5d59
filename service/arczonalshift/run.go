package arczonalshift

import (
	"time"

	api "pileus/api/arczonalshift"
	"pileus/cloud"
	"pileus/store"
)

const (
	// looks is how often alarms are looked at while a practice run goes on, and
	// how soon one that could not begin is tried again.
	looks   = time.Minute
	another = 10 * time.Minute

	practiceComment = "Automated practice run"
)

// run is a new practice run away from a zone.
func (f *configuration) run(c *cloud.Call, zone, comment string) *zonalShift {
	return &zonalShift{
		Account: f.Account, Region: f.Region, ID: c.Rand().UUID(), Resource: f.Resource, Zone: zone, Comment: comment,
		Status: api.ZonalShiftStatusActive, Kind: api.ShiftTypePracticeRun, Outcome: api.PracticeRunOutcomePending,
		Start: c.Now, Expiry: c.Now.Add(practiceLasts),
	}
}

// hinders is the reason for which no practice run can begin now; "" for none.
func (f *configuration) hinders(c *cloud.Call) (reason string, err error) {
	if reason = forbids(&f.Practice, c.Now); reason != "" {
		return reason, nil
	}
	if ill, err := red(c, f.Practice.OutcomeAlarms); ill || err != nil {
		return api.ConflictExceptionReasonPracticeOutcomeAlarmsRed, err
	}
	if ill, err := red(c, f.Practice.BlockingAlarms); ill || err != nil {
		return api.ConflictExceptionReasonPracticeBlockingAlarmsRed, err
	}
	return "", nil
}

// judge tells how a practice run that goes on has to end by what its alarms say;
// "" where it goes on.
func (f *configuration) judge(c *cloud.Call) (outcome string, err error) {
	if ill, err := red(c, f.Practice.OutcomeAlarms); ill || err != nil {
		return api.PracticeRunOutcomeFailed, err
	}
	if ill, err := red(c, f.Practice.BlockingAlarms); ill || err != nil {
		return api.PracticeRunOutcomeInterrupted, err
	}
	return "", nil
}

// rehearse looks after the practice runs of a resource: it begins one that is
// due, checks that there is capacity for one that was begun, and ends one whose
// alarms go off.
func rehearse(c *cloud.Call, st standing) error {
	switch s := st.going; {
	case s != nil && s.practice() && !s.Checked:
		return s.admit(c, st)
	case s != nil && s.practice() && st.set != nil && c.Now.Before(s.Expiry):
		outcome, err := st.set.judge(c)
		if outcome == "" || err != nil {
			return err
		}
		return s.change(c, func(tx store.Tx, now *zonalShift) { now.end(tx, api.ZonalShiftStatusCanceled, outcome) })
	case st.set == nil || c.Now.Before(st.set.Next) || len(st.Zones) < 2:
		return nil
	}
	return st.set.due(c, st)
}

// due begins the practice run of the week, or puts it off.
func (f *configuration) due(c *cloud.Call, st standing) error {
	hindered := st.going != nil || st.auto != nil
	if !hindered {
		reason, err := f.hinders(c)
		if err != nil {
			return err
		}
		hindered = reason != ""
	}
	return c.Update(func(tx store.Tx) error {
		now, ok := configurations.Get(tx, f.Account, f.Region, f.Resource)
		_, going := activeOf(tx, f.Account, f.Region, f.Resource)
		switch {
		case !ok || !now.Next.Equal(f.Next):
			return nil
		case hindered || going:
			now.Next = c.Now.Add(another)
		default:
			now.Next, now.Last = c.Now.Add(practiceEvery), after(st.Zones, now.Last)
			shifts.Put(tx, now.run(c, now.Last, practiceComment))
		}
		configurations.Put(tx, now)
		look(tx, st.Resource)
		return nil
	})
}

// admit has a practice run take effect if the resource's capacity is balanced.
func (s *zonalShift) admit(c *cloud.Call, st standing) error {
	lacks, err := capacity(c, st.Resource)
	if err != nil {
		return err
	}
	return s.change(c, func(tx store.Tx, now *zonalShift) {
		if lacks == "" {
			now.Checked = true
			shifts.Put(tx, now)
		} else {
			now.Comment = lacks
			now.end(tx, api.ZonalShiftStatusCanceled, api.PracticeRunOutcomeCapacityCheckFailed)
		}
		look(tx, st.Resource)
	})
}

// change changes a shift if it still goes on.
func (s *zonalShift) change(c *cloud.Call, f func(tx store.Tx, now *zonalShift)) error {
	return c.Update(func(tx store.Tx) error {
		if now, ok := shifts.Get(tx, s.Account, s.Region, s.ID); ok && now.active() {
			f(tx, now)
		}
		return nil
	})
}
