package picture

import (
	"math"
	"strconv"
)

// scale maps values to heights in an area.
type scale struct {
	min, max    float64
	top, bottom float64
	ticks       []float64
}

// newScale covers all values, with an axis' own limits, in round steps.
func newScale(a area, x Axis, values func(yield func(float64))) *scale {
	lo, hi := math.Inf(1), math.Inf(-1)
	values(func(v float64) { lo, hi = min(lo, v), max(hi, v) })
	if math.IsInf(lo, 1) {
		lo, hi = 0, 1
	}
	if x.Min != nil {
		lo = *x.Min
	}
	if x.Max != nil {
		hi = *x.Max
	}
	if hi <= lo {
		span := max(math.Abs(lo)*0.1, 1)
		if x.Max != nil && x.Min == nil {
			lo = hi - span
		} else {
			hi = lo + span
		}
	}
	step := round((hi - lo) / max(1, math.Floor(a.height()/45)))
	s := &scale{top: a.top, bottom: a.bottom}
	if x.Min == nil {
		lo = math.Floor(lo/step) * step
	}
	if x.Max == nil {
		hi = math.Ceil(hi/step) * step
	}
	s.min, s.max = lo, hi
	first := math.Ceil(lo/step - 1e-9)
	for i := range 50 {
		if v := (first + float64(i)) * step; v <= hi+step*1e-9 {
			s.ticks = append(s.ticks, v)
		}
	}
	return s
}

// round is 1, 2 or 5 times a power of ten, and not less than v.
func round(v float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(v)))
	for _, n := range []float64{1, 2, 5} {
		if v <= n*base*(1+1e-9) {
			return n * base
		}
	}
	return 10 * base
}

// y is the height of a value.
func (s *scale) y(v float64) float64 {
	y := s.bottom - (v-s.min)/(s.max-s.min)*(s.bottom-s.top)
	// Far outside of the picture all heights are the same.
	return min(max(y, s.top-1e4), s.bottom+1e4)
}

// Number is a number in few letters: 1.5k, 20M.
func Number(v float64) string {
	abs := math.Abs(v)
	for _, u := range []struct {
		from float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if abs >= u.from*(1-1e-9) {
			return digits(v/u.from) + u.name
		}
	}
	return digits(v)
}

// digits are four of them at most.
func digits(v float64) string {
	abs := math.Abs(v)
	switch {
	case abs == 0:
		return "0"
	case abs < 1e-4 || abs >= 1e7:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	n := max(0, 3-int(math.Floor(math.Log10(abs))))
	p := math.Pow(10, float64(n))
	return strconv.FormatFloat(math.Round(v*p)/p, 'f', -1, 64)
}
