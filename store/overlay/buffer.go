// Package overlay holds the writes of a transaction that has not committed and
// lays them over what the transaction reads: the part of a transaction that
// all backends share.
package overlay

import (
	"bytes"
	"slices"
	"sort"

	"pileus/store"
)

// Op is one buffered write: a put, or a deletion where Deleted.
type Op struct {
	Key, Value []byte
	Deleted    bool
}

// Span is a span of keys, From <= key < To; a nil To means to the end.
type Span struct{ From, To []byte }

// Has tells whether key is in the span.
func (s Span) Has(key []byte) bool {
	return bytes.Compare(key, s.From) >= 0 && (s.To == nil || bytes.Compare(key, s.To) < 0)
}

// Overlaps tells whether the spans share a key.
func (s Span) Overlaps(o Span) bool {
	return (o.To == nil || bytes.Compare(s.From, o.To) < 0) && (s.To == nil || bytes.Compare(o.From, s.To) < 0)
}

// Empty tells whether no key is in the span.
func (s Span) Empty() bool { return s.To != nil && bytes.Compare(s.From, s.To) >= 0 }

// Buffer is a transaction's writes. Its result is that of deleting Spans and
// then doing Ops. It keeps the slices that it is given.
type Buffer struct {
	ops     []*Op // by key
	spans   []Span
	slab    []Op
	version int // counts changes, so that a scan under way notices them
}

// Reset empties the buffer for use by another transaction.
func (b *Buffer) Reset() {
	clear(b.ops)
	clear(b.spans)
	clear(b.slab)
	b.ops, b.spans, b.slab = b.ops[:0], b.spans[:0], b.slab[:0]
	b.version = 0
	if cap(b.ops) > 1024 {
		b.ops = nil
	}
	if cap(b.slab) > 256 {
		b.slab = nil
	}
}

// Empty tells whether nothing was written.
func (b *Buffer) Empty() bool { return len(b.ops) == 0 && len(b.spans) == 0 }

// Ops are the writes of single keys, in key order.
func (b *Buffer) Ops() []*Op { return b.ops }

// Spans are the deleted ranges.
func (b *Buffer) Spans() []Span { return b.spans }

// Put writes one key.
func (b *Buffer) Put(key, value []byte) { b.set(Op{Key: key, Value: value}) }

// Delete removes one key.
func (b *Buffer) Delete(key []byte) { b.set(Op{Key: key, Deleted: true}) }

func (b *Buffer) set(op Op) {
	b.version++
	i, found := b.find(op.Key)
	if found {
		*b.ops[i] = op
		return
	}
	b.ops = slices.Insert(b.ops, i, b.alloc(op))
}

// alloc keeps ops in slabs: one allocation for many.
func (b *Buffer) alloc(op Op) *Op {
	if len(b.slab) == cap(b.slab) {
		b.slab = make([]Op, 0, min(256, 16+2*cap(b.slab)))
	}
	b.slab = append(b.slab, op)
	return &b.slab[len(b.slab)-1]
}

// DeleteRange removes every key of the span.
func (b *Buffer) DeleteRange(s Span) {
	if s.Empty() {
		return
	}
	b.version++
	from, _ := b.find(s.From)
	to := len(b.ops)
	if s.To != nil {
		to, _ = b.find(s.To)
	}
	b.ops = slices.Delete(b.ops, from, to)
	b.spans = append(b.spans, s)
}

// Get is what the transaction wrote to key; known is false where it did not,
// and what lies underneath holds.
func (b *Buffer) Get(key []byte) (value []byte, ok, known bool) {
	if len(b.ops) > 0 {
		if i, found := b.find(key); found {
			return b.ops[i].Value, !b.ops[i].Deleted, true
		}
	}
	return nil, false, b.covered(key)
}

func (b *Buffer) covered(key []byte) bool {
	for _, s := range b.spans {
		if s.Has(key) {
			return true
		}
	}
	return false
}

// find is the place of key among ops. Keys mostly come in order.
func (b *Buffer) find(key []byte) (int, bool) {
	n := len(b.ops)
	if n == 0 {
		return 0, false
	}
	switch c := bytes.Compare(b.ops[n-1].Key, key); {
	case c < 0:
		return n, false
	case c == 0:
		return n - 1, true
	}
	i := sort.Search(n, func(i int) bool { return bytes.Compare(b.ops[i].Key, key) >= 0 })
	return i, i < n && bytes.Equal(b.ops[i].Key, key)
}

// Base yields the pairs that lie under the buffer, in the order of the scan.
type Base interface {
	Next() (key, value []byte, ok bool)
}

// Scan yields what the transaction sees in r: base, changed by the buffer. A
// write made from within yield is seen if it lies ahead.
func (b *Buffer) Scan(r store.Range, base Base, yield func(key, value []byte) bool) {
	var last []byte
	version, pos := b.version, b.begin(r)
	key, value, more := base.Next()
	for {
		if version != b.version {
			version, pos = b.version, b.after(last, r.Reverse)
		}
		op := b.at(pos, r)
		order := -1 // base comes first
		switch {
		case op == nil && !more:
			return
		case !more:
			order = 1
		case op != nil:
			if order = bytes.Compare(key, op.Key); r.Reverse {
				order = -order
			}
		}
		if order >= 0 {
			if order == 0 {
				key, value, more = base.Next()
			}
			if last = op.Key; r.Reverse {
				pos--
			} else {
				pos++
			}
			if !op.Deleted && !yield(op.Key, op.Value) {
				return
			}
			continue
		}
		if k, v := key, value; !b.covered(k) {
			if last = k; !yield(k, v) {
				return
			}
		}
		key, value, more = base.Next()
	}
}

// begin is the place of the first op that a scan of r comes to.
func (b *Buffer) begin(r store.Range) int {
	if !r.Reverse {
		i, _ := b.find(r.From)
		return i
	}
	if r.To == nil {
		return len(b.ops) - 1
	}
	i, _ := b.find(r.To)
	return i - 1
}

// after is the place of the first op beyond key, in the scan's direction.
func (b *Buffer) after(key []byte, reverse bool) int {
	i, found := b.find(key)
	switch {
	case reverse:
		return i - 1
	case found:
		return i + 1
	}
	return i
}

// at is the op at pos, nil where that lies outside of the range.
func (b *Buffer) at(pos int, r store.Range) *Op {
	if pos < 0 || pos >= len(b.ops) {
		return nil
	}
	if op := b.ops[pos]; (Span{r.From, r.To}).Has(op.Key) {
		return op
	}
	return nil
}
