package group_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
)

// template makes a launch template and answers its id.
func (w *world) template(name, kind string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &ec2.CreateLaunchTemplate, &ec2.CreateLaunchTemplateInput{
		LaunchTemplateName: name, LaunchTemplateData: ec2.RequestLaunchTemplateData{ImageId: new(image()), InstanceType: &kind},
	}).LaunchTemplate.LaunchTemplateId
}

func fromTemplate(id, version string) func(*api.CreateAutoScalingGroupInput) {
	return func(in *api.CreateAutoScalingGroupInput) {
		in.LaunchConfigurationName = nil
		in.LaunchTemplate = &api.LaunchTemplateSpecification{LaunchTemplateId: &id, Version: &version}
	}
}

func TestLaunchTemplates(t *testing.T) {
	w := newWorld(t)
	id := w.template("web", "t3.micro")
	w.create(group("g", 1, 3, fromTemplate(id, "$Latest")))
	nodetest.Do(w.World, &ec2.CreateLaunchTemplateVersion, &ec2.CreateLaunchTemplateVersionInput{LaunchTemplateId: &id, SourceVersion: new("1"), LaunchTemplateData: ec2.RequestLaunchTemplateData{InstanceType: new("t3.small")}})
	w.set("g", 2)
	w.settle()
	w.serving("g", 2)
	got := map[string]string{}
	for _, i := range w.get("g").Instances {
		got[*i.LaunchTemplate.Version] = *i.InstanceType
	}
	if got["1"] != "t3.micro" || got["2"] != "t3.small" {
		t.Errorf("types by version: %v", got)
	}
	if lt := w.get("g").LaunchTemplate; *lt.Version != "$Latest" || *lt.LaunchTemplateName != "web" {
		t.Errorf("launch template %+v", lt)
	}
	w.set("g", 1)
	w.settle()
	w.serving("g", 1)
	if v := *w.get("g").Instances[0].LaunchTemplate.Version; v != "2" {
		t.Errorf("version %s is left", v)
	}
	refused(w, "ValidationError", "You must use a valid fully-formed launch template.", &api.CreateAutoScalingGroup, group("h", 0, 1, fromTemplate("lt-0123456789abcdef0", "1")))
	_, err := api.CreateAutoScalingGroup.Call(w.As(w.User("u", nodetest.Allow("autoscaling:*", "ec2:Describe*"))), group("h", 0, 1, fromTemplate(id, "1")))
	if e, ok := err.(*cloud.Error); !ok || e.Code != "AccessDenied" || !strings.Contains(e.Message, "not authorized to use launch template") {
		t.Errorf("a user who may not run instances: %v", err)
	}
}

func mixed(id string, d *api.InstancesDistribution, overrides ...api.LaunchTemplateOverrides) func(*api.CreateAutoScalingGroupInput) {
	return func(in *api.CreateAutoScalingGroupInput) {
		in.LaunchConfigurationName = nil
		in.MixedInstancesPolicy = &api.MixedInstancesPolicy{InstancesDistribution: d, LaunchTemplate: &api.LaunchTemplate{
			LaunchTemplateSpecification: &api.LaunchTemplateSpecification{LaunchTemplateId: &id, Version: new("1")}, Overrides: overrides,
		}}
	}
}

func TestMixedInstances(t *testing.T) {
	w := newWorld(t)
	id := w.template("web", "t3.micro")
	w.create(group("g", 6, 12, mixed(id, &api.InstancesDistribution{OnDemandBaseCapacity: new(int32(2)), OnDemandPercentageAboveBaseCapacity: new(int32(50)), SpotAllocationStrategy: new("price-capacity-optimized")},
		api.LaunchTemplateOverrides{InstanceType: new("t3.small")}, api.LaunchTemplateOverrides{InstanceType: new("t3.medium")})))
	w.serving("g", 6)
	spot := 0
	for _, m := range w.machines() {
		if cloud.Or(m.InstanceLifecycle, "") == "spot" {
			spot++
		} else if *m.InstanceType != "t3.small" {
			t.Errorf("%s on demand, which is second", *m.InstanceType)
		}
	}
	if spot != 2 {
		t.Errorf("%d of 6 are spot instances, want 2", spot)
	}
	w.set("g", 10)
	w.settle()
	spot = 0
	for _, m := range w.machines() {
		if cloud.Or(m.InstanceLifecycle, "") == "spot" {
			spot++
		}
	}
	if spot != 4 {
		t.Errorf("%d of 10 are spot instances, want 4", spot)
	}
}

