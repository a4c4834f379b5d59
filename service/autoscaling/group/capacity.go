package group

import (
	"slices"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// SetDesired changes the desired capacity of a group, within its minimum and
// maximum, in the name of cause. The controller does the rest.
func SetDesired(tx store.Tx, g *Group, n int32, cause Cause) {
	n = min(max(n, g.Min), g.Max)
	now, ok := Groups.Get(tx, g.Key()...)
	if !ok || now.ID != g.ID || now.Desired == n {
		return
	}
	d := now.Clone()
	d.want(n, cause)
	Put(tx, d)
}

// want changes the desired capacity of a clone.
func (g *Group) want(n int32, cause Cause) {
	g.Why = cause.sentence(g.Desired, n)
	g.Desired = n
	// What failed was for what was wanted before: it is tried at once.
	g.Failures, g.Retry = 0, time.Time{}
}

// Suspended tells whether a process of a group is suspended: "Launch",
// "Terminate", "AZRebalance" and so on.
func (g *Group) Suspended(process string) bool {
	return slices.ContainsFunc(g.Suspensions, func(s Suspension) bool { return s.Process == process })
}

// Suspended is g.Suspended.
func Suspended(g *Group, process string) bool { return g.Suspended(process) }

// Cooling is when the cooldown of a group is over, as simple scaling and
// HonorCooldown have it; the zero time where it is.
func (g *Group) Cooling(now time.Time) time.Time {
	seconds := cloud.Or(g.CoolFor, g.Cooldown)
	if end := g.Scaled.Add(time.Duration(seconds) * time.Second); !g.Scaled.IsZero() && now.Before(end) {
		return end
	}
	return time.Time{}
}

// Cool sets the seconds of the cooldown that begins with the activities which
// follow from the present desired capacity; nil for the group's own.
func Cool(tx store.Tx, g *Group, seconds *int32) {
	if now, ok := Groups.Get(tx, g.Key()...); ok {
		d := now.Clone()
		d.CoolFor = seconds
		Groups.Put(tx, d)
	}
}

// DefaultWarmup is the group's DefaultInstanceWarmup, or its cooldown where it
// has none: how long metrics of a new instance do not count.
func (g *Group) DefaultWarmup() int32 {
	if w := cloud.Or(g.Warmup, -1); w >= 0 {
		return w
	}
	return g.Cooldown
}

// Replace has an instance replaced by another that is launched from what the
// group has now: why is told by the activities ("an instance refresh"). With
// first its successor comes into service before it is taken out; otherwise it
// is terminated first. The desired capacity stays.
func Replace(c *cloud.Call, tx store.Tx, i *Instance, why string, first bool) {
	now, ok := Members.Get(tx, i.Account, i.Region, i.Group, i.ID)
	if !ok || now.Replacing != nil || now.Leaving != nil {
		return
	}
	d := now.Clone()
	d.Replacing = &Replacement{Why: why, First: first, At: c.Now}
	Members.Put(tx, d)
	tx.After(time.Time{}, Controller, store.K(i.Account, i.Region, i.Group))
}
