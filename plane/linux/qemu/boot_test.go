//go:build linux

package qemu

import (
	"os"
	"path/filepath"
	"testing"
)

// TestKernelOf: the newest kernel of an image, and what belongs to it.
func TestKernelOf(t *testing.T) {
	for _, c := range []struct {
		files          []string
		kernel, initrd string
	}{
		{[]string{"vmlinuz-6.9.0", "vmlinuz-6.12.1", "initrd.img-6.12.1", "initrd.img-6.9.0", "config-7"}, "boot/vmlinuz-6.12.1", "boot/initrd.img-6.12.1"},
		{[]string{"vmlinuz-5.14.0-70.el9.x86_64", "vmlinuz-0-rescue-abc", "initramfs-5.14.0-70.el9.x86_64.img"}, "boot/vmlinuz-5.14.0-70.el9.x86_64", "boot/initramfs-5.14.0-70.el9.x86_64.img"},
		{[]string{"vmlinuz-virt", "initramfs-virt"}, "boot/vmlinuz-virt", "boot/initramfs-virt"},
		{[]string{"vmlinuz"}, "boot/vmlinuz", ""},
		{[]string{"grub.cfg"}, "", ""},
	} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "boot"), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, f := range c.files {
			if err := os.WriteFile(filepath.Join(dir, "boot", f), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		kernel, initrd, err := kernelOf(root)
		if kernel != c.kernel || initrd != c.initrd || (err == nil) != (c.kernel != "") {
			t.Errorf("%v: %q, %q, %v", c.files, kernel, initrd, err)
		}
		root.Close()
	}
}
