package ebs

import (
	"time"

	api "pileus/api/ec2"
	"pileus/api/rbin"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Bin is a stay in the Recycle Bin.
type Bin struct{ Entered, Exit time.Time }

// Retention is for how long the account's retention rules keep a deleted
// resource of a type ("EBS_SNAPSHOT", "EBS_VOLUME", "EC2_IMAGE") with some tags; 0 for not at
// all. Of several rules the longest counts.
func Retention(c *cloud.Call, kind string, tags identity.Tags) (time.Duration, error) {
	if !c.Cloud.Implements("rbin", "ListRules") {
		return 0, nil
	}
	// The Recycle Bin belongs to the account, not to whoever deletes.
	as := identity.AsAccount(c)
	longest := time.Duration(0)
	in := &rbin.ListRulesInput{ResourceType: kind}
	for {
		page, err := rbin.ListRules.Call(as, in)
		if err != nil {
			return 0, err
		}
		for _, s := range page.Rules {
			rule, err := rbin.GetRule.Call(as, &rbin.GetRuleInput{Identifier: *s.Identifier})
			if err != nil {
				return 0, err
			}
			if matches(rule, tags) {
				longest = max(longest, time.Duration(rule.RetentionPeriod.RetentionPeriodValue)*day)
			}
		}
		if cloud.Or(page.NextToken, "") == "" {
			return longest, nil
		}
		in = &rbin.ListRulesInput{ResourceType: kind, NextToken: page.NextToken}
	}
}

// matches tells whether a rule is about a resource: it is about all but those
// with a tag that it excludes, or about those with one of its tags.
func matches(rule *rbin.GetRuleOutput, tags identity.Tags) bool {
	if cloud.Or(rule.Status, "") != rbin.RuleStatusAvailable {
		return false
	}
	if len(rule.ResourceTags) == 0 {
		return !hasOne(tags, rule.ExcludeResourceTags)
	}
	return hasOne(tags, rule.ResourceTags)
}

// hasOne tells whether a resource has one of some tags; without a value any
// will do.
func hasOne(tags identity.Tags, of []rbin.ResourceTag) bool {
	have := tags.Map()
	for _, t := range of {
		if v, ok := have[t.ResourceTagKey]; ok && (t.ResourceTagValue == nil || *t.ResourceTagValue == v) {
			return true
		}
	}
	return false
}

// recycle moves a snapshot that is deleted to the Recycle Bin, if a rule says
// so. One that is not complete has nothing to keep.
func (s *Snapshot) recycle(c *cloud.Call, tx store.Tx) (kept bool, err error) {
	if s.State != api.SnapshotStateCompleted {
		return false, nil
	}
	keep, err := Retention(c, rbin.ResourceTypeEbsSnapshot, resource.Tags(c, tx, s.ID))
	if err != nil || keep == 0 {
		return false, err
	}
	d := s.clone()
	d.State = api.SnapshotStateRecoverable
	d.Bin = &Bin{Entered: c.Now, Exit: c.Now.Add(keep)}
	d.Fast = nil
	snapshots.Put(tx, d)
	tx.After(d.Bin.Exit, snapshotController, d.key())
	return true, nil
}

// emptyBin removes a snapshot whose time in the Recycle Bin is over.
func (s *Room) emptyBin(c *cloud.Call, n *Snapshot) error {
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		now, ok := snapshots.Get(tx, n.Account, n.Region, n.ID)
		switch {
		case !ok || now.Bin == nil:
		case c.Now.Before(now.Bin.Exit):
			tx.After(now.Bin.Exit, snapshotController, now.key())
		default:
			now.remove(c, tx)
		}
		return nil
	})
}

func listBin(c *cloud.Call, r store.Reader, in *api.ListSnapshotsInRecycleBinInput) (*api.ListSnapshotsInRecycleBinOutput, error) {
	binned := func(yield func(*Snapshot) bool) {
		for s := range snapshots.Scan(r, c.Account, c.Region) {
			if s.Bin != nil && !yield(s) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{IDs: in.SnapshotIds, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoSnapshot},
		binned, func(s *Snapshot) string { return s.ID }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListSnapshotsInRecycleBinOutput{NextToken: next, Snapshots: []api.SnapshotRecycleBinInfo{}}
	for _, s := range page {
		out.Snapshots = append(out.Snapshots, api.SnapshotRecycleBinInfo{
			SnapshotId: &s.ID, VolumeId: &s.Volume, Description: &s.Description,
			RecycleBinEnterTime: &s.Bin.Entered, RecycleBinExitTime: &s.Bin.Exit,
		})
	}
	return out, nil
}

func restoreFromBin(c *cloud.Call, tx store.Tx, in *api.RestoreSnapshotFromRecycleBinInput) (*api.RestoreSnapshotFromRecycleBinOutput, error) {
	s, ok := snapshots.Get(tx, c.Account, c.Region, in.SnapshotId)
	if !ok || s.Bin == nil {
		return nil, errNoSnapshot(in.SnapshotId)
	}
	d := s.clone()
	d.State, d.Bin = api.SnapshotStateCompleted, nil
	snapshots.Put(tx, d)
	return &api.RestoreSnapshotFromRecycleBinOutput{
		SnapshotId: &d.ID, Description: &d.Description, Encrypted: &d.Encrypted, OwnerId: &d.Account, Progress: new(percent(d.Progress)),
		StartTime: &d.Started, State: &d.State, VolumeId: &d.Volume, VolumeSize: &d.Size,
	}, nil
}
