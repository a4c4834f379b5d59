package scale

import (
	"fmt"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// scheduleController runs scheduled actions when their time has come.
const scheduleController = "autoscaling.schedule"

// due is an action whose time has come.
type due struct {
	*action
	times *recurrence // nil where it runs once
	slot  time.Time   // the last of its times up to now
}

// runAction runs what is due of the group of an action, in the order of time,
// and appoints what is next. Where more than one time of an action has passed,
// because nobody was there to run it, only the last counts.
func runAction(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		a, ok := actions.Get(tx, key...)
		if !ok {
			return nil
		}
		if c.Now.Before(*a.StartTime) { // it was changed, or has run with another
			tx.After(*a.StartTime, scheduleController, key)
			return nil
		}
		list, err := dueOf(c, tx, a)
		if err != nil {
			return err
		}
		for _, d := range list {
			if g, ok := group.Groups.Get(tx, a.Account, a.Region, a.Group); ok && !g.Suspended("ScheduledActions") && !g.Deleting {
				d.apply(c.In(a.Account, a.Region), tx, g)
			}
			d.again(c, tx, d.times)
		}
		return nil
	})
}

// dueOf are the actions that are due of the group that one belongs to, by time.
func dueOf(c *cloud.Call, r store.Reader, one *action) (list []due, err error) {
	for a := range actions.Scan(r, one.Account, one.Region, one.Group) {
		if c.Now.Before(*a.StartTime) {
			continue
		}
		d := due{action: a, slot: *a.StartTime}
		if a.Recurrence != nil {
			if d.times, err = parseRecurrence(*a.Recurrence, a.TimeZone); err != nil {
				return nil, fmt.Errorf("scheduled action %s of %s: %w", a.Name, a.Group, err)
			}
			until := c.Now
			if a.EndTime != nil && a.EndTime.Before(until) {
				until = *a.EndTime
			}
			d.slot = d.times.latest(d.slot, until)
		}
		list = append(list, d)
	}
	slices.SortStableFunc(list, func(a, b due) int { return a.slot.Compare(b.slot) })
	return list, nil
}

// again appoints an action's next time, or removes one that has none.
func (a *action) again(c *cloud.Call, tx store.Tx, times *recurrence) {
	if times != nil {
		next := times.after(c.Now)
		if !next.IsZero() && (a.EndTime == nil || !next.After(*a.EndTime)) {
			a.Time, a.StartTime = &next, &next
			actions.Put(tx, a)
			tx.After(next, scheduleController, a.key())
			return
		}
	}
	actions.Delete(tx, a.key()...)
}

// apply gives a group the sizes of an action. Its desired capacity follows its
// bounds.
func (a *action) apply(c *cloud.Call, tx store.Tx, g *group.Group) {
	d := g.Clone()
	d.Min, d.Max = cloud.Or(a.MinSize, g.Min), cloud.Or(a.MaxSize, g.Max)
	desired := cloud.Or(a.DesiredCapacity, g.Desired)
	text := fmt.Sprintf("the scheduled action %s executed", a.Name)
	if d.Min > d.Max || a.DesiredCapacity != nil && (desired < d.Min || desired > d.Max) {
		group.Begin(c, tx, g, group.Activity{
			Description: "Executing scheduled action: " + a.Name, Status: api.ScalingActivityStatusCodeFailed,
			Cause:   "At " + c.Now.UTC().Format("2006-01-02T15:04:05Z") + " " + text + ".",
			Message: fmt.Sprintf("Desired capacity:%d must be between the specified min size:%d and max size:%d", desired, d.Min, d.Max),
		})
		return
	}
	desired = max(d.Min, min(desired, d.Max))
	for _, x := range []struct {
		name     string
		from, to int32
	}{{"min size", g.Min, d.Min}, {"max size", g.Max, d.Max}, {"desired capacity", g.Desired, desired}} {
		if x.from != x.to {
			text += fmt.Sprintf(". Setting %s from %d to %d", x.name, x.from, x.to)
		}
	}
	group.Put(tx, d)
	group.SetDesired(tx, d, desired, group.Cause{At: c.Now, Text: text, Whole: true})
}
