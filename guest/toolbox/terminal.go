//go:build linux

package toolbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// errInterrupted is Ctrl-C while a line is typed.
var errInterrupted = errors.New("interrupted")

const interruptKey = 3 // Ctrl-C

// keyboard reads one key at a time: what is typed ahead is for the program that
// the line starts.
type keyboard struct{ f *os.File }

func (k *keyboard) Read(b []byte) (int, error) {
	n, err := k.f.Read(b[:1])
	if n == 1 && b[0] == interruptKey {
		return 0, errInterrupted
	}
	return n, err
}

// talk reads commands from a terminal.
func (s *shell) talk() error {
	f, ok := s.c.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s.script(s.c.in, s.c.name)
	}
	fd := int(f.Fd())
	// Caught, not ignored: programs inherit what is ignored.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGTSTP)
	go func() {
		for sig := range caught {
			if sig == syscall.SIGINT { // between two programs of a loop
				s.interrupt()
			}
		}
	}()
	signal.Ignore(syscall.SIGTTOU)
	s.control(fd)
	s.history.load()
	defer s.history.save()
	s.jobs.endWithTerminal(s.history.save)
	t := s.newTerminal(f)
	var status error
	for {
		s.notice()
		text, err := s.typed(t, fd)
		switch {
		case err == errInterrupted:
			fmt.Fprintln(s.c.out, "^C")
			t = s.newTerminal(f) // what was typed is void
			continue
		case err != nil && !term.IsTerminal(fd): // not any more
			s.jobs.hangUp()
			return exit(128 + int(syscall.SIGHUP))
		case err == io.EOF:
			fmt.Fprintln(s.c.out, "exit")
			return s.ended(status)
		case err != nil:
			return err
		}
		text, changed, err := s.history.expand(text)
		if err != nil {
			fmt.Fprintf(s.c.errors, "%s: %s\n", s.c.name, err)
			continue
		}
		if changed {
			fmt.Fprint(s.c.out, text)
		}
		s.history.add(strings.TrimRight(text, "\n"))
		if status = s.line(text); s.runner.Exited() && s.ctx.Err() == nil {
			return status
		}
	}
}

// control makes the shell the one that gives the terminal to its jobs. One that
// is not the terminal's, as that of another session, has no job control.
func (s *shell) control(fd int) {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil {
		return
	}
	if group != unix.Getpgrp() {
		return
	}
	if modes, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
		s.restore = func() { unix.IoctlSetTermios(fd, unix.TCSETSW, modes) }
		s.jobs.controlled, s.jobs.tty = true, fd
	}
}

func (s *shell) newTerminal(f *os.File) *term.Terminal {
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{&keyboard{f}, s.c.out}, "")
	t.History = &s.history
	t.AutoCompleteCallback = func(line string, at int, key rune) (string, int, bool) {
		if key != '\t' {
			return "", 0, false
		}
		line, at, choice := s.complete(line, at)
		if len(choice) > 0 {
			fmt.Fprintln(t, strings.Join(choice, "  "))
		}
		return line, at, true
	}
	return t
}

// typed reads lines until they are whole commands.
func (s *shell) typed(t *term.Terminal, fd int) (text string, err error) {
	raw, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	defer term.Restore(fd, raw)
	if modes, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
		modes.Oflag |= unix.OPOST // what jobs in the background write meanwhile has lines
		unix.IoctlSetTermios(fd, unix.TCSETS, modes)
	}
	if w, h, err := term.GetSize(fd); err == nil && w > 0 {
		t.SetSize(w, h)
	}
	t.SetPrompt(s.prompt())
	for {
		line, err := t.ReadLine()
		if err != nil && err != term.ErrPasteIndicator {
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

// prompt is that of Amazon's images, [ec2-user@ip-10-0-0-5 ~]$, or PS1.
func (s *shell) prompt() string {
	format := `[\u@\h \W]\$ `
	if v, ok := s.runner.Vars["PS1"]; ok && v.IsSet() {
		format = v.Str
	} else if v := os.Getenv("PS1"); v != "" {
		format = v
	}
	name, _ := os.Hostname()
	short, _, _ := strings.Cut(name, ".")
	dir, home := s.runner.Dir, os.Getenv("HOME")
	if home != "" && (dir == home || strings.HasPrefix(dir, home+"/")) {
		dir = "~" + dir[len(home):]
	}
	end := "$"
	if os.Geteuid() == 0 {
		end = "#"
	}
	return strings.NewReplacer(`\u`, userName(os.Geteuid()), `\h`, short, `\H`, name, `\w`, dir, `\W`, filepath.Base(dir), `\$`, end,
		`\n`, "\r\n", `\e`, "\x1b", `\033`, "\x1b", `\[`, "", `\]`, "", `\s`, s.c.name, `\\`, `\`).Replace(format)
}

// complete continues the word before the cursor as far as it is clear; where it
// is not clear at all, choice is what it may be.
func (s *shell) complete(line string, at int) (now string, cursor int, choice []string) {
	start := strings.LastIndexAny(line[:at], " \t;|&<>(='\"") + 1
	word := line[start:at]
	var found []string
	before := strings.TrimRight(line[:start], " \t")
	if !strings.Contains(word, "/") && (before == "" || strings.ContainsRune(";|&(", rune(before[len(before)-1])) || strings.HasSuffix(before, "sudo")) {
		found = s.commands(word)
	} else {
		found = s.files(word)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if len(found) == 0 {
		return line, at, nil
	}
	common := found[0]
	for _, f := range found {
		for !strings.HasPrefix(f, common) {
			common = common[:len(common)-1]
		}
	}
	if len(found) == 1 && !strings.HasSuffix(common, "/") {
		common += " "
	}
	if len(found) > 1 && common == word {
		choice = found
	}
	return line[:start] + common + line[at:], start + len(common), choice
}

// commands are those whose names begin so.
func (s *shell) commands(prefix string) (found []string) {
	for name := range s.runner.Funcs {
		found = append(found, name)
	}
	found = append(found, "alias", "cd", "declare", "exit", "export", "history", "jobs", "source", "type", "unset")
	for dir := range strings.SplitSeq(os.Getenv("PATH"), ":") {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			found = append(found, e.Name())
		}
	}
	return slices.DeleteFunc(found, func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

// files are those whose paths begin so.
func (s *shell) files(prefix string) (found []string) {
	dir, name := "", prefix
	if at := strings.LastIndexByte(prefix, '/'); at >= 0 {
		dir, name = prefix[:at+1], prefix[at+1:]
	}
	real := dir
	if strings.HasPrefix(real, "~/") {
		real = os.Getenv("HOME") + real[1:]
	}
	if !filepath.IsAbs(real) {
		real = filepath.Join(s.runner.Dir, real)
	}
	entries, _ := os.ReadDir(real)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), name) || name == "" && strings.HasPrefix(e.Name(), ".") {
			continue
		}
		end := ""
		if i, err := os.Stat(filepath.Join(real, e.Name())); err == nil && i.IsDir() {
			end = "/"
		}
		found = append(found, dir+e.Name()+end)
	}
	return found
}

// interrupt ends what was typed, or a script.
func (s *shell) interrupt() {
	if cancel := s.cancel.Load(); cancel != nil {
		(*cancel)()
	}
}

// showHistory is the builtin: the last commands, or -c to forget them.
func (s *shell) showHistory(h interp.HandlerContext, args []string) ([]string, error) {
	if len(args) > 0 && args[0] == "-c" {
		s.history.lines = nil
		return []string{"true"}, nil
	}
	s.history.print(h.Stdout, args)
	return []string{"true"}, nil
}
