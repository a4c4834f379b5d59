package cloudwatch

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

func alarmOf(w *nodetest.World, name string) api.MetricAlarm {
	w.T.Helper()
	list := nodetest.Do(w, &api.DescribeAlarms, &api.DescribeAlarmsInput{AlarmNames: []string{name}}).MetricAlarms
	if len(list) != 1 {
		w.T.Fatalf("%d alarms %s", len(list), name)
	}
	return list[0]
}

// What an alarm with a longer period sees slides by the minute.
func TestWindowSlides(t *testing.T) {
	w := nodetest.New(t, Module())
	in := watch("a", 1, 1, "notBreaching")
	in.Period, in.Statistic = new(int32(300)), new("Sum")
	in.Threshold = new(25.0)
	nodetest.Do(w, &api.PutMetricAlarm, in)
	w.Advance(3 * time.Minute)
	for minute, want := range []string{"OK", "OK", "ALARM", "ALARM", "ALARM", "OK", "OK"} {
		if minute < 3 {
			put(w, "load", 10) // the third makes 30, in minutes 3 to 6
		}
		w.Advance(time.Minute)
		if got := stateOf(w, "a"); got != want {
			t.Errorf("minute %d: %s, want %s", minute, got, want)
		}
	}
}

func TestAlarmOnMath(t *testing.T) {
	w := nodetest.New(t, Module())
	metric := func(id, name string) api.MetricDataQuery {
		return api.MetricDataQuery{Id: id, ReturnData: new(false), MetricStat: &api.MetricStat{Metric: api.Metric{Namespace: new(ns), MetricName: &name}, Period: 60, Stat: "Sum"}}
	}
	in := &api.PutMetricAlarmInput{AlarmName: "rate", EvaluationPeriods: new(int32(2)), DatapointsToAlarm: new(int32(2)), Threshold: new(0.1), ComparisonOperator: new("GreaterThanThreshold"),
		Metrics: []api.MetricDataQuery{{Id: "rate", Expression: new("errors/requests"), Label: new("error rate")}, metric("errors", "Errors"), metric("requests", "Requests")}}
	nodetest.Do(w, &api.PutMetricAlarm, in)
	for minute, want := range []string{"OK", "OK", "ALARM", "OK"} {
		put(w, "Errors", []float64{1, 5, 5, 0}[minute])
		put(w, "Requests", 20)
		w.Advance(time.Minute)
		if a := alarmOf(w, "rate"); *a.StateValue != want || a.EvaluationState != nil {
			t.Errorf("minute %d: %s because %s", minute, *a.StateValue, *a.StateReason)
		}
	}
	for name, change := range map[string]func(*api.PutMetricAlarmInput){
		"nothing returned": func(in *api.PutMetricAlarmInput) { in.Metrics[0].ReturnData = new(false) },
		"two returned":     func(in *api.PutMetricAlarmInput) { in.Metrics[1].ReturnData = new(true) },
		"a metric as well": func(in *api.PutMetricAlarmInput) { in.MetricName = new("Errors") },
		"search": func(in *api.PutMetricAlarmInput) {
			in.Metrics[0].Expression = new("SUM(SEARCH('{Shop} x', 'Sum', 60))")
		},
		"bad expression":  func(in *api.PutMetricAlarmInput) { in.Metrics[0].Expression = new("errors/") },
		"a band compared": func(in *api.PutMetricAlarmInput) { in.ComparisonOperator = new("GreaterThanUpperThreshold") },
	} {
		bad := *in
		bad.Metrics = append([]api.MetricDataQuery(nil), in.Metrics...)
		change(&bad)
		if _, err := nodetest.Try(w, &api.PutMetricAlarm, &bad); err == nil {
			t.Errorf("%s: is accepted", name)
		}
	}
}

func TestAlarmOnBand(t *testing.T) {
	w := nodetest.New(t, Module())
	in := &api.PutMetricAlarmInput{AlarmName: "odd", EvaluationPeriods: new(int32(1)), ComparisonOperator: new("LessThanLowerOrGreaterThanUpperThreshold"), ThresholdMetricId: new("band"), TreatMissingData: new("ignore"),
		Metrics: []api.MetricDataQuery{
			{Id: "m", MetricStat: &api.MetricStat{Metric: api.Metric{Namespace: new(ns), MetricName: new("load")}, Period: 60, Stat: "Average"}},
			{Id: "band", Expression: new("ANOMALY_DETECTION_BAND(m, 2)")},
		}}
	nodetest.Do(w, &api.PutMetricAlarm, in)
	if n := len(nodetest.Do(w, &api.DescribeAnomalyDetectors, &api.DescribeAnomalyDetectorsInput{}).AnomalyDetectors); n != 1 {
		t.Errorf("%d detectors were made for the alarm", n)
	}
	// A day of what is usual, then something that is not.
	begin := w.Now().Add(-aDay)
	for m := range 24 * 60 {
		nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: "load", Value: new(100 + float64(m%5)), Timestamp: new(begin.Add(time.Duration(m) * time.Minute))}}})
	}
	put(w, "load", 102)
	w.Advance(time.Minute)
	if a := alarmOf(w, "odd"); *a.StateValue != "OK" {
		t.Errorf("what is usual: %s because %s", *a.StateValue, *a.StateReason)
	}
	put(w, "load", 5000)
	w.Advance(time.Minute)
	a := alarmOf(w, "odd")
	if *a.StateValue != "ALARM" || !strings.HasPrefix(*a.StateReason, "Thresholds Crossed: 1 out of the last 1 datapoints [5000.0 (") || !strings.Contains(*a.StateReasonData, "recentUpperThresholds") {
		t.Errorf("what is not: %s because %s, %s", *a.StateValue, *a.StateReason, *a.StateReasonData)
	}
}

