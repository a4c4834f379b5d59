package refresh

import (
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// Least and most healthy, in per cent of the desired capacity, where neither
// the request nor the group's maintenance policy says.
const (
	leastHealthy = 90
	mostHealthy  = 100
)

// checkpointDelay is how long a refresh pauses at a checkpoint, in seconds.
const checkpointDelay = 3600

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StartInstanceRefresh.html
func startInstanceRefresh(c *cloud.Call, tx store.Tx, in *api.StartInstanceRefreshInput) (*api.StartInstanceRefreshOutput, error) {
	g, err := group.Find(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if _, ok := running(tx, g); ok {
		return nil, api.ErrInstanceRefreshInProgressFault.New("An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.")
	}
	x := &refresh{
		Account: g.Account, Region: g.Region, Group: g.Name, ID: c.Rand().UUID(), Status: api.InstanceRefreshStatusPending,
		Started: next(c, tx, g), Progress: c.Now, Desired: in.DesiredConfiguration, Before: configOf(g), Preferences: preferences(tx, g, in.Preferences),
	}
	x.Strategy = cloud.Or(in.Strategy, api.RefreshStrategyRolling)
	if err := x.check(c, tx); err != nil {
		return nil, err
	}
	if x.inPlace() {
		if err := x.checkInPlace(c, tx, g); err != nil {
			return nil, err
		}
	}
	if x.Desired != nil {
		if err := configure(c, tx, g, x.Desired); err != nil {
			return nil, err
		}
		if g, err = group.Find(c, tx, g.Name); err != nil {
			return nil, err
		}
	}
	x.Set = configOf(g)
	if *x.Preferences.AutoRollback && x.Desired == nil {
		return nil, group.Invalid("The AutoRollback parameter cannot be set to true when the DesiredConfiguration parameter is empty. Set AutoRollback to false or specify a desired configuration and try again.")
	}
	if *x.Preferences.AutoRollback {
		if why := x.aliased(); why != "" {
			return nil, group.Invalid("AutoRollback cannot be enabled for this instance refresh: %s.", why)
		}
	}
	if err := x.enlist(c, tx, g); err != nil {
		return nil, err
	}
	refreshes.Put(tx, x)
	tx.After(time.Time{}, controller, g.Key())
	return &api.StartInstanceRefreshOutput{InstanceRefreshId: &x.ID}, nil
}

// next is when a refresh begins: now, and after the one before. What is not
// described any more is forgotten.
func next(c *cloud.Call, tx store.Tx, g *group.Group) time.Time {
	at := c.Now
	for x := range refreshes.Scan(tx, g.Account, g.Region, g.Name) {
		if !x.Started.Before(at) {
			at = x.Started.Add(1)
		}
		if c.Now.Sub(x.Ended) >= kept {
			refreshes.Delete(tx, refreshes.Key(x)...)
		}
	}
	return at
}

// preferences are those of a request with their defaults.
func preferences(r store.Reader, g *group.Group, in *api.RefreshPreferences) api.RefreshPreferences {
	var p api.RefreshPreferences
	if in != nil {
		p = *in
	}
	least, most := int32(leastHealthy), int32(mostHealthy)
	if m := group.MaintenanceOf(r, g); m != nil {
		if v := cloud.Or(m.MinHealthyPercentage, -1); v >= 0 {
			least = v
		}
		if v := cloud.Or(m.MaxHealthyPercentage, -1); v >= 0 {
			most = v
		}
	}
	warm := g.Grace
	if w := cloud.Or(g.Warmup, -1); w >= 0 {
		warm = w
	}
	p.MinHealthyPercentage, p.MaxHealthyPercentage = new(cloud.Or(p.MinHealthyPercentage, least)), new(cloud.Or(p.MaxHealthyPercentage, most))
	p.InstanceWarmup = new(cloud.Or(p.InstanceWarmup, warm))
	p.SkipMatching, p.AutoRollback = new(cloud.Or(p.SkipMatching, false)), new(cloud.Or(p.AutoRollback, false))
	p.ScaleInProtectedInstances = new(cloud.Or(p.ScaleInProtectedInstances, api.ScaleInProtectedInstancesWait))
	p.StandbyInstances = new(cloud.Or(p.StandbyInstances, api.StandbyInstancesWait))
	if len(p.CheckpointPercentages) > 0 {
		p.CheckpointDelay = new(cloud.Or(p.CheckpointDelay, checkpointDelay))
	}
	return p
}

// mostAlarms of a refresh.
const mostAlarms = 10

// check refuses preferences that contradict each other.
func (x *refresh) check(c *cloud.Call, tx store.Tx) error {
	p := &x.Preferences
	switch d := x.Desired; {
	case *p.MaxHealthyPercentage-*p.MinHealthyPercentage > 100:
		return group.Invalid("The difference between MinHealthyPercentage and MaxHealthyPercentage cannot be greater than 100.")
	case p.CheckpointDelay != nil && len(p.CheckpointPercentages) == 0:
		return group.Invalid("CheckpointDelay cannot be specified without CheckpointPercentages.")
	case !slices.IsSorted(p.CheckpointPercentages) || len(slices.Compact(slices.Clone(p.CheckpointPercentages))) != len(p.CheckpointPercentages):
		return group.Invalid("CheckpointPercentages must be unique and in ascending order.")
	case d != nil && (d.LaunchTemplate == nil) == (d.MixedInstancesPolicy == nil):
		return group.Invalid("DesiredConfiguration must have exactly one of LaunchTemplate or MixedInstancesPolicy.")
	case p.AlarmSpecification != nil && len(p.AlarmSpecification.Alarms) > mostAlarms:
		return group.Invalid("AlarmSpecification must not have more than %d alarms.", mostAlarms)
	}
	if p.AlarmSpecification == nil || len(p.AlarmSpecification.Alarms) == 0 {
		return nil
	}
	list, err := alarms(c, tx, p.AlarmSpecification.Alarms)
	if err != nil {
		return err
	}
	for _, name := range p.AlarmSpecification.Alarms {
		state, ok := list[name]
		switch {
		case !ok:
			return group.Invalid("The CloudWatch alarm %s does not exist.", name)
		case state == cloudwatch.StateValueAlarm:
			return group.Invalid("The CloudWatch alarm %s is in the ALARM state.", name)
		}
	}
	return nil
}

// alarms are the states of those alarms that exist.
func alarms(c *cloud.Call, tx store.Tx, names []string) (map[string]string, error) {
	as := identity.AsAccount(c)
	as.Tx = tx
	states := map[string]string{}
	out, err := cloudwatch.DescribeAlarms.Call(as, &cloudwatch.DescribeAlarmsInput{AlarmNames: names, AlarmTypes: []string{cloudwatch.AlarmTypeMetricAlarm, cloudwatch.AlarmTypeCompositeAlarm}})
	if err != nil {
		return nil, err
	}
	for _, a := range out.MetricAlarms {
		states[*a.AlarmName] = *a.StateValue
	}
	for _, a := range out.CompositeAlarms {
		states[*a.AlarmName] = *a.StateValue
	}
	return states, nil
}

// enlist notes which instances are to be replaced.
func (x *refresh) enlist(c *cloud.Call, tx store.Tx, g *group.Group) error {
	matches := func(*group.Instance) bool { return false }
	if *x.Preferences.SkipMatching {
		var err error
		if matches, err = x.matching(c, tx, g); err != nil {
			return err
		}
	}
	for i := range group.Instances(tx, g) {
		x.Kept = append(x.Kept, i.ID)
		switch {
		case i.Leaving != nil || i.Retained() || matches(i) || x.ignores(i):
		case i.Warm:
			x.WarmTodo = append(x.WarmTodo, i.ID)
		default:
			x.Todo = append(x.Todo, i.ID)
		}
	}
	x.Left, x.WarmLeft = int32(len(x.Todo)), int32(len(x.WarmTodo))
	return nil
}

// ignores tells whether the preferences leave an instance as it is.
func (x *refresh) ignores(i *group.Instance) bool {
	return i.State == api.LifecycleStateStandby && *x.Preferences.StandbyInstances == api.StandbyInstancesIgnore ||
		i.Protected && i.State != api.LifecycleStateStandby && *x.Preferences.ScaleInProtectedInstances == api.ScaleInProtectedInstancesIgnore
}
