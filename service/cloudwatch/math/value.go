// Package math is metric math: the expressions of GetMetricData and of alarms.
//
//	value.go                 scalars, time series and arrays of them
//	token.go, parse.go       from text to a tree
//	eval.go, operator.go     what a tree is worth
//	function.go              which functions there are; pointwise.go,
//	                         aggregate.go, fill.go, order.go, choose.go,
//	                         source.go say what they do
//	search.go, term.go       what SEARCH finds
//	insight.go, sqltoken.go  Metrics Insights, queries in a kind of SQL
//	label.go                 labels with values in them
//
// It knows no store: what an expression asks for comes from an Env.
//
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
package math

import (
	"fmt"
	"math"
)

// Kind is what a value is. AWS's abbreviations are S, TS and TS[].
type Kind uint8

const (
	Scalar Kind = iota
	TimeSeries
	Array
)

// String is the kind as error messages have it.
func (k Kind) String() string {
	return [...]string{"Scalar", "TimeSeries", "Array[TimeSeries]"}[k]
}

// Dimension is a name and a value that tell metrics of one name apart.
type Dimension struct{ Name, Value string }

// Metric is where a series came from, for labels.
type Metric struct {
	Account, Region, Namespace, Name, Stat string
	Dimensions                             []Dimension
}

// Dimension is the value of a dimension, or "".
func (m *Metric) Dimension(name string) string {
	for _, d := range m.Dimensions {
		if d.Name == name {
			return d.Value
		}
	}
	return ""
}

// Series are values at times, in order of time.
type Series struct {
	Label  string // "" where it has none of its own
	Period int64  // seconds
	Times  []int64
	Values []float64
	Metric *Metric // nil where it was made of several
	// Raw tells that the values are a metric's own, not those of an expression.
	Raw bool
}

// Len is how many data points there are.
func (s *Series) Len() int { return len(s.Times) }

// add appends a data point. What is not a number is dropped, as AWS drops the
// result of a division by zero.
func (s *Series) add(at int64, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		s.Times, s.Values = append(s.Times, at), append(s.Values, v+0) // no -0
	}
}

// like is an empty series with what s says of itself.
func (s *Series) like() Series {
	return Series{Label: s.Label, Period: s.Period, Metric: s.Metric}
}

// at finds values by time, for times that are asked for in order.
func (s *Series) at() func(t int64) (float64, bool) {
	i := 0
	return func(t int64) (float64, bool) {
		for i < len(s.Times) && s.Times[i] < t {
			i++
		}
		if i < len(s.Times) && s.Times[i] == t {
			return s.Values[i], true
		}
		return 0, false
	}
}

// Value is what an expression is worth: a number, one series or any number of
// them.
type Value struct {
	Kind   Kind
	Number float64  // of a Scalar
	Series []Series // one of a TimeSeries
}

func scalar(v float64) Value { return Value{Kind: Scalar, Number: v} }

// One is a single series as a value.
func One(s Series) Value { return Value{Kind: TimeSeries, Series: []Series{s}} }

// Many is an array of series as a value.
func Many(list []Series) Value { return Value{Kind: Array, Series: list} }

// one is the series of a TimeSeries.
func (v Value) one() *Series { return &v.Series[0] }

// each makes a value of the same kind with each series put through f.
func (v Value) each(f func(s *Series) Series) Value {
	out := Value{Kind: v.Kind, Series: make([]Series, len(v.Series))}
	for i := range v.Series {
		out.Series[i] = f(&v.Series[i])
	}
	return out
}

// Grid is the times that a query asks for.
type Grid struct {
	From, To int64 // seconds since 1970; To is not part of it
	Period   int64 // seconds
}

// dense is a series with a value at each time of the grid.
func (g Grid) dense(period int64, f func(t int64) float64) Series {
	if period <= 0 {
		period = g.Period
	}
	s := Series{Period: period}
	for t := floor(g.From, period); t < g.To; t += period {
		s.add(t, f(t))
	}
	return s
}

func floor(t, step int64) int64 { return t - ((t%step)+step)%step }

// Error is what is wrong with an expression, in words for whoever wrote it.
type Error struct{ Text string }

func (e *Error) Error() string { return e.Text }

func errorf(format string, a ...any) error { return &Error{fmt.Sprintf(format, a...)} }

// errSyntax is AWS's answer to anything that is not an expression.
var errSyntax = &Error{"Invalid syntax"}
