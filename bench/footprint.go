package main

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"pileus/clock"
)

const (
	starts    = 7    // of an empty cloud; the median counts
	longPolls = 1000 // idle ones
)

// footprint measures what pileus costs beside its speed: how long it takes to
// start, what it holds when idle, what waiting clients cost, how large it is.
func footprint(ctx context.Context, o *options, rep *report) error {
	if info, err := os.Stat(o.pileus); err == nil {
		rep.figure("pileus", "binary", float64(info.Size())/(1<<20), "MiB")
	}
	var times []float64
	for range starts {
		t, err := o.fresh(ctx)
		if err != nil {
			return err
		}
		times = append(times, float64(t.started.Microseconds())/1000)
		t.stop()
	}
	rep.figure("pileus", "start to ready, empty", median(times), "ms")
	t, err := o.fresh(ctx)
	if err != nil {
		return err
	}
	defer t.stop()
	machine := clock.New()
	if err := machine.Wait(ctx, 3*time.Second); err != nil {
		return err
	}
	idle, _ := memory(t.pid())
	rep.figure("pileus", "memory, idle and empty", idle, "MiB")
	if err := waiting(ctx, t, machine, idle, rep); err != nil {
		return err
	}
	return restarts(ctx, o, t, rep)
}

// fresh starts an empty pileus.
func (o *options) fresh(ctx context.Context) (*target, error) {
	t, err := o.newTarget(ctx, "pileus")
	if err != nil {
		return nil, err
	}
	return t, t.start(ctx, o.args)
}

// waiting measures the memory of long polls that find nothing.
func waiting(ctx context.Context, t *target, machine clock.Clock, idle float64, rep *report) error {
	polls, err := t.session.Poll(longPolls)
	if err != nil {
		return err
	}
	defer polls.Close()
	if err := machine.Wait(ctx, 5*time.Second); err != nil {
		return err
	}
	now, _ := memory(t.pid())
	rep.figure("pileus", "memory of 1,000 idle long polls", now-idle, "MiB")
	return nil
}

// restarts fills the cloud and starts it again after a clean stop and after a
// kill.
func restarts(ctx context.Context, o *options, t *target, rep *report) error {
	if o.fill > 0 {
		watch := clock.Start()
		if err := t.session.Populate(o.fill); err != nil {
			return err
		}
		rep.figure("pileus", "objects and messages each, put in", float64(o.fill), "")
		rep.figure("pileus", "time to put them in", watch.Elapsed().Seconds(), "s")
		rep.figure("pileus", "data on disk", diskUse(t.dir), "MiB")
	}
	for _, s := range []struct {
		signal syscall.Signal
		after  string
	}{{syscall.SIGTERM, "a clean stop"}, {syscall.SIGKILL, "SIGKILL"}} {
		if err := t.session.Touch(); err != nil {
			return err
		}
		t.halt(s.signal)
		if err := t.start(ctx, o.args); err != nil {
			return err
		}
		rep.figure("pileus", "start to ready after "+s.after, float64(t.started.Microseconds())/1000, "ms")
	}
	now, peak := memory(t.pid())
	rep.figure("pileus", "memory after the restart", now, "MiB")
	rep.figure("pileus", "memory at most after the restart", peak, "MiB")
	return nil
}

// diskUse is the size of a folder's files in MiB.
func diskUse(dir string) float64 {
	var total int64
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // files come and go
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return float64(total) / (1 << 20)
}
