package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilInterrupted returns a context that ends with the first SIGINT (Ctrl-C)
// or SIGTERM. From the second on they end the program as if nobody had listened,
// so that a shutdown which does not end can be left. No signal falls between the
// two: nobody listens any more when the context ends.
func untilInterrupted() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals)
		select {
		case second := <-signals: // it came before the Stop
			if me, err := os.FindProcess(os.Getpid()); err == nil {
				_ = me.Signal(second)
			}
		default:
		}
		cancel()
	}()
	return ctx
}
