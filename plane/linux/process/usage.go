//go:build linux

package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// userHz is the unit of processor time in /proc, on all that Go runs on.
const userHz = 100

// Time is what a process, by its folder in /proc, and those that it has waited for have used.
func Time(dir string) (t time.Duration) {
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

// Memory is what a process, by its folder in /proc, has in memory and shares with no other.
func Memory(dir string) uint64 {
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
