package group

import (
	"fmt"
	"time"
)

// Cause is who or what asked for a change of a group's size, in AWS's words:
// the first sentence of what DescribeScalingActivities tells of it.
type Cause struct {
	At time.Time
	// Text is the sentence without its time and period: "a user request
	// explicitly set group desired capacity".
	Text string
	// Whole is set where Text tells the old and the new size already;
	// otherwise " changing the desired capacity from 1 to 2" is appended.
	Whole bool
}

// ByUser is the cause of SetDesiredCapacity.
func ByUser(at time.Time) Cause {
	return Cause{At: at, Text: "a user request explicitly set group desired capacity"}
}

// ByAlarm is the cause of a policy that an alarm triggered.
func ByAlarm(at time.Time, alarm, state, policy string) Cause {
	return Cause{At: at, Text: fmt.Sprintf("a monitor alarm %s in state %s triggered policy %s", alarm, state, policy)}
}

// ByPolicy is the cause of ExecutePolicy.
func ByPolicy(at time.Time, policy string) Cause {
	return Cause{At: at, Text: fmt.Sprintf("a user request executed policy %s", policy)}
}

// sentence is the cause with its time, for a change of the desired capacity.
func (w Cause) sentence(from, to int32) string {
	if w.Text == "" {
		return ""
	}
	text := "At " + stamp(w.At) + " " + w.Text
	if !w.Whole && from != to {
		text += fmt.Sprintf(" changing the desired capacity from %d to %d", from, to)
	}
	return text + "."
}

// Stamp is a time as activities tell it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// batch is what a group's capacity grows from and to by launches that are
// decided on together: their activities tell of all of them.
type batch struct{ from, to int32 }

// batch is that of a group that grows to a goal. Successors of unhealthy
// instances are not what it grows by.
func (s *scene) batch(goal int32) batch {
	return batch{from: min(s.have()+int32(s.Owed), goal), to: goal}
}

// launchCause is why an instance is launched, as its activity tells it.
func (s *scene) launchCause(now time.Time, b batch) string {
	if s.Owed > 0 {
		return fmt.Sprintf("At %s an instance was launched in response to an unhealthy instance needing to be replaced.", stamp(now))
	}
	if s.have() >= s.Desired {
		for _, i := range s.members {
			r := i.Replacing
			switch {
			case r == nil || !i.Active():
			case r.Balance:
				return r.Lack
			case r.Why == "": // it is unhealthy, and its successor comes first
				return fmt.Sprintf("At %s an instance was launched in response to an unhealthy instance needing to be replaced.", stamp(now))
			default:
				return fmt.Sprintf("At %s an instance was launched in response to %s.", stamp(now), r.Why)
			}
		}
	}
	return sentences(s.Why, fmt.Sprintf("At %s an instance was started in response to a difference between desired and actual capacity, increasing the capacity from %d to %d.", stamp(now), b.from, b.to))
}

// shrunk tells that instances were taken out because a group shrinks.
func shrunk(now time.Time, from, to int32) string {
	return fmt.Sprintf("At %s an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from %d to %d.", stamp(now), from, to)
}

// selected tells which instances were chosen.
func selected(now time.Time, list ...*Instance) string {
	var all []string
	for _, i := range list {
		all = append(all, fmt.Sprintf("At %s instance %s was selected for termination.", stamp(now), i.ID))
	}
	return sentences(all...)
}
