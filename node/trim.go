package node

import (
	"context"
	"runtime/debug"
	"time"

	"pileus/clock"
)

// trimAfter is how long a cloud must have had nothing to do before it gives
// the memory that requests left behind back to the machine.
const trimAfter = 4 * time.Second

// trim gives memory back once whenever the cloud has become idle: the collector
// alone would keep what a busy minute needed for some more minutes.
func (n *Node) trim(ctx context.Context) {
	k := clock.New()
	for seen, trimmed := uint64(0), uint64(0); k.Wait(ctx, trimAfter) == nil; {
		now := n.served.Load()
		if now == seen && now != trimmed && n.rest() {
			n.core.Load().trail.Compact()
			debug.FreeOSMemory()
			trimmed = now
		}
		seen = now
	}
}

// rest has the state give memory back where its backend keeps some; false
// where it is in use just now.
func (n *Node) rest() bool {
	db, ok := n.core.Load().db.(interface{ Rest() bool })
	return !ok || db.Rest()
}
