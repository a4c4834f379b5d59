//go:build linux

package qemu

import (
	"bytes"
	"encoding/binary"
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
type start string

const (
	// bySector: the firmware finds a boot sector, as on any computer.
	bySector start = "boot sector"
	// byEFI: the volume has partitions and no boot sector; newer firmware looks
	// for a boot loader in one of them.
	byEFI start = "EFI"
	// byKernel: the volume is one file system with a kernel in /boot, which
	// QEMU loads itself.
	byKernel start = "kernel"
	// not at all.
	noStart start = ""
)

const sector = 512

// IsDisk tells whether a volume begins as a disk does, with a boot sector or a
// table of partitions, and not as a file system.
func IsDisk(r io.ReaderAt) (bool, error) {
	s, err := sectorStart(r)
	return s != noStart, err
}

// sectorStart is how a volume that is a disk starts; noStart where it is none.
func sectorStart(r io.ReaderAt) (start, error) {
	head := make([]byte, 2*sector)
	if _, err := r.ReadAt(head, 0); err != nil {
		if errors.Is(err, io.EOF) {
			return noStart, nil
		}
		return noStart, err
	}
	if binary.LittleEndian.Uint16(head[510:]) != 0xaa55 {
		return noStart, nil
	}
	const table = 440 // where code ends and the table of partitions begins
	code := head[:table]
	if bytes.Count(code, []byte{0}) != len(code) {
		return bySector, nil
	}
	// A table alone: for firmware that looks into the partitions.
	return byEFI, nil
}

// Boots tells whether a machine can boot as a guest of QEMU from its root
// volume, which is open: it is a disk, or has a kernel.
func (e *Engine) Boots(m plane.Machine) (bool, error) {
	device, err := e.Device(m.Root.Volume)
	if err != nil {
		return false, err
	}
	if s, err := startOf(device); s != noStart || err != nil {
		return err == nil, err
	}
	found := false
	err = look(device, func(root *os.Root) error {
		_, _, err := kernelOf(root)
		found = err == nil
		return nil
	})
	return found && err == nil, nil // what is no file system has no kernel either
}

// Disk tells whether a machine's root volume, which is open, is a disk, that no
// engine but this one boots from.
func (e *Engine) Disk(m plane.Machine) (bool, error) {
	device, err := e.Device(m.Root.Volume)
	if err != nil {
		return false, err
	}
	s, err := startOf(device)
	return s != noStart, err
}

func startOf(device string) (start, error) {
	f, err := os.Open(device)
	if err != nil {
		return noStart, err
	}
	defer f.Close()
	return sectorStart(f)
}

// prepare finds how a machine boots, and puts into its folder what is needed
// for it beside its disks.
func (u *unit) prepare(device string) (start, error) {
	s, err := startOf(device)
	if s != noStart || err != nil {
		return s, err
	}
	err = look(device, func(root *os.Root) error {
		kernel, initrd, err := kernelOf(root)
		if err != nil {
			return err
		}
		if err := u.take(root, kernel, kernelFile); err != nil || initrd == "" {
			return errors.Join(err, remove(u.file(initrdFile)))
		}
		return u.take(root, initrd, initrdFile)
	})
	return byKernel, err
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
