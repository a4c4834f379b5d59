package blob

import (
	"context"
	"crypto/cipher"
	"io"
)

const (
	// inlineLimit is the largest content that is kept in the store.
	inlineLimit = 32 << 10
	// chunkSize is what is read, sealed and written in one go: a few segments
	// with room for their tags.
	chunkSegments = 4
	chunkSize     = chunkSegments * sealed
	// ahead is how many chunks may be read before the first is written.
	ahead = 3
)

// chunk is a few segments of plain content, each with room for its tag.
type chunk struct {
	buf   *[chunkSize]byte
	size  int // of the plain content
	first int64
	last  bool // ends the content
}

// Write implements Store.
func (d *Dir) Write(ctx context.Context, r io.Reader, o Options) (*Pending, error) {
	head := d.newChunk(0)
	if err := head.fill(r); err != nil {
		d.free(head)
		return nil, err
	}
	p := &Pending{dir: d, Ref: Ref{ID: d.newID()}}
	if head.size <= inlineLimit { // a chunk that is not full ends the content
		defer d.free(head)
		if err := d.sealInline(p, head.buf[:head.size], o.CustomerKey); err != nil {
			return nil, err
		}
		return p, nil
	}
	wrapper, err := d.wrapper(o.CustomerKey)
	if err != nil {
		d.free(head)
		return nil, err
	}
	data, wrapped, err := newKey(wrapper, p.Ref.ID)
	if err != nil {
		d.free(head)
		return nil, err
	}
	p.Ref.Key = wrapped
	if err := d.writeFile(ctx, p, data, head, r, o.SizeHint); err != nil {
		return nil, err
	}
	return p, nil
}

// wrapper is what the data key is wrapped with.
func (d *Dir) wrapper(customerKey []byte) (cipher.AEAD, error) {
	if customerKey == nil {
		return d.master, nil
	}
	return newAEAD(customerKey)
}

func (d *Dir) newChunk(first int64) *chunk {
	return &chunk{buf: d.chunks.Get().(*[chunkSize]byte), first: first}
}

func (d *Dir) free(c *chunk) { d.chunks.Put(c.buf) }

// fill reads up to a whole chunk; one that is not full is the last.
func (c *chunk) fill(r io.Reader) error {
	for i := range chunkSegments {
		n, err := readFull(r, c.buf[i*sealed:i*sealed+segment])
		c.size += n
		if err == io.EOF { //nolint:errorlint // a reader's plain end, not one that wraps it
			c.last = true
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readFull fills b, or returns why not. Unlike io.ReadFull it tells the end of
// r from r's own io.ErrUnexpectedEOF, which is a connection that broke.
func readFull(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = r.Read(b[n:])
		n += m
	}
	if n == len(b) && err == io.EOF { //nolint:errorlint // as above
		err = nil
	}
	return n, err
}

// seal encrypts the chunk's segments where they are.
func (c *chunk) seal(data cipher.AEAD) []byte {
	end := 0
	for i := 0; i*segment < c.size; i++ {
		n := min(segment, c.size-i*segment)
		last := c.last && i*segment+n == c.size
		end = i*sealed + len(sealSegment(data, c.buf[i*sealed:i*sealed+n], c.first+int64(i), last))
	}
	return c.buf[:end]
}

// writeFile writes head and the rest of r.
func (d *Dir) writeFile(ctx context.Context, p *Pending, data cipher.AEAD, head *chunk, r io.Reader, hint int64) error {
	if hint = max(hint, 0); hint > 0 {
		hint = sealedSize(hint)
	}
	d.pending.add(p.Ref.ID)
	sink, err := d.medium.create(p.Ref.ID, hint)
	if err != nil {
		d.free(head)
		d.pending.drop(p.Ref.ID)
		return mediumError(err)
	}
	w := &fileWriter{d: d, data: data, sink: sink}
	p.Ref.Size, err = w.copy(ctx, head, r)
	if err == nil {
		err = mediumError(sink.finish())
	} else {
		sink.abort()
	}
	if err != nil {
		d.pending.drop(p.Ref.ID)
	}
	return err
}

// fileWriter seals and writes chunks while the next ones are read: the reading
// side has digests to compute and a network to wait for.
type fileWriter struct {
	d    *Dir
	data cipher.AEAD
	sink sink

	chunks chan *chunk
	failed chan struct{} // closed with the first error
	err    error         // valid once failed, or done, is closed
	done   chan struct{}
}

// copy writes head and the rest of r, and returns the size of both.
func (w *fileWriter) copy(ctx context.Context, head *chunk, r io.Reader) (size int64, err error) {
	if head.last {
		defer w.d.free(head)
		return int64(head.size), w.write(head)
	}
	w.chunks = make(chan *chunk, ahead)
	w.failed, w.done = make(chan struct{}), make(chan struct{})
	go w.run()
	size, err = w.feed(ctx, head, r)
	close(w.chunks)
	<-w.done
	if w.err != nil {
		return size, w.err
	}
	return size, err
}

// feed reads r. It holds each chunk back until it knows whether it is the last.
func (w *fileWriter) feed(ctx context.Context, held *chunk, r io.Reader) (size int64, err error) {
	size = int64(held.size)
	for !held.last {
		next := w.d.newChunk(held.first + chunkSegments)
		if err = ctx.Err(); err == nil {
			err = next.fill(r)
		}
		if err != nil {
			w.d.free(held)
			w.d.free(next)
			return size, err
		}
		size += int64(next.size)
		if next.size == 0 {
			held.last = true
			w.d.free(next)
			break
		}
		if !w.hand(held) {
			w.d.free(next)
			return size, nil
		}
		held = next
	}
	w.hand(held)
	return size, nil
}

// hand passes a chunk on; false after an error of the writing side.
func (w *fileWriter) hand(c *chunk) bool {
	select {
	case w.chunks <- c:
		return true
	case <-w.failed:
		w.d.free(c)
		return false
	}
}

func (w *fileWriter) run() {
	defer close(w.done)
	for c := range w.chunks {
		if w.err == nil {
			if w.err = w.write(c); w.err != nil {
				close(w.failed)
			}
		}
		w.d.free(c)
	}
}

func (w *fileWriter) write(c *chunk) error {
	_, err := w.sink.Write(c.seal(w.data))
	return mediumError(err)
}
