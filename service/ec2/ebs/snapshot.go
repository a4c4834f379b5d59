package ebs

import (
	"strconv"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	snapshotKind   = "snapshot" // in ARNs and tag specifications
	maxDescription = 255
)

func percent(n int) string { return strconv.Itoa(n) + "%" }

// newSnapshot is the record of a snapshot of a volume that is still to be
// taken.
func newSnapshot(c *cloud.Call, v *Volume, description string) (*Snapshot, error) {
	switch {
	case v.State != api.VolumeStateAvailable && v.State != api.VolumeStateInUse:
		return nil, resource.Errorf("IncorrectState", "The volume '%s' is '%s'.", v.ID, v.State)
	case len(description) > maxDescription:
		return nil, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter description is invalid. The description is too long; its limit is %d characters.", description, maxDescription)
	}
	s := &Snapshot{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "snap"), Volume: v.ID, Size: v.Size, Description: description,
		Started: c.Now, State: api.SnapshotStatePending, Encrypted: v.Encrypted, KMSKey: v.KMSKey,
	}
	s.Content = s.ID
	return s, nil
}

// enter writes a new snapshot and has it taken.
func (s *Snapshot) enter(c *cloud.Call, tx store.Tx, tags identity.Tags) {
	resource.Register(c, tx, snapshotKind, s.ID, tags)
	snapshots.Put(tx, s)
	tx.After(time.Time{}, snapshotController, s.key())
}

func createSnapshot(c *cloud.Call, tx store.Tx, in *api.CreateSnapshotInput) (*api.Snapshot, error) {
	if err := resource.OnlyTags(in.TagSpecifications, snapshotKind); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, snapshotKind)
	if err != nil {
		return nil, err
	}
	if in.OutpostArn != nil {
		return nil, resource.Unsupported("There are no Outposts in this cloud.")
	}
	if err := regional(in.Location); err != nil {
		return nil, err
	}
	v, err := FindVolume(c, tx, in.VolumeId)
	if err != nil {
		return nil, err
	}
	s, err := newSnapshot(c, v, cloud.Or(in.Description, ""))
	if err != nil {
		return nil, err
	}
	s.enter(c, tx, tags)
	out := s.api(c, tx)
	out.Progress = new("") // nothing is copied yet
	if out.Tags == nil {
		out.Tags = []api.Tag{}
	}
	return out, nil
}

// regional refuses snapshots that are to be kept in a Local Zone: no volume is
// in one.
func regional(location *string) error {
	if cloud.Or(location, api.SnapshotLocationEnumRegional) != api.SnapshotLocationEnumRegional {
		return resource.Errorf("InvalidParameterValue", "Value (%s) for parameter Location is invalid. Local snapshots are only supported for volumes in Local Zones.", *location)
	}
	return nil
}

// createSnapshots takes all volumes of an instance at one moment.
func (s *Room) createSnapshots(c *cloud.Call, tx store.Tx, in *api.CreateSnapshotsInput) (*api.CreateSnapshotsOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, snapshotKind); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, snapshotKind)
	if err != nil {
		return nil, err
	}
	if err := regional(in.Location); err != nil {
		return nil, err
	}
	list, err := s.volumesOf(c, tx, &in.InstanceSpecification)
	if err != nil {
		return nil, err
	}
	var group []*Snapshot
	var ids []string
	for _, v := range list {
		n, err := newSnapshot(c, v, cloud.Or(in.Description, ""))
		if err != nil {
			return nil, err
		}
		group, ids = append(group, n), append(ids, n.ID)
	}
	out := &api.CreateSnapshotsOutput{Snapshots: []api.SnapshotInfo{}}
	for i, n := range group {
		all := tags
		if cloud.Or(in.CopyTagsFromSource, "") == api.CopyTagsFromSourceVolume {
			all = withTags(tags, resource.Tags(c, tx, n.Volume))
		}
		n.Group = ids
		resource.Register(c, tx, snapshotKind, n.ID, all)
		snapshots.Put(tx, n)
		if i == 0 { // its controller takes the group
			tx.After(time.Time{}, snapshotController, n.key())
		}
		out.Snapshots = append(out.Snapshots, *n.info(c, tx))
	}
	return out, nil
}

