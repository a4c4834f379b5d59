//go:build linux

package toolbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is what ps shows of one.
type process struct {
	pid, parent, uid  int
	state             string
	terminal          int
	resident, virtual uint64
	cpu, age          time.Duration
	command, name     string
}

// tick is the kernel's unit of time in /proc.
const tick = 10 * time.Millisecond

func processes() (list []process) {
	entries, _ := os.ReadDir("/proc")
	var up unix.Sysinfo_t
	unix.Sysinfo(&up)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		b, err := os.ReadFile(filepath.Join("/proc", e.Name(), "stat"))
		if err != nil {
			continue
		}
		text := string(b)
		end := strings.LastIndexByte(text, ')')
		f := strings.Fields(text[end+1:])
		number := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n }
		p := process{
			pid: pid, state: f[0], parent: int(number(1)), terminal: int(number(4)), name: text[strings.IndexByte(text, '(')+1 : end],
			cpu: time.Duration(number(11)+number(12)) * tick, resident: uint64(number(21)) * uint64(os.Getpagesize()), virtual: uint64(number(20)),
		}
		p.age = time.Duration(up.Uptime)*time.Second - time.Duration(number(19))*tick
		if i, err := os.Stat(filepath.Join("/proc", e.Name())); err == nil {
			p.uid = int(i.Sys().(*syscall.Stat_t).Uid)
		}
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		p.command = strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
		if p.command == "" {
			p.command = "[" + p.name + "]"
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b process) int { return a.pid - b.pid })
	return list
}

func signalNumber(s string) (unix.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		return unix.Signal(n), nil
	}
	if n := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG")); n != 0 {
		return n, nil
	}
	return 0, usage("invalid signal " + s)
}

// kill signals processes by number; pkill and killall, by name; pgrep and pidof
// list them. By name it succeeds if it found and reached any, as pkill of procps
// does: among those of a name may be some of other users.
func kill(c *call) error {
	if c.name == "kill" {
		return killNumbers(c)
	}
	with, args := unix.SIGTERM, c.args
	full, list := false, c.name == "pgrep" || c.name == "pidof"
	user := -1
	how := "" // letters
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		a := args[0][1:]
		args = args[1:]
		var err error
		switch {
		case a == "-":
		case a == "u" && len(args) > 0:
			user, err = idOf("/etc/passwd", args[0], "user")
			args = args[1:]
		case a == "s" && len(args) > 0:
			with, err = signalNumber(args[0])
			args = args[1:]
		case strings.Trim(a, "qvxanlocfe") == "":
			how += a
			full = strings.Contains(how, "f")
		default:
			with, err = signalNumber(a)
		}
		if err != nil {
			return err
		}
	}
	if len(args) == 0 && user < 0 {
		return usage("no matching criteria specified")
	}
	reached := 0
	for _, p := range processes() {
		if p.pid == os.Getpid() || user >= 0 && p.uid != user || !named(p, args, c.name, full) {
			continue
		}
		switch {
		case list && strings.Contains(how, "c"):
		case list && strings.Contains(how, "a"):
			c.printf("%d %s\n", p.pid, p.command)
		case list && strings.Contains(how, "l"):
			c.printf("%d %s\n", p.pid, p.name)
		case list:
			c.printf("%d\n", p.pid)
		default:
			if err := unix.Kill(p.pid, with); err != nil {
				c.complain(fmt.Errorf("(%d) - %s", p.pid, sentence(err)))
				continue
			}
		}
		reached++
	}
	if list && strings.Contains(how, "c") {
		c.printf("%d\n", reached)
	}
	c.status = 1
	if reached > 0 {
		c.status = 0
	}
	return nil
}

// killNumbers signals processes and, by negative numbers, groups of them.
func killNumbers(c *call) error {
	with, args := unix.SIGTERM, c.args
	switch {
	case len(args) == 0:
		return usage("not enough arguments")
	case args[0] == "-l" || args[0] == "-L":
		return listSignals(c, args[1:])
	case args[0] == "-s" && len(args) > 1:
		n, err := signalNumber(args[1])
		if err != nil {
			return err
		}
		with, args = n, args[2:]
	case args[0] != "--" && len(args[0]) > 1 && args[0][0] == '-':
		n, err := signalNumber(args[0][1:])
		if err != nil {
			return err
		}
		with, args = n, args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return usage("not enough arguments")
	}
	for _, a := range args {
		pid, err := strconv.Atoi(a)
		if err != nil {
			c.complain(fmt.Errorf("%s: arguments must be process or job IDs", a))
			continue
		}
		if err := unix.Kill(pid, with); err != nil {
			c.complain(fmt.Errorf("(%d) - %s", pid, sentence(err)))
		}
	}
	return nil
}

// listSignals names signals, or numbers named ones.
func listSignals(c *call, which []string) error {
	for _, w := range which {
		n, err := strconv.Atoi(w)
		if err == nil {
			c.printf("%s\n", strings.TrimPrefix(unix.SignalName(unix.Signal(n%128)), "SIG"))
			continue
		}
		sig, err := signalNumber(w)
		if err != nil {
			return err
		}
		c.printf("%d\n", int(sig))
	}
	for n := 1; n < 32 && len(which) == 0; n++ {
		c.printf("%2d) %s\n", n, unix.SignalName(unix.Signal(n)))
	}
	return nil
}

func named(p process, names []string, tool string, full bool) bool {
	// Tools are one program: their name is that by which they were called.
	first, _, _ := strings.Cut(p.command, " ")
	base := strings.TrimPrefix(filepath.Base(first), "-")
	if len(names) == 0 {
		return true
	}
	for _, n := range names {
		switch {
		case full && strings.Contains(p.command, n):
			return true
		case tool == "pidof" || tool == "killall":
			if base == n || p.name == n {
				return true
			}
		case strings.Contains(base, n):
			return true
		}
	}
	return false
}
