//go:build linux

package toolbox

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
)

// mkdir makes folders.
func mkdir(c *call) error {
	p, err := c.parse(options{letters: "pm:v", long: map[string]string{"parents": "p", "mode": "m:", "verbose": "v"}}, false)
	if err != nil {
		return err
	}
	if len(p.args) == 0 {
		return usage("missing operand")
	}
	for _, name := range p.args {
		make := os.Mkdir
		if p.has("p") {
			make = os.MkdirAll
		}
		if err := make(name, 0o777); err != nil {
			c.complain(err)
			continue
		}
		if p.has("m") {
			if err := changeMode(name, p.value("m")); err != nil {
				c.complain(err)
			}
		}
		if p.has("v") {
			c.printf("mkdir: created directory '%s'\n", name)
		}
	}
	return nil
}

// rmdir removes empty folders.
func rmdir(c *call) error {
	p, err := c.parse(options{letters: "p", long: map[string]string{"parents": "p"}}, false)
	if err != nil {
		return err
	}
	for _, name := range p.args {
		for {
			if err := unix.Rmdir(name); err != nil {
				c.complain(&os.PathError{Op: "rmdir", Path: name, Err: err})
				break
			}
			if name = filepath.Dir(name); !p.has("p") || name == "." || name == "/" {
				break
			}
		}
	}
	return nil
}

// rm removes files, and folders where it is told to.
func rm(c *call) error {
	p, err := c.parse(options{letters: "rRfivd", long: map[string]string{"recursive": "r", "force": "f", "verbose": "v", "dir": "d"}}, false)
	if err != nil {
		return err
	}
	if len(p.args) == 0 && !p.has("f") {
		return usage("missing operand")
	}
	all := p.has("r") || p.has("R")
	for _, name := range p.args {
		if b := filepath.Base(name); b == ".." || filepath.Clean(name) == "/" || b == "." {
			c.complain(fmt.Errorf("refusing to remove '%s'", name))
			continue
		}
		info, err := os.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && p.has("f"):
			continue
		case err != nil:
		case info.IsDir() && all:
			err = os.RemoveAll(name)
		case info.IsDir() && !p.has("d"):
			err = &os.PathError{Op: "rm", Path: name, Err: unix.EISDIR}
		default:
			err = os.Remove(name)
		}
		if err != nil {
			c.complain(err)
		} else if p.has("v") {
			c.printf("removed '%s'\n", name)
		}
	}
	return nil
}

// ln makes links.
func ln(c *call) error {
	p, err := c.parse(options{letters: "sfnTvr", long: map[string]string{"symbolic": "s", "force": "f", "no-dereference": "n", "relative": "r"}}, false)
	if err != nil {
		return err
	}
	if len(p.args) == 0 {
		return usage("missing file operand")
	}
	targets, last := p.args, "."
	if len(p.args) > 1 {
		targets, last = p.args[:len(p.args)-1], p.args[len(p.args)-1]
	}
	into := isFolder(last)
	if p.has("n") || p.has("T") {
		i, err := os.Lstat(last)
		into = err == nil && i.IsDir()
	}
	if len(targets) > 1 && !into {
		return fmt.Errorf("target '%s' is not a directory", last)
	}
	for _, t := range targets {
		name := last
		if into {
			name = filepath.Join(last, filepath.Base(t))
		}
		if p.has("f") {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				c.complain(err)
				continue
			}
		}
		link := os.Link
		if p.has("s") {
			link = os.Symlink
			if p.has("r") {
				if t, err = filepath.Rel(filepath.Dir(absolute(name)), absolute(t)); err != nil {
					return err
				}
			}
		}
		if err := link(t, name); err != nil {
			c.complain(err)
		}
	}
	return nil
}

func absolute(name string) string {
	a, err := filepath.Abs(name)
	if err != nil {
		return name
	}
	return a
}

func isFolder(name string) bool {
	i, err := os.Stat(name)
	return err == nil && i.IsDir()
}

// touch makes files or renews their times.
func touch(c *call) error {
	p, err := c.parse(options{letters: "acmd:r:t:", long: map[string]string{"no-create": "c", "date": "d:", "reference": "r:"}}, false)
	if err != nil {
		return err
	}
	at := clock.Machine()
	if p.has("d") {
		if at, err = readTime(p.value("d"), at); err != nil {
			return err
		}
	}
	if p.has("r") {
		i, err := os.Stat(p.value("r"))
		if err != nil {
			return err
		}
		at = i.ModTime()
	}
	for _, name := range p.args {
		if !p.has("c") {
			f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|unix.O_NONBLOCK, 0o666)
			if err == nil {
				f.Close()
			} else if !isFolder(name) {
				c.complain(err)
				continue
			}
		}
		if err := os.Chtimes(name, at, at); err != nil && !(p.has("c") && errors.Is(err, fs.ErrNotExist)) {
			c.complain(err)
		}
	}
	return nil
}

