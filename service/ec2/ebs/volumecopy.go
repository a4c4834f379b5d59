package ebs

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs/blocks"
	"pileus/service/ec2/resource"
	"pileus/store"
	zones "pileus/zone"
)

// copyVolumes makes a volume that is to hold what another of its zone holds at
// one moment soon after.
// https://docs.aws.amazon.com/ebs/latest/userguide/ebs-copying-volume.html
func (s *Room) copyVolumes(c *cloud.Call, tx store.Tx, in *api.CopyVolumesInput) (*api.CopyVolumesOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, volumeKind); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, volumeKind)
	if err != nil {
		return nil, err
	}
	return resource.Once(c, tx, "CopyVolumes", in.ClientToken, in, func() (*api.CopyVolumesOutput, error) {
		source, err := FindVolume(c, tx, in.SourceVolumeId)
		switch {
		case err != nil:
			return nil, err
		case source.State != api.VolumeStateAvailable && source.State != api.VolumeStateInUse:
			return nil, errVolumeState(source, api.VolumeStateAvailable)
		case zones.Down(tx, source.Zone):
			return nil, errNoCapacity
		case in.Size != nil && *in.Size < source.Size:
			return nil, resource.Errorf("InvalidParameterValue", "Volume of size %dGB is smaller than the source volume '%s', expect size >= %dGB", *in.Size, source.ID, source.Size)
		}
		w := Wanted{
			Zone: source.Zone, Size: new(cloud.Or(in.Size, source.Size)), Type: cloud.Or(in.VolumeType, ""), IOPS: in.Iops, Throughput: in.Throughput,
			Encrypted: in.Encrypted, KMSKey: in.KmsKeyId, MultiAttach: in.MultiAttachEnabled,
		}
		if source.Encrypted {
			w.Encrypted, w.KMSKey = new(true), new(cloud.Or(in.KmsKeyId, source.KMSKey))
		}
		v, err := s.prepare(c, tx, w)
		if err != nil {
			return nil, err
		}
		v.ID, v.Source = resource.NewID(c, "vol"), source.ID
		resource.Register(c, tx, volumeKind, v.ID, tags)
		put(tx, v)
		return &api.CopyVolumesOutput{Volumes: []api.Volume{*v.api(c, tx)}}, nil
	})
}

// takeCopy takes the moment of the source that a copy will hold, as a snapshot
// is taken: the source stands still for what has changed since it was read
// first. The moment is a content with the copy's id, until the copy is filled.
func (s *Room) takeCopy(c *cloud.Call, v *Volume) (filled *Volume, err error) {
	var source *Volume
	err = c.View(func(r store.Reader) error {
		source, _ = volumes.Get(r, c.Account, c.Region, v.Source)
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case source == nil:
		return nil, plane.ErrNotFound
	}
	taking, err := blocks.Begin(c, v.ID, domainOf(source.Account, source.Region, source.KMSKey), "")
	if err != nil {
		return nil, err
	}
	defer taking.Close()
	read := func(content plane.VolumeContent) error { return taking.Read(content, nil) }
	if err := s.plane.ReadVolume(c, source.ID, read); err != nil {
		return nil, err
	}
	if err := s.plane.FreezeVolume(c, source.ID, read); err != nil {
		return nil, err
	}
	err = taking.Commit(func(tx store.Tx, _ int64) error {
		tx.After(time.Time{}, volumeController, source.key()) // it may be waiting to go
		now, err := FindVolume(c, tx, v.ID)
		if err != nil {
			return err
		}
		filled = now.clone()
		filled.Content = v.ID
		volumes.Put(tx, filled)
		return nil
	})
	return filled, err
}

// release has the source of a copy that comes to nothing go, if it waits to.
func (v *Volume) release(tx store.Tx) {
	if v.Source != "" {
		tx.After(time.Time{}, volumeController, store.K(v.Account, v.Region, v.Source))
	}
}

// forgetMoment has the moment that a copy is made of go once it is not needed
// any more. The caller writes the record.
func (v *Volume) forgetMoment(tx store.Tx) {
	if v.Source != "" && v.Content != "" {
		tx.After(time.Time{}, contentController, store.K(v.Content))
		v.Content = ""
	}
}
