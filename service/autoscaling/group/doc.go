// Package group is the core of Auto Scaling: groups, their instances, and the
// controller that brings what is there to what is wanted.
//
//	record.go    groups and their instances, as they are kept
//	room.go      the keeper, what others tell it, its operations
//	capacity.go  what is desired, and by whom (cause.go)
//	keep.go      the controller: one step after another until nothing changes
//	scene.go     what the controller looks at
//	lifecycle.go the way of an instance into service, exit.go out of it
//	hook.go      lifecycle hooks, announce.go what their targets are told
//	health.go    who is unhealthy, watch.go who looks often
//	traffic.go   load balancers and target groups
//	renew.go     instances whose root volume is replaced
//	replace.go   instances that others take the place of, spot.go those at risk
//	resize.go    growing, shrinking, evening out zones
//	grow.go      launches, recipe.go what of, mixed.go which types and markets
//	choose.go    who goes first
//	pool.go      instances of the warm pool
//	activity.go  what was done, forget.go until when that is remembered
//
// The rest are operations, in files named for what they are about. Everything
// in EC2 and at load balancers is done through their APIs, as the account
// itself.
package group
