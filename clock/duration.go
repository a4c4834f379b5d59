package clock

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseDuration reads a duration as time.ParseDuration does and knows days and
// weeks as well, which have 24 hours and 7 days: "30d", "2w", "1d12h".
func ParseDuration(s string) (time.Duration, error) {
	rest, total := s, time.Duration(0)
	for _, unit := range []struct {
		name string
		span time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		n, after, ok := strings.Cut(rest, unit.name)
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(n, 64)
		if err != nil || x < 0 || x*float64(unit.span) > float64(1<<62) {
			return 0, errDuration(s)
		}
		total, rest = total+time.Duration(x*float64(unit.span)), after
	}
	if rest == "" && total > 0 {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, errDuration(s)
	}
	return total + d, nil
}

func errDuration(s string) error {
	return fmt.Errorf("%q is no duration such as 90s, 12h, 30d or 2w", s)
}
