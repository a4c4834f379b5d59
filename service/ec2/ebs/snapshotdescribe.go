package ebs

import (
	"iter"
	"slices"
	"strconv"

	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func describeSnapshots(c *cloud.Call, r store.Reader, in *api.DescribeSnapshotsInput) (*api.DescribeSnapshotsOutput, error) {
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.SnapshotIds, Set: "snapshotSet", Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoSnapshot,
	}, visibleSnapshots(c, r, in), func(s *Snapshot) string { return s.ID }, snapshotFields(c))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSnapshotsOutput{NextToken: next, Snapshots: []api.Snapshot{}}
	for _, s := range page {
		out.Snapshots = append(out.Snapshots, *s.api(c, r))
	}
	return out, nil
}

// visibleSnapshots are those that the account may restore, narrowed by owners
// and by who may restore them.
func visibleSnapshots(c *cloud.Call, r store.Reader, in *api.DescribeSnapshotsInput) iter.Seq[*Snapshot] {
	return func(yield func(*Snapshot) bool) {
		for s := range inRegion(c, r) {
			if s.Bin == nil && s.visible(r, c.Account) && s.ownedBy(c, in.OwnerIds) && s.restorableBy(c, r, in.RestorableByUserIds) && !yield(s) {
				return
			}
		}
	}
}

// inRegion are all snapshots of a region, those of the catalogue included.
func inRegion(c *cloud.Call, r store.Reader) iter.Seq[*Snapshot] {
	return func(yield func(*Snapshot) bool) {
		for s := range snapshots.Index(r, "id", c.Region) {
			if !yield(s) {
				return
			}
		}
		for _, i := range ami.All() {
			if s, ok := catalogued(c.Region, i.SnapshotID(c.Region)); ok && !yield(s) {
				return
			}
		}
	}
}

func (s *Snapshot) alias() string {
	if s.Account == ami.Amazon {
		return "amazon"
	}
	return ""
}

func (s *Snapshot) ownedBy(c *cloud.Call, owners []string) bool {
	return len(owners) == 0 || slices.ContainsFunc(owners, func(o string) bool {
		return o == s.Account || o == "self" && s.Account == c.Account || o == s.alias() && o != ""
	})
}

func (s *Snapshot) restorableBy(c *cloud.Call, r store.Reader, users []string) bool {
	return len(users) == 0 || slices.ContainsFunc(users, func(u string) bool {
		switch u {
		case "all":
			return s.public(r)
		case "self":
			u = c.Account
		}
		return s.Account == u || slices.Contains(s.Shared, u)
	})
}

func snapshotFields(c *cloud.Call) resource.Fields[Snapshot] {
	one := resource.One[Snapshot]
	return resource.Fields[Snapshot]{
		"description":   one(func(s *Snapshot) string { return s.Description }),
		"encrypted":     resource.Flag(func(s *Snapshot) bool { return s.Encrypted }),
		"owner-alias":   one((*Snapshot).alias),
		"owner-id":      one(func(s *Snapshot) string { return s.Account }),
		"progress":      one(func(s *Snapshot) string { return percent(s.Progress) }),
		"snapshot-id":   one(func(s *Snapshot) string { return s.ID }),
		"start-time":    one(func(s *Snapshot) string { return filterTime(s.Started) }),
		"status":        one(func(s *Snapshot) string { return s.State }),
		"storage-tier":  one(func(s *Snapshot) string { return s.tier(c.Now) }),
		"transfer-type": one((*Snapshot).transfer),
		"volume-id":     one(func(s *Snapshot) string { return s.Volume }),
		"volume-size":   one(func(s *Snapshot) string { return strconv.Itoa(int(s.Size)) }),
	}
}
