package math

import (
	"math"
	"slices"
)

// Aggregate sums a list of values up; of nothing it is not a number. n is how
// many values there could have been: where some are missing, AVG counts them
// as 0.
type Aggregate func(values []float64, n int) float64

// aggregates are by name. STDDEV is the population's.
func aggregateOf(name string) (Aggregate, bool) {
	switch name {
	case "SUM":
		return func(v []float64, _ int) float64 { return sum(v) }, true
	case "AVG":
		return func(v []float64, n int) float64 { return sum(v) / float64(n) }, true
	case "MIN":
		return func(v []float64, _ int) float64 {
			if len(v) == 0 {
				return math.NaN()
			}
			return slices.Min(v)
		}, true
	case "MAX":
		return func(v []float64, _ int) float64 {
			if len(v) == 0 {
				return math.NaN()
			}
			return slices.Max(v)
		}, true
	case "STDDEV":
		return func(v []float64, _ int) float64 { return deviation(v) }, true
	case "DATAPOINT_COUNT":
		return func(v []float64, _ int) float64 { return float64(len(v)) }, true
	}
	return nil, false
}

func sum(v []float64) (t float64) {
	for _, x := range v {
		t += x
	}
	return t
}

func deviation(v []float64) float64 {
	mean, t := sum(v)/float64(len(v)), 0.0
	for _, x := range v {
		t += (x - mean) * (x - mean)
	}
	return math.Sqrt(t / float64(len(v)))
}

// aggregate are the functions that make a number of a series and a series of
// an array.
func aggregate(name string) (definition, bool) {
	if name == "METRIC_COUNT" {
		return definition{1, 1, metricCount}, true
	}
	f, ok := aggregateOf(name)
	return definition{1, 1, func(e *evaluator, c *callNode) (Value, error) {
		v, err := e.argument(c, 0, TimeSeries, Array)
		if err != nil {
			return v, err
		}
		if v.Kind == TimeSeries {
			return scalar(f(v.one().Values, v.one().Len())), nil
		}
		return One(across(v.Series, f)), nil
	}}, ok
}

func metricCount(e *evaluator, c *callNode) (Value, error) {
	v, err := e.argument(c, 0, Array)
	return scalar(float64(len(v.Series))), err
}

// across sums series up at each time at which one of them has a value.
func across(list []Series, f Aggregate) (out Series) {
	var times []int64
	for i := range list {
		times = append(times, list[i].Times...)
		out.Period = max(out.Period, list[i].Period)
	}
	slices.Sort(times)
	at := make([]func(int64) (float64, bool), len(list))
	for i := range list {
		at[i] = list[i].at()
	}
	values := make([]float64, 0, len(list))
	for _, t := range slices.Compact(times) {
		values = values[:0]
		for _, get := range at {
			if v, ok := get(t); ok {
				values = append(values, v)
			}
		}
		out.add(t, f(values, len(list)))
	}
	return out
}
