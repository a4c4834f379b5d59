package image

import (
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// task brings an image from a bucket or into one, while nobody waits.
type task struct {
	Account, Region, ID string // import-ami-, export-ami-, store-ami-, restore-ami-
	Kind                taskKind
	Image               string // ami-; of an import "" until it is there
	Description         string
	Bucket, Key         string           // Key is the prefix of an export
	Format, Role        string           // of VM Import/Export
	Who                 *cloud.Principal // whose permissions a store and a restore use
	ObjectTags          map[string]string
	Status, Message     string
	Progress            int32 // percent
	Started             time.Time

	Import  *importRequest
	Disks   []taskDisk
	Tags    identity.Tags // of the image
	Devices []Device
}

// taskDisk is one disk of an image while it is imported.
type taskDisk struct {
	Device, Description string
	Bucket, Key, Format string
	Snapshot            string // once it is there
	Size                int64  // of the disk image, in bytes
	Start               plane.Start
}

type taskKind string

const (
	importing taskKind = "import"
	exporting taskKind = "export"
	storing   taskKind = "store"
	restoring taskKind = "restore"
)

var tasks = &store.Table[task]{
	Name: "ec2.image.task",
	Key:  func(t *task) store.Key { return t.key() },
	Indexes: map[string]func(*task) store.Key{
		"kind": func(t *task) store.Key { return store.K(t.Account, t.Region, string(t.Kind)) },
	},
}

func (t *task) key() store.Key { return store.K(t.Account, t.Region, t.ID) }

const (
	taskController = "ec2.image.task"

	// The states of imports and exports. Those that failed or were cancelled
	// are deleted, as AWS has it.
	taskActive    = "active"
	taskCompleted = "completed"
	taskDeleted   = "deleted"
)

// begin enters a task and has it performed.
func (t *task) begin(tx store.Tx) {
	tasks.Put(tx, t)
	tx.After(time.Time{}, taskController, t.key())
}

// perform does what a task is about.
func (s *Room) perform(c *cloud.Call, key store.Key) error {
	var t *task
	err := c.View(func(r store.Reader) error {
		t, _ = tasks.Get(r, key...)
		return nil
	})
	if err != nil || t == nil {
		return err
	}
	c = c.In(t.Account, t.Region)
	switch {
	case t.Kind == importing && t.Status == taskActive:
		err = s.performImport(c, t)
	case t.Kind == exporting && t.Status == taskActive:
		err = s.performExport(c, t)
	case t.Kind == storing && t.Status == storeActive:
		err = s.performStore(c, t)
	case t.Kind == restoring && t.Status == taskActive:
		err = s.performRestore(c, t)
	default:
		return nil // it was performed, or cancelled
	}
	if !ebs.Hopeless(err) {
		return err
	}
	return t.settle(c, func(tx store.Tx, now *task) error {
		now.Status, now.Message = taskDeleted, "ClientError: "+err.Error()
		switch now.Kind {
		case storing:
			now.Status, now.Message = storeFailed, err.Error()
		case restoring:
			now.giveUp(c, tx, err)
		}
		return nil
	})
}

// settle writes what came of a task unless it has ended meanwhile.
func (t *task) settle(c *cloud.Call, f func(tx store.Tx, now *task) error) error {
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		known, ok := tasks.Get(tx, t.key()...)
		if !ok || known.Status != t.Status {
			return nil
		}
		now := *known
		now.Disks = append([]taskDisk(nil), known.Disks...)
		if err := f(tx, &now); err != nil {
			return err
		}
		tasks.Put(tx, &now)
		return nil
	})
}

// ofKind yields the account's tasks of a kind.
func ofKind(c *cloud.Call, r store.Reader, k taskKind) func(yield func(*task) bool) {
	return tasks.Index(r, "kind", c.Account, c.Region, string(k))
}

// importImageTag is the resource type of an import in tag specifications, and
// so on.
const (
	importImageTag = "import-image-task"
	exportImageTag = "export-image-task"
)

func errNoTask(code, what string) func(id string) *cloud.Error {
	return func(id string) *cloud.Error { return resource.Errorf(code, "Invalid %s task ID '%s'", what, id) }
}
