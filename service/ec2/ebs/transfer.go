package ebs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/bucket"
	"pileus/service/ec2/ebs/blocks"
	"pileus/service/ec2/ebs/diskimage"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// CheckFormat is the format of a disk image as it is known here: RAW unless a
// request says otherwise.
func CheckFormat(asked *string) (string, error) {
	f := strings.ToUpper(cloud.Or(asked, diskimage.RAW))
	if !slices.Contains([]string{diskimage.RAW, diskimage.VHD, diskimage.VMDK}, f) {
		return "", resource.Errorf("InvalidParameter", "This cloud knows disk images of the formats RAW, VHD and VMDK, not %s. Convert the image first: qemu-img convert -O raw.", f)
	}
	return f, nil
}

// CheckRole refuses roles of VM Import/Export that do not exist.
func CheckRole(c *cloud.Call, r store.Reader, role string) error {
	if _, ok := identity.FindRole(r, c.Account, role); !ok {
		return resource.Errorf("InvalidParameter", "The service role %s provided does not exist or does not have sufficient permissions", role)
	}
	return nil
}

// DiskAt is where the disk image of a request lies.
func DiskAt(b *api.UserBucket, url *string) (name, key string, err error) {
	if b == nil {
		b = &api.UserBucket{}
	}
	name, key, ok := bucket.Place(cloud.Or(b.S3Bucket, ""), cloud.Or(b.S3Key, ""), cloud.Or(url, ""))
	if !ok {
		err = resource.Errorf("InvalidParameter", "Specify the disk image by UserBucket, or by a URL of the form s3://bucket/key.")
	}
	return name, key, err
}

// OpenDisk opens a disk image in a bucket as a role of the account.
func OpenDisk(c *cloud.Call, role, name, key, format string) (d diskimage.Disk, size int64, err error) {
	as, err := bucket.AsRole(c, role)
	if err != nil {
		return nil, 0, err
	}
	o, err := bucket.Open(as, name, key)
	if err != nil {
		return nil, 0, err
	}
	d, err = diskimage.Open(o, o.Size(), cmp.Or(format, diskimage.RAW))
	return d, o.Size(), err
}

// Hopeless tells whether trying again would change nothing: the caller, or
// what he gave, is at fault, or there is no room.
func Hopeless(err error) bool {
	var refused *cloud.Error
	if errors.As(err, &refused) {
		return true
	}
	return slices.ContainsFunc([]error{diskimage.ErrDamaged, diskimage.ErrFormat, store.ErrFull, plane.ErrFull, plane.ErrNotFound, plane.ErrUnsupported, errGone},
		func(e error) bool { return errors.Is(err, e) })
}

// Import fills a snapshot with a disk: the disk becomes a volume for a moment,
// of which the snapshot is taken. Its record is written when it is whole, with
// what also writes; one that waits for a task must still be there then.
func (s *Room) Import(c *cloud.Call, n *Snapshot, disk diskimage.Disk, tags identity.Tags, also func(tx store.Tx, n *Snapshot) error) (err error) {
	volume := "vol-" + n.ID // what a crash leaves of it is removed at start
	if err := s.plane.RemoveVolume(c, volume); err != nil {
		return err
	}
	defer func() {
		if rerr := s.plane.RemoveVolume(c, volume); rerr != nil && err == nil {
			err = rerr
		}
	}()
	d := n.clone()
	d.Size = max(d.Size, int32((disk.Size()+gib-1)/gib), 1)
	if err := s.plane.CreateVolume(c, volume, int64(d.Size)<<30, madeFor(d.Encrypted)...); err != nil {
		return err
	}
	if err := s.plane.WriteVolume(c, volume, disk.CopyTo); err != nil {
		return err
	}
	d.Content = d.ID
	taking, err := blocks.Begin(c, d.Content, d.domain(), "")
	if err != nil {
		return err
	}
	defer taking.Close()
	if err := s.plane.FreezeVolume(c, volume, func(v plane.VolumeContent) error { return taking.Read(v, nil) }); err != nil {
		return err
	}
	err = taking.Commit(func(tx store.Tx, changed int64) error {
		if n.Task == "" {
			resource.Register(c, tx, snapshotKind, d.ID, tags)
		} else if !snapshots.Has(tx, n.Account, n.Region, n.ID) {
			return errGone
		}
		d.finish(c.Now, changed)
		snapshots.Put(tx, d)
		return also(tx, d)
	})
	if errors.Is(err, errGone) {
		return errors.Join(err, blocks.Remove(c, d.Content))
	}
	return err
}

// ErrGone tells Import that nobody waits for the snapshot any more.
var ErrGone = errGone

