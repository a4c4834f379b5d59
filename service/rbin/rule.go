package rbin

import (
	"encoding/base64"
	"slices"
	"time"

	api "pileus/api/rbin"
	"pileus/cloud"
	"pileus/rng"
	"pileus/store"
)

// https://docs.aws.amazon.com/ebs/latest/userguide/recycle-bin-quotas.html
const (
	maxRules           = 250
	maxRetention       = 365 // days
	maxVolumeRetention = 7   // days
	maxResourceTags    = 50
	maxExcludedTags    = 5
	idLength           = 11
	defaultPage        = 1000
)

// rule is a retention rule.
type rule struct {
	Account, Region, ID string
	Type                string // "EBS_SNAPSHOT", "EBS_VOLUME", "EC2_IMAGE"
	Days                int32
	Description         string
	ResourceTags        []api.ResourceTag // empty: all of the region
	Excluded            []api.ResourceTag // what a rule of the region leaves alone
	Tags                map[string]string
	Created             time.Time

	Locked      bool
	UnlockDelay int32     // days
	Unlocks     time.Time // when a lock that was asked to end will end
}

var rules = &store.Table[rule]{
	Name: "rbin.rule",
	Key:  func(x *rule) store.Key { return store.K(x.Account, x.Region, x.ID) },
}

func find(c *cloud.Call, r store.Reader, id string) (*rule, error) {
	if x, ok := rules.Get(r, c.Account, c.Region, id); ok {
		return x, nil
	}
	return nil, errNoRule()
}

func (x *rule) arn() string {
	return cloud.ARN{Partition: "aws", Service: "rbin", Region: x.Region, Account: x.Account, Resource: "rule/" + x.ID}.String()
}

func (x *rule) period() *api.RetentionPeriod {
	return &api.RetentionPeriod{RetentionPeriodUnit: api.RetentionPeriodUnitDays, RetentionPeriodValue: x.Days}
}

func checkPeriod(kind string, p *api.RetentionPeriod) error {
	most := int32(maxRetention)
	if kind == api.ResourceTypeEbsVolume {
		most = maxVolumeRetention
	}
	if p.RetentionPeriodValue < 1 || p.RetentionPeriodValue > most {
		return errInvalid("The retention period must be between 1 and %d days.", most)
	}
	return nil
}

func checkResourceTags(tags []api.ResourceTag) error {
	if len(tags) > maxResourceTags {
		return errQuota("A rule can have at most %d resource tags.", maxResourceTags)
	}
	for i, t := range tags {
		same := func(o api.ResourceTag) bool {
			return o.ResourceTagKey == t.ResourceTagKey && cloud.Or(o.ResourceTagValue, "") == cloud.Or(t.ResourceTagValue, "")
		}
		if slices.ContainsFunc(tags[:i], same) {
			return errInvalid("The resource tag %s is given more than once.", t.ResourceTagKey)
		}
	}
	return nil
}

// checkExcluded says what is wrong with the rule's excluded tags.
func (x *rule) checkExcluded() error {
	switch {
	case len(x.Excluded) > maxExcludedTags:
		return errQuota("A rule can have at most %d exclusion tags.", maxExcludedTags)
	case len(x.Excluded) > 0 && len(x.ResourceTags) > 0:
		return errInvalid("Exclusion tags cannot be specified for a tag-level retention rule.")
	}
	return checkResourceTags(x.Excluded)
}

func createRule(c *cloud.Call, tx store.Tx, in *api.CreateRuleInput) (*api.CreateRuleOutput, error) {
	x := &rule{
		Account: c.Account, Region: c.Region, ID: c.Rand().String(idLength, rng.Base62), Type: in.ResourceType, Days: in.RetentionPeriod.RetentionPeriodValue,
		Description: cloud.Or(in.Description, ""), ResourceTags: in.ResourceTags, Excluded: in.ExcludeResourceTags, Created: c.Now,
	}
	if err := checkPeriod(x.Type, &in.RetentionPeriod); err != nil {
		return nil, err
	}
	if err := checkResourceTags(in.ResourceTags); err != nil {
		return nil, err
	}
	if err := x.checkExcluded(); err != nil {
		return nil, err
	}
	if err := x.tag(in.Tags); err != nil {
		return nil, err
	}
	if l := in.LockConfiguration; l != nil {
		if err := x.lock(l); err != nil {
			return nil, err
		}
	}
	n := 0
	for range rules.Scan(tx, c.Account, c.Region) {
		n++
	}
	if n >= maxRules {
		return nil, errQuota("You can have at most %d retention rules in a Region.", maxRules)
	}
	rules.Put(tx, x)
	return &api.CreateRuleOutput{
		Identifier: &x.ID, RetentionPeriod: x.period(), Description: &x.Description, Tags: x.tags(), ResourceType: &x.Type,
		ResourceTags: x.ResourceTags, ExcludeResourceTags: x.Excluded, Status: new(api.RuleStatusAvailable), LockConfiguration: x.lockConfiguration(),
		LockState: x.lockState(c.Now), RuleArn: new(x.arn()),
	}, nil
}

