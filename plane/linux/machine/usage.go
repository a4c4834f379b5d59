//go:build linux

package machine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"pileus/plane"
)

// Where no control groups count what a machine uses, its processes are asked:
// those of the PID namespace of its first one.

// userHz is the unit of processor time in /proc, on all that Go runs on.
const userHz = 100

// processUsage sums up what the processes of a machine use. The time of those
// that have ended is in that of those who waited for them.
func processUsage(first int) (u plane.Usage, err error) {
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid_for_children", first))
	if err != nil {
		return u, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return u, err
	}
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		dir := filepath.Join("/proc", e.Name())
		if ns, err := os.Readlink(filepath.Join(dir, "ns/pid")); err != nil || ns != own {
			continue // another's, or gone
		}
		u.CPU += processorTime(dir)
		u.MemoryBytes += ownMemory(dir)
	}
	return u, nil
}

// processorTime is what a process and those that it has waited for have used.
func processorTime(dir string) (t time.Duration) {
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return 0
	}
	// The second field is the program's name, in which anything may be.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	for i := 11; i <= 14 && i < len(f); i++ { // utime, stime, cutime, cstime
		n, _ := strconv.ParseInt(string(f[i]), 10, 64)
		t += time.Duration(n) * time.Second / userHz
	}
	return t
}

// ownMemory is what a process has in memory and shares with no other.
func ownMemory(dir string) uint64 {
	b, err := os.ReadFile(filepath.Join(dir, "statm"))
	if err != nil {
		return 0
	}
	var size, resident, shared uint64
	if _, err := fmt.Sscan(string(b), &size, &resident, &shared); err != nil {
		return 0
	}
	return (resident - min(shared, resident)) * uint64(os.Getpagesize())
}
