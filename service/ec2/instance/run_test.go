package instance_test

import (
	"encoding/base64"
	"strings"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

func TestRunInstancesRefuses(t *testing.T) {
	w := newWorld(t)
	nodetest.Do(w.World, &api.CreatePlacementGroup, &api.CreatePlacementGroupInput{GroupName: new("parts"), Strategy: new("partition"), PartitionCount: new(int32(3))})
	for name, test := range map[string]struct {
		edit func(*api.RunInstancesInput)
		code string
	}{
		"no image":        {func(in *api.RunInstancesInput) { in.ImageId = nil }, "MissingParameter"},
		"malformed image": {func(in *api.RunInstancesInput) { in.ImageId = new("banana") }, "InvalidAMIID.Malformed"},
		"unknown image":   {func(in *api.RunInstancesInput) { in.ImageId = new("ami-0123456789abcdef0") }, "InvalidAMIID.NotFound"},
		"no count":        {func(in *api.RunInstancesInput) { in.MinCount = 0 }, "InvalidParameterValue"},
		"less than least": {func(in *api.RunInstancesInput) { in.MinCount = 3 }, "InvalidParameterValue"},
		"architecture":    {func(in *api.RunInstancesInput) { in.InstanceType = new("t4g.micro") }, "InvalidParameterValue"},
		"unknown key":     {func(in *api.RunInstancesInput) { in.KeyName = new("none") }, "InvalidKeyPair.NotFound"},
		"unknown subnet":  {func(in *api.RunInstancesInput) { in.SubnetId = new("subnet-0123456789abcdef0") }, "InvalidSubnetID.NotFound"},
		"unknown group":   {func(in *api.RunInstancesInput) { in.SecurityGroupIds = []string{"sg-0123456789abcdef0"} }, "InvalidGroup.NotFound"},
		"unknown profile": {func(in *api.RunInstancesInput) {
			in.IamInstanceProfile = &api.IamInstanceProfileSpecification{Name: new("none")}
		}, "InvalidParameterValue"},
		"data no Base64": {func(in *api.RunInstancesInput) { in.UserData = new("#!") }, "InvalidUserData.Malformed"},
		"too much data": {func(in *api.RunInstancesInput) {
			in.UserData = new(base64.StdEncoding.EncodeToString(make([]byte, 16385)))
		}, "InvalidParameterValue"},
		"hop limit": {func(in *api.RunInstancesInput) {
			in.MetadataOptions = &api.InstanceMetadataOptionsRequest{HttpPutResponseHopLimit: new(int32(65))}
		}, "InvalidParameterValue"},
		"credits of m5": {func(in *api.RunInstancesInput) {
			in.InstanceType, in.CreditSpecification = new("m5.large"), &api.CreditSpecificationRequest{CpuCredits: "unlimited"}
		}, "InvalidParameterCombination"},
		"hibernation of m4": {func(in *api.RunInstancesInput) {
			in.InstanceType, in.HibernationOptions = new("m6a.metal"), &api.HibernationOptionsRequest{Configured: new(true)}
		}, "UnsupportedHibernationConfiguration"},
		"cores": {func(in *api.RunInstancesInput) {
			in.CpuOptions = &api.CpuOptionsRequest{CoreCount: new(int32(9)), ThreadsPerCore: new(int32(1))}
		}, "InvalidParameterCombination"},
		"unknown group name": {func(in *api.RunInstancesInput) { in.Placement = &api.Placement{GroupName: new("none")} }, "InvalidPlacementGroup.Unknown"},
		"partition": {func(in *api.RunInstancesInput) {
			in.Placement = &api.Placement{GroupName: new("parts"), PartitionNumber: new(int32(4))}
		}, "InvalidParameterValue"},
		"device twice": {func(in *api.RunInstancesInput) {
			b := api.BlockDeviceMapping{DeviceName: new("/dev/sdf"), Ebs: &api.EbsBlockDevice{VolumeSize: new(int32(1))}}
			in.BlockDeviceMappings = []api.BlockDeviceMapping{b, b}
		}, "InvalidBlockDeviceMapping"},
		"interface and subnet": {func(in *api.RunInstancesInput) {
			in.SubnetId, in.NetworkInterfaces = new("subnet-1"), []api.InstanceNetworkInterfaceSpecification{{DeviceIndex: new(int32(0))}}
		}, "InvalidParameterCombination"},
		"too many interfaces": {func(in *api.RunInstancesInput) {
			for n := range int32(3) {
				in.NetworkInterfaces = append(in.NetworkInterfaces, api.InstanceNetworkInterfaceSpecification{DeviceIndex: &n})
			}
		}, "AttachmentLimitExceeded"},
		"tags of a VPC": {func(in *api.RunInstancesInput) {
			in.TagSpecifications = []api.TagSpecification{{ResourceType: new("vpc")}}
		}, "InvalidParameterValue"},
		"template": {func(in *api.RunInstancesInput) {
			in.LaunchTemplate = &api.LaunchTemplateSpecification{LaunchTemplateName: new("t")}
		}, "UnsupportedOperation"},
		"spot": {func(in *api.RunInstancesInput) {
			in.InstanceMarketOptions = &api.InstanceMarketOptionsRequest{MarketType: new("spot")}
		}, "UnsupportedOperation"},
		"address for two": {func(in *api.RunInstancesInput) { in.MaxCount, in.PrivateIpAddress = 2, new("172.31.0.10") }, "InvalidParameterCombination"},
		"profile both ways": {func(in *api.RunInstancesInput) {
			in.IamInstanceProfile = &api.IamInstanceProfileSpecification{Name: new("a"), Arn: new("b")}
		}, "InvalidParameterCombination"},
	} {
		t.Run(name, func(t *testing.T) {
			in := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}
			test.edit(in)
			want(w, test.code, &api.RunInstances, in)
		})
	}
	w.Drain()
	if list, _ := w.plane.Machines(t.Context()); len(list) != 0 {
		t.Errorf("machines %v", list)
	}
}

