package reserve_test

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/service/ec2/reserve"
)

// row is what an operation needs, and a call that succeeds with it.
type row struct {
	actions []string
	try     func(*cloud.Call) error
}

func of[In, Out any](op *cloud.Op[In, Out], in In, more ...string) row {
	return row{append([]string{"ec2:" + op.Name}, more...), func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}}
}

// TestAccess tries each operation with what it needs, and with each of the
// actions missing.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	rows := w.operations()
	for _, b := range reserve.Operations() {
		r, ok := rows[b.Op.Name]
		if !ok {
			t.Errorf("%s has no case", b.Op.Name)
			continue
		}
		for n, missing := range r.actions {
			others := append(append([]string{"ec2:Nothing"}, r.actions[:n]...), r.actions[n+1:]...)
			if err := r.try(w.As(w.User(b.Op.Name+"-without-"+missing[4:], nodetest.Allow(others...)))); code(err) != "UnauthorizedOperation" {
				t.Errorf("%s without %s: %v", b.Op.Name, missing, err)
			}
		}
		if err := r.try(w.As(w.User(b.Op.Name+"-with", nodetest.Allow(r.actions...)))); err != nil {
			t.Errorf("%s with what it needs: %v", b.Op.Name, err)
		}
	}
}

// operations are all that there are, in an order that lets each succeed.
func (w *world) operations() map[string]row {
	capacity, doomed := w.reservation(1), w.reservation(1)
	spec := []api.ReservationFleetInstanceSpecification{{InstanceType: new("m5.large"), InstancePlatform: new("Linux/UNIX"), AvailabilityZone: new("us-east-1a")}}
	fleet := *nodetest.Do(w.World, &api.CreateCapacityReservationFleet, &api.CreateCapacityReservationFleetInput{TotalTargetCapacity: 1, InstanceTypeSpecifications: spec}).CapacityReservationFleetId
	stopped := w.run()
	w.stop(stopped)
	hosts := nodetest.Do(w.World, &api.AllocateHosts, &api.AllocateHostsInput{AvailabilityZone: new("us-east-1a"), InstanceFamily: new("m5"), Quantity: new(int32(2))}).HostIds
	hostOffering := *nodetest.Do(w.World, &api.DescribeHostReservationOfferings, &api.DescribeHostReservationOfferingsInput{Filter: []api.Filter{{Name: new("instance-family"), Values: []string{"m5"}}}}).OfferingSet[0].OfferingId
	offering, changeable := w.offering("m5.large"), w.offering("m5.large", convertible)
	listed, modified, traded := w.buy(offering, 1), w.buy(offering, 1), w.buy(changeable, 1)
	w.Advance(31 * 24 * time.Hour)
	list := func(token string) *api.CreateReservedInstancesListingInput {
		return &api.CreateReservedInstancesListingInput{ClientToken: token, InstanceCount: 1, ReservedInstancesId: listed, PriceSchedules: []api.PriceScheduleSpecification{{Term: new(int64(11)), Price: new(1.0)}}}
	}
	listing := *nodetest.Do(w.World, &api.CreateReservedInstancesListing, list("first")).ReservedInstancesListings[0].ReservedInstancesListingId
	nodetest.Do(w.World, &api.CancelReservedInstancesListing, &api.CancelReservedInstancesListingInput{ReservedInstancesListingId: listing})
	trade := []api.TargetConfigurationRequest{{OfferingId: changeable}}
	return map[string]row{
		"CreateCapacityReservation":            of(&api.CreateCapacityReservation, &api.CreateCapacityReservationInput{InstanceType: "m5.large", InstancePlatform: "Linux/UNIX", AvailabilityZone: new("us-east-1a"), InstanceCount: 1}),
		"ModifyCapacityReservation":            of(&api.ModifyCapacityReservation, &api.ModifyCapacityReservationInput{CapacityReservationId: capacity, InstanceCount: new(int32(2))}),
		"CancelCapacityReservation":            of(&api.CancelCapacityReservation, &api.CancelCapacityReservationInput{CapacityReservationId: doomed}),
		"CreateCapacityReservationBySplitting": of(&api.CreateCapacityReservationBySplitting, &api.CreateCapacityReservationBySplittingInput{SourceCapacityReservationId: w.reservation(2), InstanceCount: 1}),
		"MoveCapacityReservationInstances":     of(&api.MoveCapacityReservationInstances, &api.MoveCapacityReservationInstancesInput{SourceCapacityReservationId: w.reservation(2), DestinationCapacityReservationId: w.reservation(2), InstanceCount: 1}),
		"DescribeCapacityReservationTopology":  of(&api.DescribeCapacityReservationTopology, &api.DescribeCapacityReservationTopologyInput{}),
		"DescribeCapacityReservations":         of(&api.DescribeCapacityReservations, &api.DescribeCapacityReservationsInput{}),
		"GetCapacityReservationUsage":          of(&api.GetCapacityReservationUsage, &api.GetCapacityReservationUsageInput{CapacityReservationId: capacity}),
		"GetGroupsForCapacityReservation":      of(&api.GetGroupsForCapacityReservation, &api.GetGroupsForCapacityReservationInput{CapacityReservationId: capacity}),
		"ModifyInstanceCapacityReservationAttributes": of(&api.ModifyInstanceCapacityReservationAttributes, &api.ModifyInstanceCapacityReservationAttributesInput{
			InstanceId: stopped, CapacityReservationSpecification: api.CapacityReservationSpecification{CapacityReservationPreference: new("none")},
		}),
		"CreateCapacityReservationFleet":    of(&api.CreateCapacityReservationFleet, &api.CreateCapacityReservationFleetInput{TotalTargetCapacity: 1, InstanceTypeSpecifications: spec}),
		"ModifyCapacityReservationFleet":    of(&api.ModifyCapacityReservationFleet, &api.ModifyCapacityReservationFleetInput{CapacityReservationFleetId: fleet, TotalTargetCapacity: new(int32(2))}),
		"CancelCapacityReservationFleets":   of(&api.CancelCapacityReservationFleets, &api.CancelCapacityReservationFleetsInput{CapacityReservationFleetIds: []string{fleet}}),
		"DescribeCapacityReservationFleets": of(&api.DescribeCapacityReservationFleets, &api.DescribeCapacityReservationFleetsInput{}),
		"DescribeCapacityBlockOfferings":    of(&api.DescribeCapacityBlockOfferings, &api.DescribeCapacityBlockOfferingsInput{InstanceType: "p5.48xlarge", InstanceCount: 1, CapacityDurationHours: 24}),
		"PurchaseCapacityBlock": {[]string{"ec2:PurchaseCapacityBlock"}, refused(&api.PurchaseCapacityBlock,
			&api.PurchaseCapacityBlockInput{CapacityBlockOfferingId: "cb-0123456789abcdef0", InstancePlatform: "Linux/UNIX"}, "InvalidCapacityBlockOfferingId.NotFound")},

		"AllocateHosts":                     of(&api.AllocateHosts, &api.AllocateHostsInput{AvailabilityZone: new("us-east-1a"), InstanceType: new("m5.large")}),
		"ModifyHosts":                       of(&api.ModifyHosts, &api.ModifyHostsInput{HostIds: hosts, AutoPlacement: new("off")}),
		"ReleaseHosts":                      of(&api.ReleaseHosts, &api.ReleaseHostsInput{HostIds: hosts[:1]}),
		"DescribeMacHosts":                  of(&api.DescribeMacHosts, &api.DescribeMacHostsInput{}),
		"DescribeHosts":                     of(&api.DescribeHosts, &api.DescribeHostsInput{}),
		"DescribeHostReservationOfferings":  of(&api.DescribeHostReservationOfferings, &api.DescribeHostReservationOfferingsInput{}),
		"GetHostReservationPurchasePreview": of(&api.GetHostReservationPurchasePreview, &api.GetHostReservationPurchasePreviewInput{HostIdSet: hosts[1:], OfferingId: hostOffering}),
		"PurchaseHostReservation":           of(&api.PurchaseHostReservation, &api.PurchaseHostReservationInput{HostIdSet: hosts[1:], OfferingId: hostOffering}),
		"DescribeHostReservations":          of(&api.DescribeHostReservations, &api.DescribeHostReservationsInput{}),

		"DescribeReservedInstancesOfferings":     of(&api.DescribeReservedInstancesOfferings, &api.DescribeReservedInstancesOfferingsInput{}),
		"PurchaseReservedInstancesOffering":      of(&api.PurchaseReservedInstancesOffering, &api.PurchaseReservedInstancesOfferingInput{ReservedInstancesOfferingId: offering, InstanceCount: 1}),
		"DescribeReservedInstances":              of(&api.DescribeReservedInstances, &api.DescribeReservedInstancesInput{}),
		"DeleteQueuedReservedInstances":          of(&api.DeleteQueuedReservedInstances, &api.DeleteQueuedReservedInstancesInput{ReservedInstancesIds: []string{listed}}),
		"ModifyReservedInstances":                of(&api.ModifyReservedInstances, &api.ModifyReservedInstancesInput{ReservedInstancesIds: []string{modified}, TargetConfigurations: []api.ReservedInstancesConfiguration{{InstanceCount: new(int32(1)), AvailabilityZone: new("us-east-1a")}}}),
		"DescribeReservedInstancesModifications": of(&api.DescribeReservedInstancesModifications, &api.DescribeReservedInstancesModificationsInput{}),
		"GetReservedInstancesExchangeQuote":      of(&api.GetReservedInstancesExchangeQuote, &api.GetReservedInstancesExchangeQuoteInput{ReservedInstanceIds: []string{traded}, TargetConfigurations: trade}),
		"AcceptReservedInstancesExchangeQuote":   of(&api.AcceptReservedInstancesExchangeQuote, &api.AcceptReservedInstancesExchangeQuoteInput{ReservedInstanceIds: []string{traded}, TargetConfigurations: trade}),
		"CreateReservedInstancesListing":         of(&api.CreateReservedInstancesListing, list("second")),
		"CancelReservedInstancesListing":         of(&api.CancelReservedInstancesListing, &api.CancelReservedInstancesListingInput{ReservedInstancesListingId: listing}),
		"DescribeReservedInstancesListings":      of(&api.DescribeReservedInstancesListings, &api.DescribeReservedInstancesListingsInput{}),

		"RegisterInstanceEventNotificationAttributes":   of(&api.RegisterInstanceEventNotificationAttributes, &api.RegisterInstanceEventNotificationAttributesInput{InstanceTagAttribute: api.RegisterInstanceTagAttributeRequest{InstanceTagKeys: []string{"a"}}}),
		"DeregisterInstanceEventNotificationAttributes": of(&api.DeregisterInstanceEventNotificationAttributes, &api.DeregisterInstanceEventNotificationAttributesInput{InstanceTagAttribute: api.DeregisterInstanceTagAttributeRequest{InstanceTagKeys: []string{"a"}}}),
		"DescribeInstanceEventNotificationAttributes":   of(&api.DescribeInstanceEventNotificationAttributes, &api.DescribeInstanceEventNotificationAttributesInput{}),

		"DescribeElasticGpus": of(&api.DescribeElasticGpus, &api.DescribeElasticGpusInput{}),
		"DescribeScheduledInstanceAvailability": of(&api.DescribeScheduledInstanceAvailability, &api.DescribeScheduledInstanceAvailabilityInput{
			FirstSlotStartTimeRange: api.SlotDateTimeRangeRequest{EarliestTime: nodetest.Epoch, LatestTime: nodetest.Epoch.Add(time.Hour)}, Recurrence: api.ScheduledInstanceRecurrenceRequest{Frequency: new("Daily")},
		}),
		"DescribeScheduledInstances": of(&api.DescribeScheduledInstances, &api.DescribeScheduledInstancesInput{}),
		"PurchaseScheduledInstances": {[]string{"ec2:PurchaseScheduledInstances"}, refused(&api.PurchaseScheduledInstances,
			&api.PurchaseScheduledInstancesInput{PurchaseRequests: []api.PurchaseRequest{{InstanceCount: 1, PurchaseToken: "t"}}}, "UnsupportedOperation")},
		"RunScheduledInstances": {[]string{"ec2:RunScheduledInstances"}, refused(&api.RunScheduledInstances,
			&api.RunScheduledInstancesInput{ScheduledInstanceId: "sci-1", LaunchSpecification: api.ScheduledInstancesLaunchSpecification{ImageId: image()}}, "InvalidScheduledInstance")},
	}
}

// refused is a call that is always answered with an error.
func refused[In, Out any](op *cloud.Op[In, Out], in In, want string) func(*cloud.Call) error {
	return func(c *cloud.Call) error {
		if _, err := op.Call(c, in); code(err) != want {
			return err
		}
		return nil
	}
}
