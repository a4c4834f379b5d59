package image

import (
	"strings"

	api "pileus/api/ec2"
	"pileus/api/s3"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// createRestoreImageTask makes an image again of an object that an earlier
// task stored. The image is pending until its snapshots are whole.
func createRestoreImageTask(c *cloud.Call, in *api.CreateRestoreImageTaskInput) (*api.CreateRestoreImageTaskOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, kind, "snapshot"); err != nil {
		return nil, err
	}
	head, err := readHead(c, in.Bucket, in.ObjectKey)
	if err != nil {
		return nil, err
	}
	var out *api.CreateRestoreImageTaskOutput
	return out, c.Update(func(tx store.Tx) error {
		t := &task{
			Account: c.Account, Region: c.Region, Kind: restoring, Bucket: in.Bucket, Key: in.ObjectKey, Who: c.Principal, Status: taskActive, Started: c.Now,
		}
		i := head.Image
		i.Name, i.Alias, i.Source = cloud.Or(in.Name, i.Name), "", ""
		i.Public, i.Shared, i.Orgs, i.Disabled, i.Bin, i.Protection = false, nil, nil, false, nil, ""
		i.Account, i.Region = c.Account, c.Region
		specs := in.TagSpecifications
		if len(specs) == 0 && len(head.Tags) > 0 {
			specs = []api.TagSpecification{{ResourceType: new(kind), Tags: userTags(head.Tags)}}
		}
		onSnapshots, err := resource.SpecifiedTags(in.TagSpecifications, "snapshot")
		if err != nil {
			return err
		}
		t.ID = resource.NewID(c, "restore-ami")
		for _, d := range head.Disks {
			tags := onSnapshots
			if len(in.TagSpecifications) == 0 {
				tags = byUser(d.Tags)
			}
			of := &i.Devices[d.Device]
			s, err := ebs.Await(c, tx, t.ID, "Restored from "+in.Bucket+"/"+in.ObjectKey, d.GiB, nil, tags)
			if err != nil {
				return err
			}
			of.Snapshot, of.Encrypted, of.KMSKey = s.ID, s.Encrypted, s.KMSKey
			t.Disks = append(t.Disks, taskDisk{Device: of.Name, Snapshot: s.ID})
		}
		if err := i.create(c, tx, specs); err != nil {
			return err
		}
		t.Image = i.ID
		t.begin(tx)
		out = &api.CreateRestoreImageTaskOutput{ImageId: &t.Image}
		return nil
	})
}

// byUser are tags without those that AWS itself gives.
func byUser(tags identity.Tags) (list identity.Tags) {
	for _, t := range tags {
		if !strings.HasPrefix(t.Key, "aws:") {
			list = append(list, t)
		}
	}
	return list
}

func userTags(tags identity.Tags) []api.Tag { return resource.APITags(byUser(tags)) }

// readHead is what a stored image says of itself.
func readHead(c *cloud.Call, name, key string) (*packed, error) {
	o, err := s3.GetObject.Call(c, &s3.GetObjectInput{Bucket: name, Key: key})
	if err != nil {
		return nil, err
	}
	defer o.Body.Close()
	_, head, err := unpack(o.Body)
	return head, err
}

// performRestore fills the snapshots of the image, one after the other.
func (s *Room) performRestore(c *cloud.Call, t *task) error {
	o, err := s3.GetObject.Call(c.As(t.Who), &s3.GetObjectInput{Bucket: t.Bucket, Key: t.Key})
	if err != nil {
		return err
	}
	defer o.Body.Close()
	u, head, err := unpack(o.Body)
	if err != nil {
		return err
	}
	if len(head.Disks) != len(t.Disks) {
		return errNoPack // another object took its place
	}
	if err := u.advance(); err != nil {
		return err
	}
	for n, d := range head.Disks {
		if err := s.restoreDisk(c, t.Disks[n].Snapshot, d, packDiskReader{u, n, d.GiB}); err != nil {
			return err
		}
	}
	return t.settle(c, func(_ store.Tx, now *task) error {
		now.Status, now.Progress = taskCompleted, 100
		return nil
	})
}

// restoreDisk fills a snapshot unless an earlier attempt did.
func (s *Room) restoreDisk(c *cloud.Call, id string, d packedDisk, disk packDiskReader) error {
	var n *ebs.Snapshot
	waits := false
	err := c.View(func(r store.Reader) error {
		n, waits = ebs.Awaited(c, r, id)
		return nil
	})
	switch {
	case err != nil || !waits:
		return err
	case d.Image != nil:
		return c.Cloud.DB().Update(c, func(tx store.Tx) error {
			ebs.Settle(c, tx, id, d.Image, "")
			return nil
		})
	}
	return s.Disks.Import(c, n, disk, nil, func(store.Tx, *ebs.Snapshot) error { return nil })
}

// giveUp has the snapshots that were not filled, and thereby the image, fail.
func (t *task) giveUp(c *cloud.Call, tx store.Tx, cause error) {
	for _, d := range t.Disks {
		ebs.Settle(c, tx, d.Snapshot, nil, cause.Error())
	}
}
