//go:build linux

package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// v1 is control groups of the first kind: a tree for each controller.
type v1 struct {
	name  string            // "pileus-a1b2", in each tree
	trees map[string]string // where each controller's is mounted
	// unified is the tree of the second kind where that has no controllers, for
	// the service manager's eyes; "" for none.
	unified string
}

// controllers1 are those that are used, where the host has them; without the
// first ones there are no machines. The last one controls nothing: a service
// manager ends what is in its services' groups there.
var controllers1 = []string{"memory", "freezer", "devices", "cpu", "cpuacct", "blkio", "pids", manager}

func openV1(name string, mounts map[string]string, unified string) (*v1, error) {
	g := &v1{name: name, trees: map[string]string{}}
	for _, c := range controllers1 {
		if m := mounts[c]; m != "" && (c != manager || mayChange(m, "tasks")) {
			g.trees[c] = m
		}
	}
	if unified != "" && mayChange(unified, "cgroup.procs") {
		g.unified = unified
	}
	for _, c := range controllers1[:3] {
		if g.trees[c] == "" {
			return nil, fmt.Errorf("%w: the control group controller %q is not mounted", plane.ErrUnsupported, c)
		}
	}
	return g, nil
}

// path is a file of a machine's group in a controller's tree.
func (g *v1) path(controller, id string, file ...string) string {
	return filepath.Join(append([]string{g.trees[controller], g.name, id}, file...)...)
}

// has tells whether the host has a controller.
func (g *v1) has(controller string) bool { return g.trees[controller] != "" }

// groups are the distinct folders of a machine: trees may be joined.
func (g *v1) groups(id string) []string {
	var all []string
	for _, c := range controllers1 {
		if p := g.path(c, id); g.has(c) && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// all are the groups of a machine with that which a process is started into.
func (g *v1) all(id string) []string {
	if g.unified == "" {
		return g.groups(id)
	}
	return append(g.groups(id), filepath.Join(g.unified, g.name, id))
}

func (g *v1) Create(id string, l Limits) error {
	fresh := false
	for _, p := range g.all(id) {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		err := os.Mkdir(p, 0o755)
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		fresh = fresh || err == nil
	}
	if fresh {
		if err := g.closeDevices(id); err != nil {
			return err
		}
	}
	if l.Memory > 0 {
		if err := writeFile(strconv.FormatInt(l.Memory, 10), g.path("memory", id, "memory.limit_in_bytes")); err != nil {
			return err
		}
	}
	if g.has("cpu") {
		if err := writeFile(strconv.Itoa(period), g.path("cpu", id, "cpu.cfs_period_us")); err != nil {
			return err
		}
		if err := writeFile(strconv.FormatInt(l.quota(), 10), g.path("cpu", id, "cpu.cfs_quota_us")); err != nil {
			return err
		}
	}
	if g.has("pids") {
		return writeFile(strconv.Itoa(most), g.path("pids", id, "pids.max"))
	}
	return nil
}

func (g *v1) closeDevices(id string) error {
	if err := writeFile("a", g.path("devices", id, "devices.deny")); err != nil {
		return err
	}
	rules := []string{"c 136:* rwm"} // pseudo terminals
	for _, d := range harmless {
		rules = append(rules, fmt.Sprintf("c %d:%d rwm", d[0], d[1]))
	}
	for _, r := range rules {
		if err := writeFile(r, g.path("devices", id, "devices.allow")); err != nil {
			return err
		}
	}
	return nil
}

func (g *v1) Enter(id string) error {
	for _, p := range g.groups(id) {
		if err := writeFile("0", p, "tasks"); err != nil {
			return err
		}
	}
	return nil
}

// Folder is the group that no thread alone can enter.
func (g *v1) Folder(id string) (*os.File, error) {
	if g.unified == "" {
		return nil, nil
	}
	return os.OpenFile(filepath.Join(g.unified, g.name, id), unix.O_DIRECTORY|unix.O_PATH, 0)
}

func (g *v1) Allow(id string, d Device, yes bool) error {
	file, access := "devices.deny", "rwm"
	if yes {
		file = "devices.allow"
		if d.ReadOnly {
			access = "rm"
		}
	}
	kind := 'b'
	if d.Char {
		kind = 'c'
	}
	return writeFile(fmt.Sprintf("%c %d:%d %s", kind, d.Major, d.Minor, access), g.path("devices", id, file))
}

func (g *v1) Freeze(id string, yes bool) error {
	state := "THAWED"
	if yes {
		state = "FROZEN"
	}
	return writeFile(state, g.path("freezer", id, "freezer.state"))
}

func (g *v1) Frozen(id string) (bool, error) {
	b, err := os.ReadFile(g.path("freezer", id, "freezer.self_freezing"))
	return strings.TrimSpace(string(b)) == "1", err
}

func (g *v1) Processes(id string) ([]int, error) {
	n, err := readNumbers(g.path("freezer", id, "cgroup.procs"))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return n, err
}

func (g *v1) Usage(id string) (u plane.Usage, err error) {
	if u.MemoryBytes, err = readNumber(g.path("memory", id, "memory.usage_in_bytes")); err != nil {
		return u, err
	}
	// What can be dropped at any moment is not used: pages of files.
	if idle, err := readField(g.path("memory", id, "memory.stat"), "total_inactive_file"); err == nil {
		u.MemoryBytes -= min(idle, u.MemoryBytes)
	}
	if g.has("cpuacct") {
		n, err := readNumber(g.path("cpuacct", id, "cpuacct.usage"))
		if err != nil {
			return u, err
		}
		u.CPU = time.Duration(n)
	}
	if g.has("blkio") {
		u.DiskReadOps, u.DiskWriteOps, err = readBlkio(g.path("blkio", id, "blkio.throttle.io_serviced_recursive"))
		if err != nil {
			return u, err
		}
		u.DiskReadBytes, u.DiskWritten, err = readBlkio(g.path("blkio", id, "blkio.throttle.io_service_bytes_recursive"))
	}
	return u, err
}

// readField reads a number from a file of lines "name number".
func readField(file, name string) (uint64, error) {
	f, err := os.Open(file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if n, v, _ := strings.Cut(s.Text(), " "); n == name {
			return strconv.ParseUint(v, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}

// readBlkio sums the lines "7:0 Read 12" of all devices.
func readBlkio(file string) (read, written uint64, err error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil // a kernel without block I/O throttling does not count
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		n, _ := strconv.ParseUint(f[2], 10, 64)
		switch f[1] {
		case "Read":
			read += n
		case "Write":
			written += n
		}
	}
	return read, written, err
}

func (g *v1) Remove(id string) (err error) {
	for _, p := range g.all(id) {
		err = errors.Join(err, removeTree(p))
	}
	return err
}

func (g *v1) List() (ids []string, err error) {
	for _, p := range g.all("") {
		in, err := foldersIn(p)
		if err != nil {
			return nil, err
		}
		ids = append(ids, in...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func (g *v1) Close() {
	for _, p := range g.all("") {
		os.Remove(p) // fails while machines are in it, as it should
	}
}

func (g *v1) Describe() (c []plane.Capability) {
	for _, f := range []struct{ controller, name string }{
		{"memory", "memory limits"}, {"cpu", "processor limits"}, {"freezer", "hibernation"}, {"devices", "device control"}, {"pids", "process limits"}, {"blkio", "disk metrics"},
	} {
		entry := plane.Capability{Name: f.name, Works: g.has(f.controller)}
		if !entry.Works {
			entry.Reason = "the control group controller " + f.controller + " is not mounted"
		}
		c = append(c, entry)
	}
	return c
}
