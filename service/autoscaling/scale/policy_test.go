package scale_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/store"
	"pileus/zone/shift"
)

func simple(name, kind string, by int32) *api.PutScalingPolicyInput {
	return &api.PutScalingPolicyInput{PolicyName: name, AdjustmentType: &kind, ScalingAdjustment: &by}
}

func TestSimplePolicy(t *testing.T) {
	w := newWorld(t)
	w.group(1, 5, 2, nil)
	w.Advance(10 * time.Minute) // past the cooldown of the first instances
	w.put(simple("more", "ChangeInCapacity", 1))
	run := func(honor bool) error {
		_, err := nodetest.Try(w.World, &api.ExecutePolicy, &api.ExecutePolicyInput{AutoScalingGroupName: new(name), PolicyName: "more", HonorCooldown: &honor})
		return err
	}
	if err := run(true); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("after the policy", 3)
	w.Drain()
	fails(t, run(true), "ScalingActivityInProgress", "Scaling activity ")
	w.settle()
	if _, serving := w.sizes(); serving != 3 {
		t.Fatalf("%d serve", serving)
	}
	fails(t, run(true), "ScalingActivityInProgress", "is in progress and blocking this action")
	fails(t, w.byAlarm("more", 1, 1), "ScalingActivityInProgress", "")
	if err := run(false); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("without heeding the cooldown", 4)
	w.settle()
	w.Advance(5 * time.Minute)
	if err := w.byAlarm("more", 1, 1); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("after the cooldown", 5)
	w.settle()
	if err := run(false); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("at the maximum", 5)
}

func TestCooldownOfPolicy(t *testing.T) {
	w := newWorld(t)
	w.group(1, 9, 1, nil)
	w.Advance(10 * time.Minute)
	in := simple("more", "ChangeInCapacity", 1)
	in.Cooldown = new(int32(60))
	w.put(in)
	if err := w.byAlarm("more", 1, 1); err != nil {
		t.Fatal(err)
	}
	w.settle()
	fails(t, w.byAlarm("more", 1, 1), "ScalingActivityInProgress", "")
	w.Advance(time.Minute)
	if err := w.byAlarm("more", 1, 1); err != nil {
		t.Fatal(err)
	}
	w.wantDesired("after a minute", 3)
}

// Terraform sends 0 for what a policy of the type does not have.
func TestPlaceholders(t *testing.T) {
	w := newWorld(t)
	w.group(1, 9, 1, nil)
	step := &api.PutScalingPolicyInput{PolicyName: "step", PolicyType: new("StepScaling"), AdjustmentType: new("ChangeInCapacity"), Cooldown: new(int32(0)), ScalingAdjustment: new(int32(0)),
		StepAdjustments: []api.StepAdjustment{{MetricIntervalLowerBound: new(0.0), ScalingAdjustment: 1}}}
	w.put(step)
	one := simple("simple", "ChangeInCapacity", 1)
	one.EstimatedInstanceWarmup = new(int32(0))
	w.put(one)
	for _, p := range nodetest.Do(w.World, &api.DescribePolicies, &api.DescribePoliciesInput{AutoScalingGroupName: &one.AutoScalingGroupName, PolicyNames: []string{"step", "simple"}}).ScalingPolicies {
		if p.Cooldown != nil || p.EstimatedInstanceWarmup != nil || (p.ScalingAdjustment != nil) != (*p.PolicyName == "simple") {
			t.Errorf("a placeholder stays: %+v", p)
		}
	}
	step.AutoScalingGroupName, step.Cooldown = one.AutoScalingGroupName, new(int32(1))
	_, err := nodetest.Try(w.World, &api.PutScalingPolicy, step)
	fails(t, err, "ValidationError", "Cooldown is not supported for policy type StepScaling")
}

