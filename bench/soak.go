package main

import (
	"context"
	"fmt"
	"time"

	"pileus/bench/load"
	"pileus/clock"
)

// soakRound is how long one workload runs before the next has its turn, and
// soakIdle how long the cloud rests after all of them, so that what it gives
// back when idle is seen too.
const (
	soakRound = 4 * time.Second
	soakIdle  = 20 * time.Second
)

// soakLoads are the workloads of a soak: those that keep little, so that what
// grows is memory that was lost.
var soakLoads = []string{"s3-put-4k", "s3-get-4k", "s3-put-1m", "s3-get-1m", "s3-list-1000", "sqs-recv-del", "iam-get-user"}

// soak loads a cloud in turns for a long time and prints its memory after each
// turn of all workloads: the line must stay flat.
func soak(ctx context.Context, o *options, length time.Duration) error {
	t, err := o.fresh(ctx)
	if t != nil {
		defer t.stop()
	}
	if err != nil {
		return err
	}
	loads := chosen(soakLoads, o.rate)
	for _, w := range loads {
		if err := t.session.Setup(w); err != nil {
			return fmt.Errorf("setting up %s: %w", w.Name, err)
		}
	}
	machine, watch := clock.New(), clock.Start()
	fmt.Printf("%10s %14s %14s %14s\n", "after", "requests", "RSS loaded", "RSS idle")
	requests := 0
	for watch.Elapsed() < length && ctx.Err() == nil {
		for _, w := range loads {
			res, err := t.run(w, soakRound)
			if err != nil {
				return fmt.Errorf("%s: %w", w.Name, err)
			}
			requests += int(res.Operations)
		}
		loaded, _ := memory(t.pid())
		if err := machine.Wait(ctx, soakIdle); err != nil {
			return nil // the user has seen enough
		}
		idle, _ := memory(t.pid())
		fmt.Printf("%10s %14d %10.1f MiB %10.1f MiB\n", watch.Elapsed().Round(time.Second), requests, loaded, idle)
	}
	return nil
}

// chosen are workloads by name, at a rate of operations a second where that is
// not 0. Of those with 1 MiB each there are a tenth as many.
func chosen(names []string, rate int) (list []load.Workload) {
	for _, w := range load.Workloads() {
		for _, n := range names {
			if w.Name == n {
				if w.Rate = rate; rate > 0 && w.Bytes >= 1<<20 {
					w.Rate = max(rate/10, 1)
				}
				list = append(list, w)
			}
		}
	}
	return list
}
