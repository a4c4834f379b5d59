package group_test

import (
	"reflect"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/node/nodetest"
)

func TestLaunchingAtOnce(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 4, fromTemplate(w.template("web", "t3.micro"), "1")))
	nodetest.Do(w.World, &api.SuspendProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: "g", ScalingProcesses: []string{"AZRebalance"}})
	in := &api.LaunchInstancesInput{AutoScalingGroupName: "g", RequestedCapacity: 2, ClientToken: "one", AvailabilityZones: []string{"us-east-1b"}}
	out := nodetest.Do(w.World, &api.LaunchInstances, in)
	if len(out.Instances) != 1 || len(out.Errors) != 0 || len(out.Instances[0].InstanceIds) != 2 || *out.Instances[0].MarketType != "OnDemand" || *out.Instances[0].AvailabilityZone != "us-east-1b" {
		t.Fatalf("%+v", out)
	}
	again := nodetest.Do(w.World, &api.LaunchInstances, in)
	if !reflect.DeepEqual(out, again) {
		t.Errorf("the same token: %+v", again)
	}
	w.settle()
	w.serving("g", 2)
	if z := w.byZone("g"); z["b"] != 2 || w.get("g").DesiredCapacity != 2 {
		t.Errorf("by zone: %v", z)
	}
	other := *in
	other.RequestedCapacity = 1
	refused(w, "IdempotentParameterMismatch", "other parameters", &api.LaunchInstances, &other)
	other.ClientToken, other.AvailabilityZones = "two", nil
	refused(w, "ValidationError", "several Availability Zones", &api.LaunchInstances, &other)
	other.AvailabilityZones, other.RequestedCapacity = in.AvailabilityZones, 3
	refused(w, "ValidationError", "exceed the maximum size", &api.LaunchInstances, &other)
	w.Advance(9 * time.Hour)
	if now := nodetest.Do(w.World, &api.LaunchInstances, in); now.Instances[0].InstanceIds[0] == out.Instances[0].InstanceIds[0] {
		t.Errorf("the token is still good for the old answer: %+v", now)
	}
}

// TestLaunchingAtOnceWhatThereIsNot has no capacity: the group grows only where
// that is asked for.
func TestLaunchingAtOnceWhatThereIsNot(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 4, fromTemplate(w.template("web", "t3.micro"), "1"), reserving("capacity-reservations-only")))
	in := &api.LaunchInstancesInput{AutoScalingGroupName: "g", RequestedCapacity: 2, ClientToken: "one", AvailabilityZones: []string{"us-east-1b"}}
	out := nodetest.Do(w.World, &api.LaunchInstances, in)
	if len(out.Instances) != 0 || len(out.Errors) != 1 || *out.Errors[0].ErrorCode != "ReservationCapacityExceeded" || *out.Errors[0].InstanceType != "t3.micro" {
		t.Fatalf("%+v", out)
	}
	if n := w.get("g").DesiredCapacity; n != 0 {
		t.Errorf("desired capacity is %d", n)
	}
	in.ClientToken, in.RetryStrategy = "two", new("retry-with-group-configuration")
	nodetest.Do(w.World, &api.LaunchInstances, in)
	if n := w.get("g").DesiredCapacity; n != 2 {
		t.Errorf("desired capacity is %d", n)
	}
	w.create(group("lc", 0, 4))
	refused(w, "ValidationError", "use a launch template", &api.LaunchInstances, &api.LaunchInstancesInput{AutoScalingGroupName: "lc", RequestedCapacity: 1, ClientToken: "x"})
}

