package blob

import (
	"container/list"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"pileus/clock"
)

// hot keeps the plain content of files that are read again and again in memory
// files of the kernel, from which it goes to a socket without passing through
// this process. Content is checked when it is put there. It is to sealed files
// what the page cache is to an encrypted disk: bounded, and given up when it
// has not been used for a while.
type hot struct {
	limit int64 // bytes in all; 0: nothing is kept

	mu    sync.Mutex
	used  int64
	files map[string]*list.Element // of *hotFile
	order list.List                // latest used first
	once  idRing                   // read once lately: the second time is worth keeping
}

type hotFile struct {
	id   string
	file *os.File
	size int64
	used time.Time // of the machine
}

const (
	hotLimit   = 256 << 20
	hotShare   = 16 // of the machine's memory, at most one part in so many
	hotLargest = 4  // of the limit, for one file
	hotIdle    = time.Minute
)

func newHot() *hot {
	h := &hot{limit: min(hotLimit, machineMemory()/hotShare), files: map[string]*list.Element{}}
	h.order.Init()
	return h
}

// open is a reader of content that is kept; ok is false where it is not.
func (h *hot) open(id string, offset, length int64) (r io.ReadCloser, ok bool) {
	if h == nil {
		return nil, false
	}
	h.mu.Lock()
	e := h.files[id]
	if e == nil {
		h.mu.Unlock()
		return nil, false
	}
	h.order.MoveToFront(e)
	f := e.Value.(*hotFile)
	f.used = clock.Machine()
	own, err := reopen(f.file) // within the lock: nobody closes it meanwhile
	h.mu.Unlock()
	if err != nil {
		return nil, false
	}
	if _, err := own.Seek(offset, io.SeekStart); err != nil {
		own.Close()
		return nil, false
	}
	return &hotReader{own, io.LimitedReader{R: own, N: length}}, true
}

// wants tells whether content of that size should be kept now: when it is read
// for the second time.
func (h *hot) wants(id string, size int64) bool {
	if h == nil || size > h.limit/hotLargest {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.once.has(id) {
		return true
	}
	h.once.add(id)
	return false
}

// keep reads content from r to its end and keeps it.
func (h *hot) keep(id string, size int64, r io.Reader) error {
	f, err := memoryFileFor(id)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, r)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files[id] != nil { // another reader was faster
		return f.Close()
	}
	h.files[id] = h.order.PushFront(&hotFile{id, f, size, clock.Machine()})
	h.used += size
	for h.used > h.limit {
		h.forget(h.order.Back())
	}
	return nil
}

// drop gives up a file that was removed.
func (h *hot) drop(id string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if e := h.files[id]; e != nil {
		h.forget(e)
	}
}

// clear gives up everything.
func (h *hot) clear() { h.trim(time.Time{}) }

// trim gives up what was not used since a time; the zero time: everything.
func (h *hot) trim(since time.Time) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for e := h.order.Back(); e != nil && (since.IsZero() || e.Value.(*hotFile).used.Before(since)); e = h.order.Back() {
		h.forget(e)
	}
}

func (h *hot) forget(e *list.Element) {
	f := h.order.Remove(e).(*hotFile)
	delete(h.files, f.id)
	h.used -= f.size
	f.file.Close() // readers have descriptors of their own
}

// run trims until ctx ends, and gives up everything then.
func (h *hot) run(ctx context.Context) {
	for c := clock.New(); c.Wait(ctx, hotIdle/2) == nil; {
		h.trim(clock.Machine().Add(-hotIdle))
	}
	h.clear()
}

// hotReader reads kept content.
type hotReader struct {
	file *os.File
	rest io.LimitedReader
}

func (r *hotReader) Read(b []byte) (int, error) { return r.rest.Read(b) }

// WriteTo lets a connection take the content from the kernel itself.
func (r *hotReader) WriteTo(w io.Writer) (int64, error) {
	if to, ok := w.(io.ReaderFrom); ok {
		return to.ReadFrom(&r.rest)
	}
	return io.Copy(struct{ io.Writer }{w}, &r.rest)
}

func (r *hotReader) Close() error { return r.file.Close() }

// warm keeps content that is read often and opens it from there; ok is false
// where it goes on being read from its file.
func (d *Dir) warm(ctx context.Context, ref Ref, offset, length int64, again bool) (_ io.ReadCloser, ok bool, _ error) {
	if !d.hot.wants(ref.ID, ref.Size) {
		return nil, false, nil
	}
	r, err := d.openSealed(ctx, ref, nil, 0, ref.Size, again)
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	if err := d.hot.keep(ref.ID, ref.Size, r); err != nil {
		if errors.Is(err, ErrCorrupt) {
			return nil, false, err
		}
		return nil, false, nil // no room in memory: that is no failure of the read
	}
	kept, ok := d.hot.open(ref.ID, offset, length)
	return kept, ok, nil
}
