//go:build linux

package toolbox

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// marks is what cat adds to a text: numbers of lines, and signs for what is
// not seen.
type marks struct{ number, filled, squeeze, ends, tabs, visible bool }

func marksOf(p *parsed) marks {
	on := func(letters string) bool {
		return slices.ContainsFunc(strings.Split(letters, ""), p.has)
	}
	return marks{number: on("n"), filled: on("b"), squeeze: on("s"), ends: on("AEe"), tabs: on("ATt"), visible: on("Avet")}
}

// catState is what cat knows of the files before: how many lines have a number,
// whether the last one was empty, and whether it has no end yet.
type catState struct {
	n           int
	blank, open bool
}

// copy copies with marks.
func (m marks) copy(w io.Writer, r io.Reader, s *catState) error {
	in, out := bufio.NewReader(r), bufio.NewWriter(w)
	for {
		line, err := in.ReadString('\n')
		text, ended := strings.CutSuffix(line, "\n")
		empty := text == "" && ended && !s.open
		if line != "" && !(m.squeeze && empty && s.blank) {
			if !s.open && (m.filled && !empty || m.number && !m.filled) {
				s.n++
				fmt.Fprintf(out, "%6d\t", s.n)
			}
			s.blank, s.open = empty, !ended
			out.WriteString(m.show(text))
			if ended && m.ends {
				out.WriteByte('$')
			}
			if ended {
				out.WriteByte('\n')
			}
		}
		if err == io.EOF {
			return out.Flush()
		}
		if err != nil {
			return err
		}
	}
}

// show writes control characters as ^X and those above 127 as M-x.
func (m marks) show(s string) string {
	if !m.visible && !m.tabs {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		x := s[i]
		if x == '\t' {
			if m.tabs {
				b.WriteString("^I")
			} else {
				b.WriteByte(x)
			}
			continue
		}
		if !m.visible {
			b.WriteByte(x)
			continue
		}
		if x >= 128 {
			b.WriteString("M-")
			x -= 128
		}
		switch {
		case x < 32:
			b.WriteByte('^')
			b.WriteByte(x + 64)
		case x == 127:
			b.WriteString("^?")
		default:
			b.WriteByte(x)
		}
	}
	return b.String()
}

// oneNumber is a format of C's with one number that may have a point.
var oneNumber = regexp.MustCompile(`^((?:[^%]|%%)*%[-+ 0#]*[0-9]*)(\.[0-9]+)?([efgEFG])((?:[^%]|%%)*)$`)

// numberFormat makes a format of C's one of Go's: %g has six digits.
func numberFormat(f string) (string, error) {
	m := oneNumber.FindStringSubmatch(f)
	if m == nil {
		return "", said(fmt.Sprintf("format '%s' has no one %% directive for a number (%%e, %%f or %%g)", f))
	}
	if m[2] == "" {
		m[2] = ".6"
	}
	return m[1] + m[2] + m[3] + m[4], nil
}

