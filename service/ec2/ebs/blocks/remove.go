package blocks

import (
	"bytes"

	"pileus/cloud"
	"pileus/store"
)

// Compactor is the controller that writes packs anew; the module that keeps
// contents binds Compact to this name.
const Compactor = "ebs.compact"

// removeParts is how many parts of a manifest go in one transaction.
const removeParts = 32

// Remove removes a content, whole or not, and the blocks that no other has.
// What does not exist is no error. Interrupted, it is called again.
func Remove(c *cloud.Call, id string) error {
	for more := true; more; {
		err := c.Cloud.DB().Update(c, func(tx store.Tx) error {
			contents.Delete(tx, id) // first: what is half gone cannot be read
			refs, n := counter{}, 0
			more = false
			for p := range parts.Scan(tx, id) {
				if n++; n > removeParts {
					more = true
					break
				}
				for _, e := range p.Entries {
					refs.add(e.place, -1)
				}
				parts.Delete(tx, p.Content, p.First)
			}
			release(c, tx, refs)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// release takes references away. A pack without live blocks is removed, one
// that is mostly dead will be written anew.
func release(c *cloud.Call, tx store.Tx, refs counter) {
	for id, slots := range refs {
		p, ok := packs.Get(tx, id)
		if !ok {
			continue
		}
		for n, by := range slots {
			p.Slots[n].Refs += by
		}
		p.bury(tx)
		n, size := p.live()
		if n == 0 {
			c.Cloud.Blobs().Delete(tx, p.Ref)
			packs.Delete(tx, id)
			continue
		}
		packs.Put(tx, p)
		if size < p.Ref.Size/2 {
			tx.After(c.Now, Compactor, store.K(id))
		}
	}
}

// bury makes sure that nobody shares a block without references any more.
func (p *pack) bury(tx store.Tx) {
	for i := range p.Slots {
		s := &p.Slots[i]
		if s.Refs > 0 || s.Hash == nil {
			continue
		}
		if k, ok := hashes.Get(tx, p.Domain, s.Hash); ok && k.Pack == p.ID && k.Slot == i {
			hashes.Delete(tx, p.Domain, bytes.Clone(s.Hash))
		}
		s.Hash = nil
	}
}
