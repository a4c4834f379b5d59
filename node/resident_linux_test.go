package node

import (
	"slices"
	"strings"
	"testing"
)

// TestOnlyUntouchedMappingsAreLetGo: a page that the linker wrote is lost when
// its mapping is let go, and with it the program.
func TestOnlyUntouchedMappingsAreLetGo(t *testing.T) {
	const smaps = `00400000-00500000 r-xp 00000000 fe:00 12 /usr/bin/pileus
Rss:                 512 kB
Anonymous:             0 kB
00500000-00600000 r--p 00100000 fe:00 12 /usr/bin/pileus
Anonymous:             4 kB
00600000-00700000 rw-p 00200000 fe:00 12 /usr/bin/pileus
Anonymous:             0 kB
00700000-00800000 r--p 00000000 fe:00 13 /usr/lib/libc.so.6
Anonymous:             0 kB
00800000-00900000 r--p 00300000 fe:00 12 /usr/bin/pileus
Anonymous:             0 kB
7ffc0000-7ffd0000 rw-p 00000000 00:00 0
Anonymous:             0 kB
`
	got := untouched(strings.NewReader(smaps), "/usr/bin/pileus")
	if want := []mapping{{0x400000, 0x500000}, {0x800000, 0x900000}}; !slices.Equal(got, want) {
		t.Errorf("let go: %x, want %x", got, want)
	}
}

// TestProgramRunsOnWithoutItsCode lets go of the test's own code, and runs on.
func TestProgramRunsOnWithoutItsCode(t *testing.T) {
	for range 3 {
		unmapCode()
		if s := strings.Repeat("ab", 3); s != "ababab" {
			t.Fatal(s)
		}
	}
}
