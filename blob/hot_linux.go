package blob

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapMemory is memory outside of Go's heap, in large pages where the kernel
// has them.
func mapMemory(size int64) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // a hint
	return b, nil
}

func unmapMemory(b []byte) error { return unix.Munmap(b) }

// machineMemory is the computer's memory, in bytes.
func machineMemory() int64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	return int64(s.Totalram) * int64(s.Unit)
}
