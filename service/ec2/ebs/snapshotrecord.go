package ebs

import (
	"slices"
	"time"

	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs/blocks"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Snapshot is a snapshot as the store keeps it. Records are shared by those
// who read; who changes one changes a clone.
type Snapshot struct {
	Account, Region, ID string
	Volume              string // id; AWS shows vol-ffffffff for those of no volume
	Size                int32  // GiB
	Description         string
	Started, Completed  time.Time
	State               string // "pending", "completed", "error", "recoverable"
	Message             string
	Progress            int // percent
	Encrypted           bool
	KMSKey              string
	Content             string // as package blocks knows it
	Changed             int64  // blocks that were stored for it

	Group  []string     // ids of those that are taken at the same moment
	Source *Source      // what it is a copy of, while it is copied
	Copied bool         // it is a copy
	Within int32        // minutes in which the copy was to be there; 0: in any time
	Direct *Direct      // filled through the EBS direct APIs
	Task   string       // that will fill it
	After  string       // id of an instance that restarts before it is taken
	Image  *plane.Image // of the catalogue: its content is this image's root

	Public bool
	Shared []string // accounts
	Tier   *Tier
	Lock   *Lock
	Fast   []FastRestore
	Bin    *Bin
}

// Source is a snapshot that is copied.
type Source struct{ Account, Region, ID, Content string }

// noVolume is what AWS shows for snapshots that were not taken of a volume.
const noVolume = "vol-ffffffff"

var snapshots = &store.Table[Snapshot]{
	Name: "ebs.snapshot",
	Key:  func(s *Snapshot) store.Key { return s.key() },
	Indexes: map[string]func(*Snapshot) store.Key{
		"id": func(s *Snapshot) store.Key { return store.K(s.Region, s.ID) },
		"public": func(s *Snapshot) store.Key {
			if !s.Public {
				return nil
			}
			return store.K(s.Region, s.ID)
		},
		"taking": func(s *Snapshot) store.Key {
			if s.State != api.SnapshotStatePending || s.Source != nil || s.Direct != nil || s.Task != "" {
				return nil
			}
			return store.K(s.Account, s.Region, s.Volume)
		},
		"after": func(s *Snapshot) store.Key {
			if s.After == "" {
				return nil
			}
			return store.K(s.Account, s.Region, s.After)
		},
		"source": func(s *Snapshot) store.Key {
			if s.Source == nil {
				return nil
			}
			return store.K(s.Source.Content)
		},
	},
	Memo: 10_000,
}

func (s *Snapshot) key() store.Key { return store.K(s.Account, s.Region, s.ID) }

func (s *Snapshot) domain() string { return domainOf(s.Account, s.Region, s.KMSKey) }

func domainOf(account, region, key string) string { return blocks.Domain(account, region, key) }

// clone is a copy that may be changed.
func (s *Snapshot) clone() *Snapshot {
	d := *s
	d.Shared = slices.Clone(s.Shared)
	d.Fast = slices.Clone(s.Fast)
	if s.Tier != nil {
		d.Tier = new(*s.Tier)
	}
	if s.Lock != nil {
		d.Lock = new(*s.Lock)
	}
	return &d
}

// ownSnapshot is a snapshot of the call's account and region that is not in
// the Recycle Bin.
func ownSnapshot(c *cloud.Call, r store.Reader, id string) (*Snapshot, error) {
	if s, ok := snapshots.Get(r, c.Account, c.Region, id); ok && s.Bin == nil {
		return s, nil
	}
	return nil, errNoSnapshot(id)
}

// FindSnapshot is a snapshot that the call's account may see: its own, one
// that is shared with it, or one of an image that every cloud has.
func FindSnapshot(c *cloud.Call, r store.Reader, id string) (*Snapshot, error) {
	for s := range snapshots.Index(r, "id", c.Region, id) {
		if s.Bin == nil && s.visible(r, c.Account) {
			return s, nil
		}
	}
	if s, ok := catalogued(c.Region, id); ok {
		return s, nil
	}
	return nil, errNoSnapshot(id)
}

// transfer is how a copy was to be made; "" of one that is none.
func (s *Snapshot) transfer() string {
	switch {
	case !s.Copied:
		return ""
	case s.Within > 0:
		return api.TransferTypeTimeBased
	}
	return api.TransferTypeStandard
}

// visible tells whether an account may see and restore the snapshot.
func (s *Snapshot) visible(r store.Reader, account string) bool {
	return s.Account == account || s.public(r) || slices.Contains(s.Shared, account)
}

// public tells whether all accounts may: that can be blocked for all snapshots
// of an account at once.
func (s *Snapshot) public(r store.Reader) bool {
	if !s.Public {
		return false
	}
	set, ok := settings.Get(r, s.Account, s.Region)
	return !ok || set.publicAccess() != blockAll
}

// catalogued is the snapshot of an image that every cloud has.
func catalogued(region, id string) (*Snapshot, bool) {
	for _, i := range ami.All() {
		if i.SnapshotID(region) == id {
			return &Snapshot{
				Account: i.Owner, Region: region, ID: id, Volume: noVolume, Size: i.RootGiB, Description: i.Description, Public: true,
				Started: i.Created, Completed: i.Created, State: api.SnapshotStateCompleted, Progress: 100,
				Image: &plane.Image{ID: i.Name, Kind: i.Kind},
			}, true
		}
	}
	return nil, false
}

// Restorable is a snapshot that volumes can be made of now.
func Restorable(c *cloud.Call, r store.Reader, id string) (*Snapshot, error) {
	s, err := FindSnapshot(c, r, id)
	switch {
	case err != nil:
		return nil, err
	case s.State != api.SnapshotStateCompleted:
		return nil, errSnapshotState(s)
	case s.archived(c.Now):
		return nil, errArchived(id)
	}
	return s, nil
}

// changeSnapshot changes a snapshot of the call's account.
func changeSnapshot(c *cloud.Call, tx store.Tx, id string, f func(*Snapshot) error) error {
	s, err := ownSnapshot(c, tx, id)
	if err != nil {
		return err
	}
	d := s.clone()
	if err := f(d); err != nil {
		return err
	}
	snapshots.Put(tx, d)
	return nil
}

// api is the snapshot as answers carry it.
func (s *Snapshot) api(c *cloud.Call, r store.Reader) *api.Snapshot {
	out := &api.Snapshot{
		SnapshotId: &s.ID, VolumeId: &s.Volume, VolumeSize: &s.Size, OwnerId: &s.Account, Description: &s.Description,
		StartTime: &s.Started, State: &s.State, Progress: new(percent(s.Progress)), Encrypted: &s.Encrypted,
		StorageTier: new(s.tier(c.Now)),
	}
	if s.Account == c.Account {
		out.Tags = resource.ShownTags(resource.Tags(c, r, s.ID))
	}
	if s.KMSKey != "" {
		out.KmsKeyId = &s.KMSKey
	}
	if s.State == api.SnapshotStateCompleted || s.Bin != nil {
		out.CompletionTime = &s.Completed
		if s.Image == nil { // the catalogue's are made when they are used
			out.FullSnapshotSizeInBytes = new(blocks.Count(r, s.Content) * blocks.Size)
		}
	}
	out.TransferType, out.CompletionDurationMinutes = optional(s.transfer()), shown(s.Within)
	if s.Message != "" {
		out.StateMessage = &s.Message
	}
	if s.Tier != nil && !s.Tier.RestoreExpires.IsZero() && s.tier(c.Now) == api.StorageTierStandard {
		out.RestoreExpiryTime = &s.Tier.RestoreExpires
	}
	if s.Account == ami.Amazon {
		out.OwnerAlias = new("amazon")
	}
	return out
}
