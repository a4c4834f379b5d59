package image

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/store"
)

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9()\[\] ./\-'@_]{3,128}$`)

// create enters a new image, whose name must be free in the account.
func (i *Image) create(c *cloud.Call, tx store.Tx, specs []api.TagSpecification) error {
	if !namePattern.MatchString(i.Name) {
		return resource.Errorf("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/' and '_'")
	}
	for old := range images.Index(tx, "name", i.Region, i.Account, i.Name) {
		return resource.Errorf("InvalidAMIName.Duplicate", "AMI name %s is already in use by AMI %s", i.Name, old.ID)
	}
	tags, err := resource.SpecifiedTags(specs, kind)
	if err != nil {
		return err
	}
	i.ID, i.Account, i.Region, i.Created = resource.NewID(c, "ami"), c.Account, c.Region, c.Now
	resource.Register(c, tx, kind, i.ID, tags)
	images.Put(tx, i)
	return nil
}

// createImage makes an image of an instance: of all of its volumes at one
// moment. The instance restarts unless it is told not to.
func (s *Room) createImage(c *cloud.Call, tx store.Tx, in *api.CreateImageInput) (*api.CreateImageOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, kind, "snapshot"); err != nil {
		return nil, err
	}
	instance, err := s.Instance(c, tx, in.InstanceId)
	if err != nil {
		return nil, err
	}
	base, err := find(c, tx, instance.Image)
	if err != nil { // it was deregistered meanwhile
		base = &Image{Boots: plane.Image{Kind: plane.BuiltIn}, User: "ec2-user"}
	}
	i := &Image{
		Account: c.Account, Region: c.Region, Name: in.Name, Description: cloud.Or(in.Description, ""), Architecture: instance.Architecture,
		Boots: base.Boots, User: base.User, RootDevice: instance.RootDevice, IMDS: base.IMDS, BootMode: base.BootMode, TPM: base.TPM, Source: in.InstanceId,
		From: instance.Image, FromRegion: c.Region, NoENA: instance.NoENA, NoSRIOV: base.NoSRIOV,
	}
	if i.Devices, err = snapshotted(c, tx, in); err != nil {
		return nil, err
	}
	if err := i.create(c, tx, in.TagSpecifications); err != nil {
		return nil, err
	}
	if instance.Running && !cloud.Or(in.NoReboot, false) && s.Reboot != nil {
		if err := s.Reboot(c, tx, in.InstanceId); err != nil {
			return nil, err
		}
		ebs.AfterRestart(c, tx, in.InstanceId, i.snapshots())
	}
	return &api.CreateImageOutput{ImageId: &i.ID}, nil
}

// snapshots are the ids of those that the image consists of.
func (i *Image) snapshots() (ids []string) {
	for _, d := range i.Devices {
		if d.Snapshot != "" {
			ids = append(ids, d.Snapshot)
		}
	}
	return ids
}

// snapshotted takes snapshots of an instance's volumes and returns the mappings
// of an image of them, changed as the request says.
func snapshotted(c *cloud.Call, tx store.Tx, in *api.CreateImageInput) ([]Device, error) {
	changed := map[string]api.BlockDeviceMapping{}
	var excluded []string
	for _, m := range in.BlockDeviceMappings {
		if err := noRate(m); err != nil {
			return nil, err
		}
		changed[cloud.Or(m.DeviceName, "")] = m
	}
	placed := ebs.Attachments(c, tx, in.InstanceId)
	for _, p := range placed {
		if m, ok := changed[p.Device]; ok && m.NoDevice != nil {
			excluded = append(excluded, p.Volume)
		}
	}
	var specs []api.TagSpecification
	for _, t := range in.TagSpecifications {
		if cloud.Or(t.ResourceType, "") == "snapshot" {
			specs = append(specs, t)
		}
	}
	taken, err := api.CreateSnapshots.Call(identity.AsAccount(c), &api.CreateSnapshotsInput{
		InstanceSpecification: api.InstanceSpecification{InstanceId: in.InstanceId, ExcludeDataVolumeIds: excluded},
		Description:           new("Created by CreateImage(" + in.InstanceId + ")"), TagSpecifications: specs,
	})
	if err != nil {
		return nil, err
	}
	var list []Device
	for _, s := range taken.Snapshots {
		for _, p := range placed {
			if p.Volume != *s.VolumeId {
				continue
			}
			v, err := ebs.FindVolume(c, tx, p.Volume)
			if err != nil {
				return nil, err
			}
			d := Device{
				Name: p.Device, Snapshot: *s.SnapshotId, GiB: *s.VolumeSize, Type: v.Type,
				Encrypted: v.Encrypted, KMSKey: v.KMSKey, Delete: p.DeleteOnTermination,
			}
			switch v.Type { // of the others they follow from the size
			case api.VolumeTypeGp3:
				d.IOPS, d.Through = v.IOPS, v.Throughput
			case api.VolumeTypeIo1, api.VolumeTypeIo2:
				d.IOPS = v.IOPS
			}
			list = append(list, d.with(changed[p.Device]))
		}
	}
	for _, m := range in.BlockDeviceMappings {
		if !slices.ContainsFunc(list, func(d Device) bool { return d.Name == cloud.Or(m.DeviceName, "") }) && m.NoDevice == nil {
			list = append(list, Device{Name: cloud.Or(m.DeviceName, ""), Delete: true}.with(m))
		}
	}
	return list, nil
}

