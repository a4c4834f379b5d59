package sim

import (
	"context"
	"io"
	"os"

	"pileus/plane"
)

// content reads a volume's file. Holes are not looked for: a volume here holds
// no more than what was written through WriteVolume.
type content struct {
	*os.File
	size int64
}

func (c content) Size() int64 { return c.size }

func (c content) Data() ([]plane.Extent, error) {
	return []plane.Extent{{Offset: 0, Length: c.size}}, nil
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
	file, err := os.Open(d.path(id))
	if err != nil {
		return err
	}
	defer file.Close()
	return f(content{file, size})
}

// WriteVolume implements plane.Volumes.
func (d *disks) WriteVolume(_ context.Context, id string, f func(io.WriterAt) error) error {
	d.mu.Lock()
	_, ok := d.volumes[id]
	d.mu.Unlock()
	if !ok {
		return plane.ErrNotFound
	}
	file, err := os.OpenFile(d.path(id), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := f(file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// Import implements plane.Volumes: it measures the archive.
func (d *disks) Import(_ context.Context, _ string, archive io.Reader) (int64, error) {
	return io.Copy(io.Discard, archive)
}

// RemoveImage implements plane.Volumes.
func (d *disks) RemoveImage(context.Context, string) error { return nil }
