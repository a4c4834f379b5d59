package scale

import (
	"fmt"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// scheduleController runs scheduled actions when their time has come.
const scheduleController = "autoscaling.schedule"

// runAction runs an action once for the time that has come, and appoints the
// next. Where more than one time has passed, because nobody was there to run
// it, only the last counts, in the order that it has among those of others.
func runAction(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		a, ok := actions.Get(tx, key...)
		if !ok {
			return nil
		}
		if c.Now.Before(*a.StartTime) { // it was changed
			tx.After(*a.StartTime, scheduleController, key)
			return nil
		}
		var times *recurrence
		if a.Recurrence != nil {
			var err error
			if times, err = parseRecurrence(*a.Recurrence, a.TimeZone); err != nil {
				return fmt.Errorf("scheduled action %s of %s: %w", a.Name, a.Group, err)
			}
			if last := times.latest(*a.StartTime, c.Now); last.After(*a.StartTime) && (a.EndTime == nil || !last.After(*a.EndTime)) {
				a.Time, a.StartTime = &last, &last
				actions.Put(tx, a)
				tx.After(last, scheduleController, key)
				return nil
			}
		}
		if g, ok := group.Groups.Get(tx, a.Account, a.Region, a.Group); ok && !g.Suspended("ScheduledActions") && !g.Deleting {
			a.apply(c.In(a.Account, a.Region), tx, g)
		}
		a.again(c, tx, times)
		return nil
	})
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
