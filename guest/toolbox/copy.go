//go:build linux

package toolbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// destination says for several sources and one destination, as cp and mv have
// them, what each becomes.
func (c *call) destination(args []string, target string) (sources []string, name func(source string) string, err error) {
	if target == "" {
		if len(args) < 2 {
			return nil, nil, usage("missing destination file operand")
		}
		args, target = args[:len(args)-1], args[len(args)-1]
	} else if !isFolder(target) {
		return nil, nil, fmt.Errorf("target '%s' is not a directory", target)
	}
	if isFolder(target) {
		return args, func(s string) string { return filepath.Join(target, filepath.Base(absolute(s))) }, nil
	}
	if len(args) > 1 || strings.HasSuffix(target, "/") && !isFolder(args[0]) {
		return nil, nil, fmt.Errorf("target '%s' is not a directory", target)
	}
	return args, func(string) string { return target }, nil
}

// cp copies files and trees.
func cp(c *call) error {
	p, err := c.parse(options{letters: "rRafpvdPLTunit:", long: map[string]string{
		"recursive": "r", "archive": "a", "force": "f", "preserve": "p", "verbose": "v", "target-directory": "t:", "no-clobber": "n", "update": "u",
	}}, false)
	if err != nil {
		return err
	}
	sources, name, err := c.destination(p.args, p.value("t"))
	if err != nil {
		return err
	}
	k := copier{
		recursive: p.has("r") || p.has("R") || p.has("a"), keep: p.has("p") || p.has("a"),
		links: p.has("d") || p.has("P") || p.has("a") || p.has("r") || p.has("R"), force: p.has("f"), spare: p.has("n"), newer: p.has("u"),
	}
	if p.has("L") {
		k.links = false
	}
	for _, s := range sources {
		if err := k.copy(s, name(s)); err != nil {
			c.complain(err)
		} else if p.has("v") {
			c.printf("'%s' -> '%s'\n", s, name(s))
		}
	}
	return nil
}

// copier copies with cp's options.
type copier struct {
	recursive, keep, links, force, spare, newer bool
}

func (k copier) copy(from, to string) error {
	stat := os.Stat
	if k.links {
		stat = os.Lstat
	}
	info, err := stat(from)
	if err != nil {
		return err
	}
	if old, err := os.Stat(to); err == nil {
		switch {
		case os.SameFile(old, info):
			return fmt.Errorf("'%s' and '%s' are the same file", from, to)
		case k.spare || k.newer && !info.ModTime().After(old.ModTime()):
			return nil
		}
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		return k.folder(from, to, info)
	case mode&fs.ModeSymlink != 0:
		return k.link(from, to)
	case mode.IsRegular():
		return k.file(from, to, info)
	case k.recursive:
		st := info.Sys().(*syscall.Stat_t)
		return errors.Join(unix.Mknod(to, st.Mode, int(st.Rdev)), k.finish(to, info))
	default:
		return k.file(from, to, info)
	}
}

func (k copier) folder(from, to string, info fs.FileInfo) error {
	if !k.recursive {
		return fmt.Errorf("-r not specified; omitting directory '%s'", from)
	}
	inner, err := filepath.Rel(absolute(from), absolute(to))
	if err == nil && inner != ".." && !strings.HasPrefix(inner, "../") {
		return fmt.Errorf("cannot copy a directory, '%s', into itself, '%s'", from, to)
	}
	if err := os.Mkdir(to, info.Mode().Perm()|0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	var all error
	for _, e := range entries {
		all = errors.Join(all, k.copy(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())))
	}
	return errors.Join(all, k.finish(to, info))
}

func (k copier) link(from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, to)
}

func (k copier) file(from, to string, info fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil && k.force && os.Remove(to) == nil {
		out, err = os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), k.finish(to, info))
}

// finish gives a copy what the original has, if that is to be kept.
func (k copier) finish(to string, info fs.FileInfo) error {
	if !k.keep {
		return nil
	}
	st := info.Sys().(*syscall.Stat_t)
	if err := os.Lchown(to, int(st.Uid), int(st.Gid)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if err := unix.Chmod(to, st.Mode&0o7777); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// mv renames files, or copies and removes them where that is not possible.
func mv(c *call) error {
	p, err := c.parse(options{letters: "fnviuTt:", long: map[string]string{"force": "f", "no-clobber": "n", "verbose": "v", "target-directory": "t:"}}, false)
	if err != nil {
		return err
	}
	sources, name, err := c.destination(p.args, p.value("t"))
	if err != nil {
		return err
	}
	for _, s := range sources {
		to := name(s)
		if _, err := os.Lstat(to); err == nil && p.has("n") {
			continue
		}
		err := os.Rename(s, to)
		if errors.Is(err, unix.EXDEV) {
			err = copier{recursive: true, keep: true, links: true}.copy(s, to)
			if err == nil {
				err = os.RemoveAll(s)
			}
		}
		if err != nil {
			c.complain(err)
		} else if p.has("v") {
			c.printf("renamed '%s' -> '%s'\n", s, to)
		}
	}
	return nil
}

// install copies with a mode and an owner, or makes folders.
func install(c *call) error {
	p, err := c.parse(options{letters: "dDm:o:g:cvt:", long: map[string]string{"directory": "d", "mode": "m:", "owner": "o:", "group": "g:"}}, false)
	if err != nil {
		return err
	}
	mode := p.value("m")
	if mode == "" {
		mode = "755"
	}
	finish := func(name string) error {
		if p.has("o") || p.has("g") {
			if err := changeOwner(name, p.value("o")+":"+p.value("g"), false); err != nil {
				return err
			}
		}
		return changeMode(name, mode)
	}
	if p.has("d") {
		for _, name := range p.args {
			if err := errors.Join(os.MkdirAll(name, 0o755), finish(name)); err != nil {
				c.complain(err)
			}
		}
		return nil
	}
	if p.has("D") && len(p.args) == 2 {
		if err := os.MkdirAll(filepath.Dir(p.args[1]), 0o755); err != nil {
			return err
		}
	}
	sources, name, err := c.destination(p.args, p.value("t"))
	if err != nil {
		return err
	}
	for _, s := range sources {
		os.Remove(name(s)) // a program that runs keeps its old file
		if err := (copier{}).copy(s, name(s)); err != nil {
			c.complain(err)
		} else if err := finish(name(s)); err != nil {
			c.complain(err)
		}
	}
	return nil
}
