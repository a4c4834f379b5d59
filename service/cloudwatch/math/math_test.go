package math

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// gap stands for a time without a value.
var gap = math.NaN()

// fixture is an Env of series that are given by their values, a minute each
// from 1970 on.
type fixture struct {
	series map[string][]float64
	list   []*Metric
	long   int // of the grid, in minutes
}

func (f *fixture) Grid() Grid { return Grid{0, int64(f.long) * 60, 60} }

func (f *fixture) row(id string) Series {
	s := Series{Label: id, Period: 60, Raw: true, Metric: &Metric{Name: id}}
	for i, v := range f.series[id] {
		s.add(int64(i)*60, v)
	}
	return s
}

func (f *fixture) Query(id string) (Value, error) {
	if id == "e9" {
		return Eval(f, "SORT(METRICS(), AVG, ASC)")
	}
	if _, ok := f.series[id]; !ok {
		return Value{}, errorf("Undefined variable '%s'", id)
	}
	return One(f.row(id)), nil
}

func (f *fixture) Metrics(part string) (list []Series, err error) {
	for i := range 10 {
		if id := fmt.Sprintf("m%d", i); f.series[id] != nil && strings.Contains(id, part) {
			list = append(list, f.row(id))
		}
	}
	return list, nil
}

func (f *fixture) Search(s *Search, stat string, period int64) (list []Series, err error) {
	for _, m := range f.list {
		if s.Finds(m) {
			list = append(list, Series{Label: m.Name + stat, Period: period})
		}
	}
	return list, nil
}

func (f *fixture) Band(of *Expr, n float64) ([]Series, error) {
	v, err := of.Eval(f)
	up := apply(v, func(x float64) float64 { return x + n })
	down := apply(v, func(x float64) float64 { return x - n })
	return append(up.Series, down.Series...), err
}

func (f *fixture) Insight(rule, metric string) (Series, error) { return f.row("m1"), nil }
func (f *fixture) Quota(of *Series) (Series, error)            { return *of, nil }

// Eval parses and works out.
func Eval(e Env, s string) (Value, error) {
	x, err := Parse(s)
	if err != nil {
		return Value{}, err
	}
	return x.Eval(e)
}

// show writes a value as the tables below have it: [1 - 3] for a series.
func show(v Value, long int) string {
	if v.Kind == Scalar {
		return fmt.Sprint(v.Number)
	}
	var rows []string
	for i := range v.Series {
		get := v.Series[i].at()
		var words []string
		for m := range long {
			if x, ok := get(int64(m) * 60); ok {
				words = append(words, fmt.Sprint(math.Round(x*1e6)/1e6))
			} else {
				words = append(words, "-")
			}
		}
		rows = append(rows, "["+strings.Join(words, " ")+"]")
	}
	if v.Kind == Array {
		return "{" + strings.Join(rows, " ") + "}"
	}
	return rows[0]
}

