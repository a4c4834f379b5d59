//go:build linux

package toolbox

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
)

func date(c *call) error {
	for i, a := range c.args { // what follows -I follows at once
		if how, ok := strings.CutPrefix(strings.Replace(a, "--iso-8601", "-I", 1), "-I"); ok {
			c.args[i] = "-I" + cmp.Or(strings.TrimPrefix(how, "="), "date")
		}
	}
	p, err := c.parse(options{letters: "ud:RI:r:", long: map[string]string{"utc": "u", "reference": "r:", "date": "d:", "rfc-email": "R", "universal": "u"}}, false)
	if err != nil {
		return err
	}
	zone := strings.TrimPrefix(os.Getenv("TZ"), ":")
	if _, err := time.LoadLocation(zone); err != nil && !p.has("u") {
		fmt.Fprintf(c.errors, "date: time zone '%s' is unknown here: this image has no time zone files; UTC is shown\n", zone)
	}
	t := clock.Machine().Local()
	if p.has("d") {
		if t, err = readTime(p.value("d"), t); err != nil {
			return err
		}
	}
	if p.has("r") {
		i, err := os.Stat(p.value("r"))
		if err != nil {
			return err
		}
		t = i.ModTime()
	}
	if p.has("u") {
		t = t.UTC()
	}
	format := "%a %b %e %H:%M:%S %Z %Y"
	switch {
	case p.has("R"):
		format = "%a, %d %b %Y %H:%M:%S %z"
	case p.has("I"):
		format = map[string]string{"seconds": "%Y-%m-%dT%H:%M:%S%:z", "s": "%Y-%m-%dT%H:%M:%S%:z"}[p.value("I")]
		if format == "" {
			format = "%F"
		}
	}
	for _, a := range p.args {
		f, ok := strings.CutPrefix(a, "+")
		if !ok {
			return errors.New("cannot set date: the time is the host's")
		}
		format = f
	}
	c.printf("%s\n", strftime(format, t))
	return nil
}

// strftime writes a time by C's letters.
func strftime(format string, t time.Time) string {
	layouts := map[byte]string{
		'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'B': "January", 'b': "Jan", 'h': "Jan", 'A': "Monday", 'a': "Mon",
		'Z': "MST", 'z': "-0700", 'F': "2006-01-02", 'T': "15:04:05", 'D': "01/02/06", 'R': "15:04", 'e': "_2", 'I': "03", 'p': "PM", 'j': "002",
		'c': "Mon Jan _2 15:04:05 2006", 'x': "01/02/06", 'X': "15:04:05", 'k': "15", 'P': "pm", 'r': "03:04:05 PM",
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' || i+1 >= len(format) {
			b.WriteByte(format[i])
			continue
		}
		i++
		if format[i] == '-' && i+1 < len(format) { // without padding
			i++
			b.WriteString(strings.TrimLeft(t.Format(layouts[format[i]]), "0 "))
			continue
		}
		switch f := format[i]; f {
		case '%':
			b.WriteByte('%')
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 's':
			b.WriteString(strconv.FormatInt(t.Unix(), 10))
		case 'N':
			fmt.Fprintf(&b, "%09d", t.Nanosecond())
		case '3', '6':
			if strings.HasPrefix(format[i+1:], "N") {
				i++
				fmt.Fprintf(&b, "%0*d", int(f-'0'), t.Nanosecond()/map[byte]int{'3': 1e6, '6': 1e3}[f])
			}
		case 'u':
			b.WriteString(strconv.Itoa((int(t.Weekday())+6)%7 + 1))
		case 'w':
			b.WriteString(strconv.Itoa(int(t.Weekday())))
		case 'V':
			_, week := t.ISOWeek()
			fmt.Fprintf(&b, "%02d", week)
		case ':':
			if strings.HasPrefix(format[i+1:], "z") {
				i++
				b.WriteString(t.Format("-07:00"))
			}
		default:
			if layout, ok := layouts[f]; ok {
				b.WriteString(t.Format(layout))
			} else {
				b.WriteString("%" + string(f))
			}
		}
	}
	return b.String()
}

