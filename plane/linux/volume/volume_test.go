//go:build linux

package volume

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pileus/plane"
	"pileus/plane/planetest"
)

func TestContract(t *testing.T) {
	planetest.Volumes(t, func(t *testing.T) plane.Volumes {
		s := store(t, t.TempDir())
		s.SealWith(nil)
		s.noFUSE = nil // no volume is opened
		return s
	})
}

// store opens the volumes in a folder; what the test left open is closed, and
// nothing of it may remain in the kernel.
func store(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Cloud: "test", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Clear(); err != nil {
			t.Error(err)
		}
		if left, err := s.devices(); err != nil || len(left) > 0 {
			t.Errorf("left open: %v, %v", left, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(s.path(ciphersDir)); err != nil || len(left) > 0 {
			t.Errorf("ciphers are left: %v, %v", left, err)
		}
	})
	s.SealWith(planetest.MasterKey)
	return s
}

// withDevices skips where there are no block devices.
func withDevices(t testing.TB) {
	t.Helper()
	if err := probeLoop(); err != nil {
		t.Skip(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t testing.TB, s *Store, id string, size int64) {
	t.Helper()
	must(t, s.CreateVolume(t.Context(), id, size))
}

func open(t testing.TB, s *Store, id string) string {
	t.Helper()
	d, err := s.OpenVolume(t.Context(), id)
	must(t, err)
	return d
}

// kernelState lists what a leak would show in: this folder's loop devices and
// all mounts.
func kernelState(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	names, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	must(t, err)
	for _, n := range names {
		if file, err := os.ReadFile(n); err == nil && strings.Contains(string(file), dir) {
			fmt.Fprintf(&b, "%s %s", n, file)
		}
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	for line := range strings.Lines(string(table)) {
		if strings.Contains(line, dir) || strings.Contains(line, "/dev/loop") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestDevice(t *testing.T) {
	withDevices(t)
	dir := t.TempDir()
	before := kernelState(t, dir)
	s := store(t, dir)
	create(t, s, "vol-1", 64<<20)
	dev := open(t, s, "vol-1")
	if again := open(t, s, "vol-1"); again != dev {
		t.Errorf("opened twice: %s and %s", dev, again)
	}
	f, err := os.OpenFile(dev, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte("through the device"), 32<<20)
	must(t, err)
	must(t, s.FreezeVolume(t.Context(), "vol-1", func(c plane.VolumeContent) error {
		b := make([]byte, 18)
		_, err := c.ReadAt(b, 32<<20)
		if string(b) != "through the device" {
			t.Errorf("the file holds %q", b)
		}
		return err
	}))
	if err := s.WriteVolume(t.Context(), "vol-1", func(io.WriterAt) error { return nil }); !errors.Is(err, plane.ErrBusy) {
		t.Errorf("fill an open volume: %v", err)
	}
	must(t, s.GrowVolume(t.Context(), "vol-1", 128<<20))
	if n, err := f.Seek(0, io.SeekEnd); err != nil || n != 128<<20 {
		t.Errorf("the device has %d bytes after growing, %v", n, err)
	}
	must(t, f.Close())
	other := store(t, dir) // as after a restart
	if again := open(t, other, "vol-1"); again != dev {
		t.Errorf("after a restart: %s, before: %s", again, dev)
	}
	must(t, other.RemoveVolume(t.Context(), "vol-1"))
	if after := kernelState(t, dir); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
}

func TestUnsupported(t *testing.T) {
	s := store(t, t.TempDir())
	s.noLoop = errors.New("no privileges")
	create(t, s, "vol-1", 1<<20)
	if _, err := s.OpenVolume(t.Context(), "vol-1"); !errors.Is(err, plane.ErrUnsupported) {
		t.Errorf("open without loop devices: %v", err)
	}
	if c := s.Capabilities()[0]; c.Works || c.Reason == "" {
		t.Errorf("capability: %+v", c)
	}
}

func TestIDs(t *testing.T) {
	s := store(t, t.TempDir())
	for _, id := range []string{"", "..", "../x", "a/b", ".hidden", "a\x00b"} {
		if err := s.CreateVolume(t.Context(), id, 1<<20); err == nil {
			t.Errorf("%q was taken", id)
		}
	}
}

func TestWritePastTheEnd(t *testing.T) {
	s := store(t, t.TempDir())
	create(t, s, "vol-1", 1<<20)
	err := s.WriteVolume(t.Context(), "vol-1", func(w io.WriterAt) error {
		_, err := w.WriteAt(make([]byte, 2), 1<<20-1)
		return err
	})
	if !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("write past the end: %v", err)
	}
}

// TestSparse says that large volumes and their roots take room only for what
// they hold.
func TestSparse(t *testing.T) {
	asRoot(t)
	s := store(t, t.TempDir())
	create(t, s, "vol-1", 1<<40)
	must(t, s.CreateRoot(t.Context(), "vol-2", plane.Image{ID: "ami-1", Kind: plane.BuiltIn}, 100<<30))
	list, err := s.Volumes(t.Context())
	must(t, err)
	for _, v := range list {
		if limit := map[string]int64{"vol-1": 64 << 10, "vol-2": 96 << 20}[v.ID]; v.Used > limit {
			t.Errorf("%s of %d bytes takes %d", v.ID, v.Size, v.Used)
		}
	}
}

func TestLimits(t *testing.T) {
	withDevices(t)
	s := store(t, t.TempDir())
	lim, ok := s.limiter().(blkio)
	if !ok {
		t.Skip("SKIPPED: control groups are not of the first kind")
	}
	var groups []string
	for _, p := range lim.parents { // a container's and a virtual machine's
		group := filepath.Join(blkioRoot, p, "i-1")
		must(t, os.MkdirAll(group, 0o755))
		defer os.Remove(filepath.Dir(group))
		defer os.Remove(group)
		groups = append(groups, group)
	}
	create(t, s, "vol-1", 64<<20)
	dev := open(t, s, "vol-1")
	must(t, s.LimitVolume(t.Context(), "vol-1", plane.VolumeLimits{IOPS: 100, BytesPerSecond: 1 << 20}))
	d, _, err := s.device("vol-1")
	must(t, err)
	for _, group := range groups {
		for file, want := range map[string]string{
			"blkio.throttle.read_bps_device": d.number() + " 1048576\n", "blkio.throttle.write_iops_device": d.number() + " 100\n",
		} {
			if got, err := os.ReadFile(filepath.Join(group, file)); err != nil || string(got) != want {
				t.Errorf("%s/%s: %q, %v", group, file, got, err)
			}
		}
	}
	// It binds: 25 reads past the page cache take no less than 0.2 s at 100/s.
	if took := readDirect(t, dev, 25); took < 0.15 {
		t.Errorf("25 reads at 100 a second took %.3f s", took)
	}
	must(t, s.CloseVolume(t.Context(), "vol-1"))
	for _, group := range groups {
		if got, err := os.ReadFile(filepath.Join(group, "blkio.throttle.read_bps_device")); err != nil || len(got) > 0 {
			t.Errorf("%s after closing: %q, %v", group, got, err)
		}
	}
}

// TestLimitsUnified is TestLimits where control groups are of the second kind:
// what the cloud's groups may do bounds who is in them.
func TestLimitsUnified(t *testing.T) {
	withDevices(t)
	s := store(t, t.TempDir())
	lim, ok := s.limiter().(ioMax)
	if !ok {
		t.Skip("SKIPPED: the io controller is not in control groups of the second kind")
	}
	create(t, s, "vol-1", 64<<20)
	dev := open(t, s, "vol-1")
	for _, group := range lim.groups() { // of containers and of virtual machines
		defer func() { must(t, os.Remove(group)) }()
	}
	must(t, s.LimitVolume(t.Context(), "vol-1", plane.VolumeLimits{IOPS: 100, BytesPerSecond: 1 << 20}))
	d, _, err := s.device("vol-1")
	must(t, err)
	has := func(want string) {
		t.Helper()
		for _, group := range lim.groups() {
			if got, err := os.ReadFile(filepath.Join(group, "io.max")); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v, want %q", group, got, err, want)
			}
		}
	}
	has(d.number() + " rbps=1048576 wbps=1048576 riops=100 wiops=100\n")
	for _, group := range lim.groups() {
		if took := readIn(t, group, dev, "4k", 100); took < 0.7 {
			t.Errorf("%s: 100 reads at 100 a second took %.3f s", group, took)
		}
		if took := readIn(t, group, dev, "256k", 8); took < 1.2 {
			t.Errorf("%s: 2 MiB at 1 MiB a second took %.3f s", group, took)
		}
	}
	must(t, s.CloseVolume(t.Context(), "vol-1"))
	has("")
}

// readIn reads blocks past the page cache, as a process in a group.
func readIn(t *testing.T, group, dev, block string, n int) (seconds float64) {
	t.Helper()
	f, err := os.Open(group)
	must(t, err)
	defer f.Close()
	c := exec.Command("dd", "if="+dev, "of=/dev/null", "iflag=direct", "bs="+block, fmt.Sprintf("count=%d", n))
	c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(f.Fd())}
	w := stopwatch()
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return w()
}

func readDirect(t *testing.T, dev string, n int) (seconds float64) {
	t.Helper()
	fd, err := unix.Open(dev, unix.O_RDONLY|unix.O_DIRECT, 0)
	must(t, err)
	defer unix.Close(fd)
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	must(t, err)
	defer unix.Munmap(page)
	w := stopwatch()
	for i := range n {
		_, err := unix.Pread(fd, page, int64(i)*4096)
		must(t, err)
	}
	return w()
}

func TestImportRefusesXZ(t *testing.T) {
	s := store(t, t.TempDir())
	_, err := s.Import(t.Context(), "ami-1", bytes.NewReader([]byte("\xfd7zXZ\x00rest")))
	if !errors.Is(err, plane.ErrUnsupported) {
		t.Errorf("xz: %v", err)
	}
}

// TestImportDisk: a disk is an image as it is, and its roots are as large as was
// asked for, with nothing done to what is on it.
func TestImportDisk(t *testing.T) {
	s := store(t, t.TempDir())
	disk := make([]byte, 5<<20-100) // no multiple of anything
	copy(disk, "boot code")
	disk[510], disk[511] = 0x55, 0xaa
	copy(disk[3<<20:], "far inside")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(disk); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for _, content := range [][]byte{disk, packed.Bytes()} {
		made, err := s.Import(t.Context(), "img-disk", bytes.NewReader(content))
		if err != nil || made.Size != 5<<20 || !made.Start.BIOS {
			t.Fatalf("%+v, %v", made, err)
		}
		if err := s.CreateRoot(t.Context(), "vol-disk", plane.Image{ID: "img-disk", Kind: plane.Whole}, 1<<30); err != nil {
			t.Fatal(err)
		}
		err = s.ReadVolume(t.Context(), "vol-disk", func(c plane.VolumeContent) error {
			got := make([]byte, len(disk))
			if _, err := c.ReadAt(got, 0); err != nil || !bytes.Equal(got, disk) || c.Size() != 1<<30 {
				t.Errorf("the root is not the disk: %d bytes, %v", c.Size(), err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.RemoveVolume(t.Context(), "vol-disk"); err != nil {
			t.Fatal(err)
		}
	}
}