func TestClientToken(t *testing.T) {
	w := newWorld(t)
	in := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1, ClientToken: new("once")}
	first := nodetest.Do(w.World, &api.RunInstances, in)
	again := nodetest.Do(w.World, &api.RunInstances, in)
	if *first.Instances[0].InstanceId != *again.Instances[0].InstanceId {
		t.Error("a repeated token launched again")
	}
	other := *in
	other.InstanceType = new("t3.small")
	want(w, "IdempotentParameterMismatch", &api.RunInstances, &other)
}

func TestInterfacesOfALaunch(t *testing.T) {
	w := newWorld(t)
	subnet := *w.run(1)[0].SubnetId
	i := w.run(1, func(in *api.RunInstancesInput) {
		in.NetworkInterfaces = []api.InstanceNetworkInterfaceSpecification{
			{DeviceIndex: new(int32(1)), SubnetId: &subnet, DeleteOnTermination: new(false), Description: new("second")},
			{DeviceIndex: new(int32(0)), SubnetId: &subnet, PrivateIpAddress: nil, SecondaryPrivateIpAddressCount: new(int32(1))},
		}
	})[0]
	if len(i.NetworkInterfaces) != 2 || *i.NetworkInterfaces[0].Attachment.DeviceIndex != 0 || len(i.NetworkInterfaces[0].PrivateIpAddresses) != 2 {
		t.Fatalf("interfaces %+v", i.NetworkInterfaces)
	}
	if i.PublicIpAddress != nil {
		t.Error("an instance with two interfaces got a public address")
	}
	delegated := w.run(1, func(in *api.RunInstancesInput) {
		in.NetworkInterfaces = []api.InstanceNetworkInterfaceSpecification{{DeviceIndex: new(int32(0)), SubnetId: &subnet, Ipv4PrefixCount: new(int32(2))}}
	})[0]
	if n := delegated.NetworkInterfaces[0].Ipv4Prefixes; len(n) != 2 || *n[0].Ipv4Prefix == *n[1].Ipv4Prefix {
		t.Errorf("two prefixes were asked for: %v", n)
	}
	found := nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{Filters: []api.Filter{
		{Name: new("network-interface.description"), Values: []string{"sec*"}}, {Name: new("network-interface.attachment.device-index"), Values: []string{"1"}},
	}})
	if len(found.Reservations) != 1 || *found.Reservations[0].Instances[0].InstanceId != *i.InstanceId {
		t.Errorf("found %v", found.Reservations)
	}
}

func TestBlockDevices(t *testing.T) {
	w := newWorld(t)
	i := w.get(*w.run(1, func(in *api.RunInstancesInput) {
		in.BlockDeviceMappings = []api.BlockDeviceMapping{
			{DeviceName: new("/dev/xvda"), Ebs: &api.EbsBlockDevice{VolumeSize: new(int32(20)), DeleteOnTermination: new(false)}},
			{DeviceName: new("/dev/sdf"), Ebs: &api.EbsBlockDevice{VolumeSize: new(int32(1)), VolumeType: new("gp2")}},
		}
		in.TagSpecifications = []api.TagSpecification{{ResourceType: new("volume"), Tags: []api.Tag{{Key: new("a"), Value: new("b")}}}}
	})[0].InstanceId)
	if len(i.BlockDeviceMappings) != 2 || *i.BlockDeviceMappings[1].Ebs.DeleteOnTermination || !*i.BlockDeviceMappings[0].Ebs.DeleteOnTermination {
		t.Fatalf("devices %+v", i.BlockDeviceMappings)
	}
	nodetest.Do(w.World, &api.ModifyInstanceAttribute, &api.ModifyInstanceAttributeInput{InstanceId: *i.InstanceId, BlockDeviceMappings: []api.InstanceBlockDeviceMappingSpecification{
		{DeviceName: new("/dev/xvda"), Ebs: &api.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: new(true)}},
	}})
	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{*i.InstanceId}})
	w.Drain()
	if list, err := w.plane.Volumes(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("volumes %v, %v", list, err)
	}
}

