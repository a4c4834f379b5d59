package plane

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// Firmware is what starts the boot loader of a disk, by AWS's names.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-boot.html
type Firmware string

const (
	// AnyFirmware leaves it to the disk: BIOS if it has code for that.
	AnyFirmware Firmware = ""
	BIOS        Firmware = "legacy-bios"
	UEFI        Firmware = "uefi"
	// PreferUEFI is UEFI for a disk that has something for it, and else BIOS.
	PreferUEFI Firmware = "uefi-preferred"
)

// Start is what a root volume, or the image of one, has to be started by. The
// zero value is that of a file system, which is no disk.
type Start struct {
	Disk bool // it begins with a boot sector or a table of partitions
	BIOS bool // there is code in the boot sector
	UEFI bool // one of the partitions is for boot loaders of UEFI
}

// Firmware is what starts the disk where an image wants a firmware.
func (s Start) Firmware(want Firmware) Firmware {
	switch {
	case want == PreferUEFI && (s.UEFI || !s.BIOS):
		return UEFI
	case want == PreferUEFI:
		return BIOS
	case want == AnyFirmware && s.BIOS:
		return BIOS
	case want == AnyFirmware:
		return UEFI
	}
	return want
}

// StartSize is how much of a disk's beginning tells how it starts: the boot
// sector, the header of a GUID partition table, and 128 entries.
const StartSize = (2 + 32) * startSector

// The parts of a boot sector (MBR) and of a GUID partition table.
const (
	startSector           = 512
	bootCode              = 440 // bytes of code
	bootTable, bootEntry  = 446, 16
	bootMark              = 510
	protective, efiSystem = 0xee, 0xef // types of partitions
	tableEntry            = 128
)

// efiPartition is the type of a partition with boot loaders of UEFI, as it lies
// on a disk.
var efiPartition = []byte{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}

// ReadStart tells how a disk starts.
func ReadStart(r io.ReaderAt) (Start, error) {
	head := make([]byte, StartSize)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Start{}, err
	}
	return StartOf(head[:n]), nil
}

// StartOf tells how a disk starts that begins so.
func StartOf(head []byte) (s Start) {
	const archive = "ustar" // at this place: no disk, whatever else is there
	if len(head) < startSector || head[bootMark] != 0x55 || head[bootMark+1] != 0xaa || string(head[257:262]) == archive {
		return s
	}
	s.Disk = true
	s.BIOS = len(bytes.Trim(head[:bootCode], "\x00")) > 0
	for n := range 4 {
		switch head[bootTable+n*bootEntry+4] {
		case efiSystem:
			s.UEFI = true
		case protective:
			s.UEFI = s.UEFI || tableHasEFI(head)
		}
	}
	return s
}

// tableHasEFI looks for a partition of UEFI in a GUID partition table, as far as
// the table is within what was read.
func tableHasEFI(head []byte) bool {
	if len(head) < 2*startSector || string(head[startSector:startSector+8]) != "EFI PART" {
		return false
	}
	header := head[startSector:]
	at := binary.LittleEndian.Uint64(header[72:])
	count, size := binary.LittleEndian.Uint32(header[80:]), binary.LittleEndian.Uint32(header[84:])
	if size < tableEntry || at > uint64(len(head)/startSector) {
		return false
	}
	for entry := head[at*startSector:]; count > 0 && len(entry) >= len(efiPartition); count-- {
		if bytes.HasPrefix(entry, efiPartition) {
			return true
		}
		entry = entry[min(len(entry), int(size)):]
	}
	return false
}
