package blob

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pageUnit is the size of a large page.
const pageUnit = 2 << 20

// pages are memory outside of Go's heap, in large pages where the kernel has
// them.
type pages struct {
	data     []byte
	reserved unsafe.Pointer // the range of addresses, with room to begin at a large page
	length   uintptr        // of that range
}

// mapPages maps memory. The size is a multiple of pageUnit. What is not used of
// it takes up addresses only.
func mapPages(size int64) (*pages, error) {
	p := &pages{length: uintptr(size + pageUnit)}
	var err error
	p.reserved, err = unix.MmapPtr(-1, 0, nil, p.length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	p.data = unsafe.Slice((*byte)(unsafe.Add(p.reserved, -uintptr(p.reserved)%pageUnit)), size)
	_ = unix.Madvise(p.data, unix.MADV_HUGEPAGE) // a hint
	return p, nil
}

func (p *pages) size() int64 { return int64(len(p.data)) }

// free gives the memory back.
func (p *pages) free() {
	// It fails only for what was never mapped.
	_ = unix.MunmapPtr(p.reserved, p.length)
	p.data = nil
}

// machineMemory is the computer's memory, in bytes.
func machineMemory() int64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	return int64(s.Totalram) * int64(s.Unit)
}
