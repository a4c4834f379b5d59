package node

import (
	"bufio"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapCode takes the program's own code and constants out of this process's
// memory: what is used again comes back from the machine's page cache, which
// has them anyway, and what only the start or a busy minute needed does not.
func unmapCode() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return // no /proc: they stay
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer f.Close()
	for _, m := range untouched(f, self) {
		// A kernel that refuses leaves things as they are.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED)
	}
}

// mapping is a range of addresses.
type mapping struct{ start, end uintptr }

// untouched are the mappings of a file, as smaps lists them, that can be read
// from the file again: those that cannot be written, and of which no page has
// become the process's own. (Tables that the linker fills in and then protects
// have such pages.)
// https://docs.kernel.org/filesystems/proc.html
func untouched(smaps io.Reader, file string) (list []mapping) {
	var at *mapping
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
		part := strings.Fields(lines.Text())
		switch {
		case len(part) == 0:
		case len(part) >= 5 && strings.Contains(part[0], "-"): // 00400000-0175d000 r-xp 00000000 fe:00 1234 /usr/bin/pileus
			at = nil
			if strings.HasSuffix(lines.Text(), " "+file) && !strings.Contains(part[1], "w") {
				from, to, _ := strings.Cut(part[0], "-")
				start, err1 := strconv.ParseUint(from, 16, 64)
				end, err2 := strconv.ParseUint(to, 16, 64)
				if err1 == nil && err2 == nil {
					at = &mapping{uintptr(start), uintptr(end)}
				}
			}
		case part[0] == "Anonymous:" && len(part) > 1 && part[1] == "0" && at != nil:
			list = append(list, *at)
		}
	}
	return list
}
