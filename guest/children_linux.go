package guest

import (
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// children starts processes and collects them: those that it started and, as
// the first process of the machine, all that lost their parents.
type children struct {
	mu      sync.Mutex // held while one starts, so that it is known before it is collected
	waiting map[int]chan<- syscall.WaitStatus
}

// child is a process that was started.
type child struct {
	pid  int
	done <-chan syscall.WaitStatus // has its status once it has ended
}

func newChildren() *children { return &children{waiting: map[int]chan<- syscall.WaitStatus{}} }

// start starts a program.
func (c *children) start(path string, argv []string, attr *syscall.ProcAttr) (*child, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pid, err := syscall.ForkExec(path, argv, attr)
	if err != nil {
		return nil, &os.PathError{Op: "run", Path: path, Err: err}
	}
	done := make(chan syscall.WaitStatus, 1)
	c.waiting[pid] = done
	return &child{pid, done}, nil
}

// collect waits for all that ends, for as long as the machine runs.
func (c *children) collect() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	for {
		for c.collectOne() {
		}
		<-ended
	}
}

func (c *children) collectOne() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
	if err == syscall.EINTR {
		return true
	}
	if err != nil || pid <= 0 {
		return false
	}
	if done := c.waiting[pid]; done != nil {
		delete(c.waiting, pid)
		done <- status
	}
	return true
}

// exitCode is a status as shells give it.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
