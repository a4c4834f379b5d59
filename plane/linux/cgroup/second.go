//go:build linux

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// v2 is control groups of the second kind: one tree.
type v2 struct {
	root string // "/sys/fs/cgroup/pileus-a1b2"
	has  []string
	// delegated tells that the groups are a user's, who may ask for limits of
	// what was delegated to him, and not say who may use a device.
	delegated bool

	mu    sync.Mutex
	disks map[string][]Device // what each machine may use
}

func openV2(root string) (*v2, error) {
	g, err := belowOf(root)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(g.has, "memory") {
		return nil, fmt.Errorf("%w: the control group controller \"memory\" is not enabled", plane.ErrUnsupported)
	}
	return g, nil
}

// belowOf are groups with the controllers that the one above them has.
func belowOf(root string) (*v2, error) {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(root), "cgroup.controllers"))
	if err != nil {
		return nil, err
	}
	g := &v2{root: root, disks: map[string][]Device{}}
	for _, c := range []string{"memory", "cpu", "pids", "io"} {
		if slices.Contains(strings.Fields(string(b)), c) {
			g.has = append(g.has, c)
		}
	}
	return g, nil
}

// OpenDelegated makes groups where a user may make some: where systemd has given
// him a part of the tree of the second kind, as it gives one to who is logged
// in. It bounds what it may, and is None where there is no such part.
func OpenDelegated(name string) Groups {
	_, unified, err := Mounts()
	base := highest(unified, "", "cgroup.procs")
	if err != nil || base == "" {
		return None()
	}
	g, err := belowOf(filepath.Join(base, name))
	if err != nil {
		return None()
	}
	g.delegated = true
	g.has = slices.DeleteFunc(g.has, func(c string) bool { return c == "io" }) // volumes are no devices
	return g
}

func (g *v2) path(id string, file ...string) string {
	return filepath.Join(append([]string{g.root, id}, file...)...)
}

func (g *v2) Create(id string, l Limits) error {
	if err := os.MkdirAll(g.root, 0o755); err != nil {
		return err
	}
	for _, above := range []string{filepath.Dir(g.root), g.root} {
		if len(g.has) == 0 {
			break
		}
		if err := g.enable(above); err != nil {
			return fmt.Errorf("enable controllers in %s: %w", above, err)
		}
	}
	err := os.Mkdir(g.path(id), 0o755)
	if err == nil {
		err = g.setDisks(id, nil)
	}
	if err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if l.Memory > 0 && slices.Contains(g.has, "memory") {
		if err := writeFile(strconv.FormatInt(l.Memory, 10), g.path(id, "memory.max")); err != nil {
			return err
		}
	}
	if slices.Contains(g.has, "cpu") {
		if err := writeFile(fmt.Sprintf("%d %d", l.quota(), period), g.path(id, "cpu.max")); err != nil {
			return err
		}
	}
	if slices.Contains(g.has, "pids") {
		return writeFile(strconv.Itoa(most), g.path(id, "pids.max"))
	}
	return nil
}

// aside is the group into which processes are moved that are in the way.
const aside = "host"

// enable has a group's controllers count for the groups below it. But for the
// host's own first one the kernel refuses that to a group with processes of its
// own, as the first group is that a container of Docker sees: they get a group
// below it, as systemd would have started them.
func (g *v2) enable(group string) error {
	on := "+" + strings.Join(g.has, " +")
	err := writeFile(on, group, "cgroup.subtree_control")
	for range 10 { // processes start others meanwhile
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		if err := stepAside(group); err != nil {
			return err
		}
		err = writeFile(on, group, "cgroup.subtree_control")
	}
	return err
}

// stepAside moves a group's processes to one below it.
func stepAside(group string) error {
	if err := os.Mkdir(filepath.Join(group, aside), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	pids, err := readNumbers(group, "cgroup.procs")
	if err != nil {
		return err
	}
	for _, pid := range pids {
		err := writeFile(strconv.Itoa(pid), group, aside, "cgroup.procs")
		if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
			return fmt.Errorf("move process %d: %w", pid, err)
		}
	}
	return nil
}

func (g *v2) Enter(string) error { return nil }

func (g *v2) Folder(id string) (*os.File, error) {
	return os.OpenFile(g.path(id), unix.O_DIRECTORY|unix.O_PATH, 0)
}

