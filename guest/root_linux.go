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
	if err := populate(root, program); err != nil {
		return err
	}
	return pivot(root)
}

// mountRoot mounts the root volume, below the host's userland or alone.
func mountRoot(s handoff.Spec) (root string, err error) {
	var flags uintptr
	if s.Root.ReadOnly {
		flags = unix.MS_RDONLY
	}
	if err := mountDisk(s.Root.Device, s.Stage, flags); err != nil {
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
func populate(root string, program int) error {
	for _, m := range []mount{
		{"proc", "proc", "proc", restricted, ""},
		{"sys", "sysfs", "sysfs", restricted | unix.MS_RDONLY, ""},
		{"dev", "", "/dev", unix.MS_MOVE, ""},
		{"run", "tmpfs", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755,size=25%"},
	} {
		on := filepath.Join(root, m.on)
		if err := os.MkdirAll(on, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.source, on, m.kind, m.flags, m.data); err != nil {
			return fmt.Errorf("mount %s: %w", m.on, err)
		}
	}
	if err := maskKernel(root); err != nil {
		return err
	}
	on := filepath.Join(root, Program)
	if err := touch(on, 0o755); err != nil {
		return err
	}
	return bind(fmt.Sprintf("/proc/self/fd/%d", program), on, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV)
}

// maskKernel hides what speaks of the host as a whole, and lets the machine
// set what belongs to its network alone.
func maskKernel(root string) error {
	sys := filepath.Join(root, "proc/sys")
	if err := bind(sys, sys, unix.MS_RDONLY|restricted); err != nil {
		return err
	}
	network := filepath.Join(sys, "net")
	if err := unix.Mount(filepath.Join(root, "proc/self/root/proc/sys/net"), network, "", unix.MS_BIND, ""); err == nil {
		if err := unix.Mount("", network, "", unix.MS_REMOUNT|unix.MS_BIND|restricted, ""); err != nil {
			return fmt.Errorf("let the machine set its network: %w", err)
		}
	}
	for _, name := range []string{"sysrq-trigger", "kcore", "keys", "timer_list", "sched_debug", "kmsg", "kpagecount", "kpageflags"} {
		on := filepath.Join(root, "proc", name)
		if _, err := os.Lstat(on); err != nil {
			continue
		}
		if err := bind(filepath.Join(root, "dev/null"), on, 0); err != nil {
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

// pivot makes root the root and lets go of the host's.
func pivot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	// The old root comes to lie on top of the new one, and is taken off.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the host's files: %w", err)
	}
	return unix.Chdir("/")
}
