package cloudwatch

import (
	"fmt"
	"iter"
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/api/dlm"
	"pileus/clock"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
)

// BenchmarkPutMetricData writes requests of 1,000 points of as many metrics to
// disk, each durable before the next of its publisher.
func BenchmarkPutMetricData(b *testing.B) {
	w := nodetest.Start(b, node.Options{
		Modules: func(node.Parts) []cloud.Module { return []cloud.Module{Module()} },
		DataDir: b.TempDir(), Clock: clock.New(),
	})
	in := &api.PutMetricDataInput{Namespace: ns}
	for i := range maxData {
		in.MetricData = append(in.MetricData, api.MetricDatum{MetricName: "m", Value: new(float64(i)), Dimensions: []api.Dimension{{Name: "Id", Value: fmt.Sprint(i)}}})
	}
	nodetest.Do(w, &api.PutMetricData, in)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := nodetest.Try(w, &api.PutMetricData, in); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)*maxData/b.Elapsed().Seconds(), "points/s")
}

// BenchmarkTwoWeeks asks for two weeks of one metric that was published each
// minute, by periods of a quarter of an hour: once as it was written, once as
// it lies after folding.
func BenchmarkTwoWeeks(b *testing.B) {
	for _, folded := range []bool{false, true} {
		b.Run(fmt.Sprintf("folded=%v", folded), func(b *testing.B) {
			w := nodetest.New(b, Module())
			begin := w.Now().Add(-14 * 24 * time.Hour)
			for i := range 14 * 24 * 60 {
				nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{
					{MetricName: "m", Value: new(float64(i)), Timestamp: new(begin.Add(time.Duration(i) * time.Minute))}}})
			}
			if folded {
				w.Advance(foldEvery)
			}
			b.ResetTimer()
			for b.Loop() {
				if n := len(statistics(w, "m", begin, begin.Add(14*24*time.Hour), 900, "Average")); n != 14*24*4 {
					b.Fatalf("%d points", n)
				}
			}
		})
	}
}

// BenchmarkTick samples what a thousand instances with detailed monitoring
// publish, on disk, and evaluates as many alarms.
func BenchmarkTick(b *testing.B) {
	instances := cloud.Module{API: &dlm.Service, Metrics: func(c *cloud.Call) iter.Seq[cloud.Metric] {
		return func(yield func(cloud.Metric) bool) {
			for i := range 1000 {
				for n := range 18 {
					m := cloud.Metric{Account: nodetest.Account, Region: nodetest.Region, Namespace: "AWS/EC2", Name: fmt.Sprint("m", n), Unit: "Count", Values: []float64{float64(i * n)}}
					for _, dims := range [][]cloud.Dimension{{{Name: "InstanceId", Value: fmt.Sprint(i)}}, {{Name: "ImageId", Value: "ami"}}, {{Name: "InstanceType", Value: "t"}}, nil} {
						m.Dimensions = dims
						yield(m)
					}
				}
			}
		}
	}}
	w := nodetest.Start(b, node.Options{Modules: func(node.Parts) []cloud.Module { return []cloud.Module{Module(), instances} }, DataDir: b.TempDir()})
	for i := range 1000 {
		in := watch(fmt.Sprint("a", i), 2, 3, "")
		in.Namespace, in.MetricName, in.Dimensions = new("AWS/EC2"), new("m3"), []api.Dimension{{Name: "InstanceId", Value: fmt.Sprint(i)}}
		nodetest.Do(w, &api.PutMetricAlarm, in)
	}
	w.Advance(5 * time.Minute)
	for b.Loop() {
		w.Advance(time.Minute)
	}
}