// withTags adds tags that are not there yet, but those that AWS sets itself.
func withTags(tags, more identity.Tags) identity.Tags {
	out := append(identity.Tags(nil), tags...)
	have := tags.Map()
	for _, t := range more {
		if _, ok := have[t.Key]; !ok && !strings.HasPrefix(t.Key, "aws:") {
			out = append(out, t)
		}
	}
	return out
}

// volumesOf are the volumes of an instance that a request means.
func (s *Room) volumesOf(c *cloud.Call, r store.Reader, in *api.InstanceSpecification) ([]*Volume, error) {
	i, err := s.instance(c, r, in.InstanceId)
	if err != nil {
		return nil, err
	}
	without := map[string]bool{}
	for _, id := range in.ExcludeDataVolumeIds {
		v, err := FindVolume(c, r, id)
		if err != nil {
			return nil, err
		}
		a := v.attachment(i.ID)
		if a == nil {
			return nil, resource.Errorf("InvalidParameterValue", "Volume %s is not attached to instance %s.", id, i.ID)
		}
		if sameDevice(a.Device, i.RootDevice) {
			return nil, resource.Errorf("InvalidParameterValue", "Volume %s is the boot volume of instance %s. Use ExcludeBootVolume.", id, i.ID)
		}
		without[id] = true
	}
	var list []*Volume
	for v := range On(c, r, i.ID) {
		boot := sameDevice(v.attachment(i.ID).Device, i.RootDevice)
		if without[v.ID] || boot && cloud.Or(in.ExcludeBootVolume, false) {
			continue
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, resource.Errorf("InvalidParameterValue", "Instance %s has no volumes to take snapshots of.", i.ID)
	}
	return list, nil
}

func (s *Snapshot) info(c *cloud.Call, r store.Reader) *api.SnapshotInfo {
	return &api.SnapshotInfo{
		SnapshotId: &s.ID, VolumeId: &s.Volume, VolumeSize: &s.Size, OwnerId: &s.Account, Description: &s.Description,
		StartTime: &s.Started, State: &s.State, Progress: new(""), Encrypted: &s.Encrypted,
		Tags: resource.APITags(resource.Tags(c, r, s.ID)),
	}
}

// deleteSnapshot removes a snapshot, or moves it to the Recycle Bin where a
// retention rule says so.
func (s *Room) deleteSnapshot(c *cloud.Call, tx store.Tx, in *api.DeleteSnapshotInput) (*cloud.Empty, error) {
	n, err := ownSnapshot(c, tx, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	if s.ImageOf != nil {
		if image, used := s.ImageOf(c, tx, n.ID); used {
			return nil, resource.Errorf("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", n.ID, image)
		}
	}
	if n.locked(c.Now) {
		return nil, resource.Errorf("OperationNotPermitted", "The snapshot %s is locked and cannot be deleted.", n.ID)
	}
	kept, err := n.recycle(c, tx)
	if err != nil || kept {
		return &cloud.Empty{}, err
	}
	n.remove(c, tx)
	return &cloud.Empty{}, nil
}

// remove forgets a snapshot and has its content go.
func (s *Snapshot) remove(c *cloud.Call, tx store.Tx) {
	snapshots.Delete(tx, s.key()...)
	resource.Unregister(c, tx, s.ID)
	if s.Content != "" {
		tx.After(time.Time{}, contentController, store.K(s.Content))
	}
	if s.State == api.SnapshotStatePending && s.Source == nil && s.Direct == nil {
		tx.After(time.Time{}, volumeController, store.K(s.Account, s.Region, s.Volume)) // it may be waiting to go
	}
}
