package scale

import (
	"strings"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// alarmService is who executes policies when an alarm says so.
const alarmService = "cloudwatch.amazonaws.com"

// order is one execution of a policy.
type order struct {
	*Policy
	group     *group.Group
	alarm     string // the alarm's name; "" where a user asks
	byAlarm   bool
	value     *float64
	threshold *float64
}

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_ExecutePolicy.html
func executePolicy(c *cloud.Call, tx store.Tx, in *api.ExecutePolicyInput) (*cloud.Empty, error) {
	p, err := find(c, tx, in.PolicyName, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	g, err := group.Find(c, tx, p.Group)
	if err != nil {
		return nil, err
	}
	o := &order{Policy: p, group: g, value: in.MetricValue, threshold: in.BreachThreshold}
	o.byAlarm = c.Principal.LinkedService == alarmService || c.Principal.Kind == cloud.ServicePrincipal && c.Principal.Name == alarmService
	if o.byAlarm {
		_, o.alarm, _ = strings.Cut(c.Principal.SourceARN, ":alarm:")
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if !p.enabled() || o.byAlarm && g.Suspended("AlarmNotification") || g.Deleting {
		return &cloud.Empty{}, nil
	}
	switch p.kind() {
	case simpleScaling:
		return &cloud.Empty{}, o.simple(c, tx, o.byAlarm || cloud.Or(in.HonorCooldown, false))
	case stepScaling:
		return &cloud.Empty{}, o.step(c, tx)
	}
	return &cloud.Empty{}, o.track(c, tx)
}

// check refuses what a policy of the type cannot be executed with.
func (o *order) check() error {
	switch kind := o.kind(); {
	case !o.enabled() && !o.byAlarm:
		return group.Invalid("Policy %s is disabled", o.Name)
	case kind == predictiveScaling, kind == targetTracking && !o.byAlarm:
		return group.Invalid("Policies of type %s cannot be executed", kind)
	case kind == simpleScaling:
		return nil
	case o.value == nil:
		return group.Invalid("MetricValue must be specified to execute a policy of type %s", kind)
	case o.threshold == nil:
		return group.Invalid("BreachThreshold must be specified to execute a policy of type %s", kind)
	}
	return nil
}

// cause is who asked, as activities tell it.
func (o *order) cause(c *cloud.Call) group.Cause {
	if o.byAlarm {
		return group.ByAlarm(c.Now, o.alarm, "ALARM", o.Name)
	}
	return group.ByPolicy(c.Now, o.Name)
}

// simple adjusts the desired capacity, and begins a cooldown. While activities
// are in progress, and during the cooldown, it does not.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scaling-cooldowns.html
func (o *order) simple(c *cloud.Call, tx store.Tx, patient bool) error {
	if patient {
		for i := range group.Instances(tx, o.group) {
			if !i.Warm && !settled(i) {
				return errBlocked(i.Activity)
			}
		}
		if !o.group.Cooling(c.Now).IsZero() {
			return errBlocked(lastActivity(tx, o.group))
		}
	}
	k := boundsOf(tx, o.group, c.Now)
	wish := k.settle(adjusted(k.desired, *o.AdjustmentType, int(*o.ScalingAdjustment), o.magnitude()))
	if wish != k.desired && !o.held(c, tx, k, wish) {
		group.Cool(tx, o.group, o.Cooldown)
		o.set(c, tx, k, wish)
	}
	return nil
}

// settled tells whether no activity of an instance is in progress.
func settled(i *group.Instance) bool {
	return i.State == api.LifecycleStateInService || i.State == api.LifecycleStateStandby
}

// lastActivity is the id of the activity of a group that began last.
func lastActivity(r store.Reader, g *group.Group) string {
	for a := range group.Activities.ScanReverse(r, g.Account, g.Region, g.Name) {
		return a.ID
	}
	return ""
}

// magnitude is the least change of a policy in per cent.
func (p *Policy) magnitude() int {
	return int(cloud.Or(p.MinAdjustmentMagnitude, cloud.Or(p.MinAdjustmentStep, 0)))
}

// step adjusts the capacity by the step that the breach is in.
func (o *order) step(c *cloud.Call, tx store.Tx) error {
	by, ok := step(o.StepAdjustments, *o.value-*o.threshold)
	if !ok {
		return group.Invalid("No step adjustment found for metric value %v and breach threshold %v", *o.value, *o.threshold)
	}
	k := capacityOf(tx, o.group, o.warmup(o.group), c.Now)
	o.set(c, tx, k, k.stepped(*o.AdjustmentType, by, o.magnitude()))
	return nil
}

// set changes the desired capacity, within what the group may have now.
func (o *order) set(c *cloud.Call, tx store.Tx, k capacity, wish int) {
	if wish == k.desired || o.held(c, tx, k, wish) {
		return
	}
	g := o.group.Clone()
	g.Max = max(g.Max, int32(k.max))
	group.SetDesired(tx, g, int32(wish), o.cause(c))
}

// held tells whether the group must not become smaller: it is shifted away from
// a zone.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-zonal-shift.html
func (o *order) held(c *cloud.Call, r store.Reader, k capacity, wish int) bool {
	return wish < k.desired && group.Away(c, r, o.group) != ""
}

// boundsOf are the sizes between which policies may move a group: not below
// what is predicted for now, and above its maximum only where a prediction may.
func boundsOf(r store.Reader, g *group.Group, now time.Time) capacity {
	_, wanted, most := foreseen(r, g, now)
	return capacity{desired: int(g.Desired), min: int(max(g.Min, wanted)), max: int(most)}
}

// capacityOf is what a group has, seen by a policy with a warm-up in seconds.
// What is wanted and not there yet counts as warming up, unless it cannot be
// launched; what is there and not wanted any more counts as leaving.
func capacityOf(r store.Reader, g *group.Group, warmup int32, now time.Time) capacity {
	k := boundsOf(r, g, now)
	for i := range group.Instances(r, g) {
		switch {
		case i.Warm || i.State == api.LifecycleStateStandby:
		case !i.Active():
			if i.Leaving != nil && i.Leaving.To == group.ToTerminate {
				k.leaving += int(i.Weight)
			}
		case i.Warmed(now, warmup):
			k.ready += int(i.Weight)
		default:
			k.warming += int(i.Weight)
		}
	}
	if missing := k.desired - k.ready - k.warming; missing > 0 && g.Failures == 0 {
		k.warming += missing
	} else if missing < 0 {
		surplus := min(-missing, k.ready)
		k.ready, k.leaving = k.ready-surplus, k.leaving+surplus
	}
	return k
}
