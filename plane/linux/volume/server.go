//go:build linux

package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/guest/handoff"
	"pileus/plane/linux/process"
)

// serverName is the name (argv[0]) under which a program serves a volume.
const serverName = "pileus-volume"

// server gives the content of a volume out as mounts, to whoever has the other
// end of its socket. It outlives the process that started it, and ends with the
// last use of the volume. It has mounts of its own, in which the volume is the
// device that its user calls it: what is mounted from there carries that name.
type server struct {
	Volume string // its file
	Device string // "/dev/sdf"
	State  string // file of a mounted
	Mounts string // folder in which there are other volumes

	lock *os.File     // held by this process and those that it starts
	fuse *fuseProcess // the last file system that was mounted
}

// mounted is what is remembered of a file system that is mounted, for as long
// as it is: what is left where no such process is was not unmounted.
type mounted struct {
	PID    int    // of fuse2fs
	Birth  uint64 // when that started
	Device string // number of the file system, "0:53"
}

// fuseProcess is fuse2fs at work.
type fuseProcess struct {
	*exec.Cmd
	ended  chan struct{}
	number string // of the file system, once it is mounted
}

// Serve is the life of a volume's server, if this program was started as one;
// it then does not return.
func Serve() {
	if len(os.Args) != 2 || os.Args[0] != serverName {
		return
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "pileus:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(spec string) error {
	var s server
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return err
	}
	socket := os.NewFile(3, "socket")
	c, err := net.FileConn(socket)
	if err != nil {
		return err
	}
	socket.Close()
	if s.lock, err = os.OpenFile(s.Volume, os.O_RDWR|syscall.O_CLOEXEC, 0); err != nil {
		return err
	}
	if err := takeLock(s.lock); err != nil {
		return err
	}
	if err := s.furnish(); err != nil {
		return err
	}
	err = handoff.ServeDisk(c.(*net.UnixConn), s.mount)
	c.Close()
	if s.fuse != nil {
		<-s.fuse.ended
	}
	return err
}

// furnish gives the server a /dev with little else than the volume.
func (s *server) furnish() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	// Whatever is mounted here, too, could never be unmounted elsewhere.
	others, err := os.ReadDir(s.Mounts)
	if err != nil {
		return err
	}
	for _, o := range others {
		_ = unix.Unmount(filepath.Join(s.Mounts, o.Name()), unix.MNT_DETACH) // most are not mounted
	}
	held := map[string]*os.File{}
	for name, path := range map[string]string{"/dev/null": "/dev/null", "/dev/fuse": "/dev/fuse", s.Device: s.Volume} {
		f, err := os.OpenFile(path, unix.O_PATH, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		held[name] = f
	}
	if err := unix.Mount("tmpfs", "/dev", "tmpfs", unix.MS_NOSUID, "mode=755,size=1m"); err != nil {
		return err
	}
	for name, f := range held {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			return err
		}
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), name, "", unix.MS_BIND, ""); err != nil {
			return &os.PathError{Op: "bind", Path: name, Err: err}
		}
	}
	return os.Mkdir(fuseFolder, 0o700)
}

// fuseFolder is where a file system is for the moment before it is given out.
const fuseFolder = "/dev/.mount"

// mount answers a request.
func (s *server) mount(r handoff.DiskRequest) (*os.File, error) {
	if !r.FileSystem {
		return clone(s.Device, r.ReadOnly)
	}
	if s.fuse != nil {
		if !s.fuse.ends(leaveLimit) && (len(mountsOf(s.fuse.number)) > 0 || !s.fuse.ends(quitLimit)) {
			return nil, fmt.Errorf("%s is mounted already", s.Device)
		}
	}
	if err := s.repair(); err != nil {
		return nil, err
	}
	if err := s.start(r.ReadOnly); err != nil {
		return nil, err
	}
	f, err := clone(fuseFolder, r.ReadOnly)
	return f, errors.Join(err, unix.Unmount(fuseFolder, unix.MNT_DETACH))
}

