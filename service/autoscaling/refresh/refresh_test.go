package refresh_test

import (
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/node/nodetest"
)

func TestRefreshTerminatesFirst(t *testing.T) {
	w := newWorld(t)
	w.group(4, 8, 4, nil)
	id := w.start(&api.RefreshPreferences{MinHealthyPercentage: new(int32(50)), InstanceWarmup: new(int32(60))})
	w.until("Successful", 20*time.Minute, func() {
		if small, micro, all := w.census(); small+micro < 2 || all > 6 {
			t.Errorf("%d new and %d old serve, %d in all", small, micro, all)
		}
	})
	if small, micro, all := w.census(); small != 4 || micro != 0 || all != 4 {
		t.Errorf("%d new and %d old serve, %d in all", small, micro, all)
	}
	x := w.refresh()
	if *x.InstanceRefreshId != id || *x.PercentageComplete != 100 || *x.InstancesToUpdate != 0 || x.EndTime == nil || *x.Preferences.MaxHealthyPercentage != 100 {
		t.Errorf("described: %+v", x)
	}
	if v := *w.described().LaunchTemplate.Version; v != "2" {
		t.Errorf("the group launches version %s", v)
	}
	acts := nodetest.Do(w.World, &api.DescribeScalingActivities, &api.DescribeScalingActivitiesInput{AutoScalingGroupName: new(name)}).Activities
	n := 0
	for _, a := range acts {
		if want := "an instance was taken out of service in response to an instance refresh."; strings.Contains(a.Cause, want) && strings.HasSuffix(a.Cause, "was selected for termination.") {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d activities tell of the refresh", n)
	}
}

func TestRefreshLaunchesFirst(t *testing.T) {
	w := newWorld(t)
	w.group(4, 8, 4, func(in *api.CreateAutoScalingGroupInput) { in.DefaultInstanceWarmup = new(int32(0)) })
	w.start(&api.RefreshPreferences{MinHealthyPercentage: new(int32(100)), MaxHealthyPercentage: new(int32(150)), InstanceWarmup: new(int32(120))})
	born := map[string]time.Time{}
	w.until("Successful", 20*time.Minute, func() {
		if small, micro, _ := w.census(); small+micro < 4 || small+micro > 6 {
			t.Errorf("%d new and %d old serve", small, micro)
		}
		warm := 0 // old, or for two minutes in service, as far as can be seen
		for _, i := range w.described().Instances {
			if _, ok := born[i.InstanceId]; !ok && i.LifecycleState == "InService" {
				born[i.InstanceId] = w.Now()
			}
			if at, ok := born[i.InstanceId]; ok && i.LifecycleState == "InService" && (*i.InstanceType == "t3.micro" || w.Now().Sub(at) > 110*time.Second) {
				warm++
			}
		}
		if warm < 4 {
			t.Errorf("%d are warm", warm)
		}
	})
	if small, micro, _ := w.census(); small != 4 || micro != 0 {
		t.Errorf("%d new and %d old serve", small, micro)
	}
}

func TestRefreshOneAtATime(t *testing.T) {
	w := newWorld(t)
	w.group(3, 3, 3, nil)
	w.start(&api.RefreshPreferences{MinHealthyPercentage: new(int32(100))})
	_, err := nodetest.Try(w.World, &api.StartInstanceRefresh, &api.StartInstanceRefreshInput{AutoScalingGroupName: name})
	fails(t, err, "InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh.")
	w.until("Successful", 20*time.Minute, func() {
		if small, micro, _ := w.census(); small+micro < 2 {
			t.Errorf("%d new and %d old serve", small, micro)
		}
	})
}

func TestCheckpoints(t *testing.T) {
	w := newWorld(t)
	w.group(4, 4, 4, nil)
	w.start(&api.RefreshPreferences{MinHealthyPercentage: new(int32(0)), CheckpointPercentages: []int32{25, 75}, CheckpointDelay: new(int32(600))})
	var reached time.Time
	w.until("Successful", 40*time.Minute, func() {
		small, micro, _ := w.census()
		if *w.refresh().PercentageComplete == 25 && reached.IsZero() {
			reached = w.Now()
			if small != 1 || micro != 3 {
				t.Errorf("at the checkpoint %d new and %d old serve", small, micro)
			}
		}
		if (reached.IsZero() || w.Now().Before(reached.Add(10*time.Minute))) && micro < 3 {
			t.Errorf("%d old serve before the checkpoint is over", micro)
		}
	})
	if small, micro, _ := w.census(); small != 3 || micro != 1 {
		t.Errorf("%d new and %d old serve at the end: the last checkpoint is not all", small, micro)
	}
}

func TestBakeTime(t *testing.T) {
	w := newWorld(t)
	w.group(2, 4, 2, nil)
	w.start(&api.RefreshPreferences{MinHealthyPercentage: new(int32(0)), BakeTime: new(int32(600))})
	w.until("Baking", 10*time.Minute, func() {})
	since := w.Now()
	w.wantStatus("while it bakes", "Baking", 100)
	w.until("Successful", 11*time.Minute, func() {})
	if took := w.Now().Sub(since); took < 10*time.Minute-10*time.Second || took > 10*time.Minute+10*time.Second {
		t.Errorf("it baked for %v", took)
	}
	nodetest.Do(w.World, &cloudwatch.PutMetricAlarm, &cloudwatch.PutMetricAlarmInput{
		AlarmName: "errors", Namespace: new("Test"), MetricName: new("errors"), Statistic: new("Sum"), Period: new(int32(86400)), EvaluationPeriods: new(int32(1)),
		Threshold: new(1.0), ComparisonOperator: new("GreaterThanThreshold"), TreatMissingData: new("ignore"),
	})
	nodetest.Do(w.World, &api.StartInstanceRefresh, &api.StartInstanceRefreshInput{AutoScalingGroupName: name, DesiredConfiguration: &api.DesiredConfiguration{LaunchTemplate: version("1")}, Preferences: &api.RefreshPreferences{
		MinHealthyPercentage: new(int32(0)), BakeTime: new(int32(600)), AutoRollback: new(true), AlarmSpecification: &api.AlarmSpecification{Alarms: []string{"errors"}}}})
	w.until("Baking", 10*time.Minute, func() {})
	nodetest.Do(w.World, &cloudwatch.SetAlarmState, &cloudwatch.SetAlarmStateInput{AlarmName: "errors", StateValue: "ALARM", StateReason: "test"})
	w.until("RollbackSuccessful", 10*time.Minute, func() {})
	if small, _, _ := w.census(); small != 2 {
		t.Errorf("%d are as before", small)
	}
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	w.group(4, 4, 4, nil)
	_, err := nodetest.Try(w.World, &api.CancelInstanceRefresh, &api.CancelInstanceRefreshInput{AutoScalingGroupName: name})
	fails(t, err, "ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found for Auto Scaling group web")
	id := w.start(&api.RefreshPreferences{MinHealthyPercentage: new(int32(75))})
	w.Drain()
	w.Advance(5 * time.Second)
	if out := nodetest.Do(w.World, &api.CancelInstanceRefresh, &api.CancelInstanceRefreshInput{AutoScalingGroupName: name}); *out.InstanceRefreshId != id {
		t.Errorf("cancelled: %s", *out.InstanceRefreshId)
	}
	w.wantStatus("at once", "Cancelling", 0)
	w.until("Cancelled", 10*time.Minute, func() {})
	w.Advance(10 * time.Minute)
	if _, micro, all := w.census(); micro != 3 || all != 4 {
		t.Errorf("%d old serve of %d: only what had begun is replaced", micro, all)
	}
}

// TestRollback undoes a refresh to $Latest: only of the group the version must
// be a number, which it had before.
func TestRollback(t *testing.T) {
	w := newWorld(t)
	w.group(4, 8, 4, nil)
	nodetest.Do(w.World, &api.StartInstanceRefresh, &api.StartInstanceRefreshInput{
		AutoScalingGroupName: name, Preferences: &api.RefreshPreferences{MinHealthyPercentage: new(int32(50)), AutoRollback: new(true)},
		DesiredConfiguration: &api.DesiredConfiguration{LaunchTemplate: version("$Latest")},
	})
	for small := 0; small < 2; small, _, _ = w.census() {
		w.Drain()
		w.Advance(5 * time.Second)
	}
	nodetest.Do(w.World, &api.RollbackInstanceRefresh, &api.RollbackInstanceRefreshInput{AutoScalingGroupName: name})
	x := w.refresh()
	if *x.Status != "RollbackInProgress" || x.RollbackDetails == nil || *x.RollbackDetails.InstancesToUpdateOnRollback == 0 {
		t.Errorf("described: %+v", x)
	}
	w.until("RollbackSuccessful", 20*time.Minute, func() {})
	if small, micro, _ := w.census(); small != 0 || micro != 4 {
		t.Errorf("%d new and %d old serve", small, micro)
	}
	if v := *w.described().LaunchTemplate.Version; v != "1" {
		t.Errorf("the group launches version %s", v)
	}
	w.wantStatus("at the end", "RollbackSuccessful", 0)
	nodetest.Do(w.World, &api.StartInstanceRefresh, &api.StartInstanceRefreshInput{AutoScalingGroupName: name})
	_, err := nodetest.Try(w.World, &api.RollbackInstanceRefresh, &api.RollbackInstanceRefreshInput{AutoScalingGroupName: name})
	fails(t, err, "IrreversibleInstanceRefresh", "no desired configuration")
}

func TestAlarmsStopRefreshes(t *testing.T) {
	w := newWorld(t)
	w.group(2, 4, 2, nil)
	alarm := func(state string) {
		nodetest.Do(w.World, &cloudwatch.SetAlarmState, &cloudwatch.SetAlarmStateInput{AlarmName: "errors", StateValue: state, StateReason: "test"})
	}
	spec := &api.AlarmSpecification{Alarms: []string{"errors"}}
	_, err := nodetest.Try(w.World, &api.StartInstanceRefresh, &api.StartInstanceRefreshInput{AutoScalingGroupName: name, Preferences: &api.RefreshPreferences{AlarmSpecification: spec}})
	fails(t, err, "ValidationError", "errors")
	nodetest.Do(w.World, &cloudwatch.PutMetricAlarm, &cloudwatch.PutMetricAlarmInput{
		AlarmName: "errors", Namespace: new("Test"), MetricName: new("errors"), Statistic: new("Sum"), Period: new(int32(86400)), EvaluationPeriods: new(int32(1)),
		Threshold: new(1.0), ComparisonOperator: new("GreaterThanThreshold"), TreatMissingData: new("ignore"),
	})
	for _, x := range []struct {
		rollback bool
		status   string
	}{{false, "Failed"}, {true, "RollbackSuccessful"}} {
		alarm("OK")
		w.start(&api.RefreshPreferences{MinHealthyPercentage: new(int32(50)), AlarmSpecification: spec, AutoRollback: &x.rollback})
		w.Drain()
		w.Advance(10 * time.Second)
		alarm("ALARM")
		w.until(x.status, 20*time.Minute, func() {})
		if v := *w.described().LaunchTemplate.Version; v != "1" {
			t.Errorf("the group launches version %s", v)
		}
	}
}

func TestSkipMatching(t *testing.T) {
	w := newWorld(t)
	w.group(2, 4, 2, nil)
	before := w.described().Instances
	out := nodetest.Do(w.World, &api.StartInstanceRefresh, &api.StartInstanceRefreshInput{AutoScalingGroupName: name, Preferences: &api.RefreshPreferences{SkipMatching: new(true)}})
	w.Drain()
	x := w.refresh()
	if *x.InstanceRefreshId != *out.InstanceRefreshId || *x.Status != "Successful" {
		t.Errorf("%s: %s", *x.Status, cloud.Or(x.StatusReason, ""))
	}
	w.Advance(5 * time.Minute)
	after := w.described().Instances
	if len(after) != 2 || after[0].InstanceId != before[0].InstanceId || after[1].InstanceId != before[1].InstanceId {
		t.Errorf("instances were replaced: %v, %v", before, after)
	}
	w.start(&api.RefreshPreferences{SkipMatching: new(true), MinHealthyPercentage: new(int32(0))})
	w.until("Successful", 10*time.Minute, func() {})
	if small, _, _ := w.census(); small != 2 {
		t.Errorf("%d are new", small)
	}
}

func TestProtectedAndStandby(t *testing.T) {
	for _, x := range []struct {
		protected, standby string
		status             string
		small, micro       int
	}{
		{"Ignore", "Ignore", "Successful", 1, 1},
		{"Refresh", "Terminate", "Successful", 2, 0},
		{"Wait", "Ignore", "Failed", 1, 1},
		{"Ignore", "Wait", "Failed", 1, 1},
	} {
		t.Run(x.protected+"-"+x.standby, func(t *testing.T) {
			w := newWorld(t)
			w.group(0, 4, 3, nil)
			list := w.described().Instances
			nodetest.Do(w.World, &api.SetInstanceProtection, &api.SetInstanceProtectionInput{AutoScalingGroupName: name, InstanceIds: []string{list[0].InstanceId}, ProtectedFromScaleIn: true})
			nodetest.Do(w.World, &api.EnterStandby, &api.EnterStandbyInput{AutoScalingGroupName: name, InstanceIds: []string{list[1].InstanceId}, ShouldDecrementDesiredCapacity: true})
			w.Drain()
			w.start(&api.RefreshPreferences{ScaleInProtectedInstances: &x.protected, StandbyInstances: &x.standby, MinHealthyPercentage: new(int32(0))})
			w.until(x.status, 90*time.Minute, func() {})
			if small, micro, _ := w.census(); small != x.small || micro != x.micro {
				t.Errorf("%d new and %d old serve", small, micro)
			}
		})
	}
}

func TestStartChecks(t *testing.T) {
	w := newWorld(t)
	w.group(0, 4, 0, nil)
	for _, x := range []struct {
		in            api.StartInstanceRefreshInput
		code, message string
	}{
		{api.StartInstanceRefreshInput{Preferences: &api.RefreshPreferences{MinHealthyPercentage: new(int32(10)), MaxHealthyPercentage: new(int32(200))}}, "ValidationError", "difference"},
		{api.StartInstanceRefreshInput{Preferences: &api.RefreshPreferences{CheckpointPercentages: []int32{50, 20}}}, "ValidationError", "ascending"},
		{api.StartInstanceRefreshInput{Preferences: &api.RefreshPreferences{CheckpointDelay: new(int32(20))}}, "ValidationError", "CheckpointDelay"},
		{api.StartInstanceRefreshInput{Preferences: &api.RefreshPreferences{AutoRollback: new(true)}}, "ValidationError", "DesiredConfiguration parameter is empty"},
		{api.StartInstanceRefreshInput{DesiredConfiguration: &api.DesiredConfiguration{}}, "ValidationError", "exactly one"},
		{api.StartInstanceRefreshInput{Strategy: new("Magic")}, "ValidationError", "Rolling"},
	} {
		x.in.AutoScalingGroupName = name
		_, err := nodetest.Try(w.World, &api.StartInstanceRefresh, &x.in)
		fails(t, err, x.code, x.message)
	}
}

func TestAccess(t *testing.T) {
	w := newWorld(t)
	w.group(0, 4, 1, nil)
	allowed := func(op string, try func(c *cloud.Call) error) {
		t.Helper()
		fails(t, try(w.As(w.User("no-"+op, nodetest.Allow("autoscaling:Nothing")))), "AccessDenied", "autoscaling:"+op)
		if err := try(w.As(w.User("yes-"+op, nodetest.Allow("autoscaling:"+op)))); err != nil {
			t.Errorf("%s with leave: %v", op, err)
		}
	}
	start := &api.StartInstanceRefreshInput{AutoScalingGroupName: name, DesiredConfiguration: &api.DesiredConfiguration{LaunchTemplate: version("2")}}
	allowed("StartInstanceRefresh", func(c *cloud.Call) error { _, err := api.StartInstanceRefresh.Call(c, start); return err })
	allowed("DescribeInstanceRefreshes", func(c *cloud.Call) error {
		_, err := api.DescribeInstanceRefreshes.Call(c, &api.DescribeInstanceRefreshesInput{AutoScalingGroupName: name})
		return err
	})
	allowed("RollbackInstanceRefresh", func(c *cloud.Call) error {
		_, err := api.RollbackInstanceRefresh.Call(c, &api.RollbackInstanceRefreshInput{AutoScalingGroupName: name})
		return err
	})
	w.until("RollbackSuccessful", 10*time.Minute, func() {})
	nodetest.Do(w.World, &api.StartInstanceRefresh, start)
	allowed("CancelInstanceRefresh", func(c *cloud.Call) error {
		_, err := api.CancelInstanceRefresh.Call(c, &api.CancelInstanceRefreshInput{AutoScalingGroupName: name})
		return err
	})
}
