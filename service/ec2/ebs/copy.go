package ebs

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// copySnapshot begins to copy a snapshot into the call's region.
func copySnapshot(c *cloud.Call, tx store.Tx, in *api.CopySnapshotInput) (*api.CopySnapshotOutput, error) {
	tags, err := resource.SpecifiedTags(in.TagSpecifications, snapshotKind)
	if err != nil {
		return nil, err
	}
	if in.DestinationOutpostArn != nil {
		return nil, resource.Unsupported("There are no Outposts in this cloud.")
	}
	if in.DestinationAvailabilityZone != nil {
		return nil, resource.Unsupported("There are no Local Zones in this cloud.")
	}
	if to := cloud.Or(in.DestinationRegion, c.Region); to != c.Region {
		return nil, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter DestinationRegion is invalid: the request was sent to %s.", to, c.Region)
	}
	if _, ok := region.Find(in.SourceRegion); !ok {
		return nil, resource.Invalid(in.SourceRegion, "SourceRegion")
	}
	from := c.In(c.Account, in.SourceRegion)
	source, err := Restorable(from, tx, in.SourceSnapshotId)
	if err != nil {
		return nil, err
	}
	s, err := copyOf(c, tx, source, in)
	if err != nil {
		return nil, err
	}
	s.enter(c, tx, tags)
	return &api.CopySnapshotOutput{SnapshotId: &s.ID, Tags: resource.APITags(tags)}, nil
}

// The time in which a copy can be asked to be there, in minutes. Here a copy
// takes no longer than it has to, which keeps every such promise.
// https://docs.aws.amazon.com/ebs/latest/userguide/time-based-copies.html
const (
	minutesStep = 15
	mostMinutes = 2880
)

// copyOf is the record of a snapshot that will be a copy of another.
func copyOf(c *cloud.Call, r store.Reader, source *Snapshot, in *api.CopySnapshotInput) (*Snapshot, error) {
	s := &Snapshot{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "snap"), Volume: noVolume, Size: source.Size,
		Description: cloud.Or(in.Description, ""), Started: c.Now, State: api.SnapshotStatePending,
		Source: &Source{Account: source.Account, Region: source.Region, ID: source.ID, Content: source.Content}, Image: source.Image,
	}
	if len(s.Description) > maxDescription {
		return nil, resource.Invalid(s.Description, "description")
	}
	s.Content, s.Copied, s.Within = s.ID, true, cloud.Or(in.CompletionDurationMinutes, 0)
	if s.Within%minutesStep != 0 || s.Within > mostMinutes {
		return nil, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter CompletionDurationMinutes is invalid. It must be a multiple of %d, up to %d.", s.Within, minutesStep, mostMinutes)
	}
	var key string
	if source.Encrypted {
		if in.Encrypted != nil && !*in.Encrypted {
			return nil, resource.Combination("Cannot create an unencrypted copy of an encrypted snapshot.")
		}
		key = settingOf(c, r).defaultKey(c) // a copy is encrypted anew
	}
	encrypted := in.Encrypted
	if source.Encrypted {
		encrypted = new(true)
	}
	var err error
	s.Encrypted, s.KMSKey, err = encryption(c, r, encrypted, in.KmsKeyId, key)
	return s, err
}

// copied writes that a copy is there.
func copied(tx store.Tx, s *Snapshot, now time.Time) {
	d := s.clone()
	d.State, d.Progress, d.Completed, d.Source = api.SnapshotStateCompleted, 100, now, nil
	snapshots.Put(tx, d)
}
