package fis_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"pileus/api/ec2"
	api "pileus/api/fis"
	"pileus/api/iam"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/service/fis"
	"pileus/store"
	"pileus/zone"
)

func TestStopAndStartInstances(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	a, b := w.instance("us-east-1a", "app", "web"), w.instance("us-east-1b", "app", "web")
	other := w.instance("us-east-1a")
	r := w.recipe().action("stop", "aws:ec2:stop-instances", "startInstancesAfterDuration=PT2M", "Instances>web")
	r.Targets["web"] = api.CreateExperimentTemplateTargetInput{ResourceType: "aws:ec2:instance", ResourceTags: map[string]string{"app": "web"}, SelectionMode: "ALL"}
	id := w.start(r)
	w.is(id, "running stop:running")
	for i, want := range map[string]string{a: "stopped", b: "stopped", other: "running"} {
		if got := w.state(i); got != want {
			t.Errorf("while it runs, %s is %s, want %s", i, got, want)
		}
	}
	out := nodetest.Do(w.World, &api.ListExperimentResolvedTargets, &api.ListExperimentResolvedTargetsInput{ExperimentId: id})
	if len(out.ResolvedTargets) != 2 || !strings.HasPrefix(out.ResolvedTargets[0].TargetInformation["arn"], "arn:aws:ec2:us-east-1:000000000000:instance/i-") {
		t.Errorf("resolved targets: %+v", out.ResolvedTargets)
	}
	w.Advance(2 * minute)
	w.is(id, "completed stop:completed")
	for _, i := range []string{a, b} {
		if got := w.state(i); got != "running" {
			t.Errorf("after it, %s is %s", i, got)
		}
	}
	e := w.experiment(id)
	if *e.State.Reason != "Experiment completed." || *e.Actions["stop"].State.Reason != "Action was completed." || e.EndTime.Sub(*e.StartTime) != 2*minute {
		t.Errorf("%s, %s, %v", *e.State.Reason, *e.Actions["stop"].State.Reason, e.EndTime)
	}
}

func TestOrder(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	i := w.instance("us-east-1a")
	id := w.start(w.recipe().aim("one", "aws:ec2:instance", arn("ec2", "instance/"+i)).
		action("first", "aws:fis:wait", "duration=PT1M").
		action("second", "aws:fis:wait", "duration=PT2M", "after:first").
		action("third", "aws:ec2:terminate-instances", "Instances>one", "after:first", "after:second"))
	w.is(id, "running first:running second:pending third:pending")
	w.Advance(minute)
	w.is(id, "running first:completed second:running third:pending")
	w.Advance(2*minute - time.Second)
	if got := w.state(i); got != "running" {
		t.Errorf("too early: %s", got)
	}
	w.Advance(10 * time.Second)
	w.is(id, "completed first:completed second:completed third:completed")
	if got := w.state(i); got != "terminated" {
		t.Errorf("the instance is %s", got)
	}
}

// TestStop: whatever ends an experiment, what it did is undone.
func TestStop(t *testing.T) {
	const end = "stop"
	for _, test := range []struct {
		name   string
		by     func(w *world, id string)
		status string
		reason string
	}{
		{"user", func(w *world, id string) {
			out := nodetest.Do(w.World, &api.StopExperiment, &api.StopExperimentInput{Id: id})
			if *out.Experiment.State.Status != "stopping" {
				t.Errorf("the answer says %s", *out.Experiment.State.Status)
			}
		}, "stopped", "Experiment stopped by user."},
		{"alarm", func(w *world, id string) { w.setAlarm("errors", "ALARM"); w.Advance(6 * time.Second) }, "stopped", "Experiment halted by stop condition."},
		{"lever", func(w *world, id string) {
			nodetest.Do(w.World, &api.UpdateSafetyLeverState, &api.UpdateSafetyLeverStateRequest{Id: "default", State: api.UpdateSafetyLeverStateInput{Status: "engaged", Reason: "incident"}})
		}, "stopped", "Experiment stopped: the safety lever is engaged."},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.roleFor("*")
			i := w.instance("us-east-1a")
			r := w.recipe().aim("one", "aws:ec2:instance", arn("ec2", "instance/"+i)).
				action(end, "aws:ec2:stop-instances", "startInstancesAfterDuration=PT1H", "Instances>one").
				action("zone", "pileus:zone:cut", "duration=PT1H", "availabilityZoneIdentifier=use1-az2").
				action("later", "aws:fis:wait", "duration=PT1M", "after:stop")
			r.StopConditions = []api.CreateExperimentTemplateStopConditionInput{{Source: "aws:cloudwatch:alarm", Value: new(w.alarm("errors", "OK"))}}
			id := w.start(r)
			w.is(id, "running later:pending stop:running zone:running")
			if cut, _ := w.plane.ZoneFaults(); len(cut) != 1 || cut[0] != "us-east-1b" {
				t.Errorf("dark: %v", cut)
			}
			test.by(w, id)
			w.Drain()
			w.is(id, test.status+" later:cancelled stop:stopped zone:stopped")
			if e := w.experiment(id); *e.State.Reason != test.reason {
				t.Errorf("reason: %s", *e.State.Reason)
			}
			if got := w.state(i); got != "running" {
				t.Errorf("the instance is %s", got)
			}
			if cut, _ := w.plane.ZoneFaults(); len(cut) != 0 {
				t.Errorf("still dark: %v", cut)
			}
			if _, err := nodetest.Try(w.World, &api.StopExperiment, &api.StopExperimentInput{Id: id}); code(err) != "ValidationException" {
				t.Errorf("stopping it again: %v", err)
			}
		})
	}
}

