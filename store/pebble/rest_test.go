package pebble

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"pileus/store"
)

// held is what the engine keeps in memory, in bytes.
func held(s store.Store) uint64 {
	m := s.(*DB).engine.Load().Metrics()
	return m.MemTable.Size + m.MemTable.ZombieSize + uint64(m.BlockCache.Size)
}

func TestRestGivesMemoryBack(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	must(t, err)
	fill(t, s, 0, 120_000)
	if busy := held(s); busy <= restAbove {
		t.Fatalf("only %d bytes are held after the load", busy)
	}
	must(t, s.View(context.Background(), func(store.Reader) error {
		if s.(*DB).Rest() {
			t.Error("it rests while somebody reads")
		}
		return nil
	}))
	if !s.(*DB).Rest() {
		t.Error("it does not rest")
	}
	if rested := held(s); rested > 1<<20 {
		t.Errorf("%d bytes are held at rest", rested)
	}
	before := s.(*DB).engine.Load()
	if !s.(*DB).Rest() || s.(*DB).engine.Load() != before {
		t.Error("an engine that holds little is opened anew")
	}
	if n := rows(t, s); n != 120_000 {
		t.Errorf("%d rows", n)
	}
	must(t, s.Close())
	if !s.(*DB).Rest() {
		t.Error("a closed store has something to give back")
	}
}

// TestRestBetweenTransactions has the engine replaced over and over while
// others write: nothing is lost, and nobody is refused.
func TestRestBetweenTransactions(t *testing.T) {
	s, err := Open("state", Options{FS: vfs.NewMem(), Reserve: -1})
	must(t, err)
	var w writers
	var rests atomic.Int64
	w.run(s, 60, 500, func() bool {
		if s.(*DB).rest(0) {
			rests.Add(1)
		}
		return false
	})
	for i := range w.refused {
		if n := w.refused[i].Load(); n > 0 {
			t.Errorf("writer %d was refused %d times", i, n)
		}
	}
	w.verify(t, s, w.load(), true)
	if rests.Load() == 0 {
		t.Error("it never rested")
	}
	must(t, s.Close())
}

// TestRestFails has the disk refuse the engine that comes after the rest.
func TestRestFails(t *testing.T) {
	var fail atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpOpen && strings.Contains(op.Path, "MANIFEST") && fail.Load() {
			return syscall.EIO
		}
		return nil
	}))
	s, err := Open("state", Options{FS: fs, Reserve: -1, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	fill(t, s, 0, 10)
	fail.Store(true)
	if s.(*DB).rest(0) {
		t.Error("it rests though the disk fails")
	}
	fail.Store(false)
	fill(t, s, 10, 20)
	if n := rows(t, s); n != 20 {
		t.Errorf("%d rows", n)
	}
	must(t, s.Close())
}
