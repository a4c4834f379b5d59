package planetest

import "encoding/binary"

// Disk makes the beginning of disks: a GUID partition table, and what firmware
// looks for.
type Disk struct {
	BIOS bool // code in the boot sector
	UEFI bool // a partition for boot loaders
}

// Bytes is a disk of 1 MiB with nothing else on it.
func (d Disk) Bytes() []byte {
	const sector, entries, size = 512, 2, 128
	b := make([]byte, 1<<20)
	if d.BIOS {
		copy(b, []byte{0xeb, 0x63, 0x90})
	}
	b[446+4] = 0xee // the whole disk, for those who do not know the table
	b[510], b[511] = 0x55, 0xaa
	header := b[sector:]
	copy(header, "EFI PART")
	binary.LittleEndian.PutUint64(header[72:], entries)
	binary.LittleEndian.PutUint32(header[80:], 128)
	binary.LittleEndian.PutUint32(header[84:], size)
	linux := []byte{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}
	copy(b[entries*sector:], linux)
	if d.UEFI {
		copy(b[entries*sector+size:], []byte{0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b})
	}
	return b
}
