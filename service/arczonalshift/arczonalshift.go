// Package arczonalshift is Zonal Shift of the Application Recovery Controller: it
// moves the traffic of load balancers and the launches of Auto Scaling groups
// away from an availability zone, because somebody says so, because a practice
// run is due, or because the zone is dark.
//
//	record.go     what is kept
//	shift.go      shifts that somebody starts, changes and cancels
//	resource.go   the resources that there are, and which shift is in effect
//	practice.go   configurations of practice runs, and runs on demand
//	window.go     when practice runs may start
//	autoshift.go  zones that are dark, and the resources that leave them
//	keep.go       the controller that leads a resource's shifts to their end
//	run.go        practice runs that begin, and that alarms end
//	alarm.go      alarms of practice runs
//	capacity.go   whether a resource can do without a zone
//	access.go     who may
//	errors.go     errors
//
// Which resources there are, and where their traffic goes, lies in zone/shift:
// the services that own them write the one and follow the other.
package arczonalshift

import (
	api "pileus/api/arczonalshift"
	"pileus/cloud"
	"pileus/store"
	"pileus/zone"
	"pileus/zone/shift"
)

// Module is the service.
func Module() cloud.Module {
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.StartZonalShift.Update(startZonalShift),
			api.UpdateZonalShift.Update(updateZonalShift),
			api.CancelZonalShift.Update(cancelZonalShift),
			api.ListZonalShifts.View(listZonalShifts),
			api.GetManagedResource.View(getManagedResource),
			api.ListManagedResources.View(listManagedResources),
			api.CreatePracticeRunConfiguration.Update(createPracticeRunConfiguration),
			api.UpdatePracticeRunConfiguration.Update(updatePracticeRunConfiguration),
			api.DeletePracticeRunConfiguration.Update(deletePracticeRunConfiguration),
			api.StartPracticeRun.Update(startPracticeRun),
			api.CancelPracticeRun.Update(cancelPracticeRun),
			api.UpdateZonalAutoshiftConfiguration.Update(updateZonalAutoshiftConfiguration),
			api.ListAutoshifts.View(listAutoshifts),
			api.GetAutoshiftObserverNotificationStatus.View(getObserver),
			api.UpdateAutoshiftObserverNotificationStatus.Update(updateObserver).Partial("the status is kept; there is no EventBridge that would be told"),
		},
		Access: access(),
		Controllers: []cloud.Controller{
			{Name: shift.Controller, Reconcile: keep},
			{Name: zone.Autoshift, Reconcile: follow},
		},
		Count: func(r store.Reader) map[string]int {
			n := 0
			for s := range shifts.Scan(r) {
				if s.active() {
					n++
				}
			}
			return map[string]int{"zonal shifts": n}
		},
	}
}
