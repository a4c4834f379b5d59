package group_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/iam"
	"pileus/api/sqs"
	"pileus/cloud"
	"pileus/node/nodetest"
)

// hook puts a lifecycle hook on a group.
func (w *world) hook(name, transition string, edits ...func(*api.PutLifecycleHookInput)) {
	w.T.Helper()
	in := &api.PutLifecycleHookInput{AutoScalingGroupName: "g", LifecycleHookName: name, LifecycleTransition: new("autoscaling:EC2_INSTANCE_" + transition)}
	for _, edit := range edits {
		edit(in)
	}
	nodetest.Do(w.World, &api.PutLifecycleHook, in)
}

func TestHooksHoldInstancesUntilTheyAreAnswered(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 5))
	w.hook("up", "LAUNCHING", func(in *api.PutLifecycleHookInput) { in.HeartbeatTimeout = new(int32(60)) })
	w.hook("down", "TERMINATING", func(in *api.PutLifecycleHookInput) { in.DefaultResult = new("CONTINUE") })
	hooks := nodetest.Do(w.World, &api.DescribeLifecycleHooks, &api.DescribeLifecycleHooksInput{AutoScalingGroupName: "g"}).LifecycleHooks
	if len(hooks) != 2 || *hooks[0].HeartbeatTimeout != 3600 || *hooks[0].GlobalTimeout != 172800 || *hooks[1].GlobalTimeout != 6000 || *hooks[1].DefaultResult != "ABANDON" {
		t.Fatalf("hooks: %+v", hooks)
	}
	complete := func(hook, id, result string) {
		t.Helper()
		nodetest.Do(w.World, &api.CompleteLifecycleAction, &api.CompleteLifecycleActionInput{AutoScalingGroupName: "g", LifecycleHookName: hook, InstanceId: &id, LifecycleActionResult: result})
		w.settle()
	}

	w.set("g", 1)
	w.settle()
	id := w.in("g", "Pending:Wait")[0]
	if a := w.activities("g")[0]; a.StatusCode != "MidLifecycleAction" {
		t.Errorf("activity is %s", a.StatusCode)
	}
	complete("up", id, "CONTINUE")
	w.serving("g", 1)

	w.set("g", 0)
	w.settle()
	if got := w.in("g", "Terminating:Wait"); len(got) != 1 || len(w.machines()) != 1 {
		t.Fatalf("%s, %d machines", w.tell("g"), len(w.machines()))
	}
	nodetest.Do(w.World, &api.RecordLifecycleActionHeartbeat, &api.RecordLifecycleActionHeartbeatInput{AutoScalingGroupName: "g", LifecycleHookName: "down", InstanceId: &id})
	complete("down", id, "ABANDON")
	if len(w.machines()) != 0 || len(w.get("g").Instances) != 0 {
		t.Errorf("left: %s", w.tell("g"))
	}
	refused(w, "ValidationError", "No active Lifecycle Action found with instance ID "+id, &api.CompleteLifecycleAction,
		&api.CompleteLifecycleActionInput{AutoScalingGroupName: "g", LifecycleHookName: "up", InstanceId: &id, LifecycleActionResult: "CONTINUE"})

	// A launch that is abandoned is tried again; so is one that nobody answers.
	w.set("g", 1)
	w.settle()
	first := w.in("g", "Pending:Wait")[0]
	complete("up", first, "ABANDON")
	second := w.in("g", "Pending:Wait")[0]
	w.Advance(20 * time.Second)
	nodetest.Do(w.World, &api.RecordLifecycleActionHeartbeat, &api.RecordLifecycleActionHeartbeatInput{AutoScalingGroupName: "g", LifecycleHookName: "up", InstanceId: &second})
	w.Advance(50 * time.Second)
	if got := w.in("g", "Pending:Wait"); !slices.Contains(got, second) {
		t.Errorf("the heartbeat did not hold %s: %s", second, w.tell("g"))
	}
	w.Advance(30 * time.Second)
	if got := w.in("g", "Pending:Wait"); first == second || slices.Contains(got, second) {
		t.Errorf("%s is waited for still: %s", second, w.tell("g"))
	}
	failed := slices.ContainsFunc(w.activities("g"), func(a api.Activity) bool {
		return a.StatusCode == "Cancelled" && strings.Contains(*a.Description, ".  Status Reason: Instance failed") && strings.Contains(cloud.Or(a.StatusMessage, ""), "Lifecycle Action Completed with ABANDON Result")
	})
	if !failed {
		t.Errorf("no activity tells of the abandoned launch: %s", w.tell("g"))
	}
	nodetest.Do(w.World, &api.DeleteLifecycleHook, &api.DeleteLifecycleHookInput{AutoScalingGroupName: "g", LifecycleHookName: "up"})
	w.Advance(2 * time.Minute)
	w.serving("g", 1)
}

