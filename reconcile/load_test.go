package reconcile_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/reconcile"
	"pileus/rng"
	"pileus/store"
	"pileus/store/pebble"
)

// TestNoWakeIsMissed asks for wake-ups at all times from many sides while the
// clock runs: whatever the order, each has to come without anything else that
// would wake the runner.
func TestNoWakeIsMissed(t *testing.T) {
	w := newWorld(t)
	w.clk = clock.New()
	ran := make(chan string, 1000)
	w.module([]cloud.Controller{{Name: "svc.c", Reconcile: func(c *cloud.Call, key store.Key) error {
		ran <- fmt.Sprint(key...)
		return nil
	}}}, nil)
	w.run()
	const askers, each = 4, 50
	var all sync.WaitGroup
	for a := range askers {
		random := rand.New(rand.NewPCG(1, uint64(a)))
		all.Go(func() {
			for n := range each {
				w.after(w.clk.Now().Add(time.Duration(random.IntN(20_000))*time.Microsecond), "svc.c", a, n)
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for len(seen) < askers*each {
		seen[<-ran] = true
	}
	if r := w.run(); r.Drain(bg) != nil {
		t.Error("the store is not at rest")
	}
	w.left(0, 0)
}

// TestMoreWakesThanTheAgendaHolds has more appointments than are kept in
// memory, half of them at one time.
func TestMoreWakesThanTheAgendaHolds(t *testing.T) {
	w := newWorld(t)
	const n = 10_000
	var last time.Time
	runs := 0
	w.module([]cloud.Controller{{Name: "svc.c", Reconcile: func(c *cloud.Call, key store.Key) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if c.Now.Before(last) {
			t.Errorf("%v came after %v", c.Now, last)
		}
		last = c.Now
		runs++
		return nil
	}}}, nil)
	w.update(func(tx store.Tx) {
		for i := range n {
			tx.After(start.Add(time.Duration(max(0, i-n/2))*time.Minute), "svc.c", store.K(i))
		}
	})
	r := w.run()
	w.ok(r.Drain(bg))
	if runs != n/2+1 {
		t.Errorf("%d ran at once, want %d", runs, n/2+1)
	}
	w.after(start.Add(time.Minute), "svc.c", "early")
	w.after(start.Add(n*time.Minute), "svc.c", "late")
	w.ok(w.clk.Advance(bg, 2*n*time.Minute))
	if runs != n+2 {
		t.Errorf("%d ran, want %d", runs, n+2)
	}
	w.left(0, 0)
}

// mute is a store that does not say what a commit has left to do, as one that
// other processes write to as well cannot.
type mute struct{ store.Store }

func (m mute) Subscribe(f func(store.Signal)) {
	m.Store.Subscribe(func(s store.Signal) { f(store.Signal{Earliest: s.Earliest, Emitted: s.Emitted}) })
}

func TestStoreThatDoesNotSayWhatThereIsToDo(t *testing.T) {
	w := newWorld(t)
	w.db = mute{w.db}
	w.controller("svc.c", func(c *cloud.Call, key store.Key) error {
		return w.db.Update(c, func(tx store.Tx) error {
			tx.Emit("svc.t", key, []byte(fmt.Sprint(key...)))
			return nil
		})
	})
	w.module(nil, []cloud.Delivery{{Topic: "svc.t", Deliver: func(c *cloud.Call, payload []byte) error {
		w.note("delivered %s", payload)
		return nil
	}}})
	r := w.run()
	w.after(time.Time{}, "svc.c", "a")
	w.ok(r.Drain(bg))
	w.after(start.Add(2*day), "svc.c", "c")
	w.after(start.Add(day), "svc.c", "b")
	w.ok(w.clk.Advance(bg, 3*day))
	w.happened("svc.c a at +0s", "delivered a", "svc.c b at +24h0m0s", "delivered b", "svc.c c at +48h0m0s", "delivered c")
	w.left(0, 0)
}

func TestResetForgetsWhatWasToDo(t *testing.T) {
	w := newWorld(t)
	w.controller("svc.c", func(*cloud.Call, store.Key) error { return nil })
	r := w.run()
	w.after(start.Add(day), "svc.c", "gone")
	w.ok(r.Drain(bg))
	w.ok(w.db.Clear(bg))
	r.Reset()
	w.after(start.Add(2*day), "svc.c", "new")
	w.ok(w.clk.Advance(bg, 3*day))
	w.happened("svc.c new at +48h0m0s")
}

func benchmarkWorld(b *testing.B, m cloud.Module) (store.Store, clock.Control, *reconcile.Runner) {
	db, err := pebble.OpenMemory()
	if err != nil {
		b.Fatal(err)
	}
	clk := clock.Still(start)
	newCall := func(p *cloud.Principal, account, region string) *cloud.Call {
		return &cloud.Call{Context: bg, Principal: p, Account: account, Region: region, Now: clk.Now()}
	}
	m.API = &cloud.Service{Name: "svc"}
	r := reconcile.New(db, clk, rng.Seeded(1), []cloud.Module{m}, newCall, slog.New(slog.DiscardHandler))
	r.Start()
	b.Cleanup(func() {
		r.Stop(bg)
		db.Close()
	})
	return db, clk, r
}

// BenchmarkDeliver is the time from emitting an entry to its delivery, under
// load: of a thousand entries of a hundred keys.
func BenchmarkDeliver1000(b *testing.B) {
	db, _, r := benchmarkWorld(b, cloud.Module{Deliveries: []cloud.Delivery{{Topic: "svc.t", Deliver: func(*cloud.Call, []byte) error { return nil }}}})
	for b.Loop() {
		for range 100 {
			db.Update(bg, func(tx store.Tx) error {
				for k := range 10 {
					tx.Emit("svc.t", store.K(rand.IntN(100)+k), []byte("payload"))
				}
				return nil
			})
		}
		r.Drain(bg)
	}
}

// BenchmarkAdvanceYear is a year in which ten things have work each day.
func BenchmarkAdvanceYear(b *testing.B) {
	var db store.Store
	db, clk, _ := benchmarkWorld(b, cloud.Module{Controllers: []cloud.Controller{{Name: "svc.daily", Reconcile: func(c *cloud.Call, key store.Key) error {
		return db.Update(c, func(tx store.Tx) error {
			tx.After(c.Now.Add(day), "svc.daily", key)
			return nil
		})
	}}}})
	db.Update(bg, func(tx store.Tx) error {
		for k := range 10 {
			tx.After(start, "svc.daily", store.K(k))
		}
		return nil
	})
	for b.Loop() {
		clk.Advance(bg, 365*day)
	}
}
