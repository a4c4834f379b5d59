//go:build linux

package toolbox

import (
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

// traps are what a script wants done when signals come. The interpreter knows
// none but EXIT and ERR; signals wait here until the next command.
type traps struct {
	mu      sync.Mutex
	actions map[syscall.Signal]string
	touched map[syscall.Signal]bool // what Go says of ignored ones may be old
	came    chan os.Signal
	sure    bool   // one is on its way, from this shell itself
	exit    string // what is done at the end, also at that by a signal
}

// woken is told of signals that are trapped.
func (t *traps) woken() <-chan os.Signal { return t.came }

// again has a signal acted upon before the next command.
func (t *traps) again(s os.Signal) {
	select {
	case t.came <- s:
	default:
	}
}

// pending is what is to be done about a signal that has come, or "".
func (t *traps) pending() string {
	if t.sure {
		t.sure = false
		t.again(<-t.came)
	}
	select {
	case s := <-t.came:
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.actions[s.(syscall.Signal)]
	default:
		return ""
	}
}

// expect notes that the shell signals itself: what it has trapped comes before
// the next command, however late the signal is handed on.
func (t *traps) expect(args []string) {
	sig, own := syscall.SIGTERM, false
	for i, a := range args {
		switch {
		case a == strconv.Itoa(os.Getpid()):
			own = true
		case i == 0 && len(a) > 1 && a[0] == '-' && a != "-s":
			if n, err := signalNumber(a[1:]); err == nil {
				sig = n
			}
		case i == 1 && args[0] == "-s":
			if n, err := signalNumber(a); err == nil {
				sig = n
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sure = own && t.actions[sig] != ""
}

// trap leaves EXIT and ERR to the interpreter, and does the rest.
func (s *shell) trap(h interp.HandlerContext, args []string) ([]string, error) {
	t := &s.traps
	words := args[1:]
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(words) == 0 || words[0] == "-p" {
		for _, sig := range slices.Sorted(maps.Keys(t.actions)) {
			fmt.Fprintf(h.Stdout, "trap -- '%s' %s\n", strings.ReplaceAll(t.actions[sig], "'", `'\''`), unix.SignalName(sig))
		}
		if t.exit != "" {
			fmt.Fprintf(h.Stdout, "trap -- '%s' EXIT\n", strings.ReplaceAll(t.exit, "'", `'\''`))
		}
		return []string{"true"}, nil
	}
	if words[0] == "-l" {
		return args, nil
	}
	action, names := "-", words
	if len(words) > 1 {
		action, names = words[0], words[1:]
	}
	var own []string
	for _, name := range names {
		name = strings.TrimPrefix(strings.ToUpper(name), "SIG")
		if name == "0" {
			name = "EXIT"
		}
		if name == "EXIT" || name == "ERR" {
			own = append(own, name)
			if name == "EXIT" {
				t.exit = strings.TrimPrefix(action, "-")
				s.dieLater()
			}
			continue
		}
		sig := unix.SignalNum("SIG" + name)
		if n, err := strconv.Atoi(name); err == nil && n > 0 && n < 65 {
			sig = syscall.Signal(n)
		}
		switch {
		case name == "DEBUG" || name == "RETURN":
			fmt.Fprintf(h.Stderr, "%s: trap: %s is not supported by this shell\n", s.where(h), name)
			return []string{"false"}, nil
		case sig == 0:
			fmt.Fprintf(h.Stderr, "%s: trap: %s: invalid signal specification\n", s.where(h), name)
			return []string{"false"}, nil
		}
		t.set(sig, action)
	}
	if len(own) == 0 {
		return []string{"true"}, nil
	}
	return append([]string{"trap", action}, own...), nil
}

func (t *traps) set(sig syscall.Signal, action string) {
	if t.came == nil {
		t.actions, t.came = map[syscall.Signal]string{}, make(chan os.Signal, 16)
		t.touched = map[syscall.Signal]bool{}
	}
	t.touched[sig] = true
	signal.Reset(sig)
	if was, set := t.actions[sig]; set && was == "" {
		restoreDefault(sig)
	}
	delete(t.actions, sig)
	switch action {
	case "-":
	case "":
		t.actions[sig] = ""
		signal.Ignore(sig)
	default:
		t.actions[sig] = action
		signal.Notify(t.came, sig)
	}
}

// dieLater has a script that ends by a signal do first what it wanted done at
// its end.
func (s *shell) dieLater() {
	if s.interactive || s.deadly != nil {
		return
	}
	s.deadly = make(chan os.Signal, 1)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		_, set := s.traps.actions[sig]
		if !set && (s.traps.touched[sig] || !signal.Ignored(sig)) {
			signal.Notify(s.deadly, sig)
		}
	}
	go func() {
		sig := (<-s.deadly).(syscall.Signal)
		s.traps.mu.Lock()
		trapped := s.traps.actions[sig] != ""
		s.killed = sig
		s.traps.mu.Unlock()
		if !trapped {
			s.interrupt()
		}
	}()
}

// farewell ends a script that a signal has ended, after its EXIT trap.
func (s *shell) farewell() {
	s.traps.mu.Lock()
	sig, exit := s.killed, s.traps.exit
	trapped := s.traps.actions[sig] != ""
	s.traps.mu.Unlock()
	if sig == 0 || trapped {
		return
	}
	s.jobs.replace = false
	s.line(exit)
	signal.Reset(sig)
	restoreDefault(sig)
	syscall.Kill(os.Getpid(), sig)
	select {}
}

// restoreDefault has a signal do what it does to programs that know nothing of
// it. Go goes back from signal.Ignore only to ignoring.
func restoreDefault(sig syscall.Signal) {
	var action [4]uint64 // the kernel's struct sigaction: SIG_DFL, no flags, no mask
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}
