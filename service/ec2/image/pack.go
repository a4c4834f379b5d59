package image

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// A stored image is a compressed tar archive: what the image is, and then the
// spans of its disks that hold data, each named for its disk and its offset.

// packed is the first entry of the archive.
type packed struct {
	Format  int // 1
	Image   Image
	Disks   []packedDisk
	Tags    identity.Tags
	Account string // whose it was
}

// packedDisk is a disk of a stored image.
type packedDisk struct {
	Device int   // which of the image's
	GiB    int32 // of the snapshot
	Image  *plane.Image
	Tags   identity.Tags
}

const (
	packFormat = 1
	packHead   = "image.json"
	packSpan   = 1 << 20
	maxHead    = 1 << 20
)

// pack writes an image as an archive.
func (s *Room) pack(c *cloud.Call, i *Image, w io.Writer) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	head, err := i.head(c)
	if err != nil {
		return err
	}
	b, err := json.Marshal(head)
	if err != nil {
		return err
	}
	if err := entry(t, packHead, b); err != nil {
		return err
	}
	for n, d := range head.Disks {
		if d.Image != nil {
			continue // every cloud has it
		}
		err := s.read(c, i, i.Devices[d.Device], storePrefix+i.ID, func(v plane.VolumeContent) error { return packDisk(t, n, v) })
		if err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

// head is what the archive says of the image.
func (i *Image) head(c *cloud.Call) (h *packed, err error) {
	err = c.View(func(r store.Reader) error {
		h = &packed{Format: packFormat, Image: *i, Tags: resource.Tags(c, r, i.ID), Account: i.Account}
		for n, d := range i.Devices {
			switch {
			case d.Snapshot != "":
				s, err := ebs.Restorable(c, r, d.Snapshot)
				if err != nil {
					return err
				}
				h.Disks = append(h.Disks, packedDisk{Device: n, GiB: s.Size, Image: s.Image, Tags: resource.Tags(c, r, s.ID)})
			case d.Name == i.RootDevice && i.imported():
				h.Disks = append(h.Disks, packedDisk{Device: n, GiB: d.GiB})
				h.Image.Boots.ID = "" // it will lie in a snapshot
			}
		}
		return nil
	})
	return h, err
}

func entry(t *tar.Writer, name string, b []byte) error {
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(b))}); err != nil {
		return err
	}
	_, err := t.Write(b)
	return err
}

func packDisk(t *tar.Writer, n int, v plane.VolumeContent) error {
	list, err := v.Data()
	if err != nil {
		return err
	}
	buf := make([]byte, packSpan)
	for _, e := range list {
		for at := e.Offset; at < e.Offset+e.Length; at += packSpan {
			b := buf[:min(packSpan, e.Offset+e.Length-at)]
			if k, err := v.ReadAt(b, at); k < len(b) {
				return fmt.Errorf("read the disk: %w", err)
			}
			if err := entry(t, fmt.Sprintf("disk/%d/%d", n, at), b); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpacker reads an archive.
type unpacker struct {
	t    *tar.Reader
	next *tar.Header // nil at the end
}

var errNoPack = resource.Errorf("InvalidParameterValue", "The object is not a stored AMI")

// unpack begins to read an archive.
func unpack(r io.Reader) (*unpacker, *packed, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, errNoPack
	}
	u := &unpacker{t: tar.NewReader(z)}
	h, err := u.t.Next()
	if err != nil || h.Name != packHead || h.Size > maxHead {
		return nil, nil, errNoPack
	}
	head := &packed{}
	if err := json.NewDecoder(u.t).Decode(head); err != nil || head.Format != packFormat {
		return nil, nil, errNoPack
	}
	for _, d := range head.Disks {
		if d.Device < 0 || d.Device >= len(head.Image.Devices) || d.GiB < 1 {
			return nil, nil, errNoPack
		}
	}
	return u, head, nil
}

func (u *unpacker) advance() (err error) {
	u.next, err = u.t.Next()
	if errors.Is(err, io.EOF) {
		u.next, err = nil, nil
	}
	return err
}

// packDiskReader is one disk of an archive. Disks must be read in order.
type packDiskReader struct {
	u   *unpacker
	n   int
	gib int32
}

// Size implements diskimage.Disk.
func (d packDiskReader) Size() int64 { return int64(d.gib) << 30 }

// CopyTo implements diskimage.Disk. It passes over earlier disks.
func (d packDiskReader) CopyTo(w io.WriterAt) error {
	buf := make([]byte, packSpan)
	for d.u.next != nil {
		n, at, err := place(d.u.next.Name)
		switch {
		case err != nil || d.u.next.Size > packSpan || at < 0 || at > d.Size()-d.u.next.Size:
			return errNoPack
		case n > d.n:
			return nil
		case n == d.n:
			b := buf[:d.u.next.Size]
			if _, err := io.ReadFull(d.u.t, b); err != nil {
				return err
			}
			if _, err := w.WriteAt(b, at); err != nil {
				return err
			}
		}
		if err := d.u.advance(); err != nil {
			return err
		}
	}
	return nil
}

// place is the disk and the offset that an entry is named for.
func place(name string) (disk int, at int64, err error) {
	rest, ok := strings.CutPrefix(name, "disk/")
	n, offset, found := strings.Cut(rest, "/")
	if !ok || !found {
		return 0, 0, errNoPack
	}
	disk, err = strconv.Atoi(n)
	at, aerr := strconv.ParseInt(offset, 10, 64)
	return disk, at, errors.Join(err, aerr)
}