// seconds reads "10", "0.5", "5m".
func seconds(s string) (time.Duration, error) {
	unit := time.Second
	if n := len(s); n > 0 {
		if u, ok := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[n-1]]; ok {
			unit, s = u, s[:n-1]
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 {
		return 0, usage(fmt.Sprintf("invalid time interval '%s'", s))
	}
	return time.Duration(f * float64(unit)), nil
}

func sleep(c *call) error {
	var total time.Duration
	for _, a := range c.args {
		if a == "infinity" {
			a = "36500d"
		}
		d, err := seconds(a)
		if err != nil {
			return err
		}
		total += d
	}
	if len(c.args) == 0 {
		return usage("missing operand")
	}
	return clock.New().Wait(c.ctx, total)
}

// timeout ends a command after a time.
func timeout(c *call) error {
	p, err := c.parse(options{letters: "s:k:v", long: map[string]string{"signal": "s:", "kill-after": "k:", "preserve-status": "v", "foreground": "v"}}, true)
	if err != nil {
		return err
	}
	if len(p.args) < 2 {
		return usage("missing operand")
	}
	d, err := seconds(p.args[0])
	if err != nil {
		return err
	}
	with := unix.SIGTERM
	if p.has("s") {
		if with, err = signalNumber(p.value("s")); err != nil {
			return err
		}
	}
	cmd := exec.Command(p.args[1], p.args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, c.out, c.errors
	if err := cmd.Start(); err != nil {
		return startError(c, err)
	}
	late := make(chan bool, 1)
	stop := clock.New().At(clock.Machine().Add(d), func(time.Time) {
		late <- true
		cmd.Process.Signal(with)
	})
	err = cmd.Wait()
	stop()
	select {
	case <-late:
		if with == unix.SIGKILL {
			return exit(128 + int(with))
		}
		return exit(124)
	default:
		return exit(exitStatus(err))
	}
}

// startError is the status of shells for what cannot be run.
func startError(c *call, err error) error {
	c.complain(err)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		return exit(127)
	}
	return exit(126)
}

func exitStatus(err error) int {
	var e *exec.ExitError
	if !errors.As(err, &e) {
		if err != nil {
			return 126
		}
		return 0
	}
	if w, ok := e.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return e.ExitCode()
}

// become replaces the tool by a program.
func become(c *call, args, env []string) error {
	if len(args) == 0 {
		return usage("missing operand")
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return startError(c, err)
	}
	return startError(c, unix.Exec(path, args, env))
}

func env(c *call) error {
	vars, args := os.Environ(), c.args
	for len(args) > 0 {
		a := args[0]
		switch {
		case a == "-i" || a == "-" || a == "--ignore-environment":
			vars = nil
		case a == "-u" && len(args) > 1:
			args = args[1:]
			vars = without(vars, args[0])
		case a == "-S" && len(args) > 1: // #!/usr/bin/env -S
			words, err := quotedWords(strings.NewReader(args[1]))
			if err != nil {
				return err
			}
			args = append([]string{"-"}, append(words, args[2:]...)...)
		case strings.Contains(a, "="):
			name, _, _ := strings.Cut(a, "=")
			vars = append(without(vars, name), a)
		default:
			return become(c, args, vars)
		}
		args = args[1:]
	}
	for _, v := range vars {
		c.printf("%s\n", v)
	}
	return nil
}

func without(vars []string, name string) (rest []string) {
	for _, v := range vars {
		if !strings.HasPrefix(v, name+"=") {
			rest = append(rest, v)
		}
	}
	return rest
}

func printenv(c *call) error {
	if len(c.args) == 0 {
		return env(c)
	}
	for _, a := range c.args {
		v, ok := os.LookupEnv(a)
		if !ok {
			c.status = 1
			continue
		}
		c.printf("%s\n", v)
	}
	return nil
}

func nohup(c *call) error {
	signal.Ignore(syscall.SIGHUP)
	return become(c, c.args, os.Environ())
}

// setsid runs a command in a session of its own.
func setsid(c *call) error {
	args := c.args
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		args = args[1:]
	}
	if len(args) == 0 {
		return usage("no command specified")
	}
	if _, err := unix.Setsid(); err == nil {
		return become(c, args, os.Environ())
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.in, c.out, c.errors
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return startError(c, err)
	}
	return nil
}

