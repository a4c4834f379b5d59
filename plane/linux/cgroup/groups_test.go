//go:build linux

package cgroup

import (
	"context"
	"errors"
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
	"pileus/plane"
	"pileus/plane/linux/process"
)

// soon is how long the kernel may take for what it does at once.
const soon = 30 * time.Second

// open makes groups of the kind that this host has.
func open(t *testing.T) Groups {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: control groups need root")
	}
	g, err := Open("pileus-test-" + filepath.Base(filepath.Dir(t.TempDir())))
	if err != nil {
		t.Skip("SKIPPED: ", err)
	}
	t.Cleanup(g.Close)
	return g
}

// start runs a shell's script in a group, until the test ends.
func start(t *testing.T, g Groups, id, script string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	f, err := g.Folder(id)
	if err != nil {
		t.Fatal(err)
	}
	if f != nil {
		defer f.Close()
		c.SysProcAttr.UseCgroupFD, c.SysProcAttr.CgroupFD = true, int(f.Fd())
	}
	err = process.OnThread(func() error {
		if err := g.Enter(id); err != nil {
			return err
		}
		return c.Start()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Kill(-c.Process.Pid, unix.SIGKILL)
		_ = c.Wait()
	})
	return c
}

// until waits for what the kernel does in a moment.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	for !so() {
		if clock.New().Wait(ctx, 20*time.Millisecond) != nil {
			t.Fatalf("not within %v: %s", soon, what)
		}
	}
}

func usage(t *testing.T, g Groups, id string) plane.Usage {
	t.Helper()
	u, err := g.Usage(id)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestLife holds a busy process to a fifth of a processor, counts its time,
// freezes and thaws it, and removes its group when it has ended.
func TestLife(t *testing.T) {
	g := open(t)
	if err := g.Create("i-1", Limits{CPUs: 0.2, Memory: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	watch := clock.Start()
	c := start(t, g, "i-1", "while :; do :; done")
	const used = 400 * time.Millisecond
	until(t, "time is counted", func() bool { return usage(t, g, "i-1").CPU >= used })
	if took := watch.Elapsed(); took < 5*used/2 {
		t.Errorf("%v of processor time in %v, with a fifth of one", used, took)
	}
	until(t, "it is alone in its group", func() bool {
		pids, err := g.Processes("i-1")
		return err == nil && len(pids) == 1 && pids[0] == c.Process.Pid
	})
	if err := g.Freeze("i-1", true); err != nil {
		t.Fatal(err)
	}
	if yes, err := g.Frozen("i-1"); !yes || err != nil {
		t.Errorf("frozen: %v, %v", yes, err)
	}
	at := usage(t, g, "i-1").CPU
	until(t, "it stands still", func() bool {
		before := at
		at = usage(t, g, "i-1").CPU
		return at == before && state(t, c) != "R"
	})
	if err := g.Freeze("i-1", false); err != nil {
		t.Fatal(err)
	}
	until(t, "it goes on", func() bool { return usage(t, g, "i-1").CPU > at })
	// Who has been killed is in its group for a moment more.
	if err := errors.Join(c.Process.Kill(), g.Remove("i-1")); err != nil {
		t.Error(err)
	}
	if list, err := g.List(); err != nil || len(list) != 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

// state is the letter of a process's state.
func state(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.Process.Pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return after[:1]
}

// TestMemory ends who wants more memory than the machine has.
func TestMemory(t *testing.T) {
	g := open(t)
	defer func() { until(t, "the group is removed", func() bool { return g.Remove("i-1") == nil }) }()
	for _, test := range []struct {
		limit int64
		fits  bool
	}{{24 << 20, false}, {256 << 20, true}} {
		if err := g.Create("i-1", Limits{CPUs: 1, Memory: test.limit}); err != nil {
			t.Fatal(err)
		}
		c := start(t, g, "i-1", `[ "$(head -c 64M /dev/zero | tail -c 64M | wc -c)" = 67108864 ]`)
		if err := c.Wait(); (err == nil) != test.fits {
			t.Errorf("64 MiB in %d MiB: %v", test.limit>>20, err)
		}
	}
}

// TestDisk counts what is written to a disk, once, and lets nobody write to a
// disk that is not his.
func TestDisk(t *testing.T) {
	g := open(t)
	name := attachLoop(t, "--direct-io=on") // as volumes have it
	defer func() { until(t, "the group is removed", func() bool { return g.Remove("i-1") == nil }) }()
	if err := g.Create("i-1", Limits{CPUs: 1, Memory: 256 << 20}); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	device := Device{Major: unix.Major(uint64(st.Rdev)), Minor: unix.Minor(uint64(st.Rdev))}
	write := func() error {
		return start(t, g, "i-1", `exec dd if=/dev/zero of="$1" bs=256k count=4 oflag=direct conv=fsync 2>&1`, name).Wait()
	}
	if write() == nil {
		t.Error("a disk of somebody else was written to")
	}
	if err := g.Allow("i-1", device, true); err != nil {
		t.Fatal(err)
	}
	if err := write(); err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Describe() {
		if c.Name == "disk metrics" && !c.Works {
			t.Skip("SKIPPED: ", c.Reason)
		}
	}
	if u := usage(t, g, "i-1"); u.DiskWritten != 1<<20 || u.DiskWriteOps < 4 || u.DiskWriteOps > 64 {
		t.Errorf("%d bytes in %d writes, want %d", u.DiskWritten, u.DiskWriteOps, 1<<20)
	}
	if err := g.Allow("i-1", device, false); err != nil {
		t.Fatal(err)
	}
	if write() == nil {
		t.Error("a disk that was taken away was written to")
	}
}
