package math

import (
	"math"
	"time"
)

// definition is a function: how many arguments it takes and what it does.
type definition struct {
	least, most int
	run         func(e *evaluator, c *callNode) (Value, error)
}

// function finds a function by its name.
func function(name string) (definition, bool) {
	switch name {
	case "ABS":
		return pointwise(math.Abs), true
	case "CEIL":
		return pointwise(math.Ceil), true
	case "FLOOR":
		return pointwise(math.Floor), true
	case "LOG":
		return pointwise(math.Log), true
	case "LOG10":
		return pointwise(math.Log10), true
	case "DIFF":
		return steps(func(dv, _ float64) float64 { return dv }), true
	case "DIFF_TIME":
		return steps(func(_, dt float64) float64 { return dt }), true
	case "RATE":
		return steps(func(dv, dt float64) float64 { return dv / dt }), true
	case "RUNNING_SUM":
		return definition{1, 1, runningSum}, true
	case "FILL":
		return definition{2, 2, fill}, true
	case "IF":
		return definition{2, 3, choose}, true
	case "TIME_SERIES", "TIMESERIES":
		return definition{1, 1, timeSeries}, true
	case "PERIOD":
		return definition{1, 1, period}, true
	}
	if f, ok := aggregate(name); ok {
		return f, true
	}
	if f, ok := ordering(name); ok {
		return f, true
	}
	if f, ok := calendar(name); ok {
		return f, true
	}
	return source(name)
}

// calendar are the functions that tell a part of each time, in UTC.
func calendar(name string) (definition, bool) {
	part, ok := map[string]func(t time.Time) int{
		"MINUTE": time.Time.Minute,
		"HOUR":   time.Time.Hour,
		"DAY":    func(t time.Time) int { return (int(t.Weekday())+6)%7 + 1 }, // Monday is 1
		"DATE":   time.Time.Day,
		"MONTH":  func(t time.Time) int { return int(t.Month()) },
		"YEAR":   time.Time.Year,
		"EPOCH":  func(t time.Time) int { return int(t.Unix()) },
	}[name]
	return definition{1, 1, func(e *evaluator, c *callNode) (Value, error) {
		v, err := e.argument(c, 0, TimeSeries)
		if err != nil {
			return v, err
		}
		return One(e.env.Grid().dense(v.one().Period, func(t int64) float64 { return float64(part(time.Unix(t, 0).UTC())) })), nil
	}}, ok
}

// timeSeries is a number at each time.
func timeSeries(e *evaluator, c *callNode) (Value, error) {
	v, err := e.argument(c, 0, Scalar)
	if err != nil {
		return v, err
	}
	return One(e.env.Grid().dense(0, func(int64) float64 { return v.Number })), nil
}

// period is that of a metric, not of an expression.
func period(e *evaluator, c *callNode) (Value, error) {
	v, err := e.argument(c, 0, TimeSeries)
	if err != nil {
		return v, err
	}
	if !v.one().Raw {
		return v, errorf("Function '%s' takes a metric, and not the result of an expression", c.name)
	}
	return scalar(float64(v.one().Period)), nil
}
