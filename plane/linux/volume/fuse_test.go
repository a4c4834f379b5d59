//go:build linux

package volume

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// withFUSE is a store without block devices, with a root volume.
func withFUSE(t *testing.T) *Store {
	t.Helper()
	if os.Geteuid() != 0 || unix.Access(fuseDevice, unix.R_OK|unix.W_OK) != nil {
		t.Skip("SKIPPED: mounting needs root of some user namespace, and /dev/fuse")
	}
	for _, name := range []string{"fuse2fs", "e2fsck", "mkfs.ext4"} {
		if _, err := tool(name); err != nil {
			t.Skipf("SKIPPED: volumes without block devices need %s", name)
		}
	}
	s, err := Open(Options{Cloud: "test", Dir: t.TempDir(), Rootless: true})
	must(t, err)
	t.Cleanup(func() {
		if err := errors.Join(s.Clear(), s.Close()); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(s.path(mountsDir)); err != nil || len(left) > 0 {
			t.Errorf("mounts are left: %v, %v", left, err)
		}
	})
	must(t, s.CreateRoot(t.Context(), "vol-1", plane.Image{Kind: plane.BuiltIn}, 64<<20))
	return s
}

func mountVolume(t *testing.T, s *Store, id string) (folder string) {
	t.Helper()
	folder, err := s.MountVolume(id, "/dev/xvda")
	must(t, err)
	return folder
}

// TestMount writes into a mounted volume, and finds it there in all that can be
// done with the volume.
func TestMount(t *testing.T) {
	s := withFUSE(t)
	folder := mountVolume(t, s, "vol-1")
	must(t, os.WriteFile(filepath.Join(folder, "kept"), []byte("kept"), 0o600))
	if again := mountVolume(t, s, "vol-1"); again != folder {
		t.Errorf("mounted at %s and at %s", folder, again)
	}
	if _, err := s.ServeVolume("vol-1", "/dev/sdf"); !errors.Is(err, plane.ErrBusy) {
		t.Errorf("served a second time: %v, want ErrBusy", err)
	}
	if err := s.WriteVolume(t.Context(), "vol-1", func(io.WriterAt) error { return nil }); !errors.Is(err, plane.ErrBusy) {
		t.Errorf("written to while it is mounted: %v, want ErrBusy", err)
	}
	copied := s.path(scratchDir, "copy")
	must(t, s.FreezeVolume(t.Context(), "vol-1", func(c plane.VolumeContent) error {
		b, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
		return errors.Join(err, os.WriteFile(copied, b, 0o600))
	}))
	must(t, os.WriteFile(filepath.Join(folder, "later"), nil, 0o600)) // thawed
	must(t, check(t.Context(), "-fy", copied))
	if out, err := exec.Command("debugfs", "-R", "cat /kept", copied).Output(); err != nil || string(out) != "kept" {
		t.Errorf("a frozen volume holds %q, %v", out, err)
	}
	must(t, s.GrowVolume(t.Context(), "vol-1", 128<<20))
	must(t, s.CloseVolume(t.Context(), "vol-1"))
	must(t, s.CloseVolume(t.Context(), "vol-1"))
	folder = mountVolume(t, s, "vol-1")
	if b, err := os.ReadFile(filepath.Join(folder, "kept")); err != nil || string(b) != "kept" {
		t.Errorf("after it was closed it holds %q, %v", b, err)
	}
	var st unix.Statfs_t
	must(t, unix.Statfs(folder, &st))
	if size := st.Blocks * uint64(st.Bsize); size < 100<<20 {
		t.Errorf("a volume of 128 MiB has a file system of %d bytes", size)
	}
}

// TestServerDies kills what serves a volume: it is mounted again, checked.
func TestServerDies(t *testing.T) {
	s := withFUSE(t)
	folder := mountVolume(t, s, "vol-1")
	must(t, os.WriteFile(filepath.Join(folder, "kept"), []byte("kept"), 0o600))
	must(t, flushFileSystem(folder))
	_, p, err := s.mountedNow("vol-1")
	must(t, err)
	must(t, p.Kill())
	p.Wait()
	p.Release()
	if _, err := os.Stat(s.stateFile("vol-1")); err != nil {
		t.Errorf("a volume that was not unmounted is not known for that: %v", err)
	}
	folder = mountVolume(t, s, "vol-1")
	if b, err := os.ReadFile(filepath.Join(folder, "kept")); err != nil || string(b) != "kept" {
		t.Errorf("after its server was killed it holds %q, %v", b, err)
	}
}

// TestNoFileSystem has nothing to mount.
func TestNoFileSystem(t *testing.T) {
	s := withFUSE(t)
	must(t, s.CreateVolume(t.Context(), "vol-raw", 1<<20))
	if _, err := s.MountVolume("vol-raw", "/dev/sdf"); err == nil {
		t.Error("a volume without a file system was mounted")
	}
	must(t, s.CloseVolume(t.Context(), "vol-raw"))
	if path, err := s.OpenVolume(t.Context(), "vol-raw"); err != nil || path != s.file("vol-raw") {
		t.Errorf("without devices it opens as %s, %v", path, err)
	}
}

// TestTwoClouds mounts volumes of two clouds as the same device.
func TestTwoClouds(t *testing.T) {
	one, two := withFUSE(t), withFUSE(t)
	for _, s := range []*Store{one, two} {
		must(t, os.WriteFile(filepath.Join(mountVolume(t, s, "vol-1"), "here"), nil, 0o600))
	}
}
