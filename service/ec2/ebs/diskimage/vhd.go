package diskimage

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"pileus/plane"
)

// https://www.microsoft.com/en-us/download/details.aspx?id=23850 (Virtual Hard
// Disk Image Format Specification); numbers are big-endian.

const (
	vhdFooter = 512
	vhdHeader = 1024
	vhdCookie = "conectix"
	vhdSparse = "cxsparse"
	vhdBlock  = 2 << 20
	vhdUnused = 0xffffffff // no block in the table
	sector    = 512

	vhdFixed   = 2
	vhdDynamic = 3
)

// vhd is a VHD that is read.
type vhd struct {
	src   io.ReaderAt
	size  int64
	fixed bool
	table []uint32 // sectors of blocks
	block int64
}

func openVHD(src io.ReaderAt, size int64) (Disk, error) {
	f := make([]byte, vhdFooter)
	if size < vhdFooter {
		return nil, fmt.Errorf("%w: no VHD of %d bytes", ErrDamaged, size)
	}
	if err := readFull(src, f, size-vhdFooter); err != nil {
		return nil, err
	}
	if string(f[:8]) != vhdCookie {
		return nil, fmt.Errorf("%w: no footer of a VHD", ErrDamaged)
	}
	if checksum(f, 64) != binary.BigEndian.Uint32(f[64:]) {
		return nil, fmt.Errorf("%w: the footer's checksum is wrong", ErrDamaged)
	}
	d := &vhd{src: src, size: int64(binary.BigEndian.Uint64(f[48:]))}
	switch kind := binary.BigEndian.Uint32(f[60:]); kind {
	case vhdFixed:
		d.fixed = true
		if d.size < 0 || d.size > size-vhdFooter {
			return nil, fmt.Errorf("%w: %d bytes of a disk of %d", ErrDamaged, size-vhdFooter, d.size)
		}
		return d, nil
	case vhdDynamic:
		return d, d.open(int64(binary.BigEndian.Uint64(f[16:])))
	default:
		return nil, fmt.Errorf("%w: VHD of type %d (differencing disks need their parent)", ErrFormat, kind)
	}
}

// open reads the table of a dynamic disk.
func (d *vhd) open(at int64) error {
	h := make([]byte, vhdHeader)
	if err := readFull(d.src, h, at); err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(h[28:]))
	d.block = int64(binary.BigEndian.Uint32(h[32:]))
	if string(h[:8]) != vhdSparse || d.block < sector || d.block&(d.block-1) != 0 || d.size < 0 || n < (d.size+d.block-1)/d.block || n > maxTable {
		return fmt.Errorf("%w: the header of the dynamic disk is wrong", ErrDamaged)
	}
	b := make([]byte, 4*n)
	if err := readFull(d.src, b, int64(binary.BigEndian.Uint64(h[16:]))); err != nil {
		return err
	}
	for i := range n {
		d.table = append(d.table, binary.BigEndian.Uint32(b[4*i:]))
	}
	return nil
}

// maxTable bounds what a header may have allocated: 64 TiB in blocks of 2 MiB.
const maxTable = 32 << 20

// Size implements Disk.
func (d *vhd) Size() int64 { return d.size }

