package guest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
)

// served are the disks of a machine without block devices. Each is a file in
// /dev, and who has it mounts its file system.
type served struct {
	mu    sync.Mutex
	conns map[string]*net.UnixConn // by path in /dev
}

// add makes a disk appear that the other end of a socket has.
func (s *served) add(d handoff.Disk, socket *os.File) error {
	name, err := devicePath(d.Device)
	if err != nil {
		return err
	}
	c, err := net.FileConn(socket)
	if err != nil {
		return err
	}
	conn, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return errors.New("a disk needs a socket")
	}
	if err := s.show(conn, d, name); err != nil {
		conn.Close()
		return fmt.Errorf("%s: %w", d.Device, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = map[string]*net.UnixConn{}
	}
	s.conns[name] = conn
	return nil
}

// show makes the disk's file and its other name.
func (s *served) show(c *net.UnixConn, d handoff.Disk, name string) error {
	mount, err := handoff.AskDisk(c, handoff.DiskRequest{ReadOnly: d.ReadOnly})
	if err != nil {
		return err
	}
	defer mount.Close()
	if err := touch(name, 0o660); err != nil {
		return err
	}
	if err := place(mount, name); err != nil {
		return err
	}
	if other := otherName(name); other != "" {
		if err := os.Symlink(filepath.Base(name), other); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// place puts a mount that is nowhere yet where it belongs.
func place(mount *os.File, on string) error {
	if err := unix.MoveMount(int(mount.Fd()), "", unix.AT_FDCWD, on, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return &os.PathError{Op: "mount", Path: on, Err: err}
	}
	return nil
}

// mount mounts the file system of a disk.
func (s *served) mount(device, on string, options []string) error {
	s.mu.Lock()
	c := s.conns[device]
	s.mu.Unlock()
	if c == nil {
		return fmt.Errorf("%s is no disk of this machine", device)
	}
	mount, err := handoff.AskDisk(c, handoff.DiskRequest{FileSystem: true, ReadOnly: slices.Contains(options, "ro")})
	if err != nil {
		return err
	}
	defer mount.Close()
	return place(mount, on)
}

// drop takes a disk away, wherever it is mounted.
func (s *served) drop(d handoff.Disk) error {
	name, err := devicePath(d.Device)
	if err != nil {
		return err
	}
	list, err := mountPoints()
	if err != nil {
		return err
	}
	for _, m := range slices.Backward(list) {
		if m.source == name || m.on == name {
			err = errors.Join(err, unix.Unmount(m.on, unix.MNT_DETACH))
		}
	}
	for _, n := range []string{name, otherName(name)} {
		if e := os.Remove(n); n != "" && e != nil && !os.IsNotExist(e) {
			err = errors.Join(err, e)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conns[name]; c != nil {
		err = errors.Join(err, c.Close())
		delete(s.conns, name)
	}
	return err
}

// serveDisks takes over the disks that the machine begins with.
func (m *machine) serveDisks() error {
	for i, d := range m.spec.Disks {
		f := os.NewFile(uintptr(handoff.DiskFD+i), d.Device)
		err := m.disks.add(d, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// mountFor mounts a disk for one of the machine's users: the arguments are the
// disk, where to, and options.
func (m *machine) mountFor(args []string) error {
	if len(args) != 3 {
		return errors.New("what to mount, where and how?")
	}
	return m.disks.mount(args[0], args[1], strings.Split(args[2], ","))
}
