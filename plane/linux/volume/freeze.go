//go:build linux

package volume

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// The ioctls of linux/fs.h, _IOWR('X', 119 and 120, int): the same number on
// all architectures that Go runs on but MIPS and PowerPC.
const (
	fiFreeze = 0xc0045877
	fiThaw   = 0xc0045878
)

// FreezeVolume implements plane.Volumes: the file system on the volume is
// frozen wherever it is mounted, so that what is on the device is one moment
// of it and clean. A device without a mounted file system is flushed, and who
// writes to it held.
func (s *Store) FreezeVolume(ctx context.Context, id string, f func(plane.VolumeContent) error) error {
	p, err := s.locate(id)
	if err != nil {
		return err
	}
	defer s.locks.lock("freeze " + id)()
	if s.hold != nil {
		release, err := s.hold(ctx, id)
		if err != nil {
			return fmt.Errorf("freeze volume %s: %w", id, err)
		}
		defer release()
	}
	thaw, err := s.freeze(id)
	if err != nil {
		return err
	}
	defer thaw()
	return s.show(p, f)
}

// freeze holds writes to the volume until thaw is called.
func (s *Store) freeze(id string) (thaw func(), err error) {
	if s.rootless {
		return s.freezeFUSE(id)
	}
	d, open, err := s.device(id)
	if err != nil {
		return nil, err
	}
	if !open {
		unlock := s.locks.lock(id) // nobody opens it meanwhile
		return unlock, nil
	}
	if s.isBroken(id) {
		return func() {}, nil // nothing that is written to the device arrives
	}
	for _, path := range mountsOf(d.number()) {
		// The file system is the same in all namespaces; one handle will do.
		root, err := os.Open(path)
		if err != nil {
			s.log.Warn("a mounted volume cannot be reached to be frozen", "volume", id, "path", path, "err", err)
			continue
		}
		err = unix.IoctlSetInt(int(root.Fd()), fiFreeze, 0)
		switch {
		case err == nil:
			return func() { s.thaw(id, root) }, nil
		case errors.Is(err, unix.EBUSY): // frozen already, by who uses it
			_ = root.Close() // it was only read
			return func() {}, nil
		case errors.Is(err, unix.EOPNOTSUPP):
			s.log.Warn("the file system on a volume cannot be frozen", "volume", id)
		default:
			_ = root.Close() // it was only read
			return nil, fmt.Errorf("freeze volume %s: %w", id, err)
		}
		_ = root.Close() // it was only read
	}
	return func() {}, d.flush()
}

func (s *Store) thaw(id string, root *os.File) {
	err := unix.IoctlSetInt(int(root.Fd()), fiThaw, 0)
	if err = errors.Join(err, root.Close()); err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: somebody else thawed it
		s.log.Error("thaw a volume", "volume", id, "err", err)
	}
}

// flush writes what the device has cached to its file.
func (d loop) flush() error {
	f, err := d.open(os.O_RDONLY)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// thawAll thaws the volumes that an earlier process left frozen as it died.
func (s *Store) thawAll() {
	devices, err := s.devices()
	if err != nil {
		s.log.Error("look for frozen volumes", "err", err)
		return
	}
	for id, d := range devices {
		for _, path := range mountsOf(d.number()) {
			root, err := os.Open(path)
			if err != nil {
				continue // its machine is ending
			}
			if unix.IoctlSetInt(int(root.Fd()), fiThaw, 0) == nil {
				s.log.Warn("a crash had left a volume frozen", "volume", id)
			}
			_ = root.Close() // it was only read
			break
		}
	}
}

// ReadVolume implements plane.Volumes.
func (s *Store) ReadVolume(_ context.Context, id string, f func(plane.VolumeContent) error) error {
	p, err := s.locate(id)
	if err != nil {
		return err
	}
	return s.show(p, f)
}
