package cloudwatch_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/all"
	"pileus/ami"
	scaling "pileus/api/autoscaling"
	api "pileus/api/cloudwatch"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
)

// whole is a cloud with what alarms act on.
func whole(t *testing.T) *nodetest.World {
	return nodetest.With(t, func(p node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(p), func(m cloud.Module) bool {
			return !slices.Contains([]string{"ec2", "cloudwatch", "iam", "sts", "autoscaling"}, m.API.Name)
		})
	})
}

func launch(w *nodetest.World) string {
	w.T.Helper()
	out := nodetest.Do(w, &ec2.RunInstances, &ec2.RunInstancesInput{ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})
	w.Drain()
	return *out.Instances[0].InstanceId
}

func instanceState(w *nodetest.World, id string) string {
	w.T.Helper()
	out := nodetest.Do(w, &ec2.DescribeInstances, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	return *out.Reservations[0].Instances[0].State.Name
}

// idle is an alarm on the processor of an instance that does nothing.
func idle(name, id string, actions ...string) *api.PutMetricAlarmInput {
	return &api.PutMetricAlarmInput{
		AlarmName: name, Namespace: new("AWS/EC2"), MetricName: new("StatusCheckFailed"), Dimensions: []api.Dimension{{Name: "InstanceId", Value: id}}, Statistic: new("Maximum"),
		Period: new(int32(60)), EvaluationPeriods: new(int32(2)), Threshold: new(0.0), ComparisonOperator: new("LessThanOrEqualToThreshold"), AlarmActions: actions,
	}
}

func actions(w *nodetest.World, name string) (list []string) {
	w.T.Helper()
	for _, h := range nodetest.Do(w, &api.DescribeAlarmHistory, &api.DescribeAlarmHistoryInput{AlarmName: &name, HistoryItemType: new("Action")}).AlarmHistoryItems {
		list = append(list, *h.HistorySummary)
	}
	return list
}

func TestActionsOnInstances(t *testing.T) {
	for action, want := range map[string]string{
		"arn:aws:automate:us-east-1:ec2:stop":                                              "stopped",
		"arn:aws:automate:us-east-1:ec2:terminate":                                         "terminated",
		"arn:aws:automate:us-east-1:ec2:reboot":                                            "running",
		"arn:aws:automate:us-east-1:ec2:recover":                                           "running",
		"arn:aws:swf:us-east-1:000000000000:action/actions/AWS_EC2.InstanceId.Stop/1.0":    "stopped",
		"arn:aws:swf:us-east-1:000000000000:action/actions/AWS_EC2.InstanceId.Reboot/1.0":  "running",
		"arn:aws:swf:us-east-1:000000000000:action/actions/AWS_EC2.InstanceId.Recover/1.0": "running",
	} {
		t.Run(action, func(t *testing.T) {
			w := whole(t)
			id := launch(w)
			nodetest.Do(w, &api.PutMetricAlarm, idle("idle", id, action))
			w.Advance(time.Minute)
			if got := instanceState(w, id); got != "running" || len(actions(w, "idle")) != 0 {
				t.Fatalf("after one of two periods: %s, %v", got, actions(w, "idle"))
			}
			w.Advance(5 * time.Minute)
			if got := instanceState(w, id); got != want {
				t.Errorf("the instance is %s, want %s", got, want)
			}
			if got := actions(w, "idle"); len(got) != 1 || got[0] != "Successfully executed action "+action {
				t.Errorf("history %q", got)
			}
		})
	}
}

func TestActionsThatFail(t *testing.T) {
	w := whole(t)
	id := launch(w)
	nodetest.Do(w, &ec2.TerminateInstances, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	sent := []string{"arn:aws:automate:us-east-1:ec2:stop", "arn:aws:sns:us-east-1:000000000000:pager", "arn:aws:lambda:us-east-1:000000000000:function:f",
		"arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:0b2e:autoScalingGroupName/none:policyName/p"}
	nodetest.Do(w, &api.PutMetricAlarm, idle("a", id, sent...))
	nodetest.Do(w, &api.SetAlarmState, &api.SetAlarmStateInput{AlarmName: "a", StateValue: "ALARM", StateReason: "drill"})
	w.Drain()
	got := actions(w, "a")
	for _, action := range sent {
		if !slices.ContainsFunc(got, func(s string) bool {
			return strings.HasPrefix(s, "Failed to execute action "+action) && strings.Contains(s, "Received error: ")
		}) {
			t.Errorf("%s: history %q", action, got)
		}
	}
	if len(got) != len(sent) {
		t.Errorf("history %q", got)
	}
}

// While an alarm stays in its state, Auto Scaling policies are executed each
// minute, and other actions once.
func TestScalingActionsRepeat(t *testing.T) {
	w := whole(t)
	id := launch(w)
	const policy = "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:0b2e:autoScalingGroupName/none:policyName/p"
	nodetest.Do(w, &api.PutMetricAlarm, idle("a", id, policy, "arn:aws:automate:us-east-1:ec2:reboot"))
	w.Advance(2 * time.Minute)
	for minute := range 3 {
		scaled := 0
		for _, s := range actions(w, "a") {
			if strings.Contains(s, policy) {
				scaled++
			}
		}
		if all := len(actions(w, "a")); scaled != minute+1 || all != minute+2 {
			t.Errorf("minute %d: %d times scaled, %d actions", minute, scaled, all)
		}
		w.Advance(time.Minute)
	}
	nodetest.Do(w, &api.DisableAlarmActions, &api.DisableAlarmActionsInput{AlarmNames: []string{"a"}})
	before := len(actions(w, "a"))
	if w.Advance(3 * time.Minute); len(actions(w, "a")) != before {
		t.Error("disabled actions are repeated")
	}
}

// An alarm on the use of processors executes a step policy of a real group at
// the end of its first minute.
func TestAlarmScalesGroup(t *testing.T) {
	w := whole(t)
	subnets := nodetest.Do(w, &ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets
	nodetest.Do(w, &scaling.CreateLaunchConfiguration, &scaling.CreateLaunchConfigurationInput{LaunchConfigurationName: "lc", ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro")})
	nodetest.Do(w, &scaling.CreateAutoScalingGroup, &scaling.CreateAutoScalingGroupInput{AutoScalingGroupName: "g", LaunchConfigurationName: new("lc"), MinSize: 1, MaxSize: 3, DesiredCapacity: new(int32(1)), VPCZoneIdentifier: subnets[0].SubnetId})
	p := nodetest.Do(w, &scaling.PutScalingPolicy, &scaling.PutScalingPolicyInput{AutoScalingGroupName: "g", PolicyName: "out", PolicyType: new("StepScaling"), AdjustmentType: new("ChangeInCapacity"), EstimatedInstanceWarmup: new(int32(1)),
		StepAdjustments: []scaling.StepAdjustment{{MetricIntervalLowerBound: new(0.0), ScalingAdjustment: 1}}})
	w.Advance(time.Minute)
	in := idle("busy", "", *p.PolicyARN)
	in.Dimensions, in.EvaluationPeriods = []api.Dimension{{Name: "AutoScalingGroupName", Value: "g"}}, new(int32(1))
	in.ComparisonOperator = new("GreaterThanOrEqualToThreshold")
	nodetest.Do(w, &api.PutMetricAlarm, in)
	w.Advance(time.Minute)
	g := nodetest.Do(w, &scaling.DescribeAutoScalingGroups, &scaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{"g"}}).AutoScalingGroups[0]
	if g.DesiredCapacity < 2 || !strings.HasPrefix(actions(w, "busy")[0], "Successfully executed action "+*p.PolicyARN) {
		t.Errorf("desired capacity %d, history %q", g.DesiredCapacity, actions(w, "busy"))
	}
}
