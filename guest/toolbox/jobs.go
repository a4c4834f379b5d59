//go:build linux

package toolbox

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// The interpreter runs what is put into the background as goroutines, which
// would end with the shell. Scripts rely on processes: they outlive the script,
// have numbers, and are waited for. So before a script runs, each "x &" in it
// becomes a call of a command of our own, and "$!" a variable.
const (
	background = "__pileus_background"
	lastJob    = "__pileus_last"
)

// jobs are the processes that a shell has put into the background.
type jobs struct {
	mu      sync.Mutex
	running map[int]*exec.Cmd
	order   []int
	replace bool // the next program takes the shell's place: exec
}

// separate rewrites a script so that its background commands are processes.
func separate(node syntax.Node) {
	syntax.Walk(node, func(n syntax.Node) bool {
		switch x := n.(type) {
		case *syntax.Stmt:
			if x.Background {
				var text strings.Builder
				redirs := x.Redirs
				inside, outside := partRedirections(redirs)
				x.Background, x.Redirs = false, inside
				if syntax.NewPrinter().Print(&text, x) != nil {
					x.Background, x.Redirs = true, redirs
					return true
				}
				word := &syntax.Word{Parts: []syntax.WordPart{&syntax.SglQuoted{Dollar: false, Value: text.String()}}}
				plain := "no"
				if simple(x) {
					plain = "yes"
				}
				x.Redirs, x.Negated = outside, false
				x.Cmd = &syntax.CallExpr{Args: []*syntax.Word{literal(background), literal(plain), word}}
				return false
			}
		case *syntax.ParamExp:
			if x.Param != nil && x.Param.Value == "!" {
				x.Param.Value = lastJob
			}
		}
		return true
	})
}

// partRedirections tells what a background process redirects itself, its input,
// from what is redirected before it starts: it is to have nothing else open, so
// that who reads what the script writes does not wait for it.
func partRedirections(all []*syntax.Redirect) (inside, outside []*syntax.Redirect) {
	for _, r := range all {
		switch r.Op {
		case syntax.RdrIn, syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc, syntax.DplIn, syntax.RdrInOut:
			inside = append(inside, r)
		default:
			outside = append(outside, r)
		}
	}
	return inside, outside
}

func literal(s string) *syntax.Word {
	return &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{Value: s}}}
}

// simple tells whether a statement is one program, which can take the place of
// the shell that is started for it.
func simple(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || s.Negated || len(c.Assigns) > 0 || len(c.Args) == 0 {
		return false
	}
	name := c.Args[0].Lit()
	return name != "" && !interp.IsBuiltin(name)
}

// call is asked about every command before it runs and may replace it.
func (s *shell) call(ctx context.Context, args []string) ([]string, error) {
	switch args[0] {
	case background:
		return s.start(ctx, args[1] == "yes", args[2])
	case "wait":
		return s.wait(args[1:])
	case "kill": // which the interpreter has not
		if path, err := exec.LookPath("kill"); err == nil {
			return append([]string{path}, args[1:]...), nil
		}
	case "umask":
		return umask(ctx, args[1:])
	case "exec":
		s.jobs.replace = len(args) > 1
	}
	return args, nil
}

// start puts a statement into the background.
func (s *shell) start(ctx context.Context, plain bool, text string) ([]string, error) {
	h := interp.HandlerCtx(ctx)
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var script strings.Builder
	var env []string
	for name, v := range h.Env.Each {
		switch {
		case v.Exported && v.Kind == expand.String:
			env = append(env, name+"="+v.Str)
		case v.Kind == expand.String && v.IsSet() && !v.ReadOnly:
			if q, err := syntax.Quote(v.Str, syntax.LangBash); err == nil {
				fmt.Fprintf(&script, "%s=%s\n", name, q)
			}
		case v.Kind == expand.Indexed:
			fmt.Fprintf(&script, "%s=(", name)
			for _, e := range v.List {
				if q, err := syntax.Quote(e, syntax.LangBash); err == nil {
					fmt.Fprintf(&script, "%s ", q)
				}
			}
			script.WriteString(")\n")
		}
	}
	for name, body := range s.runner.Funcs {
		if name == strings.Fields(text + " x")[0] {
			plain = false
		}
		fmt.Fprintf(&script, "%s() ", name)
		syntax.NewPrinter().Print(&script, body)
		script.WriteString("\n")
	}
	if plain {
		script.WriteString("exec ")
	}
	script.WriteString(text)
	c := exec.Command(self, append([]string{"-c", script.String(), s.c.name}, s.runner.Params...)...)
	c.Args[0], c.Dir, c.Env = "sh", h.Dir, env
	c.Stdout, c.Stderr = h.Stdout, h.Stderr
	// At a terminal a job has a group of its own: Ctrl-C does not reach it, and
	// it goes on when the user logs out.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: s.interactive && !s.command}
	pid, err := s.jobs.start(c)
	if err != nil {
		return nil, err
	}
	return []string{"eval", fmt.Sprintf("%s=%d", lastJob, pid)}, nil
}