func TestStepPolicy(t *testing.T) {
	w := newWorld(t)
	w.group(1, 20, 10, nil)
	w.Advance(10 * time.Minute)
	w.put(&api.PutScalingPolicyInput{PolicyName: "out", PolicyType: new("StepScaling"), AdjustmentType: new("PercentChangeInCapacity"), EstimatedInstanceWarmup: new(int32(300)),
		StepAdjustments: []api.StepAdjustment{
			{MetricIntervalLowerBound: new(0.0), MetricIntervalUpperBound: new(10.0), ScalingAdjustment: 10},
			{MetricIntervalLowerBound: new(10.0), ScalingAdjustment: 30},
		}})
	w.put(&api.PutScalingPolicyInput{PolicyName: "in", PolicyType: new("StepScaling"), AdjustmentType: new("ChangeInCapacity"), EstimatedInstanceWarmup: new(int32(300)),
		StepAdjustments: []api.StepAdjustment{{MetricIntervalUpperBound: new(0.0), ScalingAdjustment: -2}}})
	for _, x := range []struct {
		what, policy     string
		value, threshold float64
		want             int
		pause            time.Duration
	}{
		{"first breach", "out", 62, 60, 11, 30 * time.Second},
		{"while it warms up", "out", 63, 60, 11, 0},
		{"a larger breach", "out", 70, 60, 13, 30 * time.Second},
		{"nothing goes while some warm up", "in", 10, 40, 13, 6 * time.Minute},
		{"ten per cent of thirteen", "out", 62, 60, 14, 6 * time.Minute},
		{"two go", "in", 10, 40, 12, 0},
	} {
		if err := w.byAlarm(x.policy, x.value, x.threshold); err != nil {
			t.Fatalf("%s: %v", x.what, err)
		}
		w.wantDesired(x.what, x.want)
		w.Advance(x.pause)
		w.Drain()
	}
	fails(t, w.byAlarm("out", 50, 60), "ValidationError", "No step adjustment found for metric value")
	_, err := nodetest.Try(w.World, &api.ExecutePolicy, &api.ExecutePolicyInput{AutoScalingGroupName: new(name), PolicyName: "out"})
	fails(t, err, "ValidationError", "MetricValue")
	acts := nodetest.Do(w.World, &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{AutoScalingGroupName: new(name)}).Activities
	if !hasCause(acts, "a monitor alarm hot in state ALARM triggered policy out changing the desired capacity from 10 to 11.") {
		t.Errorf("no activity tells of the alarm: %v", acts[len(acts)-1].Cause)
	}
}

func hasCause(acts []api.Activity, text string) bool {
	for _, a := range acts {
		if strings.Contains(a.Cause, text) {
			return true
		}
	}
	return false
}