func TestWeights(t *testing.T) {
	w := newWorld(t)
	id := w.template("web", "t3.micro")
	w.create(group("g", 7, 12, mixed(id, nil,
		api.LaunchTemplateOverrides{InstanceType: new("t3.large"), WeightedCapacity: new("4")}, api.LaunchTemplateOverrides{InstanceType: new("t3.micro"), WeightedCapacity: new("1")})))
	g := w.get("g")
	if len(g.Instances) != 2 || *g.Instances[0].WeightedCapacity != "4" {
		t.Fatalf("7 units: %s", w.tell("g"))
	}
	nodetest.Do(w.World, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: "g", MinSize: new(int32(5)), DesiredCapacity: new(int32(5))})
	w.settle()
	w.serving("g", 2) // one alone would be too little
	refused(w, "ValidationError", "WeightedCapacity must be an integer between 1 and 999.", &api.CreateAutoScalingGroup,
		group("h", 0, 1, mixed(id, nil, api.LaunchTemplateOverrides{InstanceType: new("t3.large"), WeightedCapacity: new("0")})))
}

func TestAttributesInsteadOfTypes(t *testing.T) {
	w := newWorld(t)
	id := w.template("web", "t3.micro")
	w.create(group("g", 2, 2, mixed(id, &api.InstancesDistribution{OnDemandAllocationStrategy: new("lowest-price")}, api.LaunchTemplateOverrides{InstanceRequirements: &api.InstanceRequirements{
		VCpuCount: api.VCpuCountRequest{Min: 2, Max: new(int32(2))}, MemoryMiB: api.MemoryMiBRequest{Min: 8192, Max: new(int32(8192))}, CpuManufacturers: []string{"intel"},
	}})))
	w.serving("g", 2)
	for _, m := range w.machines() {
		types := nodetest.Do(w.World, &ec2.DescribeInstanceTypes, &ec2.DescribeInstanceTypesInput{InstanceTypes: []string{*m.InstanceType}}).InstanceTypes
		if *types[0].VCpuInfo.DefaultVCpus != 2 || *types[0].MemoryInfo.SizeInMiB != 8192 {
			t.Errorf("%s has not what was asked for", *m.InstanceType)
		}
	}
}

// Clients add up what the instances weigh to know whether the group is whole.
func TestCapacityInVCPUsIsShownAsWeight(t *testing.T) {
	w := newWorld(t)
	policy := mixed(w.template("web", "t3.micro"), nil, api.LaunchTemplateOverrides{InstanceRequirements: &api.InstanceRequirements{
		VCpuCount: api.VCpuCountRequest{Min: 2, Max: new(int32(2))}, MemoryMiB: api.MemoryMiBRequest{Min: 4096, Max: new(int32(8192))}}})
	w.create(group("g", 4, 8, policy, func(in *api.CreateAutoScalingGroupInput) { in.DesiredCapacityType = new("vcpu") }))
	w.serving("g", 2)
	for _, i := range w.get("g").Instances {
		if i.WeightedCapacity == nil || *i.WeightedCapacity != "2" {
			t.Errorf("an instance of two vCPUs weighs %v", i.WeightedCapacity)
		}
	}
}

func TestMaintenancePolicyHasSuccessorsComeFirst(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 2, 2, func(in *api.CreateAutoScalingGroupInput) {
		in.InstanceMaintenancePolicy = &api.InstanceMaintenancePolicy{MinHealthyPercentage: new(int32(100)), MaxHealthyPercentage: new(int32(150))}
		in.DefaultInstanceWarmup = new(int32(60))
	}))
	w.Advance(5 * time.Minute)
	ids := w.serving("g", 2)
	nodetest.Do(w.World, &api.SetInstanceHealth, &api.SetInstanceHealthInput{InstanceId: ids[0], HealthStatus: "Unhealthy"})
	w.settle()
	if now := w.serving("g", 3); !slices.Contains(now, ids[0]) {
		t.Errorf("%s went before its successor was warm: %s", ids[0], w.tell("g"))
	}
	w.Advance(time.Minute)
	if now := w.serving("g", 2); slices.Contains(now, ids[0]) {
		t.Errorf("%s is in service still", ids[0])
	}
}

func TestMaxInstanceLifetime(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 2, 2, func(in *api.CreateAutoScalingGroupInput) { in.MaxInstanceLifetime = new(int32(86400)) }))
	ids := w.serving("g", 2)
	w.Advance(23 * time.Hour)
	if now := w.serving("g", 2); !slices.Equal(now, ids) {
		t.Errorf("replaced early: %s", w.tell("g"))
	}
	w.Advance(2 * time.Hour)
	for _, id := range w.serving("g", 2) {
		if slices.Contains(ids, id) {
			t.Errorf("%s is older than it may be", id)
		}
	}
}

