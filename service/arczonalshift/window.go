package arczonalshift

import (
	"slices"
	"strconv"
	"strings"
	"time"

	api "pileus/api/arczonalshift"
)

// window is a time of each week, in minutes of its day, in UTC. The end is not
// part of it.
type window struct {
	day      time.Weekday
	from, to int
}

var weekdays = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

// parseWindow reads "Mon:18:30-Mon:19:30", which must begin and end on one day.
func parseWindow(text string) (w window, ok bool) {
	begin, end, _ := strings.Cut(text, "-")
	d1, from, ok1 := parseMoment(begin)
	d2, to, ok2 := parseMoment(end)
	return window{d1, from, to}, ok1 && ok2 && d1 == d2 && from < to
}

func parseMoment(text string) (day time.Weekday, minutes int, ok bool) {
	p := strings.Split(text, ":")
	if len(p) != 3 {
		return 0, 0, false
	}
	h, err1 := strconv.Atoi(p[1])
	m, err2 := strconv.Atoi(p[2])
	d := slices.Index(weekdays, p[0])
	return time.Weekday(d), h*60 + m, d >= 0 && err1 == nil && err2 == nil && h < 24 && m < 60
}

// covers tells whether a time is in a window.
func (w window) covers(t time.Time) bool {
	t = t.UTC()
	minute := t.Hour()*60 + t.Minute()
	return t.Weekday() == w.day && minute >= w.from && minute < w.to
}

func covered(windows []string, t time.Time) bool {
	return slices.ContainsFunc(windows, func(text string) bool {
		w, ok := parseWindow(text)
		return ok && w.covers(t)
	})
}

// forbids is the reason for which no practice run may begin at a time; "" where
// one may.
func forbids(p *api.PracticeRunConfiguration, t time.Time) string {
	switch {
	case slices.Contains(p.BlockedDates, t.UTC().Format(time.DateOnly)):
		return api.ConflictExceptionReasonPracticeInBlockedDates
	case covered(p.BlockedWindows, t):
		return api.ConflictExceptionReasonPracticeInBlockedWindows
	case len(p.AllowedWindows) > 0 && !covered(p.AllowedWindows, t):
		return api.ConflictExceptionReasonPracticeOutsideAllowedWindows
	}
	return ""
}

// checkTimes tells what is wrong with windows and dates.
func checkTimes(p *api.PracticeRunConfiguration) error {
	for _, d := range p.BlockedDates {
		if _, err := time.Parse(time.DateOnly, d); err != nil {
			return errInvalid(api.ValidationExceptionReasonInvalidPracticeBlocker, "The blocked date %s is not valid. Use the format YYYY-MM-DD.", d)
		}
	}
	for _, w := range p.BlockedWindows {
		if _, ok := parseWindow(w); !ok {
			return errInvalid(api.ValidationExceptionReasonInvalidPracticeBlocker, "The blocked window %s is not valid. A window must start and end on the same day, in the format DAY:HH:MM-DAY:HH:MM.", w)
		}
	}
	for _, w := range p.AllowedWindows {
		if _, ok := parseWindow(w); !ok {
			return errInvalid(api.ValidationExceptionReasonInvalidPracticeAllowedWindow, "The allowed window %s is not valid. A window must start and end on the same day, in the format DAY:HH:MM-DAY:HH:MM.", w)
		}
	}
	if len(p.AllowedWindows) > 0 && len(p.BlockedWindows) > 0 {
		return errInvalid(api.ValidationExceptionReasonInvalidPracticeWindows, "Blocked windows and allowed windows cannot both be specified.")
	}
	return nil
}