func (j *jobs) start(c *exec.Cmd) (pid int, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := c.Start(); err != nil {
		return 0, err
	}
	if j.running == nil {
		j.running = map[int]*exec.Cmd{}
	}
	pid = c.Process.Pid
	j.running[pid] = c
	j.order = append(j.order, pid)
	return pid, nil
}

// endWithTerminal has the shell and its jobs end by SIGHUP.
func (j *jobs) endWithTerminal() {
	hungUp := make(chan os.Signal, 1)
	signal.Notify(hungUp, syscall.SIGHUP)
	go func() {
		<-hungUp
		j.hangUp()
		signal.Reset(syscall.SIGHUP)
		syscall.Kill(os.Getpid(), syscall.SIGHUP)
	}()
}

// hangUp tells the jobs that their terminal is gone. Those that nohup has
// started go on.
func (j *jobs) hangUp() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for pid := range j.running {
		syscall.Kill(-pid, syscall.SIGHUP)
	}
}

// wait waits for jobs: those that are named, or all.
func (s *shell) wait(names []string) ([]string, error) {
	pids := s.jobs.order
	if len(names) > 0 {
		pids = nil
		for _, n := range names {
			pid, err := strconv.Atoi(n)
			if err != nil || s.jobs.running[pid] == nil {
				fmt.Fprintf(s.c.errors, "%s: wait: pid %s is not a child of this shell\n", s.c.name, n)
				return []string{"eval", "(exit 127)"}, nil
			}
			pids = append(pids, pid)
		}
	}
	status := 0
	for _, pid := range slices.Clone(pids) {
		if c := s.jobs.running[pid]; c != nil {
			status = exitStatus(c.Wait())
			s.jobs.forget(pid)
		}
	}
	if len(names) == 0 {
		s.jobs.order, status = nil, 0
	}
	return []string{"eval", fmt.Sprintf("(exit %d)", status)}, nil
}

func (j *jobs) forget(pid int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.running, pid)
}

// umask is the process's own, which its programs inherit.
func umask(ctx context.Context, args []string) ([]string, error) {
	h := interp.HandlerCtx(ctx)
	if len(args) == 0 {
		old := unix.Umask(0)
		unix.Umask(old)
		fmt.Fprintf(h.Stdout, "%04o\n", old)
		return []string{"true"}, nil
	}
	mask, err := strconv.ParseUint(args[0], 8, 12)
	if err != nil {
		fmt.Fprintf(h.Stderr, "umask: %s: octal number out of range\n", args[0])
		return []string{"false"}, nil
	}
	unix.Umask(int(mask))
	return []string{"true"}, nil
}

// execute runs programs; behind exec, in the place of the shell.
func (s *shell) execute(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		if !s.jobs.replace {
			return next(ctx, args)
		}
		s.jobs.replace = false
		h := interp.HandlerCtx(ctx)
		path, err := interp.LookPathDir(h.Dir, h.Env, args[0])
		if err != nil {
			return next(ctx, args) // says what is wrong
		}
		var files []int
		for _, f := range []any{h.Stdin, h.Stdout, h.Stderr} {
			if f == nil {
				f, err = os.Open(os.DevNull)
			}
			file, ok := f.(*os.File)
			if !ok || err != nil {
				return next(ctx, args) // a pipe within this process
			}
			fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 10)
			if err != nil {
				return next(ctx, args)
			}
			files = append(files, fd)
		}
		for i, fd := range files {
			if err := unix.Dup3(fd, i, 0); err != nil {
				return err
			}
		}
		if err := os.Chdir(h.Dir); err != nil {
			return err
		}
		var env []string
		for name, v := range h.Env.Each {
			if v.Exported && v.Kind == expand.String {
				env = append(env, name+"="+v.Str)
			}
		}
		return syscall.Exec(path, args, env)
	}
}
