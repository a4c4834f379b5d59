package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// bootable begins as a disk does.
func bootable(size int) []byte {
	b := make([]byte, size)
	b[510], b[511] = 0x55, 0xaa
	return b
}

func TestDiskFormat(t *testing.T) {
	archive := bootable(10240)
	copy(archive[257:], "ustar")
	fixed := append(bootable(4096), make([]byte, 512)...)
	copy(fixed[4096:], "conectix")
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"raw", bootable(4096), "raw"},
		{"a fixed VHD", fixed, "vpc"},
		{"a dynamic VHD", append([]byte("conectix"), make([]byte, 4096)...), "vpc"},
		{"qcow2", append([]byte("QFI\xfb"), make([]byte, 4096)...), "qcow2"},
		{"VMDK", append([]byte("KDMV"), make([]byte, 4096)...), "vmdk"},
		{"VHDX", append([]byte("vhdxfile"), make([]byte, 4096)...), "vhdx"},
		{"an archive", archive, ""},
		{"zeros", make([]byte, 4096), ""},
		{"nothing", nil, ""},
	} {
		file := filepath.Join(t.TempDir(), "disk")
		if err := os.WriteFile(file, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := diskFormat(file); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOpenDisk(t *testing.T) {
	want := bootable(1 << 20)
	copy(want[4096:], "content")
	dir := t.TempDir()
	raw := filepath.Join(dir, "disk.raw")
	if err := os.WriteFile(raw, want, 0o600); err != nil {
		t.Fatal(err)
	}
	files := []string{raw}
	if program, err := exec.LookPath("qemu-img"); err != nil {
		t.Log("SKIPPED: qemu-img is not installed; nothing was converted")
	} else {
		for _, format := range []string{"qcow2", "vmdk", "vpc", "vhdx"} {
			file := filepath.Join(dir, "disk."+format)
			if out, err := exec.Command(program, "convert", "-f", "raw", "-O", format, raw, file).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v %s", format, err, out)
			}
			files = append(files, file)
		}
	}
	for _, file := range files {
		r, err := openImage(t.Context(), file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		got, err := io.ReadAll(z)
		if err != nil || !bytes.HasPrefix(got, want) { // some formats round sizes up
			t.Errorf("%s: %d bytes, not the disk, %v", file, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}
