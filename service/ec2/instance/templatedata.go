package instance

import (
	"encoding/base64"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// getLaunchTemplateData is an instance as a launch template would describe it.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetLaunchTemplateData.html
func (s *Room) getLaunchTemplateData(c *cloud.Call, r store.Reader, in *api.GetLaunchTemplateDataInput) (*api.GetLaunchTemplateDataOutput, error) {
	i, err := Find(c, r, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if i.State.gone() {
		return nil, errState(i.ID, "described by a launch template")
	}
	v := &view{Instance: i, book: newBook(c, r), room: s}
	shutdown := api.ShutdownBehaviorStop
	if i.TerminateOnShutdown {
		shutdown = api.ShutdownBehaviorTerminate
	}
	out := &api.ResponseLaunchTemplateData{
		ImageId: &i.Image, InstanceType: &i.Type, KeyName: optional(i.KeyName), EbsOptimized: &i.EBSOptimized, Monitoring: &api.LaunchTemplatesMonitoring{Enabled: &i.Monitoring},
		DisableApiTermination: &i.NoTermination, DisableApiStop: &i.NoStop, InstanceInitiatedShutdownBehavior: &shutdown,
		CpuOptions:         &api.LaunchTemplateCpuOptions{CoreCount: new(int32(i.Cores)), ThreadsPerCore: new(int32(i.Threads)), AmdSevSnp: optional(i.SEV)},
		HibernationOptions: &api.LaunchTemplateHibernationOptions{Configured: &i.Hibernation}, EnclaveOptions: &api.LaunchTemplateEnclaveOptions{Enabled: &i.Enclave},
		MaintenanceOptions: &api.LaunchTemplateInstanceMaintenanceOptions{AutoRecovery: new(i.recovery())},
		MetadataOptions: &api.LaunchTemplateInstanceMetadataOptions{
			State: new("applied"), HttpTokens: &i.Metadata.Tokens, HttpPutResponseHopLimit: &i.Metadata.HopLimit, HttpEndpoint: &i.Metadata.Endpoint,
			HttpProtocolIpv6: &i.Metadata.IPv6, InstanceMetadataTags: &i.Metadata.Tags,
		},
		PrivateDnsNameOptions: &api.LaunchTemplatePrivateDnsNameOptions{HostnameType: &i.NameType, EnableResourceNameDnsARecord: &i.NameA, EnableResourceNameDnsAAAARecord: &i.NameAAAA},
	}
	if i.Profile != nil {
		out.IamInstanceProfile = &api.LaunchTemplateIamInstanceProfileSpecification{Arn: &i.Profile.ARN}
	}
	if i.Credits != "" {
		out.CreditSpecification = &api.CreditSpecification{CpuCredits: &i.Credits}
	}
	if i.LifeCycle == "spot" {
		out.InstanceMarketOptions = &api.LaunchTemplateInstanceMarketOptions{MarketType: new(api.MarketTypeSpot)}
	}
	if u, ok := userDatas.Get(r, i.key()...); ok {
		out.UserData = new(base64.StdEncoding.EncodeToString(u.Data))
	}
	v.addTemplateParts(out)
	return &api.GetLaunchTemplateDataOutput{LaunchTemplateData: out}, nil
}

// addTemplateParts adds what the instance consists of.
func (v *view) addTemplateParts(out *api.ResponseLaunchTemplateData) {
	p, have := v.placement(), v.capacity()
	// The zone by its name alone: a launch refuses both.
	out.Placement = &api.LaunchTemplatePlacement{
		AvailabilityZone: p.AvailabilityZone, Affinity: p.Affinity, GroupName: p.GroupName, GroupId: p.GroupId, HostId: p.HostId,
		HostResourceGroupArn: p.HostResourceGroupArn, PartitionNumber: p.PartitionNumber, Tenancy: p.Tenancy,
	}
	out.CapacityReservationSpecification = &api.LaunchTemplateCapacityReservationSpecificationResponse{
		CapacityReservationPreference: have.CapacityReservationPreference, CapacityReservationTarget: have.CapacityReservationTarget,
	}
	for _, l := range v.Licenses {
		out.LicenseSpecifications = append(out.LicenseSpecifications, api.LaunchTemplateLicenseConfiguration{LicenseConfigurationArn: new(l)})
	}
	if tags := resource.APITags(resource.Tags(v.c, v.r, v.ID)); len(tags) > 0 {
		out.TagSpecifications = append(out.TagSpecifications, api.LaunchTemplateTagSpecification{ResourceType: new("instance"), Tags: tags})
	}
	for _, a := range v.attached() {
		if d, err := ebs.FindVolume(v.c, v.r, a.Volume); err == nil {
			out.BlockDeviceMappings = append(out.BlockDeviceMappings, templateDevice(a, d))
		}
	}
	for _, n := range v.nics() {
		out.NetworkInterfaces = append(out.NetworkInterfaces, templateInterface(n))
	}
}

func templateDevice(a ebs.Placed, d *ebs.Volume) api.LaunchTemplateBlockDeviceMapping {
	e := &api.LaunchTemplateEbsBlockDevice{
		DeleteOnTermination: &a.DeleteOnTermination, Encrypted: &d.Encrypted, KmsKeyId: optional(d.KMSKey), SnapshotId: optional(d.Snapshot), VolumeSize: &d.Size, VolumeType: &d.Type,
	}
	switch d.Type { // of the others they follow from the size
	case api.VolumeTypeGp3:
		e.Iops, e.Throughput = &d.IOPS, &d.Throughput
	case api.VolumeTypeIo1, api.VolumeTypeIo2:
		e.Iops = &d.IOPS
	}
	return api.LaunchTemplateBlockDeviceMapping{DeviceName: &a.Device, Ebs: e}
}

func templateInterface(n *vpc.Interface) api.LaunchTemplateInstanceNetworkInterfaceSpecification {
	out := api.LaunchTemplateInstanceNetworkInterfaceSpecification{
		NetworkInterfaceId: &n.ID, Description: &n.Description, Groups: n.Groups, InterfaceType: &n.Type, SubnetId: &n.Subnet, Ipv6Addresses: []api.InstanceIpv6Address{},
	}
	if a := n.Attachment; a != nil {
		out.DeleteOnTermination, out.DeviceIndex, out.NetworkCardIndex = &a.DeleteOnTermination, new(int32(a.Index)), new(int32(a.Card))
	}
	for k, a := range n.Addresses {
		address := a.Private.String()
		if k == 0 {
			out.PrivateIpAddress, out.AssociatePublicIpAddress = &address, new(a.Public.IsValid())
		}
		out.PrivateIpAddresses = append(out.PrivateIpAddresses, api.PrivateIpAddressSpecification{PrivateIpAddress: &address, Primary: new(k == 0)})
	}
	for k, a := range n.IPv6 {
		out.Ipv6Addresses = append(out.Ipv6Addresses, api.InstanceIpv6Address{Ipv6Address: new(a.String()), IsPrimaryIpv6: new(k == 0 && n.PrimaryIPv6)})
	}
	for _, p := range n.Prefixes {
		out.Ipv4Prefixes = append(out.Ipv4Prefixes, api.Ipv4PrefixSpecificationResponse{Ipv4Prefix: new(p.String())})
	}
	for _, p := range n.IPv6Prefixes {
		out.Ipv6Prefixes = append(out.Ipv6Prefixes, api.Ipv6PrefixSpecificationResponse{Ipv6Prefix: new(p.String())})
	}
	return out
}
