//go:build linux

package toolbox

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// reading is what a call of read asks for beyond what the interpreter's does.
type reading struct {
	file        *os.File
	raw, silent bool
	prompt      string
	characters  int // at most so many
	end         byte
	seconds     float64
	array       bool
	names       []string
	special     bool // what only we can
}

// read has a prompt that only terminals show (-p), a number of characters (-n,
// -N), another end than that of the line (-d), and a time (-t); the interpreter
// does the rest.
func (s *shell) read(h interp.HandlerContext, args []string) ([]string, error) {
	r, err := readOptions(h, args[1:])
	if err != nil {
		fmt.Fprintf(h.Stderr, "%s: read: %s\n", s.where(h), err)
		return []string{"eval", "(exit 2)"}, nil
	}
	if r == nil {
		return args, nil
	}
	if r.prompt != "" && term.IsTerminal(int(r.file.Fd())) {
		fmt.Fprint(h.Stderr, r.prompt)
	}
	if r.seconds >= 0 && !r.ready() {
		return []string{"eval", "(exit 142)"}, nil
	}
	if !r.special {
		rest := []string{"read"}
		for option, set := range map[string]bool{"-r": r.raw, "-s": r.silent, "-a": r.array} {
			if set {
				rest = append(rest, option)
			}
		}
		return append(append(rest, "--"), r.names...), nil
	}
	text, err := r.text()
	status := "true"
	if err != nil {
		status = "false"
	}
	if len(r.names) == 1 && !r.array {
		if v := h.Env.Get("IFS"); !v.IsSet() || v.Str != "" {
			text = strings.Trim(text, " \t\n")
		}
		q, err := syntax.Quote(text, syntax.LangBash)
		if err != nil {
			return nil, err
		}
		return []string{"eval", r.names[0] + "=" + q + "; " + status}, nil
	}
	q, err := syntax.Quote(text, syntax.LangBash)
	if err != nil {
		return nil, err
	}
	command := "command read -r "
	if r.array {
		command += "-a "
	}
	return []string{"eval", command + strings.Join(r.names, " ") + " <<< " + q + "; " + status}, nil
}

// readOptions is nil where the interpreter's read does all that is asked for.
func readOptions(h interp.HandlerContext, args []string) (*reading, error) {
	c := &call{args: args}
	p, err := c.parse(options{letters: "rsa:p:t:n:N:d:u:ei:"}, true)
	if err != nil {
		return nil, err
	}
	file, ok := h.Stdin.(*os.File)
	if !ok || !p.has("p") && !p.has("t") && !p.has("n") && !p.has("N") && !p.has("d") && !p.has("e") {
		return nil, nil
	}
	r := &reading{file: file, raw: p.has("r"), silent: p.has("s"), prompt: p.value("p"), end: '\n', seconds: -1, array: p.has("a"), names: p.args}
	if r.array {
		r.names = append([]string{p.value("a")}, r.names...)
	}
	for _, letter := range []string{"n", "N"} {
		if !p.has(letter) {
			continue
		}
		if r.characters, err = strconv.Atoi(p.value(letter)); err != nil {
			return nil, errors.New(p.value(letter) + ": invalid number")
		}
		r.special = true
	}
	if p.has("t") {
		if r.seconds, err = strconv.ParseFloat(p.value("t"), 64); err != nil {
			return nil, errors.New(p.value("t") + ": invalid timeout specification")
		}
	}
	if p.has("d") {
		r.end, r.special = 0, true
		if d := p.value("d"); d != "" {
			r.end = d[0]
		}
	}
	for _, n := range r.names {
		if !syntax.ValidName(n) {
			return nil, fmt.Errorf("`%s': not a valid identifier", n)
		}
	}
	if len(r.names) == 0 {
		r.names = []string{"REPLY"}
	}
	return r, nil
}

// ready waits until there is something to read, or the time is over.
func (r *reading) ready() bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(r.file.Fd()), Events: unix.POLLIN}}, int(r.seconds*1000))
		if err != unix.EINTR {
			return n > 0
		}
	}
}

// text reads byte by byte, because what comes after is for others.
func (r *reading) text() (string, error) {
	if fd := int(r.file.Fd()); r.characters > 0 && term.IsTerminal(fd) {
		if was, err := unix.IoctlGetTermios(fd, unix.TCGETS); err == nil {
			now := *was
			now.Lflag &^= unix.ICANON
			if r.silent {
				now.Lflag &^= unix.ECHO
			}
			unix.IoctlSetTermios(fd, unix.TCSETS, &now)
			defer unix.IoctlSetTermios(fd, unix.TCSETS, was)
		}
	}
	var text []byte
	for b := make([]byte, 1); ; {
		n, err := r.file.Read(b)
		switch {
		case n == 0 && err == nil:
			continue
		case n == 0:
			return string(text), io.EOF
		case b[0] == r.end:
			return string(text), nil
		}
		text = append(text, b[0])
		if r.characters > 0 && utf8.RuneCount(text) >= r.characters && utf8.Valid(text) {
			return string(text), nil
		}
	}
}
