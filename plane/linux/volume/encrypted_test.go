//go:build linux

package volume

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"pileus/plane"
	"pileus/plane/linux/cgroup/cgrouptest"
	"pileus/plane/linux/process"
	"pileus/plane/planetest"
	"pileus/plane/sealed"
)

const marker = "what nobody may find on the disk"

// withCiphers skips where encrypted volumes cannot be block devices.
func withCiphers(t testing.TB) {
	t.Helper()
	withDevices(t)
	if err := probeFUSE(); err != nil {
		t.Skip(err)
	}
}

func createEncrypted(t testing.TB, s *Store, id string, size int64) {
	t.Helper()
	must(t, s.CreateVolume(t.Context(), id, size, plane.Encrypted))
}

// notOnDisk fails the test where a file in a folder holds a text in the clear.
func notOnDisk(t *testing.T, dir, text string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		list, err := extents(int(f.Fd()), st.Size())
		for _, e := range list {
			b := make([]byte, e.Length)
			if _, err := f.ReadAt(b, e.Offset); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if i := bytes.Index(b, []byte(text)); i >= 0 {
				t.Errorf("%s holds it at %d", path, e.Offset+int64(i))
			}
		}
		return err
	}))
}

// writeTo writes to a device, past its cache.
func writeTo(t *testing.T, dev, text string, at int64) error {
	t.Helper()
	f, err := os.OpenFile(dev, os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(text), at)
	return errors.Join(err, f.Sync(), f.Close())
}

// seen is what a volume holds somewhere.
func seen(t *testing.T, s *Store, id string, at int64, n int) (text string) {
	t.Helper()
	must(t, s.FreezeVolume(t.Context(), id, func(c plane.VolumeContent) error {
		b := make([]byte, n)
		_, err := c.ReadAt(b, at)
		text = string(b)
		return err
	}))
	return text
}

// cipherOf is the process that is the cipher of a volume.
func cipherOf(t *testing.T, s *Store, id string) *process.Process {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ciphers[id] == nil {
		t.Fatalf("%s has no cipher", id)
	}
	return s.ciphers[id].process
}

