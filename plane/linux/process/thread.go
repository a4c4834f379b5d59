//go:build linux

package process

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OnThread runs f on a thread of its own that ends afterwards, so that f may
// change what belongs to a thread: its namespaces, control groups and
// privileges. What f starts inherits them.
func OnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if unix.Gettid() != unix.Getpid() {
			done <- f()
			return
		}
		// The main thread cannot end. While it is held here, another is used.
		done <- OnThread(f)
		runtime.UnlockOSThread()
	}()
	return <-done
}
