package cloudwatch

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/node/nodetest"
	metricmath "pileus/service/cloudwatch/math"
	"pileus/store"
)

func watching(name string) *api.SingleMetricAnomalyDetector {
	return &api.SingleMetricAnomalyDetector{Namespace: new(ns), MetricName: &name, Stat: new("Average")}
}

// wave is two weeks of five minutes each: busy at noon, quiet at weekends, with
// some noise.
func wave(begin time.Time) *metricmath.Series {
	s := &metricmath.Series{Period: 300}
	noise := rand.New(rand.NewPCG(1, 2))
	for t := begin; t.Before(begin.Add(trainedOn)); t = t.Add(5 * time.Minute) {
		s.Times, s.Values = append(s.Times, t.Unix()), append(s.Values, level(t)+noise.NormFloat64())
	}
	return s
}

func level(t time.Time) float64 {
	v := 50.0
	if t.Hour() >= 9 && t.Hour() < 17 {
		v = 100
	}
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		v /= 5
	}
	return v
}

// TestModelLearnsSeasons compares what is to be expected in the week after with
// what the noiseless wave does there.
func TestModelLearnsSeasons(t *testing.T) {
	begin := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	end := begin.Add(trainedOn)
	m := fit(wave(begin), time.UTC, false, outlier)
	if !m.Enough || m.Slope != 0 {
		t.Errorf("enough %v, slope %v", m.Enough, m.Slope)
	}
	for at := end; at.Before(end.Add(7 * 24 * time.Hour)); at = at.Add(time.Hour) {
		mean, deviation := m.at(at.Unix(), time.UTC)
		if math.Abs(mean-level(at)) > 1 || deviation < 0.5 || deviation > 1.5 {
			t.Fatalf("%v: %v ± %v, want %v ± 1", at, mean, deviation, level(at))
		}
	}
	g := metricmath.Grid{From: end.Unix() + 100, To: end.Add(time.Hour).Unix(), Period: 300}
	b := m.band(g, 3, time.UTC)
	if len(b) != 2 || b[0].Len() != 12 || b[0].Times[0] != end.Unix() || b[0].Values[0] < 52 || b[0].Values[0] > 55 || b[1].Values[0] > 48 || b[1].Values[0] < 45 {
		t.Errorf("band %+v", b)
	}
}

func TestModelTrendAndOutliers(t *testing.T) {
	begin := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	s := wave(begin)
	for i := range s.Values {
		s.Values[i] = 10 + float64(i)/100 // 288 a day, so 2.88 a day
	}
	m := fit(s, time.UTC, false, outlier)
	if mean, _ := m.at(begin.Add(trainedOn+24*time.Hour).Unix(), time.UTC); math.Abs(mean-(10+288*15/100.0)) > 0.5 {
		t.Errorf("the trend goes on to %v", mean)
	}
	flat := wave(begin)
	for i := range flat.Values {
		flat.Values[i] = 5 + float64(i%2)
	}
	flat.Values[100] = 1000
	if mean, deviation := fit(flat, time.UTC, false, outlier).at(flat.Times[100], time.UTC); mean > 6 || deviation > 1 {
		t.Errorf("one odd value makes it %v ± %v", mean, deviation)
	}
	if mean, _ := fit(flat, time.UTC, true, outlier).at(flat.Times[100], time.UTC); mean < 10 {
		t.Errorf("with spikes expected the mean is %v", mean)
	}
	if b := fit(&metricmath.Series{}, time.UTC, false, outlier).band(metricmath.Grid{To: 600, Period: 60}, 2, time.UTC); b[0].Len() != 0 {
		t.Errorf("nothing is expected to be %+v", b)
	}
}

// load publishes days of a value of 100 by day and 10 by night, until now.
func load(w *nodetest.World, name string, days int) {
	for d := range days {
		in := &api.PutMetricDataInput{Namespace: ns}
		for m := 0; m < 24*60; m += 5 {
			at := w.Now().Add(-time.Duration(days-d)*24*time.Hour + time.Duration(m)*time.Minute)
			in.MetricData = append(in.MetricData, api.MetricDatum{MetricName: name, Timestamp: &at, Value: new(float64(10 + 90*truthOf(at.Hour() >= 8 && at.Hour() < 20) + m%3))})
		}
		nodetest.Do(w, &api.PutMetricData, in)
	}
}

func truthOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

