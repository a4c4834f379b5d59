//go:build linux

package qemu

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"pileus/plane"
	"pileus/plane/linux/process"
)

// scripted is a guest that runs, of which the test answers for QEMU; did are the
// orders that it was given.
func scripted(t *testing.T, e *Engine, id string, volumes ...string) (u *unit, did func() []string) {
	t.Helper()
	var mu sync.Mutex
	var orders []string
	status := "running"
	conn := answering(t, "", func(command string, id int) string {
		mu.Lock()
		defer mu.Unlock()
		switch command {
		case "stop":
			status = "paused"
		case "cont":
			status = "running"
		}
		if command == "stop" || command == "cont" {
			orders = append(orders, command)
		}
		return fmt.Sprintf(`{"return": {"status": %q}, "id": %d}`+"\n", status, id)
	})
	m, err := converse(t.Context(), conn, func(event) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.close)
	u = &unit{id: id, dir: t.TempDir(), guest: &guest{monitor: m, process: &process.Process{Gone: make(chan struct{})}}}
	for _, v := range volumes {
		u.record.Disks = append(u.record.Disks, disk{Attachment: plane.Attachment{Volume: v}})
	}
	u.record.Booted = true
	e.units[id] = u
	return u, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(orders)
	}
}

func hold(t *testing.T, e *Engine, volume string) (release func()) {
	t.Helper()
	release, err := e.Hold(t.Context(), volume)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// TestHold: a guest stands still while any of its volumes is held, is no less
// well for that, and goes on.
func TestHold(t *testing.T) {
	e := &Engine{units: map[string]*unit{}}
	u, did := scripted(t, e, "i-1", "vol-1", "vol-2")
	_, other := scripted(t, e, "i-2", "vol-3")
	hold(t, e, "vol-none")()
	first := hold(t, e, "vol-1")
	second := hold(t, e, "vol-2")
	if got := did(); !slices.Equal(got, []string{"stop"}) {
		t.Errorf("held: %v", got)
	}
	if s := e.status(t.Context(), u); s.State != plane.Running || !s.Reachable || !s.Booted {
		t.Errorf("held: %+v", s)
	}
	if r, err := readRecord(u.dir); err != nil || !r.Held {
		t.Errorf("another process would not know that it is to go on: %v", err)
	}
	first()
	if got := did(); len(got) != 1 {
		t.Errorf("held once more: %v", got)
	}
	second()
	if got := did(); !slices.Equal(got, []string{"stop", "cont"}) {
		t.Errorf("released: %v", got)
	}
	if !u.op.TryLock() {
		t.Error("nobody can stop it any more")
	}
	if got := other(); len(got) != 0 {
		t.Errorf("another guest: %v", got)
	}
}

// TestHoldOfOneThatHibernates: what stands still already does afterwards.
func TestHoldOfOneThatHibernates(t *testing.T) {
	e := &Engine{units: map[string]*unit{}}
	u, did := scripted(t, e, "i-1", "vol-1")
	if err := u.guest.monitor.do(t.Context(), "stop", nil, nil); err != nil {
		t.Fatal(err)
	}
	hold(t, e, "vol-1")()
	if got := did(); !slices.Equal(got, []string{"stop"}) {
		t.Errorf("%v", got)
	}
	if s := e.status(t.Context(), u); s.State != plane.Frozen {
		t.Errorf("%+v", s)
	}
}

// TestHeldWhenTheCloudDied: the next process has a guest go on that was held.
func TestHeldWhenTheCloudDied(t *testing.T) {
	e := &Engine{units: map[string]*unit{}}
	u, did := scripted(t, e, "i-1", "vol-1")
	hold(t, e, "vol-1")
	for range 2 {
		if err := e.goOn(u, u.guest); err != nil {
			t.Fatal(err)
		}
	}
	if got := did(); !slices.Equal(got, []string{"stop", "cont"}) {
		t.Errorf("%v", got)
	}
}
