//go:build linux

package volume

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pileus/plane"
	"pileus/plane/linux/process"
)

// Without root there are no block devices. A volume with a file system is then
// mounted by fuse2fs, a process for each volume that outlives this one, and
// machines get the folder where it is mounted.

const mountsDir = "mounts" // ID/: where it is mounted; ID.used: it was not yet unmounted

// quitLimit is how long fuse2fs may take to write out what it has.
const quitLimit = 30 * time.Second

func (s *Store) mountPoint(id string) string { return s.path(mountsDir, id) }
func (s *Store) usedMark(id string) string   { return s.path(mountsDir, id+".used") }

// errBlock is why a volume without a file system is of no use without root.
var errBlock = fmt.Errorf("%w: without root there are no block devices, only root volumes: start pileus with sudo to attach data volumes", plane.ErrUnsupported)

// openFUSE mounts a volume unless it is mounted; its lock is held.
func (s *Store) openFUSE(ctx context.Context, id string) (folder string, err error) {
	folder = s.mountPoint(id)
	mounted, err := s.mountedFUSE(id)
	if err != nil || mounted {
		return folder, err
	}
	super, err := superblock(s.file(id))
	if err != nil {
		return "", fmt.Errorf("open volume %s: %w", id, err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	if err := s.repair(ctx, id, super); err != nil {
		return "", fmt.Errorf("open volume %s: %w", id, err)
	}
	if err := os.WriteFile(s.usedMark(id), nil, 0o600); err != nil {
		return "", err
	}
	if err := run(ctx, "fuse2fs", s.file(id), folder, "-o", "allow_other,default_permissions,suid"); err != nil {
		return "", fmt.Errorf("open volume %s: %w", id, err)
	}
	if mounted, err = s.mountedFUSE(id); err == nil && !mounted {
		err = fmt.Errorf("open volume %s: fuse2fs ended before it was mounted", id)
	}
	return folder, err
}

// extSuper is what an ext file system says of itself.
type extSuper struct{ size int64 }

// superblock reads the size of the file system on a volume.
func superblock(file string) (x extSuper, err error) {
	f, err := os.Open(file)
	if err != nil {
		return x, err
	}
	defer f.Close()
	b := make([]byte, 1024)
	if _, err := f.ReadAt(b, 1024); err != nil || binary.LittleEndian.Uint16(b[0x38:]) != 0xEF53 {
		return x, errBlock
	}
	blocks := uint64(binary.LittleEndian.Uint32(b[4:]))
	const wide = 0x80 // feature 64bit
	if binary.LittleEndian.Uint32(b[0x60:])&wide != 0 {
		blocks |= uint64(binary.LittleEndian.Uint32(b[0x150:])) << 32
	}
	x.size = int64(blocks << (10 + binary.LittleEndian.Uint32(b[0x18:])))
	return x, nil
}

// repair checks a file system, thoroughly where it was not unmounted, and
// makes it as large as its volume.
func (s *Store) repair(ctx context.Context, id string, super extSuper) error {
	how := "-p"
	if _, err := os.Stat(s.usedMark(id)); err == nil {
		how = "-fy"
	}
	err := run(ctx, "e2fsck", how, s.file(id))
	if code := new(exec.ExitError); errors.As(err, &code) && code.ExitCode() < 4 {
		err = nil // 1 and 2: it was repaired
	} else if how == "-p" && err != nil {
		err = run(ctx, "e2fsck", "-fy", s.file(id))
		if errors.As(err, &code) && code.ExitCode() < 4 {
			err = nil
		}
	}
	st, serr := os.Stat(s.file(id))
	if err = errors.Join(err, serr); err == nil && st.Size() > super.size {
		err = growFileSystem(ctx, s.file(id))
	}
	return err
}

// mountedFUSE tells whether a volume is mounted. What a fuse2fs that died has
// left is taken away.
func (s *Store) mountedFUSE(id string) (bool, error) {
	const fuseMagic = 0x65735546
	var st unix.Statfs_t
	err := unix.Statfs(s.mountPoint(id), &st)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case errors.Is(err, unix.ENOTCONN):
		return false, unix.Unmount(s.mountPoint(id), unix.MNT_DETACH)
	}
	return err == nil && st.Type == fuseMagic, err
}

// closeFUSE unmounts a volume: plane.ErrBusy while a machine has it.
func (s *Store) closeFUSE(id string) error {
	mounted, err := s.mountedFUSE(id)
	if err != nil || !mounted {
		return err
	}
	var st unix.Stat_t
	if err := unix.Stat(s.mountPoint(id), &st); err != nil {
		return err
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	if len(mountsOf(number)) > 1 {
		return fmt.Errorf("volume %s: %w", id, plane.ErrBusy)
	}
	server, err := s.server(id)
	if err != nil {
		return err
	}
	if err := unix.Unmount(s.mountPoint(id), 0); err != nil {
		if errors.Is(err, unix.EBUSY) {
			err = plane.ErrBusy
		}
		return fmt.Errorf("close volume %s: %w", id, err)
	}
	if server != nil {
		gone := make(chan struct{})
		go func() {
			server.Wait()
			close(gone)
		}()
		ctx, cancel := context.WithTimeout(context.Background(), quitLimit)
		defer cancel()
		select {
		case <-gone:
		case <-ctx.Done():
			return fmt.Errorf("close volume %s: fuse2fs does not end: %w", id, plane.ErrBusy)
		}
		server.Release()
	}
	return errors.Join(os.Remove(s.usedMark(id)), os.Remove(s.mountPoint(id)))
}

// server is the process that serves a volume; nil where there is none.
func (s *Store) server(id string) (*process.Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline")) // gone, or not ours
		args := strings.Split(string(b), "\x00")
		if len(args) > 2 && filepath.Base(args[0]) == "fuse2fs" && args[1] == s.file(id) {
			return process.Hold(pid, 0, false)
		}
	}
	return nil, nil
}

// freezeFUSE stops the process that serves a volume once it has written out
// what it had: nothing reaches the volume until thaw.
func (s *Store) freezeFUSE(id string) (thaw func(), err error) {
	mounted, err := s.mountedFUSE(id)
	if err != nil {
		return nil, err
	}
	if !mounted {
		return s.locks.lock(id), nil // nobody opens it meanwhile
	}
	root, err := os.Open(s.mountPoint(id))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := errors.Join(unix.Syncfs(int(root.Fd())), root.Sync()); err != nil {
		return nil, fmt.Errorf("freeze volume %s: %w", id, err)
	}
	server, err := s.server(id)
	if err != nil || server == nil {
		return func() {}, err
	}
	if err := unix.Kill(server.PID, unix.SIGSTOP); err != nil {
		server.Release()
		return nil, fmt.Errorf("freeze volume %s: %w", id, err)
	}
	return func() {
		if err := unix.Kill(server.PID, unix.SIGCONT); err != nil {
			s.log.Error("thaw a volume", "volume", id, "err", err)
		}
		server.Release()
	}, nil
}

// usedFUSE lists the volumes that were not unmounted.
func (s *Store) usedFUSE() (ids []string) {
	entries, _ := os.ReadDir(s.path(mountsDir)) // none, where it cannot be read
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".used"); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// adoptFUSE finds what an earlier process left: what it had frozen is thawed.
// In fresh namespaces nothing is mounted, and the processes that served the
// volumes in others end.
func (s *Store) adoptFUSE(fresh bool) {
	for _, id := range s.usedFUSE() {
		server, err := s.server(id)
		if err != nil || server == nil {
			continue
		}
		if err := unix.Kill(server.PID, unix.SIGCONT); err != nil {
			s.log.Warn("thaw a volume", "volume", id, "err", err)
		}
		if fresh {
			if err := server.Kill(); err != nil {
				s.log.Warn("end a volume's process", "volume", id, "err", err)
			}
			server.Wait()
		}
		server.Release()
	}
}