// mktemp makes a file or folder of a name that nobody has.
func mktemp(c *call) error {
	p, err := c.parse(options{letters: "dqp:tu", long: map[string]string{"directory": "d", "tmpdir": "p:"}}, false)
	if err != nil {
		return err
	}
	template := "tmp.XXXXXXXXXX"
	dir := os.TempDir()
	if len(p.args) > 0 {
		template = p.args[0]
		if !p.has("t") {
			dir = ""
		}
	}
	if p.has("p") {
		dir = p.value("p")
	}
	if dir != "" {
		template = strings.TrimSuffix(dir, "/") + "/" + template
	}
	trimmed := strings.TrimRight(template, "X")
	if len(template)-len(trimmed) < 3 {
		return fmt.Errorf("too few X's in template '%s'", template)
	}
	name, err := unused(trimmed, len(template)-len(trimmed), func(name string) error {
		if p.has("d") {
			return os.Mkdir(name, 0o700)
		}
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		return f.Close()
	})
	if err != nil {
		return err
	}
	if p.has("u") {
		os.Remove(name)
	}
	c.printf("%s\n", name)
	return nil
}

// unused makes something under a name that begins with prefix and ends in n
// letters by chance.
func unused(prefix string, n int, make func(name string) error) (string, error) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for {
		b := []byte(rand.Text() + rand.Text() + rand.Text())
		rest := []byte(strings.Repeat("0", n))
		for i := range rest {
			rest[i] = letters[int(b[i%len(b)]+byte(i/len(b)))%len(letters)]
		}
		name := prefix + string(rest)
		if err := make(name); !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
}

// readlink prints where links lead; realpath, the path without links.
func readlink(c *call) error {
	p, err := c.parse(options{letters: "fenqsmz", long: map[string]string{"canonicalize": "f"}}, false)
	if err != nil {
		return err
	}
	for _, name := range p.args {
		var to string
		var err error
		if p.has("f") || p.has("e") || p.has("m") || c.name == "realpath" {
			to, err = resolve(name, !p.has("e"))
		} else {
			to, err = os.Readlink(name)
		}
		if err != nil {
			if c.name == "realpath" {
				c.complain(err)
			}
			c.status = 1
			continue
		}
		end := "\n"
		if p.has("n") {
			end = ""
		}
		c.printf("%s%s", to, end)
	}
	return nil
}

// resolve follows links; the last part of the path need not exist.
func resolve(name string, missing bool) (string, error) {
	full := absolute(name)
	to, err := filepath.EvalSymlinks(full)
	if err == nil || !missing || !errors.Is(err, fs.ErrNotExist) {
		return to, err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(full))
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, filepath.Base(full)), nil
}

func basename(c *call) error {
	args := c.args
	if len(args) == 0 {
		return usage("missing operand")
	}
	name := filepath.Base(args[0])
	if len(args) > 1 && name != args[1] {
		name = strings.TrimSuffix(name, args[1])
	}
	c.printf("%s\n", name)
	return nil
}

func dirname(c *call) error {
	if len(c.args) == 0 {
		return usage("missing operand")
	}
	for _, a := range c.args {
		c.printf("%s\n", filepath.Dir(strings.TrimRight(a, "/")))
	}
	return nil
}

