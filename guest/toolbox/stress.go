//go:build linux

package toolbox

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
)

// stress keeps processors, memory and disks busy for a time.
func stress(c *call) error {
	p, err := c.parse(options{letters: "c:m:d:l:t:vqi:", long: map[string]string{
		"cpu": "c:", "cpu-load": "l:", "vm": "m:", "vm-bytes": "b:", "hdd": "d:", "hdd-bytes": "B:", "hdd-percent": "P:",
		"timeout": "t:", "verbose": "v", "quiet": "q"}}, false)
	if err != nil {
		return err
	}
	count := func(letter string) int { n, _ := strconv.Atoi(p.value(letter)); return n }
	cpus, hogs, disks := count("c"), count("m"), count("d")
	if cpus+hogs+disks == 0 {
		return usage("nothing to do: --cpu N [--cpu-load PERCENT], --vm N --vm-bytes SIZE, --hdd N [--hdd-bytes SIZE | --hdd-percent OF-FREE], --timeout SECONDS")
	}
	ctx := c.ctx
	if p.has("t") {
		d, err := seconds(p.value("t"))
		if err != nil {
			return err
		}
		defer func(watch clock.Stopwatch) {
			fmt.Fprintf(c.errors, "stress: info: successful run completed in %ds\n", int(watch.Elapsed().Seconds()))
		}(clock.Start())
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() {
			defer cancel()
			_ = clock.New().Wait(ctx, d) // ends with the tool
		}()
	}
	fmt.Fprintf(c.errors, "stress: info: dispatching hogs: %d cpu, 0 io, %d vm, %d hdd\n", cpus, hogs, disks)
	runtime.GOMAXPROCS(cpus + hogs + disks + 1)
	load := 100
	if p.has("l") {
		load = count("l")
	}
	for range cpus {
		go burn(ctx, load)
	}
	bytes := int64(256 << 20)
	if p.has("b") {
		if bytes, err = size(p.value("b")); err != nil {
			return err
		}
	}
	for range hogs {
		go hoard(ctx, bytes)
	}
	files, err := hoardDisk(ctx, disks, p)
	defer func() {
		for _, f := range files {
			_ = f.Close() // it has no name any more
		}
	}()
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// burn keeps a processor busy for a part of the time, as far as there is one: who
// has to share it takes longer for what was asked.
func burn(ctx context.Context, percent int) {
	const window = 100 * time.Millisecond
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	busy := window * time.Duration(percent) / 100
	for ctx.Err() == nil {
		watch := clock.Start()
		spend(busy)
		if left := window - watch.Elapsed(); left > 0 && busy < window && clock.New().Wait(ctx, left) != nil {
			return
		}
	}
}

// spend computes until the calling thread, which is the caller's alone, has had so
// much of a processor.
func spend(busy time.Duration) {
	x := uint64(1)
	for end := processorTime() + busy; processorTime() < end; {
		for range 10_000 {
			x = x*6364136223846793005 + 1
		}
	}
	runtime.KeepAlive(x)
}

// processorTime is how much of a processor the calling thread has had.
func processorTime() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) // every thread has one
	return time.Duration(t.Nano())
}

// hoard touches memory again and again.
func hoard(ctx context.Context, bytes int64) {
	b := make([]byte, bytes)
	for ctx.Err() == nil {
		for i := 0; i < len(b); i += os.Getpagesize() {
			b[i]++
		}
	}
}

// hoardDisk writes files without a name in the working directory, again and
// again.
func hoardDisk(ctx context.Context, workers int, p *parsed) (files []*os.File, err error) {
	bytes := int64(64 << 20)
	if p.has("B") {
		if bytes, err = size(p.value("B")); err != nil {
			return nil, err
		}
	}
	if p.has("P") && workers > 0 {
		var st unix.Statfs_t
		if err := unix.Statfs(".", &st); err != nil {
			return nil, err
		}
		percent, err := strconv.Atoi(p.value("P"))
		if err != nil {
			return nil, usage(fmt.Sprintf("invalid percentage '%s'", p.value("P")))
		}
		bytes = int64(st.Bavail) * st.Bsize / 100 * int64(percent) / int64(workers)
	}
	for range workers {
		f, err := os.CreateTemp(".", ".stress-")
		if err != nil {
			return files, err
		}
		files = append(files, f)
		if err := os.Remove(f.Name()); err != nil {
			return files, err
		}
		go func() {
			block := make([]byte, 1<<20)
			for at := int64(0); ctx.Err() == nil; at += int64(len(block)) {
				if at+int64(len(block)) > bytes {
					at = 0
				}
				if _, err := f.WriteAt(block, at); err != nil {
					at = 0 // the disk is full: from the beginning
				}
				if at%(16<<20) == 0 {
					_ = f.Sync() // what it cannot write, the next write tells
				}
			}
		}()
	}
	return files, nil
}
