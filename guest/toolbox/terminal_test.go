//go:build linux

package toolbox

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
)

// typist is somebody at a terminal with our shell.
type typist struct {
	t    *testing.T
	keys *os.File
	said string // since what was last seen
}

func sitDown(t *testing.T) (*typist, *exec.Cmd) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skip("SKIPPED: there are no terminals here: ", err)
	}
	t.Cleanup(func() { keys.Close() })
	raw, err := keys.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var fd int
	raw.Control(func(n uintptr) { fd = int(n) }) // Fd would have reads wait for ever
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	tools := linkTools(t)
	c := exec.Command(filepath.Join(tools, "bash"))
	c.Dir = t.TempDir()
	c.Env = []string{"PATH=" + tools, "LC_ALL=C", "HOME=" + c.Dir, "TERM=xterm", "PS1=ready> ", "GORACE=atexit_sleep_ms=0"}
	c.Stdin, c.Stdout, c.Stderr = screen, screen, screen
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill() })
	return &typist{t: t, keys: keys}, c
}

// sees waits until the terminal shows something.
func (p *typist) sees(want string) {
	p.t.Helper()
	b := make([]byte, 4096)
	for {
		if before, after, ok := strings.Cut(p.said, want); ok {
			if len(before) > 1<<20 {
				p.t.Fatalf("the terminal is flooded: %.200q", before)
			}
			p.said = after
			return
		}
		p.keys.SetReadDeadline(clock.Machine().Add(2 * time.Minute)) // only to tell what is missing
		n, err := p.keys.Read(b)
		if err != nil {
			p.t.Fatalf("the terminal ended (%v) before %q; it shows %.2000q", err, want, p.said)
		}
		p.said += string(b[:n])
		if len(p.said) > 1<<20 {
			p.t.Fatalf("no %q in what floods the terminal: %.200q", want, p.said)
		}
	}
}

func (p *typist) types(keys string) {
	p.t.Helper()
	if _, err := p.keys.WriteString(keys); err != nil {
		p.t.Fatal(err)
	}
}

// TestTerminal is an hour at the shell: keys, jobs, and what was typed before.
// Each line is what is typed and what is then to be seen; programs say that
// they run before they are interrupted: who is just being started cannot be stopped.
func TestTerminal(t *testing.T) {
	p, shell := sitDown(t)
	p.sees("ready> ")
	for _, step := range []struct{ keys, shows string }{
		{"not meant\x03", "^C\r\nready> "},
		{"echo fi''rst\r", "first\r\nready> "},
		{"echo ru''nning > f\r", "ready> "},
		{"tail -f f\r", "running\r\n"},
		{"\x03", "ready> "},
		{"echo $?\r", "130\r\nready> "},
		{"for i in 1 2 3; do tail -f f; done\r", "running\r\n"},
		{"\x03", "^C\r\nready> "}, // the loop, not only its program
		{"tail -f f | cat\r", "running\r\n"},
		{"\x1a", "]+  Stopped                 tail -f f | cat"},
		{"", "ready> "},
		{"bg\r", "&\r\nready> "},
		{"jobs\r", "Running"},
		{"kill %1; wait; echo go''ne\r", "gone\r\n"},
		{"tail -f f &\r", "running\r\n"},
		{"fg\r", "tail -f f\r\n"},
		{"\x1a", "Stopped"},
		{"", "ready> "},
		{"kill -9 %1; wait %1; echo st''atus $?\r", "status 137\r\n"},
		{"ech\t ta\"\"b\r", "tab\r\n"},
		{"mkdir -p some/deep/folder\rls so\t\r", "\r\ndeep"},
		{"!!\r", "ls some/\r\n"},
		{"!mk\r", "mkdir -p some/deep/folder\r\n"},
		{"\x1b[A\x1b[A\r", "\r\ndeep"},
		{"history 1\r", "  history 1\r\nready> "},
		{"nosuch\r", "bash: nosuch: command not found\r\n"},
		{"read -n 1 -s -p 'any key' k; echo \"<$k>\"\r", "any key"},
		{"x", "<x>\r\n"},
		{"cd /no''where\r", "bash: cd: /nowhere: No such file or directory\r\n"},
		{"echo $HOSTNAME $SHLVL | wc -w\r", "2\r\n"},
		{"exit 5\r", "exit"},
	} {
		p.types(step.keys)
		p.sees(step.shows)
	}
	shell.Wait()
	if got := shell.ProcessState.ExitCode(); got != 5 {
		t.Errorf("the shell ended with %d", got)
	}
	kept, err := os.ReadFile(filepath.Join(shell.Dir, ".bash_history"))
	if err != nil || !strings.HasPrefix(string(kept), "echo fi''rst\n") {
		t.Errorf("kept of what was typed: %v %q", err, kept)
	}
}
