package scale

import (
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"pileus/cloud"
	"pileus/service/autoscaling/group"
)

// recurrences are cron expressions of five fields: minute, hour, day of the
// month, month, day of the week.
var recurrences = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// recurrence is when a scheduled action runs again and again.
type recurrence struct {
	times cron.Schedule
	zone  *time.Location
}

// parseRecurrence reads a cron expression; zone is an IANA name, nil for UTC.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html
func parseRecurrence(expression string, zone *string) (*recurrence, error) {
	location, err := time.LoadLocation(cloud.Or(zone, "Etc/UTC"))
	if err != nil || cloud.Or(zone, "Etc/UTC") == "Local" {
		return nil, group.Invalid("Given time zone: %s is invalid", cloud.Or(zone, ""))
	}
	fields := strings.Fields(expression)
	if len(fields) != 5 || strings.Contains(fields[0], "=") {
		return nil, group.Invalid("Given recurrence string: %s is invalid", expression)
	}
	times, err := recurrences.Parse(strings.Join(fields, " "))
	if err != nil {
		return nil, group.Invalid("Given recurrence string: %s is invalid", expression)
	}
	return &recurrence{times, location}, nil
}

// after is the first time after t; zero where there is none within five years.
func (r *recurrence) after(t time.Time) time.Time {
	if next := r.times.Next(t.In(r.zone)); !next.IsZero() {
		return next.UTC()
	}
	return time.Time{}
}

// latest is the last time at or before now, from slot on, which is one of them.
func (r *recurrence) latest(slot, now time.Time) time.Time {
	for _, back := range []time.Duration{time.Hour, 25 * time.Hour, 32 * 24 * time.Hour} {
		from := now.Add(-back)
		if !from.After(slot) {
			break
		}
		if s := r.after(from); !s.IsZero() && !s.After(now) {
			slot = s
			break
		}
	}
	for next := r.after(slot); !next.IsZero() && !next.After(now); next = r.after(slot) {
		slot = next
	}
	return slot
}
