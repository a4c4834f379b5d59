package reserve

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func bindings() []cloud.Binding {
	return []cloud.Binding{
		api.CreateCapacityReservation.Update(createCapacityReservation),
		api.ModifyCapacityReservation.Update(modifyCapacityReservation),
		api.CancelCapacityReservation.Update(cancelCapacityReservation),
		api.CreateCapacityReservationBySplitting.Update(createCapacityReservationBySplitting),
		api.MoveCapacityReservationInstances.Update(moveCapacityReservationInstances),
		api.DescribeCapacityReservationTopology.View(describeCapacityReservationTopology),
		api.DescribeCapacityReservations.View(describeCapacityReservations),
		api.GetCapacityReservationUsage.View(getCapacityReservationUsage),
		api.GetGroupsForCapacityReservation.View(getGroupsForCapacityReservation),
		api.ModifyInstanceCapacityReservationAttributes.Update(modifyInstanceCapacityReservationAttributes),
		api.CreateCapacityReservationFleet.Update(createCapacityReservationFleet),
		api.ModifyCapacityReservationFleet.Update(modifyCapacityReservationFleet),
		api.CancelCapacityReservationFleets.Update(cancelCapacityReservationFleets),
		api.DescribeCapacityReservationFleets.View(describeCapacityReservationFleets),
		api.DescribeCapacityBlockOfferings.View(describeCapacityBlockOfferings),
		api.PurchaseCapacityBlock.Update(purchaseCapacityBlock),

		api.AllocateHosts.Update(allocateHosts),
		api.ModifyHosts.Update(modifyHosts),
		api.ReleaseHosts.Update(releaseHosts),
		api.DescribeHosts.View(describeHosts),
		api.DescribeMacHosts.View(describeMacHosts),
		api.DescribeHostReservationOfferings.View(describeHostReservationOfferings),
		api.GetHostReservationPurchasePreview.View(getHostReservationPurchasePreview),
		api.PurchaseHostReservation.Update(purchaseHostReservation),
		api.DescribeHostReservations.View(describeHostReservations),

		api.DescribeReservedInstancesOfferings.View(describeReservedInstancesOfferings).Partial("platforms other than Linux/UNIX and Windows, dedicated tenancy, offerings of other sellers"),
		api.PurchaseReservedInstancesOffering.Update(purchaseReservedInstancesOffering),
		api.DescribeReservedInstances.View(describeReservedInstances),
		api.DeleteQueuedReservedInstances.Update(deleteQueuedReservedInstances),
		api.ModifyReservedInstances.Update(modifyReservedInstances),
		api.DescribeReservedInstancesModifications.View(describeReservedInstancesModifications),
		api.GetReservedInstancesExchangeQuote.View(getReservedInstancesExchangeQuote),
		api.AcceptReservedInstancesExchangeQuote.Update(acceptReservedInstancesExchangeQuote),
		api.CreateReservedInstancesListing.Update(createReservedInstancesListing).Partial("nobody buys what is listed"),
		api.CancelReservedInstancesListing.Update(cancelReservedInstancesListing),
		api.DescribeReservedInstancesListings.View(describeReservedInstancesListings),

		api.RegisterInstanceEventNotificationAttributes.Update(registerInstanceEventNotificationAttributes),
		api.DeregisterInstanceEventNotificationAttributes.Update(deregisterInstanceEventNotificationAttributes),
		api.DescribeInstanceEventNotificationAttributes.View(describeInstanceEventNotificationAttributes),

		api.DescribeElasticGpus.View(describeElasticGpus),
		api.DescribeScheduledInstanceAvailability.View(describeScheduledInstanceAvailability),
		api.DescribeScheduledInstances.View(describeScheduledInstances),
		api.PurchaseScheduledInstances.Update(purchaseScheduledInstances),
		api.RunScheduledInstances.Update(runScheduledInstances),
	}
}

