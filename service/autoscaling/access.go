package autoscaling

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/service/autoscaling/launch"
	"pileus/store"
)

// access declares what each operation of groups and launch configurations
// needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
func access() []cloud.Access {
	return append(looks(), []cloud.Access{
		group.On(&api.AttachInstances, func(in *api.AttachInstancesInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.AttachLoadBalancerTargetGroups, func(in *api.AttachLoadBalancerTargetGroupsInput) string { return in.AutoScalingGroupName }, func(in *api.AttachLoadBalancerTargetGroupsInput) cloud.Keys {
			return list("TargetGroupARNs", in.TargetGroupARNs)
		}),
		group.On(&api.AttachLoadBalancers, func(in *api.AttachLoadBalancersInput) string { return in.AutoScalingGroupName }, func(in *api.AttachLoadBalancersInput) cloud.Keys {
			return list("LoadBalancerNames", in.LoadBalancerNames)
		}),
		group.On(&api.AttachTrafficSources, func(in *api.AttachTrafficSourcesInput) string { return in.AutoScalingGroupName }, func(in *api.AttachTrafficSourcesInput) cloud.Keys {
			return list("TrafficSourceIdentifiers", identifiers(in.TrafficSources))
		}),
		group.On(&api.CompleteLifecycleAction, func(in *api.CompleteLifecycleActionInput) string { return in.AutoScalingGroupName }, nil),
		api.CreateAutoScalingGroup.Decides([]string{"autoscaling:CreateAutoScalingGroup", "autoscaling:CreateOrUpdateTags"}, createChecks),
		api.CreateLaunchConfiguration.Decides([]string{"autoscaling:CreateLaunchConfiguration", "iam:PassRole"}, launchChecks),
		api.CreateOrUpdateTags.Decides([]string{"autoscaling:CreateOrUpdateTags"}, func(c *cloud.Call, r store.Reader, in *api.CreateOrUpdateTagsInput) ([]cloud.Check, error) {
			return tagChecks(c, r, "autoscaling:CreateOrUpdateTags", in.Tags), nil
		}),
		group.On(&api.DeleteAutoScalingGroup, func(in *api.DeleteAutoScalingGroupInput) string { return in.AutoScalingGroupName }, nil),
		api.DeleteLaunchConfiguration.Needs("autoscaling:DeleteLaunchConfiguration", func(c *cloud.Call, r store.Reader, in *api.DeleteLaunchConfigurationInput) (cloud.Resource, error) {
			return configuration(c, r, in.LaunchConfigurationName), nil
		}),
		group.On(&api.DeleteLifecycleHook, func(in *api.DeleteLifecycleHookInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.DeleteNotificationConfiguration, func(in *api.DeleteNotificationConfigurationInput) string { return in.AutoScalingGroupName }, nil),
		api.DeleteTags.Decides([]string{"autoscaling:DeleteTags"}, func(c *cloud.Call, r store.Reader, in *api.DeleteTagsInput) ([]cloud.Check, error) {
			return tagChecks(c, r, "autoscaling:DeleteTags", in.Tags), nil
		}),
		group.On(&api.DetachInstances, func(in *api.DetachInstancesInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.DetachLoadBalancerTargetGroups, func(in *api.DetachLoadBalancerTargetGroupsInput) string { return in.AutoScalingGroupName }, func(in *api.DetachLoadBalancerTargetGroupsInput) cloud.Keys {
			return list("TargetGroupARNs", in.TargetGroupARNs)
		}),
		group.On(&api.DetachLoadBalancers, func(in *api.DetachLoadBalancersInput) string { return in.AutoScalingGroupName }, func(in *api.DetachLoadBalancersInput) cloud.Keys {
			return list("LoadBalancerNames", in.LoadBalancerNames)
		}),
		group.On(&api.DetachTrafficSources, func(in *api.DetachTrafficSourcesInput) string { return in.AutoScalingGroupName }, func(in *api.DetachTrafficSourcesInput) cloud.Keys {
			return list("TrafficSourceIdentifiers", identifiers(in.TrafficSources))
		}),
		group.On(&api.DisableMetricsCollection, func(in *api.DisableMetricsCollectionInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.EnableMetricsCollection, func(in *api.EnableMetricsCollectionInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.EnterStandby, func(in *api.EnterStandbyInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.ExitStandby, func(in *api.ExitStandbyInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.LaunchInstances, func(in *api.LaunchInstancesInput) string { return in.AutoScalingGroupName }, nil),
		api.PutAccountSetting.Needs("autoscaling:PutAccountSetting", nil),
		group.On(&api.PutLifecycleHook, func(in *api.PutLifecycleHookInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.PutNotificationConfiguration, func(in *api.PutNotificationConfigurationInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.RecordLifecycleActionHeartbeat, func(in *api.RecordLifecycleActionHeartbeatInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.ResumeProcesses, func(in *api.ScalingProcessQuery) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.SetDesiredCapacity, func(in *api.SetDesiredCapacityInput) string { return in.AutoScalingGroupName }, nil),
		onInstance(&api.SetInstanceHealth, func(in *api.SetInstanceHealthInput) string { return in.InstanceId }),
		group.On(&api.SetInstanceProtection, func(in *api.SetInstanceProtectionInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.SuspendProcesses, func(in *api.ScalingProcessQuery) string { return in.AutoScalingGroupName }, nil),
		onInstance(&api.TerminateInstanceInAutoScalingGroup, func(in *api.TerminateInstanceInAutoScalingGroupInput) string {
			if len(in.InstanceIds) > 0 { // the handler refuses those of other groups than the first's
				return in.InstanceIds[0]
			}
			return cloud.Or(in.InstanceId, "")
		}),
		group.On(&api.UpdateAutoScalingGroup, func(in *api.UpdateAutoScalingGroupInput) string { return in.AutoScalingGroupName }, updateKeys),
	}...)
}

// looks are the operations without resource-level permissions.
func looks() []cloud.Access {
	return []cloud.Access{
		api.DescribeAccountLimits.Needs("autoscaling:DescribeAccountLimits", nil),
		api.DescribeAccountSettings.Needs("autoscaling:DescribeAccountSettings", nil),
		api.DescribeAdjustmentTypes.Needs("autoscaling:DescribeAdjustmentTypes", nil),
		api.DescribeAutoScalingGroups.Needs("autoscaling:DescribeAutoScalingGroups", nil),
		api.DescribeAutoScalingInstances.Needs("autoscaling:DescribeAutoScalingInstances", nil),
		api.DescribeAutoScalingNotificationTypes.Needs("autoscaling:DescribeAutoScalingNotificationTypes", nil),
		api.DescribeLaunchConfigurations.Needs("autoscaling:DescribeLaunchConfigurations", nil),
		api.DescribeLifecycleHookTypes.Needs("autoscaling:DescribeLifecycleHookTypes", nil),
		api.DescribeLifecycleHooks.Needs("autoscaling:DescribeLifecycleHooks", nil),
		api.DescribeLoadBalancerTargetGroups.Needs("autoscaling:DescribeLoadBalancerTargetGroups", nil),
		api.DescribeLoadBalancers.Needs("autoscaling:DescribeLoadBalancers", nil),
		api.DescribeMetricCollectionTypes.Needs("autoscaling:DescribeMetricCollectionTypes", nil),
		api.DescribeNotificationConfigurations.Needs("autoscaling:DescribeNotificationConfigurations", nil),
		api.DescribeScalingActivities.Needs("autoscaling:DescribeScalingActivities", nil),
		api.DescribeScalingProcessTypes.Needs("autoscaling:DescribeScalingProcessTypes", nil),
		api.DescribeTags.Needs("autoscaling:DescribeTags", nil),
		api.DescribeTerminationPolicyTypes.Needs("autoscaling:DescribeTerminationPolicyTypes", nil),
		api.DescribeTrafficSources.Needs("autoscaling:DescribeTrafficSources", nil),
	}
}

func configuration(c *cloud.Call, r store.Reader, name string) cloud.Resource {
	if l, err := launch.Find(c, r, name); err == nil {
		return cloud.Resource{ARN: l.ARN(c), Account: c.Account}
	}
	return cloud.Resource{ARN: c.ARN("autoscaling", "launchConfiguration:*:launchConfigurationName/"+name), Account: c.Account}
}

// onInstance declares an operation on the group of an instance.
func onInstance[In, Out any](o *cloud.Op[In, Out], id func(In) string) cloud.Access {
	action := "autoscaling:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		name := "*"
		if i, ok := group.FindInstance(c, r, id(in)); ok {
			name = i.Group
		}
		return []cloud.Check{group.Tagged(cloud.Check{Action: action, Resource: group.Resource(c, r, name)})}, nil
	})
}
