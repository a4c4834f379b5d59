package math

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// placeholder is ${MAX}, ${PROP('Dim.InstanceId')} and the like.
var placeholder = regexp.MustCompile(`\$\{\s*([A-Z_]+)\s*(?:\(\s*['"]([^'"}]*)['"]\s*\))?\s*\}`)

// LabelContext is what a label's values are seen from.
type LabelContext struct {
	Default string // for ${LABEL}
	Now     time.Time
	Zone    *time.Location
}

// Label fills a template in with what a series has. What is not a placeholder
// of AWS's stays as it is.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
func Label(template string, s *Series, c LabelContext) string {
	return placeholder.ReplaceAllStringFunc(template, func(p string) string {
		m := placeholder.FindStringSubmatch(p)
		var v string
		ok := true
		switch {
		case m[1] == "LABEL":
			v = c.Default
		case m[1] == "PROP":
			v, ok = property(s, m[2])
		default:
			v, ok = statistic(m[1], s, c)
		}
		if !ok {
			return p
		}
		return v
	})
}

// property is what a series' metric says of itself.
func property(s *Series, name string) (string, bool) {
	if name == "Period" {
		return strconv.FormatInt(s.Period, 10), true
	}
	m := s.Metric
	if m == nil {
		m = &Metric{}
	}
	if dim, ok := strings.CutPrefix(name, "Dim."); ok {
		return m.Dimension(dim), true
	}
	v, ok := map[string]string{"AccountId": m.Account, "MetricName": m.Name, "Namespace": m.Namespace, "Region": m.Region, "Stat": m.Stat}[name]
	return v, ok
}

// noValue stands for a statistic of nothing.
const noValue = "--"

// statistic is a number or a time that is worked out from the values.
func statistic(name string, s *Series, c LabelContext) (string, bool) {
	base := name
	for _, end := range []string{"_TIME_RELATIVE", "_TIME_RANGE", "_TIME", "_RANGE"} {
		if cut, ok := strings.CutSuffix(name, end); ok {
			base = cut
			return spot(base, end, s, c)
		}
	}
	f, ok := aggregateOf(base)
	if base == "FIRST" || base == "LAST" {
		i, _ := where(base, s)
		f, ok = func(v []float64, _ int) float64 { return v[i] }, true
	}
	if !ok {
		return "", false
	}
	if s.Len() == 0 && base != "DATAPOINT_COUNT" {
		return noValue, true
	}
	return number(f(s.Values, s.Len())), true
}

// spot is a time in a series, or the difference of two places in it.
func spot(base, end string, s *Series, c LabelContext) (string, bool) {
	from, to, two := base, base, false
	if base == "MIN_MAX" || base == "FIRST_LAST" {
		from, to, two = strings.Cut(base, "_")
	}
	i, ok := where(from, s)
	j, ok2 := where(to, s)
	if !ok || !ok2 || two != strings.HasSuffix(end, "_RANGE") {
		return "", false
	}
	if s.Len() == 0 {
		return noValue, true
	}
	switch end {
	case "_RANGE":
		return number(math.Abs(s.Values[j] - s.Values[i])), true
	case "_TIME_RANGE":
		return span(time.Duration(max(s.Times[j]-s.Times[i], s.Times[i]-s.Times[j])) * time.Second), true
	case "_TIME_RELATIVE":
		return span(c.Now.Sub(time.Unix(s.Times[i], 0)).Abs()), true
	}
	zone := c.Zone
	if zone == nil {
		zone = time.UTC
	}
	return time.Unix(s.Times[i], 0).In(zone).Format("2006-01-02 15:04:05 MST"), true
}

// where is the place of the first, last, least or greatest value.
func where(name string, s *Series) (at int, ok bool) {
	switch name {
	case "FIRST":
		return 0, true
	case "LAST":
		return s.Len() - 1, true
	case "MIN", "MAX":
		for i, v := range s.Values {
			if name == "MIN" && v < s.Values[at] || name == "MAX" && v > s.Values[at] {
				at = i
			}
		}
		return at, true
	}
	return 0, false
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// span words a duration by its two largest units: 1d2h, 3m20s.
func span(d time.Duration) string {
	s := int64(d / time.Second)
	switch {
	case s >= 86400:
		return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
	case s >= 3600:
		return fmt.Sprintf("%dh%dm", s/3600, s/60%60)
	case s >= 60:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	}
	return fmt.Sprintf("%ds", s)
}
