//go:build linux

package volume

import (
	"bufio"
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

// Import implements plane.Volumes. An image that exists is replaced; size is
// that of its file system, of which the files fill two thirds at most.
func (s *Store) Import(ctx context.Context, image string, archive io.Reader) (size int64, err error) {
	if err := checkID(image); err != nil {
		return 0, err
	}
	plain, err := decompress(archive)
	if err != nil {
		return 0, fmt.Errorf("import image %s: %w", image, err)
	}
	defer s.locks.lock("image " + image)()
	dir, err := os.MkdirTemp(s.path(scratchDir), "image-")
	if err != nil {
		return 0, err
	}
	defer s.removeScratch(dir)
	root, file := filepath.Join(dir, "root"), filepath.Join(dir, "file")
	if err := os.Mkdir(root, 0o755); err != nil {
		return 0, err
	}
	used, err := unpack(root, plain)
	if err != nil {
		return 0, full(fmt.Errorf("import image %s: %w", image, err))
	}
	const gib = 1 << 30
	size = max(leastImage, (used*3/2+gib-1)/gib*gib)
	if err := makeFileSystem(ctx, file, size, root); err != nil {
		return 0, err
	}
	if err := syncFile(file); err != nil {
		return 0, err
	}
	if err := os.Rename(file, s.imageFile(image)); err != nil {
		return 0, err
	}
	return size, syncDir(s.path(imagesDir))
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
