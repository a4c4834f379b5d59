package diskimage

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
)

// Sparse extents of VMDK, as VMware's "Virtual Disk Format" describes them;
// numbers are little-endian, places are sectors.

const (
	vmdkMagic      = 0x564d444b // "KDMV"
	vmdkTable      = 512        // entries of a grain table
	vmdkAtEnd      = ^uint64(0) // the directory's place is in the footer
	vmdkCompressed = 1 << 16
	vmdkMarkers    = 1 << 17
	vmdkNewline    = 1

	markerEnd       = 0
	markerTable     = 1
	markerDirectory = 2
	markerFooter    = 3
)

// extent is the header of a sparse extent.
type extent struct {
	Magic, Version, Flags               uint32
	Capacity, Grain                     uint64
	DescriptorAt, DescriptorSize        uint64
	TableEntries                        uint32
	RedundantDirectory, Directory, Over uint64
	Unclean                             uint8
	Newline                             [4]byte
	Compression                         uint16
}

// vmdk is a VMDK that is read.
type vmdk struct {
	src io.ReaderAt
	extent
	tables []uint32
}

func openVMDK(src io.ReaderAt, size int64) (Disk, error) {
	d := &vmdk{src: src}
	if err := d.header(0); err != nil {
		return nil, err
	}
	if d.Directory == vmdkAtEnd {
		if err := d.header(size - 2*sector); err != nil { // the footer, and then the end's marker
			return nil, err
		}
	}
	if d.TableEntries != vmdkTable || d.Grain == 0 || d.Grain > chunk/sector || d.Grain&(d.Grain-1) != 0 || d.Capacity > maxTable*vhdBlock/sector {
		return nil, fmt.Errorf("%w: the header of the VMDK is wrong", ErrDamaged)
	}
	span := d.Grain * vmdkTable
	n := (d.Capacity + span - 1) / span
	b := make([]byte, 4*n)
	if err := readFull(src, b, int64(d.Directory)*sector); err != nil {
		return nil, err
	}
	for i := range n {
		d.tables = append(d.tables, binary.LittleEndian.Uint32(b[4*i:]))
	}
	return d, nil
}

func (d *vmdk) header(at int64) error {
	b := make([]byte, sector)
	if at < 0 {
		return fmt.Errorf("%w: no VMDK", ErrDamaged)
	}
	if err := readFull(d.src, b, at); err != nil {
		return err
	}
	if err := binary.Read(bytes.NewReader(b), binary.LittleEndian, &d.extent); err != nil {
		return err
	}
	if d.Magic != vmdkMagic {
		return fmt.Errorf("%w: no sparse extent of a VMDK", ErrDamaged)
	}
	return nil
}

// Size implements Disk.
func (d *vmdk) Size() int64 { return int64(d.Capacity) * sector }

// CopyTo implements Disk.
func (d *vmdk) CopyTo(w io.WriterAt) error {
	table, grain := make([]byte, 4*vmdkTable), make([]byte, d.Grain*sector)
	for i, t := range d.tables {
		if t == 0 {
			continue
		}
		if err := readFull(d.src, table, int64(t)*sector); err != nil {
			return err
		}
		for k := range vmdkTable {
			s := binary.LittleEndian.Uint32(table[4*k:])
			at := (int64(i)*vmdkTable + int64(k)) * int64(len(grain))
			if s <= 1 || at >= d.Size() { // 0 and 1 stand for zeros
				continue
			}
			b, err := d.read(grain, s)
			if err != nil {
				return err
			}
			if err := put(w, b[:min(int64(len(b)), d.Size()-at)], at); err != nil {
				return err
			}
		}
	}
	return nil
}

// read reads the grain at a sector.
func (d *vmdk) read(grain []byte, at uint32) ([]byte, error) {
	if d.Flags&vmdkCompressed == 0 {
		return grain, readFull(d.src, grain, int64(at)*sector)
	}
	var head [12]byte // its place and its size
	if err := readFull(d.src, head[:], int64(at)*sector); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[8:])
	if int64(n) > 2*chunk {
		return nil, fmt.Errorf("%w: a grain of %d bytes", ErrDamaged, n)
	}
	b := make([]byte, n)
	if err := readFull(d.src, b, int64(at)*sector+int64(len(head))); err != nil {
		return nil, err
	}
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err == nil {
		_, err = io.ReadFull(z, grain)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the grain at sector %d: %w", ErrDamaged, at, err)
	}
	return grain, nil
}
