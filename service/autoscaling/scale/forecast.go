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

// ageing is how much a day counts less than the one after it.
const ageing = 0.85

// habits are how much more the same day of an earlier week may count than other
// days: where each day is like the others it need not, where weekends are quiet
// it must.
var habits = []float64{1, 8, 512}

// foresee continues an hourly series, whose last element is the hour that has
// just ended, by n hours. NaN stands for what is not known. Each hour is the
// mean of the same hour of the days before, brought to the present level; the
// newer days count more, and those of the same weekday as much more as would
// have foreseen the last week best. ok is false where less than a day is known.
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
	m := model{past: past, growth: growth(past), weekly: habits[0]}
	least := math.Inf(1)
	for _, h := range habits {
		tried := m
		if tried.weekly = h; tried.error() < least {
			least, m = tried.error(), tried
		}
	}
	for i := range n {
		next = append(next, max(0, m.hour(len(past), i)))
	}
	return next, true
}

// model is a way to continue a series.
type model struct {
	past   []float64
	growth float64 // of a day beside the one before
	weekly float64
}

// hour is what the model has for the hour end+i, from past[:end].
func (m model) hour(end, i int) float64 {
	sum, weight := 0.0, 0.0
	for d := i/24 + 1; end+i-24*d >= 0; d++ {
		v := m.past[end+i-24*d]
		if math.IsNaN(v) {
			continue
		}
		w := math.Pow(ageing, float64(d))
		if d%7 == 0 {
			w *= m.weekly
		}
		sum, weight = sum+w*v*math.Pow(m.growth, float64(d)), weight+w
	}
	if weight == 0 {
		return mean(m.past[:end])
	}
	return sum / weight
}

// error is how far the model, asked each midnight, was off in the last week.
func (m model) error() (sum float64) {
	for day := 1; day <= 7; day++ {
		end := len(m.past) - 24*day
		if end < 24 {
			break
		}
		for i := range 24 {
			if v := m.past[end+i]; !math.IsNaN(v) {
				sum += math.Abs(v - m.hour(end, i))
			}
		}
	}
	return sum
}

// growth is by what factor days grow, judged by pairs of the same hours a week
// apart; a tenth a day at most, either way.
func growth(past []float64) float64 {
	const week = 7 * 24
	now, before := 0.0, 0.0
	for i := week; i < len(past); i++ {
		if v := past[i] + past[i-week]; !math.IsNaN(v) {
			now, before = now+past[i], before+past[i-week]
		}
	}
	if before <= 0 {
		return 1
	}
	return max(0.9, min(math.Pow(now/before, 1.0/7), 1.1))
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
