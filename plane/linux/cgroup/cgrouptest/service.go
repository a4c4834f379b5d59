//go:build linux

// Package cgrouptest plays the service manager for tests.
package cgrouptest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/plane/linux/cgroup"
	"pileus/plane/linux/process"
)

// Service is a unit's control groups as systemd makes them: one in its own tree
// of the first kind, one in the tree of the second kind, of those that there are.
type Service struct {
	t              testing.TB
	first, unified string // "" for none
}

// New makes a service, below a group of the tree of the second kind: "" for the
// first, and then in the other tree as well. It skips where no control groups can
// be made.
func New(t testing.TB, slice string) *Service {
	t.Helper()
	s := &Service{t: t}
	mounts, unified, err := cgroup.Mounts()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		tree  string
		group *string
	}{{mounts["name=systemd"], &s.first}, {unified, &s.unified}} {
		if x.tree == "" || slice != "" && x.tree != unified || os.Geteuid() != 0 || unix.Access(x.tree, unix.W_OK) != nil {
			continue
		}
		*x.group, err = os.MkdirTemp(filepath.Join(x.tree, slice), "pileus-test-*.service")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(*x.group, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			s.End()
			if err := os.Remove(*x.group); err != nil {
				t.Error(err)
			}
		})
	}
	if s.first == "" && s.unified == "" {
		t.Skip("SKIPPED: no control groups can be made in which a service would be")
	}
	return s
}

// Unified is its group in the tree of the second kind; "" where there is none.
func (s *Service) Unified() string { return s.unified }

// Start starts a program as the service.
func (s *Service) Start(c *exec.Cmd) error {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Pdeathsig = 0 // which would come when the thread ends
	return process.OnThread(func() error {
		if s.first != "" {
			if err := os.WriteFile(filepath.Join(s.first, "tasks"), []byte("0"), 0o600); err != nil {
				return err
			}
		}
		if s.unified != "" {
			f, err := os.Open(s.unified)
			if err != nil {
				return err
			}
			defer f.Close()
			c.SysProcAttr.UseCgroupFD, c.SysProcAttr.CgroupFD = true, int(f.Fd())
		}
		return c.Start()
	})
}

// End kills all that is in the service, as systemd does when it stops or
// restarts one, and returns once nothing is.
func (s *Service) End() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for c := clock.New(); ; {
		pids := append(s.living(s.first), s.living(s.unified)...)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
		}
		if c.Wait(ctx, time.Millisecond) != nil {
			s.t.Fatalf("processes do not end: %v", pids)
		}
	}
}

// living lists the processes in a group and in those below it, without the dead.
func (s *Service) living(group string) (pids []int) {
	if group == "" {
		return nil
	}
	err := filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "cgroup.procs" {
			return err
		}
		b, err := os.ReadFile(path)
		for f := range strings.FieldsSeq(string(b)) {
			pid, perr := strconv.Atoi(f)
			err = errors.Join(err, perr)
			if _, dead := process.BirthOf(pid); dead == nil {
				pids = append(pids, pid)
			}
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	return pids
}
