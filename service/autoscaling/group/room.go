package group

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// Room is a part of Auto Scaling.
type Room = cloud.Room

// Keeper keeps groups: it is the controller, with what it is told by others.
type Keeper struct {
	// Hooks are set when the rooms are put together.
	Hooks Hooks
}

// Hooks are where other rooms have their say about groups.
type Hooks struct {
	// Changed sees each change of an instance's lifecycle state, in the
	// transaction that makes it. i is as it is now; State is "" in from for a
	// new instance, and Terminated or Detached in i for one that is forgotten.
	Changed []func(c *cloud.Call, tx store.Tx, g *Group, i *Instance, from string)
	// Updated sees each group that was created or updated by its user.
	Updated []func(c *cloud.Call, tx store.Tx, g *Group) error
	// Busy may refuse the deletion of a group, which is not forced: a warm pool
	// has instances, an instance refresh is under way.
	Busy []func(c *cloud.Call, tx store.Tx, g *Group) error
	// Deleted removes what belongs to a group that goes: policies, actions.
	Deleted []func(c *cloud.Call, tx store.Tx, g *Group) error
	// Reuse is asked, once an instance that leaves because the group shrinks is
	// out of service, whether it goes back to the warm pool instead of being
	// terminated. nil: never.
	Reuse func(c *cloud.Call, tx store.Tx, g *Group, i *Instance) bool
	// Next sees each run of a group's controller, last of all.
	Next []func(c *cloud.Call, g *Group) error
}

// New makes a keeper.
func New() *Keeper { return &Keeper{} }

// Room is the room as the module takes it.
func (k *Keeper) Room() Room {
	return Room{
		Operations:  k.bindings(),
		Controllers: []cloud.Controller{{Name: Controller, Reconcile: k.reconcile}, {Name: forgetController, Reconcile: forget}, {Name: provisionController, Reconcile: forgetProvision}},
		Deliveries:  []cloud.Delivery{{Topic: deliverTopic, Deliver: deliver, Attempts: 5}},
		Start:       k.start,
		Metrics:     k.Metrics,
		Count: func(r store.Reader) map[string]int {
			n := 0
			for range Groups.Scan(r) {
				n++
			}
			return map[string]int{"auto scaling groups": n}
		},
	}
}

func (k *Keeper) bindings() []cloud.Binding {
	const topics = "SNS topics are not told"
	return []cloud.Binding{
		api.AttachInstances.Update(k.attachInstances),
		api.AttachLoadBalancerTargetGroups.Update(attachTargetGroups),
		api.AttachLoadBalancers.Update(attachLoadBalancers),
		api.AttachTrafficSources.Update(attachTrafficSources).Partial("no VPC Lattice"),
		api.CompleteLifecycleAction.Update(completeLifecycleAction),
		api.CreateAutoScalingGroup.Update(k.createAutoScalingGroup).Partial("no Lambda functions as termination policies, no VPC Lattice, no distribution segments, no resource groups as targets of reservations, no baseline performance factors"),
		api.CreateOrUpdateTags.Update(createOrUpdateTags),
		api.DeleteAutoScalingGroup.Update(k.deleteAutoScalingGroup),
		api.DeleteLifecycleHook.Update(deleteLifecycleHook),
		api.DeleteNotificationConfiguration.Update(deleteNotificationConfiguration),
		api.DeleteTags.Update(deleteTags),
		api.DescribeAccountLimits.View(describeAccountLimits),
		api.DescribeAccountSettings.View(describeAccountSettings),
		api.DescribeAdjustmentTypes.View(describeAdjustmentTypes),
		api.DescribeAutoScalingGroups.View(describeAutoScalingGroups),
		api.DescribeAutoScalingInstances.View(describeAutoScalingInstances),
		api.DescribeAutoScalingNotificationTypes.View(describeAutoScalingNotificationTypes),
		api.DescribeLifecycleHookTypes.View(describeLifecycleHookTypes),
		api.DescribeLifecycleHooks.View(describeLifecycleHooks),
		api.DescribeLoadBalancerTargetGroups.View(describeTargetGroups),
		api.DescribeLoadBalancers.View(describeLoadBalancers),
		api.DescribeMetricCollectionTypes.View(describeMetricCollectionTypes),
		api.DescribeNotificationConfigurations.View(describeNotificationConfigurations),
		api.DescribeScalingActivities.View(describeScalingActivities),
		api.DescribeScalingProcessTypes.View(describeScalingProcessTypes),
		api.DescribeTags.View(describeTags),
		api.DescribeTerminationPolicyTypes.View(describeTerminationPolicyTypes),
		api.DescribeTrafficSources.View(describeTrafficSources),
		api.DetachInstances.Update(k.detachInstances),
		api.DetachLoadBalancerTargetGroups.Update(detachTargetGroups),
		api.DetachLoadBalancers.Update(detachLoadBalancers),
		api.DetachTrafficSources.Update(detachTrafficSources),
		api.DisableMetricsCollection.Update(disableMetricsCollection),
		api.EnableMetricsCollection.Update(enableMetricsCollection),
		api.EnterStandby.Update(k.enterStandby),
		api.ExitStandby.Update(k.exitStandby),
		api.LaunchInstances.Serve(k.launchInstances),
		api.PutAccountSetting.Update(putAccountSetting),
		api.PutLifecycleHook.Update(putLifecycleHook).Partial(topics),
		api.PutNotificationConfiguration.Update(putNotificationConfiguration).Partial(topics),
		api.RecordLifecycleActionHeartbeat.Update(recordLifecycleActionHeartbeat),
		api.ResumeProcesses.Update(resumeProcesses),
		api.SetDesiredCapacity.Update(setDesiredCapacity),
		api.SetInstanceHealth.Update(setInstanceHealth),
		api.SetInstanceProtection.Update(setInstanceProtection),
		api.SuspendProcesses.Update(suspendProcesses),
		api.TerminateInstanceInAutoScalingGroup.Update(k.terminateInstance),
		api.UpdateAutoScalingGroup.Update(k.updateAutoScalingGroup).Partial("no Lambda functions as termination policies, no distribution segments, no resource groups as targets of reservations, no baseline performance factors"),
	}
}
