package postgres

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"pileus/store"
	"pileus/store/pebble"
	"pileus/store/postgres/pgtest"
	"pileus/store/storetest"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, dsn string) store.Store {
	t.Helper()
	s, err := Open(context.Background(), dsn)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()); storetest.Closed(t, s) })
	return s
}

func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	t.Run("conformance", func(t *testing.T) {
		storetest.Run(t, storetest.Backend{Open: func(t *testing.T) store.Store { return open(t, server.DSN(t)) }})
	})
	t.Run("two processes", func(t *testing.T) { twoProcesses(t, server) })
	t.Run("checkpoint", func(t *testing.T) { checkpoint(t, server) })
	t.Run("server crash", func(t *testing.T) { serverCrash(t, server) })
}

// twoProcesses: what one commits wakes the other.
func twoProcesses(t *testing.T, server *pgtest.Server) {
	dsn := server.DSN(t)
	a, b := open(t, dsn), open(t, dsn)
	heard := make(chan store.Signal, 8)
	b.Subscribe(func(s store.Signal) { heard <- s })
	check(t, a.Update(context.Background(), func(tx store.Tx) error {
		tx.Emit("topic", store.K("k"), []byte("payload"))
		return nil
	}))
	if s := <-heard; !s.Emitted || !s.Earliest.IsZero() {
		t.Errorf("heard %+v", s)
	}
	var done sync.WaitGroup
	for _, s := range []store.Store{a, b, a, b} {
		done.Go(func() {
			for range 20 {
				err := s.Update(context.Background(), func(tx store.Tx) error {
					n := 0
					if v, ok := tx.Get([]byte("n")); ok {
						if _, err := fmt.Sscan(string(v), &n); err != nil {
							return err
						}
					}
					tx.Put([]byte("n"), fmt.Append(nil, n+1))
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	check(t, b.View(context.Background(), func(r store.Reader) error {
		if v, _ := r.Get([]byte("n")); string(v) != "80" {
			t.Errorf("counted %s of 80", v)
		}
		return nil
	}))
}

// checkpoint goes from PostgreSQL to the embedded store and back.
func checkpoint(t *testing.T, server *pgtest.Server) {
	from, to := open(t, server.DSN(t)), open(t, server.DSN(t))
	check(t, from.Update(context.Background(), func(tx store.Tx) error {
		for i := range 2500 {
			tx.Put(fmt.Appendf(nil, "k%05d", i), fmt.Append(nil, i))
		}
		return nil
	}))
	dir := filepath.Join(t.TempDir(), "copy")
	check(t, from.Checkpoint(dir))
	check(t, pebble.Load(context.Background(), dir, to))
	check(t, to.View(context.Background(), func(r store.Reader) error {
		n := 0
		for k, v := range r.Scan(store.Range{}) {
			if want := fmt.Sprintf("k%05d", n); string(k) != want || string(v) != fmt.Sprint(n) {
				t.Fatalf("row %d is %s=%s", n, k, v)
			}
			n++
		}
		if n != 2500 {
			t.Errorf("%d rows", n)
		}
		return nil
	}))
}

// serverCrash: connections that have broken are replaced, and what was
// committed is there.
func serverCrash(t *testing.T, server *pgtest.Server) {
	s := open(t, server.DSN(t))
	put := func(k string) error {
		return s.Update(context.Background(), func(tx store.Tx) error { tx.Put([]byte(k), nil); return nil })
	}
	check(t, put("before"))
	server.Kill(t)
	if err := put("during"); err == nil {
		t.Error("a commit without a server succeeded")
	}
	server.Run(t)
	check(t, put("after"))
	check(t, s.View(context.Background(), func(r store.Reader) error {
		for k, want := range map[string]bool{"before": true, "during": false, "after": true} {
			if _, ok := r.Get([]byte(k)); ok != want {
				t.Errorf("%s is there: %v", k, ok)
			}
		}
		return nil
	}))
}
