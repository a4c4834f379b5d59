package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"pileus/plane"
	"pileus/plane/sealed"
)

// content reads a volume's file.
type content struct {
	*os.File
	plain io.ReaderAt // the file, or what it is the ciphertext of
	size  int64
}

// ReadAt implements plane.VolumeContent.
func (c content) ReadAt(p []byte, at int64) (int, error) { return c.plain.ReadAt(p, at) }

func (d *disks) keyFile(id string) string { return filepath.Join(d.dir, id+keySuffix) }

// makeKey makes the key of an encrypted volume; d.mu is held.
func (d *disks) makeKey(id string) error {
	k, err := sealed.NewKey()
	if err != nil {
		return err
	}
	kept, err := k.Seal(d.master, id)
	if err != nil {
		return fmt.Errorf("volume %s: %w", id, err)
	}
	return os.WriteFile(d.keyFile(id), kept, 0o600)
}

// show shows a volume's file in the clear.
func (d *disks) show(id string, v *volume, file *os.File) (sealed.Medium, error) {
	if !v.sealed {
		return file, nil
	}
	kept, err := os.ReadFile(d.keyFile(id))
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	k, err := sealed.OpenKey(d.master, id, kept)
	if err != nil {
		return nil, fmt.Errorf("volume %s: %w", id, err)
	}
	return sealed.NewFile(file, k), nil
}

func (c content) Size() int64 { return c.size }

// Linux's whence values that find data and holes in a sparse file.
const seekData, seekHole = 3, 4

// Data implements plane.VolumeContent. Where the system does not tell holes,
// all of the volume is data.
func (c content) Data() (list []plane.Extent, err error) {
	if runtime.GOOS != "linux" {
		return []plane.Extent{{Offset: 0, Length: c.size}}, nil
	}
	for at := int64(0); at < c.size; {
		from, err := c.Seek(at, seekData)
		if errors.Is(err, syscall.ENXIO) {
			break // nothing but a hole up to the end
		}
		if err != nil {
			return []plane.Extent{{Offset: 0, Length: c.size}}, nil //nolint:nilerr // a file system without holes
		}
		to, err := c.Seek(from, seekHole)
		if err != nil {
			return nil, err
		}
		list = append(list, plane.Extent{Offset: from, Length: min(to, c.size) - from})
		at = to
	}
	return list, nil
}

// FreezeVolume implements plane.Volumes.
func (d *disks) FreezeVolume(_ context.Context, id string, f func(plane.VolumeContent) error) error {
	d.mu.Lock()
	v, ok := d.volumes[id]
	if !ok {
		d.mu.Unlock()
		return plane.ErrNotFound
	}
	size := v.size
	d.mu.Unlock() // f may freeze another volume as well
	file, err := os.Open(d.path(id, v))
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := d.show(id, v, file)
	if err != nil {
		return err
	}
	return f(content{file, plain, size})
}

// ReadVolume implements plane.Volumes: nobody writes to a volume here.
func (d *disks) ReadVolume(ctx context.Context, id string, f func(plane.VolumeContent) error) error {
	return d.FreezeVolume(ctx, id, f)
}

// WriteVolume implements plane.Volumes.
func (d *disks) WriteVolume(_ context.Context, id string, f func(io.WriterAt) error) error {
	d.mu.Lock()
	v, ok := d.volumes[id]
	d.mu.Unlock()
	if !ok {
		return plane.ErrNotFound
	}
	file, err := os.OpenFile(d.path(id, v), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	plain, err := d.show(id, v, file)
	if err == nil {
		err = f(plain)
	}
	return errors.Join(err, file.Close())
}

// Import implements plane.Volumes: it measures the archive, and remembers that
// it was there.
func (d *disks) Import(_ context.Context, image string, archive io.Reader) (plane.Imported, error) {
	head, err := io.ReadAll(io.LimitReader(archive, plane.StartSize))
	if err != nil {
		return plane.Imported{}, err
	}
	n, err := io.Copy(io.Discard, archive)
	if err != nil {
		return plane.Imported{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.images == nil {
		d.images = map[string]bool{}
	}
	d.images[image] = true
	return plane.Imported{Size: int64(len(head)) + n, Start: plane.StartOf(head)}, nil
}

// RemoveImage implements plane.Volumes.
func (d *disks) RemoveImage(_ context.Context, image string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.images, image)
	return nil
}

// Images implements plane.Volumes.
func (d *disks) Images(context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.images)), nil
}