// ends tells whether fuse2fs ends within a limit: nobody has its file system any
// more, and it has written out what there was.
func (f *fuseProcess) ends(limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	select {
	case <-f.ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// repair makes the volume's file system whole. Its device is away meanwhile:
// e2fsck refuses what is mounted, and tells that by names, of which another
// cloud's fuse2fs may have mounted the same.
func (s *server) repair() error {
	if err := unix.Unmount(s.Device, unix.MNT_DETACH); err != nil {
		return &os.PathError{Op: "unmount", Path: s.Device, Err: err}
	}
	err := repair(context.Background(), s.Volume, s.left())
	if berr := unix.Mount(s.Volume, s.Device, "", unix.MS_BIND, ""); berr != nil {
		err = errors.Join(err, &os.PathError{Op: "bind", Path: s.Device, Err: berr})
	}
	return err
}

// clone is a copy of a mount that is nowhere yet.
func clone(path string, readOnly bool) (*os.File, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, &os.PathError{Op: "open_tree", Path: path, Err: err}
	}
	if readOnly {
		err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
		if err != nil {
			unix.Close(fd)
			return nil, fmt.Errorf("make %s read-only: %w", path, err)
		}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// left tells whether the last one to mount the volume did not unmount it.
func (s *server) left() bool {
	_, err := os.Stat(s.State)
	return err == nil
}

// start has fuse2fs mount the volume.
func (s *server) start(readOnly bool) error {
	program, err := tool("fuse2fs")
	if err != nil {
		return err
	}
	options := "allow_other,default_permissions,suid"
	if readOnly {
		options += ",ro"
	}
	c := exec.Command(program, s.Device, fuseFolder, "-f", "-o", options)
	c.ExtraFiles = []*os.File{s.lock}
	var complaint strings.Builder
	c.Stderr = &complaint
	if err := c.Start(); err != nil {
		return err
	}
	s.fuse = &fuseProcess{Cmd: c, ended: make(chan struct{})}
	birth, err := process.BirthOf(c.Process.Pid)
	if err != nil {
		return err
	}
	go s.watch(s.fuse)
	number, err := s.fuse.appears()
	if err != nil {
		return errors.Join(err, errors.New(strings.TrimSpace(complaint.String())))
	}
	s.fuse.number = number
	b, err := json.Marshal(mounted{c.Process.Pid, birth, number})
	if err != nil {
		return err
	}
	return os.WriteFile(s.State, b, 0o600)
}

// watch waits for the end of fuse2fs: if it is a good one, the volume is whole.
func (s *server) watch(f *fuseProcess) {
	if f.Wait() == nil {
		_ = os.Remove(s.State) // at worst the volume is checked once more than needed
	}
	close(f.ended)
}

// appears waits until a file system is mounted, and returns its number.
func (f *fuseProcess) appears() (number string, err error) {
	c := clock.New()
	ctx, cancel := context.WithTimeout(context.Background(), quitLimit)
	defer cancel()
	for {
		select {
		case <-f.ended:
			return "", errors.New("fuse2fs ended before it had mounted the volume")
		default:
		}
		var fs unix.Statfs_t
		var st unix.Stat_t
		if unix.Statfs(fuseFolder, &fs) == nil && fs.Type == fuseMagic && unix.Stat(fuseFolder, &st) == nil {
			return fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)), nil
		}
		if err := c.Wait(ctx, time.Millisecond); err != nil {
			return "", errors.Join(errors.New("fuse2fs takes too long to mount the volume"), f.Process.Kill())
		}
	}
}

const fuseMagic = 0x65735546

// takeLock takes the lock of a volume in use, which belongs to the open file
// and so to all processes that inherit it.
func takeLock(f *os.File) error {
	l := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l); err != nil {
		return fmt.Errorf("%s is in use: %w", f.Name(), err)
	}
	return nil
}

// locked tells whether a volume is in use: by a server, or by QEMU, which locks
// other bytes of it.
func locked(file string) (bool, error) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	l := unix.Flock_t{Type: unix.F_WRLCK} // the whole of it
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l)
	return l.Type != unix.F_UNLCK, err
}