func TestInstanceStoreIsLostAtStop(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1, func(in *api.RunInstancesInput) { in.InstanceType = new("m5d.large") })[0].InstanceId
	stored := func() (n int) {
		list, err := w.plane.Volumes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range list {
			if strings.HasPrefix(v.ID, id) {
				n++
			}
		}
		return n
	}
	if n := stored(); n != 1 {
		t.Errorf("%d disks", n)
	}
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	if n := stored(); n != 0 {
		t.Errorf("%d disks of a stopped instance", n)
	}
}

func TestPlacementGroups(t *testing.T) {
	w := newWorld(t)
	group := func(name, strategy string) func(*api.RunInstancesInput) {
		nodetest.Do(w.World, &api.CreatePlacementGroup, &api.CreatePlacementGroupInput{GroupName: &name, Strategy: &strategy})
		return func(in *api.RunInstancesInput) { in.Placement = &api.Placement{GroupName: &name} }
	}
	spread := group("s", "spread")
	w.run(7, spread)
	in := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}
	spread(in)
	want(w, "InsufficientInstanceCapacity", &api.RunInstances, in)
	in.Placement.AvailabilityZone = new("us-east-1b")
	want(w, "", &api.RunInstances, in)

	partition := group("p", "partition")
	seen := map[int32]int{}
	for _, i := range w.run(4, partition) {
		seen[*i.Placement.PartitionNumber]++
	}
	if seen[1] != 2 || seen[2] != 2 {
		t.Errorf("partitions %v", seen)
	}

	cluster := group("c", "cluster")
	large := func(in *api.RunInstancesInput) { in.InstanceType = new("c5.large") }
	w.run(1, cluster, large)
	in = &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("c5.large"), MinCount: 1, MaxCount: 1, Placement: &api.Placement{GroupName: new("c"), AvailabilityZone: new("us-east-1c")}}
	want(w, "InvalidParameterValue", &api.RunInstances, in)
	in.InstanceType, in.Placement.AvailabilityZone = new("t3.micro"), nil
	want(w, "InvalidParameterCombination", &api.RunInstances, in) // T3 cannot be in cluster groups
	want(w, "InvalidPlacementGroup.InUse", &api.DeletePlacementGroup, &api.DeletePlacementGroupInput{GroupName: "c"})
	want(w, "InvalidPlacementGroup.Duplicate", &api.CreatePlacementGroup, &api.CreatePlacementGroupInput{GroupName: new("c")})
}

// TestFiltersOnInterfaces finds an instance by what its interfaces have, and
// takes the filters on what no instance has here.
func TestFiltersOnInterfaces(t *testing.T) {
	w := newWorld(t)
	i := w.get(*w.run(1)[0].InstanceId)
	n := i.NetworkInterfaces[0]
	nodetest.Do(w.World, &api.CreateTags, &api.CreateTagsInput{Resources: []string{*n.NetworkInterfaceId}, Tags: []api.Tag{{Key: new("side"), Value: new("front")}}})
	find := func(name, value string) bool {
		t.Helper()
		return len(nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{Filters: []api.Filter{{Name: &name, Values: []string{value}}}}).Reservations) > 0
	}
	for name, value := range map[string]string{
		"availability-zone-id": "use1-az*", "metadata-options.state": "applied", "operator.managed": "false", "network-performance-options.bandwidth-weighting": "default",
		"network-interface.private-ip-address": *n.PrivateIpAddress, "network-interface.addresses.private-dns-name": *n.PrivateDnsName,
		"network-interface.attachment.network-card-index": "0", "network-interface.ipv6-native": "false", "network-interface.operator.managed": "false",
		"network-interface.deny-all-igw-traffic": "false", "network-interface.tag-key": "side", "network-interface.tag-value": "front",
		"network-interface.public-dns-name": *i.PublicDnsName, "network-interface.association.public-dns-name": *i.PublicDnsName, "network-interface.addresses.association.public-dns-name": *i.PublicDnsName,
	} {
		if !find(name, value) || find(name, "nonesuch") {
			t.Errorf("%s does not tell %s from others", name, value)
		}
	}
	for _, name := range []string{
		"network-interface.addresses.association.carrier-ip", "network-interface.association.carrier-ip", "network-interface.addresses.association.customer-owned-ip", "network-interface.association.customer-owned-ip",
		"network-interface.ipv4-prefixes.ipv4-prefix", "network-interface.ipv6-prefixes.ipv6-prefix", "network-interface.ipv6-address", "network-interface.ipv6-addresses.is-primary-ipv6",
		"network-interface.operator.principal", "network-interface.outpost-arn", "operator.principal", "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
	} {
		if find(name, "*") {
			t.Errorf("%s finds an instance that has none", name)
		}
	}
	for _, name := range []string{"availability-zone-id", "operator.managed", "operator.principal", "attached-ebs-status.status"} {
		nodetest.Do(w.World, &api.DescribeInstanceStatus, &api.DescribeInstanceStatusInput{Filters: []api.Filter{{Name: &name, Values: []string{"x"}}}})
	}
}
