package instance_test

import (
	"strings"
	"testing"

	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// TestLaunchAnswers compares an instance in the answer to its launch with the
// same once it runs: what comes later is not told before.
func TestLaunchAnswers(t *testing.T) {
	w := newWorld(t)
	modern := imageThat(func(i ami.Image) bool { return i.IMDSv2 })
	first := w.run(1, func(in *api.RunInstancesInput) { in.ImageId = &modern })[0]
	n := first.NetworkInterfaces[0]
	if len(first.BlockDeviceMappings) != 0 || first.PublicIpAddress != nil || *first.PublicDnsName != "" || n.Association != nil ||
		n.PrivateIpAddresses[0].Association != nil || *n.Attachment.Status != "attaching" || first.Tags == nil || *first.MetadataOptions.State != "pending" {
		t.Errorf("at launch: %+v", first)
	}
	i := w.get(*first.InstanceId)
	n = i.NetworkInterfaces[0]
	if len(i.BlockDeviceMappings) != 1 || i.PublicIpAddress == nil || *i.PublicDnsName == "" || n.Association == nil || *n.Attachment.Status != "attached" {
		t.Errorf("running: %+v", i)
	}
	if i.Tags != nil {
		t.Errorf("an instance without tags has %v", i.Tags)
	}
	if o := i.MetadataOptions; *o.State != "applied" || *o.HttpTokens != "required" || *o.HttpPutResponseHopLimit != 2 {
		t.Errorf("metadata of an image that wants tokens: %s, %s, %d", *o.State, *o.HttpTokens, *o.HttpPutResponseHopLimit)
	}
	if *i.Placement.AvailabilityZoneId != "use1-az1" || *i.Operator.Managed || *n.Operator.Managed || *i.NetworkPerformanceOptions.BandwidthWeighting != "default" || *i.MaintenanceOptions.RebootMigration != "default" {
		t.Errorf("placed %s, operators %v %v", *i.Placement.AvailabilityZoneId, *i.Operator.Managed, *n.Operator.Managed)
	}
	s := nodetest.Do(w.World, &api.DescribeInstanceStatus, &api.DescribeInstanceStatusInput{}).InstanceStatuses[0]
	if e := s.AttachedEbsStatus; *e.Status != "ok" || len(e.Details) != 1 || *e.Details[0].Status != "passed" || *s.AvailabilityZoneId != "use1-az1" {
		t.Errorf("status of its volumes: %+v in %s", e, *s.AvailabilityZoneId)
	}
}

// TestLaunchMistakes are mistakes of a first launch, in EC2's words.
func TestLaunchMistakes(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1)[0].InstanceId
	nodetest.Do(w.World, &api.CreatePlacementGroup, &api.CreatePlacementGroupInput{GroupName: new("near"), Strategy: new("cluster")})
	run := func(edit func(*api.RunInstancesInput)) func() error {
		in := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}
		edit(in)
		return func() error { _, err := nodetest.Try(w.World, &api.RunInstances, in); return err }
	}
	for _, m := range []struct {
		what string
		do   func() error
		want string
	}{
		{"a small root", run(func(in *api.RunInstancesInput) {
			in.BlockDeviceMappings = []api.BlockDeviceMapping{{DeviceName: new("/dev/xvda"), Ebs: &api.EbsBlockDevice{VolumeSize: new(int32(4))}}}
		}), "InvalidBlockDeviceMapping: Volume of size 4GB is smaller than snapshot 'snap-"},
		{"no such zone", run(func(in *api.RunInstancesInput) { in.Placement = &api.Placement{AvailabilityZone: new("us-east-1q")} }), "InvalidParameterValue: Invalid availability zone: [us-east-1q]"},
		{"a type of small machines", run(func(in *api.RunInstancesInput) { in.Placement = &api.Placement{GroupName: new("near")} }), "InvalidParameterCombination: Cluster placement groups are not supported by the 't3.micro' instance type."},
		{"a type of an instance that runs", func() error {
			_, err := nodetest.Try(w.World, &api.ModifyInstanceAttribute, &api.ModifyInstanceAttributeInput{InstanceId: id, InstanceType: &api.AttributeValue{Value: new("t3.small")}})
			return err
		}, "IncorrectInstanceState: The instance '" + id + "' is not in the 'stopped' state."},
		{"pages of ids", func() error {
			_, err := nodetest.Try(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{id}, MaxResults: new(int32(5))})
			return err
		}, "InvalidParameterCombination: The parameter instancesSet cannot be used with the parameter maxResults"},
	} {
		if err := m.do(); err == nil || !strings.Contains(err.Error(), m.want) {
			t.Errorf("%s: %v, want %s", m.what, err, m.want)
		}
	}
}
