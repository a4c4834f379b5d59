package blob

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pileus/store"
)

// OpenMemoryWith is OpenMemory with a master key, for content that was sealed
// under it.
func OpenMemoryWith(masterKey []byte) (*Dir, error) {
	return newDir(newMemory(), masterKey, nil)
}

// Export puts every file that r's snapshot names below dir, in the form that
// Open reads. Files are linked where dir is on the same file system: content
// never changes, so a link is a copy. A file that was removed since the
// snapshot makes the transaction run again; dir is then empty again.
func (d *Dir) Export(r store.Reader, dir string) error {
	to, err := openDisk(dir)
	if err != nil {
		return mediumError(err)
	}
	prefix := []byte(fileRows)
	for row := range r.Scan(store.Range{From: prefix, To: store.Next(prefix)}) {
		k, err := store.ParseKey(row[len(prefix):])
		if err != nil || len(k) != 1 {
			return errors.New("blob: malformed row of a file")
		}
		id, ok := k[0].(string)
		if !ok {
			return errors.New("blob: malformed row of a file")
		}
		switch err := d.export(id, to); {
		case errors.Is(err, fs.ErrNotExist) && d.removed.has(id):
			if err := os.RemoveAll(dir); err != nil {
				return mediumError(err)
			}
			store.Again()
		case err != nil:
			return mediumError(err)
		}
	}
	return nil
}

func (d *Dir) export(id string, to *disk) error {
	if from, ok := d.medium.(*disk); ok {
		old, err := from.path(id)
		if err != nil {
			return err
		}
		path, err := to.path(id)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.Link(old, path); err == nil || errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return copyFile(id, d.medium, to)
}

// Import copies the content that Export put below dir into d, which is empty.
func (d *Dir) Import(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, contentFolder)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	from, err := openDisk(dir)
	if err != nil {
		return mediumError(err)
	}
	return mediumError(from.list(func(id string) error { return copyFile(id, from, d.medium) }))
}

func copyFile(id string, from, to medium) error {
	src, err := from.open(id)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := to.create(id, 0)
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, io.NewSectionReader(src, 0, 1<<62)); err != nil {
		dst.abort()
		return err
	}
	return dst.finish()
}
