package node

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"pileus/rng"
)

// A data directory holds generations of the cloud, numbered folders of the
// same form as a snapshot, and the file "current" that names the one in use.
// Loading a snapshot makes another generation and then changes that file, so a
// crash at any moment leaves a whole cloud: the old one or the new.
const currentFile = "current"

const keySize = 32

// firstGeneration is the one in use where no file names another.
const firstGeneration = 1

// currentGeneration is the one in use; the others, which a crash may have left
// behind, are removed. The data directory is locked.
func currentGeneration(dataDir string) (generation, error) {
	g := generation{dataDir, firstGeneration}
	if dataDir == "" {
		return g, nil
	}
	name, err := os.ReadFile(filepath.Join(dataDir, currentFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(g.path(), 0o700); err != nil {
			return g, err
		}
	case err != nil:
		return g, err
	default:
		if g.number, err = strconv.Atoi(strings.TrimSpace(string(name))); err != nil {
			return g, fmt.Errorf("%s does not name a generation: %w", filepath.Join(dataDir, currentFile), err)
		}
	}
	return g, g.removeOthers()
}

type generation struct {
	dataDir string
	number  int
}

func (g generation) path() string { return filepath.Join(g.dataDir, strconv.Itoa(g.number)) }

// choose makes the generation the current one, durably. In memory there is
// nothing to choose.
func (g generation) choose() error {
	if g.dataDir == "" {
		return nil
	}
	return writeFile(filepath.Join(g.dataDir, currentFile), []byte(strconv.Itoa(g.number)+"\n"))
}

// removeOthers removes every other generation. In memory there are none.
func (g generation) removeOthers() error {
	if g.dataDir == "" {
		return nil
	}
	entries, err := os.ReadDir(g.dataDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil && n != g.number {
			if err := os.RemoveAll(filepath.Join(g.dataDir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// discard removes a generation that was staged and will not be used.
func (g generation) discard() error {
	if g.dataDir == "" {
		return nil
	}
	return os.RemoveAll(g.path())
}

// stage copies a snapshot to a new generation, which is not yet chosen.
func stage(dataDir, snapshot string) (generation, error) {
	if dataDir == "" {
		return generation{}, nil
	}
	current, err := currentGeneration(dataDir)
	if err != nil {
		return generation{}, err
	}
	g := generation{dataDir, current.number + 1}
	return g, errors.Join(copyTree(snapshot, g.path()), syncTree(g.path()), syncFolder(dataDir))
}

// syncTree makes durable which files a tree has. What is in those that were
// linked is so already.
func syncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncFolder(path)
	})
}

// copyTree copies a snapshot's folder. Files that are never written again,
// which are the store's tables and all content, are linked. What its volumes hold
// stays where it is: the data plane reads it from there, and copies of sparse
// files would be as large as the disks.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() && rel == snapshotVolumes {
			return filepath.SkipDir
		}
		if d.IsDir() {
			return os.MkdirAll(target, 0o700)
		}
		if filepath.Ext(path) == ".sst" || strings.HasPrefix(rel, snapshotContent+string(filepath.Separator)) {
			if os.Link(path, target) == nil {
				return nil
			}
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Sync(), dst.Close())
}

// masterKey reads the key that wraps the keys of all content, or makes it. It
// lies beside the data, so it guards a stolen copy of the content only.
func masterKey(dir string) ([]byte, error) {
	file := filepath.Join(dir, snapshotKey)
	b, err := os.ReadFile(file)
	switch {
	case err == nil && len(b) == keySize:
		return b, nil
	case err == nil:
		return nil, fmt.Errorf("%s must be %d bytes long and is %d", file, keySize, len(b))
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	key := rng.Bytes(keySize)
	return key, writeFile(file, key)
}

// writeFile replaces a file so that after a crash there is the old one or the
// new, never a part.
func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
