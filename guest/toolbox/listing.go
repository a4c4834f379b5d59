//go:build linux

package toolbox

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"pileus/clock"
)

// entry is a file as ls shows it.
type entry struct {
	name, path string
	info       fs.FileInfo
}

// lister is ls with its options.
type lister struct {
	c                                            *call
	all, almost, long, human, recursive, folders bool
	byTime, bySize, reverse, unsorted            bool
	inode, classify, column, numbers             bool
}

func ls(c *call) error {
	p, err := c.parse(options{letters: "aAlhRdtSrfUiF1nCpgokHLZ", long: map[string]string{
		"all": "a", "almost-all": "A", "human-readable": "h", "recursive": "R", "directory": "d", "reverse": "r", "inode": "i",
		"classify": "F", "numeric-uid-gid": "n", "color": "k",
	}}, false)
	if err != nil {
		return err
	}
	l := &lister{
		c: c, all: p.has("a") || p.has("f"), almost: p.has("A"), long: p.has("l") || p.has("n") || p.has("g") || p.has("o") || c.name == "ll",
		human: p.has("h"), recursive: p.has("R"), folders: p.has("d"), byTime: p.has("t"), bySize: p.has("S"), reverse: p.has("r"),
		unsorted: p.has("U") || p.has("f"), inode: p.has("i"), classify: p.has("F") || p.has("p"), numbers: p.has("n"),
		column: p.has("1"),
	}
	f, ok := c.out.(*os.File)
	l.column = l.column || !ok || !term.IsTerminal(int(f.Fd()))
	names := p.args
	if len(names) == 0 {
		names = []string{"."}
	}
	var files []entry
	var folders []string
	for _, n := range names {
		info, err := os.Lstat(n)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 && !l.long {
			if to, e := os.Stat(n); e == nil {
				info = to
			}
		}
		switch {
		case err != nil:
			fmt.Fprintf(c.errors, "ls: cannot access '%s': %s\n", n, sentence(err.(*fs.PathError).Err))
			c.status = 2
		case info.IsDir() && !l.folders:
			folders = append(folders, n)
		default:
			files = append(files, entry{n, n, info})
		}
	}
	l.print(files)
	for i, n := range folders {
		if len(names) > 1 || l.recursive {
			if i > 0 || len(files) > 0 {
				c.printf("\n")
			}
			c.printf("%s:\n", n)
		}
		l.folder(n)
	}
	return nil
}

func (l *lister) folder(name string) {
	read, err := os.ReadDir(name)
	if err != nil {
		l.c.complain(err)
	}
	var list []entry
	if l.all {
		for _, n := range []string{".", ".."} {
			if info, err := os.Stat(filepath.Join(name, n)); err == nil {
				list = append(list, entry{n, filepath.Join(name, n), info})
			}
		}
	}
	for _, e := range read {
		if strings.HasPrefix(e.Name(), ".") && !l.all && !l.almost {
			continue
		}
		if info, err := e.Info(); err == nil {
			list = append(list, entry{e.Name(), filepath.Join(name, e.Name()), info})
		}
	}
	if l.long {
		var blocks int64
		for _, e := range list {
			blocks += e.info.Sys().(*syscall.Stat_t).Blocks
		}
		l.c.printf("total %d\n", blocks/2)
	}
	l.print(list)
	if !l.recursive {
		return
	}
	for _, e := range list {
		if e.info.IsDir() && e.name != "." && e.name != ".." {
			l.c.printf("\n%s:\n", e.path)
			l.folder(e.path)
		}
	}
}

func (l *lister) print(list []entry) {
	if !l.unsorted {
		slices.SortStableFunc(list, func(a, b entry) int {
			switch {
			case l.byTime && !a.info.ModTime().Equal(b.info.ModTime()):
				return b.info.ModTime().Compare(a.info.ModTime())
			case l.bySize && a.info.Size() != b.info.Size():
				return cmp.Compare(b.info.Size(), a.info.Size())
			}
			return cmp.Compare(a.name, b.name)
		})
	}
	if l.reverse {
		slices.Reverse(list)
	}
	if l.long {
		l.table(list)
		return
	}
	end := "\n"
	if !l.column {
		end = "  "
	}
	for _, e := range list {
		if l.inode {
			l.c.printf("%d ", e.info.Sys().(*syscall.Stat_t).Ino)
		}
		l.c.printf("%s%s%s", e.name, l.mark(e), end)
	}
	if !l.column && len(list) > 0 {
		l.c.printf("\n")
	}
}

// mark is the sign that -F puts behind a name.
func (l *lister) mark(e entry) string {
	if !l.classify {
		return ""
	}
	switch m := e.info.Mode(); {
	case m.IsDir():
		return "/"
	case m&fs.ModeSymlink != 0:
		return "@"
	case m&fs.ModeNamedPipe != 0:
		return "|"
	case m&fs.ModeSocket != 0:
		return "="
	case m&0o111 != 0:
		return "*"
	}
	return ""
}

