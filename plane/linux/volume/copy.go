//go:build linux

package volume

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// copySparse makes to, which is empty, a copy of from: with shared blocks
// where the file system can, else by copying what is no hole.
func copySparse(to, from *os.File) error {
	if unix.IoctlFileClone(int(to.Fd()), int(from.Fd())) == nil {
		return nil
	}
	return eachExtent(to, from, func(e plane.Extent) error { return copyExtent(to, from, e.Offset, e.Length) })
}

// eachExtent makes to, which is empty, as large as from, and has what is no hole
// copied.
func eachExtent(to, from *os.File, span func(plane.Extent) error) error {
	st, err := from.Stat()
	if err != nil {
		return err
	}
	if err := to.Truncate(st.Size()); err != nil {
		return err
	}
	list, err := extents(int(from.Fd()), st.Size())
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := span(e); err != nil {
			return err
		}
	}
	return nil
}

// copyExtent copies a span to the same place, in the kernel where it can.
func copyExtent(to, from *os.File, at, length int64) error {
	in, out := at, at
	for length > 0 {
		n, err := unix.CopyFileRange(int(from.Fd()), &in, int(to.Fd()), &out, int(min(length, 1<<30)), 0)
		switch {
		case err == nil && n > 0:
			length -= int64(n)
		case errors.Is(err, unix.EINTR):
		case err == nil: // the file ended early
			return fmt.Errorf("copy: %d bytes are missing at %d", length, in)
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EXDEV), errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
			return copyByHand(to, from, in, length)
		default:
			return err
		}
	}
	return nil
}

func copyByHand(to, from *os.File, at, length int64) error {
	buf := make([]byte, min(length, 1<<20))
	for length > 0 {
		n, err := from.ReadAt(buf[:min(length, int64(len(buf)))], at)
		if n == 0 {
			return err
		}
		if _, err := to.WriteAt(buf[:n], at); err != nil {
			return err
		}
		at, length = at+int64(n), length-int64(n)
	}
	return nil
}
