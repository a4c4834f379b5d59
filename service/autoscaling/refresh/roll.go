package refresh

import (
	"fmt"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

const (
	// patience is how long a refresh goes on without an instance being updated,
	// beyond the warm-up and pauses, and how long it waits for those that are
	// protected or in standby.
	patience = time.Hour
	// glance is how often alarms are looked at.
	glance = time.Minute
)

// reconcile takes a refresh as far as it can go now. What it does follows from
// the record and from the group's instances alone.
func (r *room) reconcile(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		g, ok := group.Groups.Get(tx, key...)
		if !ok {
			return nil
		}
		x, ok := running(tx, g)
		if !ok {
			return nil
		}
		c := c.In(g.Account, g.Region)
		if err := r.roll(c, tx, g, x); err != nil {
			return err
		}
		refreshes.Put(tx, x)
		if !x.over() {
			tx.After(c.Now.Add(glance), controller, key)
		}
		return nil
	})
}

// roll decides what comes next.
func (r *room) roll(c *cloud.Call, tx store.Tx, g *group.Group, x *refresh) error {
	if x.Status == api.InstanceRefreshStatusPending {
		x.Status = api.InstanceRefreshStatusInProgress
	}
	v := x.look(c, tx, g)
	x.count(c, v)
	if !v.warm.IsZero() && v.warm.After(c.Now) {
		tx.After(v.warm, controller, g.Key())
	}
	switch {
	case x.Status == api.InstanceRefreshStatusCancelling:
		if v.idle() {
			x.end(c, api.InstanceRefreshStatusCancelled)
		}
		return nil
	case g.Deleting:
		x.Reason = "The Auto Scaling group is being deleted."
		x.end(c, api.InstanceRefreshStatusFailed)
		return nil
	}
	if why, err := x.trouble(c, tx, v); err != nil || why != "" {
		x.fail(c, tx, g, why)
		return err
	}
	r.clear(c, tx, v)
	if x.Left == 0 && x.WarmLeft == 0 || !x.Baked.IsZero() {
		x.bake(c, tx, g)
		return nil
	}
	if most, paused := x.checkpoint(c, tx, g); !paused {
		r.replace(c, tx, g, x, v, most)
	}
	return nil
}

// count notes how far the refresh has come.
func (x *refresh) count(c *cloud.Call, v *survey) {
	left, pool := v.left(x), int32(len(v.pool))
	if left != x.Left || pool != x.WarmLeft {
		x.Progress = c.Now
	}
	x.Left, x.WarmLeft = left, pool
}

// trouble is why a refresh cannot go on; "" where it can.
func (x *refresh) trouble(c *cloud.Call, tx store.Tx, v *survey) (string, error) {
	if spec := x.Preferences.AlarmSpecification; spec != nil && len(spec.Alarms) > 0 && !x.back() {
		states, err := alarms(c, tx, spec.Alarms)
		if err != nil {
			return "", err
		}
		for _, name := range spec.Alarms {
			if states[name] == cloudwatch.StateValueAlarm {
				return fmt.Sprintf("The CloudWatch alarm %s is in the ALARM state.", name), nil
			}
		}
	}
	if !x.Waiting.IsZero() && c.Now.Sub(x.Waiting) >= patience {
		return fmt.Sprintf("Timed out waiting for instances that are protected from scale-in or in Standby. For example: %s.", v.waiting[0].ID), nil
	}
	warmup := time.Duration(*x.Preferences.InstanceWarmup) * time.Second
	if x.Resume.IsZero() && x.Waiting.IsZero() && x.Baked.IsZero() && c.Now.Sub(x.Progress) >= patience+warmup {
		return "Instances could not be replaced: none became healthy within one hour.", nil
	}
	return "", nil
}

// clear ends what nobody waits for: instances of the warm pool, which the pool
// launches anew, and those in standby where they are not to be kept.
func (r *room) clear(c *cloud.Call, tx store.Tx, v *survey) {
	for _, i := range append(v.pool, v.standby...) {
		cause := fmt.Sprintf("At %s an instance was taken out of service in response to an instance refresh.", c.Now.UTC().Format("2006-01-02T15:04:05Z"))
		r.keeper.Terminate(c, tx, i, false, cause)
	}
}

