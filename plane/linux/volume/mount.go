//go:build linux

package volume

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const fuseDevice = "/dev/fuse"

// errNoCipher is why there are no encrypted volumes without root.
var errNoCipher = errors.New("without root a volume's file is mounted as it is: start pileus with sudo, or ask for no encryption and " +
	"keep the data directory on an encrypted disk. Snapshots are always sealed")

// probeFUSE says why encrypted volumes cannot be shown in the clear.
func probeFUSE() error {
	const remedy = "load the kernel's module fuse and make " + fuseDevice +
		" reachable, or ask for no encryption and keep the data directory on an encrypted disk. Snapshots are always sealed"
	f, err := os.OpenFile(fuseDevice, os.O_RDWR, 0)
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		var context int
		if context, err = unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC); err == nil {
			err = unix.Close(context)
		}
	}
	if err != nil {
		return fmt.Errorf("no FUSE (%w): %s", err, remedy)
	}
	return nil
}

// mountFile mounts a file system that is one file, in no folder: it lives for
// as long as the file is open, here or as a block device. Who shows it
// speaks on device.
func mountFile(device *os.File) (mount *os.File, err error) {
	context, err := unix.Fsopen("fuse", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsopen: %w", err)
	}
	defer unix.Close(context)
	for _, o := range [][2]string{
		{"source", cipherName}, {"fd", strconv.Itoa(int(device.Fd()))},
		{"rootmode", strconv.FormatUint(fileMode, 8)}, {"user_id", "0"}, {"group_id", "0"},
	} {
		if err := unix.FsconfigSetString(context, o[0], o[1]); err != nil {
			return nil, fmt.Errorf("fsconfig %s: %w", o[0], err)
		}
	}
	if err := unix.FsconfigCreate(context); err != nil {
		return nil, fmt.Errorf("fsconfig: %w", err)
	}
	fd, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, fmt.Errorf("fsmount: %w", err)
	}
	return os.NewFile(uintptr(fd), "mount"), nil
}

// openMount opens the file that a mount is. It waits for who shows it, and
// fails once he is gone.
func openMount(mount *os.File) (*os.File, error) {
	path := "/proc/self/fd/" + strconv.Itoa(int(mount.Fd()))
	var fd int
	for {
		var err error
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, &os.PathError{Op: "open", Path: "what it shows", Err: err}
		}
	}
	f := os.NewFile(uintptr(fd), "clear")
	var st unix.Stat_t // has the kernel ask how large it is
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