// A percentile of few values says little: an alarm may leave it out.
func TestLowSamples(t *testing.T) {
	for how, want := range map[string]string{"evaluate": "ALARM", "ignore": "INSUFFICIENT_DATA"} {
		w := nodetest.New(t, Module())
		in := watch("a", 1, 1, "")
		in.Statistic, in.ExtendedStatistic, in.EvaluateLowSampleCountPercentile = nil, new("p90"), &how
		nodetest.Do(w, &api.PutMetricAlarm, in)
		publish := func(n float64) {
			nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: "load", Values: []float64{20}, Counts: []float64{n}}}})
			w.Advance(time.Minute)
		}
		if publish(99); stateOf(w, "a") != want {
			t.Errorf("%s, 99 values: %s", how, stateOf(w, "a"))
		}
		if publish(100); stateOf(w, "a") != "ALARM" {
			t.Errorf("%s, 100 values: %s", how, stateOf(w, "a"))
		}
	}
}

// Reasons and their data are as AWS writes them.
func TestReasons(t *testing.T) {
	w := nodetest.New(t, Module())
	in := watch("a", 4, 5, "")
	in.Unit = new("Percent")
	nodetest.Do(w, &api.PutMetricAlarm, in)
	for range 5 {
		nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: "load", Value: new(12.5), Unit: new("Percent")}}})
		w.Advance(time.Minute)
	}
	a := alarmOf(w, "a")
	const want = "Threshold Crossed: 4 out of the last 5 datapoints were greater than the threshold (10.0). The most recent datapoints which crossed the threshold: [12.5 (01/01/26 00:03:00), 12.5 (01/01/26 00:02:00), 12.5 (01/01/26 00:01:00), 12.5 (01/01/26 00:00:00)] (minimum 4 datapoints for OK -> ALARM transition)."
	if *a.StateReason != want {
		t.Errorf("reason %q", *a.StateReason)
	}
	var data struct {
		Version, QueryDate, StartDate, Unit, Statistic string
		Period                                         int
		RecentDatapoints                               []float64
		Threshold                                      float64
		EvaluatedDatapoints                            []struct {
			Timestamp          string
			SampleCount, Value float64
		}
	}
	if err := json.Unmarshal([]byte(*a.StateReasonData), &data); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(data); got != "{1.0 2026-01-01T00:04:00.000+0000 2026-01-01T00:00:00.000+0000 Percent Average 60 [12.5 12.5 12.5 12.5] 10 [{2026-01-01T00:03:00.000+0000 1 12.5} {2026-01-01T00:02:00.000+0000 1 12.5} {2026-01-01T00:01:00.000+0000 1 12.5} {2026-01-01T00:00:00.000+0000 1 12.5}]}" {
		t.Errorf("data %s", got)
	}
	h := nodetest.Do(w, &api.DescribeAlarmHistory, &api.DescribeAlarmHistoryInput{AlarmName: new("a"), ScanBy: new("TimestampAscending")}).AlarmHistoryItems
	if len(h) < 2 || *h[0].HistorySummary != `Alarm "a" created` || !strings.Contains(*h[0].HistoryData, `"type":"Create"`) || !strings.Contains(*h[0].HistoryData, `"createdAlarm":{`) ||
		!strings.Contains(*h[0].HistoryData, `"metricName":"load"`) {
		t.Errorf("history %+v", h)
	}
	nodetest.Do(w, &api.SetAlarmState, &api.SetAlarmStateInput{AlarmName: "a", StateValue: "INSUFFICIENT_DATA", StateReason: "ALARM -> none & nothing"})
	h = nodetest.Do(w, &api.DescribeAlarmHistory, &api.DescribeAlarmHistoryInput{AlarmName: new("a")}).AlarmHistoryItems
	if !strings.Contains(*h[0].HistoryData, `"stateReason":"ALARM -> none & nothing"`) {
		t.Errorf("history %s", *h[0].HistoryData)
	}
}

func TestDecimal(t *testing.T) {
	for v, want := range map[float64]string{0: "0.0", 1: "1.0", -2.5: "-2.5", 1e7: "1.0E7", 12345678: "1.2345678E7", 0.001: "0.001", 0.0001: "1.0E-4", 1e100: "1.0E100"} {
		if got := decimal(v); got != want {
			t.Errorf("%v is written as %s, want %s", v, got, want)
		}
	}
}
