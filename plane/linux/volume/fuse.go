//go:build linux

package volume

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/guest/handoff"
	"pileus/plane"
	"pileus/plane/linux/process"
)

// Without root there are no block devices. A volume in use then has a server, a
// process that gives out what it holds as mounts: see server. Machines get
// their root volume as a folder, and the others by a socket.

const mountsDir = "mounts" // ID/: where a root volume is mounted; ID.json: a mounted

// quitLimit is how long fuse2fs may take to write out what it has.
const quitLimit = 30 * time.Second

// leaveLimit is how long a machine may take to let go of a volume that was
// detached.
const leaveLimit = 2 * time.Second

func (s *Store) mountPoint(id string) string { return s.path(mountsDir, id) }
func (s *Store) stateFile(id string) string  { return s.path(mountsDir, id+stateSuffix) }

const stateSuffix = ".json"

// errBlock is why volumes are not what they are elsewhere.
var errBlock = errors.New("without root there are no block devices: volumes are files in /dev, which `mount` of the built-in image mounts as ext4 by fuse2fs, slower, and growing with the next mount; start pileus with sudo for block devices")

// openFile is the file of a volume, where no device is to be had.
func (s *Store) openFile(id string) (string, error) {
	p, err := s.locate(id)
	if err == nil && p.encrypted {
		err = fmt.Errorf("open volume %s: %w: it is encrypted, and without root that cannot be mounted: start pileus with sudo", id, plane.ErrUnsupported)
	}
	return p.path, err
}

// ServeVolume starts a server for a volume that is not in use, which calls it
// by the name of a device, and returns the socket by which it is asked.
func (s *Store) ServeVolume(id, device string) (*os.File, error) {
	if err := s.exists(id); err != nil {
		return nil, err
	}
	defer s.locks.lock(id)()
	return s.serve(id, device)
}

