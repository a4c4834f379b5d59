package blob

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memoryFileFor makes a file that exists in memory only.
func memoryFileFor(id string) (*os.File, error) {
	fd, err := unix.MemfdCreate("pileus-"+id, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "pileus-"+id), nil
}

// reopen is another descriptor with an offset of its own.
func reopen(f *os.File) (*os.File, error) {
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}

// machineMemory is the computer's memory, in bytes.
func machineMemory() int64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	return int64(s.Totalram) * int64(s.Unit)
}