// TestExpressions holds the results that were worked out by hand from the rules
// of the user guide ("Using metric math"); the cases of the tables there are
// marked.
func TestExpressions(t *testing.T) {
	f := &fixture{long: 4, series: map[string][]float64{
		"m1": {30, 20, 0, 0},
		"m2": {20, gap, 20, gap},
		"m3": {1, -2, 3.5, 4},
		"m4": {gap, gap, gap, gap},
		"x":  {gap, 4, gap, 10}, // not among the metrics
	}}
	for _, row := range [][2]string{
		// Arithmetic: missing values are 0; what divides by 0 is dropped.
		{"m1+m2", "[50 20 20 0]"},
		{"m1-m2", "[10 20 -20 0]"},
		{"m1*m2", "[600 0 0 0]"},
		{"m2/m1", "[0.666667 0 - -]"},
		{"m1/m2", "[1.5 - 0 -]"},
		{"2^m3", "[2 0.25 11.313708 16]"},
		{"-m3", "[-1 2 -3.5 -4]"},
		{"5*m2", "[100 - 100 -]"},
		{"m1+m2*2", "[70 20 40 0]"},
		{"(m1+m2)*2", "[100 40 40 0]"},
		{"10-4-3", "3"},
		{"2^3^2", "512"},
		{"-2^2", "-4"},
		{"1e2/4", "25"},
		{"100/[m1, m2]", "{[3.333333 5 - -] [5 - 5 -]}"},
		{"[m1,m2]/m3", "{[30 -10 0 0] [20 0 5.714286 0]}"},
		// Comparison and logic: the table of the guide, with its two metrics.
		{"m1 < m2", "[0 0 1 0]"},
		{"m1 >= 30", "[1 0 0 0]"},
		{"m1 > 15 AND m2 > 15", "[1 0 0 0]"},
		{"m1 > 15 && m2 > 15", "[1 0 0 0]"},
		{"m1 > 25 OR m2 > 15", "[1 0 1 0]"},
		{"m1 == 0 || m2 == 20", "[1 0 1 1]"},
		{"m1 != 0", "[1 1 0 0]"},
		{"m1 <= 20", "[0 1 1 1]"},
		{"1 < 2", "1"},
		{"2 == 3 OR 1", "1"},
		// Each value by itself.
		{"ABS(m3)", "[1 2 3.5 4]"},
		{"CEIL(m3)", "[1 -2 4 4]"},
		{"FLOOR(m3)", "[1 -2 3 4]"},
		{"LOG10(m1*10)", "[2.477121 2.30103 - -]"},
		{"LOG(m3)", "[0 - 1.252763 1.386294]"},
		{"ABS([m3, -m3])", "{[1 2 3.5 4] [1 2 3.5 4]}"},
		// Each value and the one before.
		{"DIFF(m3)", "[- -3 5.5 0.5]"},
		{"DIFF(m2)", "[- - 0 -]"},
		{"DIFF_TIME(m2)", "[- - 120 -]"},
		{"RATE(m3*60)", "[- -3 5.5 0.5]"},
		{"RATE(x)", "[- - - 0.05]"},
		{"RUNNING_SUM(m3)", "[1 -1 2.5 6.5]"},
		{"RUNNING_SUM(m2)", "[20 - 40 -]"},
		// FILL: a number, a series, the last value, a line; nothing is made up
		// outside of what there is by the last two.
		{"FILL(m2, 7)", "[20 7 20 7]"},
		{"FILL(m4, 0)", "[0 0 0 0]"},
		{"FILL(m2, m3)", "[20 -2 20 4]"},
		{"FILL(m2, MIN(m2))", "[20 20 20 20]"},
		{"FILL(x, REPEAT)", "[- 4 4 10]"},
		{"FILL(x, LINEAR)", "[- 4 7 10]"},
		{"FILL([m2, x], 1)", "{[20 1 20 1] [1 4 1 10]}"},
		// A number of a series, a series of an array.
		{"m1-AVG(m1)", "[17.5 7.5 -12.5 -12.5]"},
		{"AVG(m2)", "20"},
		{"AVG([m1,m2])", "[25 10 10 0]"},
		{"SUM(m1)", "50"},
		{"SUM([m1,m2])", "[50 20 20 0]"},
		{"SUM(METRICS())", "[51 18 23.5 4]"},
		{"MIN(m3)", "-2"},
		{"MAX(m3)", "4"},
		{"MIN([m1,m3])", "[1 -2 0 0]"},
		{"MAX([m1,m2,m3])", "[30 20 20 4]"},
		{"STDDEV(m1)", "12.99038105676658"},
		{"STDDEV([m1,m3])", "[14.5 11 1.75 2]"},
		{"DATAPOINT_COUNT(m2)", "2"},
		{"DATAPOINT_COUNT([m1,m2])", "[2 1 2 1]"},
		{"SUM(m1) / DATAPOINT_COUNT(m1)", "12.5"},
		{"METRIC_COUNT(METRICS())", "4"},
		{"METRICS(\"m3\")*10", "{[10 -20 35 40]}"},
		{"SUM([METRICS('m1'), METRICS('m2')])", "[50 20 20 0]"},
		{"m1/PERIOD(m1)", "[0.5 0.333333 0 0]"},
		// Arrays.
		{"FIRST([m1,m3])", "[30 20 0 0]"},
		{"LAST([m1,m3])", "[1 -2 3.5 4]"},
		{"SLICE(METRICS(), 1, 3)", "{[20 - 20 -] [1 -2 3.5 4]}"},
		{"SLICE(METRICS(), 2)", "{[1 -2 3.5 4] [- - - -]}"},
		{"SLICE(METRICS(), 9)", "{}"},
		{"SORT(METRICS(), AVG, DESC)", "{[20 - 20 -] [30 20 0 0] [1 -2 3.5 4] [- - - -]}"},
		{"SORT(METRICS(), MAX, ASC, 2)", "{[1 -2 3.5 4] [20 - 20 -]}"},
		{"SORT([m1,m2], SUM, DESC)", "{[30 20 0 0] [20 - 20 -]}"},
		{"IF(FIRST(SORT(METRICS(), AVG, DESC))>10, 1, 0)", "[1 - 1 -]"},
		{"REMOVE_EMPTY([m4, m2, m4])", "{[20 - 20 -]}"},
		{"FIRST(e9)", "[1 -2 3.5 4]"},
		// IF without a third argument drops what is false.
		{"IF(m1<25, m1)", "[- 20 0 0]"},
		{"IF(m1<25, 10, 2)", "[2 10 10 10]"},
		{"IF(1, m1, m3)", "[30 20 0 0]"},
		{"IF(0, m1, m3)", "[1 -2 3.5 4]"},
		{"IF(0, m1)", "[- - - -]"},
		{"IF(0, m1, 6)", "[6 6 6 6]"},
		{"TIME_SERIES(MAX(m3))", "[4 4 4 4]"},
		{"TIME_SERIES(AVG(m4))", "[- - - -]"},
		// Bands: the upper end first.
		{"ANOMALY_DETECTION_BAND(m1, 3)", "{[33 23 3 3] [27 17 -3 -3]}"},
		{"LAST(ANOMALY_DETECTION_BAND(m1))", "[28 18 -2 -2]"},
		{"INSIGHT_RULE_METRIC('r', 'Sum')", "[30 20 0 0]"},
	} {
		v, err := Eval(f, row[0])
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
		} else if got := show(v, f.long); got != row[1] {
			t.Errorf("%s is %s, want %s", row[0], got, row[1])
		}
	}
}

