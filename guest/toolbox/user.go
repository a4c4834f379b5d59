//go:build linux

package toolbox

import (
	"os"
	"strconv"
	"strings"
)

// lookup finds a line of /etc/passwd or /etc/group by name or number.
func lookup(file, name string) (fields []string) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) > 2 && (f[0] == name || f[2] == name) {
			return f
		}
	}
	return nil
}

// userName is a user's name, or the number where there is no name.
func userName(uid int) string { return nameOf("/etc/passwd", uid) }

func groupName(gid int) string { return nameOf("/etc/group", gid) }

func nameOf(file string, id int) string {
	b, _ := os.ReadFile(file)
	number := strconv.Itoa(id)
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == number {
			return f[0]
		}
	}
	return number
}
