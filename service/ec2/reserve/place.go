package reserve

import (
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

var (
	errReserved = resource.Errorf("ReservationCapacityExceeded", "The requested reservation does not have sufficient compatible and available capacity for this request.")
	errNoHosts  = resource.Errorf("InsufficientHostCapacity", "There is not enough capacity to fulfill your Dedicated Host request.")
)

// placeCapacity puts a new instance into the capacity reservation that it is
// meant for, or into an open one that matches.
func placeCapacity(c *cloud.Call, tx store.Tx, _ *api.RunInstancesInput, i *instance.Instance) error {
	if i.LifeCycle == "spot" {
		if i.CapacityTarget != "" {
			return resource.Combination("Spot Instances cannot run in Capacity Reservations.")
		}
		return nil
	}
	id, err := reservationFor(c, tx, i)
	i.CapacityReservation = id
	return err
}

// reservationFor is the reservation that an instance runs in; "" for none.
func reservationFor(c *cloud.Call, r store.Reader, i *instance.Instance) (string, error) {
	if i.CapacityTarget != "" {
		x, err := findCapacity(c, r, i.CapacityTarget)
		if err != nil {
			return "", err
		}
		if !x.matches(i) || x.used(r) >= x.Total {
			return "", errReserved
		}
		return x.ID, nil
	}
	if i.CapacityPreference == "none" {
		return "", nil
	}
	for x := range capacities.Scan(r, i.Account, i.Region) {
		if !x.Targeted && x.matches(i) && x.used(r) < x.Total {
			return x.ID, nil
		}
	}
	if i.CapacityPreference == "capacity-reservations-only" {
		return "", errReserved
	}
	return "", nil
}

// placeHost puts a new instance of tenancy host on a dedicated host.
func placeHost(c *cloud.Call, tx store.Tx, _ *api.RunInstancesInput, i *instance.Instance) error {
	if i.Placement.Tenancy != "host" {
		return nil
	}
	if i.LifeCycle == "spot" {
		return resource.Combination("Spot Instances cannot have the tenancy 'host'.")
	}
	if id := i.Placement.Host; id != "" {
		h, err := findHost(c, tx, id)
		if err != nil {
			return err
		}
		return h.admit(tx, i)
	}
	h := hostFor(c, tx, i)
	if h == nil {
		return errNoHosts
	}
	i.Placement.Host = h.ID
	return nil
}

// hostFor is a host that takes instances by itself and has room for one.
func hostFor(c *cloud.Call, r store.Reader, i *instance.Instance) *host {
	for h := range hosts.Scan(r, c.Account, c.Region) {
		if h.Auto && h.admit(r, i) == nil {
			return h
		}
	}
	return nil
}

// admit tells why a host cannot take an instance.
func (h *host) admit(r store.Reader, i *instance.Instance) error {
	switch {
	case h.State != "available":
		return resource.Errorf("InvalidHostState", "The Dedicated Host '%s' is not in the 'available' state.", h.ID)
	case h.Zone != i.Zone:
		return resource.Errorf("InvalidParameterValue", "The Dedicated Host '%s' is in the Availability Zone %s, not in %s.", h.ID, h.Zone, i.Zone)
	case !slices.Contains(h.types(), i.Type):
		return resource.Errorf("InvalidParameterValue", "The Dedicated Host '%s' does not support the instance type '%s'.", h.ID, i.Type)
	case vcpus(i.Type) > h.free(r, i.ID):
		return errNoHosts
	}
	return nil
}

// changed follows the states of instances: one that has stopped leaves its
// place, and finds one again when it is started.
func changed(c *cloud.Call, tx store.Tx, i *instance.Instance, from instance.State) {
	leaves := i.State == instance.Stopped || i.State == instance.Terminated
	returns := i.State == instance.Pending && from == instance.Stopped
	if !leaves && !returns || i.LifeCycle == "spot" {
		return
	}
	reservation, on := i.CapacityReservation, i.Placement.Host
	if leaves {
		reservation = ""
	}
	if returns {
		// A target without room leaves the instance outside: it runs on demand.
		reservation, _ = reservationFor(c, tx, i)
		if i.Placement.Tenancy == "host" && i.Placement.Affinity != "host" {
			if h := hostFor(c, tx, i); h != nil {
				on = h.ID
			}
		}
	}
	if reservation == i.CapacityReservation && on == i.Placement.Host {
		return
	}
	// The record is there: the change that is followed has just written it.
	_ = instance.Amend(c, tx, i.ID, func(i *instance.Instance) { i.CapacityReservation, i.Placement.Host = reservation, on })
}
