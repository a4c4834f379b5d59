//go:build linux

package toolbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// call is one use of a tool.
type call struct {
	ctx    context.Context
	name   string   // as it was called: "egrep"
	login  bool     // it was called as "-sh": a login shell
	args   []string // what follows the name
	in     io.Reader
	out    io.Writer
	errors io.Writer
	status int // what the tool ends with if it has nothing worse to say
}

// tool does what it is called for. An error is printed behind the tool's name
// and makes the exit status 1, unless it is an exit or a usage.
type tool func(c *call) error

// exit ends a tool with a status and without a further word.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usage is an error of whoever called the tool: status 2.
type usage string

func (u usage) Error() string { return string(u) }

// said is an error in the words of the program that the tool is like.
type said string

func (s said) Error() string { return string(s) }

// Has tells whether there is a tool of that name.
func Has(name string) bool {
	_, ok := tools()[name]
	return ok
}

// Run runs a tool, which argv0 names, with the process's own streams and
// returns its exit status.
func Run(ctx context.Context, argv0 string, args []string) int {
	name := filepath.Base(argv0)
	c := &call{
		ctx: ctx, name: strings.TrimPrefix(name, "-"), login: strings.HasPrefix(argv0, "-"), args: args,
		in: os.Stdin, out: os.Stdout, errors: os.Stderr,
	}
	return c.run(tools()[c.name])
}

func (c *call) run(t tool) int {
	err := t(c)
	var status exit
	var wrong usage
	switch {
	case err == nil:
		return c.status
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, syscall.EPIPE):
		return 128 + int(syscall.SIGPIPE)
	case errors.As(err, &wrong):
		fmt.Fprintf(c.errors, "%s: %s\n", c.name, wrong)
		return 2
	default:
		fmt.Fprintf(c.errors, "%s: %s\n", c.name, plain(err))
		return 1
	}
}

// complain reports what went wrong with one of several things; the tool goes
// on with the others and ends with status 1.
func (c *call) complain(err error) {
	fmt.Fprintf(c.errors, "%s: %s\n", c.name, plain(err))
	c.status = 1
}

// plain says what happened to a file as programs do: "x: No such file or
// directory", not "open x: no such file or directory".
func plain(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Path + ": " + sentence(p.Err)
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.New + ": " + sentence(l.Err)
	}
	return err.Error()
}

func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (c *call) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

// options are the flags of a tool: letters, those with a value followed by a
// colon ("af:"), and long names with the letter that they stand for.
type options struct {
	letters string
	long    map[string]string
}

// parsed is what options found.
type parsed struct {
	set  map[string]bool
	last map[string]string
	all  map[string][]string
	args []string
}

func (p *parsed) has(letter string) bool     { return p.set[letter] }
func (p *parsed) value(letter string) string { return p.last[letter] }

// parse reads flags as getopt does: letters may be joined, a value may follow
// at once, "--" ends them. Flags after operands count too, unless strict.
func (c *call) parse(o options, strict bool) (*parsed, error) {
	p := &parsed{set: map[string]bool{}, last: map[string]string{}, all: map[string][]string{}}
	note := func(letter, value string) {
		p.set[letter], p.last[letter] = true, value
		p.all[letter] = append(p.all[letter], value)
	}
	args := c.args
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			p.args = append(p.args, args[i+1:]...)
			return p, nil
		case strings.HasPrefix(a, "--"):
			name, value, given := strings.Cut(a[2:], "=")
			letter, ok := o.long[name]
			if !ok {
				return nil, usage(fmt.Sprintf("unrecognized option '--%s'", name))
			}
			if strings.HasSuffix(letter, ":") && !given {
				if i++; i >= len(args) {
					return nil, usage(fmt.Sprintf("option '--%s' requires an argument", name))
				}
				value = args[i]
			}
			note(strings.TrimSuffix(letter, ":"), value)
		case len(a) > 1 && a[0] == '-':
			var err error
			if i, err = o.joined(args, i, note); err != nil {
				return nil, err
			}
		case strict:
			p.args = append(p.args, args[i:]...)
			return p, nil
		default:
			p.args = append(p.args, a)
		}
	}
	return p, nil
}

// joined reads the letters of args[i] and returns the index of the last
// argument that they used.
func (o options) joined(args []string, i int, note func(letter, value string)) (int, error) {
	a := args[i]
	for j := 1; j < len(a); j++ {
		letter := a[j : j+1]
		at := strings.Index(o.letters, letter)
		if at < 0 || letter == ":" {
			return i, usage(fmt.Sprintf("invalid option -- '%s'", letter))
		}
		if at+1 >= len(o.letters) || o.letters[at+1] != ':' {
			note(letter, "")
			continue
		}
		if j+1 < len(a) {
			note(letter, a[j+1:])
			return i, nil
		}
		if i+1 >= len(args) {
			return i, usage(fmt.Sprintf("option requires an argument -- '%s'", letter))
		}
		note(letter, args[i+1])
		return i + 1, nil
	}
	return i, nil
}

// each calls f with every named file, or the standard input if there is none or
// it is called "-". What goes wrong with one does not keep from the others.
func (c *call) each(names []string, f func(r io.Reader, name string) error) error {
	if len(names) == 0 {
		names = []string{"-"}
	}
	for _, name := range names {
		if name == "-" {
			if err := f(c.in, "-"); err != nil {
				return err
			}
			continue
		}
		file, err := os.Open(name)
		if err != nil {
			c.complain(err)
			continue
		}
		if i, statErr := file.Stat(); statErr == nil && i.IsDir() {
			err = &os.PathError{Op: "read", Path: name, Err: syscall.EISDIR}
		} else {
			err = f(file, name)
		}
		file.Close()
		if err != nil {
			var e exit
			if errors.Is(err, syscall.EPIPE) || errors.As(err, &e) {
				return err
			}
			c.complain(err)
		}
	}
	return nil
}
