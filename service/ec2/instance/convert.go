package instance

import (
	"net/netip"
	"time"

	api "pileus/api/ec2"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
)

// api is the instance as DescribeInstances shows it.
func (v *view) api() api.Instance {
	i := v.Instance
	t := i.Kind()
	details, operation := i.platformDetails()
	out := api.Instance{
		AmiLaunchIndex: new(int32(i.LaunchIndex)), ImageId: &i.Image, InstanceId: &i.ID, InstanceType: &i.Type, KeyName: optional(i.KeyName),
		LaunchTime: &i.Launched, Monitoring: &api.Monitoring{State: new(i.monitoring())}, Placement: v.placement(), Platform: optional(i.Boots.Platform),
		PrivateDnsName: new(v.privateDNS()), ProductCodes: []api.ProductCode{}, PublicDnsName: new(v.publicDNS()), State: i.State.api(),
		StateTransitionReason: &i.Reason, Architecture: &i.Architecture, BlockDeviceMappings: v.blockDevices(), ClientToken: &i.Token,
		EbsOptimized: &i.EBSOptimized, EnaSupport: new(!i.NoENA), Hypervisor: new(v.hypervisor()), InstanceLifecycle: optional(i.LifeCycle),
		NetworkInterfaces: []api.InstanceNetworkInterface{}, RootDeviceName: &i.RootDevice, RootDeviceType: new("ebs"), SecurityGroups: []api.GroupIdentifier{},
		SpotInstanceRequestId: optional(i.SpotRequest), Tags: resource.ShownTags(resource.Tags(v.c, v.r, i.ID)), VirtualizationType: new("hvm"),
		CpuOptions:            &api.CpuOptions{CoreCount: new(int32(i.Cores)), ThreadsPerCore: new(int32(i.Threads)), AmdSevSnp: optional(i.SEV)},
		CapacityReservationId: optional(i.CapacityReservation), CapacityReservationSpecification: i.capacity(),
		HibernationOptions: &api.HibernationOptions{Configured: &i.Hibernation}, MetadataOptions: i.Metadata.api("applied"),
		EnclaveOptions: &api.EnclaveOptions{Enabled: &i.Enclave}, PlatformDetails: &details, UsageOperation: &operation, UsageOperationUpdateTime: &i.Launched,
		MaintenanceOptions: &api.InstanceMaintenanceOptions{AutoRecovery: new(i.recovery()), RebootMigration: new(i.rebootMigration())}, BootMode: optional(string(i.Boots.Firmware)), CurrentInstanceBootMode: new(i.bootMode()),
		NetworkPerformanceOptions: &api.InstanceNetworkPerformanceOptions{BandwidthWeighting: new(api.InstanceBandwidthWeightingDefault)}, Operator: resource.Unmanaged(),
	}
	if t.has('m') && i.Windows() {
		out.TpmSupport = new("v2.0")
	}
	if i.Profile != nil {
		out.IamInstanceProfile = &api.IamInstanceProfile{Arn: &i.Profile.ARN, Id: &i.Profile.ID}
	}
	if i.Why.Code != "" {
		out.StateReason = &api.StateReason{Code: &i.Why.Code, Message: &i.Why.Message}
	}
	for _, l := range i.Licenses {
		out.Licenses = append(out.Licenses, api.LicenseConfiguration{LicenseConfigurationArn: new(l)})
	}
	v.addNetwork(&out)
	return out
}

// addNetwork adds what only an instance with interfaces has.
func (v *view) addNetwork(out *api.Instance) {
	p := v.primary()
	if p == nil {
		return
	}
	out.VpcId, out.SubnetId = &v.VPC, &v.Subnet
	out.SecurityGroups = v.groupNames(p.Groups)
	out.SourceDestCheck = &p.SourceCheck
	out.PrivateDnsNameOptions = &api.PrivateDnsNameOptionsResponse{HostnameType: &v.NameType, EnableResourceNameDnsARecord: &v.NameA, EnableResourceNameDnsAAAARecord: &v.NameAAAA}
	if a, ok := v.firstAddress(); ok {
		out.PrivateIpAddress = new(a.Private.String())
		if a.Public.IsValid() {
			out.PublicIpAddress = new(a.Public.String())
		}
	}
	if len(p.IPv6) > 0 {
		out.Ipv6Address = new(p.IPv6[0].String())
	}
	for _, n := range v.nics() {
		out.NetworkInterfaces = append(out.NetworkInterfaces, v.nic(n))
	}
}

func (i *Instance) monitoring() string {
	if i.Monitoring {
		return "enabled"
	}
	return "disabled"
}

func (i *Instance) recovery() string {
	if i.NoAutoRecovery {
		return "disabled"
	}
	return "default"
}

// hypervisor is what the API says of all instances, Nitro ones too.
func (v *view) hypervisor() string { return "xen" }

