// Package rbin is the Recycle Bin: retention rules for snapshots and images
// that are deleted. The services that own these ask for the rules; what is in
// the bin is theirs.
//
//	rule.go     retention rules
//	lock.go     rules that cannot be changed for a while
//	tag.go      tags of rules
//	access.go   who may
//	errors.go   errors
package rbin

import (
	api "pileus/api/rbin"
	"pileus/cloud"
	"pileus/store"
)

// Module is the service.
func Module() cloud.Module {
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.CreateRule.Update(createRule),
			api.GetRule.View(getRule),
			api.ListRules.View(listRules),
			api.UpdateRule.Update(updateRule),
			api.DeleteRule.Update(deleteRule),
			api.LockRule.Update(lockRule),
			api.UnlockRule.Update(unlockRule),
			api.TagResource.Update(tagResource),
			api.UntagResource.Update(untagResource),
			api.ListTagsForResource.View(listTags),
		},
		Access: access(),
		Count: func(r store.Reader) map[string]int {
			n := 0
			for range rules.Scan(r) {
				n++
			}
			return map[string]int{"retention rules": n}
		},
	}
}
