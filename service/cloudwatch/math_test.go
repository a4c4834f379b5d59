package cloudwatch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
	"pileus/store"
)

// stat asks for a metric's sum by the minute.
func stat(id, name string, dims ...api.Dimension) api.MetricDataQuery {
	return api.MetricDataQuery{Id: id, MetricStat: &api.MetricStat{Metric: api.Metric{Namespace: new(ns), MetricName: &name, Dimensions: dims}, Period: 60, Stat: "Sum"}, ReturnData: new(false)}
}

func formula(id, text string) api.MetricDataQuery {
	return api.MetricDataQuery{Id: id, Expression: &text}
}

// feed puts a value a minute, from the clock's time on; nil is none.
func feed(w *nodetest.World, name string, dims []api.Dimension, list ...any) {
	for i, v := range list {
		if n, ok := v.(int); ok {
			nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{
				{MetricName: name, Dimensions: dims, Value: new(float64(n)), Timestamp: new(w.Now().Add(time.Duration(i) * time.Minute))}}})
		}
	}
}

func dims(parts ...string) (list []api.Dimension) {
	for i := 0; i < len(parts); i += 2 {
		list = append(list, api.Dimension{Name: parts[i], Value: parts[i+1]})
	}
	return list
}

// ask gets data of the five minutes from the clock's time on, the oldest first.
func ask(w *nodetest.World, queries ...api.MetricDataQuery) *api.GetMetricDataInput {
	return &api.GetMetricDataInput{StartTime: w.Now(), EndTime: w.Now().Add(5 * time.Minute), ScanBy: new(api.ScanByTimestampAscending), MetricDataQueries: queries}
}

// spell writes results as "label[minute=value ...]".
func spell(w *nodetest.World, list []api.MetricDataResult) string {
	var rows []string
	for _, res := range list {
		var words []string
		for i, at := range res.Timestamps {
			words = append(words, fmt.Sprintf("%v=%v", int(at.Sub(w.Now()).Minutes()), res.Values[i]))
		}
		rows = append(rows, *res.Label+"["+strings.Join(words, " ")+"]")
	}
	return strings.Join(rows, " ")
}

func TestMetricMath(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "errors", dims("Page", "cart"), 1, 2, nil, 4)
	feed(w, "errors", dims("Page", "home"), 10, nil, 30)
	feed(w, "requests", nil, 10, 20, 40, 80)
	a, b, n := stat("a", "errors", dims("Page", "cart")...), stat("b", "errors", dims("Page", "home")...), stat("n", "requests")
	long := stat("long", "requests")
	long.MetricStat.Period = 300
	labelled := func(q api.MetricDataQuery, label string) api.MetricDataQuery { q.Label = &label; return q }
	for _, row := range []struct {
		text, label string
		want        string
	}{
		{"100*a/n", "", "e[0=10 1=10 2=0 3=5]"},
		{"100*a/n", "rate", "rate[0=10 1=10 2=0 3=5]"},
		{"FILL(a, 0)", "max ${MAX}", "max 4[0=1 1=2 2=0 3=4 4=0]"},
		{"METRICS()/10", "", "errors[0=0.1 1=0.2 3=0.4] errors[0=1 2=3] requests[0=1 1=2 2=4 3=8]"},
		{"SUM(METRICS('a'))", "", "e[0=1 1=2 3=4]"},
		{"METRICS('b')", "Page ${PROP('Dim.Page')}", "Page home[0=10 2=30]"},
		{"SEARCH('{Shop,Page} errors', 'Sum', 60)", "", "cart[0=1 1=2 3=4] home[0=10 2=30]"},
		{"SEARCH('{Shop,Page} errors', 'Sum', 60)", "E", "E cart[0=1 1=2 3=4] E home[0=10 2=30]"},
		{"SUM(SEARCH('{Shop,Page} errors', 'Sum', 60))", "", "e[0=11 1=2 2=30 3=4]"},
		{"SEARCH('{Shop,Page} Page=cart', 'SampleCount')", "", "errors[0=1 1=1 3=1]"},
		{"TIME_SERIES(3)", "", "e[0=3 1=3 2=3 3=3 4=3]"},
		{"long/PERIOD(long)", "", "e[0=0.5]"},
		{"n+long", "", "e[0=300]"}, // in the longer period: 150 and 150
		{"SELECT SUM(errors) FROM Shop", "", "errors[0=11 1=2 2=30 3=4]"},
		{"SELECT AVG(errors) FROM SCHEMA(Shop, Page)", "", "errors[0=5.5 1=2 2=30 3=4]"},
		{"SELECT COUNT(errors) FROM Shop WHERE Page != 'cart'", "", "errors[0=1 2=1]"},
		{"SELECT MAX(errors) FROM Shop GROUP BY Page", "", "cart[0=1 1=2 3=4] home[0=10 2=30]"},
		{"SELECT MAX(errors) FROM Shop GROUP BY Page ORDER BY SUM() DESC LIMIT 1", "", "home[0=10 2=30]"},
		{"SELECT MIN(requests) FROM Shop GROUP BY Page", "", "Other[0=10 1=20 2=40 3=80]"},
	} {
		q := formula("e", row.text)
		if row.label != "" {
			q = labelled(q, row.label)
		}
		list := []api.MetricDataQuery{a, b, n, q}
		if strings.Contains(row.text, "long") {
			list = append(list, long)
		}
		in := ask(w, list...)
		if got := spell(w, nodetest.Do(w, &api.GetMetricData, in).MetricDataResults); got != row.want {
			t.Errorf("%s: %s, want %s", row.text, got, row.want)
		}
	}
}

