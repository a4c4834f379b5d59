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
