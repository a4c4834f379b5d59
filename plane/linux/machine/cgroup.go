//go:build linux

package machine

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pileus/guest/handoff"
	"pileus/plane"
)

// cgroups bounds, counts and freezes the processes of machines. The kernel has
// two kinds of control groups; hosts use either, or both side by side.
type cgroups interface {
	// create makes the groups of a machine with nothing but the harmless
	// devices, or gives those that exist new limits.
	create(id string, l limits) error
	// enter moves the calling thread into the groups, where that is the way to
	// start a process in them.
	enter(id string) error
	// folder is open where a process is started straight into it; else nil.
	folder(id string) (*os.File, error)
	// allow lets the machine use a block device, or no longer.
	allow(id string, d handoff.Disk, yes bool) error
	freeze(id string, yes bool) error
	frozen(id string) (bool, error)
	processes(id string) ([]int, error)
	usage(id string) (plane.Usage, error)
	// remove removes groups that are empty; it is no error if there are none.
	remove(id string) error
	list() ([]string, error)
	// close removes what all groups have in common, if nothing uses it.
	close()
	describe() []plane.Capability
}

// limits are what a machine may use.
type limits struct {
	cpus   float64 // processors' worth of time
	memory int64   // bytes
}

// most is how many processes and threads a machine may have.
const most = 8192

// period is that over which processor time is counted, in microseconds.
const period = 100_000

func limitsOf(m plane.Machine) limits {
	l := limits{cpus: float64(max(m.VCPUs, 1)), memory: int64(m.MemoryMiB) << 20}
	if m.CPUShare > 0 {
		l.cpus *= min(m.CPUShare, 1)
	}
	return l
}

// quota is the processor time of a period, in microseconds.
func (l limits) quota() int64 { return max(int64(l.cpus*period), 1000) }

// openCgroups finds the kind that this host has its memory controller in.
func openCgroups(cloud string) (cgroups, error) {
	mounts, unified, err := cgroupMounts()
	if err != nil {
		return nil, err
	}
	if mounts["memory"] != "" {
		return openV1("pileus-"+cloud, mounts)
	}
	if unified != "" {
		return openV2(filepath.Join(unified, "pileus-"+cloud))
	}
	return nil, fmt.Errorf("%w: control groups are not mounted at /sys/fs/cgroup", plane.ErrUnsupported)
}

// cgroupMounts finds where each controller of the first kind is mounted, and
// the second kind.
func cgroupMounts() (controllers map[string]string, unified string, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	controllers = map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		before, after, _ := strings.Cut(s.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 5 || len(right) < 3 {
			continue
		}
		switch right[0] {
		case "cgroup2":
			unified = left[4]
		case "cgroup":
			for option := range strings.SplitSeq(right[2], ",") {
				controllers[option] = left[4]
			}
		}
	}
	return controllers, unified, nil
}

func writeFile(value string, path ...string) error {
	name := filepath.Join(path...)
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

func readNumber(path ...string) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}

func readNumbers(path ...string) (n []int, err error) {
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		return nil, err
	}
	for f := range strings.FieldsSeq(string(b)) {
		i, err := strconv.Atoi(f)
		if err != nil {
			return nil, err
		}
		n = append(n, i)
	}
	return n, nil
}

// foldersIn lists the groups in a folder.
func foldersIn(name string) (ids []string, err error) {
	entries, err := os.ReadDir(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if e.IsDir() {
			ids = append(ids, e.Name())
		}
	}
	return ids, err
}

// removeTree removes a group and the groups that the machine made in it.
func removeTree(name string) error {
	inner, err := foldersIn(name)
	if err != nil {
		return err
	}
	for _, i := range inner {
		if err := removeTree(filepath.Join(name, i)); err != nil {
			return err
		}
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// harmless are the character devices of every machine.
var harmless = [][2]uint32{{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}}
