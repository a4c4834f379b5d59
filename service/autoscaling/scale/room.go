// Package scale is how Auto Scaling groups change their size by themselves.
//
//	policy.go, check.go    scaling policies and what is asked of them
//	label.go               the load balancers that policies name
//	execute.go             what a policy does when it is executed
//	adjust.go              the arithmetic of adjustments
//	track.go, watch.go     target tracking and its alarms
//	predict.go, history.go predictive scaling, and the past that it learns from
//	forecast.go            the arithmetic of forecasts
//	action.go, schedule.go scheduled actions
//	recur.go               their recurrence
package scale

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// New makes the room, and gives it its say about groups.
func New(k *group.Keeper) group.Room {
	k.Hooks.Deleted = append(k.Hooks.Deleted, forget)
	return group.Room{
		Operations: []cloud.Binding{
			api.BatchDeleteScheduledAction.Update(batchDeleteScheduledAction),
			api.BatchPutScheduledUpdateGroupAction.Update(batchPutScheduledUpdateGroupAction),
			api.DeletePolicy.Update(deletePolicy),
			api.DeleteScheduledAction.Update(deleteScheduledAction),
			api.DescribePolicies.View(describePolicies),
			api.DescribeScheduledActions.View(describeScheduledActions),
			api.ExecutePolicy.Update(executePolicy),
			api.GetPredictiveScalingForecast.View(getPredictiveScalingForecast),
			api.PutScalingPolicy.Update(putScalingPolicy),
			api.PutScheduledUpdateGroupAction.Update(putScheduledUpdateGroupAction),
		},
		Access: access(),
		Controllers: []cloud.Controller{
			{Name: watchController, Reconcile: watch},
			{Name: predictController, Reconcile: predict},
			{Name: scheduleController, Reconcile: runAction},
		},
		Count: func(r store.Reader) map[string]int {
			n := 0
			for range policies.Scan(r) {
				n++
			}
			return map[string]int{"scaling policies": n}
		},
	}
}

// forget removes what belongs to a group that goes.
func forget(c *cloud.Call, tx store.Tx, g *group.Group) error {
	for p := range policies.Scan(tx, g.Account, g.Region, g.Name) {
		if err := p.remove(c, tx); err != nil {
			return err
		}
	}
	actions.DeleteAll(tx, g.Account, g.Region, g.Name)
	return nil
}
