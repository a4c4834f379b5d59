package fis_test

import (
	"slices"
	"strings"
	"testing"

	"pileus/ami"
	"pileus/api/autoscaling"
	"pileus/api/ec2"
	api "pileus/api/fis"
	"pileus/api/iam"
	"pileus/api/sts"
	"pileus/cloud"
	"pileus/fault"
	"pileus/node/nodetest"
	"pileus/store"
)

// entries are those of a network ACL: "in 1 deny 10.0.0.0/24".
func (w *world) entries(acl string) (list []string) {
	w.T.Helper()
	out := nodetest.Do(w.World, &ec2.DescribeNetworkAcls, &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{acl}})
	for _, e := range out.NetworkAcls[0].Entries {
		way := map[bool]string{true: "out ", false: "in "}[*e.Egress]
		list = append(list, way+*e.RuleAction+" "+cloud.Or(e.CidrBlock, cloud.Or(e.Ipv6CidrBlock, "")))
	}
	slices.Sort(list)
	return list
}

func TestDisruptConnectivity(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	vpc := *nodetest.Do(w.World, &ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	subnet := func(cidr, zone string) string {
		return *nodetest.Do(w.World, &ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: &cidr, AvailabilityZone: &zone}).Subnet.SubnetId
	}
	a, b := subnet("10.0.0.0/24", "us-east-1a"), subnet("10.0.1.0/24", "us-east-1b")
	own := w.acl(a)
	list := *nodetest.Do(w.World, &ec2.CreateManagedPrefixList, &ec2.CreateManagedPrefixListInput{
		PrefixListName: "partners", MaxEntries: 2, AddressFamily: "IPv4", Entries: []ec2.AddPrefixListEntry{{Cidr: "203.0.113.0/24"}},
	}).PrefixList.PrefixListId
	w.Drain()
	all := []string{"in allow 0.0.0.0/0", "in deny 0.0.0.0/0", "out allow 0.0.0.0/0", "out deny 0.0.0.0/0"}
	for _, test := range []struct {
		scope, list string
		want        []string
	}{
		{"all", "", []string{"in deny 0.0.0.0/0", "out deny 0.0.0.0/0"}},
		{"vpc", "", []string{"in allow 10.0.0.0/16", "in deny 0.0.0.0/0", "out allow 10.0.0.0/16", "out deny 0.0.0.0/0"}},
		{"availability-zone", "", append([]string{"in deny 10.0.1.0/24", "out deny 10.0.1.0/24"}, all...)},
		{"prefix-list", list, append([]string{"in deny 203.0.113.0/24", "out deny 203.0.113.0/24"}, all...)},
	} {
		options := []string{"duration=PT5M", "scope=" + test.scope, "Subnets>net"}
		if test.list != "" {
			options = append(options, "prefixListIdentifier="+test.list)
		}
		id := w.start(w.recipe().aim("net", "aws:ec2:subnet", arn("ec2", "subnet/"+a)).action("cut", "aws:network:disrupt-connectivity", options...))
		w.is(id, "running cut:running")
		if w.acl(a) == own || w.acl(b) != own {
			t.Fatalf("%s: the network ACLs are %s and %s, the VPC's own is %s", test.scope, w.acl(a), w.acl(b), own)
		}
		slices.Sort(test.want)
		if got := w.entries(w.acl(a)); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v\nwant %v", test.scope, got, test.want)
		}
		w.Advance(5 * minute)
		w.is(id, "completed cut:completed")
		if w.acl(a) != own {
			t.Errorf("%s: not healed", test.scope)
		}
	}
}

// session is a call as a role.
func (w *world) session(role string) *cloud.Call {
	w.T.Helper()
	admin := w.User("admin"+role, nodetest.Allow("*"))
	out, err := sts.AssumeRole.Call(w.As(admin), &sts.AssumeRoleInput{RoleArn: "arn:aws:iam::" + nodetest.Account + ":role/" + role, RoleSessionName: "session"})
	if err != nil {
		w.T.Fatal(err)
	}
	c := w.Call()
	_, who, err := c.Cloud.Credential(c, out.Credentials.AccessKeyId, out.Credentials.SessionToken)
	if err != nil {
		w.T.Fatal(err)
	}
	return c.As(who)
}

