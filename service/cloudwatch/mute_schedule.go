package cloudwatch

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
)

// muteSchedule is when a mute rule begins to mute, and for how long.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Schedule.html
type muteSchedule struct {
	times cron.Schedule // nil: once
	once  time.Time
	zone  *time.Location
	long  time.Duration
}

const (
	shortestMute = time.Minute
	longestMute  = 15 * aDay
)

var (
	muteTimes    = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	muteForm     = regexp.MustCompile(`^(cron|at)\((.+)\)$`)
	durationForm = regexp.MustCompile(`^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$`)
)

func parseMuting(in *api.Schedule) (*muteSchedule, error) {
	k := &muteSchedule{}
	zone := cloud.Or(in.Timezone, "UTC")
	var err error
	if k.zone, err = time.LoadLocation(zone); err != nil || zone == "Local" {
		return nil, validation("Invalid timezone: %s", zone)
	}
	var ok bool
	if k.long, ok = muteDuration(in.Duration); !ok || k.long < shortestMute || k.long > longestMute {
		return nil, validation("Invalid duration: %s. It must be an ISO 8601 duration of 1 minute to 15 days.", in.Duration)
	}
	m := muteForm.FindStringSubmatch(strings.TrimSpace(in.Expression))
	if m == nil {
		return nil, validation("Invalid schedule expression: %s", in.Expression)
	}
	if m[1] == "at" {
		for _, form := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
			if k.once, err = time.ParseInLocation(form, m[2], k.zone); err == nil {
				return k, nil
			}
		}
		return nil, validation("Invalid schedule expression: %s", in.Expression)
	}
	if len(strings.Fields(m[2])) != 5 || strings.Contains(m[2], "=") {
		return nil, validation("Invalid schedule expression: %s", in.Expression)
	}
	if k.times, err = muteTimes.Parse(m[2]); err != nil {
		return nil, validation("Invalid schedule expression: %s", in.Expression)
	}
	return k, nil
}

// muteDuration reads a duration of days, hours, minutes and seconds.
func muteDuration(s string) (d time.Duration, ok bool) {
	m := durationForm.FindStringSubmatch(s)
	if m == nil || strings.HasSuffix(s, "T") || s == "P" {
		return 0, false
	}
	for i, unit := range []time.Duration{aDay, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.Atoi(m[i+1])
		if err != nil || n > 1e6 {
			return 0, false
		}
		d += time.Duration(n) * unit
	}
	return d, true
}

// next is the first beginning after a time; zero for none.
func (k *muteSchedule) next(t time.Time) time.Time {
	if k.times != nil {
		return k.times.Next(t.In(k.zone))
	}
	if k.once.After(t) {
		return k.once
	}
	return time.Time{}
}

// window tells whether now is muted, and until when, given what has begun by
// now.
func (k *muteSchedule) window(now time.Time) (until time.Time, ok bool) {
	for at := k.next(now.Add(-k.long)); !at.IsZero() && !at.After(now); at = k.next(at) {
		until, ok = at.Add(k.long), true
	}
	return until, ok
}