// TestExpressionsOfExpressions lets expressions use each other, in any order.
func TestExpressionsOfExpressions(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "a", nil, 1, 2)
	got := spell(w, nodetest.Do(w, &api.GetMetricData, ask(w, formula("e1", "e2*2"), formula("e2", "m+1"), stat("m", "a"))).MetricDataResults)
	if got != "e1[0=4 1=6] e2[0=2 1=3]" {
		t.Error(got)
	}
}

func TestMetricMathRefuses(t *testing.T) {
	w := nodetest.New(t, Module())
	for _, row := range []struct {
		queries []api.MetricDataQuery
		want    string
	}{
		{[]api.MetricDataQuery{formula("e", "m+")}, "ValidationError: Error in expression 'e': Invalid syntax"},
		{[]api.MetricDataQuery{formula("e", "FOO(m)")}, "ValidationError: Error in expression 'e': Function 'FOO' not found"},
		{[]api.MetricDataQuery{formula("e", "m9")}, "ValidationError: Error in expression 'e': Undefined variable 'm9'"},
		{[]api.MetricDataQuery{formula("e", "f"), formula("f", "e")}, "ValidationError: Error in expression 'e': Circular reference"},
		{[]api.MetricDataQuery{formula("e", "AVG(m)"), stat("m", "a")}, "ValidationError: Error in expression 'e': The final result of an expression must be a time series or an array of time series"},
		{[]api.MetricDataQuery{formula("e", "METRICS()-METRICS()"), stat("m", "a")}, "ValidationError: Error in expression 'e': Unsupported operand type(s) for -: '[Array[TimeSeries], Array[TimeSeries]]'"},
		{[]api.MetricDataQuery{formula("e", "SELECT x")}, "ValidationError: Error in expression 'e': Invalid syntax near 'x'"},
		{[]api.MetricDataQuery{formula("e", "SEARCH('a', 'Median')")}, "ValidationError: Error in expression 'e': Invalid statistic in SEARCH: Median"},
		{[]api.MetricDataQuery{formula("e", "SEARCH('a', 'Sum', 61)")}, "ValidationError: Error in expression 'e': Invalid period in SEARCH: 61"},
		{[]api.MetricDataQuery{formula("e", "SERVICE_QUOTA(m)"), stat("m", "a")}, "ValidationError: Error in expression 'e': Function 'SERVICE_QUOTA' needs Service Quotas, which is not offered here"},
		{[]api.MetricDataQuery{stat("m", "a"), stat("m", "a")}, "ValidationError: The values for parameter id in MetricDataQueries are not unique."},
		{[]api.MetricDataQuery{stat("M", "a")}, "InvalidParameterValue: The value M for parameter MetricDataQueries.member.1.Id is invalid."},
	} {
		if _, err := nodetest.Try(w, &api.GetMetricData, ask(w, row.queries...)); err == nil || err.Error() != row.want {
			t.Errorf("%v, want %s", err, row.want)
		}
	}
	// What does not come out is refused wherever it is; what only serves others may be a number.
	avg := formula("avg", "AVG(m)")
	avg.ReturnData = new(false)
	if _, err := nodetest.Try(w, &api.GetMetricData, ask(w, avg, formula("e", "m-avg"), stat("m", "a"))); err != nil {
		t.Error(err)
	}
}