// workload makes a role that an application acts as.
func (w *world) workload(name string) string {
	w.T.Helper()
	nodetest.Do(w.World, &iam.CreateRole, &iam.CreateRoleInput{
		RoleName: name, AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + nodetest.Account + `"},"Action":"sts:AssumeRole"}]}`,
	})
	nodetest.Do(w.World, &iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: name, PolicyName: "p", PolicyDocument: nodetest.Allow("*")})
	return "arn:aws:iam::" + nodetest.Account + ":role/" + name
}

func TestFaultsOfCalls(t *testing.T) {
	w := newWorld(t)
	w.roleFor("fis:Inject*", "iam:GetRole")
	app := w.workload("app")
	w.workload("other")
	describe := func(role string) string {
		_, err := ec2.DescribeVpcs.Call(w.session(role), &ec2.DescribeVpcsInput{})
		return code(err)
	}
	for action, want := range map[string]string{"internal-error": "InternalError", "throttle-error": "RequestLimitExceeded", "unavailable-error": "Unavailable"} {
		id := w.start(w.recipe().aim("who", "aws:iam:role", app).
			action("calls", "aws:fis:inject-api-"+action, "duration=PT5M", "service=ec2", "percentage=100", "operations=DescribeVpcs,DescribeSubnets", "Roles>who"))
		w.is(id, "running calls:running")
		if got := describe("app"); got != want {
			t.Errorf("%s: the role gets %q, want %s", action, got, want)
		}
		if got := describe("other"); got != "" {
			t.Errorf("%s: another role gets %s", action, got)
		}
		if _, err := ec2.DescribeInstances.Call(w.session("app"), &ec2.DescribeInstancesInput{}); err != nil {
			t.Errorf("%s: another operation: %v", action, err)
		}
		w.Advance(5 * minute)
		w.is(id, "completed calls:completed")
		if got := describe("app"); got != "" {
			t.Errorf("after %s the role gets %s", action, got)
		}
	}
}

func TestNoPermissionToInject(t *testing.T) {
	w := newWorld(t)
	w.roleFor("iam:GetRole")
	app := w.workload("app")
	id := w.start(w.recipe().aim("who", "aws:iam:role", app).
		action("calls", "aws:fis:inject-api-internal-error", "duration=PT5M", "service=ec2", "percentage=100", "operations=DescribeVpcs", "Roles>who"))
	w.is(id, "failed calls:failed")
	if e := w.experiment(id); !strings.Contains(*e.Actions["calls"].State.Reason, "fis:InjectApiInternalError") {
		t.Errorf("reason: %s", *e.Actions["calls"].State.Reason)
	}
}

func TestInsufficientCapacity(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:InjectApiError", "iam:GetRole")
	app := w.workload("app")
	i := w.instance("us-east-1a")
	image := func() string {
		out := nodetest.Do(w.World, &ec2.DescribeInstances, &ec2.DescribeInstancesInput{InstanceIds: []string{i}})
		return *out.Reservations[0].Instances[0].ImageId
	}()
	launch := func(role, zone string) string {
		_, err := ec2.RunInstances.Call(w.session(role), &ec2.RunInstancesInput{
			ImageId: &image, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1, Placement: &ec2.Placement{AvailabilityZone: &zone},
		})
		return code(err)
	}
	w.workload("other")
	id := w.start(w.recipe().aim("who", "aws:iam:role", app).
		action("full", "aws:ec2:api-insufficient-instance-capacity-error", "duration=PT5M", "percentage=100", "availabilityZoneIdentifiers=us-east-1a,use1-az2", "Roles>who"))
	w.is(id, "running full:running")
	for _, test := range []struct{ role, zone, want string }{
		{"app", "us-east-1a", "InsufficientInstanceCapacity"}, {"app", "us-east-1b", "InsufficientInstanceCapacity"},
		{"app", "us-east-1c", ""}, {"other", "us-east-1a", ""},
	} {
		if got := launch(test.role, test.zone); got != test.want {
			t.Errorf("%s in %s: %q, want %q", test.role, test.zone, got, test.want)
		}
	}
	nodetest.Do(w.World, &api.StopExperiment, &api.StopExperimentInput{Id: id})
	w.Drain()
	if got := launch("app", "us-east-1a"); got != "" {
		t.Errorf("after it: %s", got)
	}
}

