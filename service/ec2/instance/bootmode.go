package instance

import (
	"slices"

	"pileus/plane"
)

// uefi tells whether instances of the type can boot by UEFI.
func (t *Type) uefi() bool { return slices.Contains(t.bootModes, string(plane.UEFI)) }

// firmware is what instances of the type boot by where the image wants a
// firmware: an image that prefers UEFI takes what there is.
func (t *Type) firmware(want plane.Firmware) plane.Firmware {
	if want == plane.PreferUEFI && !t.uefi() {
		return plane.BIOS
	}
	return want
}

// bootMode is how the instance boots. An image that says nothing boots as its
// type does by default, but here, a disk that has nothing for BIOS by UEFI.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-boot-mode.html
func (i *Instance) bootMode() string {
	t := i.Kind()
	want := t.firmware(i.Boots.Firmware)
	switch {
	case len(t.bootModes) > 0 && !slices.Contains(t.bootModes, string(plane.BIOS)):
		return string(plane.UEFI)
	case i.Boots.Start.Disk:
		return string(i.Boots.Start.Firmware(want))
	case want == plane.UEFI || want == plane.PreferUEFI:
		return string(plane.UEFI)
	}
	return string(plane.BIOS)
}
