//go:build linux

package toolbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pileus/clock"
)

// found is a file that find looks at.
type found struct {
	path  string
	d     fs.DirEntry
	depth int
	prune bool
}

// test is a condition or an action of find; it tells whether it holds.
type test func(f *found) bool

// finder reads find's expression.
type finder struct {
	c        *call
	args     []string
	min, max int
	acts     bool // some action was given, so that printing is not implied
	deep     bool
	batches  []*batch
	wrong    error
}

// batch is an -exec that ends with "+".
type batch struct {
	command []string
	names   []string
}

func find(c *call) error {
	f := &finder{c: c, args: c.args, max: 1 << 30}
	var roots []string
	for len(f.args) > 0 && !strings.HasPrefix(f.args[0], "-") && f.args[0] != "(" && f.args[0] != "!" {
		roots, f.args = append(roots, f.args[0]), f.args[1:]
	}
	if len(roots) == 0 {
		roots = []string{"."}
	}
	all := test(func(*found) bool { return true })
	if len(f.args) > 0 {
		all = f.or()
	}
	if f.wrong == nil && len(f.args) > 0 {
		f.wrong = fmt.Errorf("unexpected '%s'", f.args[0])
	}
	if f.wrong != nil {
		return f.wrong
	}
	if !f.acts {
		condition := all
		all = func(x *found) bool {
			if condition(x) {
				c.printf("%s\n", x.path)
			}
			return true
		}
	}
	for _, r := range roots {
		f.walk(r, all)
	}
	for _, b := range f.batches {
		if len(b.names) > 0 && !c.exec(append(append([]string{}, b.command...), b.names...)) {
			c.status = 1
		}
	}
	return nil
}

// below is a path under a folder as that was named: "./x", where walking it says "x".
func below(root, path string) string {
	if clean := filepath.Clean(root); clean != root && path != root && clean != "/" {
		return strings.TrimSuffix(root, "/") + "/" + strings.TrimPrefix(strings.TrimPrefix(path, clean), "/")
	} else if root == "." && path != root {
		return "./" + path
	}
	return path
}

func (f *finder) walk(root string, all test) {
	var later []*found
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			f.c.complain(err)
			return nil
		}
		path = below(root, path)
		x := &found{path: path, d: d}
		if path != root {
			x.depth = strings.Count(strings.TrimPrefix(strings.TrimPrefix(path, strings.TrimSuffix(root, "/")), "/"), "/") + 1
		}
		if x.depth >= f.min {
			if f.deep {
				later = append(later, x)
			} else {
				all(x)
			}
		}
		if d.IsDir() && (x.prune || x.depth >= f.max) {
			return fs.SkipDir
		}
		return nil
	})
	for i := len(later) - 1; i >= 0; i-- {
		all(later[i])
	}
}

func (f *finder) peek(words ...string) bool {
	for _, w := range words {
		if len(f.args) > 0 && f.args[0] == w {
			return true
		}
	}
	return false
}

func (f *finder) take() string {
	if len(f.args) == 0 {
		f.wrong = errors.Join(f.wrong, errors.New("missing argument"))
		return ""
	}
	a := f.args[0]
	f.args = f.args[1:]
	return a
}

func (f *finder) or() test {
	left := f.and()
	for f.peek("-o", "-or") {
		f.take()
		l, r := left, f.and()
		left = func(x *found) bool { return l(x) || r(x) }
	}
	return left
}

func (f *finder) and() test {
	left := f.not()
	for len(f.args) > 0 && !f.peek("-o", "-or", ")") && f.wrong == nil {
		if f.peek("-a", "-and") {
			f.take()
		}
		l, r := left, f.not()
		left = func(x *found) bool { return l(x) && r(x) }
	}
	return left
}

func (f *finder) not() test {
	if f.peek("!", "-not") {
		f.take()
		t := f.not()
		return func(x *found) bool { return !t(x) }
	}
	if f.peek("(") {
		f.take()
		t := f.or()
		if f.take() != ")" {
			f.wrong = errors.New("a ( is not closed")
		}
		return t
	}
	return f.primary()
}

func always(*found) bool { return true }

