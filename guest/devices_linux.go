package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
)

type node struct {
	name         string
	mode         uint32
	major, minor uint32
}

// nodes are the devices that are safe to have.
var nodes = []node{
	{"null", 0o666, 1, 3}, {"zero", 0o666, 1, 5}, {"full", 0o666, 1, 7}, {"random", 0o666, 1, 8}, {"urandom", 0o666, 1, 9}, {"tty", 0o666, 5, 0},
}

// makeDevices mounts a /dev with the devices of the machine over the host's.
func makeDevices(s handoff.Spec) error {
	// Where devices cannot be made, the host's are used, held open by paths.
	held := map[string]int{}
	for _, n := range nodes {
		if !s.Rootless {
			break
		}
		fd, err := unix.Open("/dev/"+n.name, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return &os.PathError{Op: "open", Path: "/dev/" + n.name, Err: err}
		}
		defer unix.Close(fd)
		held[n.name] = fd
	}
	if err := unix.Mount("tmpfs", "/dev", "tmpfs", unix.MS_NOSUID, "mode=755,size=1m"); err != nil {
		return err
	}
	mask := unix.Umask(0)
	defer unix.Umask(mask)
	for _, n := range nodes {
		if fd, ok := held[n.name]; ok {
			if err := touch("/dev/"+n.name, 0o666); err != nil {
				return err
			}
			if err := bind(fmt.Sprintf("/proc/self/fd/%d", fd), "/dev/"+n.name, 0); err != nil {
				return err
			}
			continue
		}
		if err := unix.Mknod("/dev/"+n.name, unix.S_IFCHR|n.mode, int(unix.Mkdev(n.major, n.minor))); err != nil {
			return &os.PathError{Op: "mknod", Path: n.name, Err: err}
		}
	}
	for name, to := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(to, "/dev/"+name); err != nil {
			return err
		}
	}
	for _, m := range []mount{
		{"/dev/pts", "devpts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
		{"/dev/shm", "tmpfs", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
		{"/dev/mqueue", "mqueue", "mqueue", restricted, ""},
	} {
		if err := os.Mkdir(m.on, 0o755); err != nil {
			return err
		}
		err := unix.Mount(m.source, m.on, m.kind, m.flags, m.data)
		if err != nil && !(m.kind == "mqueue" && errors.Is(err, unix.ENODEV)) {
			return &os.PathError{Op: "mount", Path: m.on, Err: err}
		}
	}
	if s.Rootless {
		return nil
	}
	for _, d := range append([]handoff.Disk{s.Root}, s.Disks...) {
		if err := addDisk(d); err != nil {
			return err
		}
	}
	return nil
}

// addDisk makes a disk's node and its other name.
func addDisk(d handoff.Disk) error {
	name, err := devicePath(d.Device)
	if err != nil {
		return err
	}
	mode := uint32(0o660)
	if d.ReadOnly {
		mode = 0o440
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := unix.Mknod(name, unix.S_IFBLK|mode, int(unix.Mkdev(d.Major, d.Minor))); err != nil {
		return &os.PathError{Op: "mknod", Path: name, Err: err}
	}
	if other := otherName(name); other != "" {
		if err := os.Symlink(filepath.Base(name), other); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return nil
}

// dropDisk unmounts a disk wherever it is mounted, and removes its names.
func dropDisk(d handoff.Disk) error {
	name, err := devicePath(d.Device)
	if err != nil {
		return err
	}
	err = unmountDevice(d.Major, d.Minor)
	for _, n := range []string{name, otherName(name)} {
		if n == "" {
			continue
		}
		if e := os.Remove(n); e != nil && !os.IsNotExist(e) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// devicePath checks a device's name: it comes from an API.
func devicePath(device string) (string, error) {
	name := filepath.Clean("/dev/" + strings.TrimPrefix(device, "/dev/"))
	if !strings.HasPrefix(name, "/dev/") {
		return "", errors.New(device + " is no name of a device")
	}
	return name, nil
}

// otherName is the name under which disks are looked for as well: what was
// attached as /dev/sdf is /dev/xvdf to those who know Xen.
func otherName(name string) string {
	if rest, ok := strings.CutPrefix(name, "/dev/sd"); ok {
		return "/dev/xvd" + rest
	}
	if rest, ok := strings.CutPrefix(name, "/dev/xvd"); ok {
		return "/dev/sd" + rest
	}
	return ""
}