// TestDataPages turns pages that end in the middle of results.
func TestDataPages(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "a", nil, 1, 2, 3)
	feed(w, "b", nil, 4, 5, 6)
	in := ask(w, formula("e", "METRICS()"), stat("a", "a"), stat("b", "b"))
	in.MaxDatapoints = new(int32(2))
	var pages []string
	var partial []bool
	for {
		out := nodetest.Do(w, &api.GetMetricData, in)
		pages = append(pages, spell(w, out.MetricDataResults))
		partial = append(partial, slices.ContainsFunc(out.MetricDataResults, func(r api.MetricDataResult) bool { return *r.StatusCode == api.StatusCodePartialData }))
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if want := []string{"a[0=1 1=2] b[]", "a[2=3] b[0=4]", "b[1=5 2=6]"}; !slices.Equal(pages, want) {
		t.Errorf("pages %q, want %q", pages, want)
	}
	if !slices.Equal(partial, []bool{true, true, false}) {
		t.Errorf("partial %v", partial)
	}
}

func TestLabelZoneAndAccounts(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "a", nil, 1)
	m := stat("m", "a")
	m.ReturnData, m.Label = nil, new("${LAST_TIME}")
	in := ask(w, m)
	in.LabelOptions = &api.LabelOptions{Timezone: new("+0130")}
	if got, want := *nodetest.Do(w, &api.GetMetricData, in).MetricDataResults[0].Label, w.Now().Add(90*time.Minute).Format("2006-01-02 15:04:05")+" +0130"; got != want {
		t.Errorf("label %s, want %s", got, want)
	}
	in.LabelOptions.Timezone = new("Mars")
	if _, err := nodetest.Try(w, &api.GetMetricData, in); err == nil {
		t.Error("Mars has a time zone")
	}
	in = ask(w, m)
	in.MetricDataQueries[0].AccountId = new("999999999999")
	if res := nodetest.Do(w, &api.GetMetricData, in).MetricDataResults; len(res) != 1 || *res[0].StatusCode != api.StatusCodeForbidden || len(res[0].Values) != 0 {
		t.Errorf("another account's: %+v", res)
	}
}

// TestSearchForgets finds no metric that has been silent for two weeks, and 500
// at most.
func TestSearchForgets(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "old", nil, 1)
	w.Advance(15 * 24 * time.Hour)
	for i := range 6 {
		in := &api.PutMetricDataInput{Namespace: ns}
		for j := range 100 {
			in.MetricData = append(in.MetricData, api.MetricDatum{MetricName: "new", Value: new(1.0), Dimensions: dims("Id", fmt.Sprint(i, "-", j))})
		}
		nodetest.Do(w, &api.PutMetricData, in)
	}
	out := nodetest.Do(w, &api.GetMetricData, ask(w, formula("e", "SEARCH('old', 'Sum', 60)"), formula("f", "SEARCH('{Shop,Id} new', 'Sum', 60)")))
	if len(out.MetricDataResults) != maxFound || *out.MetricDataResults[0].Id != "f" || len(out.Messages) != 1 || *out.Messages[0].Code != "MaxMetricsExceeded" {
		t.Errorf("%d results, messages %+v", len(out.MetricDataResults), out.Messages)
	}
}

// TestEvaluateQueries shows what alarms get.
func TestEvaluateQueries(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "a", nil, 1, nil, 3)
	err := w.Call().View(func(r store.Reader) error {
		v, err := evaluateQueries(w.Call(), r, []api.MetricDataQuery{stat("m", "a"), formula("e", "m*2")}, w.Now(), w.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		if s := v["e"].Series; len(v) != 2 || len(s) != 1 || !slices.Equal(s[0].Values, []float64{2, 6}) || s[0].Times[1] != w.Now().Unix()+120 || s[0].Period != 60 {
			t.Errorf("values %+v", v)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestManyExpressions lets each expression use all before it, and asks for
// numbers at each second of a century.
func TestManyExpressions(t *testing.T) {
	w := nodetest.New(t, Module())
	feed(w, "a", nil, 1)
	list, sum := []api.MetricDataQuery{stat("m", "a")}, "m"
	for i := range 40 {
		q := formula(fmt.Sprint("e", i), sum)
		q.ReturnData = new(i == 39)
		list, sum = append(list, q), sum+"+"+q.Id
	}
	if got := spell(w, nodetest.Do(w, &api.GetMetricData, ask(w, list...)).MetricDataResults); got != fmt.Sprintf("e39[0=%v]", float64(1<<39)) {
		t.Error(got)
	}
	q := formula("e", "TIME_SERIES(1)")
	q.Period = new(int32(1))
	in := ask(w, q)
	in.StartTime, in.EndTime = w.Now().AddDate(-50, 0, 0), w.Now().AddDate(50, 0, 0)
	n := 0
	for _, res := range nodetest.Do(w, &api.GetMetricData, in).MetricDataResults {
		n += len(res.Values)
	}
	if n != maxDatapoints {
		t.Errorf("%d data points", n)
	}
}