func TestPolicyChecks(t *testing.T) {
	w := newWorld(t)
	w.group(0, 5, 0, nil)
	step := func(bounds ...*float64) *api.PutScalingPolicyInput {
		in := &api.PutScalingPolicyInput{PolicyName: "p", PolicyType: new("StepScaling"), AdjustmentType: new("ChangeInCapacity")}
		for i := 0; i < len(bounds); i += 2 {
			in.StepAdjustments = append(in.StepAdjustments, api.StepAdjustment{MetricIntervalLowerBound: bounds[i], MetricIntervalUpperBound: bounds[i+1], ScalingAdjustment: 1})
		}
		return in
	}
	many := &api.PutScalingPolicyInput{PolicyName: "p", PolicyType: new("StepScaling"), AdjustmentType: new("ChangeInCapacity")}
	for i := range 21 {
		many.StepAdjustments = append(many.StepAdjustments, api.StepAdjustment{MetricIntervalLowerBound: new(float64(i)), MetricIntervalUpperBound: new(float64(i + 1))})
	}
	track := func(f func(*api.TargetTrackingConfiguration)) *api.PutScalingPolicyInput {
		in := tracking(50)
		f(in.TargetTrackingConfiguration)
		return in
	}
	for _, x := range []struct {
		in            *api.PutScalingPolicyInput
		code, message string
	}{
		{&api.PutScalingPolicyInput{PolicyName: "p", PolicyType: new("Magic")}, "ValidationError", "Invalid policy type"},
		{simple("p", "Sometimes", 1), "ValidationError", "Adjustment type is invalid"},
		{&api.PutScalingPolicyInput{PolicyName: "p", AdjustmentType: new("ChangeInCapacity")}, "ValidationError", "Scaling increment must be specified for a SimpleScaling policy"},
		{simple("p", "ExactCapacity", -1), "ValidationError", "non-negative"},
		{&api.PutScalingPolicyInput{PolicyName: "p", AdjustmentType: new("ChangeInCapacity"), ScalingAdjustment: new(int32(1)), MinAdjustmentMagnitude: new(int32(2))}, "ValidationError", "PercentChangeInCapacity"},
		{&api.PutScalingPolicyInput{PolicyName: "p", AdjustmentType: new("ChangeInCapacity"), ScalingAdjustment: new(int32(1)), EstimatedInstanceWarmup: new(int32(2))}, "ValidationError", "EstimatedInstanceWarmup is not supported"},
		{step(), "ValidationError", "At least one StepAdjustment"},
		{many, "LimitExceeded", "20"},
		{step(new(0.0), new(10.0)), "ValidationError", "There must be a StepAdjustment with an unspecified upper bound (i.e., upper bound is null) when one StepAdjustment has a positive upper bound"},
		{step(new(-10.0), new(0.0)), "ValidationError", "unspecified lower bound"},
		{step(new(0.0), new(10.0), new(11.0), nil), "ValidationError", "gaps"},
		{step(new(0.0), new(10.0), new(9.0), nil), "ValidationError", "overlap"},
		{step(new(5.0), new(5.0)), "ValidationError", "greater than its lower bound"},
		{&api.PutScalingPolicyInput{PolicyName: "p", PolicyType: new("TargetTrackingScaling")}, "ValidationError", "TargetTrackingConfiguration"},
		{track(func(c *api.TargetTrackingConfiguration) { c.PredefinedMetricSpecification = nil }), "ValidationError", "Exactly one of"},
		{track(func(c *api.TargetTrackingConfiguration) { c.TargetValue = 0 }), "ValidationError", "Target value"},
		{track(func(c *api.TargetTrackingConfiguration) {
			c.PredefinedMetricSpecification.PredefinedMetricType = "ALBRequestCountPerTarget"
		}), "ValidationError", "ResourceLabel must be specified"},
		{track(func(c *api.TargetTrackingConfiguration) {
			c.PredefinedMetricSpecification = &api.PredefinedMetricSpecification{PredefinedMetricType: "ALBRequestCountPerTarget", ResourceLabel: new("app/a/1/targetgroup/b/2")}
		}), "ValidationError", "is not attached"},
	} {
		x.in.AutoScalingGroupName = name
		_, err := nodetest.Try(w.World, &api.PutScalingPolicy, x.in)
		fails(t, err, x.code, x.message)
	}
	_, err := nodetest.Try(w.World, &api.PutScalingPolicy, &api.PutScalingPolicyInput{AutoScalingGroupName: "none", PolicyName: "p"})
	fails(t, err, "ValidationError", "not found")
	for i := range 50 {
		w.put(simple(fmt.Sprint("p", i), "ChangeInCapacity", 1))
	}
	in := simple("one more", "ChangeInCapacity", 1)
	in.AutoScalingGroupName = name
	_, err = nodetest.Try(w.World, &api.PutScalingPolicy, in)
	fails(t, err, "LimitExceeded", "50")
}

func TestDescribePolicies(t *testing.T) {
	w := newWorld(t)
	w.group(0, 5, 0, nil)
	arn := *w.put(simple("b", "ChangeInCapacity", 1)).PolicyARN
	w.put(simple("a", "ChangeInCapacity", 1))
	w.put(tracking(50))
	nodetest.Do(w.World, &cloudwatch.PutMetricAlarm, &cloudwatch.PutMetricAlarmInput{
		AlarmName: "mine", AlarmActions: []string{arn}, Namespace: new("Test"), MetricName: new("cpu"), Statistic: new("Average"),
		Period: new(int32(60)), EvaluationPeriods: new(int32(1)), Threshold: new(1.0), ComparisonOperator: new("GreaterThanThreshold"),
	})
	list := func(in *api.DescribePoliciesInput) *api.DescribePoliciesOutput {
		t.Helper()
		in.AutoScalingGroupName = new(name)
		return nodetest.Do(w.World, &api.DescribePolicies, in)
	}
	first := list(&api.DescribePoliciesInput{MaxRecords: new(int32(2))})
	rest := list(&api.DescribePoliciesInput{MaxRecords: new(int32(2)), NextToken: first.NextToken})
	if len(first.ScalingPolicies) != 2 || len(rest.ScalingPolicies) != 1 || rest.NextToken != nil {
		t.Errorf("pages of %d and %d", len(first.ScalingPolicies), len(rest.ScalingPolicies))
	}
	p := list(&api.DescribePoliciesInput{PolicyNames: []string{arn}}).ScalingPolicies
	if len(p) != 1 || *p[0].PolicyName != "b" || *p[0].PolicyType != "SimpleScaling" || !*p[0].Enabled || len(p[0].Alarms) != 1 || *p[0].Alarms[0].AlarmName != "mine" {
		t.Errorf("policy: %+v", p)
	}
	if p := list(&api.DescribePoliciesInput{PolicyTypes: []string{"TargetTrackingScaling"}}).ScalingPolicies; len(p) != 1 || *p[0].PolicyName != "track" || len(p[0].Alarms) != 2 {
		t.Errorf("by type: %+v", p)
	}
	_, err := nodetest.Try(w.World, &api.DescribePolicies, &api.DescribePoliciesInput{NextToken: new("!")})
	fails(t, err, "InvalidNextToken", "")
	_, err = nodetest.Try(w.World, &api.DeletePolicy, &api.DeletePolicyInput{PolicyName: "none", AutoScalingGroupName: new(name)})
	fails(t, err, "ValidationError", "")
	nodetest.Do(w.World, &api.DeletePolicy, &api.DeletePolicyInput{PolicyName: arn})
	if n := len(list(&api.DescribePoliciesInput{}).ScalingPolicies); n != 2 {
		t.Errorf("%d policies are left", n)
	}
}

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

