//go:build linux

package toolbox

import (
	"fmt"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"pileus/clock"
)

// printf is the shell's: with numbers that have a point, %q, %X, widths from
// arguments, and -v, which the interpreter's has not.
func (s *shell) printf(h interp.HandlerContext, args []string) ([]string, error) {
	words, variable := args[1:], ""
	if len(words) > 1 && words[0] == "-v" {
		variable, words = words[1], words[2:]
	}
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 || variable != "" && !syntax.ValidName(variable) {
		fmt.Fprintln(h.Stderr, "printf: usage: printf [-v var] format [arguments]")
		return []string{"eval", "(exit 2)"}, nil
	}
	p := &printer{s: s, h: h, args: words[1:]}
	for {
		before := len(p.args)
		if stop := p.round(words[0]); stop || len(p.args) == 0 || len(p.args) == before {
			break
		}
	}
	status := "true"
	if p.failed {
		status = "false"
	}
	if variable != "" {
		q, err := syntax.Quote(p.out.String(), syntax.LangBash)
		if err != nil {
			return nil, err
		}
		return []string{"eval", variable + "=" + q}, nil
	}
	if _, err := h.Stdout.Write([]byte(p.out.String())); err != nil {
		status = "false"
	}
	return []string{status}, nil
}

type printer struct {
	s      *shell
	h      interp.HandlerContext
	args   []string
	out    strings.Builder
	failed bool
}

func (p *printer) next() string {
	if len(p.args) == 0 {
		return ""
	}
	a := p.args[0]
	p.args = p.args[1:]
	return a
}

// round writes the format once; stop is what \c asks for.
func (p *printer) round(format string) (stop bool) {
	for i := 0; i < len(format); {
		switch c := format[i]; {
		case c == '\\':
			text, n, end := escape(format[i:], false)
			p.out.WriteString(text)
			if end {
				return true
			}
			i += n
		case c != '%':
			p.out.WriteByte(c)
			i++
		case strings.HasPrefix(format[i:], "%%"):
			p.out.WriteByte('%')
			i += 2
		default:
			n, stop := p.directive(format[i:])
			if stop {
				return true
			}
			i += n
		}
	}
	return false
}

// directive writes one %…; it returns its length.
func (p *printer) directive(f string) (n int, stop bool) {
	spec := "%"
	for n = 1; n < len(f) && strings.IndexByte("#-+ 0123456789.*'", f[n]) >= 0; n++ {
		switch f[n] {
		case '*':
			spec += strconv.FormatInt(p.integer(p.next()), 10)
		case '\'':
		default:
			spec += f[n : n+1]
		}
	}
	if n < len(f) && f[n] == '(' { // %(%F)T: a time
		if end := strings.Index(f[n:], ")T"); end > 0 {
			p.out.WriteString(p.time(f[n+1 : n+end]))
			return n + end + 2, false
		}
	}
	for n < len(f) && strings.IndexByte("hlLjzt", f[n]) >= 0 {
		n++
	}
	if n == len(f) {
		p.complain("`%': missing format character")
		return n, true
	}
	verb := f[n]
	n++
	switch verb {
	case 'd', 'i':
		fmt.Fprintf(&p.out, spec+"d", p.integer(p.next()))
	case 'u':
		fmt.Fprintf(&p.out, spec+"d", uint64(p.integer(p.next())))
	case 'o', 'x', 'X':
		fmt.Fprintf(&p.out, spec+string(verb), uint64(p.integer(p.next())))
	case 'f', 'F', 'e', 'E', 'g', 'G':
		fmt.Fprintf(&p.out, spec+string(verb), p.number(p.next()))
	case 'c':
		a := p.next()
		fmt.Fprintf(&p.out, spec+"s", a[:min(1, len(a))])
	case 's':
		fmt.Fprintf(&p.out, spec+"s", p.next())
	case 'q':
		fmt.Fprintf(&p.out, spec+"s", backslashed(p.next()))
	case 'b':
		var text strings.Builder
		for a := p.next(); len(a) > 0; {
			t, m, end := escape(a, true)
			text.WriteString(t)
			if end {
				p.out.WriteString(text.String())
				return n, true
			}
			a = a[m:]
		}
		fmt.Fprintf(&p.out, spec+"s", text.String())
	default:
		p.complain(fmt.Sprintf("`%c': invalid format character", verb))
		return n, true
	}
	return n, false
}

func (p *printer) complain(what string) {
	fmt.Fprintf(p.h.Stderr, "%s: printf: %s\n", p.s.where(p.h), what)
	p.failed = true
}

func (p *printer) integer(a string) int64 {
	if a == "" {
		return 0
	}
	if a[0] == '\'' || a[0] == '"' { // the number of a character
		for _, r := range a[1:] {
			return int64(r)
		}
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(a), 0, 64)
	if err == nil {
		return n
	}
	if u, err := strconv.ParseUint(a, 0, 64); err == nil {
		return int64(u)
	}
	p.complain(a + ": invalid number")
	end := 0
	for end < len(a) && (a[end] >= '0' && a[end] <= '9' || end == 0 && a[end] == '-') {
		end++
	}
	n, _ = strconv.ParseInt(a[:end], 10, 64)
	return n
}

func (p *printer) number(a string) float64 {
	if a == "" {
		return 0
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(a), 64)
	if err != nil {
		p.complain(a + ": invalid number")
	}
	return n
}

// time is now, or the second that the next argument names.
func (p *printer) time(layout string) string {
	when := "now"
	if a := p.next(); a != "" && a != "-1" && a != "-2" {
		when = "@" + a
	}
	t, err := readTime(when, clock.Machine().Local())
	if err != nil {
		p.complain(when + ": invalid number")
	}
	return strftime(layout, t)
}

// backslashed is a word that a shell reads as s.
func backslashed(s string) string {
	if s == "" {
		return "''"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		q, err := syntax.Quote(s, syntax.LangBash)
		if err == nil {
			return q
		}
	}
	var b strings.Builder
	for i, r := range s {
		if strings.ContainsRune(" !\"$&'()*,;<>?[\\]^`{|}", r) || i == 0 && (r == '~' || r == '#') {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// escape reads what begins s: one character, or an escape for it.
// In arguments (%b) octal numbers may begin with a 0, and \c ends everything.
func escape(s string, argument bool) (text string, n int, end bool) {
	if s[0] != '\\' || len(s) == 1 {
		return s[:1], 1, false
	}
	if at := strings.IndexByte("abefnrtvE\\\"'?", s[1]); at >= 0 {
		return "\a\b\x1b\f\n\r\t\v\x1b\\\"'?"[at : at+1], 2, false
	}
	switch c := s[1]; {
	case c == 'c' && argument:
		return "", 2, true
	case c == 'x':
		if v, i := digits(s, 2, 2, 16); i > 2 {
			return string([]byte{byte(v)}), i, false
		}
	case c == 'u' || c == 'U':
		if v, i := digits(s, 2, map[byte]int{'u': 4, 'U': 8}[c], 16); i > 2 {
			return string(rune(v)), i, false
		}
	case c >= '0' && c <= '7':
		from := 1
		if c == '0' && argument {
			from = 2
		}
		v, i := digits(s, from, 3, 8)
		return string([]byte{byte(v)}), i, false
	}
	return s[:2], 2, false
}

// digits reads at most so many digits from there on.
func digits(s string, from, most, base int) (v int64, end int) {
	for end = from; end < len(s) && end < from+most; end++ {
		d, err := strconv.ParseInt(s[end:end+1], base, 64)
		if err != nil {
			break
		}
		v = v*int64(base) + d
	}
	return v, end
}
