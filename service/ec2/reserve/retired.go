package reserve

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// What AWS has ended answers as it does there today: lists are empty, and
// nothing new can be had.

// describeElasticGpus: Elastic Graphics ended in January 2024.
func describeElasticGpus(_ *cloud.Call, _ store.Reader, in *api.DescribeElasticGpusInput) (*api.DescribeElasticGpusOutput, error) {
	for _, id := range in.ElasticGpuIds {
		return nil, resource.Errorf("InvalidElasticGpuID.NotFound", "The Elastic GPU ID '%s' does not exist", id)
	}
	return &api.DescribeElasticGpusOutput{ElasticGpuSet: []api.ElasticGpus{}}, nil
}

// Scheduled Instances cannot be purchased any more: AWS has no capacity for
// them and no plans to have some.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-scheduled-instances.html

func describeScheduledInstanceAvailability(_ *cloud.Call, _ store.Reader, _ *api.DescribeScheduledInstanceAvailabilityInput) (*api.DescribeScheduledInstanceAvailabilityOutput, error) {
	return &api.DescribeScheduledInstanceAvailabilityOutput{ScheduledInstanceAvailabilitySet: []api.ScheduledInstanceAvailability{}}, nil
}

func describeScheduledInstances(_ *cloud.Call, _ store.Reader, in *api.DescribeScheduledInstancesInput) (*api.DescribeScheduledInstancesOutput, error) {
	for _, id := range in.ScheduledInstanceIds {
		return nil, errNoScheduled(id)
	}
	return &api.DescribeScheduledInstancesOutput{ScheduledInstanceSet: []api.ScheduledInstance{}}, nil
}

func errNoScheduled(id string) *cloud.Error {
	return resource.Errorf("InvalidScheduledInstance", "The Scheduled Instance '%s' does not exist", id)
}

func purchaseScheduledInstances(_ *cloud.Call, _ store.Tx, in *api.PurchaseScheduledInstancesInput) (*api.PurchaseScheduledInstancesOutput, error) {
	if len(in.PurchaseRequests) == 0 {
		return nil, resource.Missing("PurchaseRequest")
	}
	return nil, resource.Unsupported("Scheduled Instances can no longer be purchased.")
}

func runScheduledInstances(_ *cloud.Call, _ store.Tx, in *api.RunScheduledInstancesInput) (*api.RunScheduledInstancesOutput, error) {
	return nil, errNoScheduled(in.ScheduledInstanceId)
}