// noRate refuses what is said when a volume is made, not when an image is.
func noRate(m api.BlockDeviceMapping) error {
	if m.Ebs != nil && m.Ebs.VolumeInitializationRate != nil {
		return resource.Combination("The parameter VolumeInitializationRate is not supported in the block device mappings of an image.")
	}
	return nil
}

// with is the device as a request changes it.
func (d Device) with(m api.BlockDeviceMapping) Device {
	if m.VirtualName != nil {
		d.Virtual = *m.VirtualName
	}
	e := m.Ebs
	if e == nil {
		return d
	}
	d.GiB, d.Type = cloud.Or(e.VolumeSize, d.GiB), cloud.Or(e.VolumeType, d.Type)
	d.IOPS, d.Through = cloud.Or(e.Iops, d.IOPS), cloud.Or(e.Throughput, d.Through)
	d.Encrypted, d.KMSKey = cloud.Or(e.Encrypted, d.Encrypted), cloud.Or(e.KmsKeyId, d.KMSKey)
	d.Delete, d.Snapshot = cloud.Or(e.DeleteOnTermination, d.Delete), cloud.Or(e.SnapshotId, d.Snapshot)
	return d
}

// registerImage makes an image of snapshots.
func registerImage(c *cloud.Call, tx store.Tx, in *api.RegisterImageInput) (*api.RegisterImageOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, kind); err != nil {
		return nil, err
	}
	if cloud.Or(in.ImageLocation, "") != "" {
		return nil, resource.Unsupported("Images in S3 (instance store-backed) are not supported; register one of a snapshot")
	}
	if in.UefiData != nil {
		return nil, resource.Unsupported("Images of this cloud do not carry UEFI variables: register the image without UefiData")
	}
	i := &Image{
		Account: c.Account, Region: c.Region, Name: in.Name, Description: cloud.Or(in.Description, ""), Architecture: cloud.Or(in.Architecture, "i386"),
		RootDevice: cloud.Or(in.RootDeviceName, "/dev/sda1"), Boots: plane.Image{Kind: plane.Whole}, User: "ec2-user",
		IMDS: cloud.Or(in.ImdsSupport, ""), BootMode: cloud.Or(in.BootMode, ""), TPM: cloud.Or(in.TpmSupport, ""),
		NoENA: !cloud.Or(in.EnaSupport, false), NoSRIOV: cloud.Or(in.SriovNetSupport, "") != sriov,
	}
	for _, m := range in.BlockDeviceMappings {
		if err := noRate(m); err != nil {
			return nil, err
		}
		d := Device{Name: cloud.Or(m.DeviceName, ""), Delete: true, Type: "gp2"}.with(m)
		if d.Snapshot != "" {
			s, err := ebs.Restorable(c, tx, d.Snapshot)
			if err != nil {
				return nil, err
			}
			d.GiB = max(d.GiB, s.Size)
			d.Encrypted = s.Encrypted
			if origin, ok := i.origin(c, tx, d); ok && d.Name == i.RootDevice {
				i.Boots, i.User = origin.Boots, origin.User
			}
		}
		i.Devices = append(i.Devices, d)
	}
	root := slices.IndexFunc(i.Devices, func(d Device) bool { return d.Name == i.RootDevice })
	if root < 0 || i.Devices[root].Snapshot == "" {
		return nil, resource.Errorf("InvalidBlockDeviceMapping", "A root device with a snapshot is required: no mapping for %s", i.RootDevice)
	}
	if err := i.create(c, tx, in.TagSpecifications); err != nil {
		return nil, err
	}
	return &api.RegisterImageOutput{ImageId: &i.ID}, nil
}

