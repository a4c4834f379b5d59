package cloud

import (
	"maps"
	"slices"
	"strings"

	"pileus/policy"
	"pileus/store"
)

// Resource is what an operation acts on, as authorisation sees it.
type Resource struct {
	ARN     string            // "*" where the action has no resource-level permissions
	Account string            // the owner; the call's account where empty
	Tags    map[string]string // aws:ResourceTag/...
	// Policies are the resource-based policies that apply: a bucket's or
	// queue's policy, a role's trust policy, ACLs expressed as statements.
	Policies []policy.Attached
	// Trust marks a role's trust policy: it must allow by itself, even in the
	// same account (sts:AssumeRole).
	Trust bool
}

// Check is one authorisation decision: may the principal do Action on
// Resource, with these condition keys beside the global ones.
type Check struct {
	Action   string // "s3:GetObject"
	Resource Resource
	Keys     Keys
}

// Access declares what an operation needs to be allowed to run.
type Access struct {
	Op      *OpInfo
	Actions []string // for the coverage table and the test that every operation is declared
	Open    bool     // no authorisation: sts:GetCallerIdentity
	Checks  func(*Call, store.Reader, any) ([]Check, error)
}

// Needs declares that the operation needs one action on the resource that find
// names from the input. A nil find means "*". Errors of find are the answer of
// the request (a queue that does not exist) unless the principal is denied on
// "*" already.
func (o *Op[In, Out]) Needs(action string, find func(*Call, store.Reader, In) (Resource, error)) Access {
	return Access{Op: &o.OpInfo, Actions: []string{action}, Checks: func(c *Call, r store.Reader, in any) ([]Check, error) {
		if find == nil {
			return []Check{{Action: action, Resource: Resource{ARN: "*"}}}, nil
		}
		res, err := find(c, r, in.(In))
		if err != nil {
			return nil, err
		}
		return []Check{{Action: action, Resource: res}}, nil
	}}
}

// Decides declares an operation whose checks follow from the input: several
// actions or resources, service-specific condition keys.
func (o *Op[In, Out]) Decides(actions []string, checks func(*Call, store.Reader, In) ([]Check, error)) Access {
	return Access{Op: &o.OpInfo, Actions: actions, Checks: func(c *Call, r store.Reader, in any) ([]Check, error) {
		return checks(c, r, in.(In))
	}}
}

// Anyone declares an operation that needs no permission.
func (o *Op[In, Out]) Anyone() Access { return Access{Op: &o.OpInfo, Open: true} }

// TagKeys are the condition keys of tags that a request brings: aws:TagKeys and
// aws:RequestTag/key.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
func TagKeys(tags map[string]string) Keys {
	keys := Keys{}
	for k, v := range tags {
		keys["aws:requesttag/"+strings.ToLower(k)] = []string{v}
	}
	if len(tags) > 0 {
		keys["aws:tagkeys"] = slices.Sorted(maps.Keys(tags))
	}
	return keys
}
