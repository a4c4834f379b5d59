package market

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func (s *Room) bindings() []cloud.Binding {
	return []cloud.Binding{
		api.RequestSpotInstances.Update(requestSpotInstances),
		api.CancelSpotInstanceRequests.Update(cancelSpotInstanceRequests),
		api.DescribeSpotInstanceRequests.View(describeSpotInstanceRequests),
		api.DescribeSpotPriceHistory.View(describeSpotPriceHistory),
		api.GetSpotPlacementScores.View(getSpotPlacementScores),
		api.CreateSpotDatafeedSubscription.Update(createSpotDatafeedSubscription),
		api.DeleteSpotDatafeedSubscription.Update(deleteSpotDatafeedSubscription),
		api.DescribeSpotDatafeedSubscription.View(describeSpotDatafeedSubscription),

		api.RequestSpotFleet.Update(requestSpotFleet).Partial("load balancers"),
		api.ModifySpotFleetRequest.Update(modifySpotFleetRequest),
		api.CancelSpotFleetRequests.Update(cancelSpotFleetRequests),
		api.DescribeSpotFleetRequests.View(describeSpotFleetRequests),
		api.DescribeSpotFleetInstances.View(describeSpotFleetInstances),
		api.DescribeSpotFleetRequestHistory.View(describeSpotFleetRequestHistory),

		api.CreateFleet.Serve(s.createFleet),
		api.ModifyFleet.Update(modifyFleet),
		api.DeleteFleets.Update(deleteFleets),
		api.DescribeFleets.View(describeFleets),
		api.DescribeFleetInstances.View(describeFleetInstances),
		api.DescribeFleetHistory.View(describeFleetHistory),
		api.GetInstanceTypesFromInstanceRequirements.View(getInstanceTypesFromInstanceRequirements),
	}
}

// access declares what each operation needs.
func access() []cloud.Access {
	return []cloud.Access{
		api.RequestSpotInstances.Decides([]string{"ec2:RequestSpotInstances", "iam:PassRole"}, requestChecks),
		resource.ActsOnAll(&api.CancelSpotInstanceRequests, requestKind, func(in *api.CancelSpotInstanceRequestsInput) []string { return in.SpotInstanceRequestIds }),
		resource.Looks(&api.DescribeSpotInstanceRequests),
		resource.Looks(&api.DescribeSpotPriceHistory),
		resource.Looks(&api.GetSpotPlacementScores),
		resource.Looks(&api.CreateSpotDatafeedSubscription),
		resource.Looks(&api.DeleteSpotDatafeedSubscription),
		resource.Looks(&api.DescribeSpotDatafeedSubscription),

		api.RequestSpotFleet.Decides([]string{"ec2:RequestSpotFleet", "iam:PassRole"}, spotFleetChecks),
		resource.Acts(&api.ModifySpotFleetRequest, "spot-fleet-request", func(in *api.ModifySpotFleetRequestInput) string { return in.SpotFleetRequestId }),
		resource.ActsOnAll(&api.CancelSpotFleetRequests, "spot-fleet-request", func(in *api.CancelSpotFleetRequestsInput) []string { return in.SpotFleetRequestIds }),
		resource.Looks(&api.DescribeSpotFleetRequests),
		resource.Acts(&api.DescribeSpotFleetInstances, "spot-fleet-request", func(in *api.DescribeSpotFleetInstancesInput) string { return in.SpotFleetRequestId }),
		resource.Acts(&api.DescribeSpotFleetRequestHistory, "spot-fleet-request", func(in *api.DescribeSpotFleetRequestHistoryInput) string { return in.SpotFleetRequestId }),

		resource.Creates(&api.CreateFleet, "fleet", func(in *api.CreateFleetInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.Acts(&api.ModifyFleet, "fleet", func(in *api.ModifyFleetInput) string { return in.FleetId }),
		resource.ActsOnAll(&api.DeleteFleets, "fleet", func(in *api.DeleteFleetsInput) []string { return in.FleetIds }),
		resource.Looks(&api.DescribeFleets),
		resource.Acts(&api.DescribeFleetInstances, "fleet", func(in *api.DescribeFleetInstancesInput) string { return in.FleetId }),
		resource.Acts(&api.DescribeFleetHistory, "fleet", func(in *api.DescribeFleetHistoryInput) string { return in.FleetId }),
		resource.Looks(&api.GetInstanceTypesFromInstanceRequirements),
	}
}

// requestChecks are those of RequestSpotInstances: the role of the instance
// profile must be passable.
func requestChecks(c *cloud.Call, r store.Reader, in *api.RequestSpotInstancesInput) ([]cloud.Check, error) {
	checks := resource.CreateChecks(c, "RequestSpotInstances", requestKind, in.TagSpecifications)
	if s := in.LaunchSpecification; s != nil {
		checks = append(checks, instance.PassesRole(c, r, s.IamInstanceProfile)...)
	}
	return checks, nil
}

// spotFleetChecks are those of RequestSpotFleet: the fleet's role, and those of
// the instance profiles, must be passable.
func spotFleetChecks(c *cloud.Call, r store.Reader, in *api.RequestSpotFleetInput) ([]cloud.Check, error) {
	config := &in.SpotFleetRequestConfig
	checks := resource.CreateChecks(c, "RequestSpotFleet", "spot-fleet-request", config.TagSpecifications)
	checks = append(checks, cloud.Check{
		Action: "iam:PassRole", Resource: cloud.Resource{ARN: config.IamFleetRole}, Keys: cloud.Keys{"iam:passedtoservice": {"spotfleet.amazonaws.com"}},
	})
	for _, s := range config.LaunchSpecifications {
		checks = append(checks, instance.PassesRole(c, r, s.IamInstanceProfile)...)
	}
	return checks, nil
}
