package dlm

import (
	"time"

	api "pileus/api/dlm"
)

// firstTime is when a schedule without a time runs first.
const firstTime = "09:00"

// next is the time at which a schedule runs next, after a time. AWS runs it
// within an hour of that; here it runs at once.
func next(r *api.CreateRule, now time.Time) (time.Time, bool) {
	now = now.UTC()
	if r.CronExpression != nil {
		x, err := parseCron(*r.CronExpression)
		if err != nil {
			return time.Time{}, false
		}
		return x.next(now)
	}
	text := firstTime
	if len(r.Times) > 0 {
		text = r.Times[0]
	}
	clock, err := time.Parse("15:04", text)
	if err != nil {
		return time.Time{}, false
	}
	at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, time.UTC).Add(-day)
	step := time.Duration(*r.Interval) * time.Hour
	for !at.After(now) {
		at = at.Add(step)
	}
	return at, true
}
