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

// trims is how often that is done in one idle time: what the state puts in
// order on its own afterwards leaves something behind, too.
const trims = 3

// trim gives memory back whenever the cloud has become idle: the collector
// alone would keep what a busy minute needed for some more minutes.
func (n *Node) trim(ctx context.Context) {
	k := clock.New()
	done, begun := 0, false
	for seen := uint64(0); k.Wait(ctx, trimAfter) == nil; {
		now := n.served.Load()
		switch {
		case now == 0 && !begun:
			unmapCode() // what only the start needed
		case now != seen:
			done = 0
		case now > 0 && done < trims && n.rest():
			n.core.Load().trail.Compact()
			debug.FreeOSMemory()
			unmapCode()
			done++
		}
		seen, begun = now, true
	}
}

// rest has the state give memory back where its backend keeps some; false
// where it is in use just now.
func (n *Node) rest() bool {
	db, ok := n.core.Load().db.(interface{ Rest() bool })
	return !ok || db.Rest()
}