func detectorState(w *nodetest.World, types ...string) (states []string) {
	for _, d := range nodetest.Do(w, &api.DescribeAnomalyDetectors, &api.DescribeAnomalyDetectorsInput{AnomalyDetectorTypes: types}).AnomalyDetectors {
		states = append(states, *d.StateValue)
	}
	return states
}

// ends is the band of a metric an hour from now on, at its first time.
func ends(w *nodetest.World, expression string, queries ...api.MetricDataQuery) (upper, lower float64, points int) {
	in := ask(w, append(queries, formula("band", expression))...)
	in.EndTime = w.Now().Add(time.Hour)
	res := nodetest.Do(w, &api.GetMetricData, in).MetricDataResults
	if len(res) != 2 || len(res[0].Values) == 0 {
		return 0, 0, 0
	}
	return res[0].Values[0], res[1].Values[0], len(res[0].Values)
}

// A detector is named by the bytes of its metric's key, which are no UTF-8, and
// is read again by every evaluation.
func TestAnomalyDetectorOfDimensions(t *testing.T) {
	w := nodetest.New(t, Module())
	on := watching("m")
	on.Dimensions = []api.Dimension{{Name: "InstanceId", Value: "i-1"}, {Name: "Zone", Value: "a"}}
	nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: on})
	w.Drain()
	list := nodetest.Do(w, &api.DescribeAnomalyDetectors, &api.DescribeAnomalyDetectorsInput{}).AnomalyDetectors
	if len(list) != 1 || len(list[0].SingleMetricAnomalyDetector.Dimensions) != 2 || *list[0].SingleMetricAnomalyDetector.AccountId != "000000000000" {
		t.Errorf("detectors are %+v", list)
	}
	if _, err := nodetest.Try(w, &api.DescribeAnomalyDetectors, &api.DescribeAnomalyDetectorsInput{MaxResults: new(int32(101))}); err == nil {
		t.Error("a page of 101 is given")
	}
	nodetest.Do(w, &api.DeleteAnomalyDetector, &api.DeleteAnomalyDetectorInput{SingleMetricAnomalyDetector: on})
}

func TestAnomalyDetector(t *testing.T) {
	w := nodetest.New(t, Module())
	w.Advance(time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC).Sub(w.Now()))
	load(w, "m", 10)
	m := stat("m", "m")
	m.MetricStat.Period, m.MetricStat.Stat = 300, "Average"
	upper, lower, n := ends(w, "ANOMALY_DETECTION_BAND(m, 2)", m)
	if n != 12 || upper < 101 || upper > 104 || lower > 101 || lower < 98 {
		t.Errorf("without a detector: %v to %v, %d points", lower, upper, n)
	}
	nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{Namespace: new(ns), MetricName: new("m"), Stat: new("Average")})
	if got := detectorState(w); !slices.Equal(got, []string{"PENDING_TRAINING"}) {
		t.Errorf("states %v", got)
	}
	if _, _, n := ends(w, "ANOMALY_DETECTION_BAND(m)", m); n != 0 {
		t.Error("what has not been trained has a band")
	}
	w.Drain()
	if got := detectorState(w); !slices.Equal(got, []string{"TRAINED"}) {
		t.Errorf("states %v", got)
	}
	if upper, lower, _ := ends(w, "ANOMALY_DETECTION_BAND(m, 2)", m); upper < 101 || upper > 104 || lower > 101 || lower < 98 {
		t.Errorf("with a detector: %v to %v", lower, upper)
	}
	w.Advance(12 * time.Hour) // midnight
	if upper, lower, _ := ends(w, "ANOMALY_DETECTION_BAND(m, 2)", m); upper < 11 || upper > 14 || lower > 11 || lower < 8 {
		t.Errorf("by night: %v to %v", lower, upper)
	}
	nodetest.Do(w, &api.DeleteAnomalyDetector, &api.DeleteAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("m")})
	if _, err := nodetest.Try(w, &api.DeleteAnomalyDetector, &api.DeleteAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("m")}); !api.ErrResourceNotFoundException.Is(err) {
		t.Errorf("deleted twice: %v", err)
	}
	w.Advance(2 * time.Hour)
}

