package group

import (
	"cmp"
	"slices"
	"time"

	"pileus/cloud"
)

// TerminationPolicies that there are.
const (
	oldestInstance            = "OldestInstance"
	newestInstance            = "NewestInstance"
	oldestConfiguration       = "OldestLaunchConfiguration"
	oldestTemplate            = "OldestLaunchTemplate"
	closestToNextHour         = "ClosestToNextInstanceHour"
	allocationStrategy        = "AllocationStrategy"
	defaultTermination        = "Default"
	billingHour               = time.Hour
	noVersion           int64 = -1
)

// choose is the instance that a group that shrinks by at most excess units does
// without, of those that are not in skip; nil where there is none. First comes
// the zone, then the market, and then the termination policies one after
// another narrow the choice down.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html
func (s *scene) choose(now time.Time, excess int32, skip map[string]bool) *Instance {
	var list []*Instance
	zones := map[string]int{}
	for _, i := range s.members {
		if !i.Active() || skip[i.ID] {
			continue
		}
		zones[i.Zone]++
		if (!i.Protected || s.Deleting) && (i.Weight <= excess || s.Deleting) {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return nil
	}
	for _, narrow := range []func(*Instance) int64{
		func(i *Instance) int64 { return truth(i.Replacing == nil) },    // it goes anyway
		func(i *Instance) int64 { return truth(i.Health != unhealthy) }, // and so does it
		func(i *Instance) int64 { return truth(s.in(i.Zone)) },          // the group has left its zone
		func(i *Instance) int64 { return int64(-zones[i.Zone]) },
	} {
		list = least(list, narrow)
	}
	list = onOneZone(list)
	if s.Mixed != nil {
		list = s.overspent(list)
	}
	policies := s.Termination
	if len(policies) == 0 {
		policies = []string{defaultTermination}
	}
	for _, p := range policies {
		list = s.narrowed(list, p, now)
	}
	return list[0]
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// least are the instances with the smallest value.
func least(list []*Instance, value func(*Instance) int64) []*Instance {
	best := value(slices.MinFunc(list, func(a, b *Instance) int { return cmp.Compare(value(a), value(b)) }))
	return slices.DeleteFunc(slices.Clone(list), func(i *Instance) bool { return value(i) != best })
}

// onOneZone are the instances of the zone that the first is in: of zones that
// are equally full, one is taken.
func onOneZone(list []*Instance) []*Instance {
	first := slices.MinFunc(list, func(a, b *Instance) int { return cmp.Compare(a.Zone, b.Zone) })
	return slices.DeleteFunc(slices.Clone(list), func(i *Instance) bool { return i.Zone != first.Zone })
}

// narrowed are those of the instances that a policy would have go.
func (s *scene) narrowed(list []*Instance, policy string, now time.Time) []*Instance {
	switch policy {
	case oldestInstance:
		return least(list, func(i *Instance) int64 { return i.Launched.UnixNano() })
	case newestInstance:
		return least(list, func(i *Instance) int64 { return -i.Launched.UnixNano() })
	case oldestConfiguration:
		return s.oldest(list, true)
	case oldestTemplate:
		return s.oldest(list, false)
	case closestToNextHour:
		return least(list, func(i *Instance) int64 { return int64(billingHour - now.Sub(i.Launched)%billingHour) })
	case allocationStrategy:
		return s.overspent(list)
	case defaultTermination:
		list = s.overspent(list)
		list = s.oldest(list, true)
		return s.narrowed(list, closestToNextHour, now)
	}
	return list
}

// oldest are the instances of the oldest launch configuration, where some have
// one, or else those that are not of the group's own launch template, or of its
// oldest version. configurations is false for the policy that looks at
// templates first.
func (s *scene) oldest(list []*Instance, configurations bool) []*Instance {
	of := least(list, func(i *Instance) int64 { return truth((i.LaunchConfiguration == "") == configurations) })
	if of[0].LaunchConfiguration != "" {
		return least(of, func(i *Instance) int64 {
			if !i.Configured.IsZero() {
				return i.Configured.UnixNano()
			}
			return 0
		})
	}
	current := s.templateID()
	of = least(of, func(i *Instance) int64 { return truth(i.templateID() == current) })
	return least(of, func(i *Instance) int64 { return i.templateVersion() })
}

func (g *Group) templateID() string {
	t := g.LaunchTemplate
	if g.Mixed != nil && g.Mixed.LaunchTemplate != nil {
		t = g.Mixed.LaunchTemplate.LaunchTemplateSpecification
	}
	if t == nil {
		return ""
	}
	return cloud.Or(t.LaunchTemplateId, "")
}

func (i *Instance) templateID() string {
	if i.LaunchTemplate == nil {
		return ""
	}
	return cloud.Or(i.LaunchTemplate.LaunchTemplateId, "")
}

func (i *Instance) templateVersion() int64 {
	if i.LaunchTemplate == nil {
		return noVersion
	}
	return number(cloud.Or(i.LaunchTemplate.Version, ""))
}
