//go:build linux

package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"pileus/plane"
	"pileus/plane/linux/process"
)

// Where no control groups count what a machine uses, its processes are asked:
// those of the PID namespace of its first one.

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
		u.CPU += process.Time(dir)
		u.MemoryBytes += process.Memory(dir)
	}
	return u, nil
}
