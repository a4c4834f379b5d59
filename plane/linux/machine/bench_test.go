//go:build linux

package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pileus/clock"
)

// BenchmarkBoot measures from EnsureMachine to the end of user data, and what
// a machine uses that then does nothing. PILEUS_PROGRAM names the executable
// to boot; docs/performance.md has the figures of the whole pileus program.
func BenchmarkBoot(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b)
			boots := 0
			var total time.Duration
			var memory uint64
			for b.Loop() {
				boots++
				total += w.bootMany(b, boots, n, &memory)
			}
			b.ReportMetric(float64(total.Milliseconds())/float64(boots), "ms/boot")
			b.ReportMetric(float64(memory)/(1<<20), "MiB-raw/machine")
		})
	}
}

// bootMany boots n machines at once.
func (w *world) bootMany(b *testing.B, round, n int, memory *uint64) time.Duration {
	data := map[string]string{"user-data": "#!/bin/sh\necho hello from $(hostname) > /root/hello\n"}
	ids := make([]string, n)
	var wg sync.WaitGroup
	for i := range ids {
		ids[i] = fmt.Sprintf("i-%d-%d", round, i)
	}
	machines := make(map[string]func() error, n)
	for _, id := range ids {
		m := w.machine(id, data)
		machines[id] = func() error { return w.machines.EnsureMachine(b.Context(), m) }
	}
	watch := clock.Start()
	var longest time.Duration
	for _, id := range ids {
		wg.Go(func() {
			if err := machines[id](); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	b.Logf("all launched after %v", watch.Elapsed())
	for _, id := range ids {
		w.ready(id)
	}
	longest = watch.Elapsed()
	clock.New().Wait(b.Context(), time.Second)
	u, err := w.machines.Sample(b.Context(), ids[n-1])
	if err != nil {
		b.Fatal(err)
	}
	*memory, _ = readNumber("/sys/fs/cgroup/memory/pileus-"+w.cloud, ids[n-1], "memory.usage_in_bytes")
	kernel, _ := readNumber("/sys/fs/cgroup/memory/pileus-"+w.cloud, ids[n-1], "memory.kmem.usage_in_bytes")
	stat, _ := os.ReadFile(filepath.Join("/sys/fs/cgroup/memory/pileus-"+w.cloud, ids[n-1], "memory.stat"))
	b.Logf("memory: sampled %.1f MiB, all %.1f MiB, kernel %.1f MiB; cpu %v\n%s", float64(u.MemoryBytes)/(1<<20), float64(*memory)/(1<<20), float64(kernel)/(1<<20), u.CPU, strings.Join(strings.Fields(string(stat))[:24], " "))
	return longest
}

func readNumber(path ...string) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}
