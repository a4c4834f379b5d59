package ebs

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Lock keeps a snapshot from being deleted.
// https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-lock-concepts.html
type Lock struct {
	Mode    string // "governance", "compliance"
	Created time.Time
	Expires time.Time
	Days    int32
	CoolOff int32 // hours in which a compliance lock can still be changed
}

func (l *Lock) coolOffEnds() time.Time { return l.Created.Add(time.Duration(l.CoolOff) * time.Hour) }

// state is the lock's at a time.
func (l *Lock) state(now time.Time) string {
	switch {
	case !now.Before(l.Expires):
		return api.LockStateExpired
	case l.Mode == api.LockModeGovernance:
		return api.LockStateGovernance
	case now.Before(l.coolOffEnds()):
		return api.LockStateComplianceCooloff
	}
	return api.LockStateCompliance
}

// locked tells whether the snapshot must not be deleted.
func (s *Snapshot) locked(now time.Time) bool {
	return s.Lock != nil && s.Lock.state(now) != api.LockStateExpired
}

const (
	maxLockDays = 36500
	maxCoolOff  = 72 // hours
	day         = 24 * time.Hour
)

// newLock is the lock that a request asks for.
func newLock(c *cloud.Call, in *api.LockSnapshotInput) (*Lock, error) {
	l := &Lock{Mode: in.LockMode, Created: c.Now, CoolOff: cloud.Or(in.CoolOffPeriod, 0)}
	switch {
	case l.Mode != api.LockModeGovernance && l.Mode != api.LockModeCompliance:
		return nil, resource.Invalid(l.Mode, "LockMode")
	case in.CoolOffPeriod != nil && l.Mode == api.LockModeGovernance:
		return nil, resource.Combination("CoolOffPeriod is supported only in compliance mode.")
	case in.CoolOffPeriod != nil && (l.CoolOff < 1 || l.CoolOff > maxCoolOff):
		return nil, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter CoolOffPeriod is invalid. It must be from 1 to %d hours.", l.CoolOff, maxCoolOff)
	case (in.LockDuration == nil) == (in.ExpirationDate == nil):
		return nil, resource.Combination("Specify either LockDuration or ExpirationDate.")
	case in.LockDuration != nil:
		l.Days = *in.LockDuration
		l.Expires = c.Now.Add(time.Duration(l.Days) * day)
	default:
		l.Expires = *in.ExpirationDate
		l.Days = int32(l.Expires.Sub(c.Now) / day)
	}
	if l.Days < 1 || l.Days > maxLockDays {
		return nil, resource.Errorf("InvalidParameterValue", "The lock must last from 1 to %d days.", maxLockDays)
	}
	return l, nil
}

func lockSnapshot(c *cloud.Call, tx store.Tx, in *api.LockSnapshotInput) (*api.LockSnapshotOutput, error) {
	l, err := newLock(c, in)
	if err != nil {
		return nil, err
	}
	var out *api.LockSnapshotOutput
	return out, changeSnapshot(c, tx, in.SnapshotId, func(s *Snapshot) error {
		if s.Lock != nil && s.Lock.state(c.Now) == api.LockStateCompliance {
			if l.Mode != api.LockModeCompliance || l.Expires.Before(s.Lock.Expires) {
				return resource.Errorf("OperationNotPermitted", "The snapshot %s is locked in compliance mode: its lock can only be extended.", s.ID)
			}
			l.Created, l.CoolOff = s.Lock.Created, s.Lock.CoolOff
		}
		s.Lock = l
		i := s.lockInfo(c.Now)
		out = &api.LockSnapshotOutput{
			SnapshotId: i.SnapshotId, LockState: i.LockState, LockDuration: i.LockDuration, CoolOffPeriod: i.CoolOffPeriod,
			CoolOffPeriodExpiresOn: i.CoolOffPeriodExpiresOn, LockCreatedOn: i.LockCreatedOn, LockExpiresOn: i.LockExpiresOn,
			LockDurationStartTime: i.LockDurationStartTime,
		}
		return nil
	})
}

func (s *Snapshot) lockInfo(now time.Time) api.LockedSnapshotsInfo {
	l := s.Lock
	out := api.LockedSnapshotsInfo{
		OwnerId: &s.Account, SnapshotId: &s.ID, LockState: new(l.state(now)), LockDuration: &l.Days,
		LockCreatedOn: &l.Created, LockExpiresOn: &l.Expires, LockDurationStartTime: &l.Created,
	}
	if l.CoolOff > 0 {
		out.CoolOffPeriod, out.CoolOffPeriodExpiresOn = &l.CoolOff, new(l.coolOffEnds())
	}
	return out
}

func unlockSnapshot(c *cloud.Call, tx store.Tx, in *api.UnlockSnapshotInput) (*api.UnlockSnapshotOutput, error) {
	return &api.UnlockSnapshotOutput{SnapshotId: &in.SnapshotId}, changeSnapshot(c, tx, in.SnapshotId, func(s *Snapshot) error {
		switch {
		case !s.locked(c.Now):
			return resource.Errorf("IncorrectState", "The snapshot '%s' is not locked.", s.ID)
		case s.Lock.state(c.Now) == api.LockStateCompliance:
			return resource.Errorf("OperationNotPermitted", "The snapshot %s is locked in compliance mode and cannot be unlocked.", s.ID)
		}
		s.Lock = nil
		return nil
	})
}

func describeLocked(c *cloud.Call, r store.Reader, in *api.DescribeLockedSnapshotsInput) (*api.DescribeLockedSnapshotsOutput, error) {
	locked := func(yield func(*Snapshot) bool) {
		for s := range ownSnapshots(c, r) {
			if s.Lock != nil && !yield(s) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.SnapshotIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoSnapshot,
	}, locked, func(s *Snapshot) string { return s.ID }, resource.Fields[Snapshot]{
		"lock-state": resource.One(func(s *Snapshot) string { return s.Lock.state(c.Now) }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeLockedSnapshotsOutput{NextToken: next, Snapshots: []api.LockedSnapshotsInfo{}}
	for _, s := range page {
		out.Snapshots = append(out.Snapshots, s.lockInfo(c.Now))
	}
	return out, nil
}
