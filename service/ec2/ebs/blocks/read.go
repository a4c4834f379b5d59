package blocks

import (
	"fmt"
	"io"
	"iter"

	"github.com/klauspost/compress/s2"

	"pileus/cloud"
	"pileus/store"
)

// Fill writes a content to a volume that holds zeros.
func Fill(c *cloud.Call, id string, w io.WriterAt) error {
	var list []entry
	err := c.View(func(r store.Reader) error {
		if !contents.Has(r, id) {
			return fmt.Errorf("content %s: %w", id, ErrStale)
		}
		list = manifest(r, id)
		return nil
	})
	if err != nil {
		return err
	}
	f := filler{c: c, w: w, block: make([]byte, Size)}
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].Pack == list[0].Pack {
			n++
		}
		if err := f.pack(list[:n]); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// filler writes blocks to a volume.
type filler struct {
	c     *cloud.Call
	w     io.WriterAt
	raw   []byte
	block []byte
}

// pack writes blocks that lie in one pack, which is read in one go.
func (f *filler) pack(list []entry) error {
	p, raw, err := readSlots(f.c, list, f.raw)
	if err != nil {
		return err
	}
	f.raw = raw
	base := p.Slots[list[0].Slot].At
	for _, e := range list {
		base = min(base, p.Slots[e.Slot].At)
	}
	for _, e := range list {
		s := p.Slots[e.Slot]
		b, err := expand(f.block, raw[s.At-base:s.At-base+int64(s.Size)])
		if err != nil {
			return fmt.Errorf("block %d in pack %s: %w", e.Index, e.Pack, err)
		}
		if _, err := f.w.WriteAt(b, e.Index*Size); err != nil {
			return err
		}
	}
	return nil
}

// readSlots reads the span of a pack that holds the entries' blocks into buf.
func readSlots(c *cloud.Call, list []entry, buf []byte) (*pack, []byte, error) {
	var p *pack
	var body io.ReadCloser
	var from, to int64
	err := c.View(func(r store.Reader) (err error) {
		have, ok := packs.Get(r, list[0].Pack)
		if !ok {
			return fmt.Errorf("pack %s: %w", list[0].Pack, ErrStale)
		}
		p = have
		from, to = p.Ref.Size, 0
		for _, e := range list {
			s := p.Slots[e.Slot]
			from, to = min(from, s.At), max(to, s.At+int64(s.Size))
		}
		body, err = c.Cloud.Blobs().Open(c, r, p.Ref, nil, from, to-from)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	defer body.Close()
	if int64(cap(buf)) < to-from {
		buf = make([]byte, to-from)
	}
	buf = buf[:to-from]
	if _, err := io.ReadFull(body, buf); err != nil {
		return nil, nil, fmt.Errorf("pack %s: %w", p.ID, err)
	}
	return p, buf, nil
}

// expand is the inverse of squeeze.
func expand(buf, b []byte) ([]byte, error) {
	if len(b) == Size {
		return b, nil
	}
	return s2.Decode(buf, b)
}

// Read is one block of a content; nil where it has none there.
func Read(c *cloud.Call, id string, index int64) ([]byte, error) {
	var e entry
	var found bool
	err := c.View(func(r store.Reader) error {
		e, found = at(r, id, index)
		return nil
	})
	if err != nil || !found {
		return nil, err
	}
	p, raw, err := readSlots(c, []entry{e}, nil)
	if err != nil {
		return nil, err
	}
	if p.Slots[e.Slot].Size == Size {
		return raw, nil
	}
	return s2.Decode(make([]byte, Size), raw)
}

// at is a content's entry at an index.
func at(r store.Reader, id string, index int64) (entry, bool) {
	for e := range entries(r, id, index) {
		return e, e.Index == index
	}
	return entry{}, false
}

// Indexes yields the indexes of a content's blocks from one on, in order.
func Indexes(r store.Reader, id string, from int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for e := range entries(r, id, from) {
			if !yield(e.Index) {
				return
			}
		}
	}
}

// Change is a block that two contents do not have alike.
type Change struct {
	Index         int64
	First, Second bool // which of them has one there
}

// Changes yields what differs between two contents from an index on.
func Changes(r store.Reader, first, second string, from int64) iter.Seq[Change] {
	return func(yield func(Change) bool) {
		next, stop := iter.Pull(entries(r, second, from))
		defer stop()
		b, more := next()
		for a := range entries(r, first, from) {
			for ; more && b.Index < a.Index; b, more = next() {
				if !yield(Change{Index: b.Index, Second: true}) {
					return
				}
			}
			if !more || b.Index > a.Index {
				if !yield(Change{Index: a.Index, First: true}) {
					return
				}
				continue
			}
			if (a.place != b.place && a.Print != b.Print) && !yield(Change{Index: a.Index, First: true, Second: true}) {
				return
			}
			b, more = next()
		}
		for ; more; b, more = next() {
			if !yield(Change{Index: b.Index, Second: true}) {
				return
			}
		}
	}
}
