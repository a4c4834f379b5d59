package dlm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cron is an expression of AWS's form: cron(minutes hours day-of-month month
// day-of-week year), in UTC.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
type cron struct {
	minutes, hours, months, years set
	days                          []dayRule // any of them; nil: no restriction
	weekdays                      []dayRule
}

// set are numbers in order; nil stands for all.
type set []int

func (s set) has(n int) bool {
	if s == nil {
		return true
	}
	_, ok := slices.BinarySearch(s, n)
	return ok
}

// dayRule tells whether a day is meant.
type dayRule func(time.Time) bool

const (
	firstYear, lastYear = 1970, 2199
	// horizon is how far ahead a run is looked for: a 29th of February may be
	// eight years away.
	horizon = 9 * 366
)

func parseCron(text string) (*cron, error) {
	inner, ok := strings.CutPrefix(text, "cron(")
	inner, closed := strings.CutSuffix(inner, ")")
	f := strings.Fields(inner)
	if !ok || !closed || len(f) != 6 {
		return nil, fmt.Errorf("%q is not of the form cron(m h d M w y)", text)
	}
	if (f[2] == "?") == (f[4] == "?") {
		return nil, fmt.Errorf("one of day-of-month and day-of-week must be ?")
	}
	x := &cron{}
	var err error
	for _, field := range []struct {
		to         *set
		text       string
		from, till int
		names      []string
	}{
		{&x.minutes, f[0], 0, 59, nil}, {&x.hours, f[1], 0, 23, nil}, {&x.months, f[3], 1, 12, monthNames}, {&x.years, f[5], firstYear, lastYear, nil},
	} {
		if *field.to, err = parseSet(field.text, field.from, field.till, field.names); err != nil {
			return nil, err
		}
	}
	if x.days, err = parseDays(f[2], dayOfMonth); err != nil {
		return nil, err
	}
	x.weekdays, err = parseDays(f[4], dayOfWeek)
	return x, err
}

var (
	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

// parseSet reads a field: "*", "a", "a-b", "a/n", "a-b/n" and lists of these.
func parseSet(text string, from, till int, names []string) (set, error) {
	if text == "*" || text == "?" {
		return nil, nil
	}
	s := set{}
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		a, b, ranged := strings.Cut(span, "-")
		low, high := from, till
		var err error
		if span != "*" {
			if low, err = number(a, from, till, names); err != nil {
				return nil, err
			}
			high = low
			if ranged {
				high, err = number(b, from, till, names)
			} else if stepped {
				high = till
			}
			if err != nil {
				return nil, err
			}
		}
		by := 1
		if stepped {
			if by, err = strconv.Atoi(step); err != nil || by < 1 {
				return nil, fmt.Errorf("%q is no step", step)
			}
		}
		for n := low; n <= high; n += by {
			s = append(s, n)
		}
	}
	slices.Sort(s)
	return slices.Compact(s), nil
}

func number(text string, from, till int, names []string) (int, error) {
	if i := slices.Index(names, strings.ToUpper(text)); i >= 0 {
		return i + from, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < from || n > till {
		return 0, fmt.Errorf("%q is not a number from %d to %d", text, from, till)
	}
	return n, nil
}

func parseDays(text string, parse func(string) (dayRule, error)) (list []dayRule, err error) {
	if text == "*" || text == "?" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		rule, err := parse(part)
		if err != nil {
			return nil, err
		}
		list = append(list, rule)
	}
	return list, nil
}

func lastOfMonth(t time.Time) int {
	return time.Date(t.Year(), t.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// dayOfMonth reads "L", "15W" and sets.
func dayOfMonth(text string) (dayRule, error) {
	if text == "L" {
		return func(t time.Time) bool { return t.Day() == lastOfMonth(t) }, nil
	}
	if base, ok := strings.CutSuffix(text, "W"); ok {
		n, err := number(base, 1, 31, nil)
		return func(t time.Time) bool { return t.Day() == nearestWeekday(t, n) }, err
	}
	s, err := parseSet(text, 1, 31, nil)
	return func(t time.Time) bool { return s.has(t.Day()) }, err
}

// nearestWeekday is the day from Monday to Friday that is nearest to the n-th
// of t's month, within the month.
func nearestWeekday(t time.Time, n int) int {
	n = min(n, lastOfMonth(t))
	switch time.Date(t.Year(), t.Month(), n, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if n == 1 {
			return 3
		}
		return n - 1
	case time.Sunday:
		if n == lastOfMonth(t) {
			return n - 2
		}
		return n + 1
	}
	return n
}

// dayOfWeek reads "3#2", "5L", "L" and sets; 1 is Sunday.
func dayOfWeek(text string) (dayRule, error) {
	if base, nth, ok := strings.Cut(text, "#"); ok {
		n, err := number(base, 1, 7, dayNames)
		if err != nil {
			return nil, err
		}
		k, err := number(nth, 1, 5, nil)
		return func(t time.Time) bool { return int(t.Weekday()) == n-1 && (t.Day()-1)/7 == k-1 }, err
	}
	if text == "L" {
		text = "7"
	} else if base, ok := strings.CutSuffix(text, "L"); ok {
		n, err := number(base, 1, 7, dayNames)
		return func(t time.Time) bool { return int(t.Weekday()) == n-1 && t.Day()+7 > lastOfMonth(t) }, err
	}
	s, err := parseSet(text, 1, 7, dayNames)
	return func(t time.Time) bool { return s.has(int(t.Weekday()) + 1) }, err
}

func anyRule(list []dayRule, t time.Time) bool {
	return list == nil || slices.ContainsFunc(list, func(r dayRule) bool { return r(t) })
}

// next is the first time after now that the expression means.
func (x *cron) next(now time.Time) (time.Time, bool) {
	date := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.UTC)
	for range horizon {
		if x.years.has(date.Year()) && x.months.has(int(date.Month())) && anyRule(x.days, date) && anyRule(x.weekdays, date) {
			for minute := range 24 * 60 {
				at := date.Add(time.Duration(minute) * time.Minute)
				if at.After(now) && x.hours.has(minute/60) && x.minutes.has(minute%60) {
					return at, true
				}
			}
		}
		date = date.AddDate(0, 0, 1)
	}
	return time.Time{}, false
}