func getRule(c *cloud.Call, r store.Reader, in *api.GetRuleInput) (*api.GetRuleOutput, error) {
	x, err := find(c, r, in.Identifier)
	if err != nil {
		return nil, err
	}
	return &api.GetRuleOutput{
		Identifier: &x.ID, RetentionPeriod: x.period(), Description: &x.Description, ResourceType: &x.Type, ResourceTags: x.ResourceTags,
		ExcludeResourceTags: x.Excluded, Status: new(api.RuleStatusAvailable), LockConfiguration: x.lockConfiguration(), LockState: x.lockState(c.Now),
		LockEndTime: x.lockEnd(c.Now), RuleArn: new(x.arn()),
	}, nil
}

// hasAll tells whether a list of resource tags has all of some others.
func hasAll(list, tags []api.ResourceTag) bool {
	for _, t := range tags {
		if !slices.ContainsFunc(list, func(o api.ResourceTag) bool {
			return o.ResourceTagKey == t.ResourceTagKey && (t.ResourceTagValue == nil || cloud.Or(o.ResourceTagValue, "") == *t.ResourceTagValue)
		}) {
			return false
		}
	}
	return true
}

func listRules(c *cloud.Call, r store.Reader, in *api.ListRulesInput) (*api.ListRulesOutput, error) {
	after, err := base64.StdEncoding.DecodeString(cloud.Or(in.NextToken, ""))
	if err != nil {
		return nil, errToken()
	}
	out := &api.ListRulesOutput{Rules: []api.RuleSummary{}}
	limit := int(cloud.Or(in.MaxResults, defaultPage))
	for x := range rules.Scan(r, c.Account, c.Region) {
		state := x.lockState(c.Now)
		switch {
		case x.ID <= string(after), x.Type != in.ResourceType, !hasAll(x.ResourceTags, in.ResourceTags), !hasAll(x.Excluded, in.ExcludeResourceTags):
			continue
		case in.LockState != nil && cloud.Or(state, "") != *in.LockState:
			continue
		case len(out.Rules) == limit:
			out.NextToken = new(base64.StdEncoding.EncodeToString([]byte(*out.Rules[limit-1].Identifier)))
			return out, nil
		}
		out.Rules = append(out.Rules, api.RuleSummary{
			Identifier: &x.ID, Description: &x.Description, RetentionPeriod: x.period(), LockState: state, RuleArn: new(x.arn()),
		})
	}
	return out, nil
}

func updateRule(c *cloud.Call, tx store.Tx, in *api.UpdateRuleInput) (*api.UpdateRuleOutput, error) {
	x, err := changeable(c, tx, in.Identifier)
	if err != nil {
		return nil, err
	}
	if in.RetentionPeriod != nil {
		if err := checkPeriod(x.Type, in.RetentionPeriod); err != nil {
			return nil, err
		}
		x.Days = in.RetentionPeriod.RetentionPeriodValue
	}
	if in.ResourceTags != nil {
		if err := checkResourceTags(in.ResourceTags); err != nil {
			return nil, err
		}
		x.ResourceTags = in.ResourceTags
	}
	if in.ExcludeResourceTags != nil {
		x.Excluded = in.ExcludeResourceTags
	}
	if err := x.checkExcluded(); err != nil {
		return nil, err
	}
	x.Description = cloud.Or(in.Description, x.Description)
	if in.ResourceType != nil && *in.ResourceType != x.Type {
		return nil, errInvalid("The resource type of a rule cannot be changed.")
	}
	rules.Put(tx, x)
	return &api.UpdateRuleOutput{
		Identifier: &x.ID, RetentionPeriod: x.period(), Description: &x.Description, ResourceType: &x.Type, ResourceTags: x.ResourceTags,
		ExcludeResourceTags: x.Excluded, Status: new(api.RuleStatusAvailable), LockState: x.lockState(c.Now), LockEndTime: x.lockEnd(c.Now), RuleArn: new(x.arn()),
	}, nil
}

func deleteRule(c *cloud.Call, tx store.Tx, in *api.DeleteRuleInput) (*api.DeleteRuleOutput, error) {
	x, err := changeable(c, tx, in.Identifier)
	if err != nil {
		return nil, err
	}
	rules.Delete(tx, x.Account, x.Region, x.ID)
	return &api.DeleteRuleOutput{}, nil
}
