package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"pileus/rng"
)

// clear puts folders with only the files to keep in the place of the others,
// which are moved aside, at once, and removed afterwards. A crash at any moment
// leaves the files to keep.
func (d *disk) clear(keep func() ([]string, error)) error {
	d.laid.Lock()
	defer d.laid.Unlock()
	ids, err := keep()
	if err != nil {
		return err
	}
	next := filepath.Join(d.root, nextFolder)
	if err := errors.Join(os.RemoveAll(next), os.Mkdir(next, 0o700)); err != nil {
		return err
	}
	made := map[int]bool{}
	for _, id := range ids {
		if err := d.carry(id, next, made); err != nil {
			return err
		}
	}
	for i := range made {
		if err := syncFolder(filepath.Join(next, folderName(i))); err != nil {
			return err
		}
	}
	if err := syncFolder(next); err != nil {
		return err
	}
	// One rename to a name that is not there yet: a sweep that is still under
	// way for an earlier clear finds the folder whole or not at all.
	trash := filepath.Join(d.root, trashPrefix+rng.Secret(12, rng.LowerAlNum))
	if err := os.Rename(d.base(), trash); err != nil {
		return err
	}
	return errors.Join(os.Rename(next, d.base()), syncFolder(d.root))
}

// carry links a file into the folders that come next; one that is not there is
// not yet made, or removed.
func (d *disk) carry(id, next string, made map[int]bool) error {
	i, err := folderOf(id)
	if err != nil {
		return err
	}
	folder := filepath.Join(next, folderName(i))
	if !made[i] {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return err
		}
		made[i] = true
	}
	old := filepath.Join(d.base(), folderName(i), id)
	if err := os.Link(old, filepath.Join(folder, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("keep content that is being written: %w", err)
	}
	return nil
}

// resume ends a clear that a crash has cut short between its two renames. One
// that had not come so far is as if it had not begun.
func (d *disk) resume() error {
	next := filepath.Join(d.root, nextFolder)
	if _, err := os.Stat(d.base()); err == nil {
		return os.RemoveAll(next)
	}
	if err := os.Rename(next, d.base()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes what clear has moved aside.
func (d *disk) sweep() error {
	names, err := filepath.Glob(filepath.Join(d.root, trashPrefix+"*"))
	for _, name := range names {
		err = errors.Join(err, os.RemoveAll(name))
	}
	return err
}