func (l *lister) table(list []entry) {
	rows := make([][6]string, len(list))
	var wide [6]int
	for i, e := range list {
		st := e.info.Sys().(*syscall.Stat_t)
		owner, group := userName(int(st.Uid)), groupName(int(st.Gid))
		if l.numbers {
			owner, group = fmt.Sprint(st.Uid), fmt.Sprint(st.Gid)
		}
		length := fmt.Sprint(e.info.Size())
		switch {
		case e.info.Mode()&fs.ModeDevice != 0:
			length = fmt.Sprintf("%d, %d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
		case l.human:
			length = human(uint64(e.info.Size()))
		}
		rows[i] = [6]string{permissions(st.Mode), fmt.Sprint(st.Nlink), owner, group, length, when(e.info.ModTime())}
		for j, s := range rows[i] {
			wide[j] = max(wide[j], len(s))
		}
	}
	for i, e := range list {
		r := rows[i]
		if l.inode {
			l.c.printf("%d ", e.info.Sys().(*syscall.Stat_t).Ino)
		}
		l.c.printf("%s %*s %-*s %-*s %*s %s %s%s", r[0], wide[1], r[1], wide[2], r[2], wide[3], r[3], wide[4], r[4], r[5], e.name, l.mark(e))
		if e.info.Mode()&fs.ModeSymlink != 0 {
			to, _ := os.Readlink(e.path)
			l.c.printf(" -> %s", to)
		}
		l.c.printf("\n")
	}
}

// when is a time as ls shows it: with the hour if it was in the last half year.
func when(t time.Time) string {
	t = t.Local()
	if age := clock.Machine().Sub(t); age < 0 || age > 182*24*time.Hour {
		return t.Format("Jan _2  2006")
	}
	return t.Format("Jan _2 15:04")
}

// permissions are a mode as ls shows it.
func permissions(mode uint32) string {
	kinds := map[uint32]byte{unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFBLK: 'b', unix.S_IFCHR: 'c', unix.S_IFIFO: 'p', unix.S_IFSOCK: 's'}
	b := []byte("-rwxrwxrwx")
	if k, ok := kinds[mode&unix.S_IFMT]; ok {
		b[0] = k
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			b[1+i] = '-'
		}
	}
	for _, s := range []struct {
		bit  uint32
		at   int
		with byte
	}{{unix.S_ISUID, 3, 's'}, {unix.S_ISGID, 6, 's'}, {unix.S_ISVTX, 9, 't'}} {
		if mode&s.bit != 0 {
			if b[s.at] == '-' {
				b[s.at] = s.with - 'a' + 'A'
			} else {
				b[s.at] = s.with
			}
		}
	}
	return string(b)
}

// stat shows what is known of files.
func stat(c *call) error {
	p, err := c.parse(options{letters: "c:Lft", long: map[string]string{"format": "c:", "printf": "c:", "dereference": "L"}}, false)
	if err != nil {
		return err
	}
	for _, name := range p.args {
		var st unix.Stat_t
		get := unix.Lstat
		if p.has("L") {
			get = unix.Stat
		}
		if err := get(name, &st); err != nil {
			c.complain(&os.PathError{Op: "stat", Path: name, Err: err})
			continue
		}
		if p.has("c") {
			c.printf("%s\n", statFormat(p.value("c"), name, &st))
			continue
		}
		modified := time.Unix(st.Mtim.Unix()).Format("2006-01-02 15:04:05.000000000 -0700")
		c.printf("  File: %s\n  Size: %-10d\tBlocks: %-10d IO Block: %-6d %s\nDevice: %d,%d\tInode: %-10d  Links: %d\nAccess: (%04o/%s)  Uid: (%d/%s)   Gid: (%d/%s)\nModify: %s\n",
			name, st.Size, st.Blocks, st.Blksize, fileKind(&st), unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)), st.Ino, st.Nlink,
			st.Mode&0o7777, permissions(st.Mode), st.Uid, userName(int(st.Uid)), st.Gid, groupName(int(st.Gid)), modified)
	}
	return nil
}

func fileKind(st *unix.Stat_t) string {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "symbolic link"
	case unix.S_IFBLK:
		return "block special file"
	case unix.S_IFCHR:
		return "character special file"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	if st.Size == 0 {
		return "regular empty file"
	}
	return "regular file"
}

func statFormat(format, name string, st *unix.Stat_t) string {
	seconds, _ := st.Mtim.Unix()
	return strings.NewReplacer(
		"%%", "%", "%n", name, "%s", fmt.Sprint(st.Size), "%a", fmt.Sprintf("%o", st.Mode&0o7777), "%A", permissions(st.Mode),
		"%u", fmt.Sprint(st.Uid), "%U", userName(int(st.Uid)), "%g", fmt.Sprint(st.Gid), "%G", groupName(int(st.Gid)),
		"%i", fmt.Sprint(st.Ino), "%h", fmt.Sprint(st.Nlink), "%Y", fmt.Sprint(seconds), "%F", fileKind(st),
		"%b", fmt.Sprint(st.Blocks), "%y", time.Unix(st.Mtim.Unix()).Format("2006-01-02 15:04:05.000000000 -0700"), `\n`, "\n",
	).Replace(format)
}
