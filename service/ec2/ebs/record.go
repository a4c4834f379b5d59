package ebs

import (
	"iter"
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Volume is a volume as the store keeps it. Records are shared by those who
// read; who changes one changes a clone.
type Volume struct {
	Account, Region, ID string
	Zone                string
	Type                string
	shape
	Encrypted bool
	KMSKey    string // ARN
	Created   time.Time
	State     string // "creating", "available", "in-use", "deleting", "error"

	Snapshot     string       // id of the snapshot that it was made of
	Content      string       // of that snapshot, as package blocks knows it
	Image        *plane.Image // it begins as this image's root file system
	FastRestored bool
	Rate         int32  // MiB/s at which it is filled, as asked for; 0: as it comes
	Source       string // id of the volume that it is a copy of
	Ready        bool   // the data plane has it, with its content
	Bin          *Bin

	Attachments  []Attachment
	AutoEnableIO bool
	// Modifications are the changes that were asked for, the latest last.
	Modifications []Modification
	// Latest is the content of the latest snapshot: the next one stores what
	// differs from it.
	Latest string
}

// Attachment is a volume's place in an instance.
type Attachment struct {
	Instance, Device    string
	State               string // "attaching", "attached", "busy", "detaching"
	At                  time.Time
	DeleteOnTermination bool
	Force               bool // detach it even while it is mounted
}

// Modification is a change of a volume's size, type or performance.
type Modification struct {
	State    string // "modifying", "optimizing", "completed", "failed"
	Message  string
	From, To shape
	FromType string
	ToType   string
	Start    time.Time
	End      time.Time
}

var volumes = &store.Table[Volume]{
	Name: "ebs.volume",
	Key:  func(v *Volume) store.Key { return v.key() },
	Indexes: map[string]func(*Volume) store.Key{
		"filling": func(v *Volume) store.Key {
			if v.Ready || v.Content == "" {
				return nil
			}
			return store.K(v.Content)
		},
		"copying": func(v *Volume) store.Key {
			if v.Source == "" || v.Content != "" || v.State != api.VolumeStateCreating {
				return nil
			}
			return store.K(v.Account, v.Region, v.Source)
		},
		"instance": func(v *Volume) store.Key {
			switch len(v.Attachments) {
			case 0:
				return nil
			case 1:
				return store.K(v.Account, v.Region, v.Attachments[0].Instance)
			}
			return store.K(v.Account, v.Region, severalInstances)
		},
	},
	Memo: 10_000,
}

// severalInstances stands for the instances of a volume that Multi-Attach gave
// to more than one: these are few, and are looked through.
const severalInstances = ""

func (v *Volume) key() store.Key { return store.K(v.Account, v.Region, v.ID) }

// present yields the volumes of the call's account and region that are not in
// the Recycle Bin.
func present(c *cloud.Call, r store.Reader) iter.Seq[*Volume] {
	return func(yield func(*Volume) bool) {
		for v := range volumes.Scan(r, c.Account, c.Region) {
			if v.Bin == nil && !yield(v) {
				return
			}
		}
	}
}

// clone is a copy that may be changed.
func (v *Volume) clone() *Volume {
	d := *v
	d.Attachments = slices.Clone(v.Attachments)
	d.Modifications = slices.Clone(v.Modifications)
	return &d
}

// bytes is the volume's size for the data plane.
func (v *Volume) bytes() int64 { return int64(v.Size) << 30 }

// made is how the data plane makes the volume.
func (v *Volume) made() []plane.VolumeOption { return madeFor(v.Encrypted) }

func madeFor(encrypted bool) []plane.VolumeOption {
	if encrypted {
		return []plane.VolumeOption{plane.Encrypted}
	}
	return nil
}

// attachment is the volume's attachment to an instance, or its first where "".
func (v *Volume) attachment(instance string) *Attachment {
	for i := range v.Attachments {
		if instance == "" || v.Attachments[i].Instance == instance {
			return &v.Attachments[i]
		}
	}
	return nil
}

// FindVolume is a volume of the call's account and region that is not in the
// Recycle Bin.
func FindVolume(c *cloud.Call, r store.Reader, id string) (*Volume, error) {
	if v, ok := volumes.Get(r, c.Account, c.Region, id); ok && v.Bin == nil {
		return v, nil
	}
	return nil, errNoVolume(id)
}

// change changes a volume and has its controller look at it.
func change(c *cloud.Call, tx store.Tx, id string, f func(*Volume) error) error {
	v, err := FindVolume(c, tx, id)
	if err != nil {
		return err
	}
	d := v.clone()
	if err := f(d); err != nil {
		return err
	}
	put(tx, d)
	return nil
}

// put writes a volume and wakes its controller.
func put(tx store.Tx, v *Volume) {
	volumes.Put(tx, v)
	tx.After(time.Time{}, volumeController, v.key())
}

// remove forgets a volume.
func (v *Volume) remove(c *cloud.Call, tx store.Tx) {
	volumes.Delete(tx, v.key()...)
	spending.Delete(tx, v.ID)
	resource.Unregister(c, tx, v.ID)
}
