package pebble

import "sync/atomic"

// usage counts who is inside, so that Close can wait for them.
type usage struct {
	n       atomic.Int64 // users, and one for not being closed
	closed  atomic.Bool
	drained chan struct{}
}

func (u *usage) start() {
	u.n.Store(1)
	u.drained = make(chan struct{}, 1)
}

func (u *usage) enter() bool {
	u.n.Add(1)
	if u.closed.Load() {
		u.leave()
		return false
	}
	return true
}

func (u *usage) leave() {
	if u.n.Add(-1) == 0 && u.closed.Load() {
		select {
		case u.drained <- struct{}{}:
		default: // told already; somebody knocked after the close
		}
	}
}

// closeIdle closes it if nobody is inside, and tells whether it did.
func (u *usage) closeIdle() bool {
	if u.closed.Swap(true) {
		return false
	}
	if u.n.Load() > 1 {
		u.closed.Store(false) // who was turned away meanwhile knocks again
		return false
	}
	u.n.Add(-1)
	return true
}

// close lets nobody in any more and waits for those inside; false when it was
// closed before.
func (u *usage) close() bool {
	if u.closed.Swap(true) {
		return false
	}
	if u.n.Add(-1) > 0 {
		<-u.drained
	}
	return true
}
