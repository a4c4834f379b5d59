//go:build linux

package volume

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"pileus/plane"
)

// unpack writes a tar archive's files below root and returns about how much
// room they need in a file system. Names are resolved by the kernel as if root
// were "/", so that nothing in an archive reaches out of it.
func unpack(root string, archive io.Reader) (used int64, err error) {
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	u := unpacker{root: fd}
	t := tar.NewReader(archive)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return u.used, u.finish()
		}
		if err != nil {
			return 0, fmt.Errorf("the archive is damaged: %w", err)
		}
		if err := u.entry(h, t); err != nil {
			return 0, fmt.Errorf("unpack %s: %w", h.Name, err)
		}
	}
}

type unpacker struct {
	root int // of the tree
	used int64
	// Folders get their modes and times last: a mode may forbid writing to them.
	folders []*tar.Header
}

const (
	blockSize = 4096
	inodeSize = 256
)

func (u *unpacker) entry(h *tar.Header, content io.Reader) error {
	name := path.Clean("/" + h.Name)
	if name == "/" {
		u.folders = append(u.folders, h)
		return nil
	}
	u.used += blockSize + inodeSize + (h.Size+blockSize-1)/blockSize*blockSize
	dir, err := u.folder(path.Dir(name))
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	base := path.Base(name)
	if h.Typeflag == tar.TypeDir {
		if err := unix.Mkdirat(dir, base, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		u.folders = append(u.folders, h)
		return nil
	}
	if err := unix.Unlinkat(dir, base, 0); err != nil && !errors.Is(err, unix.ENOENT) {
		return err // a later entry takes an earlier one's place; a folder does not give way
	}
	return u.leaf(h, dir, base, content)
}

// leaf makes what is no folder.
func (u *unpacker) leaf(h *tar.Header, dir int, base string, content io.Reader) error {
	switch h.Typeflag {
	case tar.TypeReg:
		return u.file(h, dir, base, content)
	case tar.TypeSymlink:
		if err := unix.Symlinkat(h.Linkname, dir, base); err != nil {
			return err
		}
	case tar.TypeLink:
		return u.hardLink(h, dir, base)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		kind := map[byte]uint32{tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}[h.Typeflag]
		err := unix.Mknodat(dir, base, kind|uint32(h.Mode)&0o7777, int(unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))))
		if errors.Is(err, unix.EPERM) && h.Typeflag != tar.TypeFifo {
			return nil // no privilege to make devices; a machine gets its own
		}
		if err != nil {
			return err
		}
	default:
		return nil // a kind of header that is no file
	}
	return u.own(dir, base, h)
}

// folder opens the folder of a name, and makes those that the archive left out.
func (u *unpacker) folder(name string) (fd int, err error) {
	how := &unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	fd, err = unix.Openat2(u.root, name, how)
	if !errors.Is(err, unix.ENOENT) || name == "/" {
		return fd, err
	}
	parent, err := u.folder(path.Dir(name))
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := unix.Mkdirat(parent, path.Base(name), 0o755); err != nil {
		return -1, err
	}
	return unix.Openat2(u.root, name, how)
}

func (u *unpacker) file(h *tar.Header, dir int, base string, content io.Reader) error {
	fd, err := unix.Openat(dir, base, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), h.Name)
	_, err = io.Copy(f, content)
	if err == nil {
		err = u.own(dir, base, h)
	}
	if err == nil {
		err = u.attributes(fd, h)
	}
	if err == nil {
		err = unix.Fchmod(fd, uint32(h.Mode)&0o7777) // last: a change of owner takes set-id bits away
	}
	if err == nil {
		err = setTime(dir, base, h)
	}
	return errors.Join(err, f.Close())
}

func (u *unpacker) hardLink(h *tar.Header, dir int, base string) error {
	target := path.Clean("/" + h.Linkname)
	from, err := u.folder(path.Dir(target))
	if err != nil {
		return err
	}
	defer unix.Close(from)
	return unix.Linkat(from, path.Base(target), dir, base, 0)
}

// attributes sets extended attributes: file capabilities.
func (u *unpacker) attributes(fd int, h *tar.Header) error {
	for k, v := range h.PAXRecords {
		name, ok := strings.CutPrefix(k, "SCHILY.xattr.")
		if !ok {
			continue
		}
		err := unix.Fsetxattr(fd, name, []byte(v), 0)
		if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EOPNOTSUPP) {
			return fmt.Errorf("attribute %s: %w", name, err)
		}
	}
	return nil
}

func (u *unpacker) own(dir int, base string, h *tar.Header) error {
	return owned(unix.Fchownat(dir, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW), h)
}

// owned says what is missing where a file cannot be given to its owner.
func owned(err error, h *tar.Header) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) { // EINVAL: this user namespace does not know the owner
		return fmt.Errorf("%w: its owner is %d:%d, and only root of the whole machine can give files away", plane.ErrUnsupported, h.Uid, h.Gid)
	}
	return err
}

func setTime(dir int, base string, h *tar.Header) error {
	at, err := unix.TimeToTimespec(h.ModTime)
	if err != nil {
		return nil // a time that the kernel cannot say
	}
	return unix.UtimesNanoAt(dir, base, []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW)
}

// finish gives folders their owners, modes and times, the deepest first.
func (u *unpacker) finish() error {
	for i := len(u.folders) - 1; i >= 0; i-- {
		h := u.folders[i]
		fd, err := u.folder(path.Clean("/" + h.Name))
		if err != nil {
			return fmt.Errorf("folder %s: %w", h.Name, err)
		}
		self := fmt.Sprintf("/proc/self/fd/%d", fd)
		err = owned(unix.Chown(self, h.Uid, h.Gid), h)
		if err == nil {
			err = unix.Chmod(self, uint32(h.Mode)&0o7777)
		}
		if at, terr := unix.TimeToTimespec(h.ModTime); err == nil && terr == nil {
			err = unix.UtimesNanoAt(unix.AT_FDCWD, self, []unix.Timespec{at, at}, 0)
		}
		if err = errors.Join(err, unix.Close(fd)); err != nil {
			return fmt.Errorf("folder %s: %w", h.Name, err)
		}
	}
	return nil
}
