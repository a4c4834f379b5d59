package blob

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"strings"

	"pileus/store"
)

// Open implements Store.
func (d *Dir) Open(ctx context.Context, rd store.Reader, ref Ref, customerKey []byte, offset, length int64) (io.ReadCloser, error) {
	if offset < 0 || offset > ref.Size {
		return nil, fmt.Errorf("blob: offset %d of content of %d bytes", offset, ref.Size)
	}
	if length < 0 || length > ref.Size-offset {
		length = ref.Size - offset
	}
	switch {
	case ref.ID == "" || length == 0:
		return new(inlineReader), nil
	case ref.Inline:
		return d.openInline(rd, ref, customerKey, offset, length)
	case strings.HasPrefix(ref.ID, joined):
		return d.openParts(ctx, rd, ref, customerKey, offset, length)
	}
	return d.openFile(ctx, ref, customerKey, offset, length, true)
}

func (d *Dir) openInline(rd store.Reader, ref Ref, customerKey []byte, offset, length int64) (io.ReadCloser, error) {
	row, ok := rd.Get(inlineRow(ref.ID))
	if !ok || int64(len(row)) != ref.Size+tagSize {
		return nil, fmt.Errorf("%w: inline content of %d bytes, not %d", ErrCorrupt, len(row), ref.Size+tagSize)
	}
	r := &inlineReader{dir: d, buf: d.small(len(row))}
	plain, err := d.decryptInline((*r.buf)[:0], row, ref, customerKey)
	if err != nil {
		return nil, err
	}
	r.Reset(plain[offset : offset+length])
	return r, nil
}

func (d *Dir) unwrap(ref Ref, customerKey []byte) (cipher.AEAD, error) {
	wrapper, err := d.wrapper(customerKey)
	if err != nil {
		return nil, err
	}
	return unwrapKey(wrapper, ref.ID, ref.Key)
}

// openFile opens content that is a file, or is kept in memory because it is
// read often; again tells that a transaction is under way that can run again.
// Content under a customer's key is never kept.
func (d *Dir) openFile(ctx context.Context, ref Ref, customerKey []byte, offset, length int64, again bool) (io.ReadCloser, error) {
	if customerKey == nil {
		if r, ok := d.hot.find(ref.ID, offset, length); ok {
			return r, nil
		}
		if r, ok, err := d.warm(ctx, ref, offset, length, again); ok || err != nil {
			return r, err
		}
	}
	return d.openSealed(ctx, ref, customerKey, offset, length, again)
}

// openSealed opens a file.
func (d *Dir) openSealed(ctx context.Context, ref Ref, customerKey []byte, offset, length int64, again bool) (io.ReadCloser, error) {
	data, err := d.unwrap(ref, customerKey)
	if err != nil {
		return nil, err
	}
	f, err := d.source(ref.ID, again)
	if err != nil {
		return nil, err
	}
	return &fileReader{ctx: ctx, d: d, f: f, data: data, size: ref.Size, at: offset, end: offset + length}, nil
}

// fileReader reads, checks and decrypts the segments of a range, a chunk at a
// time.
type fileReader struct {
	ctx     context.Context
	d       *Dir
	f       source
	data    cipher.AEAD
	size    int64 // of the whole content
	at, end int64 // what remains of the range
	buf     *[chunkSize]byte
	plain   [chunkSegments][]byte // what remains of the chunk at hand
}

func (r *fileReader) Read(b []byte) (n int, err error) {
	for n < len(b) {
		p, err := r.some()
		if err != nil {
			if n > 0 && errors.Is(err, io.EOF) {
				return n, nil
			}
			return n, err
		}
		m := copy(b[n:], p)
		n += m
		r.took(m)
	}
	return n, nil
}

// WriteTo implements io.WriterTo: it spares the copy that Read makes.
func (r *fileReader) WriteTo(w io.Writer) (n int64, err error) {
	for {
		p, err := r.some()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		m, err := w.Write(p)
		n += int64(m)
		r.took(m)
		if err != nil {
			return n, err
		}
	}
}

// some is what can be read without touching the file again, or else the next
// chunk; io.EOF at the end of the range.
func (r *fileReader) some() ([]byte, error) {
	for _, p := range r.plain {
		if len(p) > 0 {
			return p, nil
		}
	}
	if r.at == r.end {
		return nil, io.EOF
	}
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	if err := r.load(); err != nil {
		return nil, err
	}
	return r.some()
}

// took says that n bytes of what some gave were used.
func (r *fileReader) took(n int) {
	for i, p := range r.plain {
		if len(p) > 0 {
			r.plain[i] = p[n:]
			r.at += int64(n)
			return
		}
	}
}

// load reads and opens the segments from r.at on that the range touches, as
// many as fit into a chunk.
func (r *fileReader) load() error {
	if r.buf == nil {
		r.buf = r.d.chunks.Get().(*[chunkSize]byte)
	}
	first := r.at / segment
	stop := min(first+chunkSegments, (r.end+segment-1)/segment)
	final := segments(r.size) - 1
	bytes := (stop - first) * sealed
	if stop-1 == final {
		bytes = sealedSize(r.size) - first*sealed
	}
	b := r.buf[:bytes]
	if n, err := r.f.ReadAt(b, first*sealed); n < len(b) {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%w: its file is too short", ErrCorrupt)
		}
		return mediumError(err)
	}
	for i := int64(0); first+i < stop; i++ {
		index := first + i
		plain, err := openSegment(r.data, b[i*sealed:min((i+1)*sealed, bytes)], index, index == final)
		if err != nil {
			return err
		}
		from, to := max(r.at-index*segment, 0), min(r.end-index*segment, int64(len(plain)))
		r.plain[i] = plain[from:to]
	}
	return nil
}

func (r *fileReader) Close() error {
	if r.buf != nil {
		r.d.chunks.Put(r.buf)
		r.buf, r.plain = nil, [chunkSegments][]byte{}
		r.at = r.end
	}
	if r.f == nil {
		return nil
	}
	err := r.f.Close()
	r.f = nil
	return mediumError(err)
}
