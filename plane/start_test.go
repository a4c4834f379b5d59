package plane_test

import (
	"bytes"
	"testing"

	"pileus/plane"
	"pileus/plane/planetest"
)

// TestStartOf: what starts a disk, by what lies at its beginning.
func TestStartOf(t *testing.T) {
	system := planetest.Disk{}.Bytes()
	archive := planetest.Disk{BIOS: true}.Bytes()
	copy(archive[257:], "ustar")
	old := planetest.Disk{}.Bytes()
	clear(old[512:])
	old[446+4] = 0xef // a partition of UEFI in a table of the old kind
	for _, c := range []struct {
		what    string
		content []byte
		want    plane.Start
	}{
		{"code for BIOS", planetest.Disk{BIOS: true}.Bytes(), plane.Start{Disk: true, BIOS: true}},
		{"a partition of UEFI", planetest.Disk{UEFI: true}.Bytes(), plane.Start{Disk: true, UEFI: true}},
		{"both, as Debian's and Ubuntu's own images", planetest.Disk{BIOS: true, UEFI: true}.Bytes(), plane.Start{Disk: true, BIOS: true, UEFI: true}},
		{"partitions alone", system, plane.Start{Disk: true}},
		{"an old table", old, plane.Start{Disk: true, UEFI: true}},
		{"a boot sector alone", planetest.Disk{BIOS: true}.Bytes()[:512], plane.Start{Disk: true, BIOS: true}},
		{"an archive", archive, plane.Start{}},
		{"a file system", make([]byte, 1<<20), plane.Start{}},
		{"less than a sector", make([]byte, 100), plane.Start{}},
		{"nothing", nil, plane.Start{}},
	} {
		if got, err := plane.ReadStart(bytes.NewReader(c.content)); got != c.want || err != nil {
			t.Errorf("%s: %+v, %v, want %+v", c.what, got, err, c.want)
		}
	}
}

// TestStartOfDamagedTables: a table that leads nowhere is none.
func TestStartOfDamagedTables(t *testing.T) {
	for at := 512; at < 512+92; at++ {
		disk := planetest.Disk{UEFI: true}.Bytes()
		for _, b := range []byte{0, 1, 0x7f, 0xff} {
			disk[at] = b
			if got := plane.StartOf(disk); !got.Disk {
				t.Errorf("byte %d is %#x: %+v", at, b, got)
			}
		}
	}
}

// TestFirmware: which firmware starts a disk, by what its image wants.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-instance-boot-mode.html
func TestFirmware(t *testing.T) {
	bios, uefi := plane.Start{Disk: true, BIOS: true}, plane.Start{Disk: true, UEFI: true}
	both := plane.Start{Disk: true, BIOS: true, UEFI: true}
	for _, c := range []struct {
		start plane.Start
		want  plane.Firmware
		got   plane.Firmware
	}{
		{bios, plane.AnyFirmware, plane.BIOS}, {bios, plane.PreferUEFI, plane.BIOS}, {bios, plane.UEFI, plane.UEFI},
		{uefi, plane.AnyFirmware, plane.UEFI}, {uefi, plane.PreferUEFI, plane.UEFI}, {uefi, plane.BIOS, plane.BIOS},
		{both, plane.AnyFirmware, plane.BIOS}, {both, plane.PreferUEFI, plane.UEFI}, {both, plane.BIOS, plane.BIOS},
		{plane.Start{Disk: true}, plane.AnyFirmware, plane.UEFI}, {plane.Start{Disk: true}, plane.PreferUEFI, plane.UEFI},
	} {
		if got := c.start.Firmware(c.want); got != c.got {
			t.Errorf("%+v that wants %q: %q, want %q", c.start, c.want, got, c.got)
		}
	}
}