func id(c *call) error {
	p, err := c.parse(options{letters: "ugGnr"}, false)
	if err != nil {
		return err
	}
	uid, gid := os.Getuid(), os.Getgid()
	groups, err := os.Getgroups()
	if err != nil {
		return err
	}
	if len(p.args) > 0 {
		f := lookup("/etc/passwd", p.args[0])
		if len(f) < 4 {
			return fmt.Errorf("'%s': no such user", p.args[0])
		}
		uid, _ = strconv.Atoi(f[2])
		gid, _ = strconv.Atoi(f[3])
		groups = groupsOf(f[0], gid)
	}
	groups = append([]int{gid}, slices.DeleteFunc(groups, func(g int) bool { return g == gid })...)
	show := func(n int, name string) string {
		if p.has("n") {
			return name
		}
		return strconv.Itoa(n)
	}
	switch {
	case p.has("u"):
		c.printf("%s\n", show(uid, userName(uid)))
	case p.has("g"):
		c.printf("%s\n", show(gid, groupName(gid)))
	case p.has("G"):
		var list []string
		for _, g := range groups {
			list = append(list, show(g, groupName(g)))
		}
		c.printf("%s\n", strings.Join(list, " "))
	default:
		var list []string
		for _, g := range groups {
			list = append(list, fmt.Sprintf("%d(%s)", g, groupName(g)))
		}
		if len(list) == 0 {
			list = []string{fmt.Sprintf("%d(%s)", gid, groupName(gid))}
		}
		c.printf("uid=%d(%s) gid=%d(%s) groups=%s\n", uid, userName(uid), gid, groupName(gid), strings.Join(list, ","))
	}
	return nil
}

func groupsOf(user string, gid int) []int {
	list := []int{gid}
	b, _ := os.ReadFile("/etc/group")
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) < 4 {
			continue
		}
		for m := range strings.SplitSeq(f[3], ",") {
			if n, err := strconv.Atoi(f[2]); err == nil && m == user && n != gid {
				list = append(list, n)
			}
		}
	}
	return list
}

func whoami(c *call) error { c.printf("%s\n", userName(os.Geteuid())); return nil }