// access declares what each operation needs.
func access() []cloud.Access {
	return []cloud.Access{
		resource.Creates(&api.CreateCapacityReservation, capacityKind, func(in *api.CreateCapacityReservationInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.Acts(&api.ModifyCapacityReservation, capacityKind, func(in *api.ModifyCapacityReservationInput) string { return in.CapacityReservationId }),
		resource.Acts(&api.CancelCapacityReservation, capacityKind, func(in *api.CancelCapacityReservationInput) string { return in.CapacityReservationId }),
		resource.Looks(&api.DescribeCapacityReservationTopology),
		api.CreateCapacityReservationBySplitting.Decides([]string{"ec2:CreateCapacityReservationBySplitting"}, func(c *cloud.Call, r store.Reader, in *api.CreateCapacityReservationBySplittingInput) ([]cloud.Check, error) {
			source := cloud.Check{Action: "ec2:CreateCapacityReservationBySplitting", Resource: resource.On(c, r, capacityKind, in.SourceCapacityReservationId)}
			return append(resource.CreateChecks(c, "CreateCapacityReservationBySplitting", capacityKind, in.TagSpecifications), source), nil
		}),
		resource.ActsOnAll(&api.MoveCapacityReservationInstances, capacityKind, func(in *api.MoveCapacityReservationInstancesInput) []string {
			return []string{in.SourceCapacityReservationId, in.DestinationCapacityReservationId}
		}),
		resource.Looks(&api.DescribeCapacityReservations),
		resource.Acts(&api.GetCapacityReservationUsage, capacityKind, func(in *api.GetCapacityReservationUsageInput) string { return in.CapacityReservationId }),
		resource.Acts(&api.GetGroupsForCapacityReservation, capacityKind, func(in *api.GetGroupsForCapacityReservationInput) string { return in.CapacityReservationId }),
		resource.Acts(&api.ModifyInstanceCapacityReservationAttributes, "instance", func(in *api.ModifyInstanceCapacityReservationAttributesInput) string { return in.InstanceId }),
		resource.Creates(&api.CreateCapacityReservationFleet, capacityFleetKind, func(in *api.CreateCapacityReservationFleetInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.Acts(&api.ModifyCapacityReservationFleet, capacityFleetKind, func(in *api.ModifyCapacityReservationFleetInput) string { return in.CapacityReservationFleetId }),
		resource.ActsOnAll(&api.CancelCapacityReservationFleets, capacityFleetKind, func(in *api.CancelCapacityReservationFleetsInput) []string { return in.CapacityReservationFleetIds }),
		resource.Looks(&api.DescribeCapacityReservationFleets),
		resource.Looks(&api.DescribeCapacityBlockOfferings),
		resource.Creates(&api.PurchaseCapacityBlock, capacityKind, func(in *api.PurchaseCapacityBlockInput) []api.TagSpecification { return in.TagSpecifications }),

		resource.Creates(&api.AllocateHosts, hostKind, func(in *api.AllocateHostsInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.ActsOnAll(&api.ModifyHosts, hostKind, func(in *api.ModifyHostsInput) []string { return in.HostIds }),
		resource.ActsOnAll(&api.ReleaseHosts, hostKind, func(in *api.ReleaseHostsInput) []string { return in.HostIds }),
		resource.Looks(&api.DescribeHosts),
		resource.Looks(&api.DescribeMacHosts),
		resource.Looks(&api.DescribeHostReservationOfferings),
		resource.Looks(&api.GetHostReservationPurchasePreview),
		resource.Looks(&api.PurchaseHostReservation),
		resource.Looks(&api.DescribeHostReservations),

		resource.Looks(&api.DescribeReservedInstancesOfferings),
		resource.Looks(&api.PurchaseReservedInstancesOffering),
		resource.Looks(&api.DescribeReservedInstances),
		resource.Looks(&api.DeleteQueuedReservedInstances),
		resource.Looks(&api.ModifyReservedInstances),
		resource.Looks(&api.DescribeReservedInstancesModifications),
		resource.Looks(&api.GetReservedInstancesExchangeQuote),
		resource.Looks(&api.AcceptReservedInstancesExchangeQuote),
		resource.Looks(&api.CreateReservedInstancesListing),
		resource.Looks(&api.CancelReservedInstancesListing),
		resource.Looks(&api.DescribeReservedInstancesListings),

		resource.Looks(&api.RegisterInstanceEventNotificationAttributes),
		resource.Looks(&api.DeregisterInstanceEventNotificationAttributes),
		resource.Looks(&api.DescribeInstanceEventNotificationAttributes),

		resource.Looks(&api.DescribeElasticGpus),
		resource.Looks(&api.DescribeScheduledInstanceAvailability),
		resource.Looks(&api.DescribeScheduledInstances),
		resource.Looks(&api.PurchaseScheduledInstances),
		resource.Looks(&api.RunScheduledInstances),
	}
}