func (g *v2) Allow(id string, d Device, yes bool) error {
	g.mu.Lock()
	list := slices.DeleteFunc(slices.Clone(g.disks[id]), func(o Device) bool { return o.Char == d.Char && o.Major == d.Major && o.Minor == d.Minor })
	g.mu.Unlock()
	if yes {
		list = append(list, d)
	}
	return g.setDisks(id, list)
}

// setDisks replaces the devices that a machine may use. The kernel keeps the
// program that says so for as long as the group is there.
func (g *v2) setDisks(id string, list []Device) error {
	if g.delegated {
		return nil
	}
	f, err := os.Open(g.path(id))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := allowDevices(int(f.Fd()), list); err != nil {
		return fmt.Errorf("device control: %w", err)
	}
	g.mu.Lock()
	g.disks[id] = list
	g.mu.Unlock()
	return nil
}

func (g *v2) Freeze(id string, yes bool) error {
	value := "0"
	if yes {
		value = "1"
	}
	err := writeFile(value, g.path(id, "cgroup.freeze"))
	if !yes && g.delegated && errors.Is(err, os.ErrNotExist) {
		return nil // it was started when there was no group for it
	}
	return err
}

func (g *v2) Frozen(id string) (bool, error) {
	n, err := readNumber(g.path(id, "cgroup.freeze"))
	return n == 1, err
}

func (g *v2) Processes(id string) ([]int, error) {
	n, err := readNumbers(g.path(id, "cgroup.procs"))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return n, err
}

func (g *v2) Usage(id string) (u plane.Usage, err error) {
	if u.MemoryBytes, err = readNumber(g.path(id, "memory.current")); err != nil {
		return u, err
	}
	if idle, err := readField(g.path(id, "memory.stat"), "inactive_file"); err == nil {
		u.MemoryBytes -= min(idle, u.MemoryBytes)
	}
	us, err := readField(g.path(id, "cpu.stat"), "usage_usec")
	if err != nil {
		return u, err
	}
	u.CPU = time.Duration(us) * time.Microsecond
	b, err := os.ReadFile(g.path(id, "io.stat"))
	if errors.Is(err, os.ErrNotExist) {
		return u, nil
	}
	countDisks(&u, string(b))
	return u, err
}

// countDisks adds up what was done on a machine's disks, which are loop
// devices: the kernel counts for the machine again what these do on the disk of
// the host that their files are on.
func countDisks(u *plane.Usage, stat string) {
	const loops = "7:"
	for line := range strings.Lines(stat) {
		if !strings.HasPrefix(line, loops) {
			continue
		}
		for f := range strings.FieldsSeq(line) {
			name, value, _ := strings.Cut(f, "=")
			n, _ := strconv.ParseUint(value, 10, 64)
			switch name {
			case "rbytes":
				u.DiskReadBytes += n
			case "wbytes":
				u.DiskWritten += n
			case "rios":
				u.DiskReadOps += n
			case "wios":
				u.DiskWriteOps += n
			}
		}
	}
}

func (g *v2) Remove(id string) error {
	g.mu.Lock()
	delete(g.disks, id)
	g.mu.Unlock()
	return removeTree(g.path(id))
}

func (g *v2) List() ([]string, error) { return foldersIn(g.root) }

func (g *v2) Close() { os.Remove(g.root) }

func (g *v2) Describe() (c []plane.Capability) {
	for _, f := range []struct{ controller, name string }{
		{"memory", "memory limits"}, {"cpu", "processor limits"}, {"pids", "process limits"}, {"io", "disk metrics"},
	} {
		entry := plane.Capability{Name: f.name, Works: slices.Contains(g.has, f.controller)}
		if !entry.Works {
			entry.Reason = "the control group controller " + f.controller + " is not enabled"
			if g.delegated {
				entry.Reason = "the control group controller " + f.controller + " is not delegated to you: see docs/service.md, or start pileus with sudo"
				if f.controller == "io" {
					entry.Reason = "without root volumes are no block devices: start pileus with sudo"
				}
			}
		}
		c = append(c, entry)
	}
	c = append(c, plane.Capability{Name: "hibernation", Works: true})
	if !g.delegated {
		c = append(c, plane.Capability{Name: "device control", Works: true})
	}
	return c
}
