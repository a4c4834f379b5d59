package blob

import (
	"container/list"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"pileus/clock"
)

// hot keeps the plain content of files that are read again and again, outside of
// the collected heap, so that it goes to a socket in one write and without
// being opened again. Content is checked when it is put there. It is to sealed
// files what the page cache is to an encrypted disk: bounded, and given up when
// it has not been used for a while.
type hot struct {
	limit int64 // bytes in all; 0: nothing is kept

	mu    sync.Mutex
	used  int64
	files map[string]*list.Element // of *hotFile
	order list.List                // latest used first
	once  idRing                   // read once lately: the second time is worth keeping
}

type hotFile struct {
	id      string
	data    []byte    // mapped memory
	used    time.Time // of the machine
	readers int
	gone    bool // given up: the last reader unmaps it
}

const (
	hotLimit   = 256 << 20
	hotShare   = 16 // of the machine's memory, at most one part in so many
	hotLargest = 4  // of the limit, for one file
	hotIdle    = 10 * time.Second
	hotHeld    = 5 * time.Second // what was used so lately makes no room for others
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
	f.readers++
	h.mu.Unlock()
	return &hotReader{h: h, f: f, rest: f.data[offset : offset+length]}, true
}

// wants tells whether content of that size should be kept now: when it is read
// for the second time.
func (h *hot) wants(id string, size int64) bool {
	if h == nil || size > h.limit/hotLargest {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.once.has(id) {
		h.once.add(id)
		return false
	}
	// A round of more files than fit would push out each one just before its
	// turn comes again: while all are in use, those that are kept stay.
	last := h.order.Back()
	return h.used+size <= h.limit || clock.Machine().Sub(last.Value.(*hotFile).used) > hotHeld
}

// keep reads content from r to its end and keeps it.
func (h *hot) keep(id string, size int64, r io.Reader) error {
	data, err := mapMemory(size)
	if err != nil {
		return err
	}
	if _, err = io.ReadFull(r, data); err != nil {
		return errors.Join(err, unmapMemory(data))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.files[id] != nil { // another reader was faster
		return unmapMemory(data)
	}
	h.files[id] = h.order.PushFront(&hotFile{id: id, data: data, used: clock.Machine()})
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
	h.used -= int64(len(f.data))
	f.gone = true
	f.release()
}

// release unmaps what is given up and has no reader; the lock is held.
func (f *hotFile) release() {
	if f.gone && f.readers == 0 && f.data != nil {
		// It fails only for what was never mapped.
		_ = unmapMemory(f.data)
		f.data = nil
	}
}

// run trims until ctx ends, and gives up everything then.
func (h *hot) run(ctx context.Context) {
	for c := clock.New(); c.Wait(ctx, hotIdle/2) == nil; {
		h.trim(clock.Machine().Add(-hotIdle))
	}
	h.clear()
}

// hotReader reads kept content, which stays mapped until it is closed.
type hotReader struct {
	h    *hot
	f    *hotFile
	rest []byte
}

func (r *hotReader) Read(b []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo: everything in one write.
func (r *hotReader) WriteTo(w io.Writer) (int64, error) {
	if len(r.rest) == 0 {
		return 0, nil
	}
	n, err := w.Write(r.rest)
	r.rest = r.rest[n:]
	return int64(n), err
}

func (r *hotReader) Close() error {
	if r.f == nil {
		return nil
	}
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	r.f.readers--
	r.f.release()
	r.f, r.rest = nil, nil
	return nil
}

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
