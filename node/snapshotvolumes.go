package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pileus/plane"
)

// saveVolumes copies what the volumes hold into a folder, a sparse file each.
// Writes to a volume are held only while that one is copied.
func saveVolumes(ctx context.Context, p plane.Volumes, dir string) error {
	list, err := p.Volumes(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, v := range list {
		err := p.FreezeVolume(ctx, v.ID, func(c plane.VolumeContent) error { return saveVolume(filepath.Join(dir, v.ID), c) })
		if err != nil && !errors.Is(err, plane.ErrNotFound) { // removed meanwhile: the state does not have it, or soon will not
			return fmt.Errorf("the content of %s: %w", v.ID, err)
		}
	}
	return nil
}

func saveVolume(name string, c plane.VolumeContent) (err error) {
	list, err := c.Data()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Truncate(c.Size()); err != nil {
		return err
	}
	for _, e := range list {
		if _, err := io.Copy(io.NewOffsetWriter(f, e.Offset), io.NewSectionReader(c, e.Offset, e.Length)); err != nil {
			return err
		}
	}
	return nil
}

// loadVolumes puts the content of volumes back. What runs is taken down first:
// it would go on with a disk that changed under it. The cloud that is loaded
// starts its instances again, from these disks. A snapshot without volumes
// leaves everything as it is.
func loadVolumes(ctx context.Context, p plane.Plane, dir string) error {
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
		if err := loadVolume(ctx, p, filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("the content of %s: %w", e.Name(), err)
		}
	}
	return nil
}

func loadVolume(ctx context.Context, p plane.Volumes, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	id := filepath.Base(name)
	if err := p.CreateVolume(ctx, id, info.Size()); err != nil {
		return err
	}
	return p.WriteVolume(ctx, id, func(w io.WriterAt) error { return copySparse(w, f) })
}

// copySparse copies a file without the blocks that are all zeros.
func copySparse(w io.WriterAt, r io.Reader) error {
	block := make([]byte, 256<<10)
	for at := int64(0); ; {
		n, err := io.ReadFull(r, block)
		if n > 0 && !zero(block[:n]) {
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

func zero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
