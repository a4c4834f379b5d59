package blob

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"pileus/store"
)

// medium is where sealed content lies: the disk, or memory.
type medium interface {
	// create makes a new file; size is a hint of its final size, 0 if unknown.
	create(id string, size int64) (sink, error)
	open(id string) (source, error)
	// remove removes a file, open readers of which go on.
	remove(id string) error
	// list calls f with the ids of all files.
	list(f func(id string) error) error
	// clear removes everything but the files that keep answers, which may not
	// be there. Nothing is made or removed meanwhile.
	clear(keep func() ([]string, error)) error
}

// sink is a file that is being written. It ends with finish or abort.
type sink interface {
	io.Writer
	// finish makes the file durable, and its name.
	finish() error
	// abort removes it.
	abort()
}

// source is a file that is being read.
type source interface {
	io.ReaderAt
	io.Closer
}

// mediumError makes an error of the medium one of the store's.
func mediumError(err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrFull):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w (%w)", store.ErrFull, err)
	}
	return fmt.Errorf("blob: %w", err)
}