// CopyTo implements Disk.
func (d *vhd) CopyTo(w io.WriterAt) error {
	if d.fixed {
		return raw{d.src, d.size}.CopyTo(w)
	}
	buf := make([]byte, d.block)
	for i, s := range d.table {
		if at := int64(i) * d.block; s != vhdUnused && at < d.size {
			b := buf[:min(d.block, d.size-at)]
			if err := readFull(d.src, b, int64(s)*sector+bitmapSize(d.block)); err != nil {
				return err
			}
			if err := put(w, b, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// bitmapSize is what precedes a block: a bit for each sector, in whole sectors.
func bitmapSize(block int64) int64 { return (block/sector/8 + sector - 1) / sector * sector }

// checksum is the ones' complement of the sum of all bytes but the checksum's.
func checksum(b []byte, at int) uint32 {
	sum := uint32(0)
	for i, c := range b {
		if i < at || i >= at+4 {
			sum += uint32(c)
		}
	}
	return ^sum
}

// writeVHD writes a dynamic disk.
func writeVHD(w io.Writer, disk plane.VolumeContent) error {
	spans, err := spansOf(disk, vhdBlock)
	if err != nil {
		return err
	}
	n := (disk.Size() + vhdBlock - 1) / vhdBlock
	table := make([]byte, (4*n+sector-1)/sector*sector)
	next := (vhdFooter + vhdHeader + int64(len(table))) / sector
	for i := range int64(len(table) / 4) {
		s := uint32(vhdUnused)
		if spans[i] {
			s = uint32(next)
			next += (bitmapSize(vhdBlock) + vhdBlock) / sector
		}
		binary.BigEndian.PutUint32(table[4*i:], s)
	}
	footer := vhdFooterOf(disk.Size())
	for _, b := range [][]byte{footer, vhdHeaderOf(n), table} {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	if err := writeBlocks(w, disk, spans, n); err != nil {
		return err
	}
	_, err = w.Write(footer)
	return err
}

// writeBlocks writes the n blocks of a disk that hold data, each after the bits
// that say that all of its sectors are there.
func writeBlocks(w io.Writer, disk plane.VolumeContent, spans map[int64]bool, n int64) error {
	buf := make([]byte, bitmapSize(vhdBlock)+vhdBlock)
	for i := range bitmapSize(vhdBlock) {
		buf[i] = 0xff
	}
	data := buf[bitmapSize(vhdBlock):]
	for i := range n {
		if !spans[i] {
			continue
		}
		clear(data)
		if err := readFull(disk, data[:min(vhdBlock, disk.Size()-i*vhdBlock)], i*vhdBlock); err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// vhdFooterOf is the footer of a dynamic disk, which precedes it, too.
func vhdFooterOf(size int64) []byte {
	f := make([]byte, vhdFooter)
	copy(f, vhdCookie)
	be := binary.BigEndian
	be.PutUint32(f[8:], 2)
	be.PutUint32(f[12:], 0x00010000)
	be.PutUint64(f[16:], vhdFooter)
	copy(f[28:], "win ") // QEMU believes the size, not the geometry, of few creators
	be.PutUint32(f[32:], 0x000a0000)
	copy(f[36:], "Wi2k")
	be.PutUint64(f[40:], uint64(size))
	be.PutUint64(f[48:], uint64(size))
	cylinders, heads, sectors := geometry(size / sector)
	be.PutUint16(f[56:], uint16(cylinders))
	f[58], f[59] = byte(heads), byte(sectors)
	be.PutUint32(f[60:], vhdDynamic)
	id := sha256.Sum256(f) // unique enough for one that is never a parent
	copy(f[68:84], id[:])
	be.PutUint32(f[64:], checksum(f, 64))
	return f
}

func vhdHeaderOf(blocks int64) []byte {
	h := make([]byte, vhdHeader)
	copy(h, vhdSparse)
	be := binary.BigEndian
	be.PutUint64(h[8:], ^uint64(0))
	be.PutUint64(h[16:], vhdFooter+vhdHeader)
	be.PutUint32(h[24:], 0x00010000)
	be.PutUint32(h[28:], uint32(blocks))
	be.PutUint32(h[32:], vhdBlock)
	be.PutUint32(h[36:], checksum(h, 36))
	return h
}

// geometry is what old programs take for the size, as the specification's
// appendix works it out.
func geometry(total int64) (cylinders, heads, sectors int64) {
	total = min(total, 65535*16*255)
	if total >= 65535*16*63 {
		return total / 255 / 16, 16, 255
	}
	sectors = 17
	tracks := total / sectors
	heads = max((tracks+1023)/1024, 4)
	if tracks >= heads*1024 || heads > 16 {
		sectors, heads = 31, 16
		tracks = total / sectors
	}
	if tracks >= heads*1024 {
		sectors, heads = 63, 16
		tracks = total / sectors
	}
	return tracks / heads, heads, sectors
}
