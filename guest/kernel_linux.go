package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/guest/handoff"
)

// A machine with a kernel of its own begins in the initial RAM file system that
// the plane has made for it: this program, and the kernel's modules.

// newRoot is where the root volume is mounted before it becomes the root.
const newRoot = "/root"

// runOnKernel is the life of the first process of such a machine. It does not
// return: the kernel would take that for the end of the world.
func runOnKernel() {
	debug.SetGCPercent(25) // a small heap: the program is mostly asleep in a machine
	unix.Umask(0o022)
	m, p, err := setUpOnKernel()
	if err != nil {
		// As any system does that finds no root: it says so and stays.
		fmt.Fprintln(os.Stderr, "pileus: the machine cannot be set up:", err)
		if m != nil && p != nil {
			go p.serve()
		}
		select {}
	}
	go m.heedButton()
	m.live(p.serve)
	unix.Sync()
	how := unix.LINUX_REBOOT_CMD_POWER_OFF
	if m.now().Reason == handoff.Reboot {
		how = unix.LINUX_REBOOT_CMD_RESTART
	}
	err = unix.Reboot(how)
	fmt.Fprintln(os.Stderr, "pileus: the machine cannot end:", err)
	select {}
}

// setUpOnKernel makes the machine: modules, file systems, devices, interfaces,
// names and console.
func setUpOnKernel() (m *machine, p *port, err error) {
	for _, on := range []mount{
		{"/dev", "devtmpfs", "devtmpfs", unix.MS_NOSUID, "mode=755"},
		{"/proc", "proc", "proc", restricted, ""},
		{"/sys", "sysfs", "sysfs", restricted, ""},
	} {
		if err := mountOn(on); err != nil {
			return nil, nil, err
		}
	}
	if err := loadModules(handoff.ModulesOrder); err != nil {
		return nil, nil, err
	}
	spec, err := readSpec()
	if err != nil {
		return nil, nil, err
	}
	m = newMachine(spec, func(handoff.State) error { return nil })
	m.kernel = true
	if p, err = openPort(m); err != nil {
		return m, nil, err
	}
	m.keep = func(handoff.State) error { offer(p.changed, struct{}{}); return nil }
	if err := enterVolume(spec); err != nil {
		return m, p, err
	}
	for _, d := range append([]handoff.Disk{spec.Root}, spec.Disks...) {
		if err := linkDisk(d); err != nil {
			return m, p, err
		}
	}
	if err := setLinks(spec.Links); err != nil {
		return m, p, err
	}
	if err := m.identify(); err != nil {
		return m, p, err
	}
	m.console = &console{log: os.Stdout, kernels: true}
	if screen, err := os.OpenFile("/dev/tty1", os.O_WRONLY|unix.O_NOCTTY, 0); err == nil {
		m.console.screen = screen
	}
	return m, p, nil
}

func mountOn(m mount) error {
	if err := os.MkdirAll(m.on, 0o755); err != nil {
		return err
	}
	err := unix.Mount(m.source, m.on, m.kind, m.flags, m.data)
	if err != nil && !errors.Is(err, unix.EBUSY) { // the kernel has mounted it itself
		return &os.PathError{Op: "mount", Path: m.on, Err: err}
	}
	return nil
}

// loadModules loads the kernel's modules in the order that the plane has found
// out. One that the kernel refuses is told and not needed, or missed later.
func loadModules(order string) error {
	b, err := os.ReadFile(order)
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(b)) {
		if err := loadModule(filepath.Join(handoff.ModulesFolder, name)); err != nil && !errors.Is(err, unix.EEXIST) {
			fmt.Fprintln(os.Stderr, "pileus:", err)
		}
	}
	return nil
}

func loadModule(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := 0
	if filepath.Ext(name) != ".ko" {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	if err := unix.FinitModule(int(f.Fd()), "", flags); err != nil {
		return fmt.Errorf("load module %s: %w", filepath.Base(name), err)
	}
	return nil
}

// readSpec reads what the machine is to be from its firmware.
func readSpec() (s handoff.Spec, err error) {
	b, err := os.ReadFile("/sys/firmware/qemu_fw_cfg/by_name/" + handoff.SpecKey + "/raw")
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		return s, fmt.Errorf("what the machine is to be: %w", err)
	}
	return s, nil
}

