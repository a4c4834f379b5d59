//go:build linux

package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

const (
	loopControl = "/dev/loop-control"
	loopMajor   = 7
	// loopTries bounds how often another process may take the device that was
	// free a moment ago.
	loopTries = 64
)

// loop is the number of a loop device.
type loop int

func (d loop) node() string { return "/dev/loop" + strconv.Itoa(int(d)) }

// number is how the kernel writes the device's number.
func (d loop) number() string { return fmt.Sprintf("%d:%d", loopMajor, int(d)) }

// open opens the device, whose node it makes where no devtmpfs does.
func (d loop) open(flags int) (*os.File, error) {
	f, err := os.OpenFile(d.node(), flags, 0)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	dev := int(unix.Mkdev(loopMajor, uint32(d)))
	if err := unix.Mknod(d.node(), unix.S_IFBLK|0o600, dev); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("mknod %s: %w", d.node(), err)
	}
	return os.OpenFile(d.node(), flags, 0)
}

// OpenVolume implements plane.Volumes. A volume that is open keeps its device.
func (s *Store) OpenVolume(_ context.Context, id string) (string, error) {
	if s.rootless {
		return s.openFile(id)
	}
	if s.noLoop != nil {
		return "", fmt.Errorf("open volume %s: %w: %w", id, plane.ErrUnsupported, s.noLoop)
	}
	defer s.locks.lock(id)()
	p, err := s.locate(id)
	if err != nil {
		return "", err
	}
	d, ok, err := s.device(id)
	if err == nil && ok && s.isBroken(id) {
		err, ok = s.close(id, d), false
	}
	if err != nil {
		return "", err
	}
	if !ok {
		if d, err = s.attach(p); err != nil {
			return "", fmt.Errorf("open volume %s: %w", id, err)
		}
	}
	return d.node(), nil
}