func TestImagesOfOverrides(t *testing.T) {
	w := newWorld(t)
	bare := *nodetest.Do(w.World, &ec2.CreateLaunchTemplate, &ec2.CreateLaunchTemplateInput{LaunchTemplateName: "bare", LaunchTemplateData: ec2.RequestLaunchTemplateData{InstanceType: new("t3.micro")}}).LaunchTemplate.LaunchTemplateId
	mixed := func(image string) func(*api.CreateAutoScalingGroupInput) {
		return func(in *api.CreateAutoScalingGroupInput) {
			in.LaunchConfigurationName = nil
			in.MixedInstancesPolicy = &api.MixedInstancesPolicy{LaunchTemplate: &api.LaunchTemplate{
				LaunchTemplateSpecification: &api.LaunchTemplateSpecification{LaunchTemplateId: &bare, Version: new("1")},
				Overrides:                   []api.LaunchTemplateOverrides{{InstanceType: new("t3.small"), ImageId: &image}},
			}}
		}
	}
	w.create(group("g", 1, 1, mixed(image())))
	w.serving("g", 1)
	if i := w.get("g").Instances[0]; *i.ImageId != image() || *w.machines()[0].ImageId != image() {
		t.Errorf("image %v", i.ImageId)
	}
	refused(w, "ValidationError", "does not exist", &api.CreateAutoScalingGroup, group("h", 0, 1, mixed("ami-0123456789abcdef0")))
	for words, edit := range map[string]func(*api.MixedInstancesPolicy){
		"DistributionSegments is not supported": func(p *api.MixedInstancesPolicy) {
			p.InstancesDistribution = &api.InstancesDistribution{DistributionSegments: []api.DistributionSegment{{TargetCapacityTypes: []string{"on-demand"}}}}
		},
		"BaselinePerformanceFactors is not supported": func(p *api.MixedInstancesPolicy) {
			p.LaunchTemplate.Overrides[0] = api.LaunchTemplateOverrides{InstanceRequirements: &api.InstanceRequirements{
				VCpuCount: api.VCpuCountRequest{Min: 1}, MemoryMiB: api.MemoryMiBRequest{Min: 1}, BaselinePerformanceFactors: &api.BaselinePerformanceFactorsRequest{}}}
		},
	} {
		in := group("h", 0, 1, mixed(image()))
		edit(in.MixedInstancesPolicy)
		refused(w, "ValidationError", words, &api.CreateAutoScalingGroup, in)
	}
}

// TestSuccessorsFirstByAccount has unhealthy instances replaced before they go,
// because the account wants it so.
func TestSuccessorsFirstByAccount(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 2, 4, desired(2)))
	get := func() api.AccountSetting {
		return nodetest.Do(w.World, &api.DescribeAccountSettings, &api.DescribeAccountSettingsInput{}).Settings[0]
	}
	if s := get(); *s.Name != "launchBeforeTerminate" || *s.Value != "disabled" || *s.EnforcementType != "none" {
		t.Errorf("%+v", s)
	}
	refused(w, "ValidationError", "Valid values are: [enabled, disabled]", &api.PutAccountSetting, &api.PutAccountSettingInput{Name: "launchBeforeTerminate", Value: "yes"})
	refused(w, "ValidationError", "Invalid account setting name: x", &api.PutAccountSetting, &api.PutAccountSettingInput{Name: "x", Value: "enabled"})
	nodetest.Do(w.World, &api.PutAccountSetting, &api.PutAccountSettingInput{Name: "launchBeforeTerminate", Value: "enabled"})
	if s := get(); *s.Value != "enabled" {
		t.Errorf("%+v", s)
	}
	nodetest.Do(w.World, &api.SetInstanceHealth, &api.SetInstanceHealthInput{InstanceId: w.serving("g", 2)[0], HealthStatus: "Unhealthy", ShouldRespectGracePeriod: new(false)})
	w.settle()
	list := w.activities("g")
	if *list[0].Description != "Terminating EC2 instance: "+cutId(*list[0].Description) || list[1].StartTime.After(list[0].StartTime) || len(list) != 4 {
		t.Errorf("%s", w.tell("g"))
	}
	if got := list[1].Cause; got[len("At 2026-01-01T00:00:30Z "):] != "an instance was launched in response to an unhealthy instance needing to be replaced." {
		t.Errorf("cause: %s", got)
	}
}

// cutId is the id at the end of a description.
func cutId(s string) string { return s[len(s)-len("i-0123456789abcdef0"):] }
