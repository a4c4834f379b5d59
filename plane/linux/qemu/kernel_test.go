//go:build linux

package qemu

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pileus/plane"
)

// fakeKernel writes what looks like a kernel, and its modules beside it.
func fakeKernel(t *testing.T, root, version string) (file string) {
	t.Helper()
	b := make([]byte, 4096)
	copy(b[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(b[0x20e:], 0x400)
	copy(b[0x600:], version+" (somebody@somewhere) #1 SMP")
	for name, text := range map[string]string{
		"boot/vmlinuz-" + version: string(b),
		"lib/modules/" + version + "/modules.dep": "kernel/drivers/block/virtio_blk.ko.xz:\n" +
			"kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz\n" +
			"kernel/fs/jbd2/jbd2.ko.xz: kernel/lib/crc16.ko.xz\nkernel/fs/mbcache.ko.xz:\nkernel/lib/crc16.ko.xz:\n" +
			"kernel/drivers/char/hw_random/virtio-rng.ko.xz:\nkernel/fs/xfs/xfs.ko.xz:\nkernel/sound/none.ko.xz:\n",
		"lib/modules/" + version + "/kernel/drivers/block/virtio_blk.ko.xz":          "blk",
		"lib/modules/" + version + "/kernel/fs/ext4/ext4.ko.xz":                      "ext4",
		"lib/modules/" + version + "/kernel/fs/jbd2/jbd2.ko.xz":                      "jbd2",
		"lib/modules/" + version + "/kernel/fs/mbcache.ko.xz":                        "mbcache",
		"lib/modules/" + version + "/kernel/lib/crc16.ko.xz":                         "crc16",
		"lib/modules/" + version + "/kernel/drivers/char/hw_random/virtio-rng.ko.xz": "rng",
		"lib/modules/" + version + "/kernel/fs/xfs/xfs.ko.xz":                        "xfs",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "boot/vmlinuz-"+version)
}

func TestKernel(t *testing.T) {
	root := t.TempDir()
	k, err := findKernel(fakeKernel(t, root, "6.1.0-9-cloud"))
	if err != nil || k.Version != "6.1.0-9-cloud" || k.Modules != filepath.Join(root, "lib/modules/6.1.0-9-cloud") {
		t.Fatalf("%+v, %v", k, err)
	}
	order, err := k.modules(neededModules...)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int {
		return slices.IndexFunc(order, func(f string) bool { return moduleName(f) == name })
	}
	for _, name := range []string{"virtio_blk", "virtio_rng", "ext4", "jbd2", "mbcache", "crc16"} {
		if at(name) < 0 {
			t.Errorf("%s is missing: %v", name, order)
		}
	}
	if at("crc16") > at("jbd2") || at("jbd2") > at("ext4") || at("mbcache") > at("ext4") {
		t.Errorf("what a module needs comes after it: %v", order)
	}
	if at("none") >= 0 || at("xfs") >= 0 {
		t.Errorf("what nobody needs is there: %v", order)
	}
	for _, bad := range []string{"/nonexistent", "/etc/passwd"} {
		if _, err := findKernel(bad); !errors.Is(err, plane.ErrUnsupported) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// TestInitramfs: the archive is one that others can read, and has the program
// and the modules.
func TestInitramfs(t *testing.T) {
	root := t.TempDir()
	k, err := findKernel(fakeKernel(t, root, "6.1.0-9-cloud"))
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(root, "program")
	if err := os.WriteFile(program, []byte("the program"), 0o755); err != nil {
		t.Fatal(err)
	}
	e := &Engine{Options: Options{Dir: filepath.Join(root, "guests"), Program: program}}
	file, err := e.initramfs(k)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := e.initramfs(k); err != nil || again != file {
		t.Errorf("made again: %s, %v", again, err)
	}
	cpio, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("SKIPPED: cpio is not installed; the initial file system was not read")
	}
	out := filepath.Join(root, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(cpio, "-id", "--quiet", "pileus-vm", "modules/*")
	c.Dir, c.Stdin = out, bytes.NewReader(b)
	if text, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for name, want := range map[string]string{"pileus-vm": "the program", "modules/ext4.ko.xz": "ext4", "modules/xfs.ko.xz": "xfs", "modules/more": "xfs.ko.xz\n"} {
		got, err := os.ReadFile(filepath.Join(out, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	order, err := os.ReadFile(filepath.Join(out, "modules/order"))
	if err != nil || !strings.Contains(string(order), "jbd2.ko.xz\next4.ko.xz\n") {
		t.Errorf("the order: %q, %v", order, err)
	}
	if i, err := os.Stat(filepath.Join(out, "pileus-vm")); err != nil || i.Mode().Perm() != 0o755 {
		t.Errorf("the program: %v, %v", i, err)
	}
}

func FuzzKernelVersion(f *testing.F) {
	f.Add([]byte("MZ"))
	f.Add(make([]byte, 0x300))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := versionOf(bytes.NewReader(b))
		if err == nil && (v == "" || strings.ContainsAny(v, "/\x00")) {
			t.Errorf("%q is no version", v)
		}
	})
}
