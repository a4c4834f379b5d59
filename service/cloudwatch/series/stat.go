package series

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Stat works out one number from a set; ok is false where the set does not
// tell, as a percentile of a summary.
type Stat func(s *Set) (v float64, ok bool)

var short = regexp.MustCompile(`^(p|tm|tc|ts|wm)(\d{1,2}(?:\.\d{1,10})?|100)$`)
var long = regexp.MustCompile(`^(TM|TC|TS|WM|PR)\(([^:]*):([^:]*)\)$`)

// ParseStat understands the statistics of the API ("Average", "p99.9", "IQM",
// "TM(10%:90%)"). full says whether it needs distributions.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html
func ParseStat(name string) (f Stat, full, ok bool) {
	switch name {
	case "SampleCount":
		return func(s *Set) (float64, bool) { return s.Count, true }, false, true
	case "Sum":
		return func(s *Set) (float64, bool) { return s.Sum, true }, false, true
	case "Minimum":
		return func(s *Set) (float64, bool) { return s.Min, true }, false, true
	case "Maximum":
		return func(s *Set) (float64, bool) { return s.Max, true }, false, true
	case "Average":
		return func(s *Set) (float64, bool) { return s.Sum / s.Count, s.Count > 0 }, false, true
	case "IQM":
		return between("TM", bound{25, true}, bound{75, true}), true, true
	}
	if m := short.FindStringSubmatch(name); m != nil {
		p, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, false, false
		}
		if m[1] == "p" {
			return func(s *Set) (float64, bool) { return s.percentile(p) }, true, true
		}
		return between(strings.ToUpper(m[1]), bound{0, true}, bound{p, true}), true, true
	}
	m := long.FindStringSubmatch(name)
	if m == nil || m[2] == "" && m[3] == "" {
		return nil, false, false
	}
	percent := strings.HasSuffix(m[2]+m[3], "%")
	lo, ok1 := parseBound(m[2], percent, math.Inf(-1), 0)
	hi, ok2 := parseBound(m[3], percent, math.Inf(1), 100)
	if !ok1 || !ok2 || m[1] == "PR" && percent {
		return nil, false, false
	}
	return between(m[1], lo, hi), true, true
}

// bound is a value, or a percentage of what was seen.
type bound struct {
	v       float64
	percent bool
}

func parseBound(s string, percent bool, open, openPercent float64) (bound, bool) {
	if s == "" && percent {
		return bound{openPercent, true}, true
	}
	if s == "" {
		return bound{open, false}, true
	}
	num, isPercent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(num, 64)
	ok := err == nil && isPercent == percent && !math.IsNaN(v) && (!percent || v >= 0 && v <= 100)
	return bound{v, percent}, ok
}

// distribution is the set's, where percentiles are to be had: not of negative
// values, nor of summaries.
func (s *Set) distribution() ([]Bin, bool) {
	return s.Bins, !s.Opaque && s.Min >= 0 && s.Count > 0
}

// percentile is the least value that at least p % of what was seen do not
// exceed.
func (s *Set) percentile(p float64) (float64, bool) {
	bins, ok := s.distribution()
	if !ok {
		return 0, false
	}
	rank, seen := p/100*s.Count, 0.0
	for _, b := range bins {
		if seen += b.Count; seen >= rank {
			return b.Value, true
		}
	}
	return s.Max, true
}

// between works with what lies between two bounds: the trimmed mean, count and
// sum, the winsorized mean and the percentile rank.
func between(kind string, lo, hi bound) Stat {
	return func(s *Set) (float64, bool) {
		bins, ok := s.distribution()
		if !ok {
			return 0, false
		}
		var n, sum, first, last, below, above, seen float64
		for _, b := range bins {
			from, to := seen, seen+b.Count
			seen = to
			a, z := from, to
			if lo.percent {
				a, z = max(a, lo.v/100*s.Count), min(z, hi.v/100*s.Count)
			} else if b.Value <= lo.v || b.Value > hi.v {
				if b.Value <= lo.v {
					below += b.Count
				} else {
					above += b.Count
				}
				continue
			}
			if z <= a {
				if to <= lo.v/100*s.Count {
					below += b.Count
				} else {
					above += b.Count
				}
				continue
			}
			if n == 0 {
				first = b.Value
			}
			last = b.Value
			below, above = below+max(0, a-from), above+max(0, to-z)
			n, sum = n+z-a, sum+b.Value*(z-a)
		}
		switch kind {
		case "TC":
			return n, true
		case "TS":
			return sum, true
		case "PR":
			return n / s.Count * 100, true
		case "WM":
			return (sum + below*first + above*last) / s.Count, n > 0
		}
		return sum / n, n > 0
	}
}
