//go:build linux

package machine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
)

// TestDeviceProgram holds processes in a control group of the second kind to
// the devices that they may use. It works on hosts that have both kinds side
// by side as well, because no controller is needed for it.
func TestDeviceProgram(t *testing.T) {
	needRoot(t)
	_, unified, err := cgroupMounts()
	if err != nil || unified == "" {
		t.Skip("SKIPPED: no control groups of the second kind are mounted")
	}
	group := filepath.Join(unified, "pileus-test-"+filepath.Base(t.TempDir()))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(group)
	f, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := newWorld(t)
	w.raw("vol-1")
	w.raw("vol-2")
	disk := func(id string, readOnly bool) handoff.Disk {
		var st unix.Stat_t
		if err := unix.Stat(w.loops[id], &st); err != nil {
			t.Fatal(err)
		}
		return handoff.Disk{Major: unix.Major(uint64(st.Rdev)), Minor: unix.Minor(uint64(st.Rdev)), ReadOnly: readOnly}
	}
	may := func(verb, device string) bool {
		c := exec.Command("/bin/sh", "-c", verb+` "$0"`, device)
		c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
		err := c.Run()
		var status *exec.ExitError
		if err != nil && !errors.As(err, &status) {
			t.Fatal(err)
		}
		return err == nil
	}
	const read, write = "head -c 1 >/dev/null <", "echo x >"
	for _, test := range []struct {
		disks []handoff.Disk
		may   [4]bool // read and write the first, read and write the second
	}{
		{nil, [4]bool{}},
		{[]handoff.Disk{disk("vol-1", false)}, [4]bool{true, true, false, false}},
		{[]handoff.Disk{disk("vol-2", true)}, [4]bool{false, false, true, false}},
		{[]handoff.Disk{disk("vol-1", true), disk("vol-2", false)}, [4]bool{true, false, true, true}},
	} {
		if err := allowDevices(int(f.Fd()), test.disks); err != nil {
			if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
				t.Skipf("SKIPPED: this kernel has no BPF: %v", err)
			}
			t.Fatal(err)
		}
		got := [4]bool{may(read, w.loops["vol-1"]), may(write, w.loops["vol-1"]), may(read, w.loops["vol-2"]), may(write, w.loops["vol-2"])}
		if got != test.may {
			t.Errorf("with %+v: %v, want %v", test.disks, got, test.may)
		}
		if !may(write, "/dev/null") || may(read, "/dev/kmsg") {
			t.Error("the harmless devices are refused, or others allowed")
		}
	}
}
