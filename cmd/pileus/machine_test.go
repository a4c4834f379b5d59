package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"pileus/cloudtest"
)

// TestMain makes the test's program the command itself, where a test starts it
// as that.
func TestMain(m *testing.M) {
	if os.Getenv("PILEUS_TEST_COMMAND") != "" {
		os.Unsetenv("PILEUS_TEST_COMMAND")
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// machine is a user's account with nothing in it, where pileus runs.
type machine struct {
	*testing.T
	home string
	env  []string
}

func newMachine(t *testing.T, env ...string) *machine {
	home := t.TempDir()
	return &machine{t, home, append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "PILEUS_TEST_COMMAND=1"}, env...)}
}

func (m *machine) command(args ...string) *exec.Cmd {
	m.Helper()
	program, err := os.Executable()
	if err != nil {
		m.Fatal(err)
	}
	c := exec.CommandContext(m.Context(), program, args...)
	c.Env = m.env
	c.Dir = m.home
	return c
}

// run runs a command to its end.
func (m *machine) run(args ...string) (out, complaint string, code int) {
	m.Helper()
	var o, e bytes.Buffer
	c := m.command(args...)
	c.Stdout, c.Stderr = &o, &e
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.Fatal(err)
	}
	return o.String(), e.String(), c.ProcessState.ExitCode()
}

// must runs a command that succeeds, and returns what it prints.
func (m *machine) must(args ...string) string {
	m.Helper()
	out, complaint, code := m.run(args...)
	if code != 0 {
		m.Fatalf("pileus %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, complaint)
	}
	return out
}

// refuses runs a command that fails, and returns what it complains about.
func (m *machine) refuses(args ...string) string {
	m.Helper()
	out, complaint, code := m.run(args...)
	if code == 0 {
		m.Fatalf("pileus %s went through: %s", strings.Join(args, " "), out)
	}
	return complaint
}

// process is a cloud that runs.
type process struct {
	*exec.Cmd
	endpoint string
	banner   string
	errors   *bytes.Buffer
	rest     chan error
}

// up starts a cloud and returns when it says that it is ready.
func (m *machine) up(args ...string) *process {
	m.Helper()
	p := &process{Cmd: m.command(append([]string{"up", "--port", "0"}, args...)...), errors: new(bytes.Buffer), rest: make(chan error, 1)}
	p.Stderr = p.errors
	out, err := p.StdoutPipe()
	if err != nil {
		m.Fatal(err)
	}
	if err := p.Start(); err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() { p.Process.Kill(); p.wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "Ready." {
		p.banner += lines.Text() + "\n"
		if e, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "endpoint"); ok {
			p.endpoint = strings.TrimSpace(e)
		}
	}
	if lines.Text() != "Ready." || p.endpoint == "" {
		p.Process.Kill()
		p.Wait()
		m.Fatalf("it never was ready:\n%s%s", p.banner, p.errors)
	}
	go func() {
		_, _ = io.Copy(io.Discard, out)
		p.rest <- p.Wait()
		close(p.rest)
	}()
	return p
}

// wait waits for the end.
func (p *process) wait() error { return <-p.rest }

// stop ends it as Ctrl-C does.
func (p *process) stop() error {
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		return err
	}
	return p.wait()
}

func (m *machine) write(path, text string) {
	m.Helper()
	path = filepath.Join(m.home, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		m.Fatal(err)
	}
}

// desk is the command line inside the test's process, with a cloud of its own.
type desk struct {
	*cloudtest.Cloud
}

func newDesk(t *testing.T) desk {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	return desk{cloudtest.Start(t)}
}

// pileus runs a command.
func (d desk) pileus(args ...string) (string, error) {
	var out bytes.Buffer
	root := rootCommand()
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(append([]string{"--endpoint", d.Endpoint}, args...))
	err := root.ExecuteContext(d.T.Context())
	return out.String(), err
}

// says runs a command and fails the test unless it prints all of want.
func (d desk) says(want []string, args ...string) string {
	d.T.Helper()
	out, err := d.pileus(args...)
	if err != nil {
		d.T.Fatalf("pileus %s: %v", strings.Join(args, " "), err)
	}
	for _, w := range want {
		if !strings.Contains(out, w) {
			d.T.Errorf("pileus %s does not say %q:\n%s", strings.Join(args, " "), w, out)
		}
	}
	return out
}

// refuses runs a command that fails, with all of want.
func (d desk) refuses(want string, args ...string) {
	d.T.Helper()
	out, err := d.pileus(args...)
	if err == nil || !strings.Contains(err.Error(), want) {
		d.T.Errorf("pileus %s: %v, want %q\n%s", strings.Join(args, " "), err, want, out)
	}
}
