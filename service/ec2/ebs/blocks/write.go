package blocks

import (
	"context"
	"crypto/sha256"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"

	"pileus/blob"
	"pileus/store"
)

// packed are the packs that were written for one content, and that no
// transaction names yet.
type packed struct {
	mu     sync.Mutex
	packs  map[string]*fresh
	hashes map[[sha256.Size]byte]place
}

// fresh is a pack that was written.
type fresh struct {
	pack
	pending *blob.Pending
}

func (p *packed) discard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.packs {
		if f.pending != nil {
			f.pending.Discard()
		}
	}
}

// claim gives a block of a hash a place; ok is false where it had one.
func (p *packed) claim(hash [sha256.Size]byte, at place) (have place, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hashes == nil {
		p.hashes = map[[sha256.Size]byte]place{}
	}
	if have, found := p.hashes[hash]; found {
		return have, false
	}
	p.hashes[hash] = at
	return at, true
}

func (p *packed) add(f *fresh) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.packs == nil {
		p.packs = map[string]*fresh{}
	}
	p.packs[f.ID] = f
}

// writer is one worker: it looks at blocks, and streams those that are new
// into packs.
type writer struct {
	taking   *Taking
	scan     *scan
	progress func(done, all int64)

	from, to int64 // the stretch at hand
	block    []byte
	squeezed []byte
	out      []byte // of the block at hand, what the pack has not read yet
	pack     *fresh
	size     int64 // of the pack so far
	entries  []entry
	err      error
}

// run writes packs until there are no more blocks.
func (w *writer) run(ctx context.Context) error {
	w.block = make([]byte, Size)
	w.squeezed = make([]byte, s2.MaxEncodedLen(Size))
	for {
		w.newPack()
		more, err := w.advance(ctx)
		if err != nil || !more {
			return err
		}
		pending, err := w.taking.c.Cloud.Blobs().Write(ctx, &packReader{w, ctx}, blob.Options{SizeHint: -1})
		if err != nil {
			return err
		}
		w.pack.pending, w.pack.Ref = pending, pending.Ref
		w.taking.packs.add(w.pack)
	}
}

func (w *writer) newPack() {
	w.pack = &fresh{pack: pack{ID: newPackID(), Domain: w.taking.domain}}
	w.size = 0
}

// advance finds the next block that must be stored and makes it ready in out;
// false at the end.
func (w *writer) advance(ctx context.Context) (bool, error) {
	for {
		if w.from == w.to {
			if w.from, w.to = w.scan.claim(); w.from == w.to {
				return false, nil
			}
			if w.progress != nil {
				w.progress(w.from, w.scan.all)
			}
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		index := w.scan.index(w.from)
		w.from++
		data, err := w.scan.read(index, w.block)
		if err != nil {
			return false, err
		}
		if !data {
			continue
		}
		isNew, err := w.look(index)
		if err != nil || isNew {
			return isNew, err
		}
	}
}

// look decides about the block at hand: it is as before, it is known from
// elsewhere, or it goes into the pack.
func (w *writer) look(index int64) (isNew bool, err error) {
	e := entry{Index: index, Print: fingerprint(w.block)}
	if old, ok := w.scan.before(index); ok && old.Print == e.Print {
		w.entries = append(w.entries, old)
		return false, nil
	}
	hash := sha256.Sum256(w.block)
	if e.place, err = w.taking.find(hash); err != nil {
		return false, err
	}
	if e.Pack == "" {
		e.place, isNew = w.taking.packs.claim(hash, place{w.pack.ID, len(w.pack.Slots)})
	}
	w.entries = append(w.entries, e)
	if isNew {
		w.out = squeeze(w.squeezed, w.block)
		w.pack.Slots = append(w.pack.Slots, slot{At: w.size, Size: len(w.out), Hash: hash[:]})
		w.size += int64(len(w.out))
	}
	return isNew, nil
}

// find is the place of a block that the domain has already; zero for none.
func (t *Taking) find(hash [sha256.Size]byte) (at place, err error) {
	err = t.c.Cloud.DB().View(t.c, func(r store.Reader) error {
		at = place{}
		if k, ok := hashes.Get(r, t.domain, hash[:]); ok {
			at = place{k.Pack, k.Slot}
		}
		return nil
	})
	return at, err
}

// squeeze compresses a block where that saves an eighth of it.
func squeeze(buf, block []byte) []byte {
	if b := s2.Encode(buf, block); len(b) < Size/8*7 {
		return b
	}
	return block
}

// packReader is a pack's content as it comes into being.
type packReader struct {
	w   *writer
	ctx context.Context
}

func (r *packReader) Read(b []byte) (int, error) {
	w := r.w
	if len(w.out) == 0 {
		if len(w.pack.Slots) == packBlocks {
			return 0, io.EOF
		}
		if more, err := w.advance(r.ctx); err != nil {
			return 0, err
		} else if !more {
			return 0, io.EOF
		}
	}
	n := copy(b, w.out)
	w.out = w.out[n:]
	return n, nil
}
