package scale

import "math"

// Hours of a forecast and of the past that it is made from, and the least past
// with which one is made.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/predictive-scaling-policy-overview.html
const (
	ahead     = 48
	learned   = 14 * 24
	leastPast = 24
)

// ageing is how much a day counts less than the one after it, and weekly how
// much more the same day of an earlier week counts.
const (
	ageing = 0.85
	weekly = 4
)

// foresee continues an hourly series, whose last element is the hour that has
// just ended, by n hours. It is NaN where nothing is known. Each hour is the
// mean of the same hour of the days before, the newer and those of the same
// weekday the more, at the level at which the last day was beside what had been
// foreseen for it. ok is false where less than a day is known.
func foresee(past []float64, n int) (next []float64, ok bool) {
	known := 0
	for _, v := range past {
		if !math.IsNaN(v) {
			known++
		}
	}
	if known < leastPast {
		return nil, false
	}
	level := trend(past)
	for i := range n {
		next = append(next, max(0, seasonal(past, len(past), i, level)))
	}
	return next, true
}

// seasonal foresees the hour end+i from past[:end].
func seasonal(past []float64, end, i int, level float64) float64 {
	sum, weight := 0.0, 0.0
	days := i/24 + 1
	for d := days; end+i-24*d >= 0; d++ {
		v := past[end+i-24*d]
		if math.IsNaN(v) {
			continue
		}
		w := math.Pow(ageing, float64(d))
		if d%7 == 0 {
			w *= weekly
		}
		sum, weight = sum+w*v, weight+w
	}
	if weight == 0 {
		return mean(past[:end]) * level
	}
	return sum / weight * level
}

// trend is the last day beside what the days before it make one expect, or 1
// where there are none; half and double at most.
func trend(past []float64) float64 {
	from := len(past) - 24
	if from < 24 {
		return 1
	}
	is, expected := 0.0, 0.0
	for i := range 24 {
		e := seasonal(past, from, i, 1)
		if v := past[from+i]; !math.IsNaN(v) && !math.IsNaN(e) {
			is, expected = is+v, expected+e
		}
	}
	if expected <= 0 {
		return 1
	}
	return math.Sqrt(max(0.25, min(is/expected, 4)))
}

func mean(list []float64) float64 {
	sum, n := 0.0, 0
	for _, v := range list {
		if !math.IsNaN(v) {
			sum, n = sum+v, n+1
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// share is how much of the scaling metric, summed over the capacity, a unit of
// load makes: what turns a forecast of load into one of capacity.
func share(load, scaling, capacity []float64) (ratio float64, ok bool) {
	made, of := 0.0, 0.0
	for i, l := range load {
		if v := scaling[i] * capacity[i]; !math.IsNaN(l) && !math.IsNaN(v) {
			made, of = made+v, of+l
		}
	}
	return made / of, of > 0
}

// needed is the capacity at which the scaling metric would be at its target.
func needed(load []float64, ratio, target float64) []float64 {
	out := make([]float64, len(load))
	for i, l := range load {
		out[i] = math.Ceil(l*ratio/target - 1e-9)
	}
	return out
}
