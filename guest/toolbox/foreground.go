//go:build linux

package toolbox

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// execute runs programs; behind exec, in the place of the shell.
func (s *shell) execute(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		h := interp.HandlerCtx(ctx)
		path, err := s.look(h, args[0])
		if err != nil {
			s.jobs.replace = false
			return err
		}
		switch {
		case s.jobs.replace:
			s.jobs.replace = false
			return replace(ctx, next, path, args)
		case s.jobs.controlled:
			return s.foreground(ctx, next, path, args)
		}
		return next(ctx, args)
	}
}

// look finds a program, or says what is wrong as bash does.
func (s *shell) look(h interp.HandlerContext, name string) (path string, err error) {
	say := func(what string, status interp.ExitStatus) error {
		fmt.Fprintf(h.Stderr, "%s: %s\n", s.where(h), what)
		return status
	}
	path, err = interp.LookPathDir(h.Dir, h.Env, name)
	if err == nil {
		return path, nil
	}
	if !strings.Contains(name, "/") {
		err = say(name+": command not found", 127)
		s.suggest(h, name)
		return "", err
	}
	full := name
	if full[0] != '/' {
		full = h.Dir + "/" + name
	}
	i, statErr := os.Stat(full)
	switch {
	case os.IsNotExist(statErr):
		return "", say(name+": No such file or directory", 127)
	case statErr != nil:
		return "", say(plain(&fs.PathError{Path: name, Err: syscall.EACCES}), 126)
	case i.IsDir():
		return "", say(name+": Is a directory", 126)
	}
	return "", say(name+": Permission denied", 126)
}

// where begins what the shell says went wrong: at a terminal its name, in a
// script the line.
func (s *shell) where(h interp.HandlerContext) string {
	name := s.c.name
	if s.interactive && !s.command {
		if s.c.login {
			name = "-" + name
		}
		return name
	}
	if s.file != "" {
		name = s.file
	}
	if h.Pos.IsValid() {
		return fmt.Sprintf("%s: line %d", name, h.Pos.Line())
	}
	return name
}

// suggest says once what to do about programs that the built-in image has not.
func (s *shell) suggest(h interp.HandlerContext, name string) {
	if s.suggested || !missing(name) {
		return
	}
	s.suggested = true
	fmt.Fprintf(h.Stderr, "(The built-in image is small and has no %s; `toolbox` lists what it has. A whole Linux: `pileus image import debian:12` on the host, and launch that.)\n", name)
}

// missing tells whether a program is one that people expect of a Linux.
func missing(name string) bool {
	return slices.Contains(strings.Fields(`amazon-linux-extras ansible apachectl aws bzip2 cargo certbot cmake cron crontab
 docker docker-compose emacs fdisk fio flask g++ gcc gdb git go htop iostat iptables java javac jq lsof make man mkfs.xfs mysql mysqld nano nginx node
 npm nvme openssl parted perl php pip pip3 psql pvcreate python python2 python3 redis-cli rpm rsync ruby screen snap strace stress-ng tcpdump
 telnet terraform tmux top traceroute tree unzip vi vim vmstat xfs_growfs xz zip`), name)
}

