//go:build linux

package volume

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"pileus/guest"
	"pileus/plane"
	"pileus/plane/sealed"
)

// A root volume is a copy of a template: a file system of the size that was
// asked for, made once. Its metadata says that the rest of it is zeros, so the
// file stays sparse, the kernel initialises nothing in the background, and a
// copy takes milliseconds however large it is.

// CreateRoot implements plane.Volumes.
func (s *Store) CreateRoot(ctx context.Context, id string, image plane.Image, size int64, o ...plane.VolumeOption) error {
	if err := checkID(id); err != nil {
		return err
	}
	template, err := s.template(ctx, image, size)
	if err != nil {
		return fmt.Errorf("root volume %s of image %s: %w", id, image.ID, err)
	}
	defer s.locks.lock(id)()
	return s.make(id, o, func(to *os.File, k *sealed.Key) error {
		if k == nil {
			return copyRoot(ctx, to, template, size)
		}
		return s.encryptRoot(ctx, to, k, template, size)
	})
}

// copyRoot makes to a copy of a template, grown to size.
func copyRoot(ctx context.Context, to *os.File, template string, size int64) error {
	from, err := os.Open(template)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := copySparse(to, from); err != nil {
		return err
	}
	st, err := from.Stat()
	if err != nil || st.Size() >= size {
		return err
	}
	if err := to.Truncate(size); err != nil {
		return err
	}
	if start, err := plane.ReadStart(from); err != nil || start.Disk {
		return err // the system of a disk takes the room itself
	}
	return growFileSystem(ctx, to.Name())
}

// encryptRoot is copyRoot for an encrypted volume. The tool that grows file
// systems needs a copy in the clear, of an image that is kept in the clear.
func (s *Store) encryptRoot(ctx context.Context, to *os.File, k *sealed.Key, template string, size int64) error {
	from, err := os.Open(template)
	if err != nil {
		return err
	}
	defer from.Close()
	st, err := from.Stat()
	if err != nil {
		return err
	}
	if st.Size() >= size {
		return copyEncrypted(to, from, k)
	}
	grown, err := os.CreateTemp(s.path(scratchDir), "root-")
	if err != nil {
		return err
	}
	defer s.removeScratch(grown.Name())
	defer grown.Close()
	if err := copyRoot(ctx, grown, template, size); err != nil {
		return err
	}
	return copyEncrypted(to, grown, k)
}

// template is the file that a root volume begins as.
func (s *Store) template(ctx context.Context, image plane.Image, size int64) (string, error) {
	switch image.Kind {
	case plane.Whole:
		if err := checkID(image.ID); err != nil {
			return "", err
		}
		path := s.imageFile(image.ID)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("image %s: %w", image.ID, plane.ErrNotFound)
		}
		return path, nil
	case plane.HostOverlay:
		return s.makeTemplate(ctx, "empty", size, nil)
	case plane.BuiltIn:
		var archive bytes.Buffer
		if err := guest.Archive(&archive); err != nil {
			return "", err
		}
		sum := sha256.Sum256(archive.Bytes())
		return s.makeTemplate(ctx, "built-in-"+hex.EncodeToString(sum[:8]), size, archive.Bytes())
	}
	return "", fmt.Errorf("image kind %q: %w", image.Kind, plane.ErrUnsupported)
}

// makeTemplate makes a file system of a size that holds an archive's files,
// unless it is there.
func (s *Store) makeTemplate(ctx context.Context, kind string, size int64, archive []byte) (string, error) {
	name := kind + "-" + strconv.FormatInt(size, 10) + ".ext4"
	path := s.path(templatesDir, name)
	defer s.locks.lock("template " + name)()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	s.dropOldTemplates(kind)
	dir, err := os.MkdirTemp(s.path(scratchDir), "template-")
	if err != nil {
		return "", err
	}
	defer s.removeScratch(dir)
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		return "", err
	}
	if archive != nil {
		if _, err := unpack(root, bytes.NewReader(archive)); err != nil {
			return "", err
		}
	}
	file := filepath.Join(dir, "file")
	if err := makeFileSystem(ctx, file, size, root); err != nil {
		return "", err
	}
	return path, os.Rename(file, path)
}

// dropOldTemplates removes those that another version of this program made.
func (s *Store) dropOldTemplates(kind string) {
	prefix, _, versioned := strings.Cut(kind, "built-in-")
	if !versioned || prefix != "" {
		return
	}
	entries, err := os.ReadDir(s.path(templatesDir))
	if err != nil {
		return // the next call will say why
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "built-in-") && !strings.HasPrefix(e.Name(), kind) {
			if err := os.Remove(s.path(templatesDir, e.Name())); err != nil {
				s.log.Warn("remove an old template", "err", err)
			}
		}
	}
}

func (s *Store) removeScratch(dir string) {
	if err := os.RemoveAll(dir); err != nil {
		s.log.Warn("remove scratch files", "dir", dir, "err", err)
	}
}

// features are named so that they do not depend on the machine's mke2fs.conf.
const features = "has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize,sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr"

// makeFileSystem makes an ext4 of size bytes in a new file, with a copy of
// folder in it.
func makeFileSystem(ctx context.Context, file string, size int64, folder string) error {
	args := []string{"-q", "-F", "-t", "ext4", "-O", features, "-b", "4096", "-I", "256", "-i", "16384", "-m", "0", "-J", "size=16", "-d", folder}
	// A new file holds zeros: nothing has to be written to say so. Programs
	// before 1.46.4 do not know the option and leave it to the kernel.
	var err error
	for _, option := range []string{"lazy_itable_init=0,assume_storage_prezeroed=1", "lazy_itable_init=1,lazy_journal_init=1"} {
		if err = errors.Join(truncate(file, 0), truncate(file, size)); err != nil {
			return err
		}
		all := append(append([]string(nil), args...), "-E", option, file)
		if err = run(ctx, "mkfs.ext4", all...); err == nil {
			return nil
		}
	}
	return err
}

func truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}

// growFileSystem makes a file system that is not mounted as large as its file.
func growFileSystem(ctx context.Context, file string) error {
	return run(ctx, "resize2fs", "-f", file)
}

// run runs one of e2fsprogs' tools.
func run(ctx context.Context, name string, args ...string) error {
	path, err := tool(name)
	if err != nil {
		return fmt.Errorf("%w: %s is not installed: install e2fsprogs", plane.ErrUnsupported, name)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"MKE2FS_CONFIG=/dev/null", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}
