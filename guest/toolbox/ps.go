//go:build linux

package toolbox

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
)

// column is one of ps.
type column struct {
	title string
	width int // negative: to the left; 0: the rest of the line
	value func(p process) string
}

// columns by their names behind -o.
func columns() map[string]column {
	now := clock.Machine()
	number := func(n int) string { return strconv.Itoa(n) }
	var host unix.Sysinfo_t
	unix.Sysinfo(&host)
	total := float64(host.Totalram) * float64(host.Unit)
	if m, err := machine(); err == nil && m.MemoryMiB > 0 {
		total = float64(m.MemoryMiB) * (1 << 20)
	}
	spent := func(p process) string {
		s := int(p.cpu.Seconds())
		return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	pid := column{"PID", 7, func(p process) string { return number(p.pid) }}
	user := column{"USER", -10, func(p process) string { return userName(p.uid) }}
	command := column{"COMMAND", 0, func(p process) string { return p.command }}
	name := column{"COMMAND", -15, func(p process) string { return p.name }}
	share := column{"%CPU", 4, func(p process) string { return fmt.Sprintf("%.1f", 100*p.cpu.Seconds()/max(1, p.age.Seconds())) }}
	part := column{"%MEM", 4, func(p process) string { return fmt.Sprintf("%.1f", 100*float64(p.resident)/max(1, total)) }}
	started := column{"START", 5, func(p process) string {
		if p.age > 24*time.Hour {
			return now.Add(-p.age).Format("Jan02")
		}
		return now.Add(-p.age).Format("15:04")
	}}
	all := map[string]column{
		"pid": pid, "user": user, "%cpu": share, "%mem": part, "args": command, "comm": name, "start": started,
		"ppid":   {"PPID", 7, func(p process) string { return number(p.parent) }},
		"uid":    {"UID", 5, func(p process) string { return number(p.uid) }},
		"stat":   {"STAT", -4, func(p process) string { return p.state }},
		"tty":    {"TTY", -8, func(p process) string { return terminalName(p.terminal) }},
		"rss":    {"RSS", 6, func(p process) string { return strconv.FormatUint(p.resident>>10, 10) }},
		"vsz":    {"VSZ", 7, func(p process) string { return strconv.FormatUint(p.virtual>>10, 10) }},
		"time":   {"TIME", 8, spent},
		"c":      {"C", 2, func(p process) string { return number(int(100 * p.cpu.Seconds() / max(1, p.age.Seconds()))) }},
		"etimes": {"ELAPSED", 7, func(p process) string { return number(int(p.age.Seconds())) }},
		"etime": {"ELAPSED", 11, func(p process) string {
			s := int(p.age.Seconds())
			if s < 3600 {
				return fmt.Sprintf("%02d:%02d", s/60, s%60)
			}
			return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
		}},
	}
	for other, same := range map[string]string{"cmd": "args", "command": "args", "pcpu": "%cpu", "pmem": "%mem", "euser": "user", "ucmd": "comm", "s": "stat", "state": "stat", "tt": "tty", "rssize": "rss", "lstart": "start", "stime": "start", "cputime": "time", "vsize": "vsz"} {
		all[other] = all[same]
	}
	cmd := all["args"]
	cmd.title = "CMD"
	all["cmd"] = cmd
	return all
}

// terminalName is the name of a terminal by its number in /proc.
func terminalName(device int) string {
	if major, minor := device>>8&0xfff, device&0xff|device>>12&0xfff00; major == 136 {
		return fmt.Sprintf("pts/%d", minor)
	}
	return "?"
}

// selection is which processes ps shows.
type selection struct {
	all, headless bool
	pids          []string
	users, names  []string
	format, order string
}

// ps lists processes in the forms of its UNIX options and those of BSD.
func ps(c *call) error {
	s := selection{format: "pid,tty,time,comm"}
	own := ""
	args := c.args
	value := func(a string) string {
		if a != "" {
			return a
		}
		if len(args) == 0 {
			return ""
		}
		a, args = args[0], args[1:]
		return a
	}
	for len(args) > 0 {
		a := args[0]
		args = args[1:]
		switch name, v, _ := strings.Cut(a, "="); {
		case name == "--sort":
			s.order = value(v)
		case name == "--pid":
			s.pids = append(s.pids, strings.Split(value(v), ",")...)
		case name == "--format":
			own += "," + value(v)
		case name == "--no-headers" || name == "--no-heading":
			s.headless = true
		case strings.HasPrefix(a, "--"):
		case a != "" && a[0] >= '0' && a[0] <= '9':
			s.pids = append(s.pids, strings.Split(a, ",")...)
		default:
			bsd := a[0] != '-'
			for letters := strings.TrimPrefix(a, "-"); letters != ""; {
				l := letters[0]
				letters = letters[1:]
				switch {
				case l == 'e' || l == 'A' || bsd && (l == 'a' || l == 'x'):
					s.all = true
				case l == 'f' && !bsd:
					s.format = "user,pid,ppid,c,start,tty,time,cmd"
				case l == 'u' && bsd:
					s.format = "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,time,args"
				case l == 'o':
					own, letters = own+","+value(letters), ""
				case l == 'p':
					s.pids, letters = append(s.pids, strings.Split(value(letters), ",")...), ""
				case l == 'u' || l == 'U':
					s.users, letters = append(s.users, strings.Split(value(letters), ",")...), ""
				case l == 'C':
					s.names, letters = append(s.names, strings.Split(value(letters), ",")...), ""
				case l == 'h' && bsd:
					s.headless = true
				}
			}
		}
	}
	if own != "" {
		s.format = own[1:]
	}
	return s.print(c)
}

func (s *selection) shows(p process) bool {
	switch {
	case s.all:
		return true
	case len(s.pids)+len(s.users)+len(s.names) == 0:
		return p.uid == os.Getuid() && p.terminal != 0 || p.pid == os.Getpid()
	}
	return slices.Contains(s.pids, strconv.Itoa(p.pid)) || slices.Contains(s.users, userName(p.uid)) || slices.Contains(s.users, strconv.Itoa(p.uid)) || slices.Contains(s.names, p.name)
}

func (s *selection) print(c *call) error {
	known := columns()
	var shown []column
	titles := false
	for _, word := range strings.FieldsFunc(s.format, func(r rune) bool { return r == ',' || r == ' ' }) {
		name, title, renamed := strings.Cut(word, "=")
		col, ok := known[name]
		if !ok {
			return usage(fmt.Sprintf("unknown user-defined format specifier \"%s\"", name))
		}
		if renamed {
			col.title = title
		}
		titles = titles || col.title != ""
		shown = append(shown, col)
	}
	line := func(value func(col column) string) {
		var b strings.Builder
		for i, col := range shown {
			if i > 0 {
				b.WriteByte(' ')
			}
			if col.width == 0 || i == len(shown)-1 && col.width < 0 {
				b.WriteString(value(col))
				continue
			}
			fmt.Fprintf(&b, "%*s", col.width, value(col))
		}
		c.printf("%s\n", b.String())
	}
	var list []process
	for _, p := range processes() {
		if s.shows(p) {
			list = append(list, p)
		}
	}
	if key := strings.TrimLeft(s.order, "+-"); key != "" {
		col, ok := known[key]
		if !ok {
			return usage("unknown sort specifier")
		}
		slices.SortStableFunc(list, func(a, b process) int {
			x, errX := strconv.ParseFloat(col.value(a), 64)
			y, errY := strconv.ParseFloat(col.value(b), 64)
			order := cmp.Compare(x, y)
			if errX != nil || errY != nil {
				order = strings.Compare(col.value(a), col.value(b))
			}
			if s.order[0] == '-' {
				return -order
			}
			return order
		})
	}
	if titles && !s.headless {
		line(func(col column) string { return col.title })
	}
	for _, p := range list {
		line(func(col column) string { return col.value(p) })
	}
	if len(list) == 0 {
		return exit(1)
	}
	return nil
}
