// Package resource is what everything in EC2 has in common: ids, tags,
// filters, pages, dry runs, idempotency tokens and the errors of all of them.
// The rooms of EC2 (vpc, instance, ebs, image) build on it.
//
//	id.go        ids and their form
//	registry.go  every resource with its tags: one row each
//	tag.go       CreateTags, DeleteTags, DescribeTags, tag specifications
//	filter.go    Filter.N
//	list.go      what Describe operations do: ids, filters, pages
//	token.go     ClientToken
//	dryrun.go    DryRun
//	access.go    what authorisation sees of a resource
//	errors.go    errors that belong to no resource in particular
package resource
