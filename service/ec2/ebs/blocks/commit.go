package blocks

import (
	"fmt"
	"strings"

	"pileus/cloud"
	"pileus/rng"
	"pileus/store"
)

// newPackID makes an id that no other node makes.
func newPackID() string { return rng.Secret(20, rng.LowerAlNum) }

// commitParts is how many parts of a manifest are written by one transaction.
const commitParts = 32

// Commit writes the manifest of what was read, and calls done in the
// transaction that completes it. ErrStale asks to begin again.
func (t *Taking) Commit(done func(tx store.Tx, changed int64) error) error {
	list := cut(t.id, t.base)
	for {
		now := list[:min(len(list), commitParts)]
		list = list[len(now):]
		err := t.c.Cloud.DB().Update(t.c, func(tx store.Tx) error {
			if err := t.put(tx, now); err != nil || len(list) > 0 {
				return err
			}
			contents.Put(tx, &content{ID: t.id, Domain: t.domain, Blocks: int64(len(t.base))})
			return done(tx, t.changed())
		})
		if err != nil || len(list) == 0 {
			return err
		}
	}
}

// changed is how many blocks were stored for this content.
func (t *Taking) changed() (n int64) {
	for _, f := range t.packs.packs {
		n += int64(len(f.Slots))
	}
	return n
}

// cut cuts a manifest into parts.
func cut(id string, list []entry) (out []*part) {
	for _, e := range list {
		first := e.Index / partSpan * partSpan
		if len(out) == 0 || out[len(out)-1].First != first {
			out = append(out, &part{Content: id, First: first})
		}
		p := out[len(out)-1]
		p.Entries = append(p.Entries, e)
	}
	return out
}

// put writes parts and counts their references.
func (t *Taking) put(tx store.Tx, list []*part) error {
	refs := counter{}
	for _, p := range list {
		parts.Put(tx, p)
		for _, e := range p.Entries {
			refs.add(e.place, 1)
		}
	}
	for id, slots := range refs {
		p, ok := packs.Get(tx, id)
		own := t.packs.packs[id]
		switch {
		case !ok && own == nil:
			return ErrStale
		case !ok:
			p = own.enter(tx)
		case !p.has(slots, own != nil):
			return ErrStale
		}
		for n, by := range slots {
			p.Slots[n].Refs += by
		}
		packs.Put(tx, p)
	}
	return nil
}

// enter makes a written pack part of the state. None of its blocks has a
// reference yet; those that later parts refer to get theirs with them.
func (f *fresh) enter(tx store.Tx) *pack {
	p := f.pack
	p.Ref = f.pending.Commit(tx)
	p.Slots = make([]slot, len(f.Slots))
	for i, s := range f.Slots {
		p.Slots[i] = s
		hashes.Put(tx, &known{Domain: p.Domain, Hash: s.Hash, Pack: p.ID, Slot: i})
	}
	return &p
}

// has tells whether a pack has live blocks in the slots. In the content's own
// packs they need no references yet.
func (p *pack) has(slots map[int]int64, own bool) bool {
	for n := range slots {
		if s := &p.Slots[n]; s.Hash == nil || s.Refs == 0 && !own {
			return false
		}
	}
	return true
}

// counter counts references to blocks by pack and slot.
type counter map[string]map[int]int64

func (c counter) add(at place, by int64) {
	if c[at.Pack] == nil {
		c[at.Pack] = map[int]int64{}
	}
	c[at.Pack][at.Slot] += by
}

// Copy makes to a content with the blocks of from, for another domain perhaps.
// Nothing is copied but the manifest. from must not be removed meanwhile;
// ErrStale says that it was.
func Copy(c *cloud.Call, from, to, domain string) error {
	if err := Remove(c, to); err != nil {
		return err
	}
	t := &Taking{c: c, id: to, domain: domain}
	var source *content
	err := c.View(func(r store.Reader) error {
		s, ok := contents.Get(r, from)
		if !ok {
			return fmt.Errorf("content %s: %w", from, ErrStale)
		}
		source, t.base = s, manifest(r, from)
		return nil
	})
	if err != nil {
		return err
	}
	return t.Commit(func(tx store.Tx, _ int64) error {
		contents.Put(tx, &content{ID: to, Domain: domain, Blocks: source.Blocks, Foreign: source.Foreign || source.Domain != domain})
		return nil
	})
}

// Domain is who shares blocks: the contents of one account in one region that
// are encrypted with one key.
func Domain(account, region, key string) string {
	return strings.Join([]string{account, region, key}, "/")
}
