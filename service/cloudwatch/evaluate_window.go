package cloudwatch

import (
	"slices"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
)

// wallPeriods are the periods that a window aligned to the clock can have, in
// seconds.
var wallPeriods = []int64{60, 300, 3600, 86_400, 604_800}

// checkWindow refuses windows that cannot be aligned to the clock.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
func checkWindow(w *api.EvaluationWindow, period int64) error {
	if w == nil || w.WallClockWindow == nil {
		return nil
	}
	if !slices.Contains(wallPeriods, period) {
		return validation("Period must be one of 60, 300, 3600, 86400 or 604800 for alarms with a WallClockWindow.")
	}
	if name := cloud.Or(w.WallClockWindow.Timezone, "UTC"); clockZone(name) == nil {
		return badValue(name, "EvaluationWindow.WallClockWindow.Timezone")
	}
	return nil
}

// clockZone is a time zone by its name or its offset: "America/New_York",
// "+05:30", "UTC+05:30"; nil where it is none. Offsets are multiples of five
// minutes.
func clockZone(name string) *time.Location {
	offset := strings.TrimPrefix(name, "UTC")
	if t, err := time.Parse("-07:00", offset); err == nil {
		if _, seconds := t.Zone(); seconds%300 == 0 {
			return time.FixedZone(name, seconds)
		}
		return nil
	}
	if z, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
		return z
	}
	return nil
}

// end is where what an alarm looks at ends: with the last minute, or, where it
// is aligned to the clock, with the last whole period: minutes, hours, days,
// weeks that begin on Mondays.
func (a *alarm) end(now time.Time) int64 {
	w := a.EvaluationWindow
	if w == nil || w.WallClockWindow == nil {
		return now.Truncate(min(a.every(), tickEach)).Unix()
	}
	at := now.In(clockZone(cloud.Or(w.WallClockWindow.Timezone, "UTC")))
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
	switch period := a.period(); period {
	case 604_800:
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7).Unix()
	case 86_400:
		return day.Unix()
	default:
		_, offset := at.Zone()
		local := at.Unix() + int64(offset)
		return local - local%period - int64(offset)
	}
}

// aligned tells whether what an alarm looks at is aligned to the clock.
func (a *alarm) aligned() bool {
	return a.EvaluationWindow != nil && a.EvaluationWindow.WallClockWindow != nil
}