func TestPauseVolumeIO(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:PauseVolumeIO", "ec2:DescribeVolumes")
	volume := *nodetest.Do(w.World, &ec2.CreateVolume, &ec2.CreateVolumeInput{AvailabilityZone: new("us-east-1a"), Size: new(int32(1))}).VolumeId
	w.Drain()
	paused := func() (yes bool) {
		w.View(func(r store.Reader) { yes = fault.IsPaused(r, nodetest.Account, nodetest.Region, volume) })
		return yes
	}
	r := w.recipe().action("pause", "aws:ebs:pause-volume-io", "duration=PT5M", "Volumes>v")
	r.Targets["v"] = api.CreateExperimentTemplateTargetInput{ResourceType: "aws:ec2:ebs-volume", Parameters: map[string]string{"availabilityZoneIdentifier": "us-east-1a"}, SelectionMode: "ALL"}
	id := w.start(r)
	w.is(id, "running pause:running")
	if !paused() {
		t.Error("it is not paused")
	}
	w.Advance(5 * minute)
	w.is(id, "completed pause:completed")
	if paused() {
		t.Error("it is paused still")
	}
}

func TestSpotInterruption(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:SendSpotInstanceInterruptions", "ec2:DescribeInstances")
	onDemand := w.instance("us-east-1a")
	out := nodetest.Do(w.World, &ec2.DescribeInstances, &ec2.DescribeInstancesInput{InstanceIds: []string{onDemand}})
	image := *out.Reservations[0].Instances[0].ImageId
	spot := *nodetest.Do(w.World, &ec2.RunInstances, &ec2.RunInstancesInput{
		ImageId: &image, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1, InstanceMarketOptions: &ec2.InstanceMarketOptionsRequest{MarketType: new("spot")},
	}).Instances[0].InstanceId
	w.Drain()
	recipe := func(instance string) *recipe {
		return w.recipe().aim("s", "aws:ec2:spot-instance", arn("ec2", "instance/"+instance)).
			action("take", "aws:ec2:send-spot-instance-interruptions", "durationBeforeInterruption=PT5M", "SpotInstances>s")
	}
	w.is(w.start(recipe(onDemand)), "failed take:cancelled")
	id := w.start(recipe(spot))
	w.Advance(4 * minute)
	w.is(id, "running take:running")
	if got := w.state(spot); got != "running" {
		t.Errorf("after the notice it is %s", got)
	}
	w.Advance(minute + 10e9)
	w.is(id, "completed take:completed")
	if got := w.state(spot); got != "terminated" && got != "shutting-down" {
		t.Errorf("at the end it is %s", got)
	}
	if got := w.state(onDemand); got != "running" {
		t.Errorf("the other is %s", got)
	}
}

func TestAssertAlarmState(t *testing.T) {
	w := newWorld(t)
	w.roleFor("cloudwatch:DescribeAlarms")
	a, b := w.alarm("a", "OK"), w.alarm("b", "ALARM")
	for states, want := range map[string]string{"OK, ALARM": "completed check:completed", "OK": "failed check:failed"} {
		w.is(w.start(w.recipe().action("check", "aws:cloudwatch:assert-alarm-state", "alarmArns="+a+","+b, "alarmStates="+strings.ReplaceAll(states, " ", ""))), want)
	}
}

