//go:build linux

package qemu

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"pileus/plane"
	"pileus/plane/linux/process"
)

// start is how a guest comes from its root volume.
type start struct {
	how            method
	kernel, initrd string // files, where QEMU loads them
	firmware       efiFirmware
}

type method string

const (
	// bySector: the firmware runs the boot sector, as on any old computer.
	bySector method = "boot sector"
	// byEFI: newer firmware looks for a boot loader in one of the partitions.
	byEFI method = "EFI"
	// byKernel: the volume is one file system with a kernel in /boot, which
	// QEMU loads itself.
	byKernel method = "kernel"
	// byProgram: the volume is a file system without a kernel. The guest gets one
	// of the host's, and this program as its first process.
	byProgram method = "program"
)

// IsDisk tells whether a machine's root volume, which is open, is a disk, that
// no engine but this one boots from.
func (e *Engine) IsDisk(m plane.Machine) (bool, error) {
	device, err := e.Device(m.Root.Volume)
	if err != nil {
		return false, err
	}
	start, err := startOf(device)
	return start.Disk, err
}

// Boots tells whether a machine whose root volume is a file system can boot here.
func (e *Engine) Boots(m plane.Machine) bool {
	if e.Missing() != nil || m.Image.Kind == plane.HostOverlay || process.Dynamic(e.Program) {
		return false
	}
	_, err := findKernel(e.Kernel)
	return err == nil
}

func startOf(device string) (plane.Start, error) {
	f, err := os.Open(device)
	if err != nil {
		return plane.Start{}, err
	}
	defer f.Close()
	return plane.ReadStart(f)
}

// prepare finds how a machine boots, and puts into its folder what is needed
// for it beside its disks.
func (e *Engine) prepare(u *unit, m plane.Machine, device string) (s start, err error) {
	if err := e.CanBoot(m.Image); err != nil {
		return s, err
	}
	if m.Image.Kind == plane.BuiltIn {
		return e.prepareProgram()
	}
	start, err := startOf(device)
	switch {
	case err != nil:
		return s, err
	case start.Disk && start.Firmware(m.Image.Firmware) == plane.UEFI:
		s.how = byEFI
		s.firmware, err = e.efi()
		return s, errors.Join(err, u.keepVariables(s.firmware))
	case start.Disk:
		s.how = bySector
		return s, nil
	}
	if m.Image.Platform == windows {
		return s, fmt.Errorf("%w: its root volume does not begin as a disk does that Windows boots from", plane.ErrUnsupported)
	}
	s, err = u.prepareKernel(device)
	if errors.Is(err, errNoKernel) {
		return e.prepareProgram()
	}
	return s, err
}

// prepareKernel takes the kernel of a root volume that has one.
func (u *unit) prepareKernel(device string) (start, error) {
	s := start{how: byKernel, kernel: kernelFile}
	err := look(device, func(root *os.Root) error {
		kernel, initrd, err := kernelOf(root)
		if err != nil {
			return err
		}
		if err := u.take(root, kernel, kernelFile); err != nil || initrd == "" {
			return err
		}
		s.initrd = initrdFile
		return u.take(root, initrd, initrdFile)
	})
	return s, err
}

// prepareProgram finds what guests begin with whose image has no kernel.
func (e *Engine) prepareProgram() (start, error) {
	if process.Dynamic(e.Program) {
		return start{}, fmt.Errorf("%w: %s", plane.ErrUnsupported, process.NeedsStatic)
	}
	k, err := findKernel(e.Kernel)
	if err != nil {
		return start{}, err
	}
	s := start{how: byProgram, kernel: k.Path}
	s.initrd, err = e.initramfs(k)
	return s, err
}

// take copies a file of the guest's root into the machine's folder.
func (u *unit) take(root *os.Root, name, as string) error {
	from, err := root.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(u.file(as), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

func remove(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// kernelOf finds the newest kernel in /boot, and the file that belongs to it
// with what it needs to reach its root; "" where there is none.
func kernelOf(root *os.Root) (kernel, initrd string, err error) {
	dir, err := root.Open("boot")
	if err != nil {
		return "", "", errNoKernel
	}
	defer dir.Close()
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return "", "", err
	}
	names := map[string]bool{}
	var versions []string
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		names[e.Name()] = true
		if version, ok := strings.CutPrefix(e.Name(), "vmlinuz"); ok && !strings.Contains(version, "rescue") {
			versions = append(versions, version)
		}
	}
	if len(versions) == 0 {
		return "", "", errNoKernel
	}
	version := slices.MaxFunc(versions, naturally)
	for _, name := range []string{"initrd.img" + version, "initramfs" + version + ".img", "initrd" + version, "initramfs" + version} {
		if names[name] {
			initrd = path.Join("boot", name)
			break
		}
	}
	return path.Join("boot", "vmlinuz"+version), initrd, nil
}

var errNoKernel = fmt.Errorf("%w: its root volume has neither a boot sector nor a kernel in /boot, as a machine of the qemu engine needs", plane.ErrUnsupported)

// naturally orders versions: 6.9 before 6.12.
func naturally(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		x, y := a[:max(na, 1)], b[:max(nb, 1)]
		if na > 0 && nb > 0 {
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if len(x) != len(y) {
				return len(x) - len(y)
			}
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
		a, b = a[max(na, 1):], b[max(nb, 1):]
	}
	return len(a) - len(b)
}

// digits is how many digits s begins with.
func digits(s string) int {
	return len(s) - len(strings.TrimLeft(s, "0123456789"))
}

// fileSystems are those that are looked into for a kernel, with the option by
// which each leaves its journal alone: the volume is not changed.
var fileSystems = []struct{ kind, options string }{{"ext4", "noload"}, {"xfs", "norecovery,nouuid"}, {"btrfs", ""}, {"ext2", ""}}

// look shows f the root directory of a file system. It is mounted where only a
// thread of ours sees it.
func look(device string, f func(*os.Root) error) error {
	return process.OnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("a mount namespace to look into %s: %w", device, err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			return err
		}
		at, err := os.MkdirTemp("", "pileus-look-")
		if err != nil {
			return err
		}
		defer os.Remove(at)
		if err := mountQuietly(device, at); err != nil {
			return err
		}
		defer unix.Unmount(at, 0)
		root, err := os.OpenRoot(filepath.Clean(at))
		if err != nil {
			return err
		}
		defer root.Close()
		return f(root)
	})
}

func mountQuietly(device, at string) error {
	for _, fs := range fileSystems {
		err := unix.Mount(device, at, fs.kind, unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOSUID|unix.MS_NOEXEC, fs.options)
		if err == nil || errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return errNoKernel
}
