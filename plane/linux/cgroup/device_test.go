//go:build linux

package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDeviceProgram holds processes in a control group of the second kind to
// the devices that they may use. It works on hosts that have both kinds side
// by side as well, because no controller is needed for it.
func TestDeviceProgram(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: control groups need root")
	}
	_, unified, err := Mounts()
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
	loops := map[string]string{"vol-1": attachLoop(t), "vol-2": attachLoop(t)}
	disk := func(id string, readOnly bool) Device {
		var st unix.Stat_t
		if err := unix.Stat(loops[id], &st); err != nil {
			t.Fatal(err)
		}
		return Device{Major: unix.Major(uint64(st.Rdev)), Minor: unix.Minor(uint64(st.Rdev)), ReadOnly: readOnly}
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
		disks []Device
		may   [4]bool // read and write the first, read and write the second
	}{
		{nil, [4]bool{}},
		{[]Device{disk("vol-1", false)}, [4]bool{true, true, false, false}},
		{[]Device{disk("vol-2", true)}, [4]bool{false, false, true, false}},
		{[]Device{disk("vol-1", true), disk("vol-2", false)}, [4]bool{true, false, true, true}},
	} {
		if err := allowDevices(int(f.Fd()), test.disks); err != nil {
			if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
				t.Skipf("SKIPPED: this kernel has no BPF: %v", err)
			}
			t.Fatal(err)
		}
		got := [4]bool{may(read, loops["vol-1"]), may(write, loops["vol-1"]), may(read, loops["vol-2"]), may(write, loops["vol-2"])}
		if got != test.may {
			t.Errorf("with %+v: %v, want %v", test.disks, got, test.may)
		}
		if !may(write, "/dev/null") || may(read, "/dev/kmsg") {
			t.Error("the harmless devices are refused, or others allowed")
		}
	}
}

// attachLoop makes a loop device of a file of zeros.
func attachLoop(t *testing.T, flags ...string) string {
	file := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", append(flags, "-f", "--show", file)...).Output()
	if err != nil {
		t.Skipf("SKIPPED: no loop device: %v", err)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if err := exec.Command("losetup", "-d", device).Run(); err != nil {
			t.Error(err)
		}
	})
	return device
}
