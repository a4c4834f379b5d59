package guest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/shell"

	"pileus/guest/handoff"
)

// services runs programs in the background as units of systemd say, as far as
// such files describe one program.
type services struct {
	m *machine

	mu   sync.Mutex
	runs map[string]*service
}

// service is a unit that was started.
type service struct {
	child   *child // nil once it has ended
	exit    int
	stopped bool // on purpose
	done    chan struct{}
}

// unitFile is what a unit says.
type unitFile struct {
	Name, Description, ExecStart, User, WorkingDirectory, Restart, Type string
	ExecStartPre, Environment                                           []string
}

var unitFolders = []string{"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

const wanted = "/etc/systemd/system/multi-user.target.wants"

func newServices(m *machine) *services { return &services{m: m, runs: map[string]*service{}} }

// readUnit reads a unit by name, with or without ".service".
func readUnit(name string) (u unitFile, file string, err error) {
	u.Name = strings.TrimSuffix(name, ".service")
	if strings.Contains(u.Name, "/") || u.Name == "" {
		return u, "", fmt.Errorf("invalid unit name %q", name)
	}
	for _, d := range unitFolders {
		file = filepath.Join(d, u.Name+".service")
		f, err := os.Open(file)
		if err != nil {
			continue
		}
		defer f.Close()
		return u, file, u.parse(f)
	}
	return u, "", fmt.Errorf("unit %s.service could not be found", u.Name)
}

func (u *unitFile) parse(f io.Reader) error {
	s := bufio.NewScanner(f)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		for strings.HasSuffix(line, `\`) && s.Scan() {
			line = strings.TrimSuffix(line, `\`) + " " + strings.TrimSpace(s.Text())
		}
		key, value, _ := strings.Cut(line, "=")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "Description":
			u.Description = value
		case "ExecStart":
			u.ExecStart = value
		case "ExecStartPre":
			u.ExecStartPre = append(u.ExecStartPre, value)
		case "User":
			u.User = value
		case "WorkingDirectory":
			u.WorkingDirectory = value
		case "Restart":
			u.Restart = value
		case "Type":
			u.Type = value
		case "Environment":
			u.Environment = append(u.Environment, strings.Trim(value, `"`))
		}
	}
	return s.Err()
}

// do is systemctl.
func (s *services) do(args []string, out io.Writer, root bool) (handoff.Answer, error) {
	if len(args) == 0 {
		args = []string{"list-units"}
	}
	verb, names := args[0], args[1:]
	reads := []string{"status", "is-active", "is-enabled", "list-units", "list-unit-files"}
	if changes := []string{"start", "stop", "restart", "reload-or-restart", "try-restart", "reload", "enable", "disable", "daemon-reload"}; !slices.Contains(append(changes, reads...), verb) && !strings.HasPrefix(verb, "list-") {
		return handoff.Answer{Exit: 1}, fmt.Errorf("the built-in image's systemctl has no %q; it has %s, list-units", verb, strings.Join(append(changes, reads[:3]...), ", "))
	}
	if !root && !slices.Contains(reads, verb) {
		return handoff.Answer{Exit: 1}, fmt.Errorf("access denied: only root may %s services", verb)
	}
	if strings.HasPrefix(verb, "list-") {
		s.list(out)
		return handoff.Answer{}, nil
	}
	if verb == "daemon-reload" {
		return handoff.Answer{}, nil // units are read whenever they are used
	}
	if len(names) == 0 {
		return handoff.Answer{Exit: 1}, errors.New("too few arguments")
	}
	worst := 0
	for _, name := range names {
		exit, err := s.one(verb, name, out)
		if err != nil {
			return handoff.Answer{Exit: max(exit, 1)}, err
		}
		worst = max(worst, exit)
	}
	return handoff.Answer{Exit: worst}, nil
}

func (s *services) one(verb, name string, out io.Writer) (exit int, err error) {
	u, file, err := readUnit(name)
	if err != nil {
		return 5, err
	}
	switch verb {
	case "start":
		return 1, s.start(u)
	case "stop":
		s.stop(u.Name)
		return 0, nil
	case "restart", "reload-or-restart", "try-restart", "reload":
		s.stop(u.Name)
		return 1, s.start(u)
	case "enable", "disable":
		return 1, enable(u.Name, file, verb == "enable", out)
	case "is-active":
		fmt.Fprintln(out, s.describe(u.Name))
		if s.active(u.Name) == nil {
			return 3, nil
		}
		return 0, nil
	case "is-enabled":
		if exists(filepath.Join(wanted, u.Name+".service")) {
			fmt.Fprintln(out, "enabled")
			return 0, nil
		}
		fmt.Fprintln(out, "disabled")
		return 1, nil
	case "status":
		fmt.Fprintf(out, "%s.service - %s\n   Loaded: loaded (%s)\n   Active: %s\n", u.Name, cmp.Or(u.Description, u.Name), file, s.inDetail(u.Name))
		if c := s.active(u.Name); c != nil {
			fmt.Fprintf(out, " Main PID: %d\n", c.pid)
			return 0, nil
		}
		return 3, nil
	}
	return 1, fmt.Errorf("unknown command verb %q", verb)
}

