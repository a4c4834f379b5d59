package ebs

import (
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// FastRestore is a zone in which a snapshot's volumes are at full speed from
// the start. Here all are; the states are AWS's, which takes an hour for each
// TiB. https://docs.aws.amazon.com/ebs/latest/userguide/ebs-fast-snapshot-restore.html
type FastRestore struct {
	Zone      string
	Enabling  time.Time
	Disabling time.Time // zero: it is not being disabled
}

const (
	enabling         = 10 * time.Second
	disabling        = 10 * time.Second
	optimizingPerTiB = time.Hour
)

// times are when each state begins.
func (f *FastRestore) times(size int32) (optimizing, enabled, disabled time.Time) {
	optimizing = f.Enabling.Add(enabling)
	enabled = optimizing.Add(optimizingPerTiB * time.Duration(size) / 1024)
	if !f.Disabling.IsZero() {
		disabled = f.Disabling.Add(disabling)
	}
	return optimizing, enabled, disabled
}

func (f *FastRestore) state(size int32, now time.Time) string {
	optimizing, enabled, disabled := f.times(size)
	switch {
	case !disabled.IsZero() && !now.Before(disabled):
		return api.FastSnapshotRestoreStateCodeDisabled
	case !disabled.IsZero():
		return api.FastSnapshotRestoreStateCodeDisabling
	case now.Before(optimizing):
		return api.FastSnapshotRestoreStateCodeEnabling
	case now.Before(enabled):
		return api.FastSnapshotRestoreStateCodeOptimizing
	}
	return api.FastSnapshotRestoreStateCodeEnabled
}

// fast tells whether volumes that are made in a zone are fast restored.
func (s *Snapshot) fast(zone string, now time.Time) bool {
	return slices.ContainsFunc(s.Fast, func(f FastRestore) bool {
		return f.Zone == zone && f.state(s.Size, now) == api.FastSnapshotRestoreStateCodeEnabled
	})
}

// fastRestore is one fast restore as it is described.
type fastRestore struct {
	*Snapshot
	FastRestore
}

func (f *fastRestore) describe(now time.Time) api.DescribeFastSnapshotRestoreSuccessItem {
	optimizing, enabled, disabled := f.times(f.Size)
	out := api.DescribeFastSnapshotRestoreSuccessItem{
		SnapshotId: &f.ID, AvailabilityZone: &f.Zone, AvailabilityZoneId: resource.ZoneID(f.Zone), OwnerId: &f.Account, State: new(f.state(f.Size, now)),
		StateTransitionReason: new("Client.UserInitiated"), EnablingTime: &f.Enabling,
	}
	last := now
	if !f.Disabling.IsZero() {
		last = f.Disabling
		out.DisablingTime = &f.Disabling
		out.DisabledTime = reached(disabled, now)
	}
	out.OptimizingTime, out.EnabledTime = reached(optimizing, last), reached(enabled, last)
	if f.Disabling.IsZero() && out.OptimizingTime != nil {
		out.StateTransitionReason = new("Client.UserInitiated - Lifecycle state transition")
	}
	return out
}

// reached is a time that has come; nil for one that has not.
func reached(at, now time.Time) *time.Time {
	if now.Before(at) {
		return nil
	}
	return &at
}

// fastZones are the zones that a request gives, by their names or by their ids.
func fastZones(c *cloud.Call, names, ids []string) ([]string, error) {
	switch {
	case len(names) == 0 && len(ids) == 0:
		return nil, resource.Missing("AvailabilityZone")
	case len(names) > 0 && len(ids) > 0:
		return nil, resource.Combination("Only one of availabilityZone and availabilityZoneId may be specified.")
	}
	list := slices.Clone(names)
	for _, id := range ids {
		name, err := resource.ZoneName(c, nil, &id)
		if err != nil {
			return nil, err
		}
		list = append(list, cloud.Or(name, ""))
	}
	return list, nil
}

func enableFastRestores(c *cloud.Call, tx store.Tx, in *api.EnableFastSnapshotRestoresInput) (*api.EnableFastSnapshotRestoresOutput, error) {
	zones, err := fastZones(c, in.AvailabilityZones, in.AvailabilityZoneIds)
	if err != nil {
		return nil, err
	}
	out := &api.EnableFastSnapshotRestoresOutput{Successful: []api.EnableFastSnapshotRestoreSuccessItem{}, Unsuccessful: []api.EnableFastSnapshotRestoreErrorItem{}}
	for _, id := range in.SourceSnapshotIds {
		var failed []api.EnableFastSnapshotRestoreStateErrorItem
		for _, zone := range zones {
			d, err := setFast(c, tx, id, zone, true)
			if err != nil {
				failed = append(failed, api.EnableFastSnapshotRestoreStateErrorItem{AvailabilityZone: &zone, AvailabilityZoneId: resource.ZoneID(zone), Error: &api.EnableFastSnapshotRestoreStateError{Code: &err.Code, Message: &err.Message}})
				continue
			}
			out.Successful = append(out.Successful, api.EnableFastSnapshotRestoreSuccessItem(d))
		}
		if failed != nil {
			out.Unsuccessful = append(out.Unsuccessful, api.EnableFastSnapshotRestoreErrorItem{SnapshotId: &id, FastSnapshotRestoreStateErrors: failed})
		}
	}
	return out, nil
}

func disableFastRestores(c *cloud.Call, tx store.Tx, in *api.DisableFastSnapshotRestoresInput) (*api.DisableFastSnapshotRestoresOutput, error) {
	zones, err := fastZones(c, in.AvailabilityZones, in.AvailabilityZoneIds)
	if err != nil {
		return nil, err
	}
	out := &api.DisableFastSnapshotRestoresOutput{Successful: []api.DisableFastSnapshotRestoreSuccessItem{}, Unsuccessful: []api.DisableFastSnapshotRestoreErrorItem{}}
	for _, id := range in.SourceSnapshotIds {
		var failed []api.DisableFastSnapshotRestoreStateErrorItem
		for _, zone := range zones {
			d, err := setFast(c, tx, id, zone, false)
			if err != nil {
				failed = append(failed, api.DisableFastSnapshotRestoreStateErrorItem{AvailabilityZone: &zone, AvailabilityZoneId: resource.ZoneID(zone), Error: &api.DisableFastSnapshotRestoreStateError{Code: &err.Code, Message: &err.Message}})
				continue
			}
			out.Successful = append(out.Successful, api.DisableFastSnapshotRestoreSuccessItem(d))
		}
		if failed != nil {
			out.Unsuccessful = append(out.Unsuccessful, api.DisableFastSnapshotRestoreErrorItem{SnapshotId: &id, FastSnapshotRestoreStateErrors: failed})
		}
	}
	return out, nil
}

// setFast turns fast restores of a snapshot on or off in a zone.
func setFast(c *cloud.Call, tx store.Tx, id, zone string, on bool) (api.DescribeFastSnapshotRestoreSuccessItem, *cloud.Error) {
	var out api.DescribeFastSnapshotRestoreSuccessItem
	s, err := ownSnapshot(c, tx, id)
	if err != nil {
		return out, errNoSnapshot(id)
	}
	if _, err := findZone(c, zone); err != nil {
		return out, errNoZone(zone)
	}
	if s.State != api.SnapshotStateCompleted {
		return out, errSnapshotState(s)
	}
	d := s.clone()
	i := slices.IndexFunc(d.Fast, func(f FastRestore) bool { return f.Zone == zone })
	is := i >= 0 && d.Fast[i].Disabling.IsZero()
	switch {
	case on && is:
		return out, resource.Errorf("FastSnapshotRestores.AlreadyEnabled", "Fast snapshot restores are enabled for '%s' in '%s' already.", id, zone)
	case !on && !is:
		return out, resource.Errorf("FastSnapshotRestores.NotEnabled", "Fast snapshot restores are not enabled for '%s' in '%s'.", id, zone)
	case on && i >= 0:
		d.Fast[i] = FastRestore{Zone: zone, Enabling: c.Now}
	case on:
		d.Fast = append(d.Fast, FastRestore{Zone: zone, Enabling: c.Now})
		i = len(d.Fast) - 1
	default:
		d.Fast[i].Disabling = c.Now
	}
	snapshots.Put(tx, d)
	return (&fastRestore{d, d.Fast[i]}).describe(c.Now), nil
}

func describeFastRestores(c *cloud.Call, r store.Reader, in *api.DescribeFastSnapshotRestoresInput) (*api.DescribeFastSnapshotRestoresOutput, error) {
	all := func(yield func(*fastRestore) bool) {
		for s := range ownSnapshots(c, r) {
			for _, f := range s.Fast {
				if !yield(&fastRestore{s, f}) {
					return
				}
			}
		}
	}
	one := resource.One[fastRestore]
	page, next, err := resource.List(c, r, resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 200},
		all, func(f *fastRestore) string { return strings.Join([]string{f.ID, f.Zone}, " ") }, resource.Fields[fastRestore]{
			"availability-zone":    one(func(f *fastRestore) string { return f.Zone }),
			"availability-zone-id": one(func(f *fastRestore) string { return zoneID(f.Zone) }),
			"owner-id":             one(func(f *fastRestore) string { return f.Account }),
			"snapshot-id":          one(func(f *fastRestore) string { return f.ID }),
			"state":                one(func(f *fastRestore) string { return f.state(f.Size, c.Now) }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeFastSnapshotRestoresOutput{NextToken: next, FastSnapshotRestores: []api.DescribeFastSnapshotRestoreSuccessItem{}}
	for _, f := range page {
		out.FastSnapshotRestores = append(out.FastSnapshotRestores, f.describe(c.Now))
	}
	return out, nil
}