// TestIf holds the tables of "Using IF expressions".
func TestIf(t *testing.T) {
	f := &fixture{long: 5, series: map[string][]float64{
		"metric1": {1, 1, 0, 0, gap},
		"metric2": {30, gap, 0, 0, 30},
		"metric3": {0, 0, 20, gap, 20},
	}}
	for _, row := range [][2]string{
		{"IF(metric1, metric2, metric3)", "[30 0 20 - -]"},
		{"IF(metric1, 5, metric3)", "[5 5 20 - -]"},
		{"IF(metric1, metric2, 5)", "[30 0 5 5 -]"},
	} {
		if v, err := Eval(f, row[0]); err != nil || show(v, 5) != row[1] {
			t.Errorf("%s is %s, want %s (%v)", row[0], show(v, 5), row[1], err)
		}
	}
}

// TestCalendar takes Thursday, the 1st of January 1970, from midnight on.
func TestCalendar(t *testing.T) {
	f := &fixture{long: 62, series: map[string][]float64{"m1": {5}}}
	for call, want := range map[string][2]float64{
		"MINUTE(m1)": {0, 1}, "HOUR(m1)": {0, 1}, "DAY(m1)": {4, 4}, "DATE(m1)": {1, 1}, "MONTH(m1)": {1, 1}, "YEAR(m1)": {1970, 1970}, "EPOCH(m1)": {0, 3660},
	} {
		v, err := Eval(f, call)
		if err != nil || v.one().Len() != 62 || v.one().Values[0] != want[0] || v.one().Values[61] != want[1] {
			t.Errorf("%s: %v, want %v (%v)", call, v, want, err)
		}
	}
}

func TestExpressionErrors(t *testing.T) {
	f := &fixture{long: 2, series: map[string][]float64{"m1": {1, 2}, "m2": {1}}}
	for text, want := range map[string]string{
		"":                              "Invalid syntax",
		"m1 +":                          "Invalid syntax",
		"m1 m2":                         "Invalid syntax",
		"(m1":                           "Invalid syntax",
		"[m1":                           "Invalid syntax",
		"SUM(m1":                        "Invalid syntax",
		"'m1":                           "Invalid syntax",
		"m1 $ m2":                       "Invalid syntax",
		"'text'":                        "Invalid syntax",
		"1.2.3":                         "Invalid syntax",
		"sum(m1)":                       "Function 'sum' not found",
		"ANOMALY_DETECTOR(m1)":          "Function 'ANOMALY_DETECTOR' not found",
		"m3":                            "Undefined variable 'm3'",
		"SUM()":                         "Function 'SUM' does not take 0 arguments",
		"SUM(m1, m2)":                   "Function 'SUM' does not take 2 arguments",
		"SUM(5)":                        "Function 'SUM' does not take a Scalar as argument 1",
		"FIRST(m1)":                     "Function 'FIRST' does not take a TimeSeries as argument 1",
		"METRIC_COUNT(m1)":              "Function 'METRIC_COUNT' does not take a TimeSeries as argument 1",
		"[m1]+[m2]":                     "Unsupported operand type(s) for +: '[Array[TimeSeries], Array[TimeSeries]]'",
		"[m1] > 5":                      "Unsupported operand type(s) for >: '[Array[TimeSeries], Scalar]'",
		"[m1, 5]":                       "An array can hold time series only, and not a Scalar",
		"PERIOD(m1+m2)":                 "Function 'PERIOD' takes a metric, and not the result of an expression",
		"SORT([m1], STDDEV, ASC)":       "Function 'SORT' needs one of AVG, MIN, MAX, SUM as argument 2",
		"SORT([m1], AVG, UP)":           "Function 'SORT' needs ASC or DESC as argument 3",
		"SLICE([m1], -1)":               "Function 'SLICE' needs a whole number that is not negative as argument 2",
		"FILL(m1, NEXT)":                "Invalid syntax",
		"METRICS(m1)":                   "Function 'METRICS' needs a string as argument 1",
		"ANOMALY_DETECTION_BAND([m1])":  "Function 'ANOMALY_DETECTION_BAND' does not take a Array[TimeSeries] as argument 1",
		"ANOMALY_DETECTION_BAND(m1, 0)": "Function 'ANOMALY_DETECTION_BAND' needs a positive number as argument 2",
		"SEARCH('{', 'Sum', 60)":        "Invalid SEARCH query",
		"LAMBDA('f', 'x')":              "Function 'LAMBDA' asks for data outside of CloudWatch, which is not offered here",
		"DB_PERF_INSIGHTS('a','b','c')": "Function 'DB_PERF_INSIGHTS' asks for data outside of CloudWatch, which is not offered here",
	} {
		if _, err := Eval(f, text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := Parse(strings.Repeat("(", 1e6)); err == nil {
		t.Error("a million brackets are an expression")
	}
}
