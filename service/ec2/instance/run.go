package instance

import (
	"encoding/base64"
	"slices"
	"strconv"

	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// maxUserData is how many bytes of user data an instance may have.
const maxUserData = 16 * 1024

// launch is a request to run instances, checked and with everything that it
// names looked up.
type launch struct {
	in       *api.RunInstancesInput
	image    Image
	kind     *Type
	cores    int
	threads  int
	specs    []interfaceSpec
	subnet   *vpc.Subnet // of the primary interface
	key      *keyPair    // nil: none
	data     []byte
	profile  *Profile
	group    *placementGroup
	place    Placement
	devices  []api.BlockDeviceMapping // volumes
	store    []StoreDisk
	metadata MetadataOptions
	credits  string
	tags     struct{ instance, volume, iface identity.Tags }
}

func (s *Room) runInstances(c *cloud.Call, tx store.Tx, in *api.RunInstancesInput) (*api.Reservation, error) {
	if err := vpc.EnsureDefaults(c, tx); err != nil {
		return nil, err
	}
	return resource.Once(c, tx, "RunInstances", in.ClientToken, in, func() (*api.Reservation, error) {
		full, err := s.filledIn(c, tx, in)
		if err != nil {
			return nil, err
		}
		l, err := s.prepare(c, tx, full)
		if err != nil {
			return nil, err
		}
		return l.run(c, tx, s)
	})
}

// filledIn is the request with what its launch template says, and with its zone
// by name.
func (s *Room) filledIn(c *cloud.Call, r store.Reader, in *api.RunInstancesInput) (*api.RunInstancesInput, error) {
	full := *in
	if in.LaunchTemplate != nil {
		if s.Hooks.Template == nil {
			return nil, resource.Unsupported("Launch templates are not available.")
		}
		run, err := s.Hooks.Template(c, r, in)
		if err != nil {
			return nil, err
		}
		full = *run
	}
	var err error
	full.Placement, err = ReadPlacement(c, full.Placement)
	return &full, err
}

// ReadPlacement is a placement whose zone may be given by its id, with the
// zone's name instead.
func ReadPlacement(c *cloud.Call, p *api.Placement) (*api.Placement, error) {
	if p == nil || p.AvailabilityZoneId == nil {
		return p, nil
	}
	name, err := resource.ZoneName(c, p.AvailabilityZone, p.AvailabilityZoneId)
	d := *p
	d.AvailabilityZone, d.AvailabilityZoneId = name, nil
	return &d, err
}

// prepare checks a request and looks up what it names.
func (s *Room) prepare(c *cloud.Call, r store.Reader, in *api.RunInstancesInput) (*launch, error) {
	l := &launch{in: in}
	for _, step := range []func(*cloud.Call, store.Reader) error{
		l.counts,
		func(c *cloud.Call, r store.Reader) error { return l.findImage(c, r, s.images) },
		l.findType,
		func(*cloud.Call, store.Reader) error { return s.canBoot(l.image.Boots, l.kind) },
		l.findKey, l.findTags, l.findData, l.findNetwork, l.findPlacement, l.findProfile,
		func(c *cloud.Call, r store.Reader) error { return l.findDevices(c, r, s.volumes) },
		l.findOptions,
	} {
		if err := step(c, r); err != nil {
			return nil, err
		}
	}
	if in.InstanceMarketOptions != nil {
		if s.Hooks.Market == nil {
			return nil, resource.Unsupported("Market options are not available.")
		}
		if err := s.Hooks.Market(c, r, in); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *launch) counts(*cloud.Call, store.Reader) error {
	switch in := l.in; {
	case in.MinCount < 1:
		return resource.Errorf("InvalidParameterValue", "Invalid value '%d' for minCount. Must be a positive integer.", in.MinCount)
	case in.MaxCount < in.MinCount:
		return resource.Errorf("InvalidParameterValue", "Invalid value '%d' for maxCount. Must be greater than or equal to minCount.", in.MaxCount)
	case len(in.ElasticGpuSpecification) > 0:
		return resource.Unsupported("Amazon Elastic Graphics has reached end of life.")
	case len(in.ElasticInferenceAccelerators) > 0:
		return resource.Unsupported("Amazon Elastic Inference is no longer available.")
	case cloud.Or(in.InstanceInitiatedShutdownBehavior, "stop") != "stop" && *in.InstanceInitiatedShutdownBehavior != "terminate":
		return resource.Invalid(*in.InstanceInitiatedShutdownBehavior, "InstanceInitiatedShutdownBehavior")
	}
	return nil
}

func (l *launch) findImage(c *cloud.Call, r store.Reader, images Images) (err error) {
	id := cloud.Or(l.in.ImageId, "")
	if id == "" {
		return resource.Missing("ImageId")
	}
	l.image, err = images.Find(c, r, id)
	return err
}

// canBoot refuses images of which no machine of a type could run here.
func (s *Room) canBoot(image plane.Image, t *Type) error {
	if image.Firmware == plane.UEFI && !t.uefi() {
		return errUEFI(t)
	}
	image.Firmware = t.firmware(image.Firmware)
	if err := s.plane.CanBoot(image); err != nil {
		return resource.Unsupported("This cloud cannot run instances of that image: %v", err)
	}
	return nil
}

// defaultType is what a request that names no type gets.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
const defaultType = "m1.small"

func (l *launch) findType(*cloud.Call, store.Reader) error {
	name := cloud.Or(l.in.InstanceType, defaultType)
	t, ok := FindType(name)
	if !ok {
		return errType(name)
	}
	if !slices.Contains(t.Architectures, l.image.Architecture) {
		return errArchitecture(t, l.image.Architecture)
	}
	if l.image.NoENA && t.network.ena == api.EnaSupportRequired {
		return errENA(t)
	}
	l.kind, l.cores, l.threads = t, t.cores, t.threads
	if o := l.in.CpuOptions; o != nil {
		return l.findCPU(o)
	}
	return nil
}

func (l *launch) findCPU(o *api.CpuOptionsRequest) error {
	if cloud.Or(o.NestedVirtualization, "disabled") != "disabled" {
		return errNested(l.kind.Name)
	}
	cores, threads := cloud.Or(o.CoreCount, int32(l.cores)), cloud.Or(o.ThreadsPerCore, int32(l.threads))
	given := o.CoreCount != nil || o.ThreadsPerCore != nil
	if given && (!slices.Contains(l.kind.validCores, cores) || !slices.Contains(l.kind.validThreads, threads)) {
		return errCPU(l.kind, cores, threads)
	}
	l.cores, l.threads = int(cores), int(threads)
	return nil
}

func (l *launch) findKey(c *cloud.Call, r store.Reader) error {
	name := cloud.Or(l.in.KeyName, "")
	if name == "" {
		return nil
	}
	k, ok := findKeyPair(c, r, "", name)
	if !ok {
		return errNoKeyPair(name)
	}
	if l.image.Boots.Platform == "windows" && k.Type != "rsa" {
		return errWindowsKey
	}
	l.key = k
	return nil
}

func (l *launch) findTags(*cloud.Call, store.Reader) (err error) {
	specs := l.in.TagSpecifications
	if err = resource.OnlyTags(specs, "instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu"); err != nil {
		return err
	}
	if l.tags.instance, err = resource.SpecifiedTags(specs, "instance"); err != nil {
		return err
	}
	if l.tags.volume, err = resource.SpecifiedTags(specs, "volume"); err != nil {
		return err
	}
	l.tags.iface, err = resource.SpecifiedTags(specs, "network-interface")
	return err
}

func (l *launch) findData(*cloud.Call, store.Reader) (err error) {
	l.data, err = decodeUserData(cloud.Or(l.in.UserData, ""))
	return err
}

func decodeUserData(text string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, resource.Errorf("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
	}
	return data, checkUserData(data)
}

func checkUserData(data []byte) error {
	if len(data) > maxUserData {
		return resource.Errorf("InvalidParameterValue", "User data is limited to 16384 bytes")
	}
	return nil
}

func (l *launch) findProfile(c *cloud.Call, r store.Reader) error {
	if l.in.IamInstanceProfile == nil {
		return nil
	}
	p, err := findProfile(c, r, *l.in.IamInstanceProfile)
	if err != nil {
		return err
	}
	l.profile = newProfile(c, p)
	return nil
}

// findOptions are what remains: metadata, credits, hibernation, enclaves.
func (l *launch) findOptions(c *cloud.Call, r store.Reader) (err error) {
	in := l.in
	if l.metadata, err = launchMetadata(c, r, l.image, in.MetadataOptions); err != nil {
		return err
	}
	if l.credits, err = launchCredits(c, r, l.kind, in.CreditSpecification); err != nil {
		return err
	}
	hibernates := l.hibernates()
	enclave := in.EnclaveOptions != nil && cloud.Or(in.EnclaveOptions.Enabled, false)
	switch {
	case enclave && hibernates:
		return errEnclaveHibernates
	case enclave && !l.kind.has('n'):
		return errNoEnclaves(l.kind)
	case in.NetworkPerformanceOptions != nil && cloud.Or(in.NetworkPerformanceOptions.BandwidthWeighting, "default") != "default":
		return resource.Unsupported("Bandwidth weighting is not supported for instance type %s.", l.kind.Name)
	case in.MaintenanceOptions != nil && !oneOf(in.MaintenanceOptions.AutoRecovery, "default", "disabled"):
		return resource.Invalid(*in.MaintenanceOptions.AutoRecovery, "MaintenanceOptions.AutoRecovery")
	}
	return nil
}

// oneOf tells whether an optional value is one of some; absent is fine.
func oneOf(p *string, values ...string) bool { return p == nil || slices.Contains(values, *p) }

// run makes the instances: as many as there is room for, but not fewer than
// was asked for.
func (l *launch) run(c *cloud.Call, tx store.Tx, s *Room) (*api.Reservation, error) {
	out := &api.Reservation{OwnerId: &c.Account, ReservationId: new(resource.NewID(c, "r")), Groups: []api.GroupIdentifier{}}
	b := newBook(c, tx)
	b.many = l.in.MaxCount > 1
	var made []*Instance
	for n := range int(l.in.MaxCount) {
		i, err := l.make(c, tx, s, n, *out.ReservationId)
		if err != nil {
			if n >= int(l.in.MinCount) && noRoom(err) {
				break
			}
			return nil, err
		}
		made = append(made, i)
	}
	for _, i := range made {
		v := &view{Instance: i, book: b, room: s}
		out.Instances = append(out.Instances, begun(v.api()))
	}
	return out, nil
}

// begun is a new instance as the answer to its launch has it. Volumes are not
// attached by then and public addresses not lent, which is why AWS tells them
// only from DescribeInstances on.
func begun(i api.Instance) api.Instance {
	i.BlockDeviceMappings, i.PublicIpAddress, i.PublicDnsName = []api.InstanceBlockDeviceMapping{}, nil, new("")
	i.MetadataOptions.State = new(api.InstanceMetadataOptionsStatePending)
	if i.Tags == nil {
		i.Tags = []api.Tag{}
	}
	for n := range i.NetworkInterfaces {
		e := &i.NetworkInterfaces[n]
		e.Association = nil
		if e.Attachment != nil {
			e.Attachment.Status = new(api.AttachmentStatusAttaching)
		}
		for k := range e.PrivateIpAddresses {
			e.PrivateIpAddresses[k].Association = nil
		}
	}
	return i
}

// noRoom tells whether an error means that there is no more capacity.
func noRoom(err error) bool {
	e, ok := err.(*cloud.Error)
	return ok && slices.Contains([]string{"InsufficientFreeAddressesInSubnet", "InsufficientInstanceCapacity", "InsufficientAddressCapacity"}, e.Code)
}

// make makes one instance, to be booted by the controller.
func (l *launch) make(c *cloud.Call, tx store.Tx, s *Room, n int, reservation string) (*Instance, error) {
	i := l.record(c, n, reservation)
	if err := capacity(c, tx, i, l.tags.instance); err != nil {
		return nil, err
	}
	if err := l.group.admit(tx, i); err != nil {
		return nil, err
	}
	if err := l.attach(c, tx, i); err != nil {
		return nil, err
	}
	if _, err := s.volumes.Launch(c, tx, i.ID, i.Zone, l.mappings()); err != nil {
		return nil, err
	}
	var err error
	if i.Windows() && l.key != nil {
		if i.Password, err = newPassword(l.key); err != nil {
			return nil, err
		}
	}
	for _, f := range s.Hooks.Launching {
		if err := f(c, tx, l.in, i); err != nil {
			return nil, err
		}
	}
	if len(l.data) > 0 {
		userDatas.Put(tx, &userData{Account: i.Account, Region: i.Region, ID: i.ID, Data: l.data})
	}
	tags := l.tags.instance
	if s.Hooks.Tags != nil {
		tags = append(tags[:len(tags):len(tags)], s.Hooks.Tags(c, tx, l.in)...)
	}
	resource.Register(c, tx, "instance", i.ID, tags)
	s.become(c, tx, i, Pending)
	return i, nil
}

// mappings are the volumes of one instance. The root volume begins as the
// image's root file system unless the image lies in a snapshot.
func (l *launch) mappings() (list []ebs.Mapping) {
	for _, d := range l.devices {
		m := ebs.Mapping{Device: *d.DeviceName, EBS: d.Ebs, Tags: l.tags.volume}
		if m.Device == l.image.RootDevice && d.Ebs.SnapshotId == nil {
			m.Image = &l.image.Boots
		}
		list = append(list, m)
	}
	return list
}

// record is the instance as the request wants it.
func (l *launch) record(c *cloud.Call, n int, reservation string) *Instance {
	in := l.in
	i := &Instance{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "i"), Reservation: reservation, LaunchIndex: n, Token: cloud.Or(in.ClientToken, ""),
		Image: l.image.ID, Boots: l.image.Boots, RootDevice: l.image.RootDevice, Architecture: l.image.Architecture, NoENA: l.image.NoENA, User: l.image.User,
		Type: l.kind.Name, Cores: l.cores, Threads: l.threads, VPC: l.subnet.VPC, Subnet: l.subnet.ID, Zone: l.subnet.Zone,
		State: none, Boot: 1, Launched: c.Now, Why: Reason{"pending", "pending"},
		Monitoring: in.Monitoring != nil && in.Monitoring.Enabled, EBSOptimized: cloud.Or(in.EbsOptimized, false),
		NoTermination: cloud.Or(in.DisableApiTermination, false), NoStop: cloud.Or(in.DisableApiStop, false),
		TerminateOnShutdown: cloud.Or(in.InstanceInitiatedShutdownBehavior, "stop") == "terminate",
		Hibernation:         l.hibernates(),
		Enclave:             in.EnclaveOptions != nil && cloud.Or(in.EnclaveOptions.Enabled, false),
		NoAutoRecovery:      in.MaintenanceOptions != nil && cloud.Or(in.MaintenanceOptions.AutoRecovery, "default") == "disabled",
		Credits:             l.credits, Metadata: l.metadata, Placement: l.place, Store: l.store,
	}
	l.nameOptions(i)
	if l.key != nil {
		i.KeyName, i.PublicKey = l.key.Name, l.key.Public
	}
	if l.profile != nil {
		i.Profile = new(*l.profile)
		i.Profile.Association = resource.NewID(c, "iip-assoc")
	}
	if o := in.CpuOptions; o != nil {
		i.SEV = cloud.Or(o.AmdSevSnp, "")
	}
	if o := in.CapacityReservationSpecification; o != nil {
		i.CapacityPreference = cloud.Or(o.CapacityReservationPreference, "")
		if t := o.CapacityReservationTarget; t != nil {
			i.CapacityTarget = cloud.Or(t.CapacityReservationId, cloud.Or(t.CapacityReservationResourceGroupArn, ""))
		}
	}
	for _, o := range in.LicenseSpecifications {
		i.Licenses = append(i.Licenses, cloud.Or(o.LicenseConfigurationArn, ""))
	}
	return i
}

// none is the state of an instance before its first.
const none State = -1

// nameOptions are the request's, or else the subnet's.
func (l *launch) nameOptions(i *Instance) {
	i.NameType, i.NameA, i.NameAAAA = l.subnet.HostnameType, l.subnet.ResourceA, l.subnet.ResourceAAAA
	if o := l.in.PrivateDnsNameOptions; o != nil {
		i.NameType = cloud.Or(o.HostnameType, i.NameType)
		i.NameA = cloud.Or(o.EnableResourceNameDnsARecord, i.NameA)
		i.NameAAAA = cloud.Or(o.EnableResourceNameDnsAAAARecord, i.NameAAAA)
	}
	if i.NameType == "" {
		i.NameType = "ip-name"
	}
}

// findDevices joins the image's block device mappings with the request's, and
// tells instance store from volumes.
func (l *launch) findDevices(c *cloud.Call, r store.Reader, volumes *ebs.Room) error {
	merged, err := mergeDevices(l.image.Devices, l.in.BlockDeviceMappings)
	if err != nil {
		return err
	}
	if err := l.rootHolds(c.Region, merged); err != nil {
		return err
	}
	virtual := map[string]string{} // "ephemeral0" to its device
	for _, m := range merged {
		switch name := cloud.Or(m.VirtualName, ""); {
		case m.Ebs != nil:
			l.devices = append(l.devices, m)
		case name != "":
			virtual[name] = *m.DeviceName
		}
	}
	l.store = storeOf(l.kind, virtual)
	if err := volumes.CheckMappings(c, r, l.subnet.Zone, l.mappings()); err != nil {
		return err
	}
	return l.canHibernate(c, r, volumes)
}

// storeOf are the disks of an instance of a type: those that are mapped to
// devices, and where they are NVMe disks all of them.
func storeOf(t *Type, mapped map[string]string) (list []StoreDisk) {
	for n, gb := range t.storeDisks() {
		name := "ephemeral" + strconv.Itoa(n)
		device, ok := mapped[name]
		if t.diskNVMe != "unsupported" {
			device, ok = "/dev/nvme"+strconv.Itoa(n+1)+"n1", true
		}
		if ok {
			list = append(list, StoreDisk{Device: device, Name: name, GB: gb})
		}
	}
	return list
}

// storeDisks are the sizes of the type's disks.
func (t *Type) storeDisks() (list []int) {
	for _, d := range t.Disks {
		for range d.Count {
			list = append(list, d.GB)
		}
	}
	return list
}

// rootHolds refuses a root volume that is smaller than the image's. Where an
// image lies in snapshots, their volumes are held against them; this is for the
// catalogue's images, whose roots are not made from their snapshots.
func (l *launch) rootHolds(region string, merged []api.BlockDeviceMapping) error {
	i, ok := ami.Find(region, l.image.ID)
	if !ok {
		return nil
	}
	for _, m := range merged {
		if cloud.Or(m.DeviceName, "") != i.RootDevice || m.Ebs == nil || m.Ebs.SnapshotId != nil {
			continue
		}
		if size := cloud.Or(m.Ebs.VolumeSize, i.RootGiB); size < i.RootGiB {
			return resource.Errorf("InvalidBlockDeviceMapping", "Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB", size, i.SnapshotID(region), i.RootGiB)
		}
	}
	return nil
}

// mergeDevices lays the request's mappings over the image's.
func mergeDevices(image, request []api.BlockDeviceMapping) ([]api.BlockDeviceMapping, error) {
	out := slices.Clone(image)
	seen := map[string]bool{}
	for _, m := range request {
		name := cloud.Or(m.DeviceName, "")
		if name == "" {
			return nil, resource.Missing("BlockDeviceMapping.DeviceName")
		}
		if seen[name] {
			return nil, resource.Errorf("InvalidBlockDeviceMapping", "The device '%s' is used in more than one block-device mapping", name)
		}
		seen[name] = true
		at := slices.IndexFunc(out, func(o api.BlockDeviceMapping) bool { return *o.DeviceName == name })
		switch {
		case m.NoDevice != nil:
			if at >= 0 {
				out = slices.Delete(out, at, at+1)
			}
		case at < 0:
			out = append(out, m)
		case m.Ebs != nil && out[at].Ebs != nil:
			e := overlay(*out[at].Ebs, *m.Ebs)
			out[at].Ebs = &e
		default:
			out[at] = m
		}
	}
	return out, nil
}

// overlay is a with what b says otherwise.
func overlay(a, b api.EbsBlockDevice) api.EbsBlockDevice {
	over(&a.DeleteOnTermination, b.DeleteOnTermination)
	over(&a.SnapshotId, b.SnapshotId)
	over(&a.VolumeSize, b.VolumeSize)
	over(&a.KmsKeyId, b.KmsKeyId)
	over(&a.Encrypted, b.Encrypted)
	if b.VolumeType != nil && cloud.Or(a.VolumeType, "") != *b.VolumeType {
		a.VolumeType, a.Iops, a.Throughput = b.VolumeType, nil, nil
	}
	over(&a.Iops, b.Iops)
	over(&a.Throughput, b.Throughput)
	over(&a.VolumeInitializationRate, b.VolumeInitializationRate)
	return a
}

func over[T any](p **T, v *T) {
	if v != nil {
		*p = v
	}
}
