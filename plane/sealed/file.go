package sealed

import (
	"errors"
	"io"
	"sync"
)

// Medium is what the ciphertext lies on: a sparse file, whose size is a
// multiple of Sector.
type Medium interface {
	io.ReaderAt
	io.WriterAt
}

// File shows a file of ciphertext in the clear. Reads and writes of whole
// sectors may go on at once.
type File struct {
	medium Medium
	key    *Key
	parts  sync.Mutex // held while a sector is changed in part
}

// NewFile shows what lies on m.
func NewFile(m Medium, k *Key) *File { return &File{medium: m, key: k} }

// chunk is how much is encrypted at once where that takes room of its own.
const chunk = 128 << 10

var chunks = sync.Pool{New: func() any { return new([chunk]byte) }}

// ReadAt implements io.ReaderAt.
func (f *File) ReadAt(p []byte, at int64) (n int, err error) {
	if at%Sector == 0 {
		whole := p[:len(p)-len(p)%Sector]
		n, err = f.medium.ReadAt(whole, at)
		f.key.Decrypt(whole[:n-n%Sector], at)
		if err != nil || n == len(p) {
			return n, err
		}
	}
	for n < len(p) && err == nil { // the parts of sectors at the ends
		var m int
		m, err = f.readPart(p[n:], at+int64(n))
		n += m
	}
	return n, err
}

// readPart reads up to the end of a chunk by way of a buffer.
func (f *File) readPart(p []byte, at int64) (int, error) {
	b := chunks.Get().(*[chunk]byte)
	defer chunks.Put(b)
	from := at - at%Sector
	skip := int(at - from)
	want := min(skip+len(p), chunk)
	whole := b[:min(want+Sector-1, chunk)/Sector*Sector]
	n, err := f.medium.ReadAt(whole, from)
	if n < len(whole) && err == nil {
		err = io.ErrUnexpectedEOF
	}
	f.key.Decrypt(whole[:n-n%Sector], from)
	if n <= skip {
		return 0, err
	}
	got := copy(p, whole[skip:min(n, want)])
	if got == len(p) || skip+got == chunk {
		err = nil
	}
	return got, err
}

// WriteAt implements io.WriterAt. A file that ends within a sector cannot be
// written there.
func (f *File) WriteAt(p []byte, at int64) (n int, err error) {
	for n < len(p) {
		m, err := f.writeChunk(p[n:], at+int64(n))
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (f *File) writeChunk(p []byte, at int64) (int, error) {
	if at%Sector != 0 || len(p) < Sector {
		return f.writePart(p, at)
	}
	b := chunks.Get().(*[chunk]byte)
	defer chunks.Put(b)
	n := min(len(p)/Sector*Sector, chunk)
	f.key.xts.encrypt(b[:n], p[:n], uint64(at)/Sector)
	return f.medium.WriteAt(b[:n], at)
}

// writePart changes a part of one sector.
func (f *File) writePart(p []byte, at int64) (int, error) {
	f.parts.Lock()
	defer f.parts.Unlock()
	var sector [Sector]byte
	from := at - at%Sector
	if n, err := f.medium.ReadAt(sector[:], from); n < Sector {
		if errors.Is(err, io.EOF) {
			err = io.ErrShortWrite
		}
		return 0, err
	}
	f.key.Decrypt(sector[:], from)
	n := copy(sector[at-from:], p)
	f.key.Encrypt(sector[:], from)
	if _, err := f.medium.WriteAt(sector[:], from); err != nil {
		return 0, err
	}
	return n, nil
}
