//go:build linux

package volume

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"pileus/plane"
)

// leastImage is how large an imported image's file system is at least: what
// AWS's own Linux images have.
const leastImage = 8 << 30

func (s *Store) imageFile(image string) string { return s.path(imagesDir, image+".ext4") }

// Import implements plane.Volumes. An image that exists is replaced. Files fill
// two thirds at most of the file system that is made for them.
func (s *Store) Import(ctx context.Context, image string, archive io.Reader) (made plane.Imported, err error) {
	if err := checkID(image); err != nil {
		return made, err
	}
	content, err := decompress(archive)
	if err != nil {
		return made, fmt.Errorf("import image %s: %w", image, err)
	}
	plain := bufio.NewReaderSize(content, 1<<20)
	head, err := plain.Peek(plane.StartSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return made, fmt.Errorf("import image %s: %w", image, err)
	}
	defer s.locks.lock("image " + image)()
	dir, err := os.MkdirTemp(s.path(scratchDir), "image-")
	if err != nil {
		return made, err
	}
	defer s.removeScratch(dir)
	file := filepath.Join(dir, "file")
	if made.Start = plane.StartOf(head); made.Start.Disk {
		made.Size, err = writeDisk(file, plain)
	} else {
		made.Size, err = makeImage(ctx, file, filepath.Join(dir, "root"), plain)
	}
	if err != nil {
		return made, full(fmt.Errorf("import image %s: %w", image, err))
	}
	if err := syncFile(file); err != nil {
		return made, err
	}
	if err := os.Rename(file, s.imageFile(image)); err != nil {
		return made, err
	}
	return made, syncDir(s.path(imagesDir))
}

// makeImage makes a file system of what an archive has; the folder is for the
// time of that.
func makeImage(ctx context.Context, file, folder string, archive io.Reader) (size int64, err error) {
	if err := os.Mkdir(folder, 0o755); err != nil {
		return 0, err
	}
	used, err := unpack(folder, archive)
	if err != nil {
		return 0, err
	}
	const gib = 1 << 30
	size = max(leastImage, (used*3/2+gib-1)/gib*gib)
	return size, makeFileSystem(ctx, file, size, folder)
}

// writeDisk writes a disk's content to a new file, without its zeros. Its size
// is a multiple of 1 MiB, as partitions are laid out.
func writeDisk(file string, content io.Reader) (size int64, err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	const piece = 1 << 20
	buf, zeros := make([]byte, piece), make([]byte, piece)
	for {
		n, err := io.ReadFull(content, buf)
		if n > 0 {
			if !bytes.Equal(buf[:n], zeros[:n]) {
				if _, err := f.WriteAt(buf[:n], size); err != nil {
					return 0, err
				}
			}
			size += piece
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return size, f.Truncate(size)
		}
		if err != nil {
			return 0, err
		}
	}
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// RemoveImage implements plane.Volumes; roots made of it are not concerned.
func (s *Store) RemoveImage(_ context.Context, image string) error {
	if err := checkID(image); err != nil {
		return err
	}
	defer s.locks.lock("image " + image)()
	if err := os.Remove(s.imageFile(image)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Images implements plane.Volumes.
func (s *Store) Images(context.Context) (ids []string, err error) {
	list, err := os.ReadDir(s.path(imagesDir))
	for _, e := range list {
		if id, ok := strings.CutSuffix(e.Name(), ".ext4"); ok {
			ids = append(ids, id)
		}
	}
	return ids, err
}

// decompress tells from the first bytes how an archive is compressed.
func decompress(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	head, err := b.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	has := func(magic string) bool { return len(head) >= len(magic) && string(head[:len(magic)]) == magic }
	switch {
	case has("\x1f\x8b"):
		return gzip.NewReader(b)
	case has("\x28\xb5\x2f\xfd"):
		d, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	case has("BZh"):
		return bzip2.NewReader(b), nil
	case has("\xfd7zXZ\x00"):
		return nil, fmt.Errorf("%w: the archive is compressed with xz; decompress it first (xz -dc)", plane.ErrUnsupported)
	}
	return b, nil
}
