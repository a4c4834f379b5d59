//go:build linux

package toolbox

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"pileus/clock"
)

// longest is the longest line that tools read.
const longest = 16 << 20

// lines calls f with each line without its end, until f returns an error.
func lines(r io.Reader, f func(line string) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), longest)
	for s.Scan() {
		if err := f(s.Text()); err != nil {
			return err
		}
	}
	return s.Err()
}

// errEnough ends lines early.
var errEnough = errors.New("enough")

func cat(c *call) error {
	p, err := c.parse(options{letters: "nbAsuvetTE", long: map[string]string{
		"number": "n", "number-nonblank": "b", "squeeze-blank": "s", "show-all": "A", "show-ends": "E", "show-tabs": "T", "show-nonprinting": "v",
	}}, false)
	if err != nil {
		return err
	}
	s, m := catState{}, marksOf(p)
	return c.each(p.args, func(r io.Reader, _ string) error {
		if m == (marks{}) {
			_, err := io.Copy(c.out, r)
			return err
		}
		return m.copy(c.out, r, &s)
	})
}

// counted turns head -5 into head -n 5.
func (c *call) counted() {
	for i, a := range c.args {
		value := i > 0 && (c.args[i-1] == "-n" || c.args[i-1] == "-c") // "-n -5" is another thing
		if len(a) > 1 && a[0] == '-' && a[1] >= '0' && a[1] <= '9' && !value {
			c.args = slices.Clone(c.args)
			c.args[i] = "-n" + a[1:]
		}
	}
}

