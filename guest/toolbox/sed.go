//go:build linux

package toolbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// edit is one command of a sed script.
type edit struct {
	from, to *address
	negate   bool
	active   bool // within its range
	verb     byte
	text     string         // of a, i, c; the label of b and t; the file of w and r
	re       *regexp.Regexp // of s
	with     string
	flags    string
	nth      int
	table    map[rune]rune // of y
	block    []*edit
}

// address selects lines: by number, as the last, or by pattern.
type address struct {
	line, step int
	last       bool
	re         *regexp.Regexp
	plus       int // "+n" lines after the first
}

// sedParser reads a script.
type sedParser struct {
	s        string
	extended bool
	lastRE   *regexp.Regexp
}

func sed(c *call) error {
	// The ending of -i is joined to it or absent, so it is none of parse's.
	inPlace, suffix := false, ""
	var args []string
	for _, a := range c.args {
		if rest, ok := strings.CutPrefix(a, "-i"); ok || strings.HasPrefix(a, "--in-place") {
			inPlace, suffix = true, strings.TrimPrefix(rest, "=")
			if !ok {
				_, suffix, _ = strings.Cut(a, "=")
			}
			if suffix == "E" || suffix == "r" || suffix == "n" {
				args, suffix = append(args, "-"+suffix), ""
			}
			continue
		}
		args = append(args, a)
	}
	c.args = args
	p, err := c.parse(options{letters: "nErse:f:uz", long: map[string]string{"quiet": "n", "silent": "n", "regexp-extended": "E", "expression": "e:", "file": "f:"}}, false)
	if err != nil {
		return err
	}
	script := strings.Join(p.all["e"], "\n")
	if p.has("f") {
		b, err := os.ReadFile(p.value("f"))
		if err != nil {
			return err
		}
		script += "\n" + string(b)
	}
	files := p.args
	if !p.has("e") && !p.has("f") {
		if len(files) == 0 {
			return usage("no script")
		}
		script, files = files[0], files[1:]
	}
	parser := &sedParser{s: script, extended: p.has("E") || p.has("r")}
	edits, err := parser.edits(false)
	if err != nil {
		return usage(err.Error())
	}
	if !inPlace {
		r := &sedRun{edits: edits, quiet: p.has("n"), out: bufio.NewWriter(c.out)}
		return r.run(c.inputs(files))
	}
	for _, name := range files {
		if err := sedInPlace(name, suffix, edits, p.has("n")); err != nil {
			c.complain(err)
		}
	}
	return nil
}

// inputs is all named files one after the other.
func (c *call) inputs(files []string) io.Reader {
	var all []io.Reader
	c.each(files, func(r io.Reader, _ string) error {
		if r == c.in {
			all = append(all, r)
			return nil
		}
		b, err := io.ReadAll(r)
		all = append(all, bytes.NewReader(b))
		return err
	})
	return io.MultiReader(all...)
}

func sedInPlace(name, suffix string, edits []*edit, quiet bool) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if suffix != "" {
		if err := os.WriteFile(name+suffix, b, info.Mode().Perm()); err != nil {
			return err
		}
	}
	var out bytes.Buffer
	r := &sedRun{edits: edits, quiet: quiet, out: bufio.NewWriter(&out)}
	if err := r.run(bytes.NewReader(b)); err != nil {
		return err
	}
	return os.WriteFile(name, out.Bytes(), info.Mode().Perm())
}

func (p *sedParser) skip(set string) { p.s = strings.TrimLeft(p.s, set) }

