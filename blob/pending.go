package blob

import (
	"context"
	"sync/atomic"

	"pileus/store"
)

// Pending is content that is stored and that no record names yet.
type Pending struct {
	Ref Ref

	dir    *Dir
	sealed []byte  // inline content
	buf    *[]byte // what it lies in
	state  atomic.Int32
}

const (
	isPending   int32 = iota
	isOffered         // Commit was called; the transaction may have committed
	isCommitted       // it has
	isDiscarded
)

// Commit makes the content part of the transaction and returns the Ref to keep
// in a record. Like everything in a transaction it may run again.
func (p *Pending) Commit(tx store.Tx) Ref {
	switch {
	case p.Ref.ID == "":
		return p.Ref
	case p.Ref.Inline:
		tx.Put(inlineRow(p.Ref.ID), p.sealed)
	default:
		tx.Put(fileRow(p.Ref.ID), nil)
	}
	p.state.CompareAndSwap(isPending, isOffered)
	tx.OnCommit(func() {
		p.state.Store(isCommitted)
		p.dir.pending.commit(p.Ref.ID)
	})
	return p.Ref
}

// Discard removes the content unless it was committed: deferred, it cleans up
// after every way out. A file whose transaction ended in doubt is left to the
// collector of orphans.
func (p *Pending) Discard() {
	was := p.state.Swap(isDiscarded)
	if was == isCommitted && p.buf != nil { // else a transaction may still refer to it
		p.dir.smalls.Put(p.buf)
	}
	if was == isCommitted || was == isDiscarded || p.Ref.Inline || p.Ref.ID == "" {
		return
	}
	defer p.dir.pending.drop(p.Ref.ID)
	if was == isOffered && p.dir.named(context.Background(), p.Ref.ID) != notNamed {
		return
	}
	p.dir.remove(p.Ref.ID)
}
