package pebble

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"pileus/clock"
	"pileus/store"
	"pileus/store/storetest"
)

func TestConformance(t *testing.T) {
	for _, d := range []Durability{Sync, Async} { // Memory is what the ephemeral store has
		t.Run(string(d), func(t *testing.T) {
			storetest.Run(t, storetest.Backend{Precise: true, Open: func(t *testing.T) store.Store {
				o := Options{Durability: d, FS: vfs.NewMem()}
				if d == Sync {
					o.FS = vfs.Default
				}
				s, err := Open(t.TempDir(), o)
				must(t, err)
				t.Cleanup(func() { must(t, s.Close()); storetest.Closed(t, s) })
				return s
			}})
		})
	}
	t.Run("ephemeral", func(t *testing.T) {
		storetest.Run(t, storetest.Backend{Precise: true, Open: func(t *testing.T) store.Store {
			s, err := OpenMemory()
			must(t, err)
			t.Cleanup(func() { must(t, s.Close()); storetest.Closed(t, s) })
			return s
		}})
	})
}

func fill(t testing.TB, s store.Store, from, to int) {
	t.Helper()
	for from < to {
		must(t, s.Update(context.Background(), func(tx store.Tx) error {
			for i := from; i < min(from+1000, to); i++ {
				tx.Put(fmt.Appendf(nil, "row/%08d", i), fmt.Appendf(nil, "value %d of a record that is about as long as they are %0200d", i, i))
			}
			return nil
		}))
		from += 1000
	}
}

func rows(t testing.TB, s store.Store) (n int) {
	t.Helper()
	must(t, s.View(context.Background(), func(r store.Reader) error {
		n = 0
		for range r.Scan(store.Range{From: []byte("row/"), To: []byte("row0")}) {
			n++
		}
		return nil
	}))
	return n
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	for i, d := range []Durability{Sync, Async, Memory} {
		s, err := Open(dir, Options{Durability: d})
		must(t, err)
		fill(t, s, i*10, i*10+10)
		must(t, s.Update(context.Background(), func(tx store.Tx) error { tx.Emit("t", store.K("k"), []byte(d)); return nil }))
		must(t, s.Close())
	}
	s, err := Open(dir, Options{})
	must(t, err)
	defer s.Close()
	if n := rows(t, s); n != 30 {
		t.Errorf("%d rows", n)
	}
	must(t, s.View(context.Background(), func(r store.Reader) error {
		var got []string
		for e, ok := store.Outbox(r, clock.Machine(), 1)[0], true; ok; e, ok = store.FollowOutbox(r, e) {
			got = append(got, string(e.Payload))
		}
		if !slices.Equal(got, []string{"sync", "async", "memory"}) {
			t.Errorf("order over restarts: %q", got)
		}
		return nil
	}))
}

func TestCheckpointAndLoad(t *testing.T) {
	for _, open := range []func() (store.Store, error){
		func() (store.Store, error) { return Open(t.TempDir(), Options{}) },
		func() (store.Store, error) { return Open(t.TempDir(), Options{Durability: Memory}) },
		OpenMemory,
	} {
		s, err := open()
		must(t, err)
		fill(t, s, 0, 3000)
		dir := filepath.Join(t.TempDir(), "copy")
		must(t, s.Checkpoint(dir))
		if err := s.Checkpoint(dir); err == nil {
			t.Error("a checkpoint over another is no error")
		}
		fill(t, s, 3000, 3100)
		copied, err := Open(dir, Options{})
		must(t, err)
		if n := rows(t, copied); n != 3000 {
			t.Errorf("the copy has %d rows", n)
		}
		must(t, copied.Close())
		must(t, Load(context.Background(), dir, s))
		if n := rows(t, s); n != 3000 {
			t.Errorf("loaded, it has %d rows", n)
		}
		must(t, s.Close())
	}
}

// What a service keeps of a slice beyond its transaction is overwritten in an
// ephemeral store, so that tests see the mistake.
func TestSlicesEndWithTheTransaction(t *testing.T) {
	s, err := OpenMemory()
	must(t, err)
	defer s.Close()
	fill(t, s, 0, 1)
	var kept []byte
	must(t, s.View(context.Background(), func(r store.Reader) error {
		kept, _ = r.Get([]byte("row/00000000"))
		return nil
	}))
	if kept[0] != poisonValue {
		t.Errorf("%q is still there", kept[:10])
	}
}

func BenchmarkOpenMemory(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		d, err := OpenMemory()
		must(b, err)
		must(b, d.Close())
	}
}