// attach binds the volume's file to a free loop device: for an encrypted one,
// the file in which it appears in the clear.
func (s *Store) attach(p place) (d loop, err error) {
	if p.encrypted {
		return s.attachEncrypted(p)
	}
	file, err := os.OpenFile(p.path, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return s.bind(p.id, file, s.label(p.id), 0)
}

// bind binds a file to a free loop device of size bytes; 0 for the file's.
func (s *Store) bind(id string, file *os.File, label string, size int64) (loop, error) {
	ctl, err := os.OpenFile(loopControl, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer ctl.Close()
	for range loopTries {
		n, err := unix.IoctlRetInt(int(ctl.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return 0, fmt.Errorf("find a free loop device: %w", err)
		}
		err = loop(n).configure(file, label, size)
		if err == nil {
			s.mu.Lock()
			s.open[id] = loop(n)
			s.mu.Unlock()
			return loop(n), nil
		}
		if !errors.Is(err, unix.EBUSY) { // else somebody was faster
			return 0, err
		}
	}
	return 0, fmt.Errorf("no loop device stays free: %w", plane.ErrBusy)
}

// labelSize is how long a label may be.
const labelSize = len(unix.LoopInfo64{}.File_name) - 1

// label names a device after its cloud and volume, for losetup's eyes.
func (s *Store) label(id string) string { return "pileus/" + s.cloud + "/" + id }

// configure binds a file to the device, past the page cache where its file
// system allows: what a machine has cached need not be cached again.
func (d loop) configure(file *os.File, label string, size int64) error {
	f, err := d.open(os.O_RDWR)
	if err != nil {
		return err
	}
	defer f.Close()
	c := unix.LoopConfig{Fd: uint32(file.Fd()), Size: 512}
	copy(c.Info.File_name[:labelSize], label)
	c.Info.Sizelimit = uint64(size)
	for _, flags := range []uint32{unix.LO_FLAGS_DIRECT_IO, 0} {
		c.Info.Flags = flags
		if err = unix.IoctlLoopConfigure(int(f.Fd()), &c); !errors.Is(err, unix.EINVAL) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("configure %s: %w", d.node(), err)
	}
	return nil
}

// refreshSize makes the device as large as its file.
func (d loop) refreshSize() error {
	f, err := d.open(os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.IoctlSetInt(int(f.Fd()), unix.LOOP_SET_CAPACITY, 0); err != nil {
		return fmt.Errorf("grow %s: %w", d.node(), err)
	}
	return nil
}

// resizeTries bounds how often a device that is being written to is asked to
// change its size.
const resizeTries = 64

// limitSize makes the device as large as is said, whatever its file's size.
func (d loop) limitSize(size int64) error {
	f, err := d.open(os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := unix.IoctlLoopGetStatus64(int(f.Fd()))
	for range resizeTries {
		if err != nil || info.Sizelimit == uint64(size) {
			break
		}
		next := *info
		next.Sizelimit = uint64(size)
		// The kernel gives up where it finds that pages became dirty meanwhile.
		if err = unix.IoctlLoopSetStatus64(int(f.Fd()), &next); !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("grow %s: %w", d.node(), err)
	}
	return nil
}

// labelled is the label of a device that is in use.
func (d loop) labelled() string {
	f, err := d.open(os.O_RDONLY)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := unix.IoctlLoopGetStatus64(int(f.Fd()))
	if err != nil {
		return "" // closed meanwhile
	}
	return unix.ByteSliceToString(info.File_name[:])
}

// CloseVolume implements plane.Volumes: plane.ErrBusy while it is mounted.
func (s *Store) CloseVolume(_ context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	defer s.locks.lock(id)()
	return s.closeDevice(id)
}

func (s *Store) closeDevice(id string) error {
	if s.rootless {
		return s.closeFUSE(id)
	}
	d, ok, err := s.device(id)
	if err != nil || !ok {
		return err
	}
	return s.close(id, d)
}

// close takes the file off the device. The kernel would put that off silently
// while a file system is mounted, so it is asked for exclusive use first.
func (s *Store) close(id string, d loop) error {
	if err := s.detach(id, d); err != nil {
		return err
	}
	if p, err := s.locate(id); err == nil && p.encrypted || s.hasCipher(id) {
		d.readAhead(usualAhead)
		s.endCipher(id) // which now shows nobody anything
	}
	return nil
}

func (s *Store) detach(id string, d loop) error {
	f, err := d.open(os.O_RDWR | unix.O_EXCL)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("volume %s: %w", id, plane.ErrBusy)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	s.unlimit(id, d)
	if err := f.Sync(); err != nil && !s.isBroken(id) {
		return fmt.Errorf("flush %s: %w", d.node(), err)
	}
	err = unix.IoctlSetInt(int(f.Fd()), unix.LOOP_CLR_FD, 0)
	if err != nil && !errors.Is(err, unix.ENXIO) { // ENXIO: it has none
		return fmt.Errorf("clear %s: %w", d.node(), err)
	}
	return nil
}

// device is the loop device of a volume that is open. Only this process opens
// volumes, so what it does not remember is closed; what it does remember, the
// kernel confirms.
func (s *Store) device(id string) (d loop, ok bool, err error) {
	s.mu.Lock()
	d, ok = s.open[id]
	s.mu.Unlock()
	if !ok {
		return 0, false, nil
	}
	path, bound, err := d.backing()
	if err != nil || bound && (path == s.file(id) || path == nowhere && d.labelled() == s.cipherLabel(id)) {
		return d, err == nil, err
	}
	s.mu.Lock()
	delete(s.open, id)
	s.mu.Unlock()
	return 0, false, nil
}

// backing is the file that a device is bound to.
func (d loop) backing() (path string, bound bool, err error) {
	b, err := os.ReadFile("/sys/block/loop" + strconv.Itoa(int(d)) + "/loop/backing_file")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), " (deleted)"), true, nil
}

// devices are the loop devices of this cloud by volume. The kernel knows them
// by their backing files, which lie in this cloud's folder; those of encrypted
// volumes lie in no folder, and are known by their labels.
func (s *Store) devices() (map[string]loop, error) {
	found := map[string]loop{}
	names, err := filepath.Glob("/sys/block/loop*/loop")
	if err != nil {
		return nil, err
	}
	folder := s.path(volumesDir) + "/"
	for _, name := range names {
		n, err := strconv.Atoi(strings.TrimPrefix(strings.Split(name, "/")[3], "loop"))
		if err != nil {
			return nil, fmt.Errorf("loop device %s: %w", name, err)
		}
		path, bound, err := loop(n).backing()
		if err != nil || !bound {
			continue // closed meanwhile
		}
		if path == nowhere {
			if id, ours := s.cipherVolume(loop(n).labelled()); ours {
				found[id] = loop(n)
			}
			continue
		}
		file, ours := strings.CutPrefix(path, folder)
		id, ok := strings.CutSuffix(file, volumeSuffix)
		if ours && ok {
			found[id] = loop(n)
		}
	}
	return found, nil
}
