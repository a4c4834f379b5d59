package clock_test

import (
	"testing"
	"time"

	"pileus/clock"
)

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"30d": 30 * day, "1y": 365 * day, "1y2w3d4h5m6s": 365*day + 17*day + 4*time.Hour + 5*time.Minute + 6*time.Second,
		"1.5d": 36 * time.Hour, "90s": 90 * time.Second, "250ms": 250 * time.Millisecond, " 2w ": 14 * day, "-2d": -2 * day, "0s": 0,
	} {
		if got, err := clock.ParseDuration(in); err != nil || got != want {
			t.Errorf("%q is %v, %v, want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"", "-", "d", "30", "1d2y", "--1d", "1d-2h", "x", "300y", "NaNd", "1e400d"} {
		if got, err := clock.ParseDuration(in); err == nil {
			t.Errorf("%q is taken as %v", in, got)
		}
	}
}
