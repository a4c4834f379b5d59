package market_test

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

const (
	secondZone = nodetest.Region + "b"
	secondID   = "use1-az2"
)

// lives checks that all that runs does so in the second zone.
func (w *world) lives() {
	w.T.Helper()
	list := w.instances()
	if len(list) == 0 {
		w.T.Fatal("nothing runs")
	}
	for _, i := range list {
		if *i.Placement.AvailabilityZone != secondZone || *i.Placement.AvailabilityZoneId != secondID {
			w.T.Errorf("%s is in %s", *i.InstanceId, *i.Placement.AvailabilityZone)
		}
	}
}

func TestSpotByZoneID(t *testing.T) {
	w := newWorld(t)
	id := w.request(func(in *api.RequestSpotInstancesInput) {
		in.LaunchSpecification.Placement = &api.SpotPlacement{AvailabilityZoneId: new(secondID)}
	})
	if q := w.get(id); *q.LaunchedAvailabilityZone != secondZone || *q.LaunchedAvailabilityZoneId != secondID {
		t.Errorf("%+v", q)
	}
	w.lives()
	prices := nodetest.Do(w.World, &api.DescribeSpotPriceHistory, &api.DescribeSpotPriceHistoryInput{AvailabilityZoneId: new(secondID), InstanceTypes: []string{"t3.micro"}})
	if len(prices.SpotPriceHistory) == 0 || *prices.SpotPriceHistory[0].AvailabilityZone != secondZone || *prices.SpotPriceHistory[0].AvailabilityZoneId != secondID {
		t.Errorf("prices: %+v", prices.SpotPriceHistory)
	}
	if _, err := nodetest.Try(w.World, &api.DescribeSpotPriceHistory, &api.DescribeSpotPriceHistoryInput{AvailabilityZoneId: new(secondID), AvailabilityZone: new(secondZone)}); code(err) != "InvalidParameterCombination" {
		t.Errorf("zone and id: %v", err)
	}
}

func TestSpotFleetByZoneID(t *testing.T) {
	w := newWorld(t)
	w.launchTemplate("base")
	nodetest.Do(w.World, &api.RequestSpotFleet, &api.RequestSpotFleetInput{SpotFleetRequestConfig: api.SpotFleetRequestConfigData{
		IamFleetRole: "arn:aws:iam::" + nodetest.Account + ":role/fleet", TargetCapacity: 1, LaunchTemplateConfigs: []api.LaunchTemplateConfig{{
			LaunchTemplateSpecification: &api.FleetLaunchTemplateSpecification{LaunchTemplateName: new("base"), Version: new("1")},
			Overrides:                   []api.LaunchTemplateOverrides{{AvailabilityZoneId: new(secondID)}},
		}},
	}})
	w.Drain()
	w.lives()
}

func TestFleetTemplateWithZoneID(t *testing.T) {
	w := newWorld(t)
	nodetest.Do(w.World, &api.CreateLaunchTemplate, &api.CreateLaunchTemplateInput{LaunchTemplateName: "base", LaunchTemplateData: api.RequestLaunchTemplateData{
		ImageId: new(image()), InstanceType: new("t3.micro"), Placement: &api.LaunchTemplatePlacementRequest{AvailabilityZoneId: new(secondID)},
	}})
	nodetest.Do(w.World, &api.CreateFleet, w.fleetInput("instant", 1, 1))
	nodetest.Do(w.World, &api.RunInstances, &api.RunInstancesInput{MinCount: 1, MaxCount: 1, LaunchTemplate: &api.LaunchTemplateSpecification{LaunchTemplateName: new("base")}})
	w.lives()
	v := nodetest.Do(w.World, &api.DescribeLaunchTemplateVersions, &api.DescribeLaunchTemplateVersionsInput{LaunchTemplateName: new("base"), IncludeManagedResources: new(true)}).LaunchTemplateVersions[0]
	if p := v.LaunchTemplateData.Placement; p.AvailabilityZone != nil || *p.AvailabilityZoneId != secondID {
		t.Errorf("the template's placement: %+v", p)
	}
}

