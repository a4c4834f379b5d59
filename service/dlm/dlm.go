// Package dlm is the Data Lifecycle Manager: policies that have snapshots and
// images made on a schedule, and removed when they are old.
//
//	policy.go    policies and their operations
//	check.go     what a policy must be like
//	schedule.go  when a schedule runs
//	cron.go      cron expressions
//	run.go       a run: targets, snapshots
//	image.go     a run that makes images
//	follow.go    what is done with a snapshot once it is complete
//	retain.go    what has grown too old
//	role.go      the role that a policy acts as
//	tag.go       tags of policies
//	access.go    who may
//	errors.go    errors
//
// Everything is done through EC2's API as the policy's role: what the role may
// not do, the policy does not.
package dlm

import (
	api "pileus/api/dlm"
	"pileus/cloud"
	"pileus/store"
)

// The controllers: a schedule's next run, by policy and number; a snapshot
// that is not complete yet; what a schedule keeps.
const (
	runController    = "dlm.run"
	followController = "dlm.follow"
	retainController = "dlm.retain"
)

// Module is the service.
func Module() cloud.Module {
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.CreateLifecyclePolicy.Update(createPolicy).Partial("no event-based policies, Outposts or scripts"),
			api.GetLifecyclePolicy.View(getPolicy),
			api.GetLifecyclePolicies.View(getPolicies),
			api.UpdateLifecyclePolicy.Update(updatePolicy),
			api.DeleteLifecyclePolicy.Update(deletePolicy),
			api.TagResource.Update(tagResource),
			api.UntagResource.Update(untagResource),
			api.ListTagsForResource.View(listTags),
		},
		Access: access(),
		Controllers: []cloud.Controller{
			{Name: runController, Reconcile: run},
			{Name: followController, Reconcile: follow},
			{Name: retainController, Reconcile: retain},
		},
		Count: func(r store.Reader) map[string]int {
			n := 0
			for range policies.Scan(r) {
				n++
			}
			return map[string]int{"lifecycle policies": n}
		},
	}
}