func head(c *call) error {
	c.counted()
	p, err := c.parse(options{letters: "n:c:qv", long: map[string]string{"lines": "n:", "bytes": "c:", "quiet": "q"}}, false)
	if err != nil {
		return err
	}
	count := "10"
	if p.has("n") {
		count = p.value("n")
	}
	if p.has("c") {
		count = p.value("c")
	}
	n, err := size(strings.TrimPrefix(count, "-"))
	if err != nil {
		return err
	}
	butLast := strings.HasPrefix(count, "-")
	first := true
	return c.each(p.args, func(r io.Reader, name string) error {
		if len(p.args) > 1 && !p.has("q") || p.has("v") {
			c.title(name, &first)
		}
		switch {
		case p.has("c") && !butLast:
			_, err := io.CopyN(c.out, r, n)
			if err == io.EOF {
				err = nil
			}
			return err
		case butLast:
			return allBut(c.out, r, int(n), p.has("c"))
		}
		b := bufio.NewReader(r)
		for range n {
			line, err := b.ReadString('\n')
			if _, e := io.WriteString(c.out, line); e != nil {
				return e
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// title is the heading of each of several files.
func (c *call) title(name string, first *bool) {
	if !*first {
		c.printf("\n")
	}
	*first = false
	if name == "-" {
		name = "standard input"
	}
	c.printf("==> %s <==\n", name)
}

// allBut copies all but the last n lines or bytes.
func allBut(w io.Writer, r io.Reader, n int, bytewise bool) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if bytewise {
		_, err = w.Write(b[:max(0, len(b)-n)])
		return err
	}
	all := bytes.SplitAfter(b, []byte("\n"))
	if len(all) > 0 && len(all[len(all)-1]) == 0 {
		all = all[:len(all)-1]
	}
	_, err = w.Write(bytes.Join(all[:max(0, len(all)-n)], nil))
	return err
}

// followPause is how often tail -f looks for more.
const followPause = 200 * time.Millisecond

func tail(c *call) error {
	c.counted()
	p, err := c.parse(options{letters: "n:c:fFqvs:", long: map[string]string{"lines": "n:", "bytes": "c:", "follow": "f", "quiet": "q"}}, false)
	if err != nil {
		return err
	}
	count := "10"
	if p.has("n") {
		count = p.value("n")
	}
	if p.has("c") {
		count = p.value("c")
	}
	n, err := size(strings.TrimLeft(count, "+-"))
	if err != nil {
		return err
	}
	first := true
	err = c.each(p.args, func(r io.Reader, name string) error {
		if len(p.args) > 1 && !p.has("q") {
			c.title(name, &first)
		}
		return tailOf(c.out, r, int(n), strings.HasPrefix(count, "+"), p.has("c"))
	})
	if err != nil || !p.has("f") && !p.has("F") || len(p.args) == 0 {
		return err
	}
	return c.follow(p.args)
}

// tailOf copies the last n lines or bytes, or all from the n-th on.
func tailOf(w io.Writer, r io.Reader, n int, from, bytewise bool) error {
	if from {
		b := bufio.NewReader(r)
		for range max(n-1, 0) {
			var err error
			if bytewise {
				_, err = b.Discard(1)
			} else {
				_, err = b.ReadString('\n')
			}
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
		}
		_, err := io.Copy(w, b)
		return err
	}
	if bytewise {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		_, err = w.Write(b[max(0, len(b)-n):])
		return err
	}
	var last []string
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadString('\n')
		if line != "" {
			if last = append(last, line); len(last) > n {
				last = last[1:]
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, strings.Join(last, ""))
	return err
}

// follow prints what is added to files until it is stopped.
func (c *call) follow(names []string) error {
	at := map[string]int64{}
	for _, n := range names {
		if i, err := os.Stat(n); err == nil {
			at[n] = i.Size()
		}
	}
	for clock.New().Wait(c.ctx, followPause) == nil {
		for _, n := range names {
			i, err := os.Stat(n)
			if err != nil || i.Size() == at[n] {
				continue
			}
			if i.Size() < at[n] {
				at[n] = 0 // it was begun anew
			}
			f, err := os.Open(n)
			if err != nil {
				continue
			}
			copied, err := io.Copy(c.out, io.NewSectionReader(f, at[n], i.Size()-at[n]))
			f.Close()
			at[n] += copied
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func wc(c *call) error {
	p, err := c.parse(options{letters: "lwcmL", long: map[string]string{"lines": "l", "words": "w", "bytes": "c", "chars": "m"}}, false)
	if err != nil {
		return err
	}
	some := p.has("l") || p.has("w") || p.has("c") || p.has("m")
	var total [3]int64
	show := func(n [3]int64, name string) {
		var cols []string
		width := len(strconv.FormatInt(n[2], 10))
		if name == "-" {
			width = 7
		}
		for i, letter := range []string{"l", "w", "c"} {
			if !some || p.has(letter) || letter == "c" && p.has("m") {
				cols = append(cols, strconv.FormatInt(n[i], 10))
			}
		}
		if len(cols) > 1 {
			for i := range cols {
				cols[i] = fmt.Sprintf("%*s", width, cols[i])
			}
		}
		if name != "-" {
			cols = append(cols, name)
		}
		c.printf("%s\n", strings.Join(cols, " "))
	}
	err = c.each(p.args, func(r io.Reader, name string) error {
		var n [3]int64
		inWord := false
		b := bufio.NewReader(r)
		for {
			ch, width, err := b.ReadRune()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			if p.has("m") {
				width = 1
			}
			n[2] += int64(width)
			if ch == '\n' {
				n[0]++
			}
			space := strings.ContainsRune(" \t\n\r\v\f", ch)
			if !space && !inWord {
				n[1]++
			}
			inWord = !space
		}
		for i := range n {
			total[i] += n[i]
		}
		show(n, name)
		return nil
	})
	if len(p.args) > 1 {
		show(total, "total")
	}
	return err
}

func uniq(c *call) error {
	p, err := c.parse(options{letters: "cdui", long: map[string]string{"count": "c", "repeated": "d", "unique": "u", "ignore-case": "i"}}, false)
	if err != nil {
		return err
	}
	var last string
	n := 0
	flush := func() {
		if n == 0 || p.has("d") && n == 1 || p.has("u") && n > 1 {
			return
		}
		if p.has("c") {
			c.printf("%7d ", n)
		}
		c.printf("%s\n", last)
	}
	err = c.each(p.args[:min(1, len(p.args))], func(r io.Reader, _ string) error {
		return lines(r, func(l string) error {
			if n > 0 && (l == last || p.has("i") && strings.EqualFold(l, last)) {
				n++
				return nil
			}
			flush()
			last, n = l, 1
			return nil
		})
	})
	flush()
	return err
}

func cut(c *call) error {
	p, err := c.parse(options{letters: "f:d:c:b:s", long: map[string]string{"fields": "f:", "delimiter": "d:", "characters": "c:", "only-delimited": "s", "output-delimiter": "O:"}}, false)
	if err != nil {
		return err
	}
	list := p.value("f") + p.value("c") + p.value("b")
	picked, err := ranges(list)
	if err != nil {
		return err
	}
	delimiter := "\t"
	if p.has("d") {
		delimiter = p.value("d")
	}
	return c.each(p.args, func(r io.Reader, _ string) error {
		return lines(r, func(l string) error {
			var parts []string
			join := ""
			if p.has("f") {
				if !strings.Contains(l, delimiter) {
					if !p.has("s") {
						c.printf("%s\n", l)
					}
					return nil
				}
				parts, join = strings.Split(l, delimiter), delimiter
			} else {
				parts = strings.Split(l, "")
			}
			if p.has("O") {
				join = p.value("O")
			}
			var out []string
			for i, s := range parts {
				if picked(i + 1) {
					out = append(out, s)
				}
			}
			_, err := fmt.Fprintln(c.out, strings.Join(out, join))
			return err
		})
	})
}

// ranges reads "1,3-5,7-".
func ranges(s string) (func(int) bool, error) {
	var list [][2]int
	for r := range strings.SplitSeq(s, ",") {
		from, to, through := strings.Cut(r, "-")
		a, b := 1, int(^uint(0)>>1)
		var err error
		if from != "" {
			if a, err = strconv.Atoi(from); err != nil || a < 1 {
				return nil, usage(fmt.Sprintf("invalid list '%s'", s))
			}
		}
		switch {
		case !through:
			b = a
		case to != "":
			if b, err = strconv.Atoi(to); err != nil {
				return nil, usage(fmt.Sprintf("invalid list '%s'", s))
			}
		}
		list = append(list, [2]int{a, b})
	}
	return func(i int) bool {
		return slices.ContainsFunc(list, func(r [2]int) bool { return i >= r[0] && i <= r[1] })
	}, nil
}

func tee(c *call) error {
	p, err := c.parse(options{letters: "ai", long: map[string]string{"append": "a"}}, false)
	if err != nil {
		return err
	}
	writers := []io.Writer{c.out}
	for _, name := range p.args {
		flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
		if p.has("a") {
			flags = os.O_WRONLY | os.O_CREATE | os.O_APPEND
		}
		f, err := os.OpenFile(name, flags, 0o666)
		if err != nil {
			c.complain(err)
			continue
		}
		defer f.Close()
		writers = append(writers, f)
	}
	_, err = io.Copy(io.MultiWriter(writers...), c.in)
	return err
}

func tr(c *call) error {
	p, err := c.parse(options{letters: "dscC"}, true)
	if err != nil {
		return err
	}
	if len(p.args) == 0 {
		return usage("missing operand")
	}
	from := trSet(p.args[0])
	var to []byte
	if len(p.args) > 1 {
		to = trSet(p.args[1])
	}
	var in [256]bool
	for _, b := range from {
		in[b] = true
	}
	if p.has("c") || p.has("C") {
		from = from[:0]
		for i := range in {
			if in[i] = !in[i]; in[i] {
				from = append(from, byte(i))
			}
		}
	}
	var table [256]byte
	for i := range table {
		table[i] = byte(i)
	}
	if !p.has("d") && len(to) > 0 {
		for i, b := range from {
			table[b] = to[min(i, len(to)-1)]
		}
	}
	squeezed := from
	if len(to) > 0 {
		squeezed = to
	}
	r, w := bufio.NewReader(c.in), bufio.NewWriter(c.out)
	last := -1
	for {
		b, err := r.ReadByte()
		if err == io.EOF {
			return w.Flush()
		}
		if err != nil {
			return err
		}
		if p.has("d") && in[b] {
			continue
		}
		b = table[b]
		if p.has("s") && int(b) == last && bytes.IndexByte(squeezed, b) >= 0 {
			continue
		}
		last = int(b)
		w.WriteByte(b)
	}
}

// trSet reads a set of tr: ranges, classes and escapes.
func trSet(s string) (set []byte) {
	classes := map[string]string{
		"[:lower:]": "a-z", "[:upper:]": "A-Z", "[:digit:]": "0-9", "[:alpha:]": "A-Za-z", "[:alnum:]": "0-9A-Za-z", "[:space:]": "\t\n\v\f\r ", "[:blank:]": " \t",
		"[:punct:]": "!-/:-@[-`{-~", "[:xdigit:]": "0-9A-Fa-f", "[:cntrl:]": "\x00-\x1f\x7f", "[:print:]": " -~",
	}
	for name, chars := range classes {
		s = strings.ReplaceAll(s, name, chars)
	}
	var plain []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			if n := strings.IndexByte("ntrfvab\\", s[i]); n >= 0 {
				plain = append(plain, "\n\t\r\f\v\a\b\\"[n])
				continue
			}
			if s[i] >= '0' && s[i] <= '7' {
				end := i
				for end < len(s) && end < i+3 && s[end] >= '0' && s[end] <= '7' {
					end++
				}
				n, _ := strconv.ParseUint(s[i:end], 8, 8)
				plain, i = append(plain, byte(n)), end-1
				continue
			}
		}
		plain = append(plain, s[i])
	}
	for i := 0; i < len(plain); i++ {
		if i+2 < len(plain) && plain[i+1] == '-' && plain[i] <= plain[i+2] {
			for b := int(plain[i]); b <= int(plain[i+2]); b++ {
				set = append(set, byte(b))
			}
			i += 2
			continue
		}
		set = append(set, plain[i])
	}
	return set
}

func seq(c *call) error {
	if len(c.args) > 0 {
		if _, err := strconv.ParseFloat(c.args[0], 64); err == nil {
			c.args = append([]string{"--"}, c.args...) // a number below zero is no option
		}
	}
	p, err := c.parse(options{letters: "s:wf:", long: map[string]string{"separator": "s:", "equal-width": "w", "format": "f:"}}, true)
	if err != nil {
		return err
	}
	v := [3]float64{1, 1, 1}
	for i, a := range p.args {
		f, err := strconv.ParseFloat(a, 64)
		if err != nil || i > 2 {
			return usage(fmt.Sprintf("invalid floating point argument: '%s'", a))
		}
		v[i] = f
	}
	from, step, to := 1.0, 1.0, v[0]
	switch len(p.args) {
	case 2:
		from, to = v[0], v[1]
	case 3:
		from, step, to = v[0], v[1], v[2]
	}
	if step == 0 || len(p.args) == 0 {
		return usage("missing operand")
	}
	form := ""
	if p.has("f") {
		if form, err = numberFormat(p.value("f")); err != nil {
			return err
		}
	}
	separator := "\n"
	if p.has("s") {
		separator = p.value("s")
	}
	w := bufio.NewWriter(c.out)
	width := 0
	if p.has("w") {
		width = max(len(fmt.Sprint(from)), len(fmt.Sprint(to)))
	}
	printed := false
	for i := 0; ; i++ {
		n := from + float64(i)*step
		if step > 0 && n > to+1e-9 || step < 0 && n < to-1e-9 {
			break
		}
		if i > 0 {
			w.WriteString(separator)
		}
		printed = true
		if form != "" {
			fmt.Fprintf(w, form, n)
			continue
		}
		fmt.Fprintf(w, "%0*s", width, strconv.FormatFloat(n, 'f', -1, 64))
	}
	if printed {
		w.WriteByte('\n')
	}
	return w.Flush()
}

func yes(c *call) error {
	word := "y"
	if len(c.args) > 0 {
		word = strings.Join(c.args, " ")
	}
	block := []byte(strings.Repeat(word+"\n", 512))
	for {
		if _, err := c.out.Write(block); err != nil {
			return err
		}
	}
}

func tac(c *call) error {
	return c.each(c.args, func(r io.Reader, _ string) error {
		var all []string
		if err := lines(r, func(l string) error { all = append(all, l); return nil }); err != nil {
			return err
		}
		for _, l := range slices.Backward(all) {
			c.printf("%s\n", l)
		}
		return nil
	})
}
