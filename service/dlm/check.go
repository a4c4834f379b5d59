package dlm

import (
	"slices"
	"time"

	api "pileus/api/dlm"
	"pileus/cloud"
)

const (
	maxSchedules = 4
	maxCount     = 1000
)

var intervals = []int32{1, 2, 3, 4, 6, 8, 12, 24}

// check completes a policy and says what is wrong with it.
func (p *policy) check() error {
	d := p.Details
	switch {
	case d == nil:
		return errInvalid("The request must have PolicyDetails or DefaultPolicy.")
	case p.Default:
		return p.checkDefault()
	case p.kind() == api.PolicyTypeValuesEventBasedPolicy:
		return errInvalid("This cloud has no event-based policies yet.")
	case slices.Contains(d.ResourceLocations, api.ResourceLocationValuesOutpost):
		return errInvalid("There are no Outposts in this cloud.")
	case len(d.ResourceTypes) != 1:
		return errInvalid("A policy must have exactly one resource type.")
	case p.kind() == api.PolicyTypeValuesImageManagement && d.ResourceTypes[0] != api.ResourceTypeValuesInstance:
		return errInvalid("Policies of type IMAGE_MANAGEMENT are for the resource type INSTANCE.")
	case len(d.TargetTags) == 0:
		return errInvalid("A policy must have target tags.")
	case len(d.Schedules) == 0 || len(d.Schedules) > maxSchedules:
		return errInvalid("A policy must have from 1 to %d schedules.", maxSchedules)
	}
	names := map[string]bool{}
	for i := range d.Schedules {
		s := &d.Schedules[i]
		name := cloud.Or(s.Name, "")
		if names[name] || name == "" {
			return errInvalid("Each schedule must have a name of its own.")
		}
		names[name] = true
		if err := p.checkSchedule(s); err != nil {
			return err
		}
	}
	return nil
}

func (p *policy) checkSchedule(s *api.Schedule) error {
	r := s.CreateRule
	switch {
	case r == nil:
		return errInvalid("A schedule must have a create rule.")
	case len(r.Scripts) > 0:
		return errInvalid("This cloud runs no scripts before and after snapshots yet.")
	case cloud.Or(r.Location, api.LocationValuesCloud) != api.LocationValuesCloud:
		return errInvalid("There are no Outposts in this cloud.")
	case (r.CronExpression == nil) == (r.Interval == nil):
		return errInvalid("A create rule must have either an interval or a cron expression.")
	case len(r.Times) > 1:
		return errInvalid("A create rule can have one time.")
	case r.Interval != nil && !slices.Contains(intervals, *r.Interval):
		return errInvalid("The interval must be one of 1, 2, 3, 4, 6, 8, 12 and 24 hours.")
	case s.RetainRule == nil && s.ArchiveRule == nil:
		return errInvalid("A schedule must have a retain rule.")
	}
	if r.CronExpression != nil {
		if _, err := parseCron(*r.CronExpression); err != nil {
			return errInvalid("Invalid cron expression: %v.", err)
		}
	} else if r.IntervalUnit == nil {
		r.IntervalUnit = new(api.IntervalUnitValuesHours)
	}
	if k := s.RetainRule; k != nil {
		if err := checkRetain(k.Count, k.Interval, k.IntervalUnit); err != nil {
			return err
		}
	}
	if a := s.ArchiveRule; a != nil {
		t := a.RetainRule.RetentionArchiveTier
		if err := checkRetain(t.Count, t.Interval, t.IntervalUnit); err != nil {
			return err
		}
	}
	if f := s.FastRestoreRule; f != nil && (len(f.AvailabilityZones) == 0) == (len(f.AvailabilityZoneIds) == 0) {
		return errInvalid("A fast restore rule must have either Availability Zones or Availability Zone IDs.")
	}
	if len(s.VariableTags) > 0 && p.Details.ResourceTypes[0] != api.ResourceTypeValuesInstance {
		return errInvalid("Variable tags are for policies that target instances.")
	}
	return nil
}

func checkRetain(count, interval *int32, unit *string) error {
	n, age := cloud.Or(count, 0), cloud.Or(interval, 0)
	switch {
	case (n > 0) == (age > 0):
		return errInvalid("A retain rule must have either a count or an interval.")
	case n > maxCount:
		return errInvalid("The count must be from 1 to %d.", maxCount)
	case age > 0 && unit == nil:
		return errInvalid("An interval must have a unit.")
	}
	return nil
}

// The intervals of default policies, in days.
const (
	defaultCreate, mostCreate              = 1, 7
	defaultRetain, leastRetain, mostRetain = 7, 2, 14
)

// checkDefault completes a default policy: it is a schedule of its own.
func (p *policy) checkDefault() error {
	d := p.Details
	if d.CreateInterval == nil {
		d.CreateInterval = new(int32(defaultCreate))
	}
	if d.RetainInterval == nil {
		d.RetainInterval = new(int32(defaultRetain))
	}
	switch create, keep := *d.CreateInterval, *d.RetainInterval; {
	case create < 1 || create > mostCreate:
		return errInvalid("CreateInterval must be from 1 to %d days.", mostCreate)
	case keep < leastRetain || keep > mostRetain:
		return errInvalid("RetainInterval must be from %d to %d days.", leastRetain, mostRetain)
	case keep <= create:
		return errInvalid("RetainInterval must be longer than CreateInterval.")
	}
	d.Schedules = []api.Schedule{{
		Name: new("Default Policy Schedule"), CopyTags: d.CopyTags,
		CreateRule: &api.CreateRule{Interval: new(int32(24)), IntervalUnit: new(api.IntervalUnitValuesHours)},
		RetainRule: &api.RetainRule{Interval: d.RetainInterval, IntervalUnit: new(api.RetentionIntervalUnitValuesDays)},
	}}
	for _, t := range d.CrossRegionCopyTargets {
		d.Schedules[0].CrossRegionCopyRules = append(d.Schedules[0].CrossRegionCopyRules, api.CrossRegionCopyRule{
			TargetRegion: t.TargetRegion, CopyTags: d.CopyTags,
			RetainRule: &api.CrossRegionCopyRetainRule{Interval: d.RetainInterval, IntervalUnit: new(api.RetentionIntervalUnitValuesDays)},
		})
	}
	return nil
}

// after is a time some days, weeks, months or years later.
func after(t time.Time, n int32, unit string) time.Time {
	switch unit {
	case api.RetentionIntervalUnitValuesWeeks:
		return t.AddDate(0, 0, 7*int(n))
	case api.RetentionIntervalUnitValuesMonths:
		return t.AddDate(0, int(n), 0)
	case api.RetentionIntervalUnitValuesYears:
		return t.AddDate(int(n), 0, 0)
	}
	return t.AddDate(0, 0, int(n))
}