// replace puts a program into the shell's place.
func replace(ctx context.Context, next interp.ExecHandlerFunc, path string, args []string) error {
	h := interp.HandlerCtx(ctx)
	var files []int
	for _, f := range []any{h.Stdin, h.Stdout, h.Stderr} {
		var err error
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
	return syscall.Exec(path, args, exported(h))
}

// exported are the variables that programs get.
func exported(h interp.HandlerContext) (env []string) {
	for name, v := range h.Env.Each {
		if v.Exported && v.Kind == expand.String {
			env = append(env, name+"="+v.Str)
		}
	}
	return env
}

// foreground runs a program at a terminal, in a group that the terminal's keys
// reach, and that Ctrl-Z makes a job.
func (s *shell) foreground(ctx context.Context, next interp.ExecHandlerFunc, path string, args []string) error {
	h := interp.HandlerCtx(ctx)
	c := exec.Command(path)
	c.Args, c.Env, c.Dir = args, exported(h), h.Dir
	c.Stdin, c.Stdout, c.Stderr = h.Stdin, h.Stdout, h.Stderr
	n, err := s.jobs.startFront(c)
	if err != nil {
		return next(ctx, args) // a script without #!, or says what is wrong
	}
	status, _ := s.jobs.await(n, c, false)
	s.leave(n, status)
	if code := code(status); code != 0 {
		return interp.ExitStatus(code)
	}
	return nil
}

// startFront starts one of the programs of what was typed.
func (j *jobs) startFront(c *exec.Cmd) (*job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.front
	if n == nil || len(n.running) == 0 || n.stopped {
		n = &job{text: j.frontText}
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pgid: n.group}
	if n.group == 0 {
		c.SysProcAttr.Foreground, c.SysProcAttr.Ctty = true, j.tty
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	if n.group == 0 {
		n.group = c.Process.Pid
	}
	n.running, n.last, j.front = append(n.running, c), c, n
	return n, nil
}

// leave takes the terminal back from a job that has ended or stopped.
func (s *shell) leave(n *job, status unix.WaitStatus) {
	j := &s.jobs
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(n.running) > 0 && !n.stopped {
		return // others of the pipeline go on
	}
	unix.IoctlSetPointerInt(j.tty, unix.TIOCSPGRP, unix.Getpgrp())
	if status.Signaled() || n.stopped {
		s.restore()
	}
	switch {
	case n.stopped:
		if n.number == 0 {
			j.add(n)
		}
		if j.front == n {
			j.front = nil
			fmt.Fprintf(s.c.errors, "\n%s\n", j.describe(n))
		}
		s.interrupt() // and whatever would come after it
	case status.Signaled() && status.Signal() == syscall.SIGINT:
		fmt.Fprintln(s.c.errors)
		s.interrupt()
	case status.Signaled() && status.Signal() != syscall.SIGPIPE:
		fmt.Fprintln(s.c.errors, signalText(status.Signal()))
	}
}

// resume lets a job go on: at the terminal (fg) or beside it (bg).
func (s *shell) resume(args []string, front bool) ([]string, error) {
	name := "%%"
	if len(args) > 1 {
		name = args[1]
		if name[0] != '%' {
			name = "%" + name
		}
	}
	if !s.jobs.controlled {
		fmt.Fprintf(s.c.errors, "%s: %s: no job control\n", s.c.name, args[0])
		return []string{"false"}, nil
	}
	n := s.jobs.find(name)
	if n == nil {
		if len(args) == 1 {
			name = "current"
		}
		fmt.Fprintf(s.c.errors, "%s: %s: %s: no such job\n", s.c.name, args[0], name)
		return []string{"false"}, nil
	}
	s.jobs.mu.Lock()
	n.stopped = false
	s.jobs.mu.Unlock()
	if !front {
		fmt.Fprintf(s.c.out, "[%d]+ %s &\n", n.number, n.text)
		unix.Kill(-n.group, unix.SIGCONT)
		return []string{"true"}, nil
	}
	s.jobs.front = n
	unix.IoctlSetPointerInt(s.jobs.tty, unix.TIOCSPGRP, n.group)
	unix.Kill(-n.group, unix.SIGCONT)
	fmt.Fprintln(s.c.out, n.text) // last: whoever sees it may press Ctrl-Z
	var status unix.WaitStatus
	for _, c := range s.jobs.left(n) {
		if status, _ = s.jobs.await(n, c, false); status.Stopped() {
			break
		}
	}
	s.leave(n, status)
	if len(s.jobs.left(n)) == 0 {
		s.jobs.forget(n)
	}
	return []string{"eval", fmt.Sprintf("(exit %d)", code(status))}, nil
}