// origin is the image whose instances' root the device's snapshot was taken
// of, as far as that is known: it tells how the root boots.
func (i *Image) origin(c *cloud.Call, r store.Reader, d Device) (*Image, bool) {
	for _, known := range catalogue(c.Region) {
		if known.Devices[0].Snapshot == d.Snapshot {
			return known, true
		}
	}
	for known := range images.Index(r, "snapshot", c.Region, d.Snapshot) {
		return known, true
	}
	s, err := ebs.FindSnapshot(c, r, d.Snapshot)
	if err != nil {
		return nil, false
	}
	v, err := ebs.FindVolume(c, r, s.Volume)
	if err != nil || v.Image == nil {
		return nil, false
	}
	return &Image{Boots: *v.Image, User: "ec2-user"}, true
}

// copyImage copies an image and its snapshots from another region, or this one.
func copyImage(c *cloud.Call, tx store.Tx, in *api.CopyImageInput) (*api.CopyImageOutput, error) {
	return resource.Once(c, tx, "CopyImage", in.ClientToken, in, func() (*api.CopyImageOutput, error) {
		if in.DestinationOutpostArn != nil {
			return nil, resource.Unsupported("There are no Outposts in this cloud.")
		}
		if in.DestinationAvailabilityZone != nil || in.DestinationAvailabilityZoneId != nil {
			return nil, resource.Unsupported("There are no Local Zones in this cloud.")
		}
		there := c.In(c.Account, in.SourceRegion)
		source, err := visible(there, tx, in.SourceImageId)
		if err != nil {
			return nil, err
		}
		if state, _ := source.state(there, tx); state != api.ImageStateAvailable {
			return nil, resource.Errorf("InvalidAMIID.Unavailable", "The image ID '%s' is not available", source.ID)
		}
		if source.imported() {
			return nil, errImported
		}
		i := *source
		i.Alias, i.Name, i.Description = "", in.Name, cloud.Or(in.Description, source.Description)
		i.Public, i.Shared, i.Orgs, i.Disabled = false, nil, nil, false
		i.Launched, i.Ended, i.Protection, i.Until = time.Time{}, time.Time{}, "", time.Time{}
		i.Account, i.Region, i.Source = c.Account, c.Region, ""
		i.From, i.FromRegion = source.ID, source.Region
		i.Devices = slices.Clone(source.Devices)
		for n := range i.Devices {
			if err := i.Devices[n].copySnapshot(c, source, in); err != nil {
				return nil, err
			}
		}
		specs := in.TagSpecifications
		if cloud.Or(in.CopyImageTags, false) {
			specs = append(specs, api.TagSpecification{ResourceType: new(kind), Tags: resource.APITags(resource.Tags(there, tx, source.ID))})
		}
		if err := i.create(c, tx, specs); err != nil {
			return nil, err
		}
		return &api.CopyImageOutput{ImageId: &i.ID}, nil
	})
}

func (d *Device) copySnapshot(c *cloud.Call, source *Image, in *api.CopyImageInput) error {
	if d.Snapshot == "" {
		return nil
	}
	var within *int32
	if m := in.SnapshotCopyCompletionDurationMinutes; m != nil {
		within = new(int32(min(*m, math.MaxInt32))) // too many is refused
	}
	out, err := api.CopySnapshot.Call(identity.AsAccount(c), &api.CopySnapshotInput{
		SourceRegion: source.Region, SourceSnapshotId: d.Snapshot, Encrypted: in.Encrypted, KmsKeyId: in.KmsKeyId, CompletionDurationMinutes: within,
		Description: new("Copied for DestinationAmi from SourceAmi " + source.ID + " for SourceSnapshot " + d.Snapshot + ". Task created on " + strconv.FormatInt(c.Now.UnixMilli(), 10) + "."),
	})
	if err != nil {
		return err
	}
	d.Snapshot = *out.SnapshotId
	d.Encrypted = d.Encrypted || cloud.Or(in.Encrypted, false)
	return nil
}
