package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"pileus/plane"
	"pileus/plane/sealed"
)

// The content of an encrypted volume is kept encrypted, with a key of its own
// beside it that the snapshot's master key seals.
const (
	cipherSuffix = ".xts"
	keySuffix    = ".key"
)

// saveVolumes copies what the volumes hold into a folder, a sparse file each.
// Writes to a volume are held only while that one is copied.
func saveVolumes(ctx context.Context, p plane.Volumes, dir string, master []byte) error {
	list, err := p.Volumes(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, v := range list {
		err := p.FreezeVolume(ctx, v.ID, func(c plane.VolumeContent) error {
			if v.Encrypted {
				return saveEncrypted(dir, v.ID, c, master)
			}
			return saveVolume(filepath.Join(dir, v.ID), c, nil)
		})
		if err != nil && !errors.Is(err, plane.ErrNotFound) { // removed meanwhile: the state does not have it, or soon will not
			return fmt.Errorf("the content of %s: %w", v.ID, err)
		}
	}
	return nil
}

func saveEncrypted(dir, id string, c plane.VolumeContent, master []byte) error {
	k, err := sealed.NewKey()
	if err != nil {
		return err
	}
	kept, err := k.Seal(master, id)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, id+keySuffix), kept); err != nil {
		return err
	}
	return saveVolume(filepath.Join(dir, id+cipherSuffix), c, k)
}

// saveVolume copies content to a new file, encrypted with a key unless that is
// nil.
func saveVolume(name string, c plane.VolumeContent, k *sealed.Key) (err error) {
	list, err := c.Data()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(c.Size()); err != nil {
		return err
	}
	var to io.WriterAt = f
	if k != nil {
		to = sealed.NewFile(f, k)
	}
	for _, e := range list {
		if _, err := io.Copy(io.NewOffsetWriter(to, e.Offset), io.NewSectionReader(c, e.Offset, e.Length)); err != nil {
			return err
		}
	}
	return nil
}

// loadable refuses encrypted volumes that the data plane could not keep, before
// anything makes room for them.
func loadable(p plane.Volumes, dir string) error {
	encrypted, err := filepath.Glob(filepath.Join(dir, "*"+cipherSuffix))
	if err != nil || len(encrypted) == 0 {
		return err
	}
	if err := p.CanEncrypt(); err != nil {
		return &wrong{http.StatusConflict, fmt.Sprintf("the snapshot has encrypted volumes (%d), which cannot be kept here: %v", len(encrypted), err)}
	}
	return nil
}

// loadVolumes puts the content of volumes back. What runs is taken down first:
// it would go on with a disk that changed under it. The cloud that is loaded
// starts its instances again, from these disks. A snapshot without volumes
// leaves everything as it is.
func loadVolumes(ctx context.Context, p plane.Plane, dir string, master []byte) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := p.Clear(); err != nil {
		return err
	}
	old, err := p.Volumes(ctx)
	if err != nil {
		return err
	}
	for _, v := range old {
		if err := p.RemoveVolume(ctx, v.ID); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), keySuffix) {
			continue // goes with its volume
		}
		if err := loadVolume(ctx, p, dir, e.Name(), master); err != nil {
			return fmt.Errorf("the content of %s: %w", e.Name(), err)
		}
	}
	return nil
}

// loadVolume makes a volume of a file in the folder of a snapshot.
func loadVolume(ctx context.Context, p plane.Volumes, dir, name string, master []byte) error {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	id, encrypted := strings.CutSuffix(name, cipherSuffix)
	var plain io.ReaderAt = f
	var o []plane.VolumeOption
	if encrypted {
		kept, err := os.ReadFile(filepath.Join(dir, id+keySuffix))
		if err != nil {
			return err
		}
		k, err := sealed.OpenKey(master, id, kept)
		if err != nil {
			return err
		}
		plain, o = sealed.NewFile(f, k), append(o, plane.Encrypted)
	}
	if err := p.CreateVolume(ctx, id, info.Size(), o...); err != nil {
		return err
	}
	return p.WriteVolume(ctx, id, func(w io.WriterAt) error { return copySparse(w, io.NewSectionReader(plain, 0, info.Size())) })
}

// copySparse copies a file without the blocks that are all zeros.
func copySparse(w io.WriterAt, r io.Reader) error {
	block, zeros := make([]byte, 256<<10), make([]byte, 256<<10)
	for at := int64(0); ; {
		n, err := io.ReadFull(r, block)
		if n > 0 && !bytes.Equal(block[:n], zeros[:n]) {
			if _, err := w.WriteAt(block[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}
