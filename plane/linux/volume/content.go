//go:build linux

package volume

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// content reads a volume's file.
type content struct {
	*os.File
	size int64
}

func openContent(path string) (*content, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &content{f, st.Size()}, nil
}

func (c *content) Size() int64 { return c.size }

// Data implements plane.VolumeContent.
func (c *content) Data() ([]plane.Extent, error) {
	return extents(int(c.Fd()), c.size)
}

// extents are the spans of a sparse file that may hold anything but zeros.
func extents(fd int, size int64) (list []plane.Extent, err error) {
	for at := int64(0); at < size; {
		from, err := unix.Seek(fd, at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // nothing but a hole up to the end
		}
		if errors.Is(err, unix.EINVAL) { // this file system tells no holes
			return []plane.Extent{{Offset: 0, Length: size}}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("find data: %w", err)
		}
		to, err := unix.Seek(fd, from, unix.SEEK_HOLE)
		if err != nil {
			return nil, fmt.Errorf("find the end of data: %w", err)
		}
		to = min(to, size)
		if to <= from {
			break
		}
		list = append(list, plane.Extent{Offset: from, Length: to - from})
		at = to
	}
	return list, nil
}

// WriteVolume implements plane.Volumes. What f has written is durable when it
// returns.
func (s *Store) WriteVolume(_ context.Context, id string, f func(io.WriterAt) error) error {
	if err := s.exists(id); err != nil {
		return err
	}
	defer s.locks.lock(id)()
	_, open, err := s.device(id)
	if s.rootless {
		open, err = locked(s.file(id))
	}
	if err != nil {
		return err
	}
	if open {
		return fmt.Errorf("volume %s is open: %w", id, plane.ErrBusy)
	}
	file, err := os.OpenFile(s.file(id), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	st, err := file.Stat()
	if err == nil {
		err = f(bounded{file, st.Size()})
	}
	if err == nil {
		err = file.Sync()
	}
	return full(errors.Join(err, file.Close()))
}

// bounded keeps a volume from growing by being written to.
type bounded struct {
	file *os.File
	size int64
}

func (b bounded) WriteAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > b.size {
		return 0, fmt.Errorf("volume: %d bytes at %d are past its end at %d: %w", len(p), at, b.size, io.ErrShortWrite)
	}
	return b.file.WriteAt(p, at)
}