// TestFailure: an action that its role may not do fails the experiment, and the
// rest is undone.
func TestFailure(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:Describe*", "pileus:*")
	i := w.instance("us-east-1a")
	id := w.start(w.recipe().aim("one", "aws:ec2:instance", arn("ec2", "instance/"+i)).
		action("a", "pileus:zone:cut", "duration=PT1H", "availabilityZoneIdentifier=us-east-1b").
		action("b", "aws:ec2:stop-instances", "Instances>one").
		action("c", "aws:fis:wait", "duration=PT1M", "after:b"))
	w.is(id, "failed a:stopped b:failed c:cancelled")
	e := w.experiment(id)
	if !strings.Contains(*e.Actions["b"].State.Reason, "UnauthorizedOperation") || *e.State.Error.Code != "UnauthorizedOperation" || *e.State.Error.Location != "b" {
		t.Errorf("%s; %+v", *e.Actions["b"].State.Reason, e.State.Error)
	}
	if cut, _ := w.plane.ZoneFaults(); len(cut) != 0 {
		t.Errorf("still dark: %v", cut)
	}
	if got := w.state(i); got != "running" {
		t.Errorf("the instance is %s", got)
	}
}

// TestUndoneWithoutTheRole: a role that may not undo what it did does not keep
// it from being undone.
func TestUndoneWithoutTheRole(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	i := w.instance("us-east-1a")
	id := w.start(w.recipe().aim("one", "aws:ec2:instance", arn("ec2", "instance/"+i)).
		action("stop", "aws:ec2:stop-instances", "startInstancesAfterDuration=PT5M", "Instances>one"))
	w.is(id, "running stop:running")
	nodetest.Do(w.World, &iam.DeleteRolePolicy, &iam.DeleteRolePolicyInput{RoleName: "chaos", PolicyName: "p"})
	nodetest.Do(w.World, &iam.DeleteRole, &iam.DeleteRoleInput{RoleName: "chaos"})
	w.Advance(5 * minute)
	if got := w.state(i); got != "running" {
		t.Errorf("the instance is %s", got)
	}
}

func TestTargets(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	for n := range 5 {
		w.instance([]string{"us-east-1a", "us-east-1b"}[n%2], "n", string(rune('0'+n)), "all", "yes")
	}
	for _, test := range []struct {
		mode, path string
		values     []string
		want       int
	}{
		{"ALL", "", nil, 5},
		{"COUNT(2)", "", nil, 2},
		{"COUNT(9)", "", nil, 5},
		{"PERCENT(50)", "", nil, 2},
		{"PERCENT(1)", "", nil, 1},
		{"ALL", "Placement.AvailabilityZone", []string{"us-east-1b"}, 2},
		{"ALL", "State.Name", []string{"running", "stopped"}, 5},
		{"ALL", "Tags.Value", []string{"3"}, 1},
		{"ALL", "State.Name", []string{"stopped"}, 0},
		{"ALL", "No.Such", []string{"x"}, 0},
	} {
		r := w.recipe().action("a", "aws:ec2:reboot-instances", "Instances>t")
		x := api.CreateExperimentTemplateTargetInput{ResourceType: "aws:ec2:instance", ResourceTags: map[string]string{"all": "yes"}, SelectionMode: test.mode}
		if test.path != "" {
			x.Filters = []api.ExperimentTemplateTargetInputFilter{{Path: test.path, Values: test.values}}
		}
		r.Targets["t"] = x
		id := w.start(r)
		if n := len(nodetest.Do(w.World, &api.ListExperimentResolvedTargets, &api.ListExperimentResolvedTargetsInput{ExperimentId: id}).ResolvedTargets); n != test.want {
			t.Errorf("%s %s %v: %d targets, want %d", test.mode, test.path, test.values, n, test.want)
		}
		if test.want == 0 {
			w.is(id, "failed a:cancelled")
			r.ExperimentOptions = &api.CreateExperimentTemplateExperimentOptionsInput{EmptyTargetResolutionMode: new("skip")}
			w.is(w.start(r), "completed a:skipped")
		} else {
			w.is(id, "completed a:completed")
		}
	}
}