// TestDetectorSettings excludes the days on which the metric was high, and asks
// for a detector with nothing to learn from.
func TestDetectorSettings(t *testing.T) {
	w := nodetest.New(t, Module())
	w.Advance(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC).Sub(w.Now()))
	load(w, "m", 6)
	m := stat("m", "m")
	m.MetricStat.Period, m.MetricStat.Stat = 300, "Average"
	var ranges []api.Range
	for d := range 6 {
		noon := w.Now().Add(-time.Duration(d)*24*time.Hour - 12*time.Hour)
		ranges = append(ranges, api.Range{StartTime: noon.Add(-4 * time.Hour), EndTime: noon.Add(8 * time.Hour)})
	}
	nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("m"), Configuration: &api.AnomalyDetectorConfiguration{ExcludedTimeRanges: ranges, MetricTimezone: new("UTC")}})
	nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("silent")})
	w.Advance(12 * time.Hour)
	if upper, _, _ := ends(w, "ANOMALY_DETECTION_BAND(m, 2)", m); upper > 14 {
		t.Errorf("what was excluded was learnt: %v", upper)
	}
	if got := detectorState(w); !slices.Equal(got, []string{"TRAINED", "TRAINED_INSUFFICIENT_DATA"}) {
		t.Errorf("states %v", got)
	}
}

func TestMathDetector(t *testing.T) {
	w := nodetest.New(t, Module())
	w.Advance(time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC).Sub(w.Now()))
	load(w, "m", 5)
	m := stat("m", "m")
	m.MetricStat.Period, m.MetricStat.Stat = 300, "Average"
	half := formula("half", "m/2")
	nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{MetricMathAnomalyDetector: &api.MetricMathAnomalyDetector{MetricDataQueries: []api.MetricDataQuery{m, half}}})
	w.Drain()
	if got := detectorState(w, "METRIC_MATH"); !slices.Equal(got, []string{"TRAINED"}) || len(detectorState(w)) != 0 {
		t.Errorf("states %v", got)
	}
	half.ReturnData = new(false)
	if upper, lower, _ := ends(w, "ANOMALY_DETECTION_BAND(half)", m, half); upper < 50 || upper > 52 || lower < 49 {
		t.Errorf("band of an expression: %v to %v", lower, upper)
	}
	// The same queries in an alarm find it, others make one of their own.
	err := w.Call().Cloud.DB().Update(t.Context(), func(tx store.Tx) error {
		return detectBands(w.Call(), tx, []api.MetricDataQuery{m, half, formula("b", "ANOMALY_DETECTION_BAND(half)"), formula("c", "ANOMALY_DETECTION_BAND(m, 3)")})
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := detectorState(w, "METRIC_MATH", "SINGLE_METRIC"); !slices.Equal(got, []string{"TRAINED", "PENDING_TRAINING"}) {
		t.Errorf("states after an alarm: %v", got)
	}
}

func TestDetectorRefuses(t *testing.T) {
	w := nodetest.New(t, Module())
	math := func(q ...api.MetricDataQuery) *api.PutAnomalyDetectorInput {
		return &api.PutAnomalyDetectorInput{MetricMathAnomalyDetector: &api.MetricMathAnomalyDetector{MetricDataQueries: q}}
	}
	hour := stat("h", "a")
	hour.MetricStat.Period = 3600
	for name, row := range map[string]struct {
		in   *api.PutAnomalyDetectorInput
		code string
	}{
		"nothing":     {&api.PutAnomalyDetectorInput{}, "MissingParameter"},
		"no metric":   {&api.PutAnomalyDetectorInput{Namespace: new(ns), Stat: new("Sum")}, "MissingParameter"},
		"both":        {&api.PutAnomalyDetectorInput{Namespace: new(ns), SingleMetricAnomalyDetector: watching("m")}, "InvalidParameterCombination"},
		"two forms":   {&api.PutAnomalyDetectorInput{MetricMathAnomalyDetector: &api.MetricMathAnomalyDetector{}, SingleMetricAnomalyDetector: watching("m")}, "InvalidParameterCombination"},
		"zone":        {&api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("m"), Configuration: &api.AnomalyDetectorConfiguration{MetricTimezone: new("Mars/North")}}, "InvalidParameterValue"},
		"range":       {&api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("m"), Configuration: &api.AnomalyDetectorConfiguration{ExcludedTimeRanges: []api.Range{{StartTime: w.Now(), EndTime: w.Now()}}}}, "InvalidParameterValue"},
		"search":      {math(formula("e", "SUM(SEARCH('a', 'Sum', 60))")), "ValidationError"},
		"metrics":     {math(stat("m", "a"), formula("e", "SUM(METRICS())")), "ValidationError"},
		"insights":    {math(formula("e", "SELECT SUM(m) FROM Shop")), "ValidationError"},
		"periods":     {math(stat("m", "a"), hour, formula("e", "m+h")), "ValidationError"},
		"none":        {math(stat("m", "a")), "ValidationError"},
		"two results": {math(stat("m", "a"), formula("e", "m"), formula("f", "m")), "ValidationError"},
	} {
		if _, err := nodetest.Try(w, &api.PutAnomalyDetector, row.in); err == nil || err.(*cloud.Error).Code != row.code {
			t.Errorf("%s: %v, want %s", name, err, row.code)
		}
	}
}

