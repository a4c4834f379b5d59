//go:build linux

package cgroup

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"pileus/plane/linux/process"
)

// A service manager ends all that is in the control groups of a service when it
// stops or restarts the service (systemd: KillMode=control-group, its default).
// What is to outlive pileus must not be there: machines have groups of their
// own, and the rest has a Shelter.

// manager is the tree of control groups of the first kind in which systemd keeps
// services, where it has no tree of the second kind.
const manager = "name=systemd"

// Shelter is a group that bounds nothing. Its processes stay when the service
// ends that started them.
type Shelter struct {
	name string
	// unified is the group that it is in, in the tree of the second kind; "" where
	// there is none, or no part of it may be changed. first are those in trees of
	// the first kind.
	unified string
	first   []string
}

// Kept is the name of the shelter of a cloud.
func Kept(cloud string) string { return "pileus-" + cloud + "-kept" }

// OpenShelter is the shelter of that name. It is made when it is first needed.
func OpenShelter(name string) *Shelter {
	s := &Shelter{name: name}
	mounts, unified, err := Mounts()
	if err != nil {
		return s // which is nowhere
	}
	s.unified = highest(unified, "", "cgroup.procs")
	for _, c := range controllers1 {
		if own, _ := ownGroup(c); own == "/" && c != manager {
			continue // there is nothing to get away from
		}
		if base := highest(mounts[c], c, "tasks"); base != "" && !slices.Contains(s.first, base) {
			s.first = append(s.first, base)
		}
	}
	return s
}

// Outside tells whether its processes stay when the service ends that this one
// may be in: it goes by the tree of the second kind, where there is one.
func (s *Shelter) Outside() bool {
	base := s.unified
	own, mounted := ownGroup("")
	if !mounted {
		mounts, _, err := Mounts()
		if own, mounted = ownGroup(manager); err != nil || !mounted {
			return true // there is no such manager
		}
		base = highest(mounts[manager], manager, "tasks")
	}
	return !strings.Contains(own, ".service") || base != "" && !strings.HasSuffix(base, own)
}

// Start runs start, which starts a process with the attributes that it is given
// and others of its own. If there is no way into the shelter it runs once more,
// and the process is where this one is.
func (s *Shelter) Start(start func(syscall.SysProcAttr) error) error {
	return process.OnThread(func() error {
		for _, base := range s.first {
			// Without it the process ends with its service, and works until then.
			_ = s.enter(base)
		}
		folder := s.open()
		if folder == nil {
			return start(syscall.SysProcAttr{})
		}
		defer folder.Close()
		err := start(syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(folder.Fd())})
		if err != nil {
			err = start(syscall.SysProcAttr{})
		}
		return err
	})
}

// tries bounds how often the shelter is made anew that another process has just
// removed, because it was empty.
const tries = 10

// enter moves the calling thread, in a tree of the first kind.
func (s *Shelter) enter(base string) (err error) {
	folder := filepath.Join(base, s.name)
	for range tries {
		if err = os.Mkdir(folder, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		if err = writeFile("0", folder, "tasks"); !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
	return err
}

// open is the shelter's folder in the tree of the second kind; nil for none.
func (s *Shelter) open() *os.File {
	if s.unified == "" {
		return nil
	}
	folder := filepath.Join(s.unified, s.name)
	for range tries {
		if err := os.Mkdir(folder, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return nil
		}
		if f, err := os.OpenFile(folder, unix.O_DIRECTORY|unix.O_PATH, 0); err == nil {
			return f
		}
	}
	return nil
}

// Close removes the shelter if nobody is in it any more.
func (s *Shelter) Close() {
	for _, base := range append([]string{s.unified}, s.first...) {
		folder := filepath.Join(base, s.name)
		if base == "" {
			continue
		}
		if pids, err := readNumbers(folder, "cgroup.procs"); err == nil && len(pids) == 0 {
			_ = removeEmpty(folder) // fails where somebody has come meanwhile, as it should
		}
	}
}

// highest is the topmost group in a tree that this process may change and that
// has, or is above, the process's own; "" for none.
func highest(tree, controller, procs string) string {
	own, ok := ownGroup(controller)
	if tree == "" || !ok {
		return ""
	}
	at := tree
	for part := range strings.SplitSeq(strings.Trim(own, "/"), "/") {
		if mayChange(at, procs) {
			return at
		}
		at = filepath.Join(at, part)
	}
	if mayChange(at, procs) {
		return at
	}
	return ""
}

// mayChange tells whether groups can be made in a group, and processes moved
// between those.
func mayChange(group, procs string) bool {
	return unix.Access(group, unix.W_OK) == nil && unix.Access(filepath.Join(group, procs), unix.W_OK) == nil
}

// ownGroup is the group of this process in the tree of a controller; "" is the
// tree of the second kind.
func ownGroup(controller string) (path string, ok bool) {
	f, err := os.Open("/proc/self/cgroup")
	if err != nil {
		return "", false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		part := strings.SplitN(s.Text(), ":", 3)
		if len(part) == 3 && slices.Contains(strings.Split(part[1], ","), controller) {
			return part[2], true
		}
	}
	return "", false
}
