package scale_test

import (
	"math"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

// office is a load that needs four instances from 8 to 18 o'clock, and one
// otherwise.
func office(at time.Time) float64 {
	if h := at.Hour(); h >= 8 && h < 18 {
		return 200
	}
	return 50
}

// remember publishes what a group would have measured in some days: the sum of
// the CPU of its instances, which were always as many as keep it at 50 %.
func (w *world) remember(days int) {
	w.T.Helper()
	for at := w.Now().Add(-time.Duration(days) * 24 * time.Hour); at.Before(w.Now()); at = at.Add(time.Hour) {
		load := office(at)
		nodetest.Do(w.World, &cloudwatch.PutMetricData, &cloudwatch.PutMetricDataInput{Namespace: "Test", MetricData: []cloudwatch.MetricDatum{
			{MetricName: "load", Timestamp: &at, Value: &load}, {MetricName: "each", Timestamp: &at, Value: new(50.0)}, {MetricName: "capacity", Timestamp: &at, Value: new(load / 50)},
		}})
	}
}

func predictive(mode string) *api.PutScalingPolicyInput {
	query := func(metric, stat string) []api.MetricDataQuery {
		return []api.MetricDataQuery{{Id: "m", MetricStat: &api.MetricStat{Metric: api.Metric{Namespace: "Test", MetricName: metric}, Stat: stat}}}
	}
	return &api.PutScalingPolicyInput{AutoScalingGroupName: name, PolicyName: "ahead", PolicyType: new("PredictiveScaling"), PredictiveScalingConfiguration: &api.PredictiveScalingConfiguration{
		Mode: &mode, SchedulingBufferTime: new(int32(600)),
		MetricSpecifications: []api.PredictiveScalingMetricSpecification{{
			TargetValue:                           50,
			CustomizedLoadMetricSpecification:     &api.PredictiveScalingCustomizedLoadMetric{MetricDataQueries: query("load", "Sum")},
			CustomizedScalingMetricSpecification:  &api.PredictiveScalingCustomizedScalingMetric{MetricDataQueries: query("each", "Average")},
			CustomizedCapacityMetricSpecification: &api.PredictiveScalingCustomizedCapacityMetric{MetricDataQueries: query("capacity", "Average")},
		}},
	}}
}

func (w *world) forecast(from, to time.Time) (*api.GetPredictiveScalingForecastOutput, error) {
	return nodetest.Try(w.World, &api.GetPredictiveScalingForecast, &api.GetPredictiveScalingForecastInput{AutoScalingGroupName: name, PolicyName: "ahead", StartTime: from, EndTime: to})
}

func TestPredictive(t *testing.T) {
	w := newWorld(t)
	w.group(0, 10, 0, nil)
	w.Advance(time.Hour - w.Now().Sub(w.Now().Truncate(time.Hour)))
	w.remember(10)
	w.put(predictive("ForecastAndScale"))
	w.Drain()
	now := w.Now()
	out, err := w.forecast(now, now.Add(48*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.CapacityForecast.Values) != 48 || len(out.LoadForecast) != 1 || len(out.LoadForecast[0].Values) != 48 || !out.UpdateTime.Equal(now) {
		t.Fatalf("forecast: %+v", out)
	}
	for i, at := range out.CapacityForecast.Timestamps {
		if load, want := out.LoadForecast[0].Values[i], office(at); math.Abs(load-want) > 1 || out.CapacityForecast.Values[i] != math.Ceil(want/50) {
			t.Errorf("%v: load %v, capacity %v; want a load of %v", at, load, out.CapacityForecast.Values[i], want)
		}
	}
	w.wantDesired("at night", 1)
	if p := w.described().PredictedCapacity; p == nil || *p != 1 {
		t.Errorf("predicted: %v", p)
	}
	w.Advance(time.Date(2026, 1, 1, 7, 49, 0, 0, time.UTC).Sub(w.Now()))
	w.wantDesired("before the buffer", 1)
	w.Advance(time.Minute)
	w.wantDesired("ten minutes before the day begins", 4)
	// Others may take nothing of what is predicted.
	w.settle()
	w.put(simple("less", "ChangeInCapacity", -3))
	w.put(&api.PutScalingPolicyInput{PolicyName: "step", PolicyType: new("StepScaling"), AdjustmentType: new("ChangeInCapacity"), EstimatedInstanceWarmup: new(int32(0)),
		StepAdjustments: []api.StepAdjustment{{MetricIntervalUpperBound: new(0.0), ScalingAdjustment: -2}}})
	if err := w.byAlarm("step", 1, 5); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("in spite of another policy", 4)
	w.Advance(11 * time.Hour)
	w.wantDesired("predictive scaling takes nothing away", 4)
	if err := w.byAlarm("step", 1, 5); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("in the evening", 2)
	if out, err := w.forecast(now, now.Add(100*time.Hour)); err != nil || len(out.CapacityForecast.Values) < 48+12 {
		t.Errorf("after some hours: %v, %v", out, err)
	}
}

func TestForecastOnly(t *testing.T) {
	w := newWorld(t)
	w.group(0, 10, 0, nil)
	w.put(predictive("ForecastOnly"))
	w.Drain()
	_, err := w.forecast(w.Now(), w.Now().Add(time.Hour))
	fails(t, err, "ValidationError", "24 hours")
	w.remember(2)
	w.Advance(7 * time.Hour)
	if _, err := w.forecast(w.Now(), w.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	w.wantDesired("it only forecasts", 0)
	nodetest.Do(w.World, &api.DeletePolicy, &api.DeletePolicyInput{AutoScalingGroupName: new(name), PolicyName: "ahead"})
	if p := w.described().PredictedCapacity; p != nil {
		t.Errorf("predicted after its end: %d", *p)
	}
}

func TestPredictiveChecks(t *testing.T) {
	w := newWorld(t)
	w.group(0, 10, 0, nil)
	for _, x := range []struct {
		change  func(*api.PredictiveScalingConfiguration)
		message string
	}{
		{func(c *api.PredictiveScalingConfiguration) {
			c.MetricSpecifications = append(c.MetricSpecifications, c.MetricSpecifications[0])
		}, "Exactly one metric specification"},
		{func(c *api.PredictiveScalingConfiguration) { c.SchedulingBufferTime = new(int32(3601)) }, "SchedulingBufferTime"},
		{func(c *api.PredictiveScalingConfiguration) { c.MaxCapacityBuffer = new(int32(10)) }, "MaxCapacityBuffer"},
		{func(c *api.PredictiveScalingConfiguration) { c.MaxCapacityBreachBehavior = new("IncreaseMaxCapacity") }, "MaxCapacityBuffer"},
		{func(c *api.PredictiveScalingConfiguration) { c.MetricSpecifications[0].TargetValue = 0 }, "TargetValue"},
		{func(c *api.PredictiveScalingConfiguration) {
			c.MetricSpecifications[0].CustomizedLoadMetricSpecification = nil
		}, "load metric"},
		{func(c *api.PredictiveScalingConfiguration) {
			c.MetricSpecifications[0] = api.PredictiveScalingMetricSpecification{TargetValue: 1, PredefinedMetricPairSpecification: &api.PredictiveScalingPredefinedMetricPair{PredefinedMetricType: "ALBRequestCount"}}
		}, "ResourceLabel"},
	} {
		in := predictive("ForecastOnly")
		x.change(in.PredictiveScalingConfiguration)
		_, err := nodetest.Try(w.World, &api.PutScalingPolicy, in)
		fails(t, err, "ValidationError", x.message)
	}
}

// With IncreaseMaxCapacity a forecast may exceed the group's maximum.
func TestPredictedBeyondMaximum(t *testing.T) {
	for _, x := range []struct {
		behaviour string
		buffer    *int32
		want      int
	}{{"HonorMaxCapacity", nil, 2}, {"IncreaseMaxCapacity", new(int32(0)), 4}} {
		w := newWorld(t)
		w.group(0, 2, 0, nil)
		w.Advance(time.Hour - w.Now().Sub(w.Now().Truncate(time.Hour)))
		w.remember(3)
		in := predictive("ForecastAndScale")
		in.PredictiveScalingConfiguration.MaxCapacityBreachBehavior, in.PredictiveScalingConfiguration.MaxCapacityBuffer = &x.behaviour, x.buffer
		w.put(in)
		w.Advance(8 * time.Hour)
		w.wantDesired(x.behaviour, x.want)
		w.settle()
		if _, serving := w.sizes(); serving != x.want {
			t.Errorf("%s: %d serve", x.behaviour, serving)
		}
		w.put(custom("warm", "warm", 50)) // what it wants is less than there is, or as much as may be
		if err := w.byAlarm("warm", 55, 50); err != nil {
			t.Fatal(err)
		}
		w.wantDesired(x.behaviour+", and another policy", x.want)
	}
}
