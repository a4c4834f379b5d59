package group

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/launch"
	"pileus/store"
)

func describeAccountLimits(c *cloud.Call, r store.Reader, _ *cloud.Empty) (*api.DescribeAccountLimitsOutput, error) {
	return &api.DescribeAccountLimitsOutput{
		MaxNumberOfAutoScalingGroups: new(int32(mostGroups)), NumberOfAutoScalingGroups: new(int32(countGroups(c, r))),
		MaxNumberOfLaunchConfigurations: new(int32(launch.Most)), NumberOfLaunchConfigurations: new(int32(launch.Number(c, r))),
	}, nil
}

func describeTerminationPolicyTypes(*cloud.Call, store.Reader, *cloud.Empty) (*api.DescribeTerminationPolicyTypesOutput, error) {
	return &api.DescribeTerminationPolicyTypesOutput{TerminationPolicyTypes: termination}, nil
}

func describeAdjustmentTypes(*cloud.Call, store.Reader, *cloud.Empty) (*api.DescribeAdjustmentTypesOutput, error) {
	out := &api.DescribeAdjustmentTypesOutput{}
	for _, t := range []string{"ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"} {
		out.AdjustmentTypes = append(out.AdjustmentTypes, api.AdjustmentType{AdjustmentType: &t})
	}
	return out, nil
}

func describeMetricCollectionTypes(*cloud.Call, store.Reader, *cloud.Empty) (*api.DescribeMetricCollectionTypesOutput, error) {
	out := &api.DescribeMetricCollectionTypesOutput{Granularities: []api.MetricGranularityType{{Granularity: new(granularity)}}}
	for _, m := range metrics {
		out.Metrics = append(out.Metrics, api.MetricCollectionType{Metric: &m})
	}
	return out, nil
}

func describeScalingProcessTypes(*cloud.Call, store.Reader, *cloud.Empty) (*api.DescribeScalingProcessTypesOutput, error) {
	out := &api.DescribeScalingProcessTypesOutput{}
	for _, p := range processes {
		out.Processes = append(out.Processes, api.ProcessType{ProcessName: p})
	}
	return out, nil
}

func describeLifecycleHookTypes(*cloud.Call, store.Reader, *cloud.Empty) (*api.DescribeLifecycleHookTypesOutput, error) {
	return &api.DescribeLifecycleHookTypesOutput{LifecycleHookTypes: []string{launching, terminating}}, nil
}

func describeAutoScalingNotificationTypes(*cloud.Call, store.Reader, *cloud.Empty) (*api.DescribeAutoScalingNotificationTypesOutput, error) {
	return &api.DescribeAutoScalingNotificationTypesOutput{AutoScalingNotificationTypes: notificationTypes}, nil
}
