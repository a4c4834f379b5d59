// Package market is how EC2 sells what it has left: spot instances, and fleets
// that buy them together with instances on demand.
//
//	room.go         what the market has its say about, and its operations
//	request.go      spot instance requests: records, states, status codes
//	spot.go         RequestSpotInstances, cancellation, DescribeSpotInstanceRequests
//	launch.go       what RunInstances does for the market
//	fulfil.go       the controller that fulfils requests
//	interrupt.go    interruptions and their notices
//	admin.go        interruptions by hand and by experiments
//	history.go      prices and placement scores
//	datafeed.go     the hourly files of usage
//	requirements.go instance types by their attributes
//	fleet.go        fleets: records
//	createfleet.go, spotfleet.go  the two APIs of fleets
//	plan.go         what a fleet launches and ends
//	keep.go         the controller that keeps fleets at their targets
//	health.go       members that are replaced because they are unhealthy
//	events.go       histories of fleets
package market

import (
	"pileus/cloud"
	"pileus/fault"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
)

// Room is the part of EC2 that is the market.
type Room struct {
	instances *instance.Room
}

// New makes the room, and gives it its say about instances.
func New(instances *instance.Room) *Room {
	s := &Room{instances: instances}
	h := &instances.Hooks
	h.Market = checkOptions
	h.Launching = append(h.Launching, launching)
	h.Changed = append(h.Changed, changed)
	h.Interruption = interruption
	return s
}

// Room is the room as EC2's module takes it.
func (s *Room) Room() resource.Room {
	return resource.Room{Operations: s.bindings(), Access: access(), Controllers: s.controllers(), Web: web}
}

func (s *Room) controllers() []cloud.Controller {
	return []cloud.Controller{
		{Name: requestController, Reconcile: s.fulfil},
		{Name: fleetController, Reconcile: s.keep},
		{Name: feedController, Reconcile: writeFeed},
		{Name: fault.SpotController, Reconcile: interruptForExperiment},
	}
}
