//go:build linux

package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pileus/plane"
	"pileus/plane/linux/process"
)

// unit is what is known of one machine.
type unit struct {
	id, dir string

	op sync.Mutex // held by whoever starts, stops or changes the machine

	holding sync.Mutex // guards holds
	holds   int        // how often it is held; op is, meanwhile

	mu       sync.Mutex // guards what follows
	record   record
	guest    *guest // nil while it does not run
	stopping bool   // its end is our doing
}

// record is what a machine's folder remembers of it.
type record struct {
	Machine plane.Machine
	Disks   []disk // the root first
	Cards   []card
	PID     int
	Boot    string // of the host, while which it was started
	Birth   uint64 // start time of the process, in the kernel's ticks: a PID alone is used again
	Started time.Time
	Booted  bool   // it has said so, or answered at its address
	Ready   bool   // its user data has run, as far as that is known
	Ended   string // why, once it has
	Agent   bool   // its first process is ours
	Leaving string // why that one said it would end
	Held    bool   // it stands still for a moment, and is to go on
}

// guest is a machine that runs.
type guest struct {
	process *process.Process
	monitor *monitor
	agent   *agent // nil where the first process is not ours

	mu    sync.Mutex
	lines []*line                  // to its interfaces
	drops map[string]chan struct{} // devices that it is asked to let go of
}

// letGo closes what this process holds of a guest that runs on.
func (g *guest) letGo() {
	g.monitor.close()
	if g.agent != nil {
		g.agent.close()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, l := range g.lines {
		l.close()
	}
	g.lines = nil
}

// answers tells whether the guest's first process answers, or where that is not
// ours, somebody at the address of its first interface.
func (g *guest) answers(ctx context.Context) bool {
	if g.agent != nil {
		return g.agent.answers(ctx)
	}
	g.mu.Lock()
	lines := g.lines
	g.mu.Unlock()
	return len(lines) > 0 && lines[0].answers(ctx)
}

// The files in a machine's folder.
const (
	recordFile    = "machine.json"
	consoleFile   = "console.log"
	errorFile     = "qemu.log"
	monitorFile   = "qmp"
	agentFile     = "agent"
	specFile      = "spec.json"
	kernelFile    = "kernel"
	initrdFile    = "initrd"
	authorityFile = "authority.pem"
	variablesFile = "uefi-variables"
)

func (u *unit) file(name string) string { return filepath.Join(u.dir, name) }

func (u *unit) running() *guest {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.guest
}

func (u *unit) snapshot() (record, *guest) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.record, u.guest
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

// short is a path to a file in the machine's folder that fits into a socket's
// address however deep the folder is; done ends its use.
func (u *unit) short(name string) (path string, done func(), err error) {
	fd, err := unix.Open(u.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, &os.PathError{Op: "open", Path: u.dir, Err: err}
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", fd, name), func() { unix.Close(fd) }, nil
}

const (
	// consoleKept is how much of the console is shown.
	consoleKept = 64 << 10
	// consoleMost is how much room it takes on the disk before the beginning of
	// it is given back.
	consoleMost = 1 << 20
)

// Console is the last 64 KiB of what the machine wrote to its first serial line.
func (e *Engine) Console(_ context.Context, id string) ([]byte, error) {
	u, err := e.unit(id, false)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(u.file(consoleFile), os.O_RDWR, 0)
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
	e.trim(f, info)
	return io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-consoleKept), consoleKept))
}

// trim makes a hole of the beginning of a long console. QEMU goes on writing at
// the end, and nothing is lost in between.
func (e *Engine) trim(f *os.File, info os.FileInfo) {
	const block = 512 // the unit in which stat(2) counts
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Blocks*block < consoleMost {
		return
	}
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, info.Size()-consoleKept)
	if err != nil {
		e.Log.Warn("the console of a machine grows", "file", f.Name(), "error", err)
	}
}
