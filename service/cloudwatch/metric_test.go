package cloudwatch

import (
	"math"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/store"
)

const ns = "Shop"

// put publishes one value of a metric, at the clock's time.
func put(w *nodetest.World, name string, v float64) {
	nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: name, Value: &v}}})
}

// statistics asks for a metric's points.
func statistics(w *nodetest.World, name string, from, to time.Time, period int32, stats ...string) []api.Datapoint {
	return nodetest.Do(w, &api.GetMetricStatistics, &api.GetMetricStatisticsInput{
		Namespace: ns, MetricName: name, StartTime: from, EndTime: to, Period: period, Statistics: stats,
	}).Datapoints
}

func TestMetricsThroughSDK(t *testing.T) {
	w := nodetest.New(t, Module())
	client := sdk.NewFromConfig(w.Config())
	ctx, now := t.Context(), w.Now()
	dims := []types.Dimension{{Name: aws.String("Page"), Value: aws.String("cart")}}
	_, err := client.PutMetricData(ctx, &sdk.PutMetricDataInput{Namespace: aws.String(ns), MetricData: []types.MetricDatum{
		{MetricName: aws.String("Latency"), Dimensions: dims, Timestamp: &now, Unit: types.StandardUnitMilliseconds, Values: []float64{1, 2, 3}, Counts: []float64{8, 1, 1}},
		{MetricName: aws.String("Latency"), Dimensions: dims, Timestamp: aws.Time(now.Add(time.Minute)), Unit: types.StandardUnitMilliseconds, Value: aws.Float64(5)},
		{MetricName: aws.String("Orders"), Timestamp: &now, StatisticValues: &types.StatisticSet{SampleCount: aws.Float64(4), Sum: aws.Float64(10), Minimum: aws.Float64(1), Maximum: aws.Float64(4)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.ListMetrics(ctx, &sdk.ListMetricsInput{Namespace: aws.String(ns), Dimensions: []types.DimensionFilter{{Name: aws.String("Page")}}})
	if err != nil || len(list.Metrics) != 1 || *list.Metrics[0].MetricName != "Latency" || *list.Metrics[0].Dimensions[0].Value != "cart" {
		t.Fatalf("metrics %+v, %v", list, err)
	}
	got, err := client.GetMetricStatistics(ctx, &sdk.GetMetricStatisticsInput{
		Namespace: aws.String(ns), MetricName: aws.String("Latency"), Dimensions: dims, StartTime: &now, EndTime: aws.Time(now.Add(time.Hour)), Period: aws.Int32(300),
		Statistics: []types.Statistic{types.StatisticAverage, types.StatisticSampleCount, types.StatisticMaximum}, ExtendedStatistics: []string{"p90"},
	})
	if err != nil || len(got.Datapoints) != 1 {
		t.Fatalf("statistics %+v, %v", got, err)
	}
	d := got.Datapoints[0]
	if *d.SampleCount != 11 || math.Abs(*d.Average-18.0/11) > 1e-9 || *d.Maximum != 5 || d.ExtendedStatistics["p90"] != 3 || d.Unit != types.StandardUnitMilliseconds || !d.Timestamp.Equal(now) {
		t.Errorf("datapoint %+v", d)
	}
	data, err := client.GetMetricData(ctx, &sdk.GetMetricDataInput{StartTime: &now, EndTime: aws.Time(now.Add(time.Hour)), MetricDataQueries: []types.MetricDataQuery{
		{Id: aws.String("m1"), MetricStat: &types.MetricStat{Metric: &types.Metric{Namespace: aws.String(ns), MetricName: aws.String("Latency"), Dimensions: dims}, Period: aws.Int32(60), Stat: aws.String("Sum")}},
	}})
	if err != nil || len(data.MetricDataResults) != 1 {
		t.Fatalf("data %+v, %v", data, err)
	}
	if r := data.MetricDataResults[0]; len(r.Values) != 2 || r.Values[0] != 5 || r.Values[1] != 13 {
		t.Errorf("values %v, want the newest first", r.Values)
	}
}

func TestPutMetricDataRefuses(t *testing.T) {
	w := nodetest.New(t, Module())
	one := new(1.0)
	for name, row := range map[string]struct {
		d    api.MetricDatum
		code string
	}{
		"nothing":       {api.MetricDatum{}, "MissingParameter"},
		"both":          {api.MetricDatum{Value: one, Values: []float64{1}}, "InvalidParameterCombination"},
		"not a number":  {api.MetricDatum{Value: new(math.NaN())}, "InvalidParameterValue"},
		"too great":     {api.MetricDatum{Value: new(math.Ldexp(1, 361))}, "InvalidParameterValue"},
		"counts":        {api.MetricDatum{Values: []float64{1, 2}, Counts: []float64{1}}, "InvalidParameterValue"},
		"resolution":    {api.MetricDatum{Value: one, StorageResolution: new(int32(5))}, "InvalidParameterValue"},
		"too old":       {api.MetricDatum{Value: one, Timestamp: new(w.Now().Add(-15 * 24 * time.Hour))}, "InvalidParameterValue"},
		"in the future": {api.MetricDatum{Value: one, Timestamp: new(w.Now().Add(3 * time.Hour))}, "InvalidParameterValue"},
		"minimum":       {api.MetricDatum{StatisticValues: &api.StatisticSet{SampleCount: 1, Minimum: 2, Maximum: 1}}, "InvalidParameterCombination"},
	} {
		t.Run(name, func(t *testing.T) {
			row.d.MetricName = "m"
			_, err := nodetest.Try(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{row.d}})
			if e, ok := err.(*cloud.Error); !ok || e.Code != row.code {
				t.Errorf("answer %v, want %s", err, row.code)
			}
		})
	}
	if _, err := nodetest.Try(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: "AWS/EC2", MetricData: []api.MetricDatum{{MetricName: "m", Value: one}}}); err == nil {
		t.Error("anyone can publish as AWS")
	}
}

func TestRetention(t *testing.T) {
	w := nodetest.New(t, Module())
	begin := w.Now()
	for i := range 10 {
		nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{
			{MetricName: "fine", Value: new(float64(i)), StorageResolution: new(int32(1))},
			{MetricName: "coarse", Value: new(float64(i))},
		}})
		w.Advance(time.Second)
	}
	end := begin.Add(20 * time.Minute)
	day := 24 * time.Hour
	for _, step := range []struct {
		after  time.Duration
		metric string
		period int32
		points int
	}{
		{0, "fine", 1, 10}, {0, "fine", 60, 1}, {0, "coarse", 1, 0}, {0, "coarse", 60, 1},
		{4 * time.Hour, "fine", 1, 0}, {4 * time.Hour, "fine", 60, 1},
		{16 * day, "fine", 60, 0}, {16 * day, "fine", 300, 1}, {16 * day, "coarse", 300, 1},
		{64 * day, "fine", 300, 0}, {64 * day, "coarse", 3600, 1},
		{463 * day, "coarse", 3600, 0},
	} {
		w.Advance(begin.Add(time.Minute + step.after).Sub(w.Now()))
		got := statistics(w, step.metric, begin, end, step.period, "Sum", "SampleCount")
		if len(got) != step.points {
			t.Fatalf("after %v, %s by %d s: %d points, want %d", step.after, step.metric, step.period, len(got), step.points)
		}
		var sum float64
		for _, d := range got {
			sum += *d.Sum
		}
		if step.points > 0 && sum != 45 {
			t.Errorf("after %v, %s: sum %v, want 45", step.after, step.metric, sum)
		}
	}
	w.View(func(r store.Reader) {
		if n := census(r)["metrics"]; n != 0 {
			t.Errorf("%d metrics are kept after all of their points have gone", n)
		}
	})
}

func TestListMetricsForgets(t *testing.T) {
	w := nodetest.New(t, Module())
	put(w, "m", 1)
	list := func(active *string) int {
		return len(nodetest.Do(w, &api.ListMetrics, &api.ListMetricsInput{RecentlyActive: active}).Metrics)
	}
	if list(nil) != 1 || list(new("PT3H")) != 1 {
		t.Error("a new metric is not listed")
	}
	w.Advance(4 * time.Hour)
	if list(nil) != 1 || list(new("PT3H")) != 0 {
		t.Error("after four hours a metric is to be listed, but not as recently active")
	}
	w.Advance(15 * 24 * time.Hour)
	if list(nil) != 0 {
		t.Error("a metric is listed after two weeks of silence")
	}
}
