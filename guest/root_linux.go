package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
	"pileus/plane"
)

// enter puts the machine's root file system together and makes it the root of
// this process, from which the host's then is out of sight.
func enter(s handoff.Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("leave the host's mounts: %w", err)
	}
	program, err := unix.Open(s.Program, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: s.Program, Err: err}
	}
	defer unix.Close(program)
	// The devices come first, over the host's, so that what is mounted from
	// them carries the machine's names.
	if err := makeDevices(s); err != nil {
		return fmt.Errorf("devices: %w", err)
	}
	root, err := mountRoot(s)
	if err != nil {
		return err
	}
	if err := moveDevices(root); err != nil {
		return err
	}
	if err := pivot(root); err != nil {
		return err
	}
	// From here on, links in the image lead to places in the image. The host's
	// files still lie below, because the program is taken from there.
	if err := populate(program); err != nil {
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the host's files: %w", err)
	}
	return unix.Chdir("/")
}

// moveDevices moves /dev into the new root. What an image has there must be a
// folder: a link would lead out of it.
func moveDevices(root string) error {
	on := filepath.Join(root, "dev")
	info, err := os.Lstat(on)
	switch {
	case os.IsNotExist(err):
		err = os.Mkdir(on, 0o755)
	case err == nil && !info.IsDir():
		err = errors.New("/dev of the image is no folder")
	}
	if err != nil {
		return err
	}
	if err := unix.Mount("/dev", on, "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move /dev: %w", err)
	}
	return nil
}

// mountRoot mounts the root volume, below the host's userland or alone.
func mountRoot(s handoff.Spec) (root string, err error) {
	var flags uintptr
	if s.Root.ReadOnly {
		flags = unix.MS_RDONLY
	}
	if s.Rootless {
		if err := bind(s.Root.Path, s.Stage, flags); err != nil {
			return "", err
		}
	} else if err := mountDisk(s.Root.Device, s.Stage, flags); err != nil {
		return "", fmt.Errorf("mount the root volume: %w", err)
	}
	if s.Kind == string(plane.HostOverlay) {
		return mountOverlay(s)
	}
	return s.Stage, nil
}

// mountDisk mounts a device with whichever file system it has.
func mountDisk(device, on string, flags uintptr) error {
	var err error
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		e := unix.Mount(device, on, kind, flags, "")
		if e == nil {
			return nil
		}
		if err == nil || !errors.Is(e, unix.EINVAL) && !errors.Is(e, unix.ENODEV) {
			err = e
		}
	}
	return &os.PathError{Op: "mount", Path: device, Err: err}
}

// mount is one of those below the root.
type mount struct {
	on, kind, source string
	flags            uintptr
	data             string
}

const restricted = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC

// populate mounts what every system has and the program.
func populate(program int) error {
	for _, m := range []mount{
		{"/proc", "proc", "proc", restricted, ""},
		{"/sys", "sysfs", "sysfs", restricted | unix.MS_RDONLY, ""},
		{"/run", "tmpfs", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755,size=25%"},
	} {
		if err := os.MkdirAll(m.on, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.source, m.on, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.on, err)
		}
	}
	if err := maskKernel(); err != nil {
		return err
	}
	if err := touch(Program, 0o755); err != nil {
		return err
	}
	return bind(fmt.Sprintf("/proc/self/fd/%d", program), Program, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV)
}

// maskKernel hides what speaks of the host as a whole, and lets the machine
// set what belongs to its network alone.
func maskKernel() error {
	const sys, network = "/proc/sys", "/proc/sys/net"
	if err := bind(sys, sys, unix.MS_RDONLY|restricted); err != nil {
		return err
	}
	if err := bind(network, network, restricted); err != nil {
		return err
	}
	for _, name := range []string{"sysrq-trigger", "kcore", "keys", "timer_list", "sched_debug", "kmsg", "kpagecount", "kpageflags"} {
		on := filepath.Join("/proc", name)
		if _, err := os.Lstat(on); err != nil {
			continue
		}
		if err := bind("/dev/null", on, 0); err != nil {
			return err
		}
	}
	return nil
}

// bind makes a file or folder appear elsewhere; flags need a second step.
func bind(from, on string, flags uintptr) error {
	if err := unix.Mount(from, on, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", on, err)
	}
	if flags == 0 {
		return nil
	}
	if err := unix.Mount("", on, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
		return fmt.Errorf("restrict %s: %w", on, err)
	}
	return nil
}

// touch makes an empty file and its folders unless it exists.
func touch(name string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDONLY, mode)
	if err != nil {
		return err
	}
	return f.Close()
}

// pivot makes root the root. The host's comes to lie on top of it, out of sight,
// and can be reached as "." to be taken off.
func pivot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	return nil
}
