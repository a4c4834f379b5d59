package dlm

import (
	"maps"
	"slices"
	"strings"
	"time"

	api "pileus/api/dlm"
	"pileus/cloud"
	"pileus/store"
)

const (
	maxPolicies = 100 // https://docs.aws.amazon.com/ebs/latest/userguide/dlm-service-quotas.html
	hexDigits   = "0123456789abcdef"
	day         = 24 * time.Hour
)

// policy is a lifecycle policy.
type policy struct {
	Account, Region, ID string
	Description         string
	State               string // "ENABLED", "DISABLED", "ERROR"
	Message             string
	Role                string // ARN
	Created, Modified   time.Time
	Details             *api.PolicyDetails
	Default             bool
	Tags                map[string]string
	Next                []time.Time // when each schedule runs next; zero: never
}

var policies = &store.Table[policy]{
	Name: "dlm.policy",
	Key:  func(p *policy) store.Key { return store.K(p.Account, p.Region, p.ID) },
}

func find(c *cloud.Call, r store.Reader, id string) (*policy, error) {
	if p, ok := policies.Get(r, c.Account, c.Region, id); ok {
		return p, nil
	}
	return nil, errNoPolicy(id)
}

func (p *policy) arn() string {
	return cloud.ARN{Partition: "aws", Service: "dlm", Region: p.Region, Account: p.Account, Resource: "policy/" + p.ID}.String()
}

// key names a schedule of the policy for a controller.
func (p *policy) key(schedule int) store.Key { return store.K(p.Account, p.Region, p.ID, schedule) }

// put writes a policy and has its schedules run when they are due.
func (p *policy) put(c *cloud.Call, tx store.Tx) {
	p.Next = make([]time.Time, len(p.Details.Schedules))
	for i := range p.Details.Schedules {
		if at, ok := next(p.Details.Schedules[i].CreateRule, c.Now); ok && p.enabled() {
			p.Next[i] = at
			tx.After(at, runController, p.key(i))
		}
	}
	policies.Put(tx, p)
}

// enabled tells whether the policy runs: one in error goes on trying.
func (p *policy) enabled() bool { return p.State != api.SettablePolicyStateValuesDisabled }