// TestPowerInterruption composes actions as AWS's scenario does: a zone loses
// its power.
// https://docs.aws.amazon.com/fis/latest/userguide/az-availability-scenario.html
func TestPowerInterruption(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*", "iam:GetRole")
	app := w.workload("app")
	a, b := w.instance("us-east-1a", "az", "lost"), w.instance("us-east-1b", "az", "kept")
	r := w.recipe().aim("roles", "aws:iam:role", app).
		action("stop", "aws:ec2:stop-instances", "startInstancesAfterDuration=PT30M", "completeIfInstancesTerminated=true", "Instances>instances").
		action("network", "aws:network:disrupt-connectivity", "duration=PT2M", "scope=all", "Subnets>subnets").
		action("capacity", "aws:ec2:api-insufficient-instance-capacity-error", "duration=PT30M", "percentage=100", "availabilityZoneIdentifiers=us-east-1a", "Roles>roles").
		action("volumes", "aws:ebs:pause-volume-io", "duration=PT30M", "Volumes>volumes", "after:stop")
	inZone := map[string]string{"availabilityZoneIdentifier": "us-east-1a"}
	r.Targets["instances"] = api.CreateExperimentTemplateTargetInput{
		ResourceType: "aws:ec2:instance", ResourceTags: map[string]string{"az": "lost"}, SelectionMode: "ALL",
		Filters: []api.ExperimentTemplateTargetInputFilter{{Path: "Placement.AvailabilityZone", Values: []string{"us-east-1a"}}},
	}
	r.Targets["subnets"] = api.CreateExperimentTemplateTargetInput{ResourceType: "aws:ec2:subnet", Parameters: inZone, SelectionMode: "ALL"}
	r.Targets["volumes"] = api.CreateExperimentTemplateTargetInput{ResourceType: "aws:ec2:ebs-volume", Parameters: inZone, SelectionMode: "ALL"}
	id := w.start(r)
	w.is(id, "running capacity:running network:running stop:running volumes:pending")
	if w.state(a) != "stopped" || w.state(b) != "running" {
		t.Errorf("the instances are %s and %s", w.state(a), w.state(b))
	}
	w.Advance(2 * minute)
	w.is(id, "running capacity:running network:completed stop:running volumes:pending")
	w.Advance(28 * minute)
	w.is(id, "running capacity:completed network:completed stop:completed volumes:running")
	w.Advance(30 * minute)
	w.is(id, "completed capacity:completed network:completed stop:completed volumes:completed")
	if w.state(a) != "running" {
		t.Errorf("at the end the instance is %s", w.state(a))
	}
}

// TestCommandsNeedMachines: a plane that only plays machines runs nothing, and
// says so.
func TestCommandsNeedMachines(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ssm:SendCommand", "ec2:Describe*")
	i := w.instance("us-east-1a")
	id := w.start(w.recipe().aim("one", "aws:ec2:instance", arn("ec2", "instance/"+i)).
		action("cpu", "aws:ssm:send-command", "duration=PT1M", "documentArn=arn:aws:ssm:us-east-1::document/AWSFIS-Run-CPU-Stress", `documentParameters={"DurationSeconds": "60"}`, "Instances>one"))
	w.is(id, "failed cpu:failed")
	if e := w.experiment(id); !strings.Contains(*e.Actions["cpu"].State.Reason, "No command can be run in the instance "+i) {
		t.Errorf("reason: %s", *e.Actions["cpu"].State.Reason)
	}
}

// TestGroupWithoutCapacity: an Auto Scaling group goes elsewhere as long as it
// gets nothing in a zone.
func TestGroupWithoutCapacity(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*", "autoscaling:Describe*")
	image := ami.All()[0].ID(nodetest.Region)
	nodetest.Do(w.World, &autoscaling.CreateLaunchConfiguration, &autoscaling.CreateLaunchConfigurationInput{LaunchConfigurationName: "l", ImageId: &image, InstanceType: new("t3.micro")})
	nodetest.Do(w.World, &autoscaling.CreateAutoScalingGroup, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: "crew", LaunchConfigurationName: new("l"), MinSize: 0, MaxSize: 4, AvailabilityZones: []string{"us-east-1a", "us-east-1b"},
	})
	describe := func() *autoscaling.AutoScalingGroup {
		return &nodetest.Do(w.World, &autoscaling.DescribeAutoScalingGroups, &autoscaling.DescribeAutoScalingGroupsInput{}).AutoScalingGroups[0]
	}
	id := w.start(w.recipe().aim("crew", "aws:ec2:autoscaling-group", *describe().AutoScalingGroupARN).
		action("full", "aws:ec2:asg-insufficient-instance-capacity-error", "duration=PT30M", "availabilityZoneIdentifiers=us-east-1a", "AutoScalingGroups>crew"))
	w.is(id, "running full:running")
	nodetest.Do(w.World, &autoscaling.SetDesiredCapacity, &autoscaling.SetDesiredCapacityInput{AutoScalingGroupName: "crew", DesiredCapacity: 2})
	w.Drain()
	w.Advance(minute)
	g := describe()
	if len(g.Instances) != 2 {
		t.Fatalf("%d instances", len(g.Instances))
	}
	for _, i := range g.Instances {
		if i.AvailabilityZone != "us-east-1b" {
			t.Errorf("an instance is in %s", i.AvailabilityZone)
		}
	}
}
