//go:build linux

package toolbox

import (
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
)

// job is a process that a shell has put into the background or, at a terminal,
// a group of them that was stopped by Ctrl-Z.
type job struct {
	number  int
	group   int // of processes, and its first; 0: none runs
	text    string
	running []*exec.Cmd
	last    *exec.Cmd // whose status is the job's
	stopped bool
	status  unix.WaitStatus
}

// jobs are those of a shell.
type jobs struct {
	mu         sync.Mutex
	list       []*job
	ended      map[int]unix.WaitStatus // processes that are no job any more
	controlled bool                    // at a terminal: each has a group of its own
	tty        int                     // the terminal
	front      *job                    // what the terminal's keys reach
	frontText  string
	replace    bool // the next program takes the shell's place: exec
}

// start starts a job in the background.
func (j *jobs) start(c *exec.Cmd, text string) (*job, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := c.Start(); err != nil {
		return nil, err
	}
	n := &job{group: c.Process.Pid, text: text, running: []*exec.Cmd{c}, last: c}
	j.add(n)
	return n, nil
}

// add lists a job; the lock is held.
func (j *jobs) add(n *job) {
	for _, other := range j.list {
		n.number = max(n.number, other.number)
	}
	n.number++
	j.list = append(j.list, n)
}

// find is the job that is named: %2, %%, %+, %-, %name, or the number of its process.
func (j *jobs) find(name string) *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	last := len(j.list) - 1
	switch rest, percent := strings.CutPrefix(name, "%"); {
	case last < 0:
	case !percent:
		pid, err := strconv.Atoi(name)
		for _, n := range j.list {
			if err == nil && n.last.Process.Pid == pid {
				return n
			}
		}
	case rest == "" || rest == "%" || rest == "+":
		return j.list[last]
	case rest == "-":
		return j.list[max(0, last-1)]
	default:
		number, err := strconv.Atoi(rest)
		for _, n := range j.list {
			if err == nil && n.number == number || err != nil && strings.HasPrefix(n.text, rest) {
				return n
			}
		}
	}
	return nil
}

// left are the processes of a job that have not ended, as far as is known.
func (j *jobs) left(n *job) []*exec.Cmd {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(n.running)
}

// forget takes a job from the list.
func (j *jobs) forget(n *job) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.list = slices.DeleteFunc(j.list, func(other *job) bool { return other == n })
	if j.ended == nil {
		j.ended = map[int]unix.WaitStatus{}
	}
	j.ended[n.last.Process.Pid] = n.status
}

// await waits until a process has ended or been stopped. With peek it only
// looks, and tells whether there was something to see.
func (j *jobs) await(n *job, c *exec.Cmd, peek bool) (status unix.WaitStatus, seen bool) {
	pid := c.Process.Pid
	for !peek {
		// Until there is something to see, nobody is kept from starting others.
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	j.mu.Lock()
	got, err := unix.Wait4(pid, &status, unix.WUNTRACED|unix.WNOHANG, nil)
	if err != nil || got != pid {
		j.mu.Unlock()
		return status, err != nil
	}
	if c == n.last {
		n.status = status
	}
	if status.Stopped() {
		n.stopped = true
		j.mu.Unlock()
		return status, true
	}
	n.running = slices.DeleteFunc(n.running, func(other *exec.Cmd) bool { return other == c })
	j.mu.Unlock()
	c.Wait() // for what is copied of its output; that it has ended is known
	return status, true
}

// notice tells, before a prompt, which jobs have ended since.
func (s *shell) notice() {
	for _, n := range slices.Clone(s.jobs.list) {
		was := n.stopped
		for _, c := range s.jobs.left(n) {
			s.jobs.await(n, c, true)
		}
		switch {
		case len(s.jobs.left(n)) == 0:
			fmt.Fprintln(s.c.errors, s.jobs.describe(n))
			s.jobs.forget(n)
		case n.stopped && !was:
			fmt.Fprintln(s.c.errors, s.jobs.describe(n))
		}
	}
}

// describe is a job's line in the list of jobs.
func (j *jobs) describe(n *job) string {
	mark := " "
	switch at := slices.Index(j.list, n); at {
	case len(j.list) - 1:
		mark = "+"
	case len(j.list) - 2:
		mark = "-"
	}
	state, end := "Running", " &"
	switch {
	case len(n.running) == 0:
		state, end = "Done", ""
		if n.status.Signaled() {
			state = signalText(n.status.Signal())
		} else if code := n.status.ExitStatus(); code != 0 {
			state = fmt.Sprintf("Exit %d", code)
		}
	case n.stopped:
		state, end = "Stopped", ""
	}
	return fmt.Sprintf("[%d]%s  %-24s%s%s", n.number, mark, state, n.text, end)
}

func signalText(s syscall.Signal) string {
	text := s.String()
	return strings.ToUpper(text[:1]) + text[1:]
}

// endWithTerminal has the shell and its jobs end by SIGHUP.
func (j *jobs) endWithTerminal(before func()) {
	hungUp := make(chan os.Signal, 1)
	signal.Notify(hungUp, syscall.SIGHUP)
	go func() {
		<-hungUp
		before()
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
	for _, n := range j.list {
		syscall.Kill(-n.group, syscall.SIGHUP)
		syscall.Kill(-n.group, syscall.SIGCONT)
	}
}

// wait waits for jobs: those that are named, any (-n), or all. A signal that is
// trapped ends it.
func (s *shell) wait(names []string) ([]string, error) {
	targets := slices.Clone(s.jobs.list)
	anyOf := len(names) > 0 && names[0] == "-n"
	if anyOf {
		names = names[1:]
	}
	status := 0
	if len(names) > 0 {
		targets = nil
	}
	for _, name := range names {
		if n := s.jobs.find(name); n != nil {
			targets = append(targets, n)
			continue
		}
		pid, _ := strconv.Atoi(name)
		known, ok := s.jobs.ended[pid]
		switch {
		case ok:
			status = code(known)
		case strings.HasPrefix(name, "%"):
			fmt.Fprintf(s.c.errors, "%s: wait: %s: no such job\n", s.c.name, name)
			status = 127
		default:
			fmt.Fprintf(s.c.errors, "%s: wait: pid %s is not a child of this shell\n", s.c.name, name)
			status = 127
		}
	}
	if anyOf && len(targets) == 0 {
		status = 127
	}
	over := make(chan *job, len(targets))
	for _, n := range targets {
		go func() {
			for _, c := range s.jobs.left(n) {
				for len(s.jobs.left(n)) > 0 {
					if _, seen := s.jobs.await(n, c, false); seen {
						break
					}
				}
			}
			over <- n
		}()
	}
	for range targets {
		select {
		case n := <-over:
			s.jobs.forget(n)
			if len(names) > 0 || anyOf {
				status = code(n.status)
			}
		case got := <-s.traps.woken():
			s.traps.again(got)
			return []string{"eval", fmt.Sprintf("(exit %d)", 128+int(got.(syscall.Signal)))}, nil
		}
		if anyOf {
			break
		}
	}
	return []string{"eval", fmt.Sprintf("(exit %d)", status)}, nil
}

// code is a process's exit status as shells tell it.
func code(s unix.WaitStatus) int {
	switch {
	case s.Signaled():
		return 128 + int(s.Signal())
	case s.Stopped():
		return 128 + int(s.StopSignal())
	}
	return s.ExitStatus()
}
