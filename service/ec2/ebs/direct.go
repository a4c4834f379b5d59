package ebs

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/ebs/blocks"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Direct is a snapshot that is filled block by block, through the EBS direct
// APIs; package direct answers those.
type Direct struct {
	Parent  string        // id; "" for none
	Timeout time.Duration // after which it fails unless a block is put, or it is completed
	Touched time.Time     // when a block was put, to the minute
}

// StartDirect makes the record of a snapshot that will be filled. Its parent's
// content, if any, is to be copied to it before blocks are put.
func StartDirect(c *cloud.Call, tx store.Tx, size int32, parent *Snapshot, description string, encrypted *bool, key *string, timeout time.Duration, tags identity.Tags) (*Snapshot, error) {
	s := &Snapshot{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "snap"), Volume: noVolume, Size: size, Description: description,
		Started: c.Now, State: api.SnapshotStatePending, Direct: &Direct{Timeout: timeout, Touched: c.Now},
	}
	s.Content = s.ID
	sourceKey := ""
	if parent != nil {
		s.Direct.Parent, s.Volume, sourceKey = parent.ID, parent.Volume, parent.KMSKey
	}
	var err error
	if s.Encrypted, s.KMSKey, err = encryption(c, tx, encrypted, key, sourceKey); err != nil {
		return nil, err
	}
	resource.Register(c, tx, snapshotKind, s.ID, tags)
	snapshots.Put(tx, s)
	tx.After(c.Now.Add(timeout), snapshotController, s.key())
	return s, nil
}

// Filling is a snapshot of the call's account that is being filled.
func Filling(c *cloud.Call, r store.Reader, id string) (*Snapshot, bool) {
	s, ok := snapshots.Get(r, c.Account, c.Region, id)
	return s, ok && s.Direct != nil && s.State == api.SnapshotStatePending
}

// Touch remembers that a block was put.
func (s *Snapshot) Touch(c *cloud.Call, tx store.Tx) {
	if c.Now.Sub(s.Direct.Touched) < time.Minute {
		return // so that those who put many blocks do not wait for each other
	}
	d := s.clone()
	d.Direct = &Direct{Parent: s.Direct.Parent, Timeout: s.Direct.Timeout, Touched: c.Now}
	snapshots.Put(tx, d)
}

// Complete ends the filling of a snapshot.
func (s *Snapshot) Complete(c *cloud.Call, tx store.Tx, changed int64) {
	blocks.Seal(tx, s.Content, s.Domain())
	d := s.clone()
	d.State, d.Progress, d.Completed, d.Changed = api.SnapshotStateCompleted, 100, c.Now, changed
	snapshots.Put(tx, d)
}

// Domain is who shares blocks with the snapshot.
func (s *Snapshot) Domain() string { return s.domain() }

// expire fails a snapshot that nobody fills any more.
func (s *Snapshot) expire(c *cloud.Call) error {
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		n, ok := Filling(c, tx, s.ID)
		if !ok {
			return nil
		}
		if end := n.Direct.Touched.Add(n.Direct.Timeout); c.Now.Before(end) {
			tx.After(end, snapshotController, n.key())
			return nil
		}
		d := n.clone()
		d.State, d.Message = api.SnapshotStateError, "The snapshot was not completed in time."
		snapshots.Put(tx, d)
		tx.After(time.Time{}, contentController, store.K(n.Content))
		return nil
	})
}