// Blank is the record of a snapshot that Import will fill, as secret as it was
// asked to be.
func Blank(c *cloud.Call, r store.Reader, description string, encrypted *bool, key *string) (n *Snapshot, err error) {
	n = &Snapshot{Account: c.Account, Region: c.Region, ID: resource.NewID(c, "snap"), Volume: noVolume, Description: description}
	n.Encrypted, n.KMSKey, err = encryption(c, r, encrypted, key, "")
	return n, err
}

// finish makes a record that of a whole snapshot.
func (s *Snapshot) finish(now time.Time, changed int64) {
	if s.Started.IsZero() {
		s.Started = now
	}
	s.Completed, s.State, s.Progress, s.Changed, s.Task = now, api.SnapshotStateCompleted, 100, changed, ""
}

// Await enters a snapshot that a task will fill.
func Await(c *cloud.Call, tx store.Tx, task, description string, size int32, encrypted *bool, tags identity.Tags) (*Snapshot, error) {
	n, err := Blank(c, tx, description, encrypted, nil)
	if err != nil {
		return nil, err
	}
	n.Size, n.Started, n.State, n.Task = size, c.Now, api.SnapshotStatePending, task
	resource.Register(c, tx, snapshotKind, n.ID, tags)
	snapshots.Put(tx, n)
	return n, nil
}

// Awaited is a snapshot that still waits for a task.
func Awaited(c *cloud.Call, r store.Reader, id string) (*Snapshot, bool) {
	n, ok := snapshots.Get(r, c.Account, c.Region, id)
	return n, ok && n.Task != ""
}

// Settle ends the wait of a snapshot without filling it: it is that of an image
// which every cloud has, or there is nothing to fill it with.
func Settle(c *cloud.Call, tx store.Tx, id string, image *plane.Image, message string) {
	n, ok := Awaited(c, tx, id)
	if !ok {
		return
	}
	d := n.clone()
	if d.finish(c.Now, 0); image == nil {
		d.State, d.Message, d.Progress = api.SnapshotStateError, message, 0
	} else {
		d.Image = image
	}
	snapshots.Put(tx, d)
}

// ReadSnapshot shows the content of a snapshot. That of an image's root is made
// for a moment.
func (s *Room) ReadSnapshot(c *cloud.Call, n *Snapshot, f func(plane.VolumeContent) error) (err error) {
	if n.Image == nil {
		return f(&content{c: c, snapshot: n})
	}
	return s.ReadImage(c, n.ID, *n.Image, int64(n.Size)<<30, f)
}

// ReadImage shows the root of an image that the data plane makes, of size bytes.
// id tells it from others that are shown.
func (s *Room) ReadImage(c *cloud.Call, id string, image plane.Image, size int64, f func(plane.VolumeContent) error) (err error) {
	volume := "vol-" + id
	if err := s.plane.RemoveVolume(c, volume); err != nil {
		return err
	}
	defer func() {
		if rerr := s.plane.RemoveVolume(c, volume); rerr != nil && err == nil {
			err = rerr
		}
	}()
	if err := s.plane.CreateRoot(c, volume, image, size); err != nil {
		return err
	}
	return s.plane.FreezeVolume(c, volume, f)
}

// content is a snapshot's content as a volume shows its own.
type content struct {
	c        *cloud.Call
	snapshot *Snapshot
	index    int64
	block    []byte // at index; nil for zeros
	read     bool
}

// Size implements plane.VolumeContent.
func (s *content) Size() int64 { return int64(s.snapshot.Size) << 30 }

// Data implements plane.VolumeContent.
func (s *content) Data() (list []plane.Extent, err error) {
	err = s.c.View(func(r store.Reader) error {
		list = nil
		for i := range blocks.Indexes(r, s.snapshot.Content, 0) {
			list = append(list, plane.Extent{Offset: i * blocks.Size, Length: blocks.Size})
		}
		return nil
	})
	return list, err
}

// ReadAt implements io.ReaderAt.
func (s *content) ReadAt(b []byte, at int64) (n int, err error) {
	for n < len(b) {
		if at >= s.Size() {
			return n, io.EOF
		}
		if i := at / blocks.Size; !s.read || s.index != i {
			if s.block, err = blocks.Read(s.c, s.snapshot.Content, i); err != nil {
				return n, fmt.Errorf("snapshot %s: %w", s.snapshot.ID, err)
			}
			s.index, s.read = i, true
		}
		from := at % blocks.Size
		k := int(min(int64(len(b)-n), blocks.Size-from))
		if s.block == nil {
			clear(b[n : n+k])
		} else {
			copy(b[n:n+k], s.block[from:])
		}
		n += k
		at += int64(k)
	}
	return n, nil
}
