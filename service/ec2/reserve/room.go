// Package reserve is what EC2 sets aside: capacity in a zone, hosts of one's
// own, and lower prices for those who commit themselves.
//
//	room.go        what reservations have their say about, and its operations
//	capacity.go    capacity reservations
//	place.go       instances in capacity reservations and on dedicated hosts
//	capacityfleet.go  fleets of capacity reservations, capacity blocks
//	host.go        dedicated hosts
//	hostreservation.go  their reservations
//	reserved.go    reserved instances: records, purchase, end
//	offering.go    what is offered
//	modify.go      modifications of reserved instances
//	exchange.go    exchanges of convertible ones
//	listing.go     listings in the marketplace
//	billing.go     how all of these change the bill
//	notify.go      which tags event notifications show
//	retired.go     what AWS offers no more
package reserve

import (
	"pileus/cloud"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
)

// Room is the part of EC2 that is reservations.
func Room(instances *instance.Room) resource.Room {
	h := &instances.Hooks
	h.Launching = append(h.Launching, placeHost, placeCapacity)
	h.Changed = append(h.Changed, changed)
	h.Billing = billing
	return resource.Room{
		Operations: bindings(), Access: access(), Stored: stored,
		Controllers: []cloud.Controller{
			{Name: capacityController, Reconcile: expireCapacity},
			{Name: reservedController, Reconcile: followReserved},
			{Name: modificationController, Reconcile: fulfilModification},
			{Name: hostReservationController, Reconcile: retireHostReservation},
		},
	}
}
