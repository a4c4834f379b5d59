//go:build linux

package volume

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pileus/plane"
	"pileus/plane/sealed"
)

// CreateVolume implements plane.Volumes.
func (s *Store) CreateVolume(_ context.Context, id string, size int64, o ...plane.VolumeOption) error {
	if err := checkID(id); err != nil {
		return err
	}
	defer s.locks.lock(id)()
	return s.make(id, o, func(f *os.File, k *sealed.Key) error {
		if k != nil && size%sealed.Sector != 0 {
			return fmt.Errorf("an encrypted volume has whole sectors, and %d bytes are not", size)
		}
		return f.Truncate(size)
	})
}

// make makes a volume's file under another name, has fill fill it, and only
// then gives it its own: a volume is whole or not there. One that exists is
// left alone. fill gets the key that an encrypted volume's content is to be
// encrypted with, and nil for others.
func (s *Store) make(id string, o []plane.VolumeOption, fill func(*os.File, *sealed.Key) error) (err error) {
	if _, err := s.locate(id); !errors.Is(err, plane.ErrNotFound) {
		return err
	}
	to, key := s.file(id), (*sealed.Key)(nil)
	if slices.Contains(o, plane.Encrypted) {
		if err := s.CanEncrypt(); err != nil {
			return fmt.Errorf("volume %s is to be encrypted: %w", id, err)
		}
		to = s.cipherFile(id)
		if key, err = s.makeKey(id); err != nil {
			return full(err)
		}
	}
	scratch := s.path(scratchDir, id)
	f, err := os.OpenFile(scratch, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = fill(f, key)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(scratch, to)
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
	defer s.locks.lock(id)()
	p, err := s.locate(id)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(p.path, os.O_RDWR, 0)
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
	if p.encrypted { // its device sits on a file without an end
		return d.limitSize(max(size, st.Size()))
	}
	return d.refreshSize()
}

// exists is plane.ErrNotFound where there is no such volume.
func (s *Store) exists(id string) error {
	_, err := s.locate(id)
	return err
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
	p, err := s.locate(id)
	if errors.Is(err, plane.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = os.Remove(p.path)
	}
	if err == nil && p.encrypted {
		err = os.Remove(s.keyFile(id))
	}
	if err != nil {
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
		id, plain := strings.CutSuffix(e.Name(), volumeSuffix)
		encrypted := false
		if !plain {
			if id, encrypted = strings.CutSuffix(id, cipherSuffix); !encrypted {
				continue
			}
		}
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(s.path(volumesDir), e.Name()), &st); err != nil {
			if errors.Is(err, unix.ENOENT) {
				continue // removed meanwhile
			}
			return nil, err
		}
		v := plane.VolumeStatus{ID: id, Size: st.Size, Used: st.Blocks * 512, Encrypted: encrypted}
		if d, ok := devices[id]; ok {
			v.Device = d.node()
			if s.isBroken(id) {
				v.Fault = "the process that encrypts it has ended"
			}
		}
		list = append(list, v)
	}
	return list, nil
}
