package dlm

import (
	"errors"
	"strings"
	"time"

	api "pileus/api/dlm"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// made is a snapshot or an image that a policy has made.
type made struct {
	Account, Region, Policy, Schedule string
	ID                                string
	In                                string // region where it is
	Image                             bool
	Target                            string // the volume or instance that it is of
	Slot, Created                     time.Time
	Copy                              bool      // in another region, of another
	Expires                           time.Time // of copies
	Archived                          time.Time // zero: it is in the standard tier
	Fast                              []string  // zones with fast restores
	Unshare                           time.Time // zero: never
	Snapshots                         []string  // of an image
}

var mades = &store.Table[made]{
	Name: "dlm.made",
	Key:  func(m *made) store.Key { return store.K(m.Account, m.Region, m.Policy, m.Schedule, m.ID) },
}

// turn is one schedule of a policy, as a controller works on it.
type turn struct {
	*policy
	index int
	*api.Schedule
	as *cloud.Call // as the policy's role
}

// begin finds the schedule of a key; nil where there is none any more.
func begin(c *cloud.Call, key store.Key) (*cloud.Call, *turn, error) {
	account, _ := key[0].(string)
	region, _ := key[1].(string)
	id, _ := key[2].(string)
	n, _ := key[3].(int64)
	c = c.In(account, region)
	var t *turn
	err := c.View(func(r store.Reader) error {
		t = nil
		if p, ok := policies.Get(r, account, region, id); ok && p.enabled() && int(n) < len(p.Details.Schedules) {
			t = &turn{policy: p, index: int(n), Schedule: &p.Details.Schedules[n]}
		}
		return nil
	})
	return c, t, err
}

// run has a schedule make what it is to make, if its time has come.
func run(c *cloud.Call, key store.Key) error {
	c, t, err := begin(c, key)
	if err != nil || t == nil {
		return err
	}
	slot := t.Next[t.index]
	if slot.IsZero() {
		return nil
	}
	if c.Now.Before(slot) { // the schedule was changed
		return c.Cloud.DB().Update(c, func(tx store.Tx) error {
			tx.After(slot, runController, key)
			return nil
		})
	}
	t.as, err = t.assume(c)
	if err == nil {
		err = t.make(c, slot)
	}
	var refused *cloud.Error
	if err != nil && !errors.As(err, &refused) {
		return err
	}
	return t.finish(c, key, err)
}

// finish writes how a run went, and when the next will be.
func (t *turn) finish(c *cloud.Call, key store.Key, failure error) error {
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		p, ok := policies.Get(tx, t.Account, t.Region, t.ID)
		if !ok || len(p.Next) <= t.index || !p.enabled() {
			return nil
		}
		p.State, p.Message = api.GettablePolicyStateValuesEnabled, ""
		if failure != nil {
			p.State, p.Message = api.GettablePolicyStateValuesError, failure.Error()
		}
		p.Next[t.index] = time.Time{}
		if at, ok := next(p.Details.Schedules[t.index].CreateRule, c.Now); ok {
			p.Next[t.index] = at
			tx.After(at, runController, key)
		}
		policies.Put(tx, p)
		tx.After(c.Now, retainController, key)
		return nil
	})
}

// make makes a snapshot, or an image, of each target. What a target refuses
// keeps no other from its turn.
func (t *turn) make(c *cloud.Call, slot time.Time) error {
	var do func(target) error
	list, err := t.targets()
	switch {
	case t.kind() == api.PolicyTypeValuesImageManagement:
		do = func(x target) error { return t.image(c, x, slot) }
	case t.instances():
		do = func(x target) error { return t.snapshots(c, x, slot) }
	default:
		do = func(x target) error { return t.snapshot(c, x, slot) }
	}
	for _, x := range list {
		if !t.done(c, x, slot) {
			if derr := do(x); derr != nil {
				err = derr
			}
		}
	}
	return err
}

// done tells whether a run that was interrupted has served a target.
func (t *turn) done(c *cloud.Call, x target, slot time.Time) (yes bool) {
	_ = c.View(func(r store.Reader) error { // what cannot be read now is made once more at worst
		yes = false
		for m := range mades.Scan(r, t.Account, t.Region, t.ID, *t.Name) {
			yes = yes || m.Slot.Equal(slot) && !m.Copy && (m.Target == x.id || m.Target != "" && x.has(m.Target))
		}
		return nil
	})
	return yes
}

