package ebs

import (
	"fmt"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Mapping is one volume that an instance is launched with.
type Mapping struct {
	Device string
	EBS    *api.EbsBlockDevice
	// Image has the volume begin as an image's root file system; nil for what
	// EBS.SnapshotId says.
	Image *plane.Image
	Tags  identity.Tags
}

func (m *Mapping) wanted(zone string) Wanted {
	e := m.EBS
	return Wanted{
		Zone: zone, Size: e.VolumeSize, Type: cloud.Or(e.VolumeType, ""), IOPS: e.Iops, Throughput: e.Throughput,
		Encrypted: e.Encrypted, KMSKey: e.KmsKeyId, Snapshot: cloud.Or(e.SnapshotId, ""), Image: m.Image, Rate: e.VolumeInitializationRate, Tags: m.Tags,
	}
}

// CheckMappings says what is wrong with the volumes of an instance that is to
// be launched, as RunInstances answers it.
func (s *Room) CheckMappings(c *cloud.Call, r store.Reader, zone string, list []Mapping) error {
	seen := map[string]bool{}
	for _, m := range list {
		switch {
		case !deviceName.MatchString(m.Device):
			return resource.Errorf("InvalidBlockDeviceMapping", "Invalid device name %s", m.Device)
		case seen[m.Device]:
			return resource.Errorf("InvalidBlockDeviceMapping", "The device '%s' is used in more than one block-device mapping", m.Device)
		}
		seen[m.Device] = true
		if err := s.Check(c, r, m.wanted(zone)); err != nil {
			return inMapping(err)
		}
	}
	return nil
}

// Planned is the volume that an instance would get by a mapping: how large it
// is, and whether it is encrypted.
func (s *Room) Planned(c *cloud.Call, r store.Reader, zone string, m Mapping) (*Volume, error) {
	return s.prepare(c, r, m.wanted(zone))
}

// inMapping is an error of a volume as RunInstances words it: a size below the
// snapshot's is a mistake of the mapping.
func inMapping(err error) error {
	if e, ok := err.(*cloud.Error); ok && e.Code == "InvalidParameterValue" { //nolint:errorlint // prepare does not wrap
		return resource.Errorf("InvalidBlockDeviceMapping", "%s", e.Message)
	}
	return err
}

// Launch makes the volumes of a new instance, attached to it. They are made
// when the instance boots, by Boot.
func (s *Room) Launch(c *cloud.Call, tx store.Tx, instance, zone string, list []Mapping) ([]Placed, error) {
	var out []Placed
	for _, m := range list {
		v, err := s.Create(c, tx, m.wanted(zone))
		if err != nil {
			return nil, inMapping(err)
		}
		d := v.clone()
		a := d.add(Attachment{
			Instance: instance, Device: m.Device, State: api.VolumeAttachmentStateAttaching, At: c.Now,
			DeleteOnTermination: cloud.Or(m.EBS.DeleteOnTermination, true),
		})
		volumes.Put(tx, d)
		out = append(out, Placed{d.ID, *a})
	}
	return out, nil
}

// Boot makes the volumes of an instance that is going to run whole and open,
// and returns how its machine sees them. It is called outside of transactions,
// as often as need be.
func (s *Room) Boot(c *cloud.Call, instance string) ([]plane.Attachment, error) {
	var list []*Volume
	err := c.View(func(r store.Reader) error {
		list = nil
		for v := range On(c, r, instance) {
			if v.attachment(instance).State != api.VolumeAttachmentStateDetaching {
				list = append(list, v)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []plane.Attachment
	for _, v := range list {
		if err := s.makeContent(c, v.ID); err != nil {
			return nil, err
		}
		if err := s.open(c, v); err != nil {
			return nil, fmt.Errorf("volume %s of %s: %w", v.ID, instance, err)
		}
		out = append(out, plane.Attachment{Volume: v.ID, Device: v.attachment(instance).Device})
	}
	return out, c.Update(func(tx store.Tx) error {
		for _, v := range list {
			if d, err := FindVolume(c, tx, v.ID); err == nil {
				markAttached(tx, d, instance)
				tx.After(c.Now.Add(limitAgain), volumeController, v.key())
			}
		}
		return nil
	})
}

// limitAgain is when a machine that boots is there, to have its I/O limited.
const limitAgain = 2 * time.Second

// markAttached writes that a volume that was on its way has arrived.
func markAttached(tx store.Tx, v *Volume, instance string) {
	a := v.attachment(instance)
	if a == nil || a.State != api.VolumeAttachmentStateAttaching {
		return
	}
	d := v.clone()
	d.attachment(instance).State = api.VolumeAttachmentStateAttached
	if d.State == api.VolumeStateAvailable {
		d.State = api.VolumeStateInUse
	}
	volumes.Put(tx, d)
}

// Halt closes the volumes of an instance whose machine has ended. They stay
// attached.
func (s *Room) Halt(c *cloud.Call, instance string) error {
	var ids []string
	err := c.View(func(r store.Reader) error {
		ids = nil
		for v := range On(c, r, instance) {
			if len(v.Attachments) == 1 { // with Multi-Attach the others go on
				ids = append(ids, v.ID)
			}
		}
		return nil
	})
	for _, id := range ids {
		if cerr := s.close(c, id); cerr != nil && err == nil {
			err = cerr
		}
	}
	return err
}

// Terminate has the volumes of an instance that ends go away or become
// available, as each of them was attached. It is called when the machine has
// ended.
func Terminate(c *cloud.Call, tx store.Tx, instance string) error {
	for v := range On(c, tx, instance) {
		d := v.clone()
		a := d.attachment(instance)
		last := len(d.Attachments) == 1
		a.State, a.Force = api.VolumeAttachmentStateDetaching, true
		if a.DeleteOnTermination && last {
			if err := d.delete(c, tx); err != nil {
				return err
			}
		}
		put(tx, d)
	}
	return nil
}