// TestHooksTellTheirQueue delivers to SQS as the hook's role.
func TestHooksTellTheirQueue(t *testing.T) {
	w := newWorld(t)
	url := *nodetest.Do(w.World, &sqs.CreateQueue, &sqs.CreateQueueInput{QueueName: "hooks"}).QueueUrl
	role := nodetest.Do(w.World, &iam.CreateRole, &iam.CreateRoleInput{RoleName: "teller", AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"autoscaling.amazonaws.com"},"Action":"sts:AssumeRole"}]}`}).Role
	nodetest.Do(w.World, &iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: "teller", PolicyName: "p", PolicyDocument: nodetest.Allow("sqs:SendMessage", "sqs:GetQueueUrl")})
	w.create(group("g", 0, 5))
	w.hook("up", "LAUNCHING", func(in *api.PutLifecycleHookInput) {
		in.NotificationTargetARN, in.RoleARN, in.NotificationMetadata = new("arn:aws:sqs:us-east-1:000000000000:hooks"), &role.Arn, new("note")
	})
	read := func() map[string]string {
		t.Helper()
		w.Drain()
		out := nodetest.Do(w.World, &sqs.ReceiveMessage, &sqs.ReceiveMessageInput{QueueUrl: url})
		if len(out.Messages) != 1 {
			t.Fatalf("%d messages", len(out.Messages))
		}
		var m map[string]string
		if err := json.Unmarshal([]byte(*out.Messages[0].Body), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	if m := read(); m["Event"] != "autoscaling:TEST_NOTIFICATION" || m["AutoScalingGroupName"] != "g" || m["Service"] != "AWS Auto Scaling" {
		t.Errorf("test message: %v", m)
	}
	w.set("g", 1)
	w.settle()
	m := read()
	id := w.in("g", "Pending:Wait")[0]
	want := map[string]string{
		"Origin": "EC2", "Destination": "AutoScalingGroup", "LifecycleHookName": "up", "AccountId": nodetest.Account, "EC2InstanceId": id,
		"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "NotificationMetadata": "note", "AutoScalingGroupName": "g",
	}
	for k, v := range want {
		if m[k] != v {
			t.Errorf("%s is %q, want %q", k, m[k], v)
		}
	}
	nodetest.Do(w.World, &api.CompleteLifecycleAction, &api.CompleteLifecycleActionInput{AutoScalingGroupName: "g", LifecycleHookName: "up", LifecycleActionToken: new(m["LifecycleActionToken"]), LifecycleActionResult: "CONTINUE"})
	w.settle()
	w.serving("g", 1)
}

func TestStandbyDetachAndAttach(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 1, 4, desired(3), func(in *api.CreateAutoScalingGroupInput) { in.AvailabilityZones = in.AvailabilityZones[:1] }))
	ids := w.serving("g", 3)
	out := nodetest.Do(w.World, &api.EnterStandby, &api.EnterStandbyInput{AutoScalingGroupName: "g", InstanceIds: ids[:1], ShouldDecrementDesiredCapacity: true})
	if a := out.Activities[0]; *a.Description != "Moving EC2 instance to Standby: "+ids[0] || !strings.HasSuffix(a.Cause, "was moved to standby in response to a user request, shrinking the capacity from 3 to 2.") || *a.Progress != 50 {
		t.Errorf("%s at %d: %s", *a.Description, *a.Progress, a.Cause)
	}
	w.Advance(250 * time.Millisecond)
	w.settle()
	if a := w.activities("g")[0]; a.EndTime == nil || a.EndTime.Nanosecond() != 0 {
		t.Errorf("ended: %v", a.EndTime)
	}
	w.serving("g", 2)
	if got := w.in("g", "Standby"); !slices.Equal(got, ids[:1]) {
		t.Fatalf("in standby: %v", got)
	}
	nodetest.Do(w.World, &api.ExitStandby, &api.ExitStandbyInput{AutoScalingGroupName: "g", InstanceIds: ids[:1]})
	w.settle()
	w.serving("g", 3)
	if n := w.get("g").DesiredCapacity; n != 3 {
		t.Errorf("desired capacity is %d", n)
	}

	nodetest.Do(w.World, &api.DetachInstances, &api.DetachInstancesInput{AutoScalingGroupName: "g", InstanceIds: ids[1:2]})
	w.settle()
	if now := w.serving("g", 3); slices.Contains(now, ids[1]) || len(w.machines()) != 4 {
		t.Errorf("%v, %d machines", now, len(w.machines()))
	}
	nodetest.Do(w.World, &api.AttachInstances, &api.AttachInstancesInput{AutoScalingGroupName: "g", InstanceIds: ids[1:2]})
	w.settle()
	if now := w.serving("g", 4); !slices.Contains(now, ids[1]) || w.get("g").DesiredCapacity != 4 {
		t.Errorf("%v", now)
	}
	refused(w, "ValidationError", "is already part of AutoScalingGroup:g", &api.AttachInstances, &api.AttachInstancesInput{AutoScalingGroupName: w.spare(), InstanceIds: ids[1:2]})
	refused(w, "ValidationError", "is not part of Auto Scaling group g", &api.DetachInstances, &api.DetachInstancesInput{AutoScalingGroupName: "g", InstanceIds: []string{"i-0123"}})
}

// spare is another group, without instances.
func (w *world) spare() string {
	w.T.Helper()
	nodetest.Do(w.World, &api.CreateAutoScalingGroup, group("spare", 0, 3))
	return "spare"
}

func TestTerminatingOneInstance(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 1, 4, desired(2)))
	ids := w.serving("g", 2)
	out := nodetest.Do(w.World, &api.TerminateInstanceInAutoScalingGroup, &api.TerminateInstanceInAutoScalingGroupInput{InstanceId: &ids[0]})
	if *out.Activity.Description != "Terminating EC2 instance: "+ids[0] || !strings.HasSuffix(out.Activity.Cause, "was taken out of service in response to a user request.") {
		t.Errorf("%+v", out.Activity)
	}
	w.settle()
	now := w.serving("g", 2)
	nodetest.Do(w.World, &api.TerminateInstanceInAutoScalingGroup, &api.TerminateInstanceInAutoScalingGroupInput{InstanceId: &now[0], ShouldDecrementDesiredCapacity: true})
	w.settle()
	now = w.serving("g", 1)
	refused(w, "ValidationError", "will violate group's min size constraint", &api.TerminateInstanceInAutoScalingGroup,
		&api.TerminateInstanceInAutoScalingGroupInput{InstanceId: &now[0], ShouldDecrementDesiredCapacity: true})
	refused(w, "ValidationError", "No managed instance found for instance ID: i-123", &api.TerminateInstanceInAutoScalingGroup, &api.TerminateInstanceInAutoScalingGroupInput{InstanceId: new("i-123")})
}
