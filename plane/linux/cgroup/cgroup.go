//go:build linux

package cgroup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/plane"
)

// Groups bounds, counts and freezes the processes of machines. The kernel has
// two kinds of control groups; hosts use either, or both side by side.
type Groups interface {
	// Create makes the groups of a machine with nothing but the harmless
	// devices, or gives those that exist new limits.
	Create(id string, l Limits) error
	// Enter moves the calling thread into the groups, where that is the way to
	// start a process in them.
	Enter(id string) error
	// Folder is open where a process is started straight into a group, beside
	// what Enter does; else nil.
	Folder(id string) (*os.File, error)
	// Allow lets the machine use a device, or no longer.
	Allow(id string, d Device, yes bool) error
	Freeze(id string, yes bool) error
	Frozen(id string) (bool, error)
	Processes(id string) ([]int, error)
	Usage(id string) (plane.Usage, error)
	// Remove removes groups that are empty; it is no error if there are none.
	Remove(id string) error
	List() ([]string, error)
	// Close removes what all groups have in common, if nothing uses it.
	Close()
	Describe() []plane.Capability
}

// Device is a device of the host that a machine may use: a disk, or with Char
// a character device.
type Device struct {
	Char         bool
	Major, Minor uint32
	ReadOnly     bool
}

// Limits are what a machine may use.
type Limits struct {
	CPUs   float64 // processors' worth of time
	Memory int64   // bytes
}

// most is how many processes and threads a machine may have.
const most = 8192

// period is that over which processor time is counted, in microseconds.
const period = 100_000

// LimitsOf are those that a machine's size asks for.
func LimitsOf(m plane.Machine) Limits {
	l := Limits{CPUs: float64(max(m.VCPUs, 1)), Memory: int64(m.MemoryMiB) << 20}
	if m.CPUShare > 0 {
		l.CPUs *= min(m.CPUShare, 1)
	}
	return l
}

// quota is the processor time of a period, in microseconds.
func (l Limits) quota() int64 { return max(int64(l.CPUs*period), 1000) }

// Containers is the name of the groups of a cloud's containers.
func Containers(cloud string) string { return "pileus-" + cloud }

// Guests is the name of the groups of a cloud's virtual machines.
func Guests(cloud string) string { return "pileus-" + cloud + "-vm" }

// Open makes the groups of that name, below which each machine has its own, of the kind that
// this host has its memory controller in.
func Open(name string) (Groups, error) {
	mounts, unified, err := Mounts()
	if err != nil {
		return nil, err
	}
	if mounts["memory"] != "" {
		return openV1(name, mounts, unified)
	}
	if unified != "" {
		return openV2(filepath.Join(unified, name))
	}
	return nil, fmt.Errorf("%w: control groups are not mounted at /sys/fs/cgroup", plane.ErrUnsupported)
}

// Mounts finds where each controller of the first kind is mounted, and
// the second kind.
func Mounts() (controllers map[string]string, unified string, err error) {
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
	return removeEmpty(name)
}

// dying is how long processes that have been killed may take to leave their
// group: threads end, and memory is given back, after the last is told dead.
const dying = 10 * time.Second

// removeEmpty removes a group whose processes have ended or are about to.
func removeEmpty(name string) error {
	c, watch := clock.New(), clock.Start()
	for {
		err := os.Remove(name)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || watch.Elapsed() > dying {
			return err
		}
		if err := c.Wait(context.Background(), 2*time.Millisecond); err != nil {
			return err
		}
	}
}

// harmless are the character devices of every machine.
var harmless = [][2]uint32{{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}}