func (p *sedParser) edits(inner bool) (list []*edit, err error) {
	for {
		p.skip(" \t\n;")
		if p.s == "" {
			if inner {
				return nil, errors.New("unmatched `{'")
			}
			return list, nil
		}
		if p.s[0] == '}' {
			if !inner {
				return nil, errors.New("unexpected `}'")
			}
			p.s = p.s[1:]
			return list, nil
		}
		if p.s[0] == '#' {
			_, p.s, _ = strings.Cut(p.s, "\n")
			continue
		}
		e, err := p.edit()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
}

func (p *sedParser) edit() (e *edit, err error) {
	e = &edit{}
	if e.from, err = p.address(); err != nil {
		return nil, err
	}
	p.skip(" \t")
	if e.from != nil && strings.HasPrefix(p.s, ",") {
		p.s = p.s[1:]
		p.skip(" \t")
		if e.to, err = p.address(); err != nil || e.to == nil {
			return nil, errors.Join(errors.New("unexpected `,'"), err)
		}
		p.skip(" \t")
	}
	for strings.HasPrefix(p.s, "!") {
		e.negate = true
		p.s = strings.TrimLeft(p.s[1:], " \t")
	}
	if p.s == "" {
		return nil, errors.New("missing command")
	}
	e.verb, p.s = p.s[0], p.s[1:]
	switch e.verb {
	case '{':
		e.block, err = p.edits(true)
	case 's':
		err = p.substitution(e)
	case 'y':
		err = p.transliteration(e)
	case 'a', 'i', 'c':
		p.text(e)
	case ':', 'b', 't', 'T', 'r', 'w':
		p.skip(" \t")
		end := strings.IndexAny(p.s, "\n;}")
		if end < 0 || e.verb == 'r' || e.verb == 'w' {
			if end = strings.IndexByte(p.s, '\n'); end < 0 {
				end = len(p.s)
			}
		}
		e.text, p.s = strings.TrimSpace(p.s[:end]), p.s[end:]
	case 'q', 'Q':
		p.skip(" \t")
		digits := len(p.s) - len(strings.TrimLeft(p.s, "0123456789"))
		e.nth, _ = strconv.Atoi(p.s[:digits])
		p.s = p.s[digits:]
	case 'd', 'D', 'p', 'P', 'n', 'N', 'h', 'H', 'g', 'G', 'x', '=', 'l':
	default:
		return nil, fmt.Errorf("unknown command: `%c'", e.verb)
	}
	return e, err
}

// text reads what a, i and c add: the rest of the line, or the lines behind a
// backslash.
func (p *sedParser) text(e *edit) {
	p.skip(" \t")
	if rest, ok := strings.CutPrefix(p.s, "\\\n"); ok {
		p.s = rest
	} else if strings.HasPrefix(p.s, "\\") {
		p.s = strings.TrimLeft(p.s[1:], " \t\n")
	}
	var b strings.Builder
	for p.s != "" && p.s[0] != '\n' {
		if p.s[0] == '\\' && len(p.s) > 1 {
			p.s = p.s[1:]
		}
		b.WriteByte(p.s[0])
		p.s = p.s[1:]
	}
	e.text = b.String()
}

func (p *sedParser) address() (*address, error) {
	switch {
	case p.s == "":
		return nil, nil
	case p.s[0] == '$':
		p.s = p.s[1:]
		return &address{last: true}, nil
	case p.s[0] == '+' || p.s[0] >= '0' && p.s[0] <= '9':
		plus := p.s[0] == '+'
		if plus {
			p.s = p.s[1:]
		}
		n := p.number()
		if plus {
			return &address{plus: n}, nil
		}
		a := &address{line: n}
		if strings.HasPrefix(p.s, "~") {
			p.s = p.s[1:]
			a.step = p.number()
		}
		return a, nil
	case p.s[0] == '/' || p.s[0] == '\\' && len(p.s) > 1:
		if p.s[0] == '\\' {
			p.s = p.s[1:]
		}
		delimiter := p.s[0]
		p.s = p.s[1:]
		text, err := p.until(delimiter)
		if err != nil {
			return nil, err
		}
		flags := ""
		if strings.HasPrefix(p.s, "I") {
			p.s, flags = p.s[1:], "i"
		}
		re, err := p.compile(text, flags)
		return &address{re: re}, err
	}
	return nil, nil
}

func (p *sedParser) number() int {
	digits := len(p.s) - len(strings.TrimLeft(p.s, "0123456789"))
	n, _ := strconv.Atoi(p.s[:digits])
	p.s = p.s[digits:]
	return n
}

// until reads up to a delimiter that is not escaped nor in brackets.
func (p *sedParser) until(delimiter byte) (string, error) {
	var b strings.Builder
	for i := 0; i < len(p.s); i++ {
		switch ch := p.s[i]; {
		case ch == delimiter:
			p.s = p.s[i+1:]
			return b.String(), nil
		case ch == '\\' && i+1 < len(p.s):
			i++
			if p.s[i] != delimiter {
				b.WriteByte('\\')
			} else if strings.IndexByte(".*[]^$+?(){}|&", delimiter) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(p.s[i])
		default:
			b.WriteByte(ch)
		}
	}
	return "", fmt.Errorf("unterminated `%c'", delimiter)
}

func (p *sedParser) compile(text, flags string) (*regexp.Regexp, error) {
	if text == "" && p.lastRE != nil {
		return p.lastRE, nil
	}
	if p.extended {
		text = extended(text)
	} else {
		text = basic(text)
	}
	prefix := ""
	if strings.ContainsAny(flags, "iI") {
		prefix += "i"
	}
	if strings.ContainsAny(flags, "mM") {
		prefix += "m"
	}
	if prefix != "" {
		text = "(?" + prefix + ")" + text
	}
	re, err := regexp.Compile(text)
	p.lastRE = re
	return re, err
}

func (p *sedParser) substitution(e *edit) error {
	if p.s == "" {
		return errors.New("unterminated `s' command")
	}
	delimiter := p.s[0]
	p.s = p.s[1:]
	pattern, err := p.until(delimiter)
	if err != nil {
		return err
	}
	if e.with, err = p.until(delimiter); err != nil {
		return err
	}
	end := len(p.s) - len(strings.TrimLeft(p.s, "gpiImM0123456789e"))
	e.flags, p.s = p.s[:end], p.s[end:]
	if digits := strings.Trim(e.flags, "gpiImMe"); digits != "" {
		e.nth, _ = strconv.Atoi(digits)
	}
	if strings.HasPrefix(p.s, "w") {
		line, rest, _ := strings.Cut(p.s[1:], "\n")
		e.text, p.s = strings.TrimSpace(line), rest
	}
	e.re, err = p.compile(pattern, e.flags)
	return err
}

func (p *sedParser) transliteration(e *edit) error {
	if p.s == "" {
		return errors.New("unterminated `y' command")
	}
	delimiter := p.s[0]
	p.s = p.s[1:]
	from, err1 := p.until(delimiter)
	to, err2 := p.until(delimiter)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	escapes := strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`)
	a, b := []rune(escapes.Replace(from)), []rune(escapes.Replace(to))
	if len(a) != len(b) {
		return errors.New("strings for `y' command are different lengths")
	}
	e.table = map[rune]rune{}
	for i := range a {
		e.table[a[i]] = b[i]
	}
	return nil
}