// findFormat reads find's -printf. What it does not know is an error.
func findFormat(format string) (func(x *found) string, error) {
	var parts []func(x *found, st *unix.Stat_t) string
	add := func(f func(x *found, st *unix.Stat_t) string) { parts = append(parts, f) }
	for i := 0; i < len(format); i++ {
		rest := format[i:]
		switch {
		case strings.HasPrefix(rest, "%T") && len(rest) > 2:
			letter := rest[2]
			add(func(_ *found, st *unix.Stat_t) string { return findTime(letter, time.Unix(st.Mtim.Unix())) })
			i += 2
		case rest[0] == '%' && len(rest) > 1:
			f, ok := findFields[rest[1]]
			if !ok {
				return nil, said(fmt.Sprintf("-printf: the built-in image's find has no directive '%s'", rest[:2]))
			}
			add(f)
			i++
		case rest[0] == '\\' && len(rest) > 1:
			text, ok := map[byte]string{'n': "\n", 't': "\t", '0': "\x00", '\\': `\`, 'r': "\r", 'a': "\a", 'f': "\f", 'v': "\v", 'b': "\b"}[rest[1]]
			if !ok {
				return nil, said(fmt.Sprintf("-printf: the built-in image's find has no escape '%s'", rest[:2]))
			}
			add(func(*found, *unix.Stat_t) string { return text })
			i++
		default:
			add(func(*found, *unix.Stat_t) string { return rest[:1] })
		}
	}
	return func(x *found) string {
		var st unix.Stat_t
		if unix.Lstat(x.path, &st) != nil {
			return ""
		}
		var b strings.Builder
		for _, p := range parts {
			b.WriteString(p(x, &st))
		}
		return b.String()
	}, nil
}

// findTime is a time in find's words: %T@ has ten digits behind the point.
func findTime(letter byte, t time.Time) string {
	fraction := fmt.Sprintf("%09d0", t.Nanosecond())
	switch letter {
	case '@':
		return strconv.FormatInt(t.Unix(), 10) + "." + fraction
	case 'T', 'X':
		return t.Format("15:04:05") + "." + fraction
	case '+':
		return t.Format("2006-01-02+15:04:05") + "." + fraction
	case 'S':
		return t.Format("05") + "." + fraction
	}
	return strftime("%"+string(letter), t)
}

var findFields = map[byte]func(x *found, st *unix.Stat_t) string{
	'%': func(*found, *unix.Stat_t) string { return "%" },
	'p': func(x *found, _ *unix.Stat_t) string { return x.path },
	'f': func(x *found, _ *unix.Stat_t) string { return lastName(x.path) },
	'h': func(x *found, _ *unix.Stat_t) string {
		if at := strings.LastIndexByte(strings.TrimSuffix(x.path, "/"), '/'); at >= 0 {
			return x.path[:at]
		}
		return "."
	},
	'd': func(x *found, _ *unix.Stat_t) string { return strconv.Itoa(x.depth) },
	's': func(_ *found, st *unix.Stat_t) string { return strconv.FormatInt(st.Size, 10) },
	'm': func(_ *found, st *unix.Stat_t) string { return strconv.FormatUint(uint64(st.Mode&0o7777), 8) },
	'M': func(_ *found, st *unix.Stat_t) string { return permissions(st.Mode) },
	'u': func(_ *found, st *unix.Stat_t) string { return userName(int(st.Uid)) },
	'U': func(_ *found, st *unix.Stat_t) string { return strconv.Itoa(int(st.Uid)) },
	'g': func(_ *found, st *unix.Stat_t) string { return groupName(int(st.Gid)) },
	'G': func(_ *found, st *unix.Stat_t) string { return strconv.Itoa(int(st.Gid)) },
	'i': func(_ *found, st *unix.Stat_t) string { return strconv.FormatUint(st.Ino, 10) },
	'n': func(_ *found, st *unix.Stat_t) string { return strconv.FormatUint(uint64(st.Nlink), 10) },
	'b': func(_ *found, st *unix.Stat_t) string { return strconv.FormatInt(st.Blocks, 10) },
	'k': func(_ *found, st *unix.Stat_t) string { return strconv.FormatInt((st.Blocks+1)/2, 10) },
	'l': func(x *found, _ *unix.Stat_t) string { s, _ := os.Readlink(x.path); return s },
	't': func(_ *found, st *unix.Stat_t) string {
		t := time.Unix(st.Mtim.Unix())
		return t.Format("Mon Jan _2 15:04:05") + fmt.Sprintf(".%09d0", t.Nanosecond()) + t.Format(" 2006")
	},
	'y': func(_ *found, st *unix.Stat_t) string {
		return map[uint32]string{unix.S_IFREG: "f", unix.S_IFDIR: "d", unix.S_IFLNK: "l", unix.S_IFIFO: "p", unix.S_IFSOCK: "s", unix.S_IFBLK: "b", unix.S_IFCHR: "c"}[st.Mode&unix.S_IFMT]
	},
}

func lastName(path string) string {
	if cut := strings.TrimRight(path, "/"); cut != "" {
		return cut[strings.LastIndexByte(cut, '/')+1:]
	}
	return path
}
