package dlm

import (
	"testing"
	"time"

	api "pileus/api/dlm"
)

func TestCron(t *testing.T) {
	for text, want := range map[string]string{
		"cron(0 12 * * ? *)":           "2026-01-01 12:00",
		"cron(30 8 * * ? *)":           "2026-01-02 08:30",
		"cron(0/15 10 * * ? *)":        "2026-01-01 10:15",
		"cron(0 18 ? * MON-FRI *)":     "2026-01-01 18:00",
		"cron(0 18 ? * SAT *)":         "2026-01-03 18:00",
		"cron(0 8 1 * ? *)":            "2026-02-01 08:00",
		"cron(0 8 L * ? *)":            "2026-01-31 08:00",
		"cron(0 8 ? * 6L *)":           "2026-01-30 08:00", // the last Friday
		"cron(0 8 ? * 2#1 *)":          "2026-01-05 08:00", // the first Monday
		"cron(0 8 3W * ? *)":           "2026-01-02 08:00", // a Saturday
		"cron(0 8 29 FEB ? *)":         "2028-02-29 08:00",
		"cron(5,10 1-3 ? JUL SUN,2 *)": "2026-07-05 01:05",
		"cron(0 0 1 1 ? 2030)":         "2030-01-01 00:00",
	} {
		x, err := parseCron(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		at, ok := x.next(time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC))
		if got := at.Format("2006-01-02 15:04"); !ok || got != want {
			t.Errorf("%s: %s, not %s", text, got, want)
		}
	}
	x, err := parseCron("cron(0 0 30 2 ? *)")
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := x.next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)); ok {
		t.Errorf("a thirtieth of February: %v", at)
	}
	for _, text := range []string{"", "cron()", "cron(0 12 * * * *)", "cron(0 12 ? * ? *)", "cron(60 0 * * ? *)", "cron(x 0 * * ? *)", "cron(0/0 0 * * ? *)", "cron(0 0 ? * 8 *)", "cron(0 0 ? * 2#6 *)", "0 12 * * ? *"} {
		if _, err := parseCron(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func FuzzCron(f *testing.F) {
	f.Add("cron(0 18 ? * MON-FRI *)")
	f.Add("cron(0/15 10 L,15W 1-12/2 ? 2030)")
	f.Fuzz(func(t *testing.T, text string) {
		x, err := parseCron(text)
		if err != nil {
			return
		}
		now := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
		if at, ok := x.next(now); ok && !at.After(now) {
			t.Errorf("%q: %v is not after %v", text, at, now)
		}
	})
}

func TestIntervals(t *testing.T) {
	now := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		hours int32
		times []string
		want  string
	}{
		{24, []string{"09:00"}, "2026-01-02 09:00"}, {24, []string{"23:30"}, "2026-01-01 23:30"}, {12, nil, "2026-01-01 21:00"},
		{1, []string{"00:30"}, "2026-01-01 10:30"}, {8, []string{"02:00"}, "2026-01-01 18:00"}, {6, []string{"10:00"}, "2026-01-01 16:00"},
	} {
		at, ok := next(&api.CreateRule{Interval: &test.hours, Times: test.times}, now)
		if got := at.Format("2006-01-02 15:04"); !ok || got != test.want {
			t.Errorf("every %d h from %v: %s, not %s", test.hours, test.times, got, test.want)
		}
	}
}
