package blocks

import (
	"bytes"
	"io"

	"pileus/blob"
	"pileus/cloud"
	"pileus/store"
)

// Compact writes a pack anew without its dead blocks, where half of it or
// more is dead. The numbers of the others stay.
func Compact(c *cloud.Call, key store.Key) error {
	id, _ := key[0].(string)
	p, content, err := liveContent(c, id)
	if err != nil || p == nil {
		return err
	}
	pending, err := c.Cloud.Blobs().Write(c, bytes.NewReader(content), blob.Options{SizeHint: int64(len(content))})
	if err != nil {
		return err
	}
	defer pending.Discard()
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		now, ok := packs.Get(tx, id)
		if !ok || now.Ref.ID != p.Ref.ID {
			return nil // removed, or written anew by another
		}
		old := now.Ref
		now.Ref = pending.Commit(tx)
		for i := range now.Slots { // a block may have died meanwhile, none came back
			now.Slots[i].At, now.Slots[i].Size = p.Slots[i].At, p.Slots[i].Size
		}
		packs.Put(tx, now)
		c.Cloud.Blobs().Delete(tx, old)
		return nil
	})
}

// liveContent is a pack with its live blocks moved together, and their
// content; nil where there is nothing to gain.
func liveContent(c *cloud.Call, id string) (*pack, []byte, error) {
	var p *pack
	var body io.ReadCloser
	err := c.View(func(r store.Reader) (err error) {
		p = nil
		have, ok := packs.Get(r, id)
		if !ok {
			return nil
		}
		if _, size := have.live(); size == 0 || size >= have.Ref.Size/2 {
			return nil
		}
		p = have
		body, err = c.Cloud.Blobs().Open(c, r, p.Ref, nil, 0, -1)
		return err
	})
	if err != nil || p == nil {
		return nil, nil, err
	}
	defer body.Close()
	all, err := io.ReadAll(body)
	if err != nil {
		return nil, nil, err
	}
	var out []byte
	for i := range p.Slots {
		s := &p.Slots[i]
		if s.Hash == nil {
			s.At, s.Size = 0, 0
			continue
		}
		b := all[s.At : s.At+int64(s.Size)]
		s.At = int64(len(out))
		out = append(out, b...)
	}
	return p, out, nil
}