func TestEncryptedDevice(t *testing.T) {
	withCiphers(t)
	dir := t.TempDir()
	before := kernelState(t, dir)
	s := store(t, dir)
	createEncrypted(t, s, "vol-1", 64<<20)
	must(t, s.WriteVolume(t.Context(), "vol-1", func(w io.WriterAt) error {
		_, err := w.WriteAt([]byte(marker), 7)
		return err
	}))
	dev := open(t, s, "vol-1")
	if again := open(t, s, "vol-1"); again != dev {
		t.Errorf("opened twice: %s and %s", dev, again)
	}
	must(t, writeTo(t, dev, marker+" either", 32<<20))
	for at, want := range map[int64]string{7: marker, 32 << 20: marker + " either"} {
		if got := seen(t, s, "vol-1", at, len(want)); got != want {
			t.Errorf("at %d: %q", at, got)
		}
	}
	notOnDisk(t, s.dir, marker)
	k, err := s.key("vol-1")
	must(t, err)
	notOnDisk(t, s.dir, string(k.Bytes()))
	must(t, s.GrowVolume(t.Context(), "vol-1", 128<<20))
	must(t, writeTo(t, dev, marker, 128<<20-100))

	other := store(t, dir) // as after a restart
	if again := open(t, other, "vol-1"); again != dev {
		t.Errorf("after a restart: %s, before: %s", again, dev)
	}
	if got := seen(t, other, "vol-1", 128<<20-100, len(marker)); got != marker {
		t.Errorf("in what was grown: %q", got)
	}
	cipher := cipherOf(t, other, "vol-1")
	must(t, other.RemoveVolume(t.Context(), "vol-1"))
	if _, err := process.BirthOf(cipher.PID); err == nil {
		t.Error("the cipher of a volume that is gone still runs")
	}
	if after := kernelState(t, dir); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
	if left, _ := os.ReadDir(s.path(volumesDir)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestEncryptedStaysSparse: what is discarded is given back and reads as zeros,
// and so does what was never written.
func TestEncryptedStaysSparse(t *testing.T) {
	withCiphers(t)
	s := store(t, t.TempDir())
	createEncrypted(t, s, "vol-1", 10<<30)
	dev := open(t, s, "vol-1")
	f, err := os.OpenFile(dev, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt(bytes.Repeat([]byte{1}, 16<<20), 1<<30)
	must(t, errors.Join(err, f.Sync()))
	used := func() int64 {
		list, err := s.Volumes(t.Context())
		must(t, err)
		return list[0].Used
	}
	if n := used(); n < 16<<20 || n > 17<<20 {
		t.Errorf("16 MiB take %d", n)
	}
	discard := [2]uint64{1<<30 + 1<<20, 8 << 20}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKDISCARD, uintptr(unsafe.Pointer(&discard))); errno != 0 {
		t.Fatal(errno)
	}
	if n := used(); n < 8<<20 || n > 9<<20 {
		t.Errorf("16 MiB less 8 take %d", n)
	}
	for at, want := range map[int64]byte{1<<30 + 1<<20 - 1: 1, 1<<30 + 1<<20: 0, 1<<30 + 9<<20 - 1: 0, 1<<30 + 9<<20: 1, 9 << 30: 0} {
		b := make([]byte, 1)
		if _, err := f.ReadAt(b, at); err != nil || b[0] != want {
			t.Errorf("at %d: %d, %v; want %d", at, b[0], err, want)
		}
	}
}

// TestKeeperKilled ends the service that opened an encrypted volume, with all its
// processes: a machine writes on, and the next process manages it.
func TestKeeperKilled(t *testing.T) {
	withCiphers(t)
	s := store(t, t.TempDir())
	must(t, s.CreateRoot(t.Context(), "vol-1", plane.Image{Kind: plane.HostOverlay}, 256<<20, plane.Encrypted))
	service := cgrouptest.New(t, "")
	k := startIn(t, service.Start, "opener", 0, s.dir)
	if !k.out.Scan() {
		t.Fatal("it opened nothing")
	}
	dev := k.out.Text()
	m := start(t, "machine", syscall.CLONE_NEWNS, dev, t.TempDir())
	m.expect("mounted")
	m.tell("before")
	m.expect("wrote before")
	service.End()
	k.stop()
	m.tell("after")
	m.expect("wrote after")

	s = store(t, s.dir)
	if again := open(t, s, "vol-1"); again != dev {
		t.Errorf("opened as %s, before as %s", again, dev)
	}
	copied := filepath.Join(t.TempDir(), "copy")
	must(t, s.FreezeVolume(t.Context(), "vol-1", func(c plane.VolumeContent) error { return save(copied, c) }))
	fsck(t, copied)
	if out := debugfs(t, copied, "cat /after"); out != "after" {
		t.Errorf("the copy's file: %q", out)
	}
	if err := s.CloseVolume(t.Context(), "vol-1"); !errors.Is(err, plane.ErrBusy) {
		t.Errorf("a mounted volume was closed: %v", err)
	}
	m.stop()
	must(t, s.CloseVolume(t.Context(), "vol-1"))
	notOnDisk(t, s.path(volumesDir), "wrote")
}

// save writes what a volume holds to a file.
func save(name string, c plane.VolumeContent) error {
	to, err := os.Create(name)
	if err != nil {
		return err
	}
	defer to.Close()
	list, err := c.Data()
	for _, e := range list {
		if err == nil {
			_, err = io.Copy(io.NewOffsetWriter(to, e.Offset), io.NewSectionReader(c, e.Offset, e.Length))
		}
	}
	return errors.Join(err, to.Truncate(c.Size()))
}

// TestEncryptedRoot makes roots of both kinds of templates, of its own size and
// grown.
func TestEncryptedRoot(t *testing.T) {
	withCiphers(t)
	asRoot(t)
	s := store(t, t.TempDir())
	_, err := s.Import(t.Context(), "ami-1", archive(t, reg("etc/marker", marker, 0o644)))
	must(t, err)
	must(t, s.CreateRoot(t.Context(), "vol-1", plane.Image{ID: "ami-1", Kind: plane.Whole}, leastImage, plane.Encrypted))
	must(t, s.CreateRoot(t.Context(), "vol-2", plane.Image{ID: "ami-1", Kind: plane.Whole}, leastImage+1<<30, plane.Encrypted))
	must(t, s.CreateRoot(t.Context(), "vol-3", plane.Image{ID: "ami-2", Kind: plane.BuiltIn}, 1<<30, plane.Encrypted))
	for id, want := range map[string]string{"vol-1": "cat /etc/marker", "vol-2": "cat /etc/marker", "vol-3": "cat /etc/os-release"} {
		dev := open(t, s, id)
		fsck(t, dev)
		if out := debugfs(t, dev, want); !strings.Contains(out, marker) && !strings.Contains(out, "pileus") {
			t.Errorf("%s: %q", id, out)
		}
	}
	if left, _ := os.ReadDir(s.path(scratchDir)); len(left) > 0 {
		t.Errorf("scratch: %v", left)
	}
	notOnDisk(t, s.path(volumesDir), marker)
}

// TestWithoutFUSE: where a volume cannot be encrypted it is refused, nothing of
// it is left, and the report says why.
func TestWithoutFUSE(t *testing.T) {
	withDevices(t)
	s := store(t, t.TempDir())
	s.noFUSE = errors.New("there is none")
	for _, err := range []error{s.CanEncrypt(), s.CreateVolume(t.Context(), "vol-1", 8<<20, plane.Encrypted)} {
		if !errors.Is(err, plane.ErrUnsupported) || !strings.Contains(err.Error(), "there is none") {
			t.Errorf("%v, want ErrUnsupported and why", err)
		}
	}
	if left, err := os.ReadDir(s.path(volumesDir)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	must(t, s.CreateVolume(t.Context(), "vol-1", 8<<20)) // in the clear, as was asked for
	all := s.Capabilities()
	if c := all[len(all)-1]; c.Works || c.Reason != "there is none" {
		t.Errorf("capability: %+v", c)
	}
}

// TestKeyOfNoVolume: what a crash leaves of a volume that was being made goes,
// and the keys of volumes stay.
func TestKeyOfNoVolume(t *testing.T) {
	s := store(t, t.TempDir())
	createEncrypted(t, s, "vol-1", 1<<20)
	_, err := s.makeKey("vol-2")
	must(t, err)
	s = store(t, s.dir)
	if left, _ := filepath.Glob(s.path(volumesDir, "*"+keySuffix)); len(left) != 1 || filepath.Base(left[0]) != "vol-1.key" {
		t.Errorf("keys: %v", left)
	}
	s.SealWith([]byte("the master key of another cloud."))
	if err := s.ReadVolume(t.Context(), "vol-1", func(plane.VolumeContent) error { return nil }); !errors.Is(err, sealed.ErrKey) {
		t.Errorf("read under another master key: %v", err)
	}
	s.SealWith(planetest.MasterKey)
	if err := s.CreateVolume(t.Context(), "vol-3", 1000, plane.Encrypted); err == nil {
		t.Error("a volume of less than whole sectors was encrypted")
	}
	if list, err := s.Volumes(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestCipherFails: a cipher that cannot work says why, and leaves nothing.
func TestCipherFails(t *testing.T) {
	withCiphers(t)
	s := store(t, t.TempDir())
	program := filepath.Join(t.TempDir(), "program")
	must(t, os.WriteFile(program, []byte("#!/bin/sh\necho 'it is broken' >&2\nexit 1\n"), 0o700))
	s.program = program
	createEncrypted(t, s, "vol-1", 1<<20)
	if _, err := s.OpenVolume(t.Context(), "vol-1"); err == nil || !strings.Contains(err.Error(), "it is broken") {
		t.Errorf("open: %v", err)
	}
	s.program = ""
	open(t, s, "vol-1")
	if out, err := exec.Command("pgrep", "-f", cipherName+" test vol-1").Output(); err == nil && len(strings.Fields(string(out))) > 1 {
		t.Errorf("ciphers: %s", out)
	}
}

func BenchmarkCreateAndOpenEncrypted10GiB(b *testing.B) {
	withCiphers(b)
	s := store(b, b.TempDir())
	for i := range b.N {
		id := "vol-" + strconv.Itoa(i)
		createEncrypted(b, s, id, 10<<30)
		open(b, s, id)
		b.StopTimer()
		must(b, s.RemoveVolume(b.Context(), id))
		b.StartTimer()
	}
}

// BenchmarkDevice writes and reads a device past the caches of who uses it, a
// MiB at a time, and syncs.
func BenchmarkDevice(b *testing.B) {
	withCiphers(b)
	for _, kind := range []struct {
		name string
		o    []plane.VolumeOption
	}{{"plain", nil}, {"encrypted", []plane.VolumeOption{plane.Encrypted}}} {
		b.Run(kind.name, func(b *testing.B) {
			s := store(b, b.TempDir())
			const size = 256 << 20
			must(b, s.CreateVolume(b.Context(), "vol-1", size, kind.o...))
			dev := open(b, s, "vol-1")
			b.SetBytes(2 * size)
			for b.Loop() {
				for _, args := range [][]string{{"if=/dev/zero", "of=" + dev, "oflag=direct", "conv=fsync"}, {"if=" + dev, "of=/dev/null", "iflag=direct"}} {
					if out, err := exec.Command("dd", append(args, "bs=1M", "count=256")...).CombinedOutput(); err != nil {
						b.Fatal(err, string(out))
					}
				}
			}
		})
	}
}