func (f *finder) primary() test {
	switch name := f.take(); name {
	case "-name", "-iname":
		return f.matching(f.take(), name == "-iname", func(x *found) string { return filepath.Base(x.path) })
	case "-path", "-wholename", "-ipath":
		return f.matching(f.take(), name == "-ipath", func(x *found) string { return x.path })
	case "-regex":
		re, err := regexp.Compile("^(?:" + f.take() + ")$")
		f.wrong = errors.Join(f.wrong, err)
		return func(x *found) bool { return re.MatchString(x.path) }
	case "-type":
		return f.kind(f.take())
	case "-maxdepth", "-mindepth":
		n, err := strconv.Atoi(f.take())
		f.wrong = errors.Join(f.wrong, err)
		if name == "-maxdepth" {
			f.max = n
		} else {
			f.min = n
		}
		return always
	case "-empty":
		return func(x *found) bool {
			if x.d.IsDir() {
				e, err := os.ReadDir(x.path)
				return err == nil && len(e) == 0
			}
			i, err := x.d.Info()
			return err == nil && i.Mode().IsRegular() && i.Size() == 0
		}
	case "-size", "-mtime", "-mmin", "-newer", "-user", "-group", "-perm":
		return f.property(name, f.take())
	case "-xdev", "-mount", "-depth", "-follow", "-L":
		f.deep = f.deep || name == "-depth"
		return always
	case "-true":
		return always
	case "-print", "-print0":
		f.acts = true
		end := map[string]string{"-print": "\n", "-print0": "\x00"}[name]
		return func(x *found) bool { f.c.printf("%s%s", x.path, end); return true }
	case "-printf":
		f.acts = true
		line, err := findFormat(f.take())
		f.wrong = errors.Join(f.wrong, err)
		return func(x *found) bool { io.WriteString(f.c.out, line(x)); return true }
	case "-ls":
		f.acts = true
		return func(x *found) bool {
			l := &lister{c: f.c, long: true}
			if i, err := x.d.Info(); err == nil {
				l.table([]entry{{x.path, x.path, i}})
			}
			return true
		}
	case "-delete":
		f.acts, f.deep = true, true
		return func(x *found) bool {
			if err := os.Remove(x.path); err != nil {
				f.c.complain(err)
				return false
			}
			return true
		}
	case "-prune":
		return func(x *found) bool { x.prune = true; return true }
	case "-exec", "-execdir", "-ok":
		return f.command()
	default:
		f.wrong = errors.Join(f.wrong, fmt.Errorf("unknown predicate '%s'", name))
	}
	return always
}

func (f *finder) matching(pattern string, fold bool, of func(x *found) string) test {
	// A star of find's also covers slashes, unlike filepath's.
	re, err := regexp.Compile(globRegexp(pattern, fold))
	f.wrong = errors.Join(f.wrong, err)
	return func(x *found) bool { return re.MatchString(of(x)) }
}

// globRegexp turns a pattern of the shell into a regular expression.
func globRegexp(p string, fold bool) string {
	var b strings.Builder
	if fold {
		b.WriteString("(?i)")
	}
	b.WriteString("(?s)^")
	for i := 0; i < len(p); i++ {
		switch p[i] {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '[':
			end := bracket(p, i)
			b.WriteString(strings.Replace(p[i:end], "[!", "[^", 1))
			i = end - 1
		case '\\':
			if i+1 < len(p) {
				i++
			}
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(p[i : i+1]))
		}
	}
	return b.String() + "$"
}

func (f *finder) kind(letters string) test {
	types := map[string]fs.FileMode{"f": 0, "d": fs.ModeDir, "l": fs.ModeSymlink, "p": fs.ModeNamedPipe, "s": fs.ModeSocket, "b": fs.ModeDevice, "c": fs.ModeDevice | fs.ModeCharDevice}
	for l := range strings.SplitSeq(letters, ",") {
		if _, ok := types[l]; !ok {
			f.wrong = errors.Join(f.wrong, fmt.Errorf("unknown type '%s'", l))
		}
	}
	return func(x *found) bool {
		for l := range strings.SplitSeq(letters, ",") {
			if x.d.Type() == types[l] {
				return true
			}
		}
		return false
	}
}

// property is a test of what stat tells.
func (f *finder) property(name, value string) test {
	sign := ""
	if strings.HasPrefix(value, "+") || strings.HasPrefix(value, "-") {
		sign = value[:1]
	}
	compare := func(a, b int64) bool {
		switch sign {
		case "+":
			return a > b
		case "-":
			return a < b
		}
		return a == b
	}
	of := func(t func(i fs.FileInfo) bool) test {
		return func(x *found) bool {
			i, err := x.d.Info()
			return err == nil && t(i)
		}
	}
	now := clock.Machine()
	switch name {
	case "-size":
		n, unit := strings.TrimLeft(value, "+-"), int64(512)
		if units := map[byte]int64{'c': 1, 'k': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'b': 512, 'w': 2}; n != "" && units[n[len(n)-1]] != 0 {
			unit, n = units[n[len(n)-1]], n[:len(n)-1]
		}
		count, err := strconv.ParseInt(n, 10, 64)
		f.wrong = errors.Join(f.wrong, err)
		return of(func(i fs.FileInfo) bool { return compare((i.Size()+unit-1)/unit, count) })
	case "-mtime", "-mmin":
		unit := map[string]time.Duration{"-mtime": 24 * time.Hour, "-mmin": time.Minute}[name]
		count, err := strconv.ParseInt(strings.TrimLeft(value, "+-"), 10, 64)
		f.wrong = errors.Join(f.wrong, err)
		return of(func(i fs.FileInfo) bool { return compare(int64(now.Sub(i.ModTime())/unit), count) })
	case "-newer":
		i, err := os.Stat(value)
		f.wrong = errors.Join(f.wrong, err)
		return of(func(o fs.FileInfo) bool { return i != nil && o.ModTime().After(i.ModTime()) })
	case "-user", "-group":
		file := map[string]string{"-user": "/etc/passwd", "-group": "/etc/group"}[name]
		id, err := idOf(file, value, name[1:])
		f.wrong = errors.Join(f.wrong, err)
		return of(func(i fs.FileInfo) bool {
			st := i.Sys().(*syscall.Stat_t)
			return name == "-user" && int(st.Uid) == id || name == "-group" && int(st.Gid) == id
		})
	}
	want, err := strconv.ParseUint(strings.TrimLeft(value, "-/"), 8, 16)
	f.wrong = errors.Join(f.wrong, err)
	return of(func(i fs.FileInfo) bool {
		mode := uint64(i.Sys().(*syscall.Stat_t).Mode & 0o7777)
		switch {
		case strings.HasPrefix(value, "-"):
			return mode&want == want
		case strings.HasPrefix(value, "/"):
			return mode&want != 0
		}
		return mode == want
	})
}

