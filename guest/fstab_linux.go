package guest

import (
	"context"
	"os"
	"strings"
)

// mountTable mounts what /etc/fstab names beside the root, as a system does
// before its services start: what it has its owner wrote there. What cannot be
// mounted is told on the console, and the machine goes on without it.
func (m *machine) mountTable(ctx context.Context) {
	b, err := os.ReadFile("/etc/fstab")
	if err != nil || !names(string(b)) {
		return
	}
	r := &runner{m: m, ctx: ctx, out: m.console}
	if exit, err := r.command("mount", "-a"); err != nil || exit != 0 {
		m.console.printf("pileus: mount -a: exit status %d\n", exit)
	}
}

// names tells whether a table of mounts has an entry.
func names(fstab string) bool {
	for line := range strings.Lines(fstab) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return true
		}
	}
	return false
}
