package pebble

import (
	"bytes"
	"hash/maphash"
	"sort"
	"sync/atomic"

	"pileus/store/overlay"
)

// commit is one link of the history: what a transaction wrote. A transaction
// holds on to the link that was last when it started, so the links that
// somebody still needs are exactly those that the garbage collector keeps.
type commit struct {
	next   atomic.Pointer[commit]
	seq    uint64
	keys   [][]byte // ascending
	hashes []uint64
	filter uint64 // one bit for each hash
	spans  []overlay.Span
}

var hashSeed = maphash.MakeSeed()

func hashKey(key []byte) uint64 { return maphash.Bytes(hashSeed, key) }

// addKeys notes the written keys, which are copied.
func (c *commit) addKeys(keys ...[]byte) {
	n := 0
	for _, k := range keys {
		n += len(k)
	}
	buf := make([]byte, 0, n)
	c.keys = make([][]byte, len(keys))
	c.hashes = make([]uint64, len(keys))
	for i, k := range keys {
		buf = append(buf, k...)
		c.keys[i] = buf[len(buf)-len(k) : len(buf) : len(buf)]
		h := hashKey(k)
		c.hashes[i] = h
		c.filter |= 1 << (h & 63)
	}
}

// reads are what a transaction has seen of the snapshot, and so what must not
// have changed when it commits.
type reads struct {
	points [][]byte
	hashes []uint64
	filter uint64
	spans  []overlay.Span
}

func (r *reads) reset() {
	clear(r.points)
	clear(r.spans)
	r.points, r.hashes, r.spans, r.filter = r.points[:0], r.hashes[:0], r.spans[:0], 0
}

func (r *reads) point(key []byte) {
	h := hashKey(key)
	r.points = append(r.points, key)
	r.hashes = append(r.hashes, h)
	r.filter |= 1 << (h & 63)
}

func (r *reads) span(s overlay.Span) { r.spans = append(r.spans, s) }

func (r *reads) empty() bool { return len(r.points) == 0 && len(r.spans) == 0 }

// touchedBy tells whether the commit wrote what was read.
func (r *reads) touchedBy(c *commit) bool {
	if r.filter&c.filter != 0 {
		for i, h := range c.hashes {
			for j, g := range r.hashes {
				if h == g && bytes.Equal(c.keys[i], r.points[j]) {
					return true
				}
			}
		}
	}
	for _, s := range r.spans {
		i := sort.Search(len(c.keys), func(i int) bool { return bytes.Compare(c.keys[i], s.From) >= 0 })
		if i < len(c.keys) && s.Has(c.keys[i]) {
			return true
		}
		for _, d := range c.spans {
			if d.Overlaps(s) {
				return true
			}
		}
	}
	for _, d := range c.spans {
		for _, p := range r.points {
			if d.Has(p) {
				return true
			}
		}
	}
	return false
}

// stale tells whether a commit after from wrote what was read, and otherwise
// how far the history was looked through.
func (r *reads) stale(from *commit) (upto *commit, stale bool) {
	for next := from.next.Load(); next != nil; next = from.next.Load() {
		if r.touchedBy(next) {
			return from, true
		}
		from = next
	}
	return from, false
}
