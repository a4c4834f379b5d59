//go:build linux

package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"pileus/plane"
)

// host is what this computer has for guests, found out once.
type host struct {
	once    sync.Once
	program string // "" where it is not installed
	kvm     error  // why the processor does not run guests itself; nil if it does
}

// programs are QEMU's names for guests of this computer's architecture.
var programs = map[string]string{"amd64": "qemu-system-x86_64"}

// needs is how to get QEMU.
const needs = "apt-get install qemu-system-x86 (or your system's package of qemu-system-x86_64)"

// probe finds QEMU out.
func (e *Engine) probe() *host {
	e.host.once.Do(func() {
		name := programs[runtime.GOARCH]
		if name == "" {
			return
		}
		path, err := exec.LookPath(name)
		if err != nil {
			return
		}
		e.host.program, e.host.kvm = path, tryKVM(path)
	})
	return &e.host
}

// Missing tells what is not there for guests to run; nil if nothing is.
func (e *Engine) Missing() error {
	if programs[runtime.GOARCH] == "" {
		return fmt.Errorf("%w: the qemu engine runs on amd64 alone", plane.ErrUnsupported)
	}
	if e.probe().program == "" {
		return fmt.Errorf("%w: qemu is not installed: %s", plane.ErrUnsupported, needs)
	}
	return nil
}

// CanBoot implements plane.Machines.
func (e *Engine) CanBoot(image plane.Image) error {
	if image.Kind == plane.HostOverlay {
		return fmt.Errorf("%w: image %s is this host's own userland, which machines of the qemu engine cannot have: choose another image, or start pileus with --engine container", plane.ErrUnsupported, image.ID)
	}
	err := e.Missing()
	if err == nil && byUEFI(image) {
		_, err = e.efi()
	}
	return err
}

// Fast tells whether the processor itself runs guests.
func (e *Engine) Fast() bool { return e.Missing() == nil && e.probe().kvm == nil }

// Describe tells whether guests run, how fast, and what those boot whose image
// has no kernel.
func (e *Engine) Describe() []plane.Capability {
	const name = "virtual machines"
	if programs[runtime.GOARCH] == "" {
		return []plane.Capability{{Name: name, Reason: "they run on amd64 alone"}}
	}
	h := e.probe()
	if h.program == "" {
		return []plane.Capability{{Name: name, Reason: "qemu is not installed: " + needs}}
	}
	kvm := plane.Capability{Name: "KVM for virtual machines", Works: h.kvm == nil}
	if h.kvm != nil {
		kvm.Reason = fmt.Sprintf("%v: their instructions are emulated (TCG), many times slower", h.kvm)
	}
	kernel := plane.Capability{Name: "kernel for virtual machines", Works: true}
	if k, err := findKernel(e.Kernel); err == nil {
		kernel.Name += ": " + k.Version
	} else {
		kernel.Works, kernel.Reason = false, err.Error()
	}
	uefi := plane.Capability{Name: "UEFI for virtual machines", Works: true}
	if _, err := e.efi(); err != nil {
		uefi.Works, uefi.Reason = false, needsEFI
	}
	return []plane.Capability{{Name: name, Works: true}, kvm, kernel, uefi}
}

// What the guest of tryKVM answers, and what QEMU's exit makes of it.
const (
	probeWord = 0x2a
	probeExit = probeWord<<1 | 1
)

// tryKVM runs a guest of two instructions by the processor's virtualisation.
// That /dev/kvm is there does not mean that it works: inside of another
// virtual machine it may not.
func tryKVM(program string) error {
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	f.Close()
	dir, err := os.MkdirTemp("", "pileus-kvm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// Firmware that writes a word to the device by which a guest ends QEMU. It
	// lies at the processor's first instruction, 16 bytes before the end.
	rom := make([]byte, 64<<10)
	copy(rom[len(rom)-16:], []byte{0xb0, probeWord, 0xe6, 0xf4, 0xf4}) // mov al, word; out 0xf4, al; hlt
	firmware := filepath.Join(dir, "rom")
	if err := os.WriteFile(firmware, rom, 0o600); err != nil {
		return err
	}
	const limit = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err = exec.CommandContext(ctx, program, "-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc", "-accel", "kvm", "-cpu", "host",
		"-m", "16", "-bios", firmware, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04").Run()
	var status *exec.ExitError
	if errors.As(err, &status) && status.ExitCode() == probeExit {
		return nil
	}
	return errors.New("/dev/kvm does not work")
}
