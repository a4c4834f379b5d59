package planetest

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// program is built at most once in a test process.
var program struct {
	sync.Once
	path string
	err  error
}

// Program is an executable that can be a machine's first process and tools:
// the test's own, whose TestMain must call guest.Main, or, where that is
// linked dynamically as -race and cgo have it, one that is built. RemoveProgram
// removes what was built.
func Program(t testing.TB) string {
	t.Helper()
	program.Do(func() { program.path, program.err = findProgram() })
	if program.err != nil {
		t.Fatal(program.err)
	}
	return program.path
}

// RemoveProgram removes what Program has built; a TestMain calls it at the end.
func RemoveProgram() {
	if own, err := os.Executable(); err == nil && program.path != "" && program.path != own {
		os.RemoveAll(filepath.Dir(program.path))
	}
}

func findProgram() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := elf.Open(own)
	if err == nil {
		defer f.Close()
		if f.Section(".interp") == nil {
			return own, nil
		}
	}
	dir, err := os.MkdirTemp("", "pileus-program-")
	if err != nil {
		return "", err
	}
	c := exec.Command("go", "build", "-o", dir+"/pileus", "pileus/guest/program")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	c.Stderr = os.Stderr
	return dir + "/pileus", c.Run()
}