func TestSkipAll(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:Describe*")
	i := w.instance("us-east-1a")
	template := w.create(w.recipe().aim("one", "aws:ec2:instance", arn("ec2", "instance/"+i)).action("stop", "aws:ec2:stop-instances", "Instances>one"))
	out := nodetest.Do(w.World, &api.StartExperiment, &api.StartExperimentInput{
		ClientToken: "x", ExperimentTemplateId: template, ExperimentOptions: &api.StartExperimentExperimentOptionsInput{ActionsMode: new("skip-all")},
	})
	w.Drain()
	w.is(*out.Experiment.Id, "completed stop:skipped")
	if n := len(nodetest.Do(w.World, &api.ListExperimentResolvedTargets, &api.ListExperimentResolvedTargetsInput{ExperimentId: *out.Experiment.Id}).ResolvedTargets); n != 1 {
		t.Errorf("%d targets", n)
	}
	if got := w.state(i); got != "running" {
		t.Errorf("the instance is %s", got)
	}
}

// TestRestartInTheMiddle: an experiment goes on after a restart, and undoes
// what it did.
func TestRestartInTheMiddle(t *testing.T) {
	dir := t.TempDir()
	w := newWorldOn(t, node.Options{DataDir: dir})
	w.roleFor("ec2:*", "pileus:*")
	subnet := *nodetest.Do(w.World, &ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets[0].SubnetId
	before := w.acl(subnet)
	id := w.start(w.recipe().aim("net", "aws:ec2:subnet", arn("ec2", "subnet/"+subnet)).
		action("cut", "aws:network:disrupt-connectivity", "duration=PT10M", "scope=all", "Subnets>net").
		action("zone", "pileus:zone:cut", "duration=PT10M", "availabilityZoneIdentifier=us-east-1b"))
	w.is(id, "running cut:running zone:running")
	if w.acl(subnet) == before {
		t.Fatal("the subnet has its own network ACL still")
	}
	if err := w.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := newWorldOn(t, node.Options{DataDir: dir})
	if cut, _ := again.plane.ZoneFaults(); len(cut) != 1 {
		t.Errorf("after a restart, dark: %v", cut)
	}
	again.is(id, "running cut:running zone:running")
	again.Advance(10 * minute)
	again.is(id, "completed cut:completed zone:completed")
	if got := again.acl(subnet); got != before {
		t.Errorf("the subnet has %s, not %s", got, before)
	}
	if cut, _ := again.plane.ZoneFaults(); len(cut) != 0 {
		t.Errorf("still dark: %v", cut)
	}
}

// TestDoneTwice: an action that a crash caught in the middle is done again, and
// what it left is found.
func TestDoneTwice(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*", "pileus:*")
	subnet := *nodetest.Do(w.World, &ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets[0].SubnetId
	before := w.acl(subnet)
	id := w.start(w.recipe().aim("net", "aws:ec2:subnet", arn("ec2", "subnet/"+subnet)).
		action("cut", "aws:network:disrupt-connectivity", "duration=PT10M", "scope=all", "Subnets>net").
		action("zone", "pileus:zone:cut", "duration=PT10M", "availabilityZoneIdentifier=us-east-1b"))
	during := w.acl(subnet)
	w.Update(func(tx store.Tx) {
		fis.Rewind(tx, id)
		zone.Heal(tx, "us-east-1b")
	})
	w.Drain()
	w.is(id, "running cut:running zone:running")
	if got := w.acl(subnet); got != during {
		t.Errorf("the subnet has %s, not %s", got, during)
	}
	if cut, _ := w.plane.ZoneFaults(); len(cut) != 1 {
		t.Errorf("dark: %v", cut)
	}
	w.Advance(10 * minute)
	if got := w.acl(subnet); got != before {
		t.Errorf("the subnet has %s, not %s", got, before)
	}
	out := nodetest.Do(w.World, &ec2.DescribeNetworkAcls, &ec2.DescribeNetworkAclsInput{Filters: []ec2.Filter{{Name: new("tag:managedByFIS"), Values: []string{"true"}}}})
	if len(out.NetworkAcls) != 0 {
		t.Errorf("left behind: %d network ACLs", len(out.NetworkAcls))
	}
}

// acl is the network ACL of a subnet.
func (w *world) acl(subnet string) string {
	w.T.Helper()
	out := nodetest.Do(w.World, &ec2.DescribeNetworkAcls, &ec2.DescribeNetworkAclsInput{Filters: []ec2.Filter{{Name: new("association.subnet-id"), Values: []string{subnet}}}})
	return *out.NetworkAcls[0].NetworkAclId
}
