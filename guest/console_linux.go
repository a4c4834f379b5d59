package guest

import (
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// console is what a machine's screen would show: a log on the host. Programs
// reach it as the terminal /dev/console.
type console struct {
	mu       sync.Mutex
	log      *os.File
	size     int64
	terminal *os.File // the master's end of /dev/console
	kernels  bool     // it is the kernel's own console, which somebody else keeps
	screen   *os.File // where there is one
}

// The log keeps the newest kept bytes at least; beyond most it is cut back.
const (
	keptLog = 64 << 10
	mostLog = 4 * keptLog
)

func openConsole() (*console, error) {
	c := &console{log: os.Stdout}
	info, err := c.log.Stat()
	if err != nil {
		return nil, err
	}
	c.size = info.Size()
	master, name, err := openTerminal()
	if err != nil {
		return nil, err
	}
	c.terminal = master
	if err := touch("/dev/console", 0o600); err != nil {
		return nil, err
	}
	return c, bind(name, "/dev/console", 0)
}

// Write appends to the log.
func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.screen != nil {
		c.screen.Write(b) // who looks at it sees what has gone wrong with the rest, too
	}
	n, err := c.log.Write(b)
	c.size += int64(n)
	if c.size > mostLog && !c.kernels {
		c.cut()
	}
	return n, err
}

// cut drops the older part of the log.
func (c *console) cut() {
	b := make([]byte, keptLog)
	n, err := c.log.ReadAt(b, c.size-keptLog)
	if err != nil && err != io.EOF || c.log.Truncate(0) != nil {
		return
	}
	n, _ = c.log.Write(b[:n])
	c.size = int64(n)
}

func (c *console) printf(format string, args ...any) { fmt.Fprintf(c, format, args...) }

// pump copies what programs write to /dev/console.
func (c *console) pump() {
	if c.kernels {
		return
	}
	// The slave's end stays open here, or reading would fail whenever no
	// program has it open.
	slave, err := os.OpenFile("/dev/console", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		c.printf("pileus: /dev/console: %v\n", err)
		return
	}
	defer slave.Close()
	b := make([]byte, 2048)
	for {
		n, err := c.terminal.Read(b)
		if err != nil {
			return
		}
		c.Write(b[:n])
	}
}

// openTerminal makes a pseudo terminal: the master's end and the slave's name.
func openTerminal() (master *os.File, slave string, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", &os.PathError{Op: "open", Path: "/dev/ptmx", Err: err}
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		unix.Close(fd)
		return nil, "", fmt.Errorf("pseudo terminal: %w", err)
	}
	return os.NewFile(uintptr(fd), "/dev/ptmx"), fmt.Sprintf("/dev/pts/%d", n), nil
}
