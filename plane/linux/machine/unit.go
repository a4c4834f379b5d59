//go:build linux

package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pileus/guest/handoff"
	"pileus/plane"
	"pileus/plane/linux/process"
)

// unit is what is known of one machine.
type unit struct {
	id, dir string

	op sync.Mutex // held by whoever starts, stops or changes the machine

	mu       sync.Mutex // guards what follows
	record   record
	proc     *process.Process // nil while it does not run
	stopping bool             // its end is our doing
}

// record is what a machine's folder remembers of it.
type record struct {
	Machine plane.Machine
	Root    handoff.Disk
	Disks   []handoff.Disk
	PID     int
	Boot    string // of the host, while which it was started
	Birth   uint64 // start time of the process, in the kernel's ticks: a PID alone is used again
	Started time.Time
	Ended   string // why, once it has
}

// The files in a machine's folder.
const (
	recordFile  = "machine.json"
	consoleFile = "console.log"
	stateFile   = "state"
	socketFile  = "control"
)

func (u *unit) file(name string) string { return filepath.Join(u.dir, name) }

func (u *unit) running() *process.Process {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.proc
}

func (u *unit) snapshot() (record, *process.Process) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.record, u.proc
}

// change alters the record, in memory and in the folder.
func (u *unit) change(f func(r *record)) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	f(&u.record)
	b, err := json.Marshal(u.record)
	if err != nil {
		return err
	}
	// Another name first: a crash leaves the old record or the new one.
	next := u.file(recordFile + ".new")
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	return os.Rename(next, u.file(recordFile))
}

func readRecord(dir string) (r record, err error) {
	b, err := os.ReadFile(filepath.Join(dir, recordFile))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil // it died between making the folder and the record
	}
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	return r, err
}

// state is what the machine says of itself.
func (u *unit) state() (handoff.State, error) {
	s, err := handoff.ReadState(u.file(stateFile))
	if err != nil {
		return s, fmt.Errorf("machine %s: its state: %w", u.id, err)
	}
	return s, nil
}

// short is a path to a file in the machine's folder that fits into a socket's
// address however deep the folder is; done ends its use.
func (u *unit) short(name string) (path string, done func(), err error) {
	fd, err := unix.Open(u.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, &os.PathError{Op: "open", Path: u.dir, Err: err}
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", fd, name), func() { unix.Close(fd) }, nil
}

// listen makes the socket on which the machine's agent answers.
func (u *unit) listen() (*os.File, error) {
	path, done, err := u.short(socketFile)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := os.Remove(u.file(socketFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	return l.File()
}

// ask sends the agent a request.
func (u *unit) ask(ctx context.Context, r handoff.Request, files ...*os.File) (handoff.Answer, error) {
	path, done, err := u.short(socketFile)
	if err != nil {
		return handoff.Answer{}, err
	}
	defer done()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return handoff.Answer{}, fmt.Errorf("machine %s does not answer: %w", u.id, errors.Join(err, ctx.Err()))
	}
	defer c.Close()
	return handoff.Ask(ctx, c.(*net.UnixConn), r, files...)
}

func (u *unit) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, handoff.Patience)
	defer cancel()
	_, err := u.ask(ctx, handoff.Request{Do: handoff.Ping})
	return err == nil
}

// consoleKept is how much of the console is shown.
const consoleKept = 64 << 10

// Console is the last 64 KiB of what the machine wrote to its console.
func (m *Machines) Console(_ context.Context, id string) ([]byte, error) {
	u, err := m.unit(id, false)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(u.file(consoleFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-consoleKept), consoleKept))
}

// Screenshot cannot be taken: a process tree has no screen but its console.
func (m *Machines) Screenshot(_ context.Context, id string) ([]byte, error) {
	return nil, fmt.Errorf("%w: machine %s has no screen", plane.ErrUnsupported, id)
}
