//go:build linux

package toolbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// sh is the shell: bash's language, in scripts, behind -c, and at a terminal.
func sh(c *call) error {
	s := &shell{c: c}
	args := c.args
	var params []string
	for len(args) > 0 && len(args[0]) > 1 && (args[0][0] == '-' || args[0][0] == '+') {
		a := args[0]
		args = args[1:]
		if a == "--" {
			break
		}
		switch {
		case a == "--login" || a == "-l":
			c.login = true
		case strings.HasPrefix(a, "--"): // --norc, --noprofile, --posix
		case a == "-o" || a == "+o":
			if len(args) == 0 {
				return usage(a + ": option requires an argument")
			}
			params = append(params, a, args[0])
			args = args[1:]
		default:
			for _, letter := range a[1:] {
				switch letter {
				case 'c':
					s.command = true
				case 'i':
					s.interactive = true
				case 'l':
					c.login = true
				case 's':
				default:
					params = append(params, a[:1]+string(letter))
				}
			}
		}
	}
	return s.run(args, params)
}

type shell struct {
	c           *call
	command     bool // -c
	interactive bool
	runner      *interp.Runner
	jobs        jobs
}

func (s *shell) run(args, params []string) error {
	var source io.Reader = s.c.in
	name := s.c.name
	switch {
	case s.command && len(args) == 0:
		return usage("-c: option requires an argument")
	case s.command:
		source = strings.NewReader(args[0])
		args = args[1:]
		if len(args) > 0 {
			name, args = args[0], args[1:]
		}
	case len(args) > 0:
		f, err := os.Open(args[0])
		if err != nil {
			fmt.Fprintf(s.c.errors, "%s: %s\n", s.c.name, plain(err))
			return exit(127)
		}
		defer f.Close()
		source, name, args = f, args[0], args[1:]
	default:
		f, ok := s.c.in.(*os.File)
		s.interactive = s.interactive || ok && term.IsTerminal(int(f.Fd()))
	}
	opts := []interp.RunnerOption{
		interp.StdIO(s.c.in, s.c.out, s.c.errors),
		interp.Params(append(append(params, "--"), args...)...),
		interp.Interactive(s.interactive),
		interp.CallHandler(s.call),
		interp.ExecHandlers(s.execute),
	}
	r, err := interp.New(opts...)
	if err != nil {
		return usage(err.Error())
	}
	s.runner = r
	if s.c.login {
		if err := s.profile(); err != nil {
			return s.ended(err)
		}
	}
	if s.interactive && !s.command {
		return s.talk()
	}
	return s.script(source, name)
}

// script runs a script. One with a mistake in it runs up to there, as in shells
// that read as they go.
func (s *shell) script(source io.Reader, name string) error {
	text, err := io.ReadAll(source)
	if err != nil {
		return err
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(text), name)
	if err == nil {
		separate(file)
		return s.ended(s.runner.Run(s.c.ctx, file))
	}
	for stmt, err := range syntax.NewParser(syntax.Variant(syntax.LangBash)).StmtsSeq(bytes.NewReader(text)) {
		if err != nil {
			break
		}
		separate(stmt)
		failed := s.runner.Run(s.c.ctx, stmt)
		if s.runner.Exited() {
			return s.ended(failed)
		}
	}
	fmt.Fprintf(s.c.errors, "%s: %s\n", s.c.name, err)
	return exit(2)
}

// profile reads what login shells read.
func (s *shell) profile() error {
	home := os.Getenv("HOME")
	for _, name := range []string{"/etc/profile", filepath.Join(home, ".bash_profile"), filepath.Join(home, ".profile")} {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		text, err := io.ReadAll(f)
		f.Close()
		if err != nil {
			continue
		}
		if err := s.line(string(text)); s.runner.Exited() {
			return err
		}
	}
	return nil
}

// ended turns the interpreter's result into the shell's.
func (s *shell) ended(err error) error {
	var status interp.ExitStatus
	if errors.As(err, &status) {
		return exit(status)
	}
	return err
}

// talk reads commands from a terminal.
func (s *shell) talk() error {
	f, ok := s.c.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s.script(s.c.in, s.c.name)
	}
	// A command that is interrupted ends; the shell does not.
	// Caught, not ignored: programs inherit what is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	signal.Ignore(syscall.SIGTTOU)
	s.jobs.endWithTerminal()
	keys := &keyboard{f: f}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keys, s.c.out}, "")
	var status error
	for {
		text, err := s.read(t, int(f.Fd()))
		if err == io.EOF && keys.last == interruptKey {
			fmt.Fprint(s.c.out, "^C\r\n")
			continue
		}
		if err != nil && !term.IsTerminal(int(f.Fd())) { // not any more
			s.jobs.hangUp()
			return exit(128 + int(syscall.SIGHUP))
		}
		if err == io.EOF {
			fmt.Fprintln(s.c.out, "exit")
			return s.ended(status)
		}
		if err != nil {
			return err
		}
		if status = s.line(text); s.runner.Exited() {
			return status
		}
	}
}

// keyboard reads one key at a time: what is typed ahead is for the program that
// the line starts.
type keyboard struct {
	f    *os.File
	last byte
}

const interruptKey = 3 // Ctrl-C

func (k *keyboard) Read(b []byte) (int, error) {
	n, err := k.f.Read(b[:1])
	if n == 1 {
		k.last = b[0]
	}
	return n, err
}

// line runs what was typed.
func (s *shell) line(text string) (status error) {
	for stmt, err := range syntax.NewParser(syntax.Variant(syntax.LangBash)).StmtsSeq(strings.NewReader(text)) {
		if err != nil {
			fmt.Fprintf(s.c.errors, "%s: %s\n", s.c.name, err)
			return exit(2)
		}
		separate(stmt)
		status = s.ended(s.runner.Run(s.c.ctx, stmt))
		if s.runner.Exited() {
			break
		}
	}
	return status
}

// read reads lines until they are whole commands.
func (s *shell) read(t *term.Terminal, fd int) (text string, err error) {
	raw, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	defer term.Restore(fd, raw)
	if w, h, err := term.GetSize(fd); err == nil && w > 0 {
		t.SetSize(w, h)
	}
	t.SetPrompt(s.prompt())
	for {
		line, err := t.ReadLine()
		if err != nil {
			return "", err
		}
		text += line + "\n"
		_, err = syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
		if err == nil || !syntax.IsIncomplete(err) {
			return text, nil
		}
		t.SetPrompt("> ")
	}
}

// prompt is that of Amazon's images: [ec2-user@ip-10-0-0-5 ~]$
func (s *shell) prompt() string {
	host, _ := os.Hostname()
	host, _, _ = strings.Cut(host, ".")
	dir := filepath.Base(s.runner.Dir)
	if s.runner.Dir == os.Getenv("HOME") {
		dir = "~"
	}
	end := "$"
	if os.Geteuid() == 0 {
		end = "#"
	}
	return fmt.Sprintf("[%s@%s %s]%s ", userName(os.Geteuid()), host, dir, end)
}

// builtin runs what the shell has built in as a program of its own, for those
// who call it without a shell.
func builtin(c *call) error {
	words := []string{"builtin", c.name}
	for _, a := range c.args {
		q, err := syntax.Quote(a, syntax.LangBash)
		if err != nil {
			return err
		}
		words = append(words, q)
	}
	s := &shell{c: c}
	r, err := interp.New(interp.StdIO(c.in, c.out, c.errors))
	if err != nil {
		return err
	}
	s.runner = r
	return s.script(strings.NewReader(strings.Join(words, " ")), c.name)
}