// replace is what a substitution puts for a match.
func (e *edit) replace(line string, m []int) string {
	var b strings.Builder
	change := byte(0)
	write := func(s string) {
		switch change {
		case 'U':
			s = strings.ToUpper(s)
		case 'L':
			s = strings.ToLower(s)
		}
		b.WriteString(s)
	}
	group := func(n int) {
		if 2*n+1 < len(m) && m[2*n] >= 0 {
			write(line[m[2*n]:m[2*n+1]])
		}
	}
	for i := 0; i < len(e.with); i++ {
		switch ch := e.with[i]; {
		case ch == '&':
			group(0)
		case ch == '\\' && i+1 < len(e.with):
			i++
			switch n := e.with[i]; {
			case n >= '0' && n <= '9':
				group(int(n - '0'))
			case n == 'n':
				b.WriteByte('\n')
			case n == 't':
				b.WriteByte('\t')
			case n == 'U' || n == 'L':
				change = n
			case n == 'E':
				change = 0
			default:
				b.WriteByte(n)
			}
		default:
			write(string(ch))
		}
	}
	return b.String()
}

// substitute applies s to a line.
func (e *edit) substitute(line string) (string, bool) {
	matches := e.re.FindAllStringSubmatchIndex(line, -1)
	first := max(e.nth, 1)
	if len(matches) < first {
		return line, false
	}
	var b strings.Builder
	at := 0
	for i, m := range matches {
		if i+1 < first || i+1 > first && !strings.Contains(e.flags, "g") {
			continue
		}
		b.WriteString(line[at:m[0]])
		b.WriteString(e.replace(line, m))
		at = m[1]
	}
	b.WriteString(line[at:])
	return b.String(), true
}
