package blob

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// freeSpace is the size of the file system and what is free for us.
func freeSpace(path string) (total, avail uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, os.NewSyscallError("statfs", err)
	}
	return st.Blocks * uint64(st.Bsize), st.Bavail * uint64(st.Bsize), nil
}

// preallocate reserves a file's space, which tells a full disk at once and
// makes the sync at the end shorter.
func preallocate(f *os.File, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return os.NewSyscallError("fallocate", err)
}

// writeBack has the kernel begin to write a part of the file, so that little
// is left to do for the sync. It is only a hint.
func writeBack(f *os.File, offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}

func syncData(f *os.File) error {
	return os.NewSyscallError("fdatasync", unix.Fdatasync(int(f.Fd())))
}