func TestAccess(t *testing.T) {
	w := newWorld(t)
	w.group(0, 5, 0, nil)
	w.put(simple("p", "ChangeInCapacity", 1))
	w.put(simple("doomed", "ChangeInCapacity", 1))
	start := w.Now().Add(time.Hour)
	for _, a := range []string{"a", "b"} {
		start = start.Add(time.Hour)
		nodetest.Do(w.World, &api.PutScheduledUpdateGroupAction, &api.PutScheduledUpdateGroupActionInput{AutoScalingGroupName: name, ScheduledActionName: a, StartTime: new(start), MinSize: new(int32(1))})
	}
	fresh := simple("new", "ChangeInCapacity", 1)
	fresh.AutoScalingGroupName = name
	for op, try := range map[string]trial{
		"BatchDeleteScheduledAction":         of(&api.BatchDeleteScheduledAction, &api.BatchDeleteScheduledActionInput{AutoScalingGroupName: name, ScheduledActionNames: []string{"a"}}),
		"BatchPutScheduledUpdateGroupAction": of(&api.BatchPutScheduledUpdateGroupAction, &api.BatchPutScheduledUpdateGroupActionInput{AutoScalingGroupName: name, ScheduledUpdateGroupActions: []api.ScheduledUpdateGroupActionRequest{{ScheduledActionName: "d", Recurrence: new("0 4 * * *"), MinSize: new(int32(1))}}}),
		"DeletePolicy":                       of(&api.DeletePolicy, &api.DeletePolicyInput{AutoScalingGroupName: new(name), PolicyName: "doomed"}),
		"DeleteScheduledAction":              of(&api.DeleteScheduledAction, &api.DeleteScheduledActionInput{AutoScalingGroupName: name, ScheduledActionName: "b"}),
		"DescribePolicies":                   of(&api.DescribePolicies, &api.DescribePoliciesInput{}),
		"DescribeScheduledActions":           of(&api.DescribeScheduledActions, &api.DescribeScheduledActionsInput{}),
		"ExecutePolicy":                      of(&api.ExecutePolicy, &api.ExecutePolicyInput{AutoScalingGroupName: new(name), PolicyName: "p"}),
		"PutScalingPolicy":                   of(&api.PutScalingPolicy, fresh),
		"PutScheduledUpdateGroupAction":      of(&api.PutScheduledUpdateGroupAction, &api.PutScheduledUpdateGroupActionInput{AutoScalingGroupName: name, ScheduledActionName: "c", Recurrence: new("0 3 * * *"), MinSize: new(int32(1))}),
		"GetPredictiveScalingForecast":       of(&api.GetPredictiveScalingForecast, &api.GetPredictiveScalingForecastInput{AutoScalingGroupName: name, PolicyName: "p", StartTime: start, EndTime: start.Add(time.Hour)}),
	} {
		fails(t, try(w.As(w.User("no-"+op, nodetest.Allow("autoscaling:Nothing")))), "AccessDenied", "autoscaling:"+op)
		err := try(w.As(w.User("yes-"+op, nodetest.Allow("autoscaling:"+op))))
		if op == "GetPredictiveScalingForecast" { // the policy is another kind
			fails(t, err, "ValidationError", "PredictiveScaling")
		} else if err != nil {
			t.Errorf("%s with leave: %v", op, err)
		}
	}
}

