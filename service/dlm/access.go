package dlm

import (
	"strings"

	api "pileus/api/dlm"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondatalifecyclemanager.html
func access() []cloud.Access {
	return []cloud.Access{
		api.CreateLifecyclePolicy.Decides([]string{"dlm:CreateLifecyclePolicy", "dlm:TagResource", "iam:PassRole"}, checkCreate),
		api.GetLifecyclePolicies.Needs("dlm:GetLifecyclePolicies", nil),
		onPolicy(&api.GetLifecyclePolicy, func(in *api.GetLifecyclePolicyInput) string { return in.PolicyId }, nil),
		onPolicy(&api.DeleteLifecyclePolicy, func(in *api.DeleteLifecyclePolicyInput) string { return in.PolicyId }, nil),
		api.UpdateLifecyclePolicy.Decides([]string{"dlm:UpdateLifecyclePolicy", "iam:PassRole"}, func(c *cloud.Call, r store.Reader, in *api.UpdateLifecyclePolicyInput) ([]cloud.Check, error) {
			checks := []cloud.Check{check(c, r, "dlm:UpdateLifecyclePolicy", in.PolicyId, nil)}
			if in.ExecutionRoleArn != nil {
				checks = append(checks, identity.PassRole(r, *in.ExecutionRoleArn, serviceName))
			}
			return checks, nil
		}),
		onPolicy(&api.TagResource, func(in *api.TagResourceInput) string { return idOf(in.ResourceArn) }, func(in *api.TagResourceInput) cloud.Keys { return cloud.TagKeys(in.Tags) }),
		onPolicy(&api.UntagResource, func(in *api.UntagResourceInput) string { return idOf(in.ResourceArn) }, func(in *api.UntagResourceInput) cloud.Keys {
			return cloud.Keys{"aws:tagkeys": in.TagKeys}
		}),
		onPolicy(&api.ListTagsForResource, func(in *api.ListTagsForResourceInput) string { return idOf(in.ResourceArn) }, nil),
	}
}

func idOf(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

func check(c *cloud.Call, r store.Reader, action, id string, keys cloud.Keys) cloud.Check {
	k := cloud.Check{Action: action, Resource: cloud.Resource{ARN: c.ARN("dlm", "policy/"+id)}, Keys: keys}
	if p, err := find(c, r, id); err == nil {
		k.Resource.Tags = p.Tags
	}
	return k
}

// onPolicy declares an operation on one policy.
func onPolicy[In, Out any](o *cloud.Op[In, Out], id func(In) string, keys func(In) cloud.Keys) cloud.Access {
	action := "dlm:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		var k cloud.Keys
		if keys != nil {
			k = keys(in)
		}
		return []cloud.Check{check(c, r, action, id(in), k)}, nil
	})
}

func checkCreate(c *cloud.Call, r store.Reader, in *api.CreateLifecyclePolicyInput) ([]cloud.Check, error) {
	keys := cloud.TagKeys(in.Tags)
	res := cloud.Resource{ARN: c.ARN("dlm", "policy/*")}
	checks := []cloud.Check{{Action: "dlm:CreateLifecyclePolicy", Resource: res, Keys: keys}, identity.PassRole(r, in.ExecutionRoleArn, serviceName)}
	if len(in.Tags) > 0 {
		checks = append(checks, cloud.Check{Action: "dlm:TagResource", Resource: res, Keys: keys})
	}
	return checks, nil
}
