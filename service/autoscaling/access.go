package autoscaling

import (
	"maps"
	"strings"

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
		onGroup(&api.AttachInstances, func(in *api.AttachInstancesInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.AttachLoadBalancerTargetGroups, func(in *api.AttachLoadBalancerTargetGroupsInput) string { return in.AutoScalingGroupName }, func(in *api.AttachLoadBalancerTargetGroupsInput) cloud.Keys {
			return list("TargetGroupARNs", in.TargetGroupARNs)
		}),
		onGroup(&api.AttachLoadBalancers, func(in *api.AttachLoadBalancersInput) string { return in.AutoScalingGroupName }, func(in *api.AttachLoadBalancersInput) cloud.Keys {
			return list("LoadBalancerNames", in.LoadBalancerNames)
		}),
		onGroup(&api.AttachTrafficSources, func(in *api.AttachTrafficSourcesInput) string { return in.AutoScalingGroupName }, func(in *api.AttachTrafficSourcesInput) cloud.Keys {
			return list("TrafficSourceIdentifiers", identifiers(in.TrafficSources))
		}),
		onGroup(&api.CompleteLifecycleAction, func(in *api.CompleteLifecycleActionInput) string { return in.AutoScalingGroupName }, nil),
		api.CreateAutoScalingGroup.Decides([]string{"autoscaling:CreateAutoScalingGroup", "autoscaling:CreateOrUpdateTags"}, createChecks),
		api.CreateLaunchConfiguration.Decides([]string{"autoscaling:CreateLaunchConfiguration", "iam:PassRole"}, launchChecks),
		api.CreateOrUpdateTags.Decides([]string{"autoscaling:CreateOrUpdateTags"}, func(c *cloud.Call, r store.Reader, in *api.CreateOrUpdateTagsInput) ([]cloud.Check, error) {
			return tagChecks(c, r, "autoscaling:CreateOrUpdateTags", in.Tags), nil
		}),
		onGroup(&api.DeleteAutoScalingGroup, func(in *api.DeleteAutoScalingGroupInput) string { return in.AutoScalingGroupName }, nil),
		api.DeleteLaunchConfiguration.Needs("autoscaling:DeleteLaunchConfiguration", func(c *cloud.Call, r store.Reader, in *api.DeleteLaunchConfigurationInput) (cloud.Resource, error) {
			return configuration(c, r, in.LaunchConfigurationName), nil
		}),
		onGroup(&api.DeleteLifecycleHook, func(in *api.DeleteLifecycleHookInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.DeleteNotificationConfiguration, func(in *api.DeleteNotificationConfigurationInput) string { return in.AutoScalingGroupName }, nil),
		api.DeleteTags.Decides([]string{"autoscaling:DeleteTags"}, func(c *cloud.Call, r store.Reader, in *api.DeleteTagsInput) ([]cloud.Check, error) {
			return tagChecks(c, r, "autoscaling:DeleteTags", in.Tags), nil
		}),
		onGroup(&api.DetachInstances, func(in *api.DetachInstancesInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.DetachLoadBalancerTargetGroups, func(in *api.DetachLoadBalancerTargetGroupsInput) string { return in.AutoScalingGroupName }, func(in *api.DetachLoadBalancerTargetGroupsInput) cloud.Keys {
			return list("TargetGroupARNs", in.TargetGroupARNs)
		}),
		onGroup(&api.DetachLoadBalancers, func(in *api.DetachLoadBalancersInput) string { return in.AutoScalingGroupName }, func(in *api.DetachLoadBalancersInput) cloud.Keys {
			return list("LoadBalancerNames", in.LoadBalancerNames)
		}),
		onGroup(&api.DetachTrafficSources, func(in *api.DetachTrafficSourcesInput) string { return in.AutoScalingGroupName }, func(in *api.DetachTrafficSourcesInput) cloud.Keys {
			return list("TrafficSourceIdentifiers", identifiers(in.TrafficSources))
		}),
		onGroup(&api.DisableMetricsCollection, func(in *api.DisableMetricsCollectionInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.EnableMetricsCollection, func(in *api.EnableMetricsCollectionInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.EnterStandby, func(in *api.EnterStandbyInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.ExitStandby, func(in *api.ExitStandbyInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.PutLifecycleHook, func(in *api.PutLifecycleHookInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.PutNotificationConfiguration, func(in *api.PutNotificationConfigurationInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.RecordLifecycleActionHeartbeat, func(in *api.RecordLifecycleActionHeartbeatInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.ResumeProcesses, func(in *api.ScalingProcessQuery) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.SetDesiredCapacity, func(in *api.SetDesiredCapacityInput) string { return in.AutoScalingGroupName }, nil),
		onInstance(&api.SetInstanceHealth, func(in *api.SetInstanceHealthInput) string { return in.InstanceId }),
		onGroup(&api.SetInstanceProtection, func(in *api.SetInstanceProtectionInput) string { return in.AutoScalingGroupName }, nil),
		onGroup(&api.SuspendProcesses, func(in *api.ScalingProcessQuery) string { return in.AutoScalingGroupName }, nil),
		onInstance(&api.TerminateInstanceInAutoScalingGroup, func(in *api.TerminateInstanceInAutoScalingGroupInput) string { return in.InstanceId }),
		onGroup(&api.UpdateAutoScalingGroup, func(in *api.UpdateAutoScalingGroupInput) string { return in.AutoScalingGroupName }, updateKeys),
	}...)
}

// looks are the operations without resource-level permissions.
func looks() []cloud.Access {
	return []cloud.Access{
		api.DescribeAccountLimits.Needs("autoscaling:DescribeAccountLimits", nil),
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

// on is a group as authorisation sees it. One that does not exist is seen
// without tags; the handler answers that it is not there.
func on(c *cloud.Call, r store.Reader, name string) cloud.Resource {
	if _, after, ok := strings.Cut(name, ":autoScalingGroupName/"); ok {
		name = after
	}
	if g, err := group.Find(c, r, name); err == nil {
		return cloud.Resource{ARN: g.ARN(c), Account: c.Account, Tags: g.TagMap()}
	}
	return cloud.Resource{ARN: c.ARN("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"+name), Account: c.Account}
}

func configuration(c *cloud.Call, r store.Reader, name string) cloud.Resource {
	if l, err := launch.Find(c, r, name); err == nil {
		return cloud.Resource{ARN: l.ARN(c), Account: c.Account}
	}
	return cloud.Resource{ARN: c.ARN("autoscaling", "launchConfiguration:*:launchConfigurationName/"+name), Account: c.Account}
}

// tagged gives a check the tags of its resource under the service's own name
// for them too.
func tagged(k cloud.Check) cloud.Check {
	keys := cloud.Keys{}
	maps.Copy(keys, k.Keys)
	for name, v := range k.Resource.Tags {
		keys["autoscaling:resourcetag/"+strings.ToLower(name)] = []string{v}
	}
	k.Keys = keys
	return k
}

// onGroup declares an operation on one group.
func onGroup[In, Out any](o *cloud.Op[In, Out], name func(In) string, keys func(In) cloud.Keys) cloud.Access {
	action := "autoscaling:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		k := cloud.Check{Action: action, Resource: on(c, r, name(in))}
		if keys != nil {
			k.Keys = keys(in)
		}
		return []cloud.Check{tagged(k)}, nil
	})
}

// onInstance declares an operation on the group of an instance.
func onInstance[In, Out any](o *cloud.Op[In, Out], id func(In) string) cloud.Access {
	action := "autoscaling:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		name := "*"
		if i, ok := group.FindInstance(c, r, id(in)); ok {
			name = i.Group
		}
		return []cloud.Check{tagged(cloud.Check{Action: action, Resource: on(c, r, name)})}, nil
	})
}
