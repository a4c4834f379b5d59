package clock

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads a duration as people give it to a clock: like
// time.ParseDuration, and with days, weeks and years of 365 days as well
// ("30d", "1y2w", "1d12h", "-2d").
func ParseDuration(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no duration like 90s, 12h, 30d, 2w or 1y", s)
	rest, negative := strings.CutPrefix(strings.TrimSpace(s), "-")
	if rest == "" {
		return 0, bad
	}
	var total float64 // in nanoseconds
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"y", 365 * 24 * time.Hour}, {"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		number, after, ok := strings.Cut(rest, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil || n < 0 {
			return 0, bad
		}
		total += n * float64(unit.length)
		rest = after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return 0, bad
		}
		total += float64(d)
	}
	if !(total < math.MaxInt64) { // NaN included
		return 0, fmt.Errorf("%q is longer than a clock can count: 292 years", s)
	}
	if negative {
		total = -total
	}
	return time.Duration(total), nil
}
