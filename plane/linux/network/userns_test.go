//go:build linux

package network

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pileus/plane/planetest"
)

// TestInUserNamespace runs the packet matrix as a user without rights, who is
// root in a user namespace of his own only.
func TestInUserNamespace(t *testing.T) {
	const inside = "PILEUS_TEST_IN_USER_NAMESPACE"
	if os.Getenv(inside) != "" {
		if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		planetest.PacketMatrix(t, rig(open(t, "userns")))
		return
	}
	if testing.Short() {
		t.Skip("the matrix has run as root")
	}
	const nobody = 65534
	// By this name the program needs no path that nobody may walk.
	c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestInUserNamespace$", "-test.v", "-test.timeout=3m")
	c.Env = append(os.Environ(), inside+"=1")
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}},
		Credential:  &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: true},
	}
	out, err := c.CombinedOutput()
	if c.Process == nil {
		t.Skipf("this machine makes no user namespaces: %v", err)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
