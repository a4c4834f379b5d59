package cloudwatch

import (
	"fmt"
	"iter"
	"syscall"
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/api/dlm"
	"pileus/clock"
	"pileus/cloud"
	"pileus/node/nodetest"
)

// publisher is a module that publishes the number of times that it was asked.
func publisher(asked *int) cloud.Module {
	return cloud.Module{API: &dlm.Service, Metrics: func(c *cloud.Call) iter.Seq[cloud.Metric] {
		return func(yield func(cloud.Metric) bool) {
			*asked++
			yield(cloud.Metric{Account: nodetest.Account, Region: nodetest.Region, Namespace: "AWS/Test", Name: "Asked", Unit: "Count",
				Dimensions: []cloud.Dimension{{Name: "Id", Value: "x"}}, Values: []float64{float64(*asked)}})
		}
	}}
}

func askedAlarm(threshold float64) *api.PutMetricAlarmInput {
	return &api.PutMetricAlarmInput{AlarmName: "asked", Namespace: new("AWS/Test"), MetricName: new("Asked"), Dimensions: []api.Dimension{{Name: "Id", Value: "x"}},
		Statistic: new("Maximum"), Period: new(int32(60)), EvaluationPeriods: new(int32(1)), Threshold: &threshold, ComparisonOperator: new("GreaterThanOrEqualToThreshold")}
}

// What services publish of a minute is there at its end, once, and an alarm
// sees it at that moment.
func TestSampling(t *testing.T) {
	asked := 0
	w := nodetest.New(t, Module(), publisher(&asked))
	nodetest.Do(w, &api.PutMetricAlarm, askedAlarm(3))
	for minute := 1; minute <= 4; minute++ {
		w.Advance(time.Minute)
		points := nodetest.Do(w, &api.GetMetricStatistics, &api.GetMetricStatisticsInput{Namespace: "AWS/Test", MetricName: "Asked", Dimensions: []api.Dimension{{Name: "Id", Value: "x"}},
			StartTime: nodetest.Epoch, EndTime: w.Now(), Period: 60, Statistics: []string{"Sum", "SampleCount"}}).Datapoints
		if asked != minute || len(points) != minute {
			t.Fatalf("minute %d: asked %d times, %d points", minute, asked, len(points))
		}
		last := points[minute-1]
		if *last.Sum != float64(minute) || *last.SampleCount != 1 || *last.Unit != "Count" || !last.Timestamp.Equal(w.Now().Add(-time.Minute)) {
			t.Errorf("minute %d: %v %v %s at %v", minute, *last.Sum, *last.SampleCount, *last.Unit, *last.Timestamp)
		}
		want := map[bool]string{true: "ALARM", false: "OK"}[minute >= 3]
		if got := stateOf(w, "asked"); got != want {
			t.Errorf("minute %d: state %s, want %s", minute, got, want)
		}
	}
}

func TestLongAdvanceSamplesItsLastHours(t *testing.T) {
	asked := 0
	w := nodetest.New(t, Module(), publisher(&asked))
	w.Advance(30 * 24 * time.Hour)
	if want := 1 + 3*60 + 1; asked != want {
		t.Errorf("asked %d times, want %d", asked, want)
	}
	w.Advance(time.Minute)
	if want := 1 + 3*60 + 2; asked != want {
		t.Errorf("asked %d times a minute later, want %d", asked, want)
	}
}

// A month with ten alarms has to pass in no time, but for what others do on this
// machine meanwhile.
func TestMonthWithAlarms(t *testing.T) {
	w := nodetest.New(t, Module())
	for i := range 10 {
		in := watch(fmt.Sprint("a", i), 2, 3, "breaching")
		nodetest.Do(w, &api.PutMetricAlarm, in)
		put(w, "load", float64(i))
	}
	watch, before := clock.Start(), work(t)
	w.Advance(30 * 24 * time.Hour)
	d := work(t) - before
	t.Logf("30 days took %v, and %v of work", watch.Elapsed(), d)
	if d > 4*time.Second {
		t.Errorf("30 days took %v of work", d)
	}
	if got := stateOf(w, "a3"); got != "ALARM" {
		t.Errorf("state %s", got)
	}
}

// work is how long processors have worked for this process.
func work(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestHighResolutionAlarmLooksEveryTenSeconds(t *testing.T) {
	w := nodetest.New(t, Module())
	in := watch("fast", 1, 1, "")
	in.Period = new(int32(10))
	nodetest.Do(w, &api.PutMetricAlarm, in)
	w.Advance(65 * time.Second)
	nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: "load", Value: new(20.0), StorageResolution: new(int32(1))}}})
	w.Advance(5 * time.Second)
	if got := stateOf(w, "fast"); got != "ALARM" {
		t.Errorf("state %s at the end of the ten seconds", got)
	}
}

// The clock can be put back and forth, and the cloud emptied: ticks go on.
func TestTicksGoOn(t *testing.T) {
	asked := 0
	w := nodetest.New(t, Module(), publisher(&asked))
	w.Advance(time.Minute)
	if err := w.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Advance(2 * time.Minute)
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}
