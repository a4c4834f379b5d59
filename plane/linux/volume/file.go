//go:build linux

package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// CreateVolume implements plane.Volumes.
func (s *Store) CreateVolume(_ context.Context, id string, size int64) error {
	if err := checkID(id); err != nil {
		return err
	}
	defer s.locks.lock(id)()
	return s.make(id, func(f *os.File) error { return f.Truncate(size) })
}

// make makes a volume's file under another name, has fill fill it, and only
// then gives it its own: a volume is whole or not there. One that exists is
// left alone.
func (s *Store) make(id string, fill func(*os.File) error) error {
	if _, err := os.Stat(s.file(id)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	scratch := s.path(scratchDir, id)
	f, err := os.OpenFile(scratch, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(scratch, s.file(id))
	}
	if err != nil {
		return errors.Join(full(err), os.Remove(scratch))
	}
	return syncDir(s.path(volumesDir))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// full names the cause of a full disk.
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", plane.ErrFull, err)
	}
	return err
}

// GrowVolume implements plane.Volumes. A size below the present one changes
// nothing.
func (s *Store) GrowVolume(_ context.Context, id string, size int64) error {
	if err := s.exists(id); err != nil {
		return err
	}
	defer s.locks.lock(id)()
	f, err := os.OpenFile(s.file(id), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() < size {
		if err := errors.Join(f.Truncate(size), f.Sync()); err != nil {
			return full(err)
		}
	}
	d, ok, err := s.device(id)
	if err != nil || !ok {
		return err
	}
	return d.refreshSize()
}

// exists is plane.ErrNotFound where there is no such volume.
func (s *Store) exists(id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	if _, err := os.Stat(s.file(id)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("volume %s: %w", id, plane.ErrNotFound)
		}
		return err
	}
	return nil
}

// RemoveVolume implements plane.Volumes: the volume is closed first, which
// fails with plane.ErrBusy while it is in use. One that does not exist is no
// error.
func (s *Store) RemoveVolume(_ context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	defer s.locks.lock(id)()
	if err := s.closeDevice(id); err != nil {
		return err
	}
	if err := os.Remove(s.file(id)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return syncDir(s.path(volumesDir))
}

// Volumes implements plane.Volumes.
func (s *Store) Volumes(context.Context) ([]plane.VolumeStatus, error) {
	entries, err := os.ReadDir(s.path(volumesDir))
	if err != nil {
		return nil, err
	}
	devices, err := s.devices()
	if err != nil {
		return nil, err
	}
	list := make([]plane.VolumeStatus, 0, len(entries))
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), volumeSuffix)
		if !ok {
			continue
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(s.path(volumesDir), e.Name()), &st); err != nil {
			if errors.Is(err, unix.ENOENT) {
				continue // removed meanwhile
			}
			return nil, err
		}
		v := plane.VolumeStatus{ID: id, Size: st.Size, Used: st.Blocks * 512}
		if d, ok := devices[id]; ok {
			v.Device = d.node()
		}
		list = append(list, v)
	}
	return list, nil
}
