package blocks

import (
	"encoding/binary"
	"errors"
	"iter"

	"pileus/store"
)

// Size is the size of a block in bytes, as in the EBS direct APIs.
const Size = 512 << 10

// content is what is known of one content, by its id.
type content struct {
	ID     string
	Domain string
	Blocks int64 // how many it has
	// Foreign marks a copy of another domain's content: it refers to packs
	// there, and is billed as if it had its own.
	Foreign bool
}

var contents = &store.Table[content]{
	Name: "ebs.content",
	Key:  func(c *content) store.Key { return store.K(c.ID) },
}

// place is where a block lies.
type place struct {
	Pack string
	Slot int
}

// entry is one block of a content. Blocks without an entry are zeros.
type entry struct {
	Index int64
	place
	// Print is a fast fingerprint of the block, good to find out whether it has
	// changed since, and for nothing else.
	Print [16]byte
}

// part is the entries of one span of a manifest, ordered by index.
type part struct {
	Content string
	First   int64 // index at which the span begins
	Entries []entry
}

// partSpan is how many indexes a part covers: half a GiB.
const partSpan = 1024

var parts = &store.Table[part]{
	Name: "ebs.manifest",
	Key:  func(p *part) store.Key { return store.K(p.Content, p.First) },
}

// AppendRecord takes the place of CBOR: a manifest of a full TiB has two
// million entries. Pack ids are written once for a run of blocks.
func (p *part) AppendRecord(b []byte) []byte {
	b = appendText(b, p.Content)
	b = binary.AppendUvarint(b, uint64(p.First))
	b = binary.AppendUvarint(b, uint64(len(p.Entries)))
	last, pack := p.First, ""
	for i := range p.Entries {
		e := &p.Entries[i]
		b = binary.AppendUvarint(b, uint64(e.Index-last))
		if e.Pack == pack {
			b = appendText(b, "")
		} else {
			b = appendText(b, e.Pack)
		}
		b = binary.AppendUvarint(b, uint64(e.Slot))
		b = append(b, e.Print[:]...)
		last, pack = e.Index, e.Pack
	}
	return b
}

var errRecord = errors.New("ebs: malformed manifest")

// ParseRecord is the inverse of AppendRecord.
func (p *part) ParseRecord(b []byte) error {
	r := reader{b: b}
	p.Content, p.First = r.text(), int64(r.uint())
	n := r.uint()
	if n > uint64(len(b)) {
		return errRecord
	}
	p.Entries = make([]entry, n)
	last, pack := p.First, ""
	for i := range p.Entries {
		e := &p.Entries[i]
		e.Index = last + int64(r.uint())
		if e.Pack = r.text(); e.Pack == "" {
			e.Pack = pack
		}
		e.Slot = int(r.uint())
		copy(e.Print[:], r.bytes(len(e.Print)))
		last, pack = e.Index, e.Pack
	}
	if r.bad || len(r.b) > 0 {
		return errRecord
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader reads what AppendRecord wrote; after an error it reads zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n int) []byte {
	if n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) text() string {
	n := r.uint()
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return ""
	}
	return string(r.bytes(int(n)))
}

// entries yields a content's entries from an index on, in order. A part holds
// the indexes of one span of partSpan, so that it can be found by arithmetic.
func entries(r store.Reader, id string, from int64) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for p := range parts.ScanFrom(r, store.K(id), store.K(id, from/partSpan*partSpan)) {
			for _, e := range p.Entries {
				if e.Index >= from && !yield(e) {
					return
				}
			}
		}
	}
}

// manifest is all of a content's entries.
func manifest(r store.Reader, id string) (list []entry) {
	if c, ok := contents.Get(r, id); ok {
		list = make([]entry, 0, c.Blocks)
	}
	for p := range parts.Scan(r, id) {
		list = append(list, p.Entries...)
	}
	return list
}

// Exists tells whether there is a content that is whole.
func Exists(r store.Reader, id string) bool { return contents.Has(r, id) }

// Count is how many blocks a content has.
func Count(r store.Reader, id string) int64 {
	if c, ok := contents.Get(r, id); ok {
		return c.Blocks
	}
	return 0
}
