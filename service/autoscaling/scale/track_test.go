package scale_test

import (
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

// tracking is a policy that keeps the group's CPU at a target.
func tracking(target float64) *api.PutScalingPolicyInput {
	return &api.PutScalingPolicyInput{AutoScalingGroupName: name, PolicyName: "track", PolicyType: new("TargetTrackingScaling"), TargetTrackingConfiguration: &api.TargetTrackingConfiguration{
		TargetValue: target, PredefinedMetricSpecification: &api.PredefinedMetricSpecification{PredefinedMetricType: "ASGAverageCPUUtilization"},
	}}
}

// custom is a policy that keeps a metric of the tests at a target.
func custom(policy, metric string, target float64) *api.PutScalingPolicyInput {
	return &api.PutScalingPolicyInput{PolicyName: policy, PolicyType: new("TargetTrackingScaling"), EstimatedInstanceWarmup: new(int32(60)), TargetTrackingConfiguration: &api.TargetTrackingConfiguration{
		TargetValue: target, CustomizedMetricSpecification: &api.CustomizedMetricSpecification{Namespace: new("Test"), MetricName: &metric, Statistic: new("Average")},
	}}
}

func (w *world) alarms() map[string]cloudwatch.MetricAlarm {
	w.T.Helper()
	list := map[string]cloudwatch.MetricAlarm{}
	for _, a := range nodetest.Do(w.World, &cloudwatch.DescribeAlarms, &cloudwatch.DescribeAlarmsInput{}).MetricAlarms {
		kind := "High"
		if strings.Contains(*a.AlarmName, "-AlarmLow-") {
			kind = "Low"
		}
		list[kind] = a
	}
	return list
}

func TestTrackingOwnsItsAlarms(t *testing.T) {
	w := newWorld(t)
	w.group(0, 5, 0, nil)
	out := w.put(tracking(50))
	if len(out.Alarms) != 2 {
		t.Fatalf("alarms: %+v", out.Alarms)
	}
	list := w.alarms()
	for kind, want := range map[string]struct {
		comparison string
		threshold  float64
		periods    int32
	}{"High": {"GreaterThanThreshold", 50, 3}, "Low": {"LessThanThreshold", 45, 15}} {
		a := list[kind]
		if !strings.HasPrefix(*a.AlarmName, "TargetTracking-web-Alarm"+kind+"-") || *a.ComparisonOperator != want.comparison || *a.Threshold != want.threshold || *a.EvaluationPeriods != want.periods ||
			*a.Period != 60 || *a.Namespace != "AWS/EC2" || *a.MetricName != "CPUUtilization" || *a.Statistic != "Average" || a.AlarmActions[0] != *out.PolicyARN || a.Dimensions[0].Value != name {
			t.Errorf("%s: %+v", kind, a)
		}
	}
	// Its settings come back when somebody edits it, and so does the alarm.
	high := *list["High"].AlarmName
	nodetest.Do(w.World, &cloudwatch.PutMetricAlarm, &cloudwatch.PutMetricAlarmInput{
		AlarmName: high, Namespace: new("Test"), MetricName: new("x"), Statistic: new("Average"), Period: new(int32(60)), EvaluationPeriods: new(int32(1)), Threshold: new(1.0), ComparisonOperator: new("LessThanThreshold"),
	})
	nodetest.Do(w.World, &cloudwatch.DeleteAlarms, &cloudwatch.DeleteAlarmsInput{AlarmNames: []string{*list["Low"].AlarmName}})
	w.Advance(6 * time.Minute)
	if list := w.alarms(); *list["High"].Threshold != 50 || *list["High"].MetricName != "CPUUtilization" || list["Low"].AlarmName == nil {
		t.Errorf("after an edit: %+v", list)
	}
	in := tracking(60)
	in.TargetTrackingConfiguration.DisableScaleIn = new(true)
	w.put(in)
	if list := w.alarms(); len(list) != 1 || *list["High"].AlarmName != high || *list["High"].Threshold != 60 {
		t.Errorf("without scale-in: %+v", list)
	}
	in.Enabled = new(false)
	if out := w.put(in); len(w.alarms()) != 0 || len(out.Alarms) != 0 {
		t.Errorf("disabled: %+v", w.alarms())
	}
	in.Enabled = new(true)
	w.put(in)
	nodetest.Do(w.World, &api.DeletePolicy, &api.DeletePolicyInput{AutoScalingGroupName: new(name), PolicyName: "track"})
	if list := w.alarms(); len(list) != 0 {
		t.Errorf("after its end: %+v", list)
	}
	w.put(tracking(50))
	nodetest.Do(w.World, &api.DeleteAutoScalingGroup, &api.DeleteAutoScalingGroupInput{AutoScalingGroupName: name, ForceDelete: new(true)})
	w.settle()
	if list := w.alarms(); len(list) != 0 {
		t.Errorf("after the group's end: %+v", list)
	}
}

func TestTracking(t *testing.T) {
	w := newWorld(t)
	w.group(1, 10, 2, nil)
	w.put(custom("cpu", "cpu", 50))
	w.Advance(10*time.Minute - w.Now().Sub(w.Now().Truncate(time.Minute)))
	_, err := nodetest.Try(w.World, &api.ExecutePolicy, &api.ExecutePolicyInput{AutoScalingGroupName: new(name), PolicyName: "cpu", MetricValue: new(90.0), BreachThreshold: new(50.0)})
	fails(t, err, "ValidationError", "TargetTrackingScaling")
	for i := range 3 { // three minutes of heat
		w.wantDesired("minute "+string(rune('0'+i)), 2)
		w.cpu(75)
		w.Advance(time.Minute)
	}
	// The third minute has ended: this is the first evaluation that can tell.
	w.wantDesired("after three minutes", 3)
	w.cpu(48) // that helps
	w.settle()
	if _, serving := w.sizes(); serving != 3 {
		t.Fatalf("%d serve", serving)
	}
	w.Advance(40 * time.Second)
	for range 14 {
		w.cpu(10)
		w.Advance(time.Minute)
		w.wantDesired("while it is cool for less than fifteen minutes", 3)
	}
	w.cpu(10)
	w.Advance(time.Minute)
	w.wantDesired("after fifteen minutes", 2)
	w.cpu(10)
	w.Advance(time.Minute)
	w.wantDesired("after sixteen minutes", 1)
	w.cpu(10)
	w.Advance(time.Minute)
	w.wantDesired("at the minimum", 1)
	w.settle()
	if _, serving := w.sizes(); serving != 1 {
		t.Errorf("%d serve", serving)
	}
	acts := nodetest.Do(w.World, &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{AutoScalingGroupName: new(name)}).Activities
	if !hasCause(acts, "a monitor alarm TargetTracking-web-AlarmHigh-") || !hasCause(acts, "in state ALARM triggered policy cpu changing the desired capacity from 2 to 3.") {
		t.Error("no activity tells of the alarm")
	}
}

// Of two policies the one that needs more capacity wins: nothing is taken away
// unless both would.
func TestTwoTargets(t *testing.T) {
	w := newWorld(t)
	w.group(1, 10, 4, nil)
	w.put(custom("a", "a", 50))
	w.put(custom("b", "b", 50))
	w.Advance(10 * time.Minute)
	for _, x := range []struct {
		what   string
		policy string
		value  float64
		want   int
	}{
		{"a would have less", "a", 10, 4},
		{"b too, but not so much", "b", 44, 4},
		{"b would have less", "b", 10, 3},
	} {
		if err := w.byAlarm(x.policy, x.value, 45); err != nil {
			t.Fatal(err)
		}
		w.wantDesired(x.what, x.want)
	}
	if err := w.byAlarm("a", 10, 45); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("once in a minute", 3)
	w.Advance(time.Minute)
	if err := w.byAlarm("a", 90, 50); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("a is hot", 6)
	if err := w.byAlarm("b", 60, 50); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("b is warm", 6)
}

func TestTrackingMath(t *testing.T) {
	w := newWorld(t)
	w.group(1, 10, 1, nil)
	in := custom("math", "", 10)
	in.TargetTrackingConfiguration.CustomizedMetricSpecification = &api.CustomizedMetricSpecification{Metrics: []api.TargetTrackingMetricDataQuery{
		{Id: "jobs", MetricStat: &api.TargetTrackingMetricStat{Metric: api.Metric{Namespace: "Test", MetricName: "jobs"}, Stat: "Sum"}, ReturnData: new(false)},
		{Id: "each", Expression: new("jobs / 4")},
	}}
	w.put(in)
	high := w.alarms()["High"]
	if len(high.Metrics) != 2 || *high.Metrics[1].Expression != "jobs / 4" || high.Metrics[0].MetricStat.Period != 60 {
		t.Fatalf("alarm: %+v", high)
	}
	w.Advance(10*time.Minute - w.Now().Sub(w.Now().Truncate(time.Minute)))
	for range 3 {
		nodetest.Do(w.World, &cloudwatch.PutMetricData, &cloudwatch.PutMetricDataInput{Namespace: "Test", MetricData: []cloudwatch.MetricDatum{{MetricName: "jobs", Timestamp: new(w.Now()), Value: new(120.0)}}})
		w.Advance(time.Minute)
	}
	w.wantDesired("thirty each", 3)
}

func TestTrackingInSeconds(t *testing.T) {
	w := newWorld(t)
	w.group(1, 10, 1, nil)
	in := custom("quick", "cpu", 50)
	in.TargetTrackingConfiguration.CustomizedMetricSpecification.Period = new(int32(10))
	w.put(in)
	if a := w.alarms()["High"]; *a.Period != 10 || *a.EvaluationPeriods != 3 {
		t.Errorf("alarm: %+v", a)
	}
	in.TargetTrackingConfiguration.CustomizedMetricSpecification.Period = new(int32(15))
	_, err := nodetest.Try(w.World, &api.PutScalingPolicy, in)
	fails(t, err, "ValidationError", "period 15")
}
