// Package diskimage reads and writes disk images in the formats of VM
// Import/Export. It knows nothing of clouds.
//
//	diskimage.go  formats, raw images
//	vhd.go        VHD: fixed and dynamic ones are read, dynamic ones written
//	vmdk.go       VMDK: sparse and stream-optimised ones are read
//	vmdkwrite.go  stream-optimised VMDK
package diskimage

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"pileus/plane"
)

// The formats, as the API names them.
const (
	RAW  = "RAW"
	VHD  = "VHD"
	VMDK = "VMDK"
)

var (
	// ErrDamaged means that an image is not what its format says.
	ErrDamaged = errors.New("the disk image is damaged or of another format")
	// ErrFormat means that a format is not known here.
	ErrFormat = errors.New("disk images of this format are not supported")
)

// Disk is the content of a disk image.
type Disk interface {
	// Size is that of the disk, in bytes.
	Size() int64
	// CopyTo writes what is not zero to w, which holds zeros.
	CopyTo(w io.WriterAt) error
}

// Open reads an image of size bytes.
func Open(src io.ReaderAt, size int64, format string) (Disk, error) {
	switch format {
	case RAW:
		return raw{src, size}, nil
	case VHD:
		return openVHD(src, size)
	case VMDK:
		return openVMDK(src, size)
	}
	return nil, fmt.Errorf("%w: %s", ErrFormat, format)
}

// Write writes a disk as an image, from its beginning to its end.
func Write(w io.Writer, format string, disk plane.VolumeContent) error {
	switch format {
	case RAW:
		return writeRaw(w, disk)
	case VHD:
		return writeVHD(w, disk)
	case VMDK:
		return writeVMDK(w, disk)
	}
	return fmt.Errorf("%w: %s", ErrFormat, format)
}

// raw is an image that is the disk itself.
type raw struct {
	src  io.ReaderAt
	size int64
}

// Size implements Disk.
func (d raw) Size() int64 { return d.size }

// CopyTo implements Disk.
func (d raw) CopyTo(w io.WriterAt) error {
	buf := make([]byte, chunk)
	for at := int64(0); at < d.size; at += chunk {
		b := buf[:min(chunk, d.size-at)]
		if err := readFull(d.src, b, at); err != nil {
			return err
		}
		if err := put(w, b, at); err != nil {
			return err
		}
	}
	return nil
}

// chunk is what is read at once.
const chunk = 1 << 20

// put writes b unless it is zeros.
func put(w io.WriterAt, b []byte, at int64) error {
	if isZero(b) {
		return nil
	}
	_, err := w.WriteAt(b, at)
	return err
}

// isZero compares with itself, shifted by one: that needs no zeros to compare
// with.
func isZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1])
}

// readFull reads all of b; an image that ends before is damaged.
func readFull(src io.ReaderAt, b []byte, at int64) error {
	n, err := src.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends at byte %d", ErrDamaged, at+int64(n))
	}
	return fmt.Errorf("read the disk image: %w", err)
}

func writeRaw(w io.Writer, disk plane.VolumeContent) error {
	spans, err := spansOf(disk, chunk)
	if err != nil {
		return err
	}
	buf, zeros := make([]byte, chunk), make([]byte, chunk)
	for at := int64(0); at < disk.Size(); at += chunk {
		n := min(chunk, disk.Size()-at)
		b := zeros[:n]
		if spans[at/chunk] {
			b = buf[:n]
			if err := readFull(disk, b, at); err != nil {
				return err
			}
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// spansOf tells which spans of a disk, of n bytes each, may hold data.
func spansOf(disk plane.VolumeContent, n int64) (map[int64]bool, error) {
	list, err := disk.Data()
	if err != nil {
		return nil, err
	}
	spans := map[int64]bool{}
	for _, e := range list {
		for i := e.Offset / n; i*n < e.Offset+e.Length; i++ {
			spans[i] = true
		}
	}
	return spans, nil
}
