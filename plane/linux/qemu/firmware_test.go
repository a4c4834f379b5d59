//go:build linux

package qemu

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pileus/plane"
)

// built is a build of OVMF whose files are there.
func built(t *testing.T, variables string) efiFirmware {
	t.Helper()
	f := efiFirmware{filepath.Join(t.TempDir(), "code"), filepath.Join(t.TempDir(), "variables")}
	for path, text := range map[string]string{f.Code: "code", f.Variables: variables} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// engineOf is an engine on a computer with QEMU, and builds of OVMF.
func engineOf(builds ...efiFirmware) *Engine {
	e := &Engine{firmwares: builds}
	e.host.once.Do(func() { e.host.program = "/usr/bin/qemu-system-x86_64" })
	return e
}

// TestCanBootByUEFI: an image that only UEFI starts is refused where there is no
// firmware for that, with the package that has it.
func TestCanBootByUEFI(t *testing.T) {
	bios, uefi := plane.Start{Disk: true, BIOS: true}, plane.Start{Disk: true, UEFI: true}
	both := plane.Start{Disk: true, BIOS: true, UEFI: true}
	for _, c := range []struct {
		image plane.Image
		needs bool
	}{
		{plane.Image{Kind: plane.BuiltIn, Firmware: plane.UEFI}, false},
		{plane.Image{Kind: plane.Whole}, false},
		{plane.Image{Kind: plane.Whole, Firmware: plane.UEFI}, true},
		{plane.Image{Kind: plane.Whole, Firmware: plane.PreferUEFI}, false}, // nobody knows of it yet
		{plane.Image{Kind: plane.Whole, Start: uefi}, true},
		{plane.Image{Kind: plane.Whole, Start: both}, false},
		{plane.Image{Kind: plane.Whole, Start: both, Firmware: plane.PreferUEFI}, true},
		{plane.Image{Kind: plane.Whole, Start: bios, Firmware: plane.PreferUEFI}, false},
		{plane.Image{Kind: plane.Whole, Start: both, Firmware: plane.BIOS}, false},
		{plane.Image{Kind: plane.Whole, Start: uefi, Platform: windows}, true},
	} {
		err := engineOf(efiFirmware{Code: "/nowhere"}).CanBoot(c.image)
		if c.needs != (errors.Is(err, plane.ErrUnsupported) && strings.Contains(err.Error(), "apt-get install ovmf")) || !c.needs && err != nil {
			t.Errorf("%+v without OVMF: %v", c.image, err)
		}
		if err := engineOf(efiFirmware{Code: "/nowhere"}, built(t, "")).CanBoot(c.image); err != nil {
			t.Errorf("%+v with OVMF: %v", c.image, err)
		}
	}
}

// TestVariables: a machine keeps what its firmware was told, and gets new
// variables with another build.
func TestVariables(t *testing.T) {
	u := &unit{id: "i-1", dir: t.TempDir()}
	first := built(t, "first")
	for _, step := range []struct {
		build        efiFirmware
		writes, want string
	}{
		{first, "", "first"}, {first, "told!", "told!"}, {built(t, "larger ones"), "", "larger ones"}, {efiFirmware{Code: "/both"}, "", "larger ones"},
	} {
		if step.writes != "" {
			if err := os.WriteFile(u.file(variablesFile), []byte(step.writes), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := u.keepVariables(step.build); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(u.file(variablesFile)); err != nil || string(b) != step.want {
			t.Errorf("%q, %v, want %q", b, err, step.want)
		}
	}
}

// TestIdentity: software finds in the firmware's tables what it finds on EC2.
func TestIdentity(t *testing.T) {
	u := &unit{id: "i-0abc", dir: t.TempDir()}
	args := u.arguments(&host{kvm: errors.New("none")}, plane.Machine{ID: "i-0abc", Type: "t3.micro"}, start{how: byEFI, firmware: efiFirmware{"/code", "/variables"}}, nil, nil)
	all := strings.Join(args, " ")
	for _, want := range []string{
		"type=1,manufacturer=Amazon EC2,product=t3.micro,uuid=ec2", "serial=ec2", "type=2,manufacturer=Amazon EC2,asset=i-0abc",
		"type=3,manufacturer=Amazon EC2,asset=Amazon EC2", "readonly=on,file=/code", "format=raw,file=" + variablesFile,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in %s", want, all)
		}
	}
	if slices.Contains(args, "/variables") {
		t.Error("the guest would write to the variables of all")
	}
}
