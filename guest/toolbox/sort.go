//go:build linux

package toolbox

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// sortLines is sort.
func sortLines(c *call) error {
	p, err := c.parse(options{letters: "nrufk:t:o:hVsbcC", long: map[string]string{
		"numeric-sort": "n", "reverse": "r", "unique": "u", "ignore-case": "f", "key": "k:", "field-separator": "t:", "output": "o:", "human-numeric-sort": "h", "version-sort": "V", "stable": "s", "ignore-leading-blanks": "b", "check": "c",
	}}, false)
	if err != nil {
		return err
	}
	var all []string
	err = c.each(p.args, func(r io.Reader, _ string) error {
		return lines(r, func(l string) error { all = append(all, l); return nil })
	})
	if err != nil {
		return err
	}
	keys := p.all["k"]
	compare := func(a, b string) int {
		if len(keys) == 0 {
			return compareBy(a, b, p, "")
		}
		for _, k := range keys {
			x, mod := sortKey(a, k, p.value("t"))
			y, _ := sortKey(b, k, p.value("t"))
			if d := compareBy(x, y, p, mod); d != 0 {
				return d
			}
		}
		return 0
	}
	full := func(a, b string) int {
		if d := compare(a, b); d != 0 || p.has("s") || p.has("u") {
			return d
		}
		if p.has("r") {
			return strings.Compare(b, a)
		}
		return strings.Compare(a, b)
	}
	if p.has("c") || p.has("C") {
		return inOrder(all, p, full)
	}
	slices.SortStableFunc(all, full)
	if p.has("u") {
		all = slices.CompactFunc(all, func(a, b string) bool { return compare(a, b) == 0 })
	}
	w := c.out
	if p.has("o") {
		f, err := os.Create(p.value("o"))
		if err != nil {
			return err
		}
		defer f.Close()
		w = f
	}
	b := bufio.NewWriter(w)
	for _, l := range all {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return b.Flush()
}

// inOrder tells where lines are not sorted; equal ones are not if they should
// be unique.
func inOrder(all []string, p *parsed, compare func(a, b string) int) error {
	if len(p.args) > 1 {
		return usage(fmt.Sprintf("extra operand '%s' not allowed with -c", p.args[1]))
	}
	for i := 1; i < len(all); i++ {
		if d := compare(all[i-1], all[i]); d < 0 || d == 0 && !p.has("u") {
			continue
		}
		if p.has("C") {
			return exit(1)
		}
		return said(fmt.Sprintf("%s:%d: disorder: %s", cmp.Or(strings.Join(p.args, ""), "-"), i+1, all[i]))
	}
	return nil
}

// sortKey is the part of a line that a key such as "2,3n" names, and the key's
// own options.
func sortKey(line, key, separator string) (part, mod string) {
	from, to, bounded := strings.Cut(key, ",")
	mod = strings.TrimLeft(from, "0123456789.") + strings.TrimLeft(to, "0123456789.")
	first, _ := strconv.Atoi(strings.FieldsFunc(from+" ", func(r rune) bool { return r < '0' || r > '9' })[0])
	var fields []string
	if separator == "" {
		fields = strings.Fields(line)
		separator = " "
	} else {
		fields = strings.Split(line, separator)
	}
	last := len(fields)
	if bounded {
		n, _ := strconv.Atoi(strings.TrimRight(to, "bdfginrMhV"))
		last = min(last, n)
	}
	if first < 1 || first > last {
		return "", mod
	}
	return strings.Join(fields[first-1:last], separator), mod
}

func compareBy(a, b string, p *parsed, mod string) (d int) {
	on := func(letter string) bool { return strings.Contains(mod, letter) || mod == "" && p.has(letter) }
	switch {
	case on("n"):
		d = cmp.Compare(leadingNumber(a), leadingNumber(b))
	case on("h"):
		d = cmp.Compare(humanNumber(a), humanNumber(b))
	case on("V"):
		d = compareVersions(a, b)
	case on("f"):
		d = strings.Compare(strings.ToUpper(a), strings.ToUpper(b))
	default:
		d = strings.Compare(a, b)
	}
	if on("r") {
		return -d
	}
	return d
}

func leadingNumber(s string) float64 {
	s = strings.TrimLeft(s, " \t")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.' || end == 0 && s[end] == '-') {
		end++
	}
	f, _ := strconv.ParseFloat(s[:end], 64)
	return f
}

func humanNumber(s string) float64 {
	f := leadingNumber(s)
	for i, unit := range "KMGTPE" {
		if strings.ContainsRune(strings.ToUpper(strings.TrimLeft(s, " \t-.0123456789")), unit) {
			for range i + 1 {
				f *= 1024
			}
			return f
		}
	}
	return f
}

// compareVersions compares runs of digits as numbers.
func compareVersions(a, b string) int {
	digits := func(s string) (string, string) {
		i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
		if i < 0 {
			i = len(s)
		}
		return s[:i], s[i:]
	}
	for a != "" && b != "" {
		x, ra := digits(a)
		y, rb := digits(b)
		if x != "" && y != "" {
			m, _ := strconv.ParseUint(x, 10, 64)
			n, _ := strconv.ParseUint(y, 10, 64)
			if m != n {
				return cmp.Compare(m, n)
			}
			a, b = ra, rb
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}
