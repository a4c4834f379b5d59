//go:build linux

package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// answering is the other end of a conversation: f is given each command, and
// returns what QEMU says. It ends after the command last.
func answering(t testing.TB, last string, f func(command string, id int) string) *net.UnixConn {
	t.Helper()
	address := &net.UnixAddr{Name: filepath.Join(t.TempDir(), "qmp"), Net: "unix"}
	l, err := net.ListenUnix("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		fmt.Fprintln(c, `{"QMP": {"version": {}, "capabilities": []}}`)
		for s := bufio.NewScanner(c); s.Scan(); {
			var line struct {
				Execute string
				ID      int
			}
			if json.Unmarshal(s.Bytes(), &line) != nil {
				return
			}
			if _, err := fmt.Fprint(c, f(line.Execute, line.ID)); err != nil || line.Execute == last {
				return
			}
		}
	}()
	c, err := net.DialUnix("unix", nil, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestMonitor(t *testing.T) {
	var events []event
	seen := make(chan struct{}, 8)
	c := answering(t, "", func(command string, id int) string {
		switch command {
		case "query-status":
			return fmt.Sprintf(`{"event": "RESET", "data": {"guest": true, "reason": "guest-reset"}}`+"\n"+
				`{"return": {"status": "paused"}, "id": 999}`+"\n"+ // nobody has asked
				`{"return": {"status": "running"}, "id": %d}`+"\n", id)
		case "device_del":
			return fmt.Sprintf(`{"error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}, "id": %d}`+"\n", id)
		case "quit":
			return "no JSON at all\n"
		}
		return fmt.Sprintf(`{"return": {}, "id": %d}`+"\n", id)
	})
	m, err := converse(t.Context(), c, func(e event) { events = append(events, e); seen <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	var s struct{ Status string }
	if err := m.do(t.Context(), "query-status", nil, &s); err != nil || s.Status != "running" {
		t.Errorf("%q, %v", s.Status, err)
	}
	<-seen
	if len(events) != 1 || events[0].Event != "RESET" || !events[0].Data.Guest {
		t.Errorf("%+v", events)
	}
	var refused *qemuError
	if err := m.do(t.Context(), "device_del", map[string]any{"id": "x"}, nil); !errors.As(err, &refused) || refused.Class != "DeviceNotFound" {
		t.Errorf("%v", err)
	}
	if err := m.do(t.Context(), "quit", nil, nil); err == nil {
		t.Error("what is no answer was taken for one")
	}
	if err := m.do(t.Context(), "query-status", nil, nil); err == nil {
		t.Error("the conversation goes on after its end")
	}
}

func TestMonitorThatIsSilent(t *testing.T) {
	m, err := converse(t.Context(), answering(t, "", func(command string, id int) string {
		if command == "stop" {
			return ""
		}
		return fmt.Sprintf(`{"return": {}, "id": %d}`+"\n", id)
	}), func(event) {})
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := m.do(ctx, "stop", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// FuzzMonitor: whatever QEMU says, a command ends, with its answer or an error.
func FuzzMonitor(f *testing.F) {
	f.Add(`{"return": {}, "id": 2}` + "\n")
	f.Add(`{"error": {"class": "GenericError", "desc": "no"}, "id": 2}` + "\n")
	f.Add(`{"event": "SHUTDOWN", "data": {"guest": true, "reason": "guest-shutdown"}}{"return": 1, "id": 2}`)
	f.Add(`{"return": {"status": []}, "id": 2}`)
	f.Add(`{"id": -1}[]`)
	f.Fuzz(func(t *testing.T, says string) {
		m, err := converse(t.Context(), answering(t, "query-status", func(command string, id int) string {
			if command != "query-status" {
				return fmt.Sprintf(`{"return": {}, "id": %d}`+"\n", id)
			}
			return says
		}), func(event) {})
		if err != nil {
			t.Fatal(err)
		}
		defer m.close()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var s struct{ Status string }
		if err := m.do(ctx, "query-status", nil, &s); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q: it waits for ever", says)
		}
	})
}

func TestProbeWithoutQEMU(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	e := &Engine{}
	if err := e.Missing(); err == nil || !strings.Contains(err.Error(), "apt-get install qemu-system-x86") {
		t.Errorf("%v", err)
	}
	if c := e.Describe(); len(c) != 1 || c[0].Works || !strings.Contains(c[0].Reason, "qemu-system-x86") {
		t.Errorf("%+v", c)
	}
	if e.Fast() {
		t.Error("it is fast without being there")
	}
}

// TestProbe: a program that does not run the guest of the probe has no KVM,
// whatever it says.
func TestProbe(t *testing.T) {
	if _, err := os.Stat("/dev/kvm"); err != nil {
		t.Skip("SKIPPED: there is no /dev/kvm to ask")
	}
	dir := t.TempDir()
	for name, c := range map[string]struct {
		script string
		works  bool
	}{
		"aborts":    {"kill -ABRT $$", false},
		"ends well": {"exit 0", false},
		"runs it":   {fmt.Sprintf("exit %d", probeExit), true},
	} {
		program := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(program, []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := tryKVM(program); (err == nil) != c.works {
			t.Errorf("%s: %v", name, err)
		}
	}
}
