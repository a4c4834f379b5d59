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
//
// Content lies in slabs of large pages, and a slab is given up as a whole.
type hot struct {
	limit int64 // bytes in all; 0: nothing is kept

	mu    sync.Mutex
	used  int64 // bytes of all slabs
	files map[string]*hotFile
	order list.List // of *slab, latest used first
	open  *slab     // that has room for further files; nil for none
	once  idRing    // read once lately: the second time is worth keeping
}

// hotFile is the content of one file.
type hotFile struct {
	slab *slab
	at   int64
	size int64
}

// slab is mapped memory that holds one large file or several small ones.
type slab struct {
	pages   *pages
	element *list.Element
	taken   int64     // bytes, from the beginning on
	ids     []string  // of the files that lie here
	live    int       // of those that were not removed
	used    time.Time // of the machine
	readers int       // and writers
	gone    bool      // given up: the last reader unmaps it
}

const (
	hotLimit   = 256 << 20
	hotShare   = 16 // of the machine's memory, at most one part in so many
	hotLargest = 4  // of the limit, for one file
	hotIdle    = 10 * time.Second
	hotHeld    = 5 * time.Second // what was used so lately makes no room for others

	slabSize  = 8 << 20
	slabFile  = slabSize / 4 // a larger file has a slab of its own
	slabAlign = 4 << 10
)

func newHot() *hot {
	h := &hot{limit: min(hotLimit, machineMemory()/hotShare), files: map[string]*hotFile{}}
	h.order.Init()
	return h
}

// find is a reader of content that is kept; ok is false where it is not.
func (h *hot) find(id string, offset, length int64) (r io.ReadCloser, ok bool) {
	if h == nil {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.files[id]
	if f == nil {
		return nil, false
	}
	h.order.MoveToFront(f.slab.element)
	f.slab.used = clock.Machine()
	f.slab.readers++
	return &hotReader{h: h, slab: f.slab, at: f.at + offset, end: f.at + offset + length}, true
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
	if h.open.room(size) {
		return true
	}
	// A round of more files than fit would push out each one just before its
	// turn comes again: while all are in use, those that are kept stay.
	last := h.order.Back()
	return last == nil || h.used+slabFor(size) <= h.limit || clock.Machine().Sub(last.Value.(*slab).used) > hotHeld
}

// slabFor is the size of the slab that is made for a file.
func slabFor(size int64) int64 {
	if size <= slabFile {
		return slabSize
	}
	return (size + pageUnit - 1) / pageUnit * pageUnit
}

// room tells whether a file fits into what is left.
func (s *slab) room(size int64) bool {
	return s != nil && size <= slabFile && s.taken+size <= slabSize
}

// keep reads content from r to its end and keeps it.
func (h *hot) keep(id string, size int64, r io.Reader) error {
	f, err := h.take(size)
	if err != nil {
		return err
	}
	_, err = io.ReadFull(r, f.slab.pages.data[f.at:f.at+size])
	h.mu.Lock()
	defer h.mu.Unlock()
	f.slab.readers--
	switch {
	case f.slab.gone:
		f.slab.release()
	case err == nil && h.files[id] == nil: // else another reader was faster
		h.files[id] = f
		f.slab.ids = append(f.slab.ids, id)
		f.slab.live++
	case f.slab != h.open && f.slab.live == 0 && f.slab.readers == 0:
		h.forget(f.slab)
	}
	return err
}

// take finds room for a file, whose slab counts a reader more from then on.
// Others are given up for it as far as the limit demands.
func (h *hot) take(size int64) (*hotFile, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.open
	if !s.room(size) {
		p, err := mapPages(slabFor(size))
		if err != nil {
			return nil, err
		}
		s = &slab{pages: p}
		s.element = h.order.PushFront(s)
		h.used += p.size()
		if size <= slabFile {
			h.open = s
		}
		for h.used > h.limit && h.order.Back() != s.element {
			h.forget(h.order.Back().Value.(*slab))
		}
	}
	f := &hotFile{slab: s, at: s.taken, size: size}
	s.taken += (size + slabAlign - 1) / slabAlign * slabAlign
	s.used = clock.Machine()
	s.readers++
	return f, nil
}

// drop gives up a file that was removed.
func (h *hot) drop(id string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.files[id]
	if f == nil {
		return
	}
	delete(h.files, id)
	if f.slab.live--; f.slab.live == 0 && f.slab != h.open {
		h.forget(f.slab)
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
	for e := h.order.Back(); e != nil && (since.IsZero() || e.Value.(*slab).used.Before(since)); e = h.order.Back() {
		h.forget(e.Value.(*slab))
	}
}

// forget gives up a slab with all its files; the lock is held.
func (h *hot) forget(s *slab) {
	h.order.Remove(s.element)
	for _, id := range s.ids {
		if f := h.files[id]; f != nil && f.slab == s {
			delete(h.files, id)
		}
	}
	h.used -= s.pages.size()
	if h.open == s {
		h.open = nil
	}
	s.gone = true
	s.release()
}

// release unmaps what is given up and has no reader; the lock is held.
func (s *slab) release() {
	if s.gone && s.readers == 0 && s.pages != nil {
		s.pages.free()
		s.pages = nil
	}
}

// run trims until ctx ends, and gives up everything then.
func (h *hot) run(ctx context.Context) {
	for c := clock.New(); c.Wait(ctx, hotIdle/2) == nil; {
		h.trim(clock.Machine().Add(-hotIdle))
	}
	h.clear()
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
	kept, ok := d.hot.find(ref.ID, offset, length)
	return kept, ok, nil
}