func enable(name, file string, yes bool, out io.Writer) error {
	link := filepath.Join(wanted, name+".service")
	if !yes {
		if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(wanted, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(file, link); err != nil {
		if os.IsExist(err) {
			return nil
		}
		return err
	}
	fmt.Fprintf(out, "Created symlink %s -> %s.\n", link, file)
	return nil
}

func (s *services) active(name string) *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.runs[name]; r != nil {
		return r.child
	}
	return nil
}

// inDetail is a unit's state with what it does: active (running).
func (s *services) inDetail(name string) string {
	state := s.describe(name)
	detail := map[string]string{"active": "running", "inactive": "dead", "failed": "Result: exit-code"}[state]
	return fmt.Sprintf("%s (%s)", state, detail)
}

func (s *services) describe(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.runs[name]
	switch {
	case r == nil || r.child == nil && (r.stopped || r.exit == 0):
		return "inactive"
	case r.child != nil:
		return "active"
	}
	return "failed"
}

func (s *services) list(out io.Writer) {
	fmt.Fprintf(out, "%-30s %-9s %s\n", "UNIT", "ACTIVE", "DESCRIPTION")
	var names []string
	for _, d := range unitFolders[:2] {
		files, _ := filepath.Glob(filepath.Join(d, "*.service"))
		for _, f := range files {
			names = append(names, strings.TrimSuffix(filepath.Base(f), ".service"))
		}
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		if u, _, err := readUnit(n); err == nil {
			fmt.Fprintf(out, "%-30s %-9s %s\n", n+".service", s.describe(n), u.Description)
		}
	}
}

// start starts a unit unless it runs.
func (s *services) start(u unitFile) error {
	if s.active(u.Name) != nil {
		return nil
	}
	for _, line := range append(u.ExecStartPre, u.ExecStart) {
		if line == "" {
			continue
		}
		c, err := s.exec(u, line)
		if err != nil {
			return err
		}
		if line != u.ExecStart || u.Type == "oneshot" {
			if exit := exitCode(<-c.done); exit != 0 && !strings.HasPrefix(line, "-") {
				return fmt.Errorf("job for %s.service failed: %s ended with status %d", u.Name, line, exit)
			}
			continue
		}
		r := &service{child: c, done: make(chan struct{})}
		s.mu.Lock()
		s.runs[u.Name] = r
		s.mu.Unlock()
		go s.follow(u, r)
	}
	return nil
}

// exec starts one command line of a unit.
func (s *services) exec(u unitFile, line string) (*child, error) {
	a, err := findAccount(cmp.Or(u.User, "root"))
	if err != nil {
		return nil, err
	}
	env := append(s.m.environment(a), u.Environment...)
	args, err := shell.Fields(strings.TrimLeft(line, "-@+!:"), func(name string) string {
		for _, e := range slices.Backward(env) {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v
			}
		}
		return ""
	})
	if err != nil || len(args) == 0 {
		return nil, fmt.Errorf("%s.service: %q is no command: %w", u.Name, line, err)
	}
	path, err := lookProgram(args[0], env, "/")
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join("/var/log", u.Name+".log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o640)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	return s.m.children.start(path, args, &syscall.ProcAttr{
		Dir: cmp.Or(u.WorkingDirectory, "/"), Env: env, Files: []uintptr{null.Fd(), log.Fd(), log.Fd()},
		Sys: &syscall.SysProcAttr{Setsid: true, Credential: a.credential()},
	})
}

// again is how long after its end a service is restarted.
const again = 200 * time.Millisecond

// follow waits for a service's end and restarts it if the unit says so.
func (s *services) follow(u unitFile, r *service) {
	exit := exitCode(<-r.child.done)
	s.mu.Lock()
	r.child, r.exit = nil, exit
	stopped := r.stopped
	s.mu.Unlock()
	close(r.done)
	if stopped || u.Restart != "always" && (u.Restart != "on-failure" || exit == 0) {
		return
	}
	s.m.clock.Wait(context.Background(), again)
	s.mu.Lock()
	current := s.runs[u.Name] == r && !r.stopped
	s.mu.Unlock()
	if current {
		if err := s.start(u); err != nil {
			s.m.console.printf("pileus: %v\n", err)
		}
	}
}

// stop ends a service and waits for its end.
func (s *services) stop(name string) {
	s.mu.Lock()
	r := s.runs[name]
	var c *child
	if r != nil {
		r.stopped, c = true, r.child
	}
	s.mu.Unlock()
	if c == nil {
		return
	}
	unix.Kill(-c.pid, unix.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	select {
	case <-r.done:
	case <-ctx.Done():
		unix.Kill(-c.pid, unix.SIGKILL)
		<-r.done
	}
}

func (s *services) stopAll() {
	s.mu.Lock()
	var names []string
	for n := range s.runs {
		names = append(names, n)
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, n := range names {
		wg.Go(func() { s.stop(n) })
	}
	wg.Wait()
}

// startEnabled starts what is wanted at boot.
func (s *services) startEnabled() {
	files, _ := filepath.Glob(filepath.Join(wanted, "*.service"))
	for _, f := range files {
		u, _, err := readUnit(filepath.Base(f))
		if err == nil {
			err = s.start(u)
		}
		if err != nil {
			s.m.console.printf("pileus: %v\n", err)
		}
	}
}
