//go:build linux

package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pileus/plane"
)

// TestInContainer makes groups below one that has processes, as the first group
// is that a container sees.
func TestInContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: control groups need root")
	}
	mounts, unified, err := Mounts()
	if err != nil || unified == "" || mounts["memory"] != "" {
		t.Skip("SKIPPED: the controllers are not in control groups of the second kind")
	}
	top := filepath.Join(unified, "pileus-test-"+filepath.Base(filepath.Dir(t.TempDir())))
	if err := os.Mkdir(top, 0o755); err != nil {
		t.Fatal(err)
	}
	defer func() { until(t, "the group is removed", func() bool { return removeTree(top) == nil }) }()
	if err := writeFile("+memory +cpu +pids", unified, "cgroup.subtree_control"); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(top)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	resident := exec.Command("cat")
	resident.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	input, err := resident.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := resident.Start(); err != nil {
		t.Fatal(err)
	}
	defer resident.Wait()
	defer input.Close()
	g, err := openV2(filepath.Join(top, "cloud"))
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if err := g.Create("i-1", Limits{CPUs: 1, Memory: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	c := start(t, g, "i-1", "read line")
	if pids, err := g.Processes("i-1"); err != nil || !slices.Equal(pids, []int{c.Process.Pid}) {
		t.Errorf("processes %v, %v, want %d", pids, err, c.Process.Pid)
	}
	if b, err := os.ReadFile(filepath.Join(g.path("i-1"), "memory.max")); err != nil || strings.TrimSpace(string(b)) != "67108864" {
		t.Errorf("memory.max is %q, %v", b, err)
	}
	if pids, err := readNumbers(top, aside, "cgroup.procs"); err != nil || !slices.Equal(pids, []int{resident.Process.Pid}) {
		t.Errorf("aside: %v, %v, want %d", pids, err, resident.Process.Pid)
	}
	_ = c.Process.Kill()
	_ = c.Wait()
	until(t, "the machine's group is removed", func() bool { return g.Remove("i-1") == nil })
}

// TestCountDisks counts what passes through a loop device once.
func TestCountDisks(t *testing.T) {
	var u plane.Usage
	countDisks(&u, "254:0 rbytes=4096 wbytes=1048576 rios=1 wios=4 dbytes=0 dios=0\n"+
		"7:1 rbytes=8192 wbytes=1048576 rios=2 wios=5 dbytes=0 dios=0\n7:0 \n7:12 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n")
	if want := (plane.Usage{DiskReadBytes: 8193, DiskWritten: 1048578, DiskReadOps: 5, DiskWriteOps: 9}); u != want {
		t.Errorf("%+v, want %+v", u, want)
	}
}
