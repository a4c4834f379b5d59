//go:build linux

package toolbox

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// basic turns a basic regular expression into Go's: in it the special signs
// are the escaped ones.
func basic(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == '\\' && i+1 < len(s):
			i++
			switch s[i] {
			case '(', ')', '{', '}', '|', '+', '?':
				b.WriteByte(s[i])
			case '<', '>':
				b.WriteString(`\b`)
			default:
				b.WriteByte('\\')
				b.WriteByte(s[i])
			}
		case ch == '[':
			end := bracket(s, i)
			b.WriteString(s[i:end])
			i = end - 1
		case strings.IndexByte("(){}|+?", ch) >= 0:
			b.WriteByte('\\')
			b.WriteByte(ch)
		case ch == '*' && (i == 0 || s[i-1] == '^' && i == 1):
			b.WriteString(`\*`)
		default:
			b.WriteByte(ch)
		}
	}
	return b.String()
}

// extended does the same for an extended one, which is nearly Go's.
func extended(s string) string {
	return strings.NewReplacer(`\\`, `\\`, `\<`, `\b`, `\>`, `\b`).Replace(s)
}

// bracket is the index behind the bracket expression that begins at i.
func bracket(s string, i int) int {
	j := i + 1
	if j < len(s) && s[j] == '^' {
		j++
	}
	if j < len(s) && s[j] == ']' {
		j++
	}
	for j < len(s) && s[j] != ']' {
		if s[j] == '[' && j+1 < len(s) && s[j+1] == ':' {
			if k := strings.Index(s[j:], ":]"); k > 0 {
				j += k + 1
			}
		}
		j++
	}
	return min(j+1, len(s))
}

// grepper is grep with its options.
type grepper struct {
	c             *call
	p             *parsed
	re            *regexp.Regexp
	names         bool
	before, after int
	found         bool
	most          int
}

