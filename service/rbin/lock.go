package rbin

import (
	"time"

	api "pileus/api/rbin"
	"pileus/cloud"
	"pileus/store"
)

// https://docs.aws.amazon.com/ebs/latest/userguide/rule-lock.html
const (
	leastUnlockDelay = 7 // days
	mostUnlockDelay  = 30
	day              = 24 * time.Hour
)

// lock locks the rule.
func (x *rule) lock(l *api.LockConfiguration) error {
	d := l.UnlockDelay.UnlockDelayValue
	switch {
	case d < leastUnlockDelay || d > mostUnlockDelay:
		return errInvalid("The unlock delay must be between %d and %d days.", leastUnlockDelay, mostUnlockDelay)
	case len(x.ResourceTags) > 0:
		return errInvalid("Only Region-level retention rules can be locked.")
	}
	x.Locked, x.UnlockDelay, x.Unlocks = true, d, time.Time{}
	return nil
}

// lockState is where the lock stands; nil for a rule that never had one.
func (x *rule) lockState(now time.Time) *string {
	switch {
	case x.UnlockDelay == 0:
		return nil
	case x.Locked:
		return new(api.LockStateLocked)
	case now.Before(x.Unlocks):
		return new(api.LockStatePendingUnlock)
	}
	return new(api.LockStateUnlocked)
}

func (x *rule) lockEnd(now time.Time) *time.Time {
	if cloud.Or(x.lockState(now), "") != api.LockStatePendingUnlock {
		return nil
	}
	return &x.Unlocks
}

func (x *rule) lockConfiguration() *api.LockConfiguration {
	if x.UnlockDelay == 0 {
		return nil
	}
	return &api.LockConfiguration{UnlockDelay: api.UnlockDelay{UnlockDelayUnit: api.UnlockDelayUnitDays, UnlockDelayValue: x.UnlockDelay}}
}

// changeable is a rule that no lock holds.
func changeable(c *cloud.Call, r store.Reader, id string) (*rule, error) {
	x, err := find(c, r, id)
	if err != nil {
		return nil, err
	}
	if s := cloud.Or(x.lockState(c.Now), api.LockStateUnlocked); s != api.LockStateUnlocked {
		return nil, errState("The rule %s is in the %s lock state and cannot be changed.", x.ID, s)
	}
	return x, nil
}

func lockRule(c *cloud.Call, tx store.Tx, in *api.LockRuleInput) (*api.LockRuleOutput, error) {
	x, err := changeable(c, tx, in.Identifier)
	if err != nil {
		return nil, err
	}
	if err := x.lock(&in.LockConfiguration); err != nil {
		return nil, err
	}
	rules.Put(tx, x)
	return &api.LockRuleOutput{
		Identifier: &x.ID, RetentionPeriod: x.period(), Description: &x.Description, ResourceType: &x.Type, ResourceTags: x.ResourceTags, ExcludeResourceTags: x.Excluded,
		Status: new(api.RuleStatusAvailable), LockConfiguration: x.lockConfiguration(), LockState: x.lockState(c.Now), RuleArn: new(x.arn()),
	}, nil
}

// unlockRule begins the unlock delay, after which the rule can be changed.
func unlockRule(c *cloud.Call, tx store.Tx, in *api.UnlockRuleInput) (*api.UnlockRuleOutput, error) {
	x, err := find(c, tx, in.Identifier)
	if err != nil {
		return nil, err
	}
	if !x.Locked {
		return nil, errState("The rule %s is not locked.", x.ID)
	}
	x.Locked, x.Unlocks = false, c.Now.Add(time.Duration(x.UnlockDelay)*day)
	rules.Put(tx, x)
	return &api.UnlockRuleOutput{
		Identifier: &x.ID, RetentionPeriod: x.period(), Description: &x.Description, ResourceType: &x.Type, ResourceTags: x.ResourceTags, ExcludeResourceTags: x.Excluded,
		Status: new(api.RuleStatusAvailable), LockConfiguration: x.lockConfiguration(), LockState: x.lockState(c.Now),
		LockEndTime: x.lockEnd(c.Now), RuleArn: new(x.arn()),
	}, nil
}
