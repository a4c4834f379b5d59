//go:build linux

package qemu

import (
	"fmt"
	"io"
	"os"

	"pileus/plane"
)

// efiFirmware is a build of OVMF: its code, and what its variables are at first.
// One without Variables has both in one file and forgets what it was told.
type efiFirmware struct{ Code, Variables string }

// efiFirmwares are where systems keep it.
var efiFirmwares = []efiFirmware{
	{"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"}, // Debian and Ubuntu
	{"/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
	{"/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"},       // Fedora
	{"/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"},   // Arch
	{"/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"}, // openSUSE
	{Code: "/usr/share/ovmf/OVMF.fd"}, {Code: "/usr/share/qemu/OVMF.fd"}, {Code: "/usr/share/edk2/ovmf/OVMF.fd"},
}

// needsEFI is how to get it.
const needsEFI = "apt-get install ovmf (or your system's package of OVMF, edk2-ovmf)"

// efi is this computer's firmware for disks that start by UEFI.
func (e *Engine) efi() (efiFirmware, error) {
	for _, f := range e.firmwares {
		if isFile(f.Code) && (f.Variables == "" || isFile(f.Variables)) {
			return f, nil
		}
	}
	return efiFirmware{}, fmt.Errorf("%w: the image boots by UEFI, and there is no firmware for that: %s", plane.ErrUnsupported, needsEFI)
}

func isFile(path string) bool {
	i, err := os.Stat(path)
	return err == nil && i.Mode().IsRegular()
}

// byUEFI tells whether machines of an image start by UEFI, as far as that is
// known of it.
func byUEFI(image plane.Image) bool {
	switch {
	case image.Kind != plane.Whole:
		return false
	case image.Start.Disk:
		return image.Start.Firmware(image.Firmware) == plane.UEFI
	}
	return image.Firmware == plane.UEFI
}

// keepVariables gives a machine the firmware's variables, unless it has some: they
// last as long as the machine.
func (u *unit) keepVariables(f efiFirmware) error {
	if f.Variables == "" {
		return nil
	}
	from, err := os.Open(f.Variables)
	if err != nil {
		return err
	}
	defer from.Close()
	first, err := from.Stat()
	if err != nil {
		return err
	}
	// Those of another build of the firmware are of no use to this one.
	if has, err := os.Stat(u.file(variablesFile)); err == nil && has.Size() == first.Size() {
		return nil
	}
	b, err := io.ReadAll(from)
	if err != nil {
		return err
	}
	next := u.file(variablesFile + ".new")
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, u.file(variablesFile))
}

// arguments are those of QEMU for the firmware.
func (f efiFirmware) arguments() []string {
	if f.Variables == "" {
		return []string{"-bios", f.Code}
	}
	return []string{
		"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + f.Code,
		"-drive", "if=pflash,unit=1,format=raw,file=" + variablesFile,
	}
}
