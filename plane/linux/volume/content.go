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
	"pileus/plane/sealed"
)

// content reads a volume's file.
type content struct {
	*os.File
	size int64
}

// cipherContent reads the file of an encrypted volume in the clear.
type cipherContent struct {
	*content
	clear *sealed.File
}

// ReadAt implements plane.VolumeContent.
func (c cipherContent) ReadAt(p []byte, at int64) (int, error) { return c.clear.ReadAt(p, at) }

// show has f look at what a volume holds.
func (s *Store) show(p place, f func(plane.VolumeContent) error) error {
	file, err := os.Open(p.path)
	if err != nil {
		return err
	}
	defer file.Close()
	st, err := file.Stat()
	if err != nil {
		return err
	}
	c := &content{file, st.Size()}
	if !p.encrypted {
		return f(c)
	}
	k, err := s.key(p.id)
	if err != nil {
		return err
	}
	return f(cipherContent{c, sealed.NewFile(file, k)})
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
	defer s.locks.lock(id)()
	p, err := s.locate(id)
	if err != nil {
		return err
	}
	_, open, err := s.device(id)
	if s.rootless {
		open, err = locked(p.path)
	}
	if err != nil {
		return err
	}
	if open {
		return fmt.Errorf("volume %s is open: %w", id, plane.ErrBusy)
	}
	file, err := os.OpenFile(p.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	err = s.write(p, file, f)
	if err == nil {
		err = file.Sync()
	}
	return full(errors.Join(err, file.Close()))
}

// write has f write to a volume's file.
func (s *Store) write(p place, file *os.File, f func(io.WriterAt) error) error {
	st, err := file.Stat()
	if err != nil {
		return err
	}
	if !p.encrypted {
		return f(bounded{file, st.Size()})
	}
	k, err := s.key(p.id)
	if err != nil {
		return err
	}
	return f(bounded{sealed.NewFile(file, k), st.Size()})
}

// bounded keeps a volume from growing by being written to.
type bounded struct {
	file io.WriterAt
	size int64
}

func (b bounded) WriteAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > b.size {
		return 0, fmt.Errorf("volume: %d bytes at %d are past its end at %d: %w", len(p), at, b.size, io.ErrShortWrite)
	}
	return b.file.WriteAt(p, at)
}
