package dlm

import (
	"errors"
	"time"

	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

// image makes an image of an instance.
func (t *turn) image(c *cloud.Call, x target, slot time.Time) error {
	noReboot := true
	if p := t.Details.Parameters; p != nil {
		noReboot = cloud.Or(p.NoReboot, true)
	}
	tags := t.tags(c, x.tags, x.id)
	in := &ec2.CreateImageInput{
		InstanceId: x.id, Name: t.ID + "_" + x.id + "_" + slot.UTC().Format("2006-01-02T15-04-05"), Description: new(t.describe("")), NoReboot: &noReboot,
		TagSpecifications: []ec2.TagSpecification{{ResourceType: new("image"), Tags: tags}, {ResourceType: new("snapshot"), Tags: tags}},
	}
	out, err := ec2.CreateImage.Call(t.as, in)
	if err != nil {
		return err
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		return t.remember(c, tx, &made{ID: *out.ImageId, Image: true, Target: x.id, Slot: slot})
	})
}

// followImage looks at an image until it is available, and does then what the
// schedule wants of it.
func (t *turn) followImage(m *made) (again bool, err error) {
	out, err := ec2.DescribeImages.Call(t.as, &ec2.DescribeImagesInput{ImageIds: []string{m.ID}})
	if err != nil || len(out.Images) == 0 {
		return false, err
	}
	i := &out.Images[0]
	if *i.State == ec2.ImageStatePending {
		return true, nil
	}
	m.Snapshots = nil
	for _, b := range i.BlockDeviceMappings {
		if b.Ebs != nil && b.Ebs.SnapshotId != nil {
			m.Snapshots = append(m.Snapshots, *b.Ebs.SnapshotId)
		}
	}
	if d := t.DeprecateRule; d != nil && d.Interval != nil {
		_, err = ec2.EnableImageDeprecation.Call(t.as, &ec2.EnableImageDeprecationInput{ImageId: m.ID, DeprecateAt: after(m.Created, *d.Interval, cloud.Or(d.IntervalUnit, ""))})
	}
	return false, err
}

// removeImage removes an image and its snapshots.
func (t *turn) removeImage(m *made) error {
	_, err := ec2.DeregisterImage.Call(t.as, &ec2.DeregisterImageInput{ImageId: m.ID})
	if err != nil && !is(err, "InvalidAMIID.NotFound", "InvalidAMIID.Unavailable") {
		return err
	}
	for _, id := range m.Snapshots {
		_, err := ec2.DeleteSnapshot.Call(t.as, &ec2.DeleteSnapshotInput{SnapshotId: id})
		if err != nil && !is(err, "InvalidSnapshot.NotFound") {
			return err
		}
	}
	return nil
}

// is tells whether err is an answer with one of some codes.
func is(err error, codes ...string) bool {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if e.Code == c {
			return true
		}
	}
	return false
}
