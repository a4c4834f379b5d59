//go:build linux

package machine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pileus/plane"
	"pileus/plane/linux/process"
)

// watched collects what machines do by themselves.
func (w *world) watched() <-chan plane.MachineStatus {
	c := make(chan plane.MachineStatus, 16)
	w.machines.WatchMachines(func(s plane.MachineStatus) { c <- s })
	return c
}

func (w *world) next(c <-chan plane.MachineStatus) plane.MachineStatus {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case s := <-c:
		return s
	case <-ctx.Done():
		w.t.Fatal("no machine changed its state")
		return plane.MachineStatus{}
	}
}

// TestEndsByItself has machines end in each way in which they can.
func TestEndsByItself(t *testing.T) {
	w := newWorld(t)
	changes := w.watched()
	m := w.boot("i-1", nil)
	for _, test := range []struct {
		name, script string
		reason       string
	}{
		{"shutdown", "shutdown -h now", "shutdown"},
		{"poweroff", "poweroff", "shutdown"},
		{"halt by systemctl", "systemctl halt", "shutdown"},
		{"init", "init 0", "shutdown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			// The command may fall to the shutdown that it has begun.
			if out, exit := w.run("i-1", test.script); exit != 0 && exit != 128+int(unix.SIGTERM) {
				t.Errorf("%s: %d %s", test.script, exit, out)
			}
			s := w.next(changes)
			if s.State != plane.Stopped || s.Reason != test.reason || s.PID != 0 || s.Reachable {
				t.Errorf("told: %+v", s)
			}
			if got := w.status("i-1"); got.Reason != test.reason {
				t.Errorf("status: %+v", got)
			}
			if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			w.ready("i-1")
		})
	}
	t.Run("reboot", func(t *testing.T) {
		before := w.status("i-1")
		w.run("i-1", "mkdir /extra; echo 'extra /extra tmpfs defaults,nofail 0 2' >> /etc/fstab; echo kept > /root/file; reboot")
		s := w.next(changes)
		if s.State != plane.Running || s.PID == before.PID {
			t.Errorf("told: %+v, was %+v", s, before)
		}
		w.ready("i-1")
		if out, _ := w.run("i-1", "cat /root/file"); out != "kept\n" {
			t.Errorf("after the reboot the file has %q", out)
		}
		if out, _ := w.run("i-1", "grep -c '^extra /extra tmpfs' /proc/mounts"); out != "1\n" {
			t.Errorf("what fstab names is mounted %s times; console: %s", out, w.console("i-1"))
		}
	})
	t.Run("crash", func(t *testing.T) {
		if err := unix.Kill(w.status("i-1").PID, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if s := w.next(changes); s.State != plane.Stopped || s.Reason != "crashed" {
			t.Errorf("told: %+v", s)
		}
	})
}