func (f *finder) command() test {
	f.acts = true
	var command []string
	for {
		if len(f.args) == 0 {
			f.wrong = errors.New("missing argument to -exec")
			return always
		}
		a := f.take()
		if a == ";" {
			break
		}
		if a == "+" && len(command) > 1 && command[len(command)-1] == "{}" {
			b := &batch{command: command[:len(command)-1]}
			f.batches = append(f.batches, b)
			return func(x *found) bool { b.names = append(b.names, x.path); return true }
		}
		command = append(command, a)
	}
	return func(x *found) bool {
		args := make([]string, len(command))
		for i, a := range command {
			args[i] = strings.ReplaceAll(a, "{}", x.path)
		}
		return f.c.exec(args)
	}
}

// exec runs a program with the tool's streams and tells whether it succeeded.
func (c *call) exec(args []string) bool {
	p := exec.CommandContext(c.ctx, args[0], args[1:]...)
	p.Stdin, p.Stdout, p.Stderr = c.in, c.out, c.errors
	err := p.Run()
	var e *exec.ExitError
	if err != nil && !errors.As(err, &e) {
		c.complain(err)
	}
	return err == nil
}

// xargs builds commands from what it reads.
func xargs(c *call) error {
	p, err := c.parse(options{letters: "0n:I:L:rtP:d:s:x", long: map[string]string{"null": "0", "max-args": "n:", "no-run-if-empty": "r", "delimiter": "d:", "max-procs": "P:"}}, true)
	if err != nil {
		return err
	}
	items, err := xargsItems(c.in, p)
	if err != nil {
		return err
	}
	command := p.args
	if len(command) == 0 {
		command = []string{"echo"}
	}
	run := func(args []string) {
		if p.has("t") {
			fmt.Fprintln(c.errors, strings.Join(args, " "))
		}
		q := *c
		q.in = strings.NewReader("")
		if !q.exec(args) {
			c.status = 123
		}
	}
	if p.has("I") {
		for _, item := range items {
			args := make([]string, len(command))
			for i, a := range command {
				args[i] = strings.ReplaceAll(a, p.value("I"), item)
			}
			run(args)
		}
		return nil
	}
	most := 5000
	for _, letter := range []string{"n", "L"} {
		if p.has(letter) {
			if most, err = strconv.Atoi(p.value(letter)); err != nil || most < 1 {
				return usage("invalid number " + p.value(letter))
			}
		}
	}
	if len(items) == 0 && !p.has("r") {
		run(command)
	}
	for len(items) > 0 {
		n := min(most, len(items))
		run(append(append([]string{}, command...), items[:n]...))
		items = items[n:]
	}
	return nil
}

func xargsItems(r io.Reader, p *parsed) (items []string, err error) {
	if p.has("0") || p.has("d") || p.has("I") || p.has("L") {
		separator := "\n"
		if p.has("0") {
			separator = "\x00"
		}
		if d := p.value("d"); d != "" {
			separator = strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\0`, "\x00").Replace(d)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		for s := range strings.SplitSeq(strings.TrimSuffix(string(b), separator), separator) {
			if p.has("I") {
				s = strings.TrimLeft(s, " \t")
			}
			if s != "" {
				items = append(items, s)
			}
		}
		return items, nil
	}
	return quotedWords(bufio.NewReader(r))
}

// quotedWords splits at blanks, except in quotes and behind backslashes.
func quotedWords(r io.RuneReader) (words []string, err error) {
	var b strings.Builder
	quote, escaped, inWord := rune(0), false, false
	for {
		ch, _, err := r.ReadRune()
		if err == io.EOF {
			if quote != 0 {
				return nil, errors.New("unmatched quote")
			}
			if inWord {
				words = append(words, b.String())
			}
			return words, nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case escaped:
			b.WriteRune(ch)
			escaped = false
		case quote != 0:
			if ch == quote {
				quote = 0
			} else {
				b.WriteRune(ch)
			}
		case ch == '\\':
			escaped, inWord = true, true
		case ch == '"' || ch == '\'':
			quote, inWord = ch, true
		case strings.ContainsRune(" \t\n", ch):
			if inWord {
				words = append(words, b.String())
				b.Reset()
			}
			inWord = false
		default:
			b.WriteRune(ch)
			inWord = true
		}
	}
}
