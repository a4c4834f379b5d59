package clock_test

import (
	"testing"
	"time"

	"pileus/clock"
)

func TestDurationsWithDaysAndWeeks(t *testing.T) {
	const day = 24 * time.Hour
	for in, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "30d": 30 * day, "2w": 14 * day, "1w1d": 8 * day, "1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, "0s": 0,
	} {
		if got, err := clock.ParseDuration(in); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "d", "-1d", "3x", "1d2w", "99999999999w", "soon"} {
		if got, err := clock.ParseDuration(in); err == nil {
			t.Errorf("%q was read as %v", in, got)
		}
	}
}