func grep(c *call) error {
	c.counted()
	p, err := c.parse(options{letters: "EFGPivcnlLqshHorRwxe:f:m:A:B:C:", long: map[string]string{
		"extended-regexp": "E", "fixed-strings": "F", "perl-regexp": "P", "ignore-case": "i", "invert-match": "v", "count": "c", "line-number": "n", "files-with-matches": "l",
		"quiet": "q", "silent": "q", "no-messages": "s", "no-filename": "h", "only-matching": "o", "recursive": "r", "word-regexp": "w", "line-regexp": "x",
		"regexp": "e:", "max-count": "m:", "color": "G", "colour": "G", "after-context": "A:", "before-context": "B:", "context": "C:", "include": "I:",
	}}, false)
	if err != nil {
		return err
	}
	g := &grepper{c: c, p: p, most: -1}
	patterns := p.all["e"]
	if p.has("f") {
		b, err := os.ReadFile(p.value("f"))
		if err != nil {
			return grepError(err)
		}
		patterns = append(patterns, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")...)
	}
	args := p.args
	if len(patterns) == 0 {
		if len(args) == 0 {
			return usage("no pattern")
		}
		patterns, args = strings.Split(args[0], "\n"), args[1:]
	}
	if g.re, err = grepPattern(c.name, p, patterns); err != nil {
		return grepError(err)
	}
	for letter, n := range map[string]*int{"m": &g.most, "A": &g.after, "B": &g.before} {
		if p.has(letter) {
			if *n, err = strconv.Atoi(p.value(letter)); err != nil {
				return usage("invalid number " + p.value(letter))
			}
		}
	}
	if p.has("C") {
		n, err := strconv.Atoi(p.value("C"))
		if err != nil {
			return usage("invalid number " + p.value("C"))
		}
		g.before, g.after = n, n
	}
	return g.run(args)
}

// grepError has status 2, as 1 means that nothing was found.
func grepError(err error) error { return usage(plain(err)) }

func grepPattern(name string, p *parsed, patterns []string) (*regexp.Regexp, error) {
	var parts []string
	for _, s := range patterns {
		switch {
		case p.has("F") || name == "fgrep":
			s = regexp.QuoteMeta(s)
		case p.has("E") || name == "egrep":
			s = extended(s)
		case p.has("P"):
		default:
			s = basic(s)
		}
		if p.has("w") {
			s = `\b(?:` + s + `)\b`
		}
		if p.has("x") {
			s = `^(?:` + s + `)$`
		}
		parts = append(parts, "(?:"+s+")")
	}
	expr := strings.Join(parts, "|")
	if p.has("i") {
		expr = "(?i)" + expr
	}
	return regexp.Compile(expr)
}

func (g *grepper) run(args []string) error {
	recursive := g.p.has("r") || g.p.has("R")
	if recursive {
		bare := len(args) == 0 // then files are named without ./
		if bare {
			args = []string{"."}
		}
		var files []string
		for _, a := range args {
			filepath.WalkDir(a, func(path string, d fs.DirEntry, err error) error {
				if err != nil {
					g.c.complain(err)
				} else if d.Type().IsRegular() && g.included(d.Name()) {
					if !bare {
						path = below(a, path)
					}
					files = append(files, path)
				}
				return nil
			})
		}
		if args = files; len(args) == 0 {
			return exit(1)
		}
	}
	g.names = (len(args) > 1 || recursive || g.p.has("H")) && !g.p.has("h")
	silent := g.c.errors
	if g.p.has("s") {
		g.c.errors = io.Discard
	}
	err := g.c.each(args, g.file)
	g.c.errors = silent
	switch {
	case g.found && (g.p.has("q") || g.c.status == 0) && (err == nil || errors.Is(err, errEnough)):
		return exit(0)
	case err != nil:
		return err
	case g.c.status != 0:
		return exit(2)
	}
	return exit(1)
}

func (g *grepper) included(name string) bool {
	if !g.p.has("I") {
		return true
	}
	for _, p := range g.p.all["I"] {
		if ok, _ := filepath.Match(p, name); ok {
			return true
		}
	}
	return false
}

func (g *grepper) file(r io.Reader, name string) error {
	if name == "-" {
		name = "(standard input)"
	}
	prefix := ""
	if g.names {
		prefix = name
	}
	count, number, pending, printed := 0, 0, 0, 0
	var held []string
	err := lines(r, func(line string) error {
		number++
		if g.re.MatchString(line) == g.p.has("v") {
			switch {
			case pending > 0:
				pending--
				g.print(prefix, number, "-", line)
				printed = number
			case g.before > 0:
				if held = append(held, line); len(held) > g.before {
					held = held[1:]
				}
			}
			return nil
		}
		g.found = true
		count++
		switch {
		case g.p.has("q"):
			return exit(0)
		case g.p.has("l"):
			g.c.printf("%s\n", name)
			return errEnough
		case g.p.has("c") || g.p.has("L"):
		case g.p.has("o"):
			for _, m := range g.re.FindAllString(line, -1) {
				if m != "" {
					g.print(prefix, number, ":", m)
				}
			}
		default:
			if (g.before > 0 || g.after > 0) && printed > 0 && number-len(held) > printed+1 {
				g.c.printf("--\n")
			}
			for i, h := range held {
				g.print(prefix, number-len(held)+i, "-", h)
			}
			held, pending, printed = nil, g.after, number
			g.print(prefix, number, ":", line)
		}
		if count == g.most {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if g.p.has("c") {
		if prefix != "" {
			prefix += ":"
		}
		g.c.printf("%s%d\n", prefix, count)
	}
	if g.p.has("L") && count == 0 {
		g.c.printf("%s\n", name)
	}
	return err
}

func (g *grepper) print(prefix string, number int, sign, line string) {
	if prefix != "" {
		prefix += sign
	}
	if g.p.has("n") {
		prefix += fmt.Sprint(number) + sign
	}
	g.c.printf("%s%s\n", prefix, line)
}
