//go:build linux

package toolbox

import (
	"archive/tar"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// archiver is tar with its options.
type archiver struct {
	c       *call
	verbose bool
	says    io.Writer // the names of what goes into an archive
	strip   int
	dir     string
	names   []string
	exclude []string
	owners  bool
}

func tarTool(c *call) error {
	if len(c.args) > 0 && !strings.HasPrefix(c.args[0], "-") {
		c.args = append([]string{"-" + c.args[0]}, c.args[1:]...) // tar xzf
	}
	p, err := c.parse(options{letters: "cxtzjJvf:C:pmhOokaX:", long: map[string]string{
		"create": "c", "extract": "x", "get": "x", "list": "t", "gzip": "z", "gunzip": "z", "verbose": "v", "file": "f:", "directory": "C:", "strip-components": "S:",
		"exclude": "X:", "zstd": "a", "auto-compress": "a", "preserve-permissions": "p", "same-owner": "o", "no-same-owner": "m", "to-stdout": "O", "overwrite": "k", "numeric-owner": "p",
	}}, false)
	if err != nil {
		return err
	}
	a := &archiver{c: c, verbose: p.has("v"), dir: p.value("C"), names: p.args, exclude: p.all["X"], owners: os.Geteuid() == 0 && !p.has("m")}
	if p.has("S") {
		if _, err := fmt.Sscan(p.value("S"), &a.strip); err != nil {
			return usage("invalid number " + p.value("S"))
		}
	}
	file := p.value("f")
	if p.has("c") {
		a.says = c.out
		if file == "" || file == "-" {
			a.says = c.errors // the output is the archive
		}
		return a.write(file, p.has("z") || p.has("a") && !strings.HasSuffix(file, ".tar"))
	}
	if !p.has("x") && !p.has("t") {
		return usage("one of -c, -x and -t is needed")
	}
	in := c.in
	if file != "" && file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	return a.read(in, p.has("x"), p.has("O"))
}

// decompress reads what is compressed, by its first bytes.
func decompress(r io.Reader) (io.Reader, error) {
	first := make([]byte, 6)
	n, err := io.ReadFull(r, first)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, err
	}
	first = first[:n]
	whole := io.MultiReader(strings.NewReader(string(first)), r)
	switch {
	case n >= 2 && first[0] == 0x1f && first[1] == 0x8b:
		return gzip.NewReader(whole)
	case n >= 4 && string(first[:4]) == "\x28\xb5\x2f\xfd":
		return zstd.NewReader(whole)
	case n >= 3 && string(first[:3]) == "BZh":
		return bzip2.NewReader(whole), nil
	case n >= 6 && string(first) == "\xfd7zXZ\x00":
		return nil, errors.New("xz is not supported")
	}
	return whole, nil
}

func (a *archiver) read(in io.Reader, extract, show bool) error {
	plain, err := decompress(in)
	if err != nil {
		return err
	}
	// All names are looked up below one folder, which no link leaves.
	root, err := os.OpenRoot(filepath.Join(a.dir, "."))
	if err != nil {
		return err
	}
	defer root.Close()
	for t := tar.NewReader(plain); ; {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !a.wanted(h.Name) {
			continue
		}
		if !extract || a.verbose {
			a.c.printf("%s\n", h.Name)
		}
		switch {
		case !extract:
		case show:
			if _, err := io.Copy(a.c.out, t); err != nil {
				return err
			}
		default:
			if err := a.extract(root, h, t); err != nil {
				a.c.complain(fmt.Errorf("%s: %w", h.Name, err))
			}
		}
	}
}

func (a *archiver) wanted(name string) bool {
	clean := strings.TrimPrefix(strings.TrimSuffix(name, "/"), "./")
	for _, x := range a.exclude {
		if ok, _ := filepath.Match(x, clean); ok || clean == x || strings.HasPrefix(clean, x+"/") {
			return false
		}
		if ok, _ := filepath.Match(x, filepath.Base(clean)); ok {
			return false
		}
	}
	if len(a.names) == 0 {
		return true
	}
	for _, n := range a.names {
		n = strings.TrimPrefix(strings.TrimSuffix(n, "/"), "./")
		if clean == n || strings.HasPrefix(clean, n+"/") {
			return true
		}
	}
	return false
}

