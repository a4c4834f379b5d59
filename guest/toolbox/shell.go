//go:build linux

package toolbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
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
	file        string // the script's name
	jobs        jobs
	traps       traps
	history     history
	ctx         context.Context // of what runs
	cancel      atomic.Pointer[context.CancelFunc]
	restore     func()         // the terminal's modes
	deadly      chan os.Signal // that end a script that has an EXIT trap
	killed      syscall.Signal
	suggested   bool
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
		s.file = name
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
	s.introduce()
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

// introduce sets what shells know of themselves.
func (s *shell) introduce() {
	level, _ := strconv.Atoi(os.Getenv("SHLVL"))
	host, _ := os.Hostname()
	s.line(fmt.Sprintf("export SHLVL=%d; HOSTNAME=%s OSTYPE=linux-gnu BASH=/bin/bash BASH_VERSION='5.2.0(1)-pileus'", level+1, host))
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
		defer s.breakable()()
		err = s.runner.Run(s.ctx, file)
		s.farewell()
		if trap := s.traps.pending(); trap != "" {
			s.line(trap)
		}
		return s.ended(err)
	}
	defer s.breakable()()
	for stmt, err := range syntax.NewParser(syntax.Variant(syntax.LangBash)).StmtsSeq(bytes.NewReader(text)) {
		if err != nil {
			break
		}
		separate(stmt)
		failed := s.runner.Run(s.ctx, stmt)
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
	if errors.Is(err, context.Canceled) { // by Ctrl-C, also that of the command before
		return exit(128 + int(syscall.SIGINT))
	}
	return err
}

// line runs what was typed.
func (s *shell) line(text string) (status error) {
	for stmt, err := range syntax.NewParser(syntax.Variant(syntax.LangBash)).StmtsSeq(strings.NewReader(text)) {
		if err != nil {
			fmt.Fprintf(s.c.errors, "%s: %s\n", s.c.name, err)
			return exit(2)
		}
		s.jobs.frontText = described(stmt)
		separate(stmt)
		done := s.breakable()
		status = s.ended(s.runner.Run(s.ctx, stmt))
		done()
		if s.ctx.Err() != nil {
			return exit(130)
		}
		if s.runner.Exited() {
			break
		}
	}
	return status
}

// described is a command in one line, as the list of jobs has it.
func described(stmt *syntax.Stmt) string {
	var b strings.Builder
	if syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, stmt) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}

// breakable makes the context that interrupt ends.
func (s *shell) breakable() (done func()) {
	ctx, cancel := context.WithCancel(s.c.ctx)
	s.ctx = ctx
	s.cancel.Store(&cancel)
	return func() { s.cancel.Store(nil) }
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
