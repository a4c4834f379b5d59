package guest

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/guest/handoff"
)

// machine is what the first process keeps.
type machine struct {
	spec     handoff.Spec
	clock    clock.Clock
	children *children
	console  *console
	services *services
	disks    served // without block devices
	kernel   bool   // it has a kernel of its own

	mu     sync.Mutex
	state  handoff.State
	keep   func(handoff.State) error // where the plane finds it
	ending chan struct{}             // closed when the machine begins to shut down
}

// run is the life of the first process; its result is the exit status.
func run() int {
	unix.CloseOnExec(handoff.BirthFD)
	unix.CloseOnExec(handoff.ControlFD)
	unix.CloseOnExec(handoff.StateFD)
	birth := os.NewFile(handoff.BirthFD, "birth")
	var spec handoff.Spec
	if err := json.NewDecoder(birth).Decode(&spec); err != nil {
		return 1 // whoever started this has gone: there is no machine to be
	}
	for i := range spec.Disks {
		if spec.Rootless {
			unix.CloseOnExec(handoff.DiskFD + i)
		}
	}
	state := os.NewFile(handoff.StateFD, "state")
	m := newMachine(spec, func(s handoff.State) error { return handoff.WriteState(state, s) })
	control, err := m.setUp()
	b := handoff.Birth{}
	if err != nil {
		b.Error = err.Error()
	}
	json.NewEncoder(birth).Encode(b) // if nobody listens any more, the machine goes on all the same
	birth.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "the machine cannot be set up:", err)
		return 1
	}
	m.live(func() { m.serve(control, true) })
	return 0
}

func newMachine(s handoff.Spec, keep func(handoff.State) error) *machine {
	return &machine{spec: s, clock: clock.New(), children: newChildren(), keep: keep, ending: make(chan struct{})}
}

// setUp makes the machine: its file systems, devices, names and console.
func (m *machine) setUp() (net.Listener, error) {
	unix.Umask(0o022)
	if err := enter(m.spec); err != nil {
		return nil, err
	}
	if m.spec.Rootless {
		if err := m.serveDisks(); err != nil {
			return nil, err
		}
	}
	if err := m.identify(); err != nil {
		return nil, err
	}
	c, err := openConsole()
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	m.console = c
	f := os.NewFile(handoff.ControlFD, "control")
	defer f.Close()
	return net.FileListener(f)
}

// live serves until the machine ends; agent answers the plane.
func (m *machine) live(agent func()) {
	go m.children.collect()
	m.services = newServices(m)
	m.console.printf("pileus: %s (%s) is up\n", m.spec.ID, m.spec.Hostname)
	m.note(func(s *handoff.State) { s.Booted = true })
	go agent()
	if inner, err := listenInside(); err != nil {
		m.console.printf("pileus: no requests from inside: %v\n", err)
	} else {
		go m.serve(inner, false)
	}
	go m.console.pump()
	go m.start()
	m.signals()
}

// start does what a system does after its file systems are there.
func (m *machine) start() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-m.ending
		cancel()
	}()
	m.mountTable(ctx)
	m.services.startEnabled()
	m.boot(ctx)
	m.note(func(s *handoff.State) { s.Ready = true })
	debug.FreeOSMemory() // what booting took is not needed again
	<-m.ending
}

// signals obeys those by which first processes are told to end, until they
// are.
func (m *machine) signals() {
	c := make(chan os.Signal, 4)
	signal.Notify(c, unix.SIGTERM, unix.SIGINT, unix.SIGPWR, unix.SIGUSR1, unix.SIGUSR2)
	// Caught, not ignored: what is ignored would be so for all programs of the
	// machine, and none would end with its terminal or its reader.
	signal.Notify(make(chan os.Signal, 1), unix.SIGHUP, unix.SIGPIPE)
	for {
		select {
		case s := <-c:
			reason := handoff.Shutdown
			if s == unix.SIGTERM || s == unix.SIGINT { // as in other small systems
				reason = handoff.Reboot
			}
			m.stop(reason)
		case <-m.ending:
			m.shutDown()
			return
		}
	}
}

// stop has the machine shut down, for the first reason that is given.
func (m *machine) stop(reason string) {
	m.note(func(s *handoff.State) {
		if s.Reason == "" {
			s.Reason = reason
			close(m.ending)
		}
	})
}

// note changes the state and keeps it where the plane finds it.
func (m *machine) note(f func(s *handoff.State)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(&m.state)
	if err := m.keep(m.state); err != nil {
		m.console.printf("pileus: the state is lost: %v\n", err)
	}
}

// now is the state.
func (m *machine) now() *handoff.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return new(m.state)
}

// shutDown ends all that runs and leaves the disks whole.
func (m *machine) shutDown() {
	m.console.printf("pileus: the machine goes down\n")
	m.services.stopAll()
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	unix.Kill(-1, unix.SIGTERM)
	unix.Kill(-1, unix.SIGCONT)
	others := others
	if m.kernel {
		others = programs
	}
	for ctx.Err() == nil && others() {
		m.clock.Wait(ctx, farewell/100)
	}
	unix.Kill(-1, unix.SIGKILL)
	for others() && m.clock.Wait(context.Background(), farewell/1000) == nil {
	}
	unmountAll(m.spec.Rootless)
	m.console.printf("pileus: down\n")
}

// others tells whether any other process exists in the machine.
func others() bool {
	return syscall.Kill(-1, 0) == nil
}