func (a *archiver) extract(root *os.Root, h *tar.Header, r io.Reader) error {
	name := strings.TrimLeft(filepath.Clean(h.Name), "/")
	parts := strings.Split(name, "/")
	if a.strip >= len(parts) || name == "." {
		return nil
	}
	name = filepath.Join(parts[a.strip:]...)
	mode := fs.FileMode(h.Mode).Perm()
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeDir {
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(name, mode|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	case tar.TypeSymlink:
		if err := root.Symlink(h.Linkname, name); err != nil {
			return err
		}
		if a.owners {
			return root.Lchown(name, h.Uid, h.Gid)
		}
		return nil
	case tar.TypeLink:
		return root.Link(strings.TrimLeft(filepath.Clean(h.Linkname), "/"), name)
	default:
		return fmt.Errorf("files of type %q are not supported", h.Typeflag)
	}
	if a.owners {
		if err := root.Lchown(name, h.Uid, h.Gid); err != nil {
			return err
		}
	}
	if err := root.Chmod(name, h.FileInfo().Mode()); err != nil {
		return err
	}
	return root.Chtimes(name, h.ModTime, h.ModTime)
}

func (a *archiver) write(file string, compressed bool) (err error) {
	if len(a.names) == 0 {
		return usage("cowardly refusing to create an empty archive")
	}
	out := a.c.out
	if file != "" && file != "-" {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	if compressed {
		z := gzip.NewWriter(out)
		defer func() { err = errors.Join(err, z.Close()) }()
		out = z
	}
	t := tar.NewWriter(out)
	if a.dir != "" {
		if err := os.Chdir(a.dir); err != nil {
			return err
		}
	}
	links := map[[2]uint64]string{}
	for _, n := range a.names {
		walked := filepath.WalkDir(n, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				a.c.complain(err)
				return nil
			}
			saved := a.names
			a.names = nil
			wanted := a.wanted(path)
			a.names = saved
			if !wanted {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			return a.add(t, path, d, links)
		})
		if walked != nil {
			return walked
		}
	}
	return t.Close()
}

func (a *archiver) add(t *tar.Writer, path string, d fs.DirEntry, links map[[2]uint64]string) error {
	info, err := d.Info()
	if err != nil {
		a.c.complain(err)
		return nil
	}
	if info.Mode()&fs.ModeSocket != 0 {
		return nil // nobody could use it again
	}
	to := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if to, err = os.Readlink(path); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, to)
	if err != nil {
		return err
	}
	h.Name = strings.TrimLeft(path, "/")
	if d.IsDir() {
		h.Name += "/"
	}
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{}
	st := info.Sys().(*syscall.Stat_t)
	h.Uname, h.Gname = userName(int(st.Uid)), groupName(int(st.Gid))
	if st.Nlink > 1 && info.Mode().IsRegular() {
		key := [2]uint64{st.Dev, st.Ino}
		if first, ok := links[key]; ok {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			links[key] = h.Name
		}
	}
	if a.verbose {
		fmt.Fprintln(a.says, h.Name)
	}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	if h.Typeflag != tar.TypeReg {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(t, f, h.Size)
	return err
}

// gzipTool is gzip, gunzip and zcat.
func gzipTool(c *call) error {
	p, err := c.parse(options{letters: "dckf123456789nqvt", long: map[string]string{"decompress": "d", "stdout": "c", "keep": "k", "force": "f", "best": "9", "fast": "1"}}, false)
	if err != nil {
		return err
	}
	back := p.has("d") || c.name != "gzip"
	show := p.has("c") || c.name == "zcat"
	return c.each(p.args, func(r io.Reader, name string) error {
		if name == "-" || show {
			return squeeze(c.out, r, back)
		}
		to := name + ".gz"
		if back {
			var ok bool
			if to, ok = strings.CutSuffix(name, ".gz"); !ok {
				if to, ok = strings.CutSuffix(name, ".tgz"); !ok {
					return fmt.Errorf("%s: unknown suffix -- ignored", name)
				}
				to += ".tar"
			}
		}
		flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
		if p.has("f") {
			flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		}
		f, err := os.OpenFile(to, flags, 0o666)
		if err != nil {
			return err
		}
		if i, e := os.Stat(name); e == nil {
			unix.Fchmod(int(f.Fd()), uint32(i.Mode().Perm()))
		}
		if err := errors.Join(squeeze(f, r, back), f.Close()); err != nil {
			return errors.Join(err, os.Remove(to))
		}
		if p.has("k") {
			return nil
		}
		return os.Remove(name)
	})
}

func squeeze(w io.Writer, r io.Reader, back bool) error {
	if back {
		z, err := gzip.NewReader(r)
		if err != nil {
			return errors.New("not in gzip format")
		}
		_, err = io.Copy(w, z)
		return err
	}
	z := gzip.NewWriter(w)
	_, err := io.Copy(z, r)
	return errors.Join(err, z.Close())
}
