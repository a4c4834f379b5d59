package blob

import "io"

// hotReader reads kept content, which stays mapped until it is closed.
type hotReader struct {
	h       *hot
	slab    *slab
	at, end int64 // in the slab's memory, what remains
}

func (r *hotReader) rest() []byte { return r.slab.pages.data[r.at:r.end] }

// Read copies what comes next.
func (r *hotReader) Read(b []byte) (int, error) {
	if r.slab == nil || r.at == r.end {
		return 0, io.EOF
	}
	n := copy(b, r.rest())
	r.at += int64(n)
	return n, nil
}

// WriteTo implements io.WriterTo: everything in one write. Sendfile from a file
// in memory was tried and takes longer where the client is on the same machine:
// docs/performance.md.
func (r *hotReader) WriteTo(w io.Writer) (int64, error) {
	if r.slab == nil || r.at == r.end {
		return 0, nil
	}
	n, err := w.Write(r.rest())
	r.at += int64(n)
	return int64(n), err
}

// Close lets go of the memory.
func (r *hotReader) Close() error {
	if r.slab == nil {
		return nil
	}
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	r.slab.readers--
	r.slab.release()
	r.slab = nil
	return nil
}
