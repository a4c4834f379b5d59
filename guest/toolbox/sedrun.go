//go:build linux

package toolbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// sedRun is a sed script at work.
type sedRun struct {
	edits []*edit
	quiet bool
	out   *bufio.Writer

	in       *bufio.Reader
	next     string // the line after this one
	more     bool
	unended  bool // the last line has no newline
	number   int
	line     string
	hold     string
	appended []string
	changed  bool // since the line was read, for t
	ended    int  // in which line the script quits; its status
}

var (
	errNextCycle = errors.New("next cycle")
	errAgain     = errors.New("the script again, with the same line")
	errQuit      = errors.New("quit")
)

func (r *sedRun) run(in io.Reader) error {
	r.in = bufio.NewReader(in)
	if err := r.advance(); err != nil {
		return err
	}
	for r.more {
		if err := r.read(); err != nil {
			return err
		}
		err := r.cycle(r.edits)
		var j jump
		for errors.As(err, &j) || errors.Is(err, errAgain) {
			if errors.Is(err, errAgain) {
				err = r.cycle(r.edits)
			} else {
				err = r.cycle(after(r.edits, string(j)))
			}
		}
		switch {
		case errors.Is(err, errNextCycle):
		case err == nil || errors.Is(err, errQuit):
			if !r.quiet {
				r.print(r.line)
			}
		case err != nil:
			return errors.Join(err, r.out.Flush())
		}
		for _, a := range r.appended {
			r.out.WriteString(a)
		}
		r.appended = nil
		if errors.Is(err, errQuit) {
			break
		}
	}
	if err := r.out.Flush(); err != nil {
		return err
	}
	if r.ended != 0 {
		return exit(r.ended)
	}
	return nil
}

// jump goes to a label; "" is the end of the script.
type jump string

func (j jump) Error() string { return "jump to " + string(j) }

// after is the script behind a label.
func after(edits []*edit, label string) []*edit {
	for i, e := range edits {
		if e.verb == ':' && e.text == label {
			return edits[i+1:]
		}
	}
	return nil
}

// advance reads one line ahead, so that the last is known to be the last.
func (r *sedRun) advance() error {
	s, err := r.in.ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	r.more = s != ""
	r.unended = r.more && !strings.HasSuffix(s, "\n")
	r.next = strings.TrimSuffix(s, "\n")
	return nil
}

func (r *sedRun) read() error {
	r.line, r.changed = r.next, false
	r.number++
	wasUnended := r.unended
	if err := r.advance(); err != nil {
		return err
	}
	if !r.more {
		r.unended = wasUnended
	}
	return nil
}

func (r *sedRun) print(s string) {
	r.out.WriteString(s)
	if r.more || !r.unended {
		r.out.WriteByte('\n')
	}
}

func (r *sedRun) at(a *address) bool {
	switch {
	case a.re != nil:
		return a.re.MatchString(r.line)
	case a.last:
		return !r.more
	case a.step > 0:
		return r.number >= a.line && (r.number-a.line)%a.step == 0
	}
	return r.number == a.line
}

// selects tells whether a command applies to the line.
func (r *sedRun) selects(e *edit) (yes bool) {
	switch {
	case e.from == nil:
		yes = true
	case e.to == nil:
		yes = r.at(e.from)
	case e.active:
		yes = true
		if e.to.line > 0 && e.to.re == nil {
			yes = r.number <= e.to.line
			e.active = r.number < e.to.line
		} else {
			e.active = !r.at(e.to)
		}
	case r.at(e.from):
		yes = true
		if e.to.plus > 0 {
			e.to = &address{line: r.number + e.to.plus}
		}
		e.active = !(e.to.re == nil && e.to.line > 0 && e.to.line <= r.number)
	}
	return yes != e.negate
}

func (r *sedRun) cycle(edits []*edit) error {
	for _, e := range edits {
		if !r.selects(e) {
			continue
		}
		if err := r.apply(e); err != nil {
			return err
		}
	}
	return nil
}

func (r *sedRun) apply(e *edit) error {
	switch e.verb {
	case '{':
		return r.cycle(e.block)
	case 's':
		line, ok := e.substitute(r.line)
		if !ok {
			return nil
		}
		r.line, r.changed = line, true
		if strings.Contains(e.flags, "p") {
			r.print(r.line)
		}
		if e.text != "" {
			return appendTo(e.text, r.line+"\n")
		}
	case 'y':
		r.line = strings.Map(func(c rune) rune {
			if to, ok := e.table[c]; ok {
				return to
			}
			return c
		}, r.line)
	case 'd':
		return errNextCycle
	case 'D':
		_, rest, ok := strings.Cut(r.line, "\n")
		if !ok {
			return errNextCycle
		}
		r.line = rest
		return errAgain
	case 'p':
		r.print(r.line)
	case 'P':
		first, _, _ := strings.Cut(r.line, "\n")
		r.out.WriteString(first + "\n")
	case 'n', 'N':
		return r.nextLine(e.verb == 'N')
	case 'a':
		r.appended = append(r.appended, e.text+"\n")
	case 'i':
		r.out.WriteString(e.text + "\n")
	case 'c':
		if e.to == nil || !e.active || e.negate {
			r.out.WriteString(e.text + "\n")
		}
		return errNextCycle
	case 'r':
		b, _ := os.ReadFile(e.text) // a file that is not there adds nothing
		r.appended = append(r.appended, string(b))
	case 'w':
		return appendTo(e.text, r.line+"\n")
	case 'h':
		r.hold = r.line
	case 'H':
		r.hold += "\n" + r.line
	case 'g':
		r.line = r.hold
	case 'G':
		r.line += "\n" + r.hold
	case 'x':
		r.line, r.hold = r.hold, r.line
	case '=':
		fmt.Fprintf(r.out, "%d\n", r.number)
	case 'l':
		fmt.Fprintf(r.out, "%s$\n", strings.Trim(fmt.Sprintf("%q", r.line), `"`))
	case 'b':
		return jump(e.text)
	case 't', 'T':
		was := r.changed
		if e.verb == 't' {
			r.changed = false
		}
		if was == (e.verb == 't') {
			return jump(e.text)
		}
	case 'q':
		r.ended = e.nth
		return errQuit
	case 'Q':
		r.ended, r.quiet = e.nth, true
		return errQuit
	}
	return nil
}

func (r *sedRun) nextLine(join bool) error {
	if !r.more {
		return errQuit
	}
	if join {
		before, changed := r.line, r.changed
		if err := r.read(); err != nil {
			return err
		}
		r.line, r.changed = before+"\n"+r.line, changed
		return nil
	}
	if !r.quiet {
		r.print(r.line)
	}
	return r.read()
}

func appendTo(name, text string) error {
	if name == "/dev/stdout" {
		_, err := os.Stdout.WriteString(text)
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