func TestProcesses(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 4, desired(2)))
	w.serving("g", 2)
	suspend := func(list ...string) {
		t.Helper()
		nodetest.Do(w.World, &api.ResumeProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: "g"})
		if len(list) > 0 {
			nodetest.Do(w.World, &api.SuspendProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: "g", ScalingProcesses: list})
		}
		w.settle()
	}
	suspend("Launch")
	w.set("g", 3)
	w.settle()
	w.serving("g", 2)
	suspend("Terminate")
	w.serving("g", 3)
	w.set("g", 2)
	w.settle()
	w.serving("g", 3)
	suspend("ReplaceUnhealthy")
	ids := w.serving("g", 2)
	nodetest.Do(w.World, &api.SetInstanceHealth, &api.SetInstanceHealthInput{InstanceId: ids[0], HealthStatus: "Unhealthy"})
	w.settle()
	if now := w.serving("g", 2); !slices.Equal(now, ids) {
		t.Errorf("replaced: %s", w.tell("g"))
	}
	suspend("HealthCheck")
	ids = w.serving("g", 2)
	w.kill(ids[0])
	w.settle()
	if now := w.serving("g", 2); !slices.Equal(now, ids) {
		t.Errorf("a death was noticed: %s", w.tell("g"))
	}
	suspend()
	if now := w.serving("g", 2); slices.Contains(now, ids[0]) {
		t.Errorf("a death was not noticed: %s", w.tell("g"))
	}
	refused(w, "ValidationError", "", &api.SuspendProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: "g", ScalingProcesses: []string{"Sleep"}})
}

func TestProtectionAndCooldown(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 0, 4, desired(3), func(in *api.CreateAutoScalingGroupInput) { in.NewInstancesProtectedFromScaleIn = new(true) }))
	ids := w.serving("g", 3)
	w.set("g", 1)
	w.settle()
	w.serving("g", 3)
	nodetest.Do(w.World, &api.SetInstanceProtection, &api.SetInstanceProtectionInput{AutoScalingGroupName: "g", InstanceIds: ids[:1]})
	w.settle()
	if now := w.serving("g", 2); !slices.Equal(now, ids[1:]) {
		t.Errorf("left: %v", now)
	}
	in := &api.SetDesiredCapacityInput{AutoScalingGroupName: "g", DesiredCapacity: 4, HonorCooldown: new(true)}
	refused(w, "ScalingActivityInProgress", "is in progress and blocks this action", &api.SetDesiredCapacity, in)
	w.Advance(5 * time.Minute)
	nodetest.Do(w.World, &api.SetDesiredCapacity, in)
	refused(w, "ValidationError", "New SetDesiredCapacity value 5 is above max value 4 for the AutoScalingGroup.", &api.SetDesiredCapacity, &api.SetDesiredCapacityInput{AutoScalingGroupName: "g", DesiredCapacity: 5})
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.create(group("g", 1, 4, desired(2)))
	nodetest.Do(w.World, &api.EnableMetricsCollection, &api.EnableMetricsCollectionInput{AutoScalingGroupName: "g", Granularity: "1Minute"})
	nodetest.Do(w.World, &api.DisableMetricsCollection, &api.DisableMetricsCollectionInput{AutoScalingGroupName: "g", Metrics: []string{"GroupMinSize"}})
	got := map[string]float64{}
	c := w.Call()
	for m := range c.Cloud.Measure(c) {
		if m.Namespace == "AWS/AutoScaling" && m.Dimensions[0] == (cloud.Dimension{Name: "AutoScalingGroupName", Value: "g"}) {
			got[m.Name] = m.Values[0]
		}
	}
	for name, v := range map[string]float64{"GroupMaxSize": 4, "GroupDesiredCapacity": 2, "GroupInServiceInstances": 2, "GroupTotalInstances": 2, "GroupPendingInstances": 0, "GroupTotalCapacity": 2} {
		if n, ok := got[name]; !ok || n != v {
			t.Errorf("%s is %v (%v), want %v", name, n, ok, v)
		}
	}
	if _, ok := got["GroupMinSize"]; ok {
		t.Error("GroupMinSize is measured")
	}
}

func TestSpotInstancesAtRiskAreReplaced(t *testing.T) {
	w := newWorld(t)
	id := w.template("web", "t3.micro")
	w.create(group("g", 1, 3, mixed(id, &api.InstancesDistribution{OnDemandPercentageAboveBaseCapacity: new(int32(0)), SpotAllocationStrategy: new("capacity-optimized")}), func(in *api.CreateAutoScalingGroupInput) {
		in.CapacityRebalance = new(true)
	}))
	old := w.serving("g", 1)[0]
	w.send(http.MethodPost, "/_pileus/spot?instance="+old, "")
	w.Advance(time.Minute) // the instance itself has two
	if now := w.in("g", "InService"); len(now) != 1 || now[0] == old {
		t.Errorf("a minute after the notice %v are in service, %s was told: %s", now, old, w.tell("g"))
	}
	if c := w.tell("g"); !strings.Contains(c, "in response to an EC2 instance rebalance recommendation") {
		t.Errorf("causes: %s", c)
	}
}
