package dlm

import (
	"slices"
	"time"

	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

// keepRule says how much of something is kept: the latest few, or those up to
// an age.
type keepRule struct {
	count    int32
	interval int32
	unit     string
}

func rule(count, interval *int32, unit *string) keepRule {
	return keepRule{cloud.Or(count, 0), cloud.Or(interval, 0), cloud.Or(unit, "")}
}

// over tells whether something that became so at a time, as the n-th latest
// (from 0), is kept no longer; else when to look again.
func (k keepRule) over(n int, since, now time.Time) (over bool, again time.Time) {
	if k.count > 0 {
		return n >= int(k.count), time.Time{}
	}
	if k.interval == 0 {
		return false, time.Time{}
	}
	end := after(since, k.interval, k.unit)
	return !now.Before(end), end
}

// retain removes what a schedule keeps no longer, or archives it.
func retain(c *cloud.Call, key store.Key) error {
	c, t, err := begin(c, key)
	if err != nil || t == nil {
		return err
	}
	targets := map[string][]*made{}
	err = c.View(func(r store.Reader) error {
		clear(targets)
		for m := range mades.Scan(r, t.Account, t.Region, t.ID, *t.Name) {
			group := m.Target
			if m.Copy {
				group += " " + m.In
			}
			targets[group] = append(targets[group], m)
		}
		return nil
	})
	if err != nil || len(targets) == 0 {
		return err
	}
	if t.as, err = t.assume(c); err != nil {
		return nil //nolint:nilerr // the next run says so, and comes back here
	}
	var again time.Time
	for _, list := range targets {
		slices.SortFunc(list, func(a, b *made) int { return b.Created.Compare(a.Created) })
		at, kerr := t.keep(c, list)
		if kerr != nil {
			err = kerr
		}
		if again.IsZero() || !at.IsZero() && at.Before(again) {
			again = at
		}
	}
	if err != nil && !refusal(err) {
		return err
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		if !again.IsZero() {
			tx.After(again, retainController, t.key(t.index))
		}
		return nil
	})
}

// refusal tells whether an error is EC2's answer: the next run tries again.
func refusal(err error) bool {
	_, ok := err.(*cloud.Error) //nolint:errorlint // answers are not wrapped
	return ok
}

// sooner is the earlier of two times, of which zero is none.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// keep applies the rules to what was made of one target, the latest first.
func (t *turn) keep(c *cloud.Call, list []*made) (again time.Time, err error) {
	standard, archived := 0, 0
	for _, m := range list {
		at, kerr := t.unshare(c, m)
		again = sooner(again, at)
		switch {
		case kerr != nil:
		case m.Copy:
			if !m.Expires.IsZero() && !c.Now.Before(m.Expires) {
				kerr = t.remove(c, m)
			} else {
				again = sooner(again, m.Expires)
			}
		case !m.Archived.IsZero():
			a := t.ArchiveRule
			if a == nil {
				break
			}
			k := a.RetainRule.RetentionArchiveTier
			over, at := rule(k.Count, k.Interval, k.IntervalUnit).over(archived, m.Archived, c.Now)
			if archived++; over {
				kerr = t.remove(c, m)
			}
			again = sooner(again, notYet(over, at))
		default:
			over, at := t.standard().over(standard, m.Created, c.Now)
			standard++
			kerr = t.age(c, m, standard-1, over)
			again = sooner(again, notYet(over, at))
		}
		if kerr != nil {
			err = kerr
		}
	}
	return again, err
}

func notYet(over bool, at time.Time) time.Time {
	if over {
		return time.Time{}
	}
	return at
}

// standard is how much is kept in the standard tier. With an archive rule and
// no other, what is made is archived at once.
func (t *turn) standard() keepRule {
	if k := t.RetainRule; k != nil {
		return rule(k.Count, k.Interval, k.IntervalUnit)
	}
	return keepRule{count: 0, interval: 0}
}

// age ends fast restores that are not kept, and archives or removes what is
// over.
func (t *turn) age(c *cloud.Call, m *made, n int, over bool) error {
	if f := t.FastRestoreRule; f != nil && len(m.Fast) > 0 {
		if end, _ := rule(f.Count, f.Interval, f.IntervalUnit).over(n, m.Created, c.Now); end {
			if _, err := ec2.DisableFastSnapshotRestores.Call(t.as, &ec2.DisableFastSnapshotRestoresInput{SourceSnapshotIds: []string{m.ID}, AvailabilityZones: m.Fast}); err != nil {
				return err
			}
			m.Fast = nil
			if err := t.write(c, m); err != nil {
				return err
			}
		}
	}
	archive := t.ArchiveRule != nil && !m.Image
	switch {
	case archive && (over || t.RetainRule == nil):
		if _, err := ec2.ModifySnapshotTier.Call(t.as, &ec2.ModifySnapshotTierInput{SnapshotId: m.ID, StorageTier: new(ec2.TargetStorageTierArchive)}); err != nil {
			return t.forgetMissing(c, m, err)
		}
		m.Archived = c.Now
		return t.write(c, m)
	case over:
		return t.remove(c, m)
	}
	return nil
}

// unshare ends shares whose time is over.
func (t *turn) unshare(c *cloud.Call, m *made) (again time.Time, err error) {
	if m.Unshare.IsZero() || c.Now.Before(m.Unshare) {
		return m.Unshare, nil
	}
	for _, s := range t.ShareRules {
		if _, err := ec2.ModifySnapshotAttribute.Call(t.as, &ec2.ModifySnapshotAttributeInput{SnapshotId: m.ID, OperationType: new("remove"), UserIds: s.TargetAccounts}); err != nil {
			return time.Time{}, t.forgetMissing(c, m, err)
		}
	}
	m.Unshare = time.Time{}
	return time.Time{}, t.write(c, m)
}

func (t *turn) write(c *cloud.Call, m *made) error {
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		mades.Put(tx, m)
		return nil
	})
}

func (t *turn) forget(c *cloud.Call, m *made) error {
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		mades.Delete(tx, m.Account, m.Region, m.Policy, m.Schedule, m.ID)
		return nil
	})
}

// forgetMissing forgets what somebody else has deleted.
func (t *turn) forgetMissing(c *cloud.Call, m *made, err error) error {
	if is(err, "InvalidSnapshot.NotFound") {
		return t.forget(c, m)
	}
	return err
}

// remove removes what a policy has made.
func (t *turn) remove(c *cloud.Call, m *made) error {
	var err error
	if m.Image {
		err = t.removeImage(m)
	} else {
		_, err = ec2.DeleteSnapshot.Call(t.as.In(t.Account, m.In), &ec2.DeleteSnapshotInput{SnapshotId: m.ID})
	}
	if err != nil {
		return t.forgetMissing(c, m, err)
	}
	return t.forget(c, m)
}