// TestStop stops machines that obey and machines that do not.
func TestStop(t *testing.T) {
	w := newWorld(t)
	changes := w.watched()
	m := w.boot("i-1", nil)
	// The program gets its chance to end.
	w.run("i-1", `sh -c 'trap "echo ended > /root/end" TERM; sleep 100' > /dev/null 2>&1 &`)
	w.run("i-1", "echo written > /root/data")
	if err := w.machines.StopMachine(t.Context(), "i-1", 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if s := w.status("i-1"); s.State != plane.Stopped || s.Reason != "stopped" {
		t.Errorf("stopped: %+v", s)
	}
	if err := w.machines.StopMachine(t.Context(), "i-1", time.Second); err != nil {
		t.Errorf("stop what is stopped: %v", err)
	}
	if err := w.machines.StopMachine(t.Context(), "i-none", time.Second); err != nil {
		t.Errorf("stop what is not there: %v", err)
	}
	if claimed(w.loops["vol-i-1"]) {
		t.Error("the root volume is still mounted after StopMachine has returned")
	}
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
	if out, _ := w.run("i-1", "cat /root/data"); out != "written\n" {
		t.Errorf("data: %q", out)
	}
	// A frozen machine cannot obey.
	if err := w.machines.FreezeMachine(t.Context(), "i-1"); err != nil {
		t.Fatal(err)
	}
	if err := w.machines.StopMachine(t.Context(), "i-1", 0); err != nil {
		t.Fatal(err)
	}
	if err := w.machines.RebootMachine(t.Context(), m, time.Second); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
	first := w.status("i-1").PID
	if err := w.machines.RebootMachine(t.Context(), m, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
	if s := w.status("i-1"); s.PID == first || s.State != plane.Running {
		t.Errorf("rebooted: %+v", s)
	}
	select {
	case s := <-changes:
		t.Errorf("told of what was asked for: %+v", s)
	default:
	}
}

// TestFreeze stops a machine in its tracks.
func TestFreeze(t *testing.T) {
	w := newWorld(t)
	w.boot("i-1", nil)
	w.run("i-1", "while true; do echo tick >> /tmp/ticks; sleep 0.01; done > /dev/null 2>&1 &")
	if err := w.machines.FreezeMachine(t.Context(), "i-1"); err != nil {
		t.Fatal(err)
	}
	w.until("frozen", func() bool {
		s := w.status("i-1")
		return s.State == plane.Frozen && !s.Reachable
	})
	w.until("still", func() bool { // a write that was under way may yet end
		before, err := w.machines.Sample(t.Context(), "i-1")
		after, err2 := w.machines.Sample(t.Context(), "i-1")
		return err == nil && err2 == nil && before.CPU == after.CPU
	})
	if err := w.machines.ThawMachine(t.Context(), "i-1"); err != nil {
		t.Fatal(err)
	}
	w.until("goes on", func() bool { return w.status("i-1").Reachable })
	if out, _ := w.run("i-1", "wc -l < /tmp/ticks"); strings.TrimSpace(out) == "0" {
		t.Errorf("ticks: %s", out)
	}
}

// TestAdopt closes the plane and opens it again: the machine runs on, and is
// managed as before.
func TestAdopt(t *testing.T) {
	w := newWorld(t)
	m := w.boot("i-1", nil)
	before := w.status("i-1")
	if err := w.machines.Close(); err != nil {
		t.Fatal(err)
	}
	w.open()
	after := w.status("i-1")
	if after.PID != before.PID || after.State != plane.Running || !after.Reachable || !after.Ready || !after.Started.Equal(before.Started) {
		t.Errorf("adopted: %+v, was %+v", after, before)
	}
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if s := w.status("i-1"); s.PID != before.PID {
		t.Error("what ran was booted again")
	}
	changes := w.watched()
	w.run("i-1", "poweroff")
	if s := w.next(changes); s.Reason != "shutdown" {
		t.Errorf("told: %+v", s)
	}

	// What happens while nobody looks is found as well.
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.ready("i-1")
	pid := w.status("i-1").PID
	w.run("i-1", "(sleep 0.3; reboot) > /dev/null 2>&1 &")
	if err := w.machines.Close(); err != nil {
		t.Fatal(err)
	}
	w.until("the machine has ended", func() bool {
		_, err := process.BirthOf(pid) // a zombie is not what it was
		return err != nil
	})
	w.open()
	w.until("it came back", func() bool { s := w.status("i-1"); return s.State == plane.Running && s.PID != pid && s.Ready })
}

// TestRemove forgets a machine.
func TestRemove(t *testing.T) {
	w := newWorld(t)
	w.boot("i-1", nil)
	if err := w.machines.RemoveMachine(t.Context(), "i-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.machines.MachineStatus(t.Context(), "i-1"); !errors.Is(err, plane.ErrNotFound) {
		t.Errorf("status of what was removed: %v", err)
	}
	if _, err := w.machines.Console(t.Context(), "i-1"); !errors.Is(err, plane.ErrNotFound) {
		t.Errorf("console of what was removed: %v", err)
	}
	if list, err := w.machines.Machines(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("list: %v %v", list, err)
	}
	if err := w.machines.RemoveMachine(t.Context(), "i-1"); err != nil {
		t.Errorf("again: %v", err)
	}
}

// TestCannotBoot wants what cannot be, and gets a reason.
func TestCannotBoot(t *testing.T) {
	w := newWorld(t)
	m := w.machine("i-1", nil)
	for name, test := range map[string]struct {
		change func(m *plane.Machine)
		want   string
	}{
		"no such volume":   {func(m *plane.Machine) { m.Root.Volume = "vol-none" }, "volume vol-none"},
		"an empty volume":  {func(m *plane.Machine) { m.Root.Volume = "vol-raw" }, "mount the root volume"},
		"unknown engine":   {func(m *plane.Machine) { m.Engine = "qemu" }, "engine"},
		"windows":          {func(m *plane.Machine) { m.Image.Platform = "windows" }, "windows"},
		"unknown image":    {func(m *plane.Machine) { m.Image.Kind = "floppy" }, "floppy"},
		"no network":       {func(m *plane.Machine) { m.ID = "i-2" }, "network namespace"},
		"an id that is ..": {func(m *plane.Machine) { m.ID = ".." }, "cannot be the id"},
	} {
		t.Run(name, func(t *testing.T) {
			if m.Root.Volume == "vol-i-1" && name == "an empty volume" {
				w.raw("vol-raw")
			}
			bad := m
			test.change(&bad)
			err := w.machines.EnsureMachine(t.Context(), bad)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
			if s, err := w.machines.MachineStatus(t.Context(), bad.ID); err == nil && s.State != plane.Stopped {
				t.Errorf("status: %+v", s)
			}
		})
	}
	if err := w.machines.EnsureMachine(t.Context(), m); err != nil {
		t.Fatalf("after all that, the machine as it should be: %v", err)
	}
	w.ready("i-1")
}