func hostname(c *call) error {
	p, err := c.parse(options{letters: "sfidIA"}, false)
	if err != nil {
		return err
	}
	if len(p.args) > 0 {
		if err := unix.Sethostname([]byte(p.args[0])); err != nil {
			return err
		}
		return os.WriteFile("/etc/hostname", []byte(p.args[0]+"\n"), 0o644)
	}
	if p.has("I") || p.has("i") {
		return addresses(c)
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	short, domain, _ := strings.Cut(name, ".")
	switch {
	case p.has("s"):
		name = short
	case p.has("d"):
		name = domain
	}
	c.printf("%s\n", name)
	return nil
}

func uname(c *call) error {
	p, err := c.parse(options{letters: "asnrvmpio", long: map[string]string{"all": "a", "kernel-name": "s", "nodename": "n", "kernel-release": "r", "machine": "m", "operating-system": "o"}}, false)
	if err != nil {
		return err
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	text := func(b []byte) string { return unix.ByteSliceToString(b) }
	if c.name == "arch" || c.name == "nproc" {
		if c.name == "arch" {
			c.printf("%s\n", text(u.Machine[:]))
			return nil
		}
		c.printf("%d\n", processors())
		return nil
	}
	var list []string
	for _, f := range []struct{ letter, value string }{
		{"s", text(u.Sysname[:])}, {"n", text(u.Nodename[:])}, {"r", text(u.Release[:])}, {"v", text(u.Version[:])}, {"m", text(u.Machine[:])}, {"o", "GNU/Linux"},
	} {
		if p.has("a") || p.has(f.letter) || f.letter == "s" && len(p.set) == 0 || f.letter == "m" && (p.has("p") || p.has("i")) {
			list = append(list, f.value)
		}
	}
	c.printf("%s\n", strings.Join(list, " "))
	return nil
}

// machine is what the first process says of the machine.
func machine() (m Machine, err error) {
	b, err := os.ReadFile(MachineFile)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(b, &m)
}

func processors() int {
	if m, err := machine(); err == nil && m.VCPUs > 0 {
		return m.VCPUs
	}
	return runtime.NumCPU()
}

// free shows the memory of the machine, of which its processes use what the
// kernel counts for each.
func free(c *call) error {
	p, err := c.parse(options{letters: "hmgkbtw", long: map[string]string{"human": "h", "mega": "m", "giga": "g"}}, false)
	if err != nil {
		return err
	}
	var total, used uint64
	if m, err := machine(); err == nil {
		total = uint64(m.MemoryMiB) << 20
	}
	for _, q := range processes() {
		used += q.resident
	}
	show := func(n uint64) string {
		switch {
		case p.has("h"):
			return human(n) + "i"
		case p.has("g"):
			return strconv.FormatUint(n>>30, 10)
		case p.has("m"):
			return strconv.FormatUint(n>>20, 10)
		case p.has("b"):
			return strconv.FormatUint(n, 10)
		}
		return strconv.FormatUint(n>>10, 10)
	}
	left := total - min(used, total)
	// The kernel counts shared memory and caches for the host: they are no part of
	// a machine's memory, but of a whole host's.
	shared, cache, available := uint64(0), uint64(0), left
	if total == 0 {
		counts := memoryCounts()
		total, left, available = counts["MemTotal"], counts["MemFree"], counts["MemAvailable"]
		shared, cache = counts["Shmem"], counts["Buffers"]+counts["Cached"]+counts["SReclaimable"]
		used = total - min(available, total)
	}
	c.printf("%15s %11s %11s %11s %11s %11s\n", "total", "used", "free", "shared", "buff/cache", "available")
	c.printf("Mem: %10s %11s %11s %11s %11s %11s\nSwap:%10s %11s %11s\n", show(total), show(used), show(left), show(shared), show(cache), show(available), "0", "0", "0")
	return nil
}

// memoryCounts reads /proc/meminfo, in bytes.
func memoryCounts() map[string]uint64 {
	counts := map[string]uint64{}
	b, _ := os.ReadFile("/proc/meminfo")
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 {
			n, _ := strconv.ParseUint(f[1], 10, 64)
			counts[strings.TrimSuffix(f[0], ":")] = n << 10
		}
	}
	return counts
}

func uptime(c *call) error {
	var up time.Duration
	for _, p := range processes() {
		if p.pid == 1 {
			up = p.age
		}
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return err
	}
	f := strings.Fields(string(load))
	c.printf(" %s up %s, load average: %s, %s, %s\n", clock.Machine().Format("15:04:05"), up.Round(time.Second), f[0], f[1], f[2])
	return nil
}

// which finds programs in the search path.
func which(c *call) error {
	for _, a := range c.args {
		if a == "-a" || a == "-v" {
			continue
		}
		path, err := exec.LookPath(a)
		if err != nil {
			c.status = 1
			continue
		}
		c.printf("%s\n", path)
	}
	return nil
}

// getent reads the databases of names.
func getent(c *call) error {
	if len(c.args) == 0 {
		return usage("no database")
	}
	file := map[string]string{"passwd": "/etc/passwd", "group": "/etc/group", "hosts": "/etc/hosts", "services": "/etc/services"}[c.args[0]]
	if file == "" {
		return usage("unknown database " + c.args[0])
	}
	if c.args[0] == "hosts" && len(c.args) > 1 {
		return resolveHosts(c, c.args[1:])
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	c.status = 2
	return lines(f, func(l string) error {
		fields := strings.FieldsFunc(l, func(r rune) bool { return r == ':' || r == ' ' || r == '\t' })
		if len(c.args) == 1 || len(fields) > 0 && fields[0] == c.args[1] || len(fields) > 2 && fields[2] == c.args[1] {
			c.status = 0
			c.printf("%s\n", l)
		}
		return nil
	})
}

func syncFiles(*call) error { unix.Sync(); return nil }

func clear(c *call) error { c.printf("\x1b[H\x1b[2J"); return nil }

// sysctl reads and sets the kernel's values.
func sysctl(c *call) error {
	p, err := c.parse(options{letters: "wnqap:e", long: map[string]string{"write": "w", "values": "n", "load": "p:"}}, false)
	if err != nil {
		return err
	}
	for _, a := range p.args {
		name, value, set := strings.Cut(a, "=")
		name = strings.TrimSpace(name)
		file := filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
		if set {
			if err := os.WriteFile(file, []byte(strings.TrimSpace(value)), 0o644); err != nil {
				c.complain(err)
				continue
			}
			c.printf("%s = %s\n", name, strings.TrimSpace(value))
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			c.complain(err)
			continue
		}
		if p.has("n") {
			c.printf("%s\n", strings.TrimSpace(string(b)))
		} else {
			c.printf("%s = %s\n", name, strings.TrimSpace(string(b)))
		}
	}
	return nil
}

// listTools is the tool "toolbox".
func listTools(c *call) error {
	w := bufio.NewWriter(c.out)
	column := 0
	for _, n := range Names() {
		if column+len(n)+1 > 78 {
			io.WriteString(w, "\n")
			column = 0
		}
		fmt.Fprintf(w, "%s ", n)
		column += len(n) + 1
	}
	io.WriteString(w, "\n")
	return w.Flush()
}
