package ebs

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// AWS says "up to": archiving takes up to a day, restoring one to three.
// https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-archive.html
const (
	archiving = time.Hour
	restoring = 24 * time.Hour
)

// Tier is a snapshot's way into the archive and out of it. Where it stands
// follows from the time.
type Tier struct {
	Start          time.Time // of archiving
	RestoreStart   time.Time // zero: it was not asked back
	Days           int32     // to be kept in the standard tier; 0 for good
	RestoreExpires time.Time // of a temporary restore
}

// tier is where the snapshot is.
func (s *Snapshot) tier(now time.Time) string {
	t := s.Tier
	switch {
	case t == nil, now.Before(t.Start.Add(archiving)):
		return api.StorageTierStandard
	case t.RestoreStart.IsZero(), now.Before(t.RestoreStart.Add(restoring)):
		return api.StorageTierArchive
	case t.Days > 0 && !now.Before(t.RestoreExpires):
		return api.StorageTierArchive
	}
	return api.StorageTierStandard
}

func (s *Snapshot) archived(now time.Time) bool { return s.tier(now) == api.StorageTierArchive }

// operation is the last tiering operation: its status, start and progress.
func (t *Tier) operation(now time.Time) (status string, start time.Time, progress int32) {
	if t.RestoreStart.IsZero() {
		if now.Before(t.Start.Add(archiving)) {
			return api.TieringOperationStatusArchivalInProgress, t.Start, share(now.Sub(t.Start), archiving)
		}
		return api.TieringOperationStatusArchivalCompleted, t.Start, 100
	}
	running, done := api.TieringOperationStatusPermanentRestoreInProgress, api.TieringOperationStatusPermanentRestoreCompleted
	if t.Days > 0 {
		running, done = api.TieringOperationStatusTemporaryRestoreInProgress, api.TieringOperationStatusTemporaryRestoreCompleted
	}
	if now.Before(t.RestoreStart.Add(restoring)) {
		return running, t.RestoreStart, share(now.Sub(t.RestoreStart), restoring)
	}
	return done, t.RestoreStart, 100
}

func share(part, whole time.Duration) int32 { return int32(100 * part / whole) }

func (s *Room) modifySnapshotTier(c *cloud.Call, tx store.Tx, in *api.ModifySnapshotTierInput) (*api.ModifySnapshotTierOutput, error) {
	if t := cloud.Or(in.StorageTier, api.TargetStorageTierArchive); t != api.TargetStorageTierArchive {
		return nil, resource.Invalid(t, "StorageTier")
	}
	err := changeSnapshot(c, tx, in.SnapshotId, func(n *Snapshot) error {
		if n.State != api.SnapshotStateCompleted {
			return errSnapshotState(n)
		}
		if n.archived(c.Now) || n.Tier != nil && c.Now.Before(n.Tier.Start.Add(archiving)) {
			return resource.Errorf("IncorrectState", "The snapshot '%s' is archived already, or is being archived.", n.ID)
		}
		if s.ImageOf != nil {
			if image, used := s.ImageOf(c, tx, n.ID); used {
				return resource.Errorf("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", n.ID, image)
			}
		}
		n.Tier = &Tier{Start: c.Now}
		return nil
	})
	return &api.ModifySnapshotTierOutput{SnapshotId: &in.SnapshotId, TieringStartTime: &c.Now}, err
}

func restoreSnapshotTier(c *cloud.Call, tx store.Tx, in *api.RestoreSnapshotTierInput) (*api.RestoreSnapshotTierOutput, error) {
	days, permanent := cloud.Or(in.TemporaryRestoreDays, 0), cloud.Or(in.PermanentRestore, false)
	switch {
	case permanent && days > 0:
		return nil, resource.Combination("TemporaryRestoreDays and PermanentRestore cannot be used together.")
	case !permanent && days <= 0:
		return nil, resource.Missing("TemporaryRestoreDays")
	case days > 180:
		return nil, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter TemporaryRestoreDays is invalid. It must be from 1 to 180.", days)
	}
	out := &api.RestoreSnapshotTierOutput{SnapshotId: &in.SnapshotId, RestoreStartTime: &c.Now, IsPermanentRestore: &permanent}
	return out, changeSnapshot(c, tx, in.SnapshotId, func(s *Snapshot) error {
		t := s.Tier
		if t == nil || c.Now.Before(t.Start.Add(archiving)) || s.tier(c.Now) == api.StorageTierStandard && t.RestoreExpires.IsZero() {
			return resource.Errorf("IncorrectState", "The snapshot '%s' is not in the archive tier.", s.ID)
		}
		if s.archived(c.Now) { // else a temporary restore is prolonged, or made permanent
			t.RestoreStart = c.Now
		}
		t.Days, t.RestoreExpires = days, time.Time{}
		if days > 0 {
			out.RestoreDuration = &days
			from := t.RestoreStart.Add(restoring)
			if from.Before(c.Now) {
				from = c.Now
			}
			t.RestoreExpires = from.AddDate(0, 0, int(days))
		}
		return nil
	})
}

func describeTierStatus(c *cloud.Call, r store.Reader, in *api.DescribeSnapshotTierStatusInput) (*api.DescribeSnapshotTierStatusOutput, error) {
	one := resource.One[Snapshot]
	page, next, err := resource.List(c, r, resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken},
		ownSnapshots(c, r), func(s *Snapshot) string { return s.ID }, resource.Fields[Snapshot]{
			"snapshot-id": one(func(s *Snapshot) string { return s.ID }),
			"volume-id":   one(func(s *Snapshot) string { return s.Volume }),
			"last-tiering-operation": func(s *Snapshot) []string {
				if s.Tier == nil {
					return nil
				}
				status, _, _ := s.Tier.operation(c.Now)
				return []string{status}
			},
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSnapshotTierStatusOutput{NextToken: next, SnapshotTierStatuses: []api.SnapshotTierStatus{}}
	for _, s := range page {
		out.SnapshotTierStatuses = append(out.SnapshotTierStatuses, s.tierStatus(c, r))
	}
	return out, nil
}

func (s *Snapshot) tierStatus(c *cloud.Call, r store.Reader) api.SnapshotTierStatus {
	out := api.SnapshotTierStatus{
		SnapshotId: &s.ID, VolumeId: &s.Volume, OwnerId: &s.Account, Status: &s.State, StorageTier: new(s.tier(c.Now)),
		Tags: resource.APITags(resource.Tags(c, r, s.ID)),
	}
	if s.Tier == nil {
		return out
	}
	status, start, progress := s.Tier.operation(c.Now)
	out.LastTieringOperationStatus, out.LastTieringStartTime, out.LastTieringProgress = &status, &start, &progress
	if end := s.Tier.Start.Add(archiving); !c.Now.Before(end) {
		out.ArchivalCompleteTime = &end
	}
	if !s.Tier.RestoreExpires.IsZero() {
		out.RestoreExpiryTime = &s.Tier.RestoreExpires
	}
	return out
}

// ownSnapshots are the account's in the region, without the Recycle Bin.
func ownSnapshots(c *cloud.Call, r store.Reader) func(func(*Snapshot) bool) {
	return func(yield func(*Snapshot) bool) {
		for s := range snapshots.Scan(r, c.Account, c.Region) {
			if s.Bin == nil && !yield(s) {
				return
			}
		}
	}
}