func (t *turn) describe(what string) string {
	return "Created for policy: " + t.ID + " schedule: " + *t.Name + what
}

// tags are those of what is made of a target.
func (t *turn) tags(c *cloud.Call, source map[string]string, instance string) []ec2.Tag {
	all := map[string]string{}
	if cloud.Or(t.CopyTags, false) {
		for k, v := range source {
			all[k] = v
		}
	}
	for _, tag := range t.TagsToAdd {
		all[tag.Key] = tag.Value
	}
	for _, tag := range t.VariableTags {
		all[tag.Key] = strings.NewReplacer("$(instance-id)", instance, "$(timestamp)", c.Now.UTC().Format(time.RFC3339)).Replace(tag.Value)
	}
	all["dlm:managed"] = "true"
	var out []ec2.Tag
	for _, tag := range sortedTags(all) {
		out = append(out, ec2.Tag{Key: &tag.Key, Value: &tag.Value})
	}
	return out
}

// mark sets the tags by which AWS knows what a policy has made.
func (t *turn) mark(c *cloud.Call, tx store.Tx, region, id string) error {
	s := identity.AsAccount(c).In(t.Account, region)
	s.Tx = tx
	_, err := ec2.CreateTags.Call(s, &ec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2.Tag{
		{Key: new("aws:dlm:lifecycle-policy-id"), Value: &t.ID},
		{Key: new("aws:dlm:lifecycle-schedule-name"), Value: t.Name},
	}})
	return err
}

// snapshot makes one of a volume, and remembers it, in one transaction.
func (t *turn) snapshot(c *cloud.Call, x target, slot time.Time) error {
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		as := t.as.In(t.Account, t.Region)
		as.Tx = tx
		s, err := ec2.CreateSnapshot.Call(as, &ec2.CreateSnapshotInput{
			VolumeId: x.id, Description: new(t.describe("")),
			TagSpecifications: []ec2.TagSpecification{{ResourceType: new("snapshot"), Tags: t.tags(c, x.tags, "")}},
		})
		if err != nil {
			return err
		}
		return t.remember(c, tx, &made{ID: *s.SnapshotId, Target: x.id, Slot: slot})
	})
}

// snapshots makes one of each volume of an instance.
func (t *turn) snapshots(c *cloud.Call, x target, slot time.Time) error {
	in := &ec2.CreateSnapshotsInput{
		Description:       new(t.describe("")),
		TagSpecifications: []ec2.TagSpecification{{ResourceType: new("snapshot"), Tags: t.tags(c, nil, x.id)}},
	}
	in.InstanceSpecification.InstanceId = x.id
	if p := t.Details.Parameters; p != nil {
		in.InstanceSpecification.ExcludeBootVolume = p.ExcludeBootVolume
		excluded, err := t.excludedVolumes(x, p.ExcludeDataVolumeTags)
		if err != nil {
			return err
		}
		in.InstanceSpecification.ExcludeDataVolumeIds = excluded
	}
	if cloud.Or(t.CopyTags, false) {
		in.CopyTagsFromSource = new(ec2.CopyTagsFromSourceVolume)
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		as := t.as.In(t.Account, t.Region)
		as.Tx = tx
		out, err := ec2.CreateSnapshots.Call(as, in)
		if err != nil {
			return err
		}
		for _, s := range out.Snapshots {
			if err := t.remember(c, tx, &made{ID: *s.SnapshotId, Target: *s.VolumeId, Slot: slot}); err != nil {
				return err
			}
		}
		return nil
	})
}

// remember writes what was made, and has it followed until it is complete.
func (t *turn) remember(c *cloud.Call, tx store.Tx, m *made) error {
	m.Account, m.Region, m.Policy, m.Schedule = t.Account, t.Region, t.ID, *t.Name
	if m.Created = c.Now; m.In == "" {
		m.In = t.Region
	}
	mades.Put(tx, m)
	if !m.Copy {
		tx.After(c.Now, followController, store.K(t.Account, t.Region, t.ID, t.index, m.ID))
	}
	return t.mark(c, tx, m.In, m.ID)
}
