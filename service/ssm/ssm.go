// Package ssm is Systems Manager's Parameter Store: named values with
// versions, labels, history and policies, and the public parameters in which
// AWS keeps the ids of its images.
//
//	parameter.go   records of parameters and their versions
//	name.go        names, ARNs and selectors
//	put.go         PutParameter
//	get.go         GetParameter, GetParameters, GetParametersByPath, history
//	describe.go    DescribeParameters and its filters
//	delete.go      deletion and expiration
//	label.go       labels of versions
//	public.go      what lies under /aws/service
//	share.go       resource policies
//	tag.go         tags
package ssm

import (
	api "pileus/api/ssm"
	"pileus/cloud"
	"pileus/store"
)

// Module lists what the service offers; see cloud.Module.
func Module() cloud.Module {
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.AddTagsToResource.Update(addTagsToResource),
			api.DeleteParameter.Update(deleteParameter),
			api.DeleteParameters.Update(deleteParameters),
			api.DeleteResourcePolicy.Update(deleteResourcePolicy),
			api.DescribeParameters.View(describeParameters),
			api.GetParameter.View(getParameter),
			api.GetParameterHistory.View(getParameterHistory),
			api.GetParameters.View(getParameters),
			api.GetParametersByPath.View(getParametersByPath),
			api.GetResourcePolicies.View(getResourcePolicies),
			api.LabelParameterVersion.Update(labelParameterVersion),
			api.ListTagsForResource.View(listTagsForResource),
			api.PutParameter.Update(putParameter).Partial("the ExpirationNotification and NoChangeNotification policies are kept and announce nothing: EventBridge is not built"),
			api.PutResourcePolicy.Update(putResourcePolicy),
			api.RemoveTagsFromResource.Update(removeTagsFromResource),
			api.UnlabelParameterVersion.Update(unlabelParameterVersion),
		},
		Access:      access(),
		Controllers: []cloud.Controller{{Name: expireController, Reconcile: expire}},
		Count: func(r store.Reader) map[string]int {
			n := 0
			for range parameters.Scan(r) {
				n++
			}
			return map[string]int{"parameters": n}
		},
	}
}
