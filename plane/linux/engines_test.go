//go:build linux

package linux

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pileus/plane"
	"pileus/plane/linux/machine"
	"pileus/plane/linux/qemu"
)

// TestChoose: which engine a machine runs on.
func TestChoose(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // there is no QEMU
	dir := t.TempDir()
	disk := make([]byte, 4096)
	disk[0], disk[510], disk[511] = 0xeb, 0x55, 0xaa
	for name, b := range map[string][]byte{"disk": disk, "files": make([]byte, 4096)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	of := func(kind plane.ImageKind, root, platform, engine string) plane.Machine {
		return plane.Machine{ID: "i-1", Image: plane.Image{Kind: kind, Platform: platform}, Root: plane.Attachment{Volume: root}, Engine: engine}
	}
	for _, c := range []struct {
		what, choice string
		m            plane.Machine
		guest        bool
	}{
		{"the built-in image", Container, of(plane.BuiltIn, "files", "", ""), false},
		{"the built-in image", Qemu, of(plane.BuiltIn, "files", "", ""), true},
		{"the built-in image, without QEMU", Auto, of(plane.BuiltIn, "files", "", ""), false},
		{"an image of files", Container, of(plane.Whole, "files", "", ""), false},
		{"an image of files", Qemu, of(plane.Whole, "files", "", ""), true},
		{"a disk", Container, of(plane.Whole, "disk", "", ""), true},
		{"a disk", Auto, of(plane.Whole, "disk", "", ""), true},
		{"Windows", Container, of(plane.Whole, "disk", "windows", ""), true},
		{"Windows, whatever its root is", Container, of(plane.Whole, "files", "windows", ""), true},
		{"one that is to be a guest", Container, of(plane.BuiltIn, "files", "", Qemu), true},
		{"one that is to be none", Qemu, of(plane.BuiltIn, "files", "", Container), false},
	} {
		e := &engines{containers: &machine.Machines{}, choice: c.choice, guests: &qemu.Engine{
			Options: qemu.Options{Device: func(volume string) (string, error) { return filepath.Join(dir, volume), nil }},
		}}
		got, err := e.choose(c.m)
		if err != nil || (got == e.guests) != c.guest {
			t.Errorf("%s with --engine %s: %T, %v", c.what, c.choice, got, err)
		}
	}
}

func TestChoiceOfEngines(t *testing.T) {
	for choice, want := range map[string]string{"": Container, Auto: Auto, Container: Container, Qemu: Qemu} {
		if got, err := checkEngine(choice); got != want || err != nil {
			t.Errorf("%q: %q, %v", choice, got, err)
		}
	}
	if _, err := checkEngine("xen"); err == nil || !strings.Contains(err.Error(), "xen") {
		t.Errorf("%v", err)
	}
}

// TestCanBootDisks: an image that only a virtual machine can boot is refused
// before there is an instance of it, where there is no QEMU.
func TestCanBootDisks(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // there is no QEMU
	for _, c := range []struct {
		what  string
		image plane.Image
		boots bool
	}{
		{"files", plane.Image{Kind: plane.Whole}, true},
		{"the built-in image, whatever was said of it", plane.Image{Kind: plane.BuiltIn, Firmware: plane.UEFI}, true},
		{"a disk", plane.Image{Kind: plane.Whole, Start: plane.Start{Disk: true, BIOS: true}}, false},
		{"what boots by UEFI", plane.Image{Kind: plane.Whole, Firmware: plane.UEFI}, false},
	} {
		e := &engines{containers: &machine.Machines{}, choice: Container, guests: &qemu.Engine{}}
		err := e.CanBoot(c.image)
		if (err == nil) != c.boots || err != nil && !strings.Contains(err.Error(), "qemu-system-x86") {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
