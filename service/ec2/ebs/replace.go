package ebs

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Origin is what a volume that takes another's place is made of: an image's
// root, or else a snapshot.
type Origin struct {
	Image    *plane.Image
	Snapshot string
	Size     int32  // GiB at least, of an image
	Rate     *int32 // MiB/s, as Wanted has it
}

// Beginning is what a volume was made of itself: its launch state, where it
// was launched with an instance. ok is false for one that was made empty.
func (v *Volume) Beginning() (o Origin, ok bool) {
	switch {
	case v.Image != nil:
		return Origin{Image: v.Image}, true
	case v.Snapshot != "":
		return Origin{Snapshot: v.Snapshot}, true
	}
	return Origin{}, false
}

// like is a volume of the same zone, type and speed, of another origin. It is
// no smaller, and as secret.
func (v *Volume) like(c *cloud.Call, r store.Reader, o Origin) (Wanted, error) {
	w := Wanted{Zone: v.Zone, Type: v.Type, Size: new(max(v.Size, o.Size)), Image: o.Image, Snapshot: o.Snapshot, Rate: o.Rate}
	switch v.Type { // of the others they follow from the size
	case api.VolumeTypeGp3:
		w.IOPS, w.Throughput = &v.IOPS, &v.Throughput
	case api.VolumeTypeIo1, api.VolumeTypeIo2:
		w.IOPS = &v.IOPS
	}
	if v.Encrypted {
		w.Encrypted, w.KMSKey = new(true), &v.KMSKey
	}
	if o.Snapshot != "" {
		s, err := Restorable(c, r, o.Snapshot)
		if err != nil {
			return w, err
		}
		w.Size = new(max(*w.Size, s.Size))
	}
	return w, nil
}

// CheckReplacement says what is wrong with a volume that is to take another's
// place.
func (s *Room) CheckReplacement(c *cloud.Call, r store.Reader, old *Volume, o Origin) error {
	w, err := old.like(c, r, o)
	if err != nil {
		return err
	}
	return s.Check(c, r, w)
}

// CanReplace says what is wrong with a volume that there is and that is to take
// another's place.
func CanReplace(c *cloud.Call, r store.Reader, old *Volume, id string) error {
	v, err := FindVolume(c, r, id)
	switch {
	case err != nil:
		return err
	case v.State != api.VolumeStateAvailable:
		return errVolumeState(v, api.VolumeStateAvailable)
	case v.Zone != old.Zone:
		return resource.Errorf("InvalidVolume.ZoneMismatch", "The volume '%s' is not in the same availability zone as the root volume '%s'", v.ID, old.ID)
	case old.Encrypted && !v.Encrypted:
		return resource.Errorf("InvalidParameterValue", "The volume '%s' must be encrypted, as the root volume '%s' is.", v.ID, old.ID)
	}
	return nil
}

// CreateReplacement makes the record of a volume that is to take another's
// place; Fill makes its content.
func (s *Room) CreateReplacement(c *cloud.Call, tx store.Tx, old *Volume, o Origin) (*Volume, error) {
	w, err := old.like(c, tx, o)
	if err != nil {
		return nil, err
	}
	return s.Create(c, tx, w)
}

// Fill has a volume's content made, and waits for it.
func (s *Room) Fill(c *cloud.Call, id string) error { return s.makeContent(c, id) }

// Replace puts a volume that is available in the place of another of an
// instance whose machine is down. The other one is free, or goes away.
func Replace(c *cloud.Call, tx store.Tx, instance, old, with string, remove bool) error {
	v, err := FindVolume(c, tx, old)
	if err != nil {
		return err
	}
	n, err := FindVolume(c, tx, with)
	switch {
	case err != nil:
		return err
	case n.State != api.VolumeStateAvailable:
		return errVolumeState(n, api.VolumeStateAvailable)
	}
	out, in := v.clone(), n.clone()
	a := out.attachment(instance)
	if a == nil {
		return resource.Errorf("InvalidAttachment.NotFound", "The volume '%s' is not attached to instance '%s'.", old, instance)
	}
	in.add(Attachment{Instance: instance, Device: a.Device, State: api.VolumeAttachmentStateAttached, At: c.Now, DeleteOnTermination: a.DeleteOnTermination})
	out.drop(instance)
	if remove && len(out.Attachments) == 0 {
		if err := out.delete(c, tx); err != nil {
			return err
		}
	}
	put(tx, in)
	put(tx, out)
	return nil
}

// Discard has a volume go that nothing uses; one that is gone is fine.
func Discard(c *cloud.Call, tx store.Tx, id string) {
	v, err := FindVolume(c, tx, id)
	if err != nil || len(v.Attachments) > 0 {
		return
	}
	d := v.clone()
	d.State = api.VolumeStateDeleting
	put(tx, d)
}

// Images are the ids of the images whose roots volumes and snapshots are, or
// were made of: they may be made again.
func Images(r store.Reader) map[string]bool {
	ids := map[string]bool{}
	for v := range volumes.Scan(r) {
		if v.Image != nil {
			ids[v.Image.ID] = true
		}
	}
	for s := range snapshots.Scan(r) {
		if s.Image != nil {
			ids[s.Image.ID] = true
		}
	}
	return ids
}
