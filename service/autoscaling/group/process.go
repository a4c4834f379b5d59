package group

import (
	"cmp"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// processes are those that can be suspended, each with its effect where it is
// asked for (Suspended).
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
var processes = []string{
	"AZRebalance", "AddToLoadBalancer", "AlarmNotification", "HealthCheck", "InstanceRefresh", "Launch", "ReplaceUnhealthy", "ScheduledActions", "Terminate",
}

// process finds the group and the processes that a query names: all where it
// names none.
func process(c *cloud.Call, tx store.Tx, in *api.ScalingProcessQuery) (*Group, []string, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range in.ScalingProcesses {
		if !slices.Contains(processes, p) {
			return nil, nil, Invalid("Process type %s is not valid", p)
		}
	}
	if len(in.ScalingProcesses) == 0 {
		return g.Clone(), processes, nil
	}
	return g.Clone(), in.ScalingProcesses, nil
}

func suspendProcesses(c *cloud.Call, tx store.Tx, in *api.ScalingProcessQuery) (*cloud.Empty, error) {
	g, list, err := process(c, tx, in)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		if !g.Suspended(p) {
			g.Suspensions = append(g.Suspensions, Suspension{p, "User suspended at " + c.Now.UTC().Format(time.RFC3339)})
		}
	}
	slices.SortFunc(g.Suspensions, func(a, b Suspension) int { return cmp.Compare(a.Process, b.Process) })
	Put(tx, g)
	return &cloud.Empty{}, nil
}

func resumeProcesses(c *cloud.Call, tx store.Tx, in *api.ScalingProcessQuery) (*cloud.Empty, error) {
	g, list, err := process(c, tx, in)
	if err != nil {
		return nil, err
	}
	g.Suspensions = slices.DeleteFunc(g.Suspensions, func(s Suspension) bool { return slices.Contains(list, s.Process) })
	Put(tx, g)
	return &cloud.Empty{}, nil
}