func (v *view) placement() *api.Placement {
	p := &v.Placement
	zone, _ := region.ZoneNamed(v.Zone)
	out := &api.Placement{
		AvailabilityZone: &v.Zone, AvailabilityZoneId: &zone.ID, Tenancy: &p.Tenancy, Affinity: optional(p.Affinity), HostId: optional(p.Host), HostResourceGroupArn: optional(p.HostGroup), GroupName: new(""),
	}
	if g := v.groupOf(); g != nil {
		out.GroupName, out.GroupId = &g.Name, &g.ID
		if p.Partition > 0 {
			out.PartitionNumber = &p.Partition
		}
	}
	return out
}

func (i *Instance) capacity() *api.CapacityReservationSpecificationResponse {
	out := &api.CapacityReservationSpecificationResponse{CapacityReservationPreference: optional(i.CapacityPreference)}
	switch {
	case i.CapacityTarget == "" && i.CapacityPreference == "":
		out.CapacityReservationPreference = new("open")
	case len(i.CapacityTarget) > 3 && i.CapacityTarget[:3] == "cr-":
		out.CapacityReservationTarget = &api.CapacityReservationTargetResponse{CapacityReservationId: &i.CapacityTarget}
	case i.CapacityTarget != "":
		out.CapacityReservationTarget = &api.CapacityReservationTargetResponse{CapacityReservationResourceGroupArn: &i.CapacityTarget}
	}
	return out
}

func (v *view) blockDevices() []api.InstanceBlockDeviceMapping {
	list := v.attached()
	out := make([]api.InstanceBlockDeviceMapping, 0, len(list))
	for n := range list {
		a := &list[n]
		out = append(out, api.InstanceBlockDeviceMapping{DeviceName: &a.Device, Ebs: &api.EbsInstanceBlockDevice{
			VolumeId: &a.Volume, AttachTime: &a.At, Status: &a.State, DeleteOnTermination: &a.DeleteOnTermination,
		}})
	}
	return out
}

// nic is an interface of the instance.
func (v *view) nic(n *vpc.Interface) api.InstanceNetworkInterface {
	out := api.InstanceNetworkInterface{
		Description: &n.Description, Groups: v.groupNames(n.Groups), Ipv6Addresses: []api.InstanceIpv6Address{}, MacAddress: &n.MAC,
		NetworkInterfaceId: &n.ID, OwnerId: &n.Account, PrivateIpAddresses: []api.InstancePrivateIpAddress{}, SourceDestCheck: &n.SourceCheck,
		Status: new("in-use"), SubnetId: &n.Subnet, VpcId: &n.VPC, InterfaceType: &n.Type, Operator: resource.Unmanaged(),
	}
	if a := n.Attachment; a != nil {
		out.Attachment = &api.InstanceNetworkInterfaceAttachment{
			AttachTime: &a.At, AttachmentId: &a.ID, DeleteOnTermination: &a.DeleteOnTermination, DeviceIndex: new(int32(a.Index)), Status: new("attached"), NetworkCardIndex: new(int32(a.Card)),
		}
	}
	public := v.publicNames(v.VPC)
	for k, a := range n.Addresses {
		p := api.InstancePrivateIpAddress{PrivateIpAddress: new(a.Private.String()), Primary: new(k == 0), PrivateDnsName: new(addressName(v.Region, a.Private))}
		if a.Public.IsValid() {
			p.Association = &api.InstanceNetworkInterfaceAssociation{IpOwnerId: new(a.Owner), PublicIp: new(a.Public.String()), PublicDnsName: new("")}
			if public {
				p.Association.PublicDnsName = new(publicName(v.Region, a.Public))
			}
		}
		if k == 0 {
			out.PrivateIpAddress, out.PrivateDnsName, out.Association = p.PrivateIpAddress, p.PrivateDnsName, p.Association
		}
		out.PrivateIpAddresses = append(out.PrivateIpAddresses, p)
	}
	for k, a := range n.IPv6 {
		out.Ipv6Addresses = append(out.Ipv6Addresses, api.InstanceIpv6Address{Ipv6Address: new(a.String()), IsPrimaryIpv6: new(k == 0 && n.PrimaryIPv6)})
	}
	for _, p := range n.Prefixes {
		out.Ipv4Prefixes = append(out.Ipv4Prefixes, api.InstanceIpv4Prefix{Ipv4Prefix: new(p.String())})
	}
	for _, p := range n.IPv6Prefixes {
		out.Ipv6Prefixes = append(out.Ipv6Prefixes, api.InstanceIpv6Prefix{Ipv6Prefix: new(p.String())})
	}
	return out
}

// stampOf is how filters see times.
func stampOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func addrs(list []netip.Addr) (out []string) {
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}
