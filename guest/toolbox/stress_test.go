//go:build linux

package toolbox

import (
	"runtime"
	"testing"
	"time"
)

// TestSpend has more threads compute than there are processors: each gets what it
// is to spend, though it takes longer.
func TestSpend(t *testing.T) {
	const busy = 20 * time.Millisecond
	threads := 3 * runtime.NumCPU()
	ended := make(chan bool)
	for range threads {
		go func() {
			defer func() { ended <- true }()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			before := processorTime()
			spend(busy)
			if got := processorTime() - before; got < busy {
				t.Errorf("a thread had %v of a processor, want %v", got, busy)
			}
		}()
	}
	for range threads {
		<-ended
	}
}