// dd copies blocks.
func dd(c *call) error {
	v := map[string]string{"bs": "512"}
	for _, a := range c.args {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			return usage(fmt.Sprintf("unrecognized operand '%s'", a))
		}
		v[name] = value
	}
	number := func(name string, none int64) (int64, error) {
		if v[name] == "" {
			return none, nil
		}
		return size(v[name])
	}
	bs, err1 := number("bs", 512)
	count, err2 := number("count", -1)
	skip, err3 := number("skip", 0)
	seek, err4 := number("seek", 0)
	if err := errors.Join(err1, err2, err3, err4); err != nil || bs <= 0 {
		return fmt.Errorf("invalid number: %w", err)
	}
	in, out, err := ddFiles(c, v, skip*bs, seek*bs)
	if err != nil {
		return err
	}
	watch := clock.Start()
	buf := make([]byte, bs)
	var whole, partial, written int64
	for count < 0 || whole+partial < count {
		n, err := io.ReadFull(in, buf)
		if n > 0 {
			if _, err := out.Write(buf[:n]); err != nil {
				return err
			}
			written += int64(n)
			if int64(n) == bs {
				whole++
			} else {
				partial++
			}
		}
		if err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				break
			}
			return err
		}
	}
	if f, ok := out.(*os.File); ok && (strings.Contains(v["conv"], "sync") || strings.Contains(v["oflag"], "sync")) {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if v["status"] != "none" {
		s := max(watch.Elapsed().Seconds(), 1e-9)
		fmt.Fprintf(c.errors, "%d+%d records in\n%d+%d records out\n%d bytes (%s) copied, %.4g s, %s/s\n",
			whole, partial, whole, partial, written, human(uint64(written)), s, human(uint64(float64(written)/s)))
	}
	return nil
}

func ddFiles(c *call, v map[string]string, skip, seek int64) (in io.Reader, out io.Writer, err error) {
	in, out = c.in, c.out
	if v["if"] != "" {
		f, err := os.Open(v["if"])
		if err != nil {
			return nil, nil, err
		}
		if _, err := f.Seek(skip, io.SeekStart); err != nil && skip > 0 {
			if _, err := io.CopyN(io.Discard, f, skip); err != nil {
				return nil, nil, err
			}
		}
		in = f
	}
	if v["of"] != "" {
		f, err := os.OpenFile(v["of"], os.O_WRONLY|os.O_CREATE, 0o666)
		if err != nil {
			return nil, nil, err
		}
		if i, err := f.Stat(); err == nil && i.Mode().IsRegular() && !strings.Contains(v["conv"], "notrunc") {
			if err := f.Truncate(seek); err != nil {
				return nil, nil, err
			}
		}
		if seek > 0 {
			if _, err := f.Seek(seek, io.SeekStart); err != nil {
				return nil, nil, err
			}
		}
		out = f
	}
	return in, out, nil
}

// size reads "4k", "1M", "10G".
func size(s string) (int64, error) {
	units := map[string]int64{"": 1, "b": 512, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "kb": 1000, "mb": 1e6, "gb": 1e9}
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if i < 0 {
		i = len(s)
	}
	n, err := strconv.ParseInt(s[:i], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("invalid number '%s'", s)
	}
	unit := strings.TrimSuffix(strings.ToLower(s[i:]), "ib")
	u, ok := units[unit]
	if !ok {
		return 0, fmt.Errorf("invalid number '%s'", s)
	}
	return n * u, nil
}

// human writes a size as people read it.
func human(n uint64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatUint(n, 10)
	}
	f, i := float64(n)/1024, 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if f < 10 {
		return fmt.Sprintf("%.1f%c", f, units[i])
	}
	return fmt.Sprintf("%.0f%c", f, units[i])
}

// readTime reads a time as date and touch take it.
func readTime(s string, now time.Time) (time.Time, error) {
	switch s {
	case "now", "today":
		return now, nil
	case "yesterday":
		return now.AddDate(0, 0, -1), nil
	case "tomorrow":
		return now.AddDate(0, 0, 1), nil
	}
	for _, zone := range []string{" UTC", " GMT", "Z"} {
		for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
			if t, err := time.Parse(layout+zone, s); err == nil {
				return t, nil
			}
		}
	}
	if seconds, ok := strings.CutPrefix(s, "@"); ok {
		n, err := strconv.ParseInt(seconds, 10, 64)
		return time.Unix(n, 0).UTC(), err
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly, time.RFC1123, time.RFC1123Z, time.UnixDate} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	f := strings.Fields(s)
	if len(f) >= 2 {
		n, err := strconv.Atoi(f[0])
		unit, ok := map[string]time.Duration{"second": time.Second, "minute": time.Minute, "min": time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "week": 7 * 24 * time.Hour}[strings.TrimSuffix(f[1], "s")]
		if len(f) == 3 && f[2] == "ago" {
			n = -n
		}
		switch months := map[string]int{"month": 1, "year": 12}[strings.TrimSuffix(f[1], "s")]; {
		case err == nil && months > 0:
			return now.AddDate(0, n*months, 0), nil
		case err == nil && ok:
			return now.Add(time.Duration(n) * unit), nil
		}
	}
	return now, fmt.Errorf("invalid date '%s'", s)
}