// checkpoint pauses at checkpoints. most is how many instances may be replaced
// before the next; negative where there is none.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-adding-checkpoints-instance-refresh.html
func (x *refresh) checkpoint(c *cloud.Call, tx store.Tx, g *group.Group) (most int32, paused bool) {
	list := x.Preferences.CheckpointPercentages
	if x.back() || len(list) == 0 {
		return -1, false
	}
	total := int32(len(x.Todo))
	for x.Passed < len(list) {
		goal := (total*list[x.Passed] + 99) / 100
		if done := total - x.Left; done < goal {
			return goal - done, false
		}
		switch {
		case x.Resume.IsZero() && x.Passed == len(list)-1:
		case x.Resume.IsZero():
			x.Resume = c.Now.Add(time.Duration(*x.Preferences.CheckpointDelay) * time.Second)
			fallthrough
		case c.Now.Before(x.Resume):
			x.Reason = fmt.Sprintf("Checkpoint of %d percent reached: waiting until %s.", list[x.Passed], x.Resume.UTC().Format("2006-01-02T15:04:05Z"))
			tx.After(x.Resume, controller, g.Key())
			return 0, true
		}
		x.Passed, x.Resume, x.Progress = x.Passed+1, time.Time{}, c.Now
	}
	x.bake(c, tx, g) // the last checkpoint need not be all
	return 0, true
}

// replace begins the next replacements, and says what is waited for.
func (r *room) replace(c *cloud.Call, tx store.Tx, g *group.Group, x *refresh, v *survey, most int32) {
	if most >= 0 { // those that are under way count
		most = max(0, most-int32(len(v.marked))-max(0, v.fresh+v.missing-v.marching))
	}
	list, first := v.next(&x.Preferences, g.Desired, most, x.inPlace())
	for _, i := range list {
		if x.inPlace() {
			r.keeper.Renew(c, tx, i, imageOf(x.Desired.MixedInstancesPolicy, i.Type))
			continue
		}
		group.Replace(c, tx, i, "an instance refresh", first)
		if now, ok := group.Members.Get(tx, i.Account, i.Region, i.Group, i.ID); ok && now.Replacing != nil {
			d := now.Clone()
			d.Replacing.Warmup = x.Preferences.InstanceWarmup
			group.Members.Put(tx, d)
		}
	}
	switch alone := len(list) == 0 && v.idle() && len(v.old) == 0 && len(v.waiting) > 0; {
	case !alone:
		x.Waiting = time.Time{}
	case x.Waiting.IsZero():
		x.Waiting = c.Now
	}
	switch {
	case !x.Waiting.IsZero():
		x.Reason = fmt.Sprintf("Waiting for instances that are protected from scale-in or in Standby. For example: %s.", v.waiting[0].ID)
	case v.fresh > 0:
		x.Reason = fmt.Sprintf("Waiting for instances to warm up before continuing. For example: %s is warming up.", v.example)
	case v.missing > 0 || len(list) > 0 || len(v.marked) > 0:
		x.Reason = "Waiting for remaining instances to be available."
		for _, i := range append(list, v.marked...) {
			x.Reason += " For example: " + i.ID + "."
			break
		}
	}
}

// bake waits after the last replacement, while alarms can still stop it all.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RefreshPreferences.html
func (x *refresh) bake(c *cloud.Call, tx store.Tx, g *group.Group) {
	if x.Baked.IsZero() && !x.back() {
		x.Baked = c.Now.Add(time.Duration(cloud.Or(x.Preferences.BakeTime, 0)) * time.Second)
	}
	if !x.back() && c.Now.Before(x.Baked) {
		x.Status, x.Reason = api.InstanceRefreshStatusBaking, fmt.Sprintf("Waiting for the bake time to end at %s.", x.Baked.UTC().Format("2006-01-02T15:04:05Z"))
		tx.After(x.Baked, controller, g.Key())
		return
	}
	x.succeed(c)
}

// succeed ends a refresh that has reached its goal.
func (x *refresh) succeed(c *cloud.Call) {
	x.Reason = ""
	if x.back() {
		x.end(c, api.InstanceRefreshStatusRollbackSuccessful)
		return
	}
	x.end(c, api.InstanceRefreshStatusSuccessful)
}

// fail ends a refresh, or has it undone where that was asked for.
func (x *refresh) fail(c *cloud.Call, tx store.Tx, g *group.Group, why string) {
	switch {
	case why == "":
	case x.back():
		x.Reason = why
		x.end(c, api.InstanceRefreshStatusRollbackFailed)
	case *x.Preferences.AutoRollback:
		x.undo(c, tx, g, why)
	default:
		x.Reason = why
		x.restore(tx, g)
		x.end(c, api.InstanceRefreshStatusFailed)
	}
}

func (x *refresh) end(c *cloud.Call, status string) { x.Status, x.Ended = status, c.Now }
