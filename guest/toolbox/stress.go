//go:build linux

package toolbox

import (
	"fmt"
	"runtime"
	"strconv"

	"pileus/clock"
)

// stress keeps processors and memory busy for a time.
func stress(c *call) error {
	p, err := c.parse(options{letters: "c:m:t:vqi:", long: map[string]string{"cpu": "c:", "vm": "m:", "timeout": "t:", "vm-bytes": "b:", "verbose": "v", "quiet": "q"}}, false)
	if err != nil {
		return err
	}
	count := func(letter string) int { n, _ := strconv.Atoi(p.value(letter)); return n }
	cpus, hogs := count("c"), count("m")
	if cpus+hogs == 0 {
		return usage("nothing to do: --cpu N, --vm N --vm-bytes SIZE, --timeout SECONDS")
	}
	runtime.GOMAXPROCS(cpus + hogs + 1)
	bytes := int64(256 << 20)
	if p.has("b") {
		if bytes, err = size(p.value("b")); err != nil {
			return err
		}
	}
	done := make(chan struct{})
	for range cpus {
		go func() {
			for x := uint64(1); ; x = x*6364136223846793005 + 1 {
				if x == 0 {
					return
				}
			}
		}()
	}
	for range hogs {
		go func() {
			b := make([]byte, bytes)
			for {
				for i := 0; i < len(b); i += 4096 {
					b[i]++
				}
			}
		}()
	}
	fmt.Fprintf(c.errors, "stress: info: dispatching hogs: %d cpu, 0 io, %d vm, 0 hdd\n", cpus, hogs)
	if !p.has("t") {
		<-done // for ever
	}
	d, err := seconds(p.value("t"))
	if err != nil {
		return err
	}
	if err := clock.New().Wait(c.ctx, d); err != nil {
		return err
	}
	fmt.Fprintf(c.errors, "stress: info: successful run completed in %ds\n", int(d.Seconds()))
	return nil
}
