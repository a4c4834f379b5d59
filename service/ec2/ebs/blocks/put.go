package blocks

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/klauspost/compress/s2"

	"pileus/blob"
	"pileus/cloud"
	"pileus/store"
)

// Put writes one block of a content that is filled block by block, over the
// one that it has there. also is called in the transaction that does so. The
// content is whole once Seal was called.
func Put(c *cloud.Call, id, domain string, index int64, block []byte, also func(store.Tx) error) error {
	t := &Taking{c: c, id: id, domain: domain}
	defer t.Close()
	e := entry{Index: index, Print: fingerprint(block)}
	hash := sha256.Sum256(block)
	for {
		var err error
		if e.place, err = t.find(hash); err != nil {
			return err
		}
		if e.Pack == "" {
			if e.place, err = t.single(block, hash); err != nil {
				return err
			}
		}
		err = c.Cloud.DB().Update(c, func(tx store.Tx) error {
			if err := also(tx); err != nil {
				return err
			}
			return t.replace(tx, e)
		})
		if err != ErrStale { //nolint:errorlint // replace returns it as it is
			return err
		}
	}
}

// single writes a pack of one block.
func (t *Taking) single(block []byte, hash [sha256.Size]byte) (place, error) {
	b := squeeze(make([]byte, s2.MaxEncodedLen(Size)), block)
	pending, err := t.c.Cloud.Blobs().Write(t.c, bytes.NewReader(b), blob.Options{SizeHint: int64(len(b))})
	if err != nil {
		return place{}, err
	}
	p := pack{ID: newPackID(), Domain: t.domain, Ref: pending.Ref, Slots: []slot{{Size: len(b), Hash: hash[:]}}}
	t.packs.add(&fresh{pack: p, pending: pending})
	return place{p.ID, 0}, nil
}

// replace puts an entry into the manifest, and takes the old one's reference
// away.
func (t *Taking) replace(tx store.Tx, e entry) error {
	first := e.Index / partSpan * partSpan
	old, ok := parts.Get(tx, t.id, first)
	if !ok {
		old = &part{Content: t.id, First: first}
	}
	list := slices.Clone(old.Entries)
	i, found := slices.BinarySearchFunc(list, e.Index, func(o entry, n int64) int { return int(o.Index - n) })
	refs := counter{}
	if found {
		refs.add(list[i].place, -1)
		list[i] = e
	} else {
		list = slices.Insert(list, i, e)
	}
	// The new reference first: the old one may be to the same block.
	if err := t.put(tx, []*part{{Content: t.id, First: first, Entries: []entry{e}}}); err != nil {
		return err
	}
	parts.Put(tx, &part{Content: t.id, First: first, Entries: list})
	release(t.c, tx, refs)
	return nil
}

// Seal makes what was put a whole content.
func Seal(tx store.Tx, id, domain string) {
	n := int64(0)
	for p := range parts.Scan(tx, id) {
		n += int64(len(p.Entries))
	}
	contents.Put(tx, &content{ID: id, Domain: domain, Blocks: n})
}
