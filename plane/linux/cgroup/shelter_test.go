//go:build linux

package cgroup_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pileus/clock"
	"pileus/plane/linux/cgroup"
	"pileus/plane/linux/cgroup/cgrouptest"
	"pileus/plane/linux/process"
)

// role has this program be a service: it starts a process in the shelter of that
// name, and one in the group of a machine.
const role = "CGROUP_TEST_SERVICE"

func TestMain(m *testing.M) {
	if name := os.Getenv(role); name != "" {
		if err := serve(name); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		select {}
	}
	os.Exit(m.Run())
}

// serve tells what it has started: in the shelter, and in the group of a machine
// as an ordinary user may make them.
func serve(name string) error {
	sleeper := func() *exec.Cmd { return exec.Command("/bin/sleep", "300") }
	s := cgroup.OpenShelter(name + "-kept")
	kept := sleeper()
	err := s.Start(func(attr syscall.SysProcAttr) error {
		kept = sleeper()
		kept.SysProcAttr = &attr
		return kept.Start()
	})
	if err != nil {
		return err
	}
	g := cgroup.OpenDelegated(name)
	if err := g.Create("i-1", cgroup.Limits{CPUs: 1, Memory: 64 << 20}); err != nil {
		return err
	}
	machine := sleeper()
	folder, err := g.Folder("i-1")
	if err != nil {
		return err
	}
	if folder != nil {
		machine.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(folder.Fd())}
	}
	if err := machine.Start(); err != nil {
		return err
	}
	fmt.Println(kept.Process.Pid, machine.Process.Pid, s.Outside())
	return nil
}

// name is what a test calls its groups.
func name(t *testing.T) string { return "pileus-test-" + filepath.Base(filepath.Dir(t.TempDir())) }

// served is a service of which something is left.
type served struct{ kept, machine int }

// runService has a service start processes, and ends it.
func runService(t *testing.T, s *cgrouptest.Service, name string, as *syscall.Credential) (left served) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	if as != nil { // who cannot reach where the program was built
		f, err := os.Open(self)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		c.Path, c.ExtraFiles = "/proc/self/fd/3", []*os.File{f}
	}
	c.Dir, c.Env = "/", append(os.Environ(), role+"="+name)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(c); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	var outside bool
	if _, err := fmt.Sscan(line, &left.kept, &left.machine, &outside); err != nil {
		rest, _ := io.ReadAll(out)
		t.Fatalf("%v: %s%s", err, line, rest)
	}
	if !outside {
		t.Error("the shelter is in the service's groups")
	}
	s.End()
	_ = c.Wait() // it was killed
	return left
}

func runs(pid int) bool {
	_, err := process.BirthOf(pid)
	return err == nil
}

// ends kills a process that is nobody's child here.
func ends(t *testing.T, pid int) {
	t.Helper()
	p, err := process.Hold(pid, 0, false)
	if err != nil || p == nil {
		t.Fatalf("process %d: %v", pid, err)
	}
	defer p.Release()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	p.Wait()
}

// TestShelter: what is in a shelter outlives its service, and so does what is in
// the group of a machine; nothing is left of either in the end.
func TestShelter(t *testing.T) {
	s, name := cgrouptest.New(t, ""), name(t)
	left := runService(t, s, name, nil)
	if !runs(left.kept) {
		t.Error("what was in the shelter ended with the service")
	}
	shelter := cgroup.OpenShelter(name + "-kept")
	shelter.Close() // which somebody is in
	if !runs(left.kept) {
		t.Fatal("it is gone")
	}
	ends(t, left.kept)
	shelter.Close()
	if s.Unified() != "" {
		ends(t, left.machine)
		removeGroup(t, filepath.Join(filepath.Dir(s.Unified()), name))
	}
	nothing(t, name)
}

// TestDelegated is the same of a user whose part of the tree systemd has given
// to him.
func TestDelegated(t *testing.T) {
	top, name := cgrouptest.New(t, ""), name(t)
	if top.Unified() == "" {
		t.Skip("SKIPPED: no tree of the second kind")
	}
	const uid = 65534
	mine := filepath.Join(top.Unified(), "user@65534.service")
	controllers := enabled(t, top.Unified())
	for _, dir := range []string{mine, filepath.Join(mine, "app.slice")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { removeGroup(t, dir) })
		for _, file := range []string{"", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"} {
			if err := os.Chown(filepath.Join(dir, file), uid, uid); err != nil {
				t.Fatal(err)
			}
		}
	}
	enable(t, mine, controllers)
	app := cgrouptest.New(t, strings.TrimPrefix(filepath.Join(mine, "app.slice"), filepath.Dir(top.Unified())))
	if err := os.Chown(filepath.Join(app.Unified(), "cgroup.procs"), uid, uid); err != nil {
		t.Fatal(err)
	}
	left := runService(t, app, name, &syscall.Credential{Uid: uid, Gid: uid})
	if !runs(left.kept) || !runs(left.machine) {
		t.Errorf("after its service ended, kept runs: %v, the machine: %v", runs(left.kept), runs(left.machine))
	}
	group := filepath.Join(mine, name, "i-1")
	if pids, err := os.ReadFile(filepath.Join(group, "cgroup.procs")); err != nil || strings.TrimSpace(string(pids)) != strconv.Itoa(left.machine) {
		t.Errorf("in the machine's group: %q, %v", pids, err)
	}
	if strings.Contains(controllers, "memory") {
		if b, err := os.ReadFile(filepath.Join(group, "memory.max")); err != nil || strings.TrimSpace(string(b)) != "67108864" {
			t.Errorf("memory.max is %q, %v", b, err)
		}
	}
	ends(t, left.kept)
	ends(t, left.machine)
	removeGroup(t, filepath.Join(mine, name))
	removeGroup(t, filepath.Join(mine, name+"-kept"))
}

// enabled has a group's controllers count below it, where the host has them in
// the tree of the second kind.
func enabled(t *testing.T, group string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(filepath.Dir(group), "cgroup.controllers"))
	if err != nil {
		t.Fatal(err)
	}
	var on []string
	for c := range strings.FieldsSeq(string(b)) {
		if c == "memory" || c == "cpu" || c == "pids" {
			on = append(on, "+"+c)
		}
	}
	list := strings.Join(on, " ")
	enable(t, filepath.Dir(group), list)
	enable(t, group, list)
	return list
}

func enable(t *testing.T, group, list string) {
	t.Helper()
	if list == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
}

// removeGroup removes a group and those below it, once the dead have left.
func removeGroup(t *testing.T, group string) {
	t.Helper()
	below, _ := filepath.Glob(filepath.Join(group, "*", "cgroup.procs"))
	for _, b := range below {
		removeGroup(t, filepath.Dir(b))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for err := os.Remove(group); err != nil && !os.IsNotExist(err); err = os.Remove(group) {
		if clock.New().Wait(ctx, 10*time.Millisecond) != nil {
			t.Fatal(err)
		}
	}
}

// nothing looks for groups of a name in all trees.
func nothing(t *testing.T, name string) {
	t.Helper()
	mounts, unified, err := cgroup.Mounts()
	if err != nil {
		t.Fatal(err)
	}
	mounts[""] = unified
	for _, tree := range mounts {
		if left, err := filepath.Glob(filepath.Join(tree, name+"*")); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
	}
}
