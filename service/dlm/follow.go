package dlm

import (
	"time"

	api "pileus/api/dlm"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

// followAgain is when a snapshot that is not complete is looked at again.
const followAgain = 10 * time.Second

// follow does what a schedule wants of a snapshot as soon as it is complete:
// copies in other regions, shares, fast restores.
func follow(c *cloud.Call, key store.Key) error {
	c, t, err := begin(c, key)
	if err != nil || t == nil {
		return err
	}
	id, _ := key[4].(string)
	var m *made
	err = c.View(func(r store.Reader) error {
		m, _ = mades.Get(r, t.Account, t.Region, t.ID, *t.Name, id)
		return nil
	})
	if err != nil || m == nil {
		return err
	}
	if t.as, err = t.assume(c); err != nil {
		return err
	}
	again := false
	if m.Image {
		again, err = t.followImage(m)
	} else {
		again, err = t.followSnapshot(c, m)
	}
	if err != nil && !is(err, "InvalidSnapshot.NotFound", "InvalidAMIID.NotFound") {
		return err
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		if again {
			tx.After(c.Now.Add(followAgain), followController, key)
			return nil
		}
		if !mades.Has(tx, m.Account, m.Region, m.Policy, m.Schedule, m.ID) {
			return nil
		}
		mades.Put(tx, m)
		tx.After(c.Now, retainController, t.key(t.index))
		return nil
	})
}

func (t *turn) followSnapshot(c *cloud.Call, m *made) (again bool, err error) {
	out, err := ec2.DescribeSnapshots.Call(t.as, &ec2.DescribeSnapshotsInput{SnapshotIds: []string{m.ID}})
	if err != nil {
		return false, err
	}
	s := &out.Snapshots[0]
	switch *s.State {
	case ec2.SnapshotStatePending:
		return true, nil
	case ec2.SnapshotStateError:
		return false, nil
	}
	if f := t.FastRestoreRule; f != nil && len(m.Fast) == 0 {
		out, err := ec2.EnableFastSnapshotRestores.Call(t.as, &ec2.EnableFastSnapshotRestoresInput{SourceSnapshotIds: []string{m.ID}, AvailabilityZones: f.AvailabilityZones, AvailabilityZoneIds: f.AvailabilityZoneIds})
		if err != nil {
			return false, err
		}
		for _, z := range out.Successful {
			m.Fast = append(m.Fast, *z.AvailabilityZone)
		}
	}
	for _, share := range t.ShareRules {
		if _, err := ec2.ModifySnapshotAttribute.Call(t.as, &ec2.ModifySnapshotAttributeInput{SnapshotId: m.ID, OperationType: new("add"), UserIds: share.TargetAccounts}); err != nil {
			return false, err
		}
		if share.UnshareInterval != nil {
			m.Unshare = after(m.Created, *share.UnshareInterval, cloud.Or(share.UnshareIntervalUnit, ""))
		}
	}
	for i := range t.CrossRegionCopyRules {
		if err := t.copy(c, m, s, &t.CrossRegionCopyRules[i]); err != nil {
			return false, err
		}
	}
	return false, nil
}

// copy copies a snapshot to another region, once.
func (t *turn) copy(c *cloud.Call, m *made, s *ec2.Snapshot, rule *api.CrossRegionCopyRule) error {
	to := cloud.Or(rule.TargetRegion, cloud.Or(rule.Target, ""))
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		for o := range mades.Scan(tx, t.Account, t.Region, t.ID, *t.Name) {
			if o.Copy && o.In == to && o.Target == m.Target && o.Slot.Equal(m.Slot) {
				return nil
			}
		}
		as := t.as.In(t.Account, to)
		as.Tx = tx
		in := &ec2.CopySnapshotInput{SourceRegion: t.Region, SourceSnapshotId: m.ID, Description: new(t.describe(" copied from " + t.Region)), KmsKeyId: rule.CmkArn}
		if rule.Encrypted {
			in.Encrypted = new(true)
		}
		if cloud.Or(rule.CopyTags, false) {
			in.TagSpecifications = []ec2.TagSpecification{{ResourceType: new("snapshot"), Tags: plainTags(s.Tags)}}
		}
		out, err := ec2.CopySnapshot.Call(as, in)
		if err != nil {
			return err
		}
		n := &made{ID: *out.SnapshotId, In: to, Target: m.Target, Slot: m.Slot, Copy: true}
		if k := rule.RetainRule; k != nil && k.Interval != nil {
			n.Expires = after(c.Now, *k.Interval, cloud.Or(k.IntervalUnit, ""))
		}
		return t.remember(c, tx, n)
	})
}

// plainTags are tags that a user may set.
func plainTags(list []ec2.Tag) (out []ec2.Tag) {
	for _, tag := range sortedTags(tagsOf(list)) {
		out = append(out, ec2.Tag{Key: &tag.Key, Value: &tag.Value})
	}
	return out
}
