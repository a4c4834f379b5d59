package math

import "testing"

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"m1+m2*2^-m1", "IF(m1>5 AND m2<3, m1)", "SORT(METRICS('m'), AVG, DESC, 2)", "FILL([m1,m2], LINEAR)", "SEARCH('{A,b} c', 'Sum', 60)", "SLICE(METRICS(),1e9)", "[[m1],[]]"} {
		f.Add(s)
	}
	env := &fixture{long: 3, series: map[string][]float64{"m1": {1, 2, 3}, "m2": {gap, 0, gap}}, list: []*Metric{{Namespace: "A", Name: "c", Dimensions: []Dimension{{"b", "1"}}}}}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Eval(env, s)
		if err != nil {
			return
		}
		if v.Kind == TimeSeries && len(v.Series) != 1 {
			t.Fatalf("%q is a time series of %d", s, len(v.Series))
		}
		for _, x := range v.Series {
			for i := range x.Times {
				if i > 0 && x.Times[i] <= x.Times[i-1] || x.Values[i] != x.Values[i] {
					t.Fatalf("%q is out of order or not a number: %+v", s, x)
				}
			}
		}
	})
}

func FuzzSearch(f *testing.F) {
	for _, s := range []string{`{AWS/EC2,InstanceId} MetricName="CPUUtilization" NOT (a OR b)`, `A=("x" OR y)`, `"a\"b" count1`} {
		f.Add(s)
	}
	m := &Metric{Namespace: "AWS/EC2", Name: "CPUUtilization", Dimensions: []Dimension{{"InstanceId", "i-1"}}}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := ParseSearch(s)
		if err != nil {
			return
		}
		if q.Finds(m) && q.Namespace != "" && q.Namespace != m.Namespace {
			t.Fatalf("%q finds what is in another namespace", s)
		}
	})
}

func FuzzInsight(f *testing.F) {
	for _, s := range []string{`SELECT AVG(M) FROM SCHEMA("N", a) WHERE a = 'x' AND b != 'y' GROUP BY a, b ORDER BY MAX() DESC LIMIT 9`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if q, err := ParseInsight(s); err == nil && (q.Metric == "" && q.Namespace == "" && q.Function == "" || q.Limit < 1 || q.Limit > maxSeries) {
			t.Fatalf("%q is %+v", s, q)
		}
	})
}

func FuzzLabel(f *testing.F) {
	f.Add("${MAX} ${PROP('Dim.a')} ${MIN_MAX_TIME_RANGE} ${FIRST_TIME_RELATIVE}")
	s := &Series{Times: []int64{1, 2}, Values: []float64{1, 2}}
	f.Fuzz(func(t *testing.T, template string) {
		Label(template, s, LabelContext{})
		Label(template, &Series{}, LabelContext{})
	})
}
