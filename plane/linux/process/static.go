//go:build linux

package process

import "debug/elf"

// NeedsStatic is why a program that is Dynamic cannot be the first process of a
// machine.
const NeedsStatic = "the pileus program is linked dynamically: build it with CGO_ENABLED=0"

// Dynamic tells whether a program needs libraries to run, which a machine's root
// does not have.
func Dynamic(program string) bool {
	f, err := elf.Open(program)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.Section(".interp") != nil
}
