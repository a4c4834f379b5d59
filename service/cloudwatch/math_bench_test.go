package cloudwatch

import (
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

// BenchmarkMathOfTwoWeeks asks for two weeks of one metric by the quarter of an
// hour, and of an expression on it.
func BenchmarkMathOfTwoWeeks(b *testing.B) {
	w := nodetest.New(b, Module())
	begin := w.Now().Add(-trainedOn)
	in := &api.PutMetricDataInput{Namespace: ns}
	for i := range int(trainedOn / time.Minute) {
		in.MetricData = append(in.MetricData, api.MetricDatum{MetricName: "m", Value: new(float64(i)), Timestamp: new(begin.Add(time.Duration(i) * time.Minute))})
		if len(in.MetricData) == maxData {
			nodetest.Do(w, &api.PutMetricData, in)
			in.MetricData = nil
		}
	}
	w.Advance(foldEvery)
	m := stat("m", "m")
	m.ReturnData, m.MetricStat.Period = nil, 900
	for name, list := range map[string][]api.MetricDataQuery{"metric": {m}, "expression": {m, formula("e", "IF(m > AVG(m), RATE(m), FILL(m, 0))")}, "band": {m, formula("e", "ANOMALY_DETECTION_BAND(m)")}} {
		b.Run(name, func(b *testing.B) {
			ask := &api.GetMetricDataInput{StartTime: begin, EndTime: w.Now(), MetricDataQueries: list}
			for b.Loop() {
				nodetest.Do(w, &api.GetMetricData, ask)
			}
		})
	}
}