func createPolicy(c *cloud.Call, tx store.Tx, in *api.CreateLifecyclePolicyInput) (*api.CreateLifecyclePolicyOutput, error) {
	p := &policy{
		Account: c.Account, Region: c.Region, ID: "policy-0" + c.Rand().String(16, hexDigits), Description: in.Description,
		State: in.State, Role: in.ExecutionRoleArn, Created: c.Now, Modified: c.Now, Details: in.PolicyDetails, Tags: in.Tags,
	}
	if in.DefaultPolicy != nil {
		if in.PolicyDetails != nil && in.PolicyDetails.Schedules != nil {
			return nil, errInvalid("DefaultPolicy and PolicyDetails cannot be used together.")
		}
		p.Default = true
		p.Details = &api.PolicyDetails{
			PolicyLanguage: new(api.PolicyLanguageValuesSimplified), ResourceType: in.DefaultPolicy, CreateInterval: in.CreateInterval,
			RetainInterval: in.RetainInterval, CopyTags: in.CopyTags, ExtendDeletion: in.ExtendDeletion,
			CrossRegionCopyTargets: in.CrossRegionCopyTargets, Exclusions: in.Exclusions,
		}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	n := 0
	for q := range policies.Scan(tx, c.Account, c.Region) {
		if n++; p.Default && q.Default && *q.Details.ResourceType == *p.Details.ResourceType {
			return nil, errInvalid("There is a default policy for %s in this Region already.", *p.Details.ResourceType)
		}
	}
	if n >= maxPolicies {
		return nil, errLimit(maxPolicies)
	}
	p.put(c, tx)
	return &api.CreateLifecyclePolicyOutput{PolicyId: &p.ID}, nil
}

func getPolicy(c *cloud.Call, r store.Reader, in *api.GetLifecyclePolicyInput) (*api.GetLifecyclePolicyOutput, error) {
	p, err := find(c, r, in.PolicyId)
	if err != nil {
		return nil, err
	}
	message := p.Message
	if message == "" {
		message = p.State
	}
	shown := *p.Details
	shown.PolicyType = new(p.kind())
	if p.Default {
		shown.Schedules = nil // they follow from the rest
	}
	return &api.GetLifecyclePolicyOutput{Policy: &api.LifecyclePolicy{
		PolicyId: &p.ID, PolicyArn: new(p.arn()), Description: &p.Description, State: &p.State, StatusMessage: &message,
		ExecutionRoleArn: &p.Role, DateCreated: &p.Created, DateModified: &p.Modified, PolicyDetails: &shown, Tags: p.Tags,
		DefaultPolicy: &p.Default,
	}}, nil
}

func getPolicies(c *cloud.Call, r store.Reader, in *api.GetLifecyclePoliciesInput) (*api.GetLifecyclePoliciesOutput, error) {
	out := &api.GetLifecyclePoliciesOutput{Policies: []api.LifecyclePolicySummary{}}
	seen := map[string]bool{}
	for p := range policies.Scan(r, c.Account, c.Region) {
		seen[p.ID] = true
		if p.passes(in) {
			out.Policies = append(out.Policies, api.LifecyclePolicySummary{
				PolicyId: &p.ID, Description: &p.Description, State: &p.State, Tags: p.Tags, PolicyType: new(p.kind()), DefaultPolicy: &p.Default,
			})
		}
	}
	for _, id := range in.PolicyIds {
		if !seen[id] {
			return nil, errNoPolicy(id)
		}
	}
	return out, nil
}

// kind is the policy's type.
func (p *policy) kind() string {
	if p.Default && *p.Details.ResourceType == api.DefaultPolicyTypeValuesInstance {
		return api.PolicyTypeValuesImageManagement
	}
	return cloud.Or(p.Details.PolicyType, api.PolicyTypeValuesEbsSnapshotManagement)
}

// passes tells whether a policy is among those that are asked for.
func (p *policy) passes(in *api.GetLifecyclePoliciesInput) bool {
	if len(in.PolicyIds) > 0 && !slices.Contains(in.PolicyIds, p.ID) || in.State != nil && p.State != *in.State {
		return false
	}
	if t := cloud.Or(in.DefaultPolicyType, ""); t != "" && (!p.Default || t != api.DefaultPoliciesTypeValuesAll && t != *p.Details.ResourceType) {
		return false
	}
	if len(in.ResourceTypes) > 0 && !slices.ContainsFunc(in.ResourceTypes, func(t string) bool { return slices.Contains(p.Details.ResourceTypes, t) }) {
		return false
	}
	if len(in.TargetTags) > 0 && !anyTag(in.TargetTags, p.Details.TargetTags) {
		return false
	}
	var added []api.Tag
	for _, s := range p.Details.Schedules {
		added = append(added, s.TagsToAdd...)
	}
	return len(in.TagsToAdd) == 0 || anyTag(in.TagsToAdd, added)
}

// anyTag tells whether one of "key=value" is among tags.
func anyTag(want []string, have []api.Tag) bool {
	return slices.ContainsFunc(have, func(t api.Tag) bool { return slices.Contains(want, t.Key+"="+t.Value) })
}

func updatePolicy(c *cloud.Call, tx store.Tx, in *api.UpdateLifecyclePolicyInput) (*api.UpdateLifecyclePolicyOutput, error) {
	p, err := find(c, tx, in.PolicyId)
	if err != nil {
		return nil, err
	}
	p.Role, p.Description = cloud.Or(in.ExecutionRoleArn, p.Role), cloud.Or(in.Description, p.Description)
	if in.State != nil {
		p.State, p.Message = *in.State, ""
	}
	d := *p.Details
	switch {
	case in.PolicyDetails != nil && p.Default:
		return nil, errInvalid("PolicyDetails cannot be used with a default policy.")
	case in.PolicyDetails != nil:
		change(&d, in.PolicyDetails)
	case p.Default:
		replace(&d.CreateInterval, in.CreateInterval)
		replace(&d.RetainInterval, in.RetainInterval)
		replace(&d.CopyTags, in.CopyTags)
		replace(&d.ExtendDeletion, in.ExtendDeletion)
		replace(&d.Exclusions, in.Exclusions)
		if in.CrossRegionCopyTargets != nil {
			d.CrossRegionCopyTargets = in.CrossRegionCopyTargets
		}
		d.Schedules = nil
	}
	p.Details, p.Modified = &d, c.Now
	if err := p.check(); err != nil {
		return nil, err
	}
	p.put(c, tx)
	return &api.UpdateLifecyclePolicyOutput{}, nil
}

// change takes over what an update names; the rest of a policy stays as it is.
func change(d, in *api.PolicyDetails) {
	replace(&d.PolicyType, in.PolicyType)
	replace(&d.PolicyLanguage, in.PolicyLanguage)
	replace(&d.Parameters, in.Parameters)
	replace(&d.EventSource, in.EventSource)
	replaceList(&d.ResourceTypes, in.ResourceTypes)
	replaceList(&d.ResourceLocations, in.ResourceLocations)
	replaceList(&d.TargetTags, in.TargetTags)
	replaceList(&d.Schedules, in.Schedules)
	replaceList(&d.Actions, in.Actions)
}

func replaceList[T any](to *[]T, v []T) {
	if v != nil {
		*to = v
	}
}

func replace[T any](to **T, v *T) {
	if v != nil {
		*to = v
	}
}

// deletePolicy forgets a policy. What it has made stays, as on AWS.
func deletePolicy(c *cloud.Call, tx store.Tx, in *api.DeleteLifecyclePolicyInput) (*api.DeleteLifecyclePolicyOutput, error) {
	p, err := find(c, tx, in.PolicyId)
	if err != nil {
		return nil, err
	}
	policies.Delete(tx, p.Account, p.Region, p.ID)
	mades.DeleteAll(tx, p.Account, p.Region, p.ID)
	return &api.DeleteLifecyclePolicyOutput{}, nil
}

// sortedTags are tags of a map in order, without what AWS itself has set.
func sortedTags(m map[string]string) (list []api.Tag) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if !strings.HasPrefix(k, "aws:") {
			list = append(list, api.Tag{Key: k, Value: m[k]})
		}
	}
	return list
}
