package ebs

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
	zones "pileus/zone"
)

const volumeKind = "volume" // in ARNs and tag specifications

// Wanted is a volume to be made.
type Wanted struct {
	Zone             string
	Size             *int32 // GiB; nil for the snapshot's
	Type             string // "" for gp2
	IOPS, Throughput *int32
	Encrypted        *bool
	KMSKey           *string
	MultiAttach      *bool
	Rate             *int32       // MiB/s
	Snapshot         string       // "" for none
	Image            *plane.Image // the volume begins as this image's root; takes precedence over Snapshot's content
	Tags             identity.Tags
}

// Create makes a volume's record; its controller makes the volume.
func (s *Room) Create(c *cloud.Call, tx store.Tx, w Wanted) (*Volume, error) {
	v, err := s.prepare(c, tx, w)
	if err != nil {
		return nil, err
	}
	v.ID = resource.NewID(c, "vol")
	resource.Register(c, tx, volumeKind, v.ID, w.Tags)
	put(tx, v)
	return v, nil
}

// Check says what is wrong with a volume that is wanted.
func (s *Room) Check(c *cloud.Call, r store.Reader, w Wanted) error {
	_, err := s.prepare(c, r, w)
	return err
}

// prepare works out a new volume's record, but for its id.
func (s *Room) prepare(c *cloud.Call, r store.Reader, w Wanted) (*Volume, error) {
	v := &Volume{Account: c.Account, Region: c.Region, Type: w.Type, Created: c.Now, State: api.VolumeStateCreating, Image: w.Image}
	where, err := findZone(c, w.Zone)
	if err != nil {
		return nil, err
	}
	v.Zone = where.Name
	if v.Type == "" {
		v.Type = api.VolumeTypeGp2
	}
	k, err := findKind(v.Type)
	if err != nil {
		return nil, err
	}
	size, sourceKey := cloud.Or(w.Size, 0), ""
	if w.Snapshot != "" {
		if sourceKey, err = v.begin(c, r, w.Snapshot, &size); err != nil {
			return nil, err
		}
	} else if w.Size == nil {
		return nil, resource.Missing("size or snapshotId")
	}
	if v.shape, err = k.check(size, asked{w.IOPS, w.Throughput, w.MultiAttach}); err != nil {
		return nil, err
	}
	if err := v.fillAt(w); err != nil {
		return nil, err
	}
	if v.Encrypted, v.KMSKey, err = encryption(c, r, w.Encrypted, w.KMSKey, sourceKey); err != nil {
		return nil, err
	}
	if v.Encrypted {
		err = s.canEncrypt()
	}
	return v, err
}

// The rates at which a volume's blocks can be asked to come from its snapshot,
// in MiB/s. Here a volume has all of them before it is available.
// https://docs.aws.amazon.com/ebs/latest/userguide/initalize-volume.html
const (
	leastRate = 100
	mostRate  = 300
)

// fillAt takes the rate that was asked for, which takes the place of a fast
// restore.
func (v *Volume) fillAt(w Wanted) error {
	switch {
	case w.Rate == nil:
		return nil
	case w.Snapshot == "" && w.Image == nil:
		return resource.Combination("The parameter VolumeInitializationRate is only supported for volumes created from snapshots.")
	case *w.Rate < leastRate || *w.Rate > mostRate:
		return resource.Errorf("InvalidParameterValue", "Volume initialization rate of %d MiB/s is invalid; it must be between %d and %d.", *w.Rate, leastRate, mostRate)
	}
	v.Rate, v.FastRestored = *w.Rate, false
	return nil
}

func findZone(c *cloud.Call, name string) (region.Zone, error) {
	if g, ok := region.Find(c.Region); ok {
		if z, ok := g.FindZone(name); ok {
			return z, nil
		}
	}
	return region.Zone{}, errNoZone(name)
}

// begin makes a new volume a copy of a snapshot, which has its size unless
// another was asked for.
func (v *Volume) begin(c *cloud.Call, r store.Reader, id string, size *int32) (key string, err error) {
	s, err := Restorable(c, r, id)
	if err != nil {
		return "", err
	}
	if *size == 0 {
		*size = s.Size
	}
	if *size < s.Size {
		return "", errTooSmall(*size, id, s.Size)
	}
	v.Snapshot = id
	v.FastRestored = s.fast(v.Zone, c.Now)
	if v.Image == nil {
		v.Content, v.Image = s.Content, s.Image
	}
	if v.Image == nil && s.domain() == domainOf(v.Account, v.Region, v.KMSKey) {
		v.Latest = s.Content
	}
	return s.KMSKey, nil
}

func (s *Room) createVolume(c *cloud.Call, tx store.Tx, in *api.CreateVolumeInput) (*api.Volume, error) {
	if err := resource.OnlyTags(in.TagSpecifications, volumeKind); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, volumeKind)
	if err != nil {
		return nil, err
	}
	if in.OutpostArn != nil {
		return nil, resource.Unsupported("There are no Outposts in this cloud.")
	}
	named, err := resource.ZoneName(c, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	zone := cloud.Or(named, "")
	if zone == "" {
		return nil, resource.Missing("AvailabilityZone")
	}
	return resource.Once(c, tx, "CreateVolume", in.ClientToken, in, func() (*api.Volume, error) {
		if zones.Down(tx, zone) {
			return nil, errNoCapacity
		}
		v, err := s.Create(c, tx, Wanted{
			Zone: zone, Size: in.Size, Type: cloud.Or(in.VolumeType, ""), IOPS: in.Iops, Throughput: in.Throughput,
			Encrypted: in.Encrypted, KMSKey: in.KmsKeyId, MultiAttach: in.MultiAttachEnabled, Snapshot: cloud.Or(in.SnapshotId, ""), Rate: in.VolumeInitializationRate, Tags: tags,
		})
		if err != nil {
			return nil, err
		}
		out := v.api(c, tx)
		if out.Tags == nil {
			out.Tags = []api.Tag{} // the calls that make volumes show that there are none
		}
		return out, nil
	})
}

// deleteVolume has a volume go that nothing uses, or moves it to the Recycle Bin
// where a retention rule says so.
func deleteVolume(c *cloud.Call, tx store.Tx, in *api.DeleteVolumeInput) (*cloud.Empty, error) {
	return &cloud.Empty{}, change(c, tx, in.VolumeId, func(v *Volume) error {
		switch {
		case len(v.Attachments) > 0:
			return resource.Errorf("VolumeInUse", "Volume %s is currently attached to %s", v.ID, v.Attachments[0].Instance)
		case v.State == api.VolumeStateDeleting:
			return errNoVolume(v.ID)
		}
		return v.delete(c, tx)
	})
}