// enterVolume mounts the root volume and makes it the root of this process.
// The initial file system stays below it, for the program is there.
func enterVolume(s handoff.Spec) error {
	disk, err := findDisk(s.Root)
	if err != nil {
		return err
	}
	var flags uintptr
	if s.Root.ReadOnly {
		flags = unix.MS_RDONLY
	}
	err = mountDisk(disk, newRoot, flags)
	if err != nil {
		if err := loadModules(handoff.MoreModules); err != nil {
			return err
		}
		err = mountDisk(disk, newRoot, flags)
	}
	if err != nil {
		return fmt.Errorf("mount the root volume: %w", err)
	}
	program := newRoot + Program
	if err := touch(program, 0o755); err != nil {
		return err
	}
	if err := bind("/"+handoff.KernelName, program, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV); err != nil {
		return err
	}
	for _, name := range []string{"/dev", "/proc", "/sys"} {
		if i, err := os.Lstat(newRoot + name); err == nil && !i.IsDir() {
			return fmt.Errorf("%s of the image is no folder", name)
		}
		if err := os.MkdirAll(newRoot+name, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(name, newRoot+name, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", name, err)
		}
	}
	if err := errors.Join(unix.Chdir(newRoot), unix.Mount(".", "/", "", unix.MS_MOVE, ""), unix.Chroot("."), unix.Chdir("/")); err != nil {
		return fmt.Errorf("make the volume the root: %w", err)
	}
	for _, on := range []mount{
		{"/run", "tmpfs", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755,size=25%"},
		{"/dev/pts", "devpts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "ptmxmode=0666,mode=0620,gid=5"},
		{"/dev/shm", "tmpfs", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	} {
		if err := mountOn(on); err != nil {
			return err
		}
	}
	return nil
}

// The kernel finds devices while it does other things: they are waited for.
const (
	deviceLimit = 30 * time.Second
	deviceLook  = 10 * time.Millisecond
)

// findDisk waits for the disk of a serial number, and tells its device.
func findDisk(d handoff.Disk) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deviceLimit)
	defer cancel()
	for {
		if device := diskOf(d.Serial); device != "" {
			return device, nil
		}
		if clock.New().Wait(ctx, deviceLook) != nil {
			return "", fmt.Errorf("the disk %s (%s) does not appear", d.Serial, d.Device)
		}
	}
}

// diskOf is the device of the disk with a serial number; "" if there is none.
func diskOf(serial string) string {
	names, err := filepath.Glob("/sys/block/*/serial")
	if err != nil {
		return ""
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err == nil && serial != "" && strings.TrimSpace(string(b)) == serial {
			return "/dev/" + filepath.Base(filepath.Dir(name))
		}
	}
	return ""
}

// linkDisk gives a disk the name under which it was attached, and the other one.
func linkDisk(d handoff.Disk) error {
	name, err := devicePath(d.Device)
	if err != nil {
		return err
	}
	device, err := findDisk(d)
	if err != nil {
		return err
	}
	for _, n := range []string{name, otherName(name)} {
		if n == "" || n == device {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(n), 0o755); err != nil {
			return err
		}
		if i, err := os.Lstat(n); err == nil {
			if i.Mode()&os.ModeSymlink == 0 {
				continue // the kernel calls another disk so
			}
			if err := os.Remove(n); err != nil {
				return err
			}
		}
		if err := os.Symlink(device, n); err != nil {
			return err
		}
	}
	return nil
}

// unlinkDisk takes a disk's names away; with force though it is mounted.
func unlinkDisk(d handoff.Disk, force bool) error {
	name, err := devicePath(d.Device)
	if err != nil {
		return err
	}
	if device := diskOf(d.Serial); device != "" {
		var st unix.Stat_t
		if err := unix.Stat(device, &st); err != nil {
			return &os.PathError{Op: "stat", Path: device, Err: err}
		}
		if !force && isMounted(st.Rdev) {
			return errors.New(handoff.Mounted)
		}
		if err := unmountDevice(unix.Major(st.Rdev), unix.Minor(st.Rdev)); err != nil {
			return err
		}
	}
	for _, n := range []string{name, otherName(name)} {
		if i, err := os.Lstat(n); err == nil && i.Mode()&os.ModeSymlink != 0 {
			if err := os.Remove(n); err != nil {
				return err
			}
		}
	}
	return nil
}

// isMounted tells whether a device or one of its partitions is mounted.
func isMounted(device uint64) bool {
	list, err := mountPoints()
	if err != nil {
		return false
	}
	prefix := fmt.Sprintf("%d:", unix.Major(device))
	for _, m := range list {
		if m.device == fmt.Sprintf("%s%d", prefix, unix.Minor(device)) {
			return true
		}
	}
	return false
}

// programs tells whether any other process exists but those of the kernel,
// which have no command line.
func programs() bool {
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return false
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && len(b) > 0 && name != "/proc/1/cmdline" {
			return true
		}
	}
	return false
}