func TestOverridesOfInstantFleets(t *testing.T) {
	w := newWorld(t)
	w.launchTemplate("base")
	nodetest.Do(w.World, &api.CreateKeyPair, &api.CreateKeyPairInput{KeyName: "mine"})
	o := api.FleetLaunchTemplateOverridesRequest{
		AvailabilityZoneId: new(secondID), KeyName: new("mine"), MetadataOptions: &api.FleetInstanceMetadataOptionsRequest{HttpPutResponseHopLimit: new(int32(3))},
		BlockDeviceMappings: []api.FleetBlockDeviceMappingRequest{{DeviceName: new("/dev/sdf"), Ebs: &api.FleetEbsBlockDeviceRequest{VolumeSize: new(int32(7))}}},
	}
	out := nodetest.Do(w.World, &api.CreateFleet, w.fleetInput("instant", 1, 1, o))
	w.Drain()
	w.lives()
	if len(out.Instances) != 1 || *out.Instances[0].AvailabilityZoneId != secondID || *out.Instances[0].AvailabilityZone != secondZone || *out.Instances[0].SubnetId != *w.instances()[0].SubnetId {
		t.Fatalf("answered: %+v", out)
	}
	if shown := out.Instances[0].LaunchTemplateAndOverrides.Overrides; *shown.AvailabilityZoneId != secondID || *shown.BlockDeviceMappings[0].Ebs.VolumeSize != 7 {
		t.Errorf("overrides: %+v", shown)
	}
	i := w.instances()[0]
	if *i.KeyName != "mine" || *i.MetadataOptions.HttpPutResponseHopLimit != 3 || len(i.BlockDeviceMappings) != 2 {
		t.Errorf("launched: %+v", i)
	}
	o.AvailabilityZone = new(secondZone)
	if _, err := nodetest.Try(w.World, &api.CreateFleet, w.fleetInput("instant", 1, 1, o)); code(err) != "InvalidParameterCombination" {
		t.Errorf("zone and id: %v", err)
	}
	o.AvailabilityZone = nil
	if _, err := nodetest.Try(w.World, &api.CreateFleet, w.fleetInput("request", 1, 1, o)); code(err) != "InvalidFleetConfiguration" {
		t.Errorf("devices of a fleet that is kept: %v", err)
	}
}

// TestHowAFleetChoosesUnasked shows the strategies of a fleet that asked for
// none, and what it says when it is deleted.
func TestHowAFleetChoosesUnasked(t *testing.T) {
	w := newWorld(t)
	w.launchTemplate("base")
	id := *nodetest.Do(w.World, &api.CreateFleet, w.fleetInput("maintain", 1, 0)).FleetId
	f := w.fleet(id)
	if f.SpotOptions == nil || f.OnDemandOptions == nil {
		t.Fatalf("the fleet has the strategies %v, %v", f.SpotOptions, f.OnDemandOptions)
	}
	if s, o := f.SpotOptions, f.OnDemandOptions; *s.AllocationStrategy != "lowestPrice" || *s.InstancePoolsToUseCount != 1 || *s.InstanceInterruptionBehavior != "terminate" || *o.AllocationStrategy != "lowestPrice" {
		t.Errorf("unasked, a fleet chooses by %+v, %+v", s, o)
	}
	in := w.fleetInput("maintain", 1, 0)
	in.SpotOptions = &api.SpotOptionsRequest{AllocationStrategy: new("capacity-optimized")}
	if s := w.fleet(*nodetest.Do(w.World, &api.CreateFleet, in).FleetId).SpotOptions; *s.AllocationStrategy != "capacity-optimized" || s.InstancePoolsToUseCount != nil {
		t.Errorf("asked, it chooses by %+v", s)
	}
	if out := nodetest.Do(w.World, &api.DeleteFleets, &api.DeleteFleetsInput{FleetIds: []string{id}, TerminateInstances: true}); out.UnsuccessfulFleetDeletions == nil || len(out.SuccessfulFleetDeletions) != 1 {
		t.Errorf("deleted: %+v", out)
	}
	if m := w.get(w.request()).LaunchSpecification.Monitoring; m == nil || m.Enabled {
		t.Errorf("a request for spot instances that says nothing of monitoring has %+v", m)
	}
}

// TestFiltersOnWhatIsLaunched finds a request by what it would launch.
func TestFiltersOnWhatIsLaunched(t *testing.T) {
	w := newWorld(t)
	w.request(func(in *api.RequestSpotInstancesInput) {
		in.LaunchSpecification.Monitoring = &api.RunInstancesMonitoringEnabled{Enabled: true}
		in.LaunchSpecification.BlockDeviceMappings = []api.BlockDeviceMapping{{DeviceName: new("/dev/sdf"), Ebs: &api.EbsBlockDevice{VolumeSize: new(int32(3)), VolumeType: new("gp3"), DeleteOnTermination: new(false)}}, {DeviceName: new("/dev/sdg"), VirtualName: new("ephemeral0")}}
	})
	find := func(name, value string) int {
		return len(nodetest.Do(w.World, &api.DescribeSpotInstanceRequests, &api.DescribeSpotInstanceRequestsInput{Filters: []api.Filter{{Name: &name, Values: []string{value}}}}).SpotInstanceRequests)
	}
	for name, value := range map[string]string{
		"launch.monitoring-enabled": "true", "launch.block-device-mapping.device-name": "/dev/sdf", "launch.block-device-mapping.volume-size": "3",
		"launch.block-device-mapping.volume-type": "gp3", "launch.block-device-mapping.delete-on-termination": "false", "launched-availability-zone-id": "use1-az*",
	} {
		if find(name, value) != 1 || find(name, "nonesuch") != 0 {
			t.Errorf("%s does not tell %s from others", name, value)
		}
	}
	for _, name := range []string{"launch.group-id", "launch.group-name", "launch.kernel-id", "launch.ramdisk-id", "launch.block-device-mapping.snapshot-id"} {
		if find(name, "x") != 0 {
			t.Errorf("%s finds a request that names none", name)
		}
	}
}
