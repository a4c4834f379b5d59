package reserve

import (
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// giving is a reservation that gives some of its free capacity away.
func giving(c *cloud.Call, r store.Reader, id string, count int32) (*capacity, error) {
	x, err := findCapacity(c, r, id)
	switch {
	case err != nil:
		return nil, err
	case x.State != "active":
		return nil, errNotActive(x)
	case x.committed(c.Now):
		return nil, errCommitted(x)
	case count < 1 || count > x.Total-x.used(r):
		return nil, resource.Errorf("InvalidParameterValue", "Invalid value '%d' for InstanceCount. It must be between 1 and the %d instances that are available in the Capacity Reservation '%s'.", count, x.Total-x.used(r), x.ID)
	}
	return new(*x), nil
}

// createCapacityReservationBySplitting makes a reservation like another of a part
// of what is free in it.
func createCapacityReservationBySplitting(c *cloud.Call, tx store.Tx, in *api.CreateCapacityReservationBySplittingInput) (*api.CreateCapacityReservationBySplittingOutput, error) {
	return resource.Once(c, tx, "CreateCapacityReservationBySplitting", in.ClientToken, in, func() (*api.CreateCapacityReservationBySplittingOutput, error) {
		if err := resource.OnlyTags(in.TagSpecifications, capacityKind); err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, capacityKind)
		if err != nil {
			return nil, err
		}
		source, err := giving(c, tx, in.SourceCapacityReservationId, in.InstanceCount)
		if err != nil {
			return nil, err
		}
		if in.InstanceCount == source.Total {
			return nil, resource.Errorf("InvalidParameterValue", "Invalid value '%d' for InstanceCount. The source Capacity Reservation must keep one instance at least.", in.InstanceCount)
		}
		x := new(*source)
		x.ID, x.Total, x.Created, x.Start, x.Commitment, x.Committed = resource.NewID(c, "cr"), in.InstanceCount, c.Now, time.Time{}, 0, 0
		source.Total -= in.InstanceCount
		capacities.Put(tx, source)
		resource.Register(c, tx, capacityKind, x.ID, tags)
		if err := x.open(c, tx); err != nil {
			return nil, err
		}
		return &api.CreateCapacityReservationBySplittingOutput{
			SourceCapacityReservation: source.api(c, tx), DestinationCapacityReservation: x.api(c, tx), InstanceCount: &in.InstanceCount,
		}, nil
	})
}

// moveCapacityReservationInstances gives what is free in a reservation to another
// of the same kind. One that has nothing left is cancelled.
func moveCapacityReservationInstances(c *cloud.Call, tx store.Tx, in *api.MoveCapacityReservationInstancesInput) (*api.MoveCapacityReservationInstancesOutput, error) {
	return resource.Once(c, tx, "MoveCapacityReservationInstances", in.ClientToken, in, func() (*api.MoveCapacityReservationInstancesOutput, error) {
		source, err := giving(c, tx, in.SourceCapacityReservationId, in.InstanceCount)
		if err != nil {
			return nil, err
		}
		found, err := findCapacity(c, tx, in.DestinationCapacityReservationId)
		switch {
		case err != nil:
			return nil, err
		case found.State != "active":
			return nil, errNotActive(found)
		case found.ID == source.ID:
			return nil, resource.Errorf("InvalidParameterValue", "The source and the destination Capacity Reservation must not be the same.")
		case !found.like(source):
			return nil, resource.Errorf("InvalidParameterValue", "The Capacity Reservations '%s' and '%s' must have the same instance type, platform, Availability Zone, tenancy, placement group and end time.", source.ID, found.ID)
		case found.Total+in.InstanceCount > mostCapacity:
			return nil, resource.Errorf("InvalidParameterValue", "A Capacity Reservation can hold %d instances at most.", mostCapacity)
		}
		to := new(*found)
		to.Total += in.InstanceCount
		source.Total -= in.InstanceCount
		capacities.Put(tx, source)
		if source.Total == 0 {
			if err := source.close(c, tx, "cancelled"); err != nil {
				return nil, err
			}
			source.State = "cancelled"
		}
		if err := to.open(c, tx); err != nil {
			return nil, err
		}
		return &api.MoveCapacityReservationInstancesOutput{
			SourceCapacityReservation: source.api(c, tx), DestinationCapacityReservation: to.api(c, tx), InstanceCount: &in.InstanceCount,
		}, nil
	})
}

// like tells whether capacity can move between two reservations.
func (x *capacity) like(o *capacity) bool {
	return x.Type == o.Type && x.Platform == o.Platform && x.Zone == o.Zone && x.Tenancy == o.Tenancy && x.PlacementGroup == o.PlacementGroup && x.End.Equal(o.End)
}

// describeCapacityReservationTopology tells how near to each other reservations
// are, as instances in them will be.
func describeCapacityReservationTopology(c *cloud.Call, r store.Reader, in *api.DescribeCapacityReservationTopologyInput) (*api.DescribeCapacityReservationTopologyOutput, error) {
	active := func(yield func(*capacity) bool) {
		for x := range capacities.Scan(r, c.Account, c.Region) {
			if x.State == "active" && !yield(x) {
				return
			}
		}
	}
	q := resource.Query{IDs: in.CapacityReservationIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 10, NotFound: errNoCapacity}
	page, next, err := resource.List(c, r, q, active, func(x *capacity) string { return x.ID }, resource.Fields[capacity]{
		"availability-zone": resource.One(func(x *capacity) string { return x.Zone }),
		"instance-type":     resource.One(func(x *capacity) string { return x.Type }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeCapacityReservationTopologyOutput{NextToken: next, CapacityReservations: []api.CapacityReservationTopology{}}
	for _, x := range page {
		out.CapacityReservations = append(out.CapacityReservations, api.CapacityReservationTopology{
			CapacityReservationId: &x.ID, State: &x.State, InstanceType: &x.Type, GroupName: optional(x.PlacementGroup[strings.LastIndex(x.PlacementGroup, "/")+1:]),
			NetworkNodes: instance.NetworkNodes(x.Zone, x.Type), AvailabilityZone: &x.Zone, AvailabilityZoneId: resource.ZoneID(x.Zone),
		})
	}
	return out, nil
}
