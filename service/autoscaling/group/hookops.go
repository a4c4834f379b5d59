package group

import (
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// defaultHeartbeat is HeartbeatTimeout, in seconds, where it is not given.
const (
	defaultHeartbeat = 3600
	leastHeartbeat   = 30
	mostHeartbeat    = 7200
)

func specified(g *Group, s api.LifecycleHookSpecification) *Hook {
	return &Hook{
		Account: g.Account, Region: g.Region, Group: g.Name, Name: s.LifecycleHookName, Transition: s.LifecycleTransition,
		Target: cloud.Or(s.NotificationTargetARN, ""), Role: cloud.Or(s.RoleARN, ""), Metadata: cloud.Or(s.NotificationMetadata, ""),
		Heartbeat: cloud.Or(s.HeartbeatTimeout, defaultHeartbeat), Default: cloud.Or(s.DefaultResult, abandon),
	}
}

// putHook checks and writes a hook, and tries its target.
func putHook(c *cloud.Call, tx store.Tx, g *Group, h *Hook) error {
	switch {
	case h.Transition != launching && h.Transition != terminating:
		return Invalid("Invalid LifecycleTransition type. Valid values are: [%s, %s]", launching, terminating)
	case h.Default != proceed && h.Default != abandon:
		return Invalid("Invalid DefaultResult value. Valid values are: [%s, %s]", abandon, proceed)
	case h.Heartbeat < leastHeartbeat || h.Heartbeat > mostHeartbeat:
		return Invalid("HeartbeatTimeout must be between %d and %d seconds.", leastHeartbeat, mostHeartbeat)
	}
	if h.Target != "" {
		if err := checkTarget(h); err != nil {
			return err
		}
	}
	n := 0
	for o := range Hooking.Scan(tx, g.Account, g.Region, g.Name) {
		if o.Name != h.Name {
			n++
		}
	}
	if n >= mostHooks {
		return errLimit("lifecycle hooks of an AutoScalingGroup", mostHooks)
	}
	Hooking.Put(tx, h)
	if h.Target != "" {
		return try(c, tx, g, h)
	}
	return nil
}

func checkTarget(h *Hook) error {
	a, ok := cloud.ParseARN(h.Target)
	if !ok || a.Service != "sqs" && a.Service != "sns" {
		return Invalid("Unable to publish test message to notification target %s using IAM role %s. Please check your target and role configuration and try to put lifecycle hook again.", h.Target, h.Role)
	}
	return nil
}

func putLifecycleHook(c *cloud.Call, tx store.Tx, in *api.PutLifecycleHookInput) (*api.PutLifecycleHookOutput, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	h := &Hook{Account: g.Account, Region: g.Region, Group: g.Name, Name: in.LifecycleHookName, Heartbeat: defaultHeartbeat, Default: abandon}
	if old, ok := Hooking.Get(tx, g.Account, g.Region, g.Name, in.LifecycleHookName); ok {
		h = new(*old)
	} else if in.LifecycleTransition == nil {
		return nil, Invalid("LifecycleTransition is required when creating a lifecycle hook.")
	}
	h.Transition = cloud.Or(in.LifecycleTransition, h.Transition)
	h.Target, h.Role = cloud.Or(in.NotificationTargetARN, h.Target), cloud.Or(in.RoleARN, h.Role)
	h.Metadata = cloud.Or(in.NotificationMetadata, h.Metadata)
	h.Heartbeat, h.Default = cloud.Or(in.HeartbeatTimeout, h.Heartbeat), cloud.Or(in.DefaultResult, h.Default)
	return &api.PutLifecycleHookOutput{}, putHook(c, tx, g, h)
}

// deleteLifecycleHook deletes a hook; its actions under way are completed: they
// abandon a launch, and let a termination go on.
func deleteLifecycleHook(c *cloud.Call, tx store.Tx, in *api.DeleteLifecycleHookInput) (*api.DeleteLifecycleHookOutput, error) {
	g, err := Find(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if !Hooking.Has(tx, g.Account, g.Region, g.Name, in.LifecycleHookName) {
		return nil, Invalid("No Lifecycle Hook found with name: %s for Auto Scaling group: %s", in.LifecycleHookName, g.Name)
	}
	Hooking.Delete(tx, g.Account, g.Region, g.Name, in.LifecycleHookName)
	Wake(tx, g, time.Time{})
	return &api.DeleteLifecycleHookOutput{}, nil
}

func describeLifecycleHooks(c *cloud.Call, r store.Reader, in *api.DescribeLifecycleHooksInput) (*api.DescribeLifecycleHooksOutput, error) {
	g, err := Find(c, r, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLifecycleHooksOutput{LifecycleHooks: []api.LifecycleHook{}}
	for h := range Hooking.Scan(r, g.Account, g.Region, g.Name) {
		if len(in.LifecycleHookNames) > 0 && !slices.Contains(in.LifecycleHookNames, h.Name) {
			continue
		}
		out.LifecycleHooks = append(out.LifecycleHooks, api.LifecycleHook{
			LifecycleHookName: &h.Name, AutoScalingGroupName: &h.Group, LifecycleTransition: &h.Transition,
			NotificationTargetARN: optional(h.Target), RoleARN: optional(h.Role), NotificationMetadata: optional(h.Metadata),
			HeartbeatTimeout: &h.Heartbeat, GlobalTimeout: new(int32(h.global() / time.Second)), DefaultResult: &h.Default,
		})
	}
	return out, nil
}

// action finds a lifecycle action in progress, by its token or its instance.
func action(c *cloud.Call, r store.Reader, group, hook string, token, id *string) (*Group, *Instance, *Wait, error) {
	g, err := Find(c, r, groupName(group))
	if err != nil {
		return nil, nil, nil, err
	}
	for i := range Instances(r, g) {
		if id != nil && i.ID != *id {
			continue
		}
		d := i.Clone()
		for n := range d.Hooks {
			w := &d.Hooks[n]
			if w.Hook == hook && w.Result == "" && (token == nil || *token == w.Token) && (token != nil || id != nil) {
				return g, d, w, nil
			}
		}
	}
	if token != nil {
		return nil, nil, nil, Invalid("No active Lifecycle Action found with token %s", *token)
	}
	return nil, nil, nil, Invalid("No active Lifecycle Action found with instance ID %s", cloud.Or(id, "null"))
}

func completeLifecycleAction(c *cloud.Call, tx store.Tx, in *api.CompleteLifecycleActionInput) (*api.CompleteLifecycleActionOutput, error) {
	if in.LifecycleActionResult != proceed && in.LifecycleActionResult != abandon {
		return nil, Invalid("Invalid LifecycleActionResult. Valid values are: [%s, %s]", proceed, abandon)
	}
	g, i, w, err := action(c, tx, in.AutoScalingGroupName, in.LifecycleHookName, in.LifecycleActionToken, in.InstanceId)
	if err != nil {
		return nil, err
	}
	w.Result = in.LifecycleActionResult
	Members.Put(tx, i)
	Wake(tx, g, time.Time{})
	return &api.CompleteLifecycleActionOutput{}, nil
}

func recordLifecycleActionHeartbeat(c *cloud.Call, tx store.Tx, in *api.RecordLifecycleActionHeartbeatInput) (*api.RecordLifecycleActionHeartbeatOutput, error) {
	g, i, w, err := action(c, tx, in.AutoScalingGroupName, in.LifecycleHookName, in.LifecycleActionToken, in.InstanceId)
	if err != nil {
		return nil, err
	}
	h, ok := Hooking.Get(tx, g.Account, g.Region, g.Name, w.Hook)
	if !ok {
		return nil, Invalid("No Lifecycle Hook found with name: %s for Auto Scaling group: %s", w.Hook, g.Name)
	}
	w.Deadline = c.Now.Add(time.Duration(h.Heartbeat) * time.Second)
	Members.Put(tx, i)
	Wake(tx, g, earlier(w.Deadline, w.Last))
	return &api.RecordLifecycleActionHeartbeatOutput{}, nil
}