// A detector has an id by which it is found, and which stays as it is changed.
func TestDetectorsByTheirIds(t *testing.T) {
	w := nodetest.New(t, Module())
	first := nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("m")}).AnomalyDetectorId
	nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("other")})
	again := nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("m"), Configuration: &api.AnomalyDetectorConfiguration{AdaptationSpeed: new("FAST"), OutlierFilteringStrength: new("STRICT")}}).AnomalyDetectorId
	w.Drain()
	list := nodetest.Do(w, &api.DescribeAnomalyDetectors, &api.DescribeAnomalyDetectorsInput{AnomalyDetectorIds: []string{*first}}).AnomalyDetectors
	if *first != *again || len(list) != 1 || *list[0].AnomalyDetectorId != *first || *list[0].Configuration.AdaptationSpeed != "FAST" {
		t.Errorf("%s, %s: %+v", *first, *again, list)
	}
	if _, err := nodetest.Try(w, &api.DescribeAnomalyDetectors, &api.DescribeAnomalyDetectorsInput{AnomalyDetectorIds: []string{*first}, MetricName: new("m")}); err == nil {
		t.Error("ids and a metric are taken together")
	}
	nodetest.Do(w, &api.DeleteAnomalyDetector, &api.DeleteAnomalyDetectorInput{AnomalyDetectorId: first})
	if _, err := nodetest.Try(w, &api.DeleteAnomalyDetector, &api.DeleteAnomalyDetectorInput{AnomalyDetectorId: first}); !api.ErrResourceNotFoundException.Is(err) {
		t.Errorf("deleted twice: %v", err)
	}
	if got := detectorState(w); len(got) != 1 {
		t.Errorf("states %v", got)
	}
}

// What changed a week and a half ago is still learnt by a slow detector, and
// forgotten by a fast one; how far off is odd depends on the filter.
func TestDetectorsAdapt(t *testing.T) {
	for speed, want := range map[string]bool{"FAST": false, "NORMAL": true, "SLOW": true} {
		w := nodetest.New(t, Module())
		w.Advance(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC).Sub(w.Now()))
		in := &api.PutMetricDataInput{Namespace: ns}
		for h := range 13 * 24 {
			at := w.Now().Add(-time.Duration(h+1) * time.Hour)
			in.MetricData = append(in.MetricData, api.MetricDatum{MetricName: "m", Timestamp: &at, Value: new(float64(10 + 90*truthOf(h > 8*24)))})
		}
		nodetest.Do(w, &api.PutMetricData, in)
		nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("m"), Configuration: &api.AnomalyDetectorConfiguration{AdaptationSpeed: &speed}})
		w.Drain()
		m := stat("m", "m")
		m.MetricStat.Period, m.MetricStat.Stat = 3600, "Average"
		if upper, _, _ := ends(w, "ANOMALY_DETECTION_BAND(m, 2)", m); upper > 20 != want {
			t.Errorf("%s: %v", speed, upper)
		}
	}
	learnt := map[string]int{} // how many of ever higher spikes are learnt
	for strength := range map[string]bool{"STRICT": true, "MODERATE": true, "MINIMAL": true} {
		d := &detector{Configuration: &api.AnomalyDetectorConfiguration{OutlierFilteringStrength: &strength}}
		for spike := range 30 {
			s := &metricmath.Series{Period: 3600}
			for h := range int64(10 * 24) {
				s.Times, s.Values = append(s.Times, h*3600), append(s.Values, float64(h*7%11)+truth64(h == 100)*float64(spike))
			}
			if fit(s, time.UTC, false, d.outliers()).All.n == 10*24 {
				learnt[strength]++
			}
		}
	}
	if learnt["STRICT"] >= learnt["MODERATE"] || learnt["MODERATE"] > learnt["MINIMAL"] {
		t.Errorf("learnt: %v", learnt)
	}
}

func truth64(b bool) float64 { return float64(truthOf(b)) }
