package diskimage

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"

	"pileus/plane"
)

const (
	vmdkGrain      = 128 // sectors
	vmdkDescriptor = 20
	vmdkOver       = 128 // where grains begin
	deflate        = 1
)

// vmdkWriter writes a stream-optimised VMDK: grains, the tables that say where
// they lie, and at the end the directory of these.
type vmdkWriter struct {
	w         io.Writer
	at        uint32 // in sectors
	directory []uint32
	packed    bytes.Buffer
	z         *zlib.Writer
	err       error
}

func writeVMDK(w io.Writer, disk plane.VolumeContent) error {
	const grain = vmdkGrain * sector
	spans, err := spansOf(disk, grain)
	if err != nil {
		return err
	}
	sectors := uint64((disk.Size() + sector - 1) / sector)
	h := extent{
		Magic: vmdkMagic, Version: 3, Flags: vmdkNewline | vmdkCompressed | vmdkMarkers, Capacity: sectors, Grain: vmdkGrain, DescriptorAt: 1,
		DescriptorSize: vmdkDescriptor, TableEntries: vmdkTable, Directory: vmdkAtEnd, Over: vmdkOver, Newline: [4]byte{'\n', ' ', '\r', '\n'}, Compression: deflate,
	}
	v := &vmdkWriter{w: w, z: zlib.NewWriter(nil)}
	v.header(&h)
	v.sectors([]byte(descriptor(sectors)))
	v.sectors(make([]byte, (vmdkOver-int(v.at))*sector))
	buf := make([]byte, grain)
	n := (disk.Size() + grain - 1) / grain
	for first := int64(0); first < n && v.err == nil; first += vmdkTable {
		var table [vmdkTable]uint32
		for i := first; i < min(first+vmdkTable, n); i++ {
			if !spans[i] {
				continue
			}
			clear(buf)
			if err := readFull(disk, buf[:min(grain, disk.Size()-i*grain)], i*grain); err != nil {
				return err
			}
			if !isZero(buf) {
				table[i-first] = v.grain(uint64(i)*vmdkGrain, buf)
			}
		}
		v.table(table)
	}
	v.marker(uint64(len(v.directory)*4+sector-1)/sector, markerDirectory)
	h.Directory = uint64(v.at)
	v.numbers(v.directory)
	v.marker(1, markerFooter)
	v.header(&h)
	v.marker(0, markerEnd)
	return v.err
}

// sectors writes b, filled up to whole sectors.
func (v *vmdkWriter) sectors(b []byte) {
	if rest := len(b) % sector; rest != 0 {
		b = append(b, make([]byte, sector-rest)...)
	}
	if v.err == nil {
		_, v.err = v.w.Write(b)
	}
	v.at += uint32(len(b) / sector)
}

func (v *vmdkWriter) header(h *extent) {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.LittleEndian, h); err != nil && v.err == nil {
		v.err = err
	}
	v.sectors(b.Bytes())
}

func (v *vmdkWriter) marker(sectors uint64, kind uint32) {
	b := make([]byte, sector)
	binary.LittleEndian.PutUint64(b, sectors)
	binary.LittleEndian.PutUint32(b[12:], kind)
	v.sectors(b)
}

func (v *vmdkWriter) numbers(list []uint32) {
	b := make([]byte, 0, 4*len(list))
	for _, n := range list {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	v.sectors(b)
}

// grain writes one grain and returns where it lies.
func (v *vmdkWriter) grain(place uint64, data []byte) uint32 {
	v.packed.Reset()
	v.z.Reset(&v.packed)
	if _, err := v.z.Write(data); err != nil && v.err == nil {
		v.err = err
	}
	if err := v.z.Close(); err != nil && v.err == nil {
		v.err = err
	}
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 12+v.packed.Len()+sector), place)
	b = binary.LittleEndian.AppendUint32(b, uint32(v.packed.Len()))
	at := v.at
	v.sectors(append(b, v.packed.Bytes()...))
	return at
}

// table writes the table of up to 512 grains; one without any is left out.
func (v *vmdkWriter) table(grains [vmdkTable]uint32) {
	if grains == [vmdkTable]uint32{} {
		v.directory = append(v.directory, 0)
		return
	}
	v.marker(vmdkTable*4/sector, markerTable)
	v.directory = append(v.directory, v.at)
	v.numbers(grains[:])
}

// descriptor is the text that tells programs what the extent is part of.
func descriptor(sectors uint64) string {
	text := fmt.Sprintf(`# Disk DescriptorFile
version=1
CID=fffffffe
parentCID=ffffffff
createType="streamOptimized"

RW %d SPARSE "disk.vmdk"

ddb.virtualHWVersion = "4"
ddb.adapterType = "lsilogic"
ddb.geometry.cylinders = "%d"
ddb.geometry.heads = "255"
ddb.geometry.sectors = "63"
`, sectors, sectors/(255*63))
	return text + string(make([]byte, vmdkDescriptor*sector-len(text)))
}