func (s *Store) serve(id, device string) (*os.File, error) {
	err := s.unused(id, leaveLimit)
	if errors.Is(err, plane.ErrBusy) && !s.VolumeMounted(id) {
		err = s.unused(id, quitLimit) // nobody has it any more: what was written is being written out
	}
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(server{
		Volume: s.file(id), Device: "/dev/" + strings.TrimPrefix(device, "/dev/"), State: s.stateFile(id), Mounts: s.path(mountsDir)})
	if err != nil {
		return nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "volume"), os.NewFile(uintptr(pair[1]), "volume")
	defer theirs.Close()
	var c *exec.Cmd
	err = s.shelter.Start(func(attr syscall.SysProcAttr) error {
		c = exec.Command("/proc/self/exe")
		c.Args, c.Dir, c.ExtraFiles = []string{serverName, string(spec)}, "/", []*os.File{theirs}
		c.Env = []string{"GOMAXPROCS=1", "GOGC=25", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
		attr.Setsid, attr.Cloneflags = true, unix.CLONE_NEWNS
		c.SysProcAttr = &attr
		return c.Start()
	})
	if err != nil {
		ours.Close()
		return nil, fmt.Errorf("serve volume %s: %w", id, err)
	}
	go func() { _ = c.Wait() }() // how it ended shows in what it left
	return ours, nil
}

// MountVolume mounts the file system of a root volume, unless it is, and
// returns the folder.
func (s *Store) MountVolume(id, device string) (folder string, err error) {
	if err := s.exists(id); err != nil {
		return "", err
	}
	defer s.locks.lock(id)()
	folder = s.mountPoint(id)
	there, err := s.isMounted(id)
	if err != nil || there {
		return folder, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	socket, err := s.serve(id, device)
	if err != nil {
		return "", err
	}
	defer socket.Close()
	c, err := net.FileConn(socket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	socket.Close()
	mount, err := askOnce(c.(*net.UnixConn))
	if err != nil {
		return "", fmt.Errorf("mount volume %s: %w", id, err)
	}
	defer mount.Close()
	if err := unix.MoveMount(int(mount.Fd()), "", unix.AT_FDCWD, folder, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return "", fmt.Errorf("mount volume %s: %w", id, err)
	}
	return folder, nil
}

// askOnce asks a volume's server for its file system, and returns when the
// server itself has let go of the mount: until then it could not be unmounted.
func askOnce(c *net.UnixConn) (mount *os.File, err error) {
	mount, err = handoff.AskDisk(c, handoff.DiskRequest{FileSystem: true})
	if err != nil {
		return nil, err
	}
	// Told that there are no more requests, it closes its end.
	if err := c.CloseWrite(); err == nil {
		_ = c.SetReadDeadline(clock.Machine().Add(quitLimit)) // without it the wait has no end, which is no harm
		_, _ = c.Read(make([]byte, 1))
	}
	return mount, nil
}

// isMounted tells whether a root volume is mounted. What a fuse2fs that died
// has left is taken away.
func (s *Store) isMounted(id string) (bool, error) {
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

// VolumeMounted tells whether the file system of a volume is mounted anywhere.
// What serves it may work on for a moment when it no longer is.
func (s *Store) VolumeMounted(id string) bool {
	m, p, err := s.mountedNow(id)
	if err != nil || p == nil {
		return false
	}
	p.Release()
	return len(mountsOf(m.Device)) > 0
}

// mountedNow is what is known of a file system that is mounted, and the process
// that serves it; nil where there is none.
func (s *Store) mountedNow(id string) (m mounted, p *process.Process, err error) {
	b, err := os.ReadFile(s.stateFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil, nil
	}
	if err != nil {
		return m, nil, err
	}
	if json.Unmarshal(b, &m) != nil || m.PID == 0 {
		return m, nil, nil // it was being written
	}
	p, err = process.Hold(m.PID, m.Birth, false)
	return m, p, err
}

// unused waits until a volume is not in use: plane.ErrBusy where it stays so.
func (s *Store) unused(id string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for c := clock.New(); ; {
		busy, err := locked(s.file(id))
		if err != nil || !busy {
			return err
		}
		if c.Wait(ctx, time.Millisecond) != nil {
			return fmt.Errorf("volume %s: %w", id, plane.ErrBusy)
		}
	}
}

// closeFUSE unmounts a volume, and waits until all of it is written:
// plane.ErrBusy while a machine has it.
func (s *Store) closeFUSE(id string) error {
	there, err := s.isMounted(id)
	if err != nil {
		return err
	}
	limit := leaveLimit
	if there {
		var st unix.Stat_t
		if err := unix.Stat(s.mountPoint(id), &st); err != nil {
			return err
		}
		number := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
		if len(mountsOf(number)) > 1 {
			return fmt.Errorf("volume %s: %w", id, plane.ErrBusy)
		}
		if err := unix.Unmount(s.mountPoint(id), 0); err != nil {
			if errors.Is(err, unix.EBUSY) {
				err = plane.ErrBusy
			}
			return fmt.Errorf("close volume %s: %w", id, err)
		}
		limit = quitLimit
	}
	if err := s.unused(id, limit); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(s.mountPoint(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// freezeFUSE stops the process that serves a volume once it has written out
// what it had: nothing reaches the volume until thaw.
func (s *Store) freezeFUSE(id string) (thaw func(), err error) {
	m, server, err := s.mountedNow(id)
	if err != nil {
		return nil, err
	}
	if server == nil {
		return s.locks.lock(id), nil // nobody opens it meanwhile
	}
	for _, path := range mountsOf(m.Device) {
		if err := flushFileSystem(path); err != nil {
			s.log.Warn("a mounted volume cannot be flushed", "volume", id, "path", path, "err", err)
			continue
		}
		break
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

// flushFileSystem has a file system write out what it has.
func flushFileSystem(path string) error {
	root, err := os.Open(path)
	if err != nil {
		return err
	}
	defer root.Close()
	return errors.Join(unix.Syncfs(int(root.Fd())), root.Sync())
}

// usedFUSE lists the volumes that are mounted, or were not unmounted.
func (s *Store) usedFUSE() (ids []string) {
	entries, _ := os.ReadDir(s.path(mountsDir)) // none, where it cannot be read
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), stateSuffix); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// thawFUSE thaws the volumes that an earlier process left frozen as it died.
func (s *Store) thawFUSE() {
	for _, id := range s.usedFUSE() {
		_, server, err := s.mountedNow(id)
		if err != nil || server == nil {
			continue
		}
		if err := unix.Kill(server.PID, unix.SIGCONT); err != nil {
			s.log.Warn("thaw a volume", "volume", id, "err", err)
		}
		server.Release()
	}
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
		return x, errors.New("there is no ext4 file system on it, and without root no other can be mounted")
	}
	blocks := uint64(binary.LittleEndian.Uint32(b[4:]))
	const wide = 0x80 // feature 64bit
	if binary.LittleEndian.Uint32(b[0x60:])&wide != 0 {
		blocks |= uint64(binary.LittleEndian.Uint32(b[0x150:])) << 32
	}
	x.size = int64(blocks << (10 + binary.LittleEndian.Uint32(b[0x18:])))
	return x, nil
}

// repair checks the file system on a volume, thoroughly where it was not
// unmounted, and makes it as large as its volume.
func repair(ctx context.Context, file string, thoroughly bool) error {
	super, err := superblock(file)
	if err != nil {
		return err
	}
	err = errors.New("not checked yet")
	if !thoroughly {
		err = check(ctx, "-p", file)
	}
	if err != nil {
		err = check(ctx, "-fy", file)
	}
	st, serr := os.Stat(file)
	if err = errors.Join(err, serr); err == nil && st.Size() > super.size {
		err = growFileSystem(ctx, file)
	}
	return err
}

// check runs e2fsck, whose exit codes 1 and 2 say that it has repaired.
func check(ctx context.Context, how, file string) error {
	err := run(ctx, "e2fsck", how, file)
	if code := new(exec.ExitError); errors.As(err, &code) && code.ExitCode() < 4 {
		return nil
	}
	return err
}