// Alarms may execute policies without anybody's leave; other services may not.
func TestServicesThatExecute(t *testing.T) {
	w := newWorld(t)
	w.group(0, 5, 0, nil)
	w.put(simple("p", "ChangeInCapacity", 1))
	_, err := api.ExecutePolicy.Call(w.Call().AsService("s3.amazonaws.com", ""), &api.ExecutePolicyInput{AutoScalingGroupName: new(name), PolicyName: "p"})
	fails(t, err, "AccessDenied", "autoscaling:ExecutePolicy")
	if err := w.byAlarm("p", 1, 1); err != nil {
		t.Error(err)
	}
}

func TestAccessToOneGroup(t *testing.T) {
	w := newWorld(t)
	w.group(0, 5, 0, nil)
	arn := *w.described().AutoScalingGroupARN
	u := w.As(w.User("u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"autoscaling:PutScalingPolicy","Resource":"`+arn+`"}]}`))
	in := simple("p", "ChangeInCapacity", 1)
	in.AutoScalingGroupName = name
	if err := of(&api.PutScalingPolicy, in)(u); err != nil {
		t.Error(err)
	}
	in.AutoScalingGroupName = "other"
	fails(t, of(&api.PutScalingPolicy, in)(u), "AccessDenied", "")
}

// TestAccessByTheGroupsTags: the tags of the group decide, under the service's
// own name for them.
func TestAccessByTheGroupsTags(t *testing.T) {
	w := newWorld(t)
	w.group(0, 5, 0, nil)
	tag := func(value string) {
		nodetest.Do(w.World, &api.CreateOrUpdateTags, &api.CreateOrUpdateTagsInput{Tags: []api.Tag{
			{Key: "team", Value: &value, ResourceId: new(name), ResourceType: new("auto-scaling-group"), PropagateAtLaunch: new(false)}}})
	}
	u := w.As(w.User("u", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"autoscaling:*","Resource":"*","Condition":{"StringEquals":{"autoscaling:ResourceTag/team":"web"}}}]}`))
	in := simple("p", "ChangeInCapacity", 1)
	in.AutoScalingGroupName = name
	gone := &api.DeletePolicyInput{PolicyName: "p", AutoScalingGroupName: new(name)}
	tag("other")
	fails(t, of(&api.PutScalingPolicy, in)(u), "AccessDenied", "")
	tag("web")
	if err := of(&api.PutScalingPolicy, in)(u); err != nil {
		t.Error(err)
	}
	tag("other")
	fails(t, of(&api.DeletePolicy, gone)(u), "AccessDenied", "")
	tag("web")
	if err := of(&api.DeletePolicy, gone)(u); err != nil {
		t.Error(err)
	}
}

// TestPoliciesWhileShiftedAway: while a group is shifted away from a zone,
// policies make it larger but not smaller.
func TestPoliciesWhileShiftedAway(t *testing.T) {
	w := newWorld(t)
	w.group(1, 5, 2, func(in *api.CreateAutoScalingGroupInput) {
		in.AvailabilityZoneImpairmentPolicy = &api.AvailabilityZoneImpairmentPolicy{ZonalShiftEnabled: new(true), ImpairedZoneHealthCheckBehavior: new("ReplaceUnhealthy")}
	})
	w.put(simple("more", "ChangeInCapacity", 1))
	w.put(simple("fewer", "ChangeInCapacity", -1))
	w.put(&api.PutScalingPolicyInput{PolicyName: "steps down", PolicyType: new("StepScaling"), AdjustmentType: new("ChangeInCapacity"),
		StepAdjustments: []api.StepAdjustment{{MetricIntervalUpperBound: new(0.0), ScalingAdjustment: -1}}})
	move := func(zone string) {
		w.Update(func(tx store.Tx) {
			for r := range shift.Resources.Scan(tx) {
				shift.Move(tx, r, zone)
			}
		})
		w.settle()
	}
	run := func(policy string, want int) {
		t.Helper()
		w.Advance(10 * time.Minute)
		if err := w.byAlarm(policy, 1, 2); err != nil {
			t.Fatal(err)
		}
		w.wantDesired("after "+policy, want)
		w.settle()
	}
	move("us-east-1a")
	run("fewer", 2)
	run("steps down", 2)
	run("more", 3)
	move("")
	run("fewer", 2)
	run("steps down", 1)
}
