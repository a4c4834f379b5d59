//go:build linux

package volume

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mountsOf finds where a device ("7:3") is mounted, in all mount namespaces:
// one path for each namespace, as this process can reach it.
func mountsOf(number string) []string {
	pids, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var list []string
	seen := map[string]bool{}
	for _, p := range pids {
		if _, err := strconv.Atoi(p.Name()); err != nil {
			continue
		}
		proc := filepath.Join("/proc", p.Name())
		ns, err := os.Readlink(filepath.Join(proc, "ns/mnt"))
		if err != nil || seen[ns] {
			continue // ended, or not ours to see
		}
		table, err := os.ReadFile(filepath.Join(proc, "mountinfo"))
		if err != nil || len(table) == 0 { // a process that is ending has none
			continue
		}
		seen[ns] = true
		if at, ok := findMount(table, number); ok {
			list = append(list, proc+"/root"+at)
		}
	}
	return list
}

// findMount is the first mount point of a device in a mountinfo table.
func findMount(table []byte, number string) (at string, ok bool) {
	for line := range bytes.Lines(table) {
		fields := strings.Fields(string(line))
		if len(fields) > 4 && fields[2] == number {
			return unescape(fields[4]), true
		}
	}
	return "", false
}

// unescape turns \040 and the like into the characters that they stand for.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
