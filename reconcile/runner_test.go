package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
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

var (
	bg    = context.Background()
	start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	day   = 24 * time.Hour
)

// world is a store, a clock and what has happened so far.
type world struct {
	t       *testing.T
	db      store.Store
	clk     clock.Control
	modules []cloud.Module
	mu      sync.Mutex
	log     []string
}

func newWorld(t *testing.T) *world {
	db, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return &world{t: t, db: db, clk: clock.Still(start)}
}

// module adds a service that the controllers and deliveries belong to.
func (w *world) module(cs []cloud.Controller, ds []cloud.Delivery) {
	w.modules = append(w.modules, cloud.Module{API: &cloud.Service{Name: "svc"}, Controllers: cs, Deliveries: ds})
}

// controller adds a controller that notes each run.
func (w *world) controller(name string, work func(c *cloud.Call, key store.Key) error) {
	w.module([]cloud.Controller{{Name: name, Reconcile: func(c *cloud.Call, key store.Key) error {
		w.note("%s %v at +%v", name, key[len(key)-1], c.Now.Sub(start))
		return work(c, key)
	}}}, nil)
}

func (w *world) note(format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, a...))
}

// run starts a runner, which the test's end stops.
func (w *world) run() *reconcile.Runner {
	newCall := func(p *cloud.Principal, account, region string) *cloud.Call {
		return &cloud.Call{Context: bg, Principal: p, Account: account, Region: region, Now: w.clk.Now()}
	}
	r := reconcile.New(w.db, w.clk, rng.Seeded(1), w.modules, newCall, slog.New(slog.DiscardHandler))
	r.Start()
	w.t.Cleanup(func() { w.ok(r.Stop(bg)) })
	return r
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) update(f func(tx store.Tx)) {
	w.t.Helper()
	w.ok(w.db.Update(bg, func(tx store.Tx) error {
		f(tx)
		return nil
	}))
}

func (w *world) after(at time.Time, controller string, key ...any) {
	w.t.Helper()
	w.update(func(tx store.Tx) { tx.After(at, controller, key) })
}

func (w *world) emit(topic, key string, payloads ...string) {
	w.t.Helper()
	w.update(func(tx store.Tx) {
		for _, p := range payloads {
			tx.Emit(topic, store.K(key), []byte(p))
		}
	})
}

func (w *world) happened(want ...string) {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.log, want) {
		w.t.Errorf("happened:\n  %s\nwant:\n  %s", strings.Join(w.log, "\n  "), strings.Join(want, "\n  "))
	}
	w.log = nil
}

// left checks how many wake-ups and entries are in the store.
func (w *world) left(wakes, entries int) {
	w.t.Helper()
	w.ok(w.db.View(bg, func(r store.Reader) error {
		if got := len(store.Wakes(r, start.Add(1000*day), 1000)); got != wakes {
			w.t.Errorf("%d wake-ups are left, want %d", got, wakes)
		}
		if got := len(store.Outbox(r, start.Add(1000*day), 1000)); got != entries {
			w.t.Errorf("%d entries are left, want %d", got, entries)
		}
		return nil
	}))
}

func TestWakesRunWhenTheyAreDue(t *testing.T) {
	w := newWorld(t)
	w.controller("svc.c", func(*cloud.Call, store.Key) error { return nil })
	w.after(time.Time{}, "svc.c", "before the start")
	r := w.run()
	w.ok(r.Drain(bg))
	w.after(start.Add(2*day), "svc.c", "second")
	w.after(start.Add(day), "svc.c", "first")
	w.after(start.Add(9*day), "svc.c", "later")
	w.ok(r.Drain(bg))
	w.happened("svc.c before the start at +0s")
	w.ok(w.clk.Advance(bg, 3*day))
	w.happened("svc.c first at +24h0m0s", "svc.c second at +48h0m0s")
	w.left(1, 0)
}

func TestCallOfAController(t *testing.T) {
	w := newWorld(t)
	var got cloud.Call
	w.controller("svc.c", func(c *cloud.Call, _ store.Key) error { got = *c; return nil })
	r := w.run()
	w.after(time.Time{}, "svc.c", "123456789012", "eu-west-1", "thing")
	w.ok(r.Drain(bg))
	if got.Account != "123456789012" || got.Region != "eu-west-1" || got.Principal.ARN != "svc.amazonaws.com" ||
		got.Principal.Kind != cloud.ServicePrincipal || got.Principal.Account != "123456789012" {
		t.Errorf("called as %+v in %q, %q", got.Principal, got.Account, got.Region)
	}
}

func TestRecurringWorkFiresOnEachDayOfAnAdvance(t *testing.T) {
	w := newWorld(t)
	runs := 0
	w.module([]cloud.Controller{{Name: "svc.daily", Reconcile: func(c *cloud.Call, key store.Key) error {
		runs++
		return w.db.Update(c, func(tx store.Tx) error {
			tx.After(c.Now.Add(day), "svc.daily", key)
			return nil
		})
	}}}, nil)
	w.run()
	w.after(start.Add(day), "svc.daily", "k")
	w.ok(w.clk.Advance(bg, 365*day))
	if runs != 365 {
		t.Errorf("ran %d times in 365 days", runs)
	}
	w.left(1, 0)
}

func TestAdvanceDeliversWhatItCausesBeforeItGoesOn(t *testing.T) {
	w := newWorld(t)
	w.controller("svc.c", func(c *cloud.Call, key store.Key) error {
		return w.db.Update(c, func(tx store.Tx) error {
			tx.Emit("svc.t", key, []byte(fmt.Sprint(key[0])))
			return nil
		})
	})
	w.module(nil, []cloud.Delivery{{Topic: "svc.t", Deliver: func(c *cloud.Call, payload []byte) error {
		w.note("delivered %s at +%v", payload, c.Now.Sub(start))
		if string(payload) == "a" { // within the span, before b
			return w.db.Update(c, func(tx store.Tx) error {
				tx.After(c.Now.Add(time.Hour), "svc.c", store.K("a2"))
				return nil
			})
		}
		return nil
	}}})
	w.run()
	w.after(start.Add(2*day), "svc.c", "b")
	w.after(start.Add(day), "svc.c", "a")
	w.ok(w.clk.Advance(bg, 2*day))
	w.happened(
		"svc.c a at +24h0m0s", "delivered a at +24h0m0s",
		"svc.c a2 at +25h0m0s", "delivered a2 at +25h0m0s",
		"svc.c b at +48h0m0s", "delivered b at +48h0m0s")
	w.left(0, 0)
}

func TestFailuresAndPanicsAreTriedAgainWithBackoff(t *testing.T) {
	w := newWorld(t)
	var runs []time.Time
	w.module([]cloud.Controller{{Name: "svc.c", Reconcile: func(c *cloud.Call, key store.Key) error {
		runs = append(runs, c.Now)
		switch len(runs) {
		case 2:
			panic("a bug")
		case 5:
			return nil
		}
		// Asking for itself must not defeat the back-off.
		w.update(func(tx store.Tx) { tx.After(time.Time{}, "svc.c", key) })
		return errors.New("not yet")
	}}}, nil)
	r := w.run()
	w.after(time.Time{}, "svc.c", "k")
	w.ok(r.Drain(bg))
	if len(runs) != 1 {
		t.Fatalf("ran %d times while the clock stood", len(runs))
	}
	w.ok(w.clk.Advance(bg, day))
	if len(runs) != 5 {
		t.Fatalf("ran %d times", len(runs))
	}
	for i := 1; i < len(runs); i++ {
		most := time.Second << (i - 1)
		if d := runs[i].Sub(runs[i-1]); d < most/2 || d > most {
			t.Errorf("retry %d came after %v, want between %v and %v", i, d, most/2, most)
		}
	}
	w.left(0, 0)
}

func TestFailureKeepsWhatWasAskedForLater(t *testing.T) {
	w := newWorld(t)
	failed := false
	w.controller("svc.c", func(c *cloud.Call, key store.Key) error {
		if failed {
			return nil
		}
		failed = true
		w.after(start.Add(7*day), "svc.c", key...)
		return errors.New("not yet")
	})
	r := w.run()
	w.after(time.Time{}, "svc.c", "k")
	w.ok(r.Drain(bg))
	w.ok(w.clk.Advance(bg, 6*day))
	w.left(1, 0)
	w.ok(w.clk.Advance(bg, day))
	if len(w.log) != 3 || w.log[2] != "svc.c k at +168h0m0s" {
		t.Errorf("happened: %q", w.log)
	}
}

func TestOneRunAtATimeAndAWakeDuringItIsKept(t *testing.T) {
	w := newWorld(t)
	entered, release := make(chan bool), make(chan bool)
	inside := 0
	w.module([]cloud.Controller{{Name: "svc.c", Reconcile: func(c *cloud.Call, key store.Key) error {
		w.mu.Lock()
		inside++
		if inside > 1 {
			t.Error("two runs of one key at the same time")
		}
		w.mu.Unlock()
		entered <- true
		<-release
		w.mu.Lock()
		inside--
		w.mu.Unlock()
		return nil
	}}}, nil)
	r := w.run()
	for _, at := range []time.Time{{}, start.Add(-day), start} {
		w.after(at, "svc.c", "k")
		<-entered
		w.after(time.Time{}, "svc.c", "k") // for a second run
		release <- true
		<-entered
		w.after(start.Add(day), "svc.c", "k") // not for now
		release <- true
		w.ok(r.Drain(bg))
		w.left(1, 0)
		w.update(func(tx store.Tx) {
			store.DoneWake(tx, store.Wake{At: start.Add(day), Controller: "svc.c", Key: store.K("k")})
		})
	}
}

func TestDeliveriesAreInOrderPerKey(t *testing.T) {
	w := newWorld(t)
	sick := map[string]int{"a2": 2} // fails this many times
	w.module(nil, []cloud.Delivery{{Topic: "svc.t", Deliver: func(c *cloud.Call, payload []byte) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if sick[string(payload)] > 0 {
			sick[string(payload)]--
			return errors.New("queue does not answer")
		}
		w.log = append(w.log, string(payload))
		return nil
	}}})
	w.emit("svc.t", "a", "a1", "a2", "a3")
	r := w.run()
	w.ok(r.Drain(bg))
	w.emit("svc.t", "b", "b1", "b2")
	w.ok(r.Drain(bg))
	w.happened("a1", "b1", "b2")
	w.left(0, 1)
	w.ok(w.clk.Advance(bg, time.Minute))
	w.happened("a2", "a3")
	w.left(0, 0)
}

func TestManyDeliveriesOfManyKeys(t *testing.T) {
	w := newWorld(t)
	const keys, each = 40, 50
	next := make([]int, keys)
	w.module(nil, []cloud.Delivery{{Topic: "svc.t", Deliver: func(c *cloud.Call, payload []byte) error {
		var key, n int
		fmt.Sscan(string(payload), &key, &n)
		w.mu.Lock()
		defer w.mu.Unlock()
		if next[key] != n {
			t.Errorf("key %d: entry %d came when %d was next", key, n, next[key])
		}
		next[key]++
		return nil
	}}})
	r := w.run()
	for n := range each {
		w.update(func(tx store.Tx) {
			for key := range keys {
				tx.Emit("svc.t", store.K(key), fmt.Appendf(nil, "%d %d", key, n))
			}
		})
	}
	w.ok(r.Drain(bg))
	for key, n := range next {
		if n != each {
			t.Errorf("key %d: %d of %d delivered", key, n, each)
		}
	}
	w.left(0, 0)
}

func TestDeliveryIsGivenUpAfterItsAttempts(t *testing.T) {
	w := newWorld(t)
	w.module(nil, []cloud.Delivery{{Topic: "svc.t", Attempts: 3, Backoff: time.Minute, Deliver: func(c *cloud.Call, payload []byte) error {
		w.note("%s", payload)
		if string(payload) == "poison" {
			return errors.New("no")
		}
		return nil
	}}})
	w.run()
	w.emit("svc.t", "k", "poison", "next")
	w.ok(w.clk.Advance(bg, time.Hour))
	w.happened("poison", "poison", "poison", "next")
	w.left(0, 0)
}

func TestWorkOfNoModuleIsKeptAndDoesNotDisturb(t *testing.T) {
	w := newWorld(t)
	w.controller("svc.c", func(*cloud.Call, store.Key) error { return nil })
	r := w.run()
	w.after(time.Time{}, "gone.c", "k")
	w.emit("gone.t", "k", "payload")
	w.after(time.Time{}, "svc.c", "k")
	w.ok(r.Drain(bg))
	w.happened("svc.c k at +0s")
	w.left(1, 1)
}

func TestInterruptedWorkIsDoneByTheNextRunner(t *testing.T) {
	w := newWorld(t)
	entered := make(chan bool, 2)
	w.controller("svc.c", func(c *cloud.Call, key store.Key) error {
		entered <- true
		<-c.Done()
		return c.Err()
	})
	w.module(nil, []cloud.Delivery{{Topic: "svc.t", Deliver: func(c *cloud.Call, payload []byte) error {
		w.note("hung on %s", payload)
		entered <- true
		<-c.Done()
		return c.Err()
	}}})
	first := w.run()
	w.after(time.Time{}, "svc.c", "k")
	w.emit("svc.t", "k", "one", "two")
	<-entered
	<-entered
	w.ok(first.Stop(bg))
	w.left(1, 1)
	if err := first.Drain(bg); !errors.Is(err, reconcile.ErrStopped) {
		t.Errorf("Drain of a stopped runner: %v", err)
	}
	w.log, w.modules = nil, nil
	w.controller("svc.c", func(*cloud.Call, store.Key) error { return nil })
	w.module(nil, []cloud.Delivery{{Topic: "svc.t", Deliver: func(c *cloud.Call, payload []byte) error {
		w.note("delivered %s", payload)
		return nil
	}}})
	second := w.run()
	w.ok(second.Drain(bg))
	slices.Sort(w.log)
	w.happened("delivered one", "delivered two", "svc.c k at +0s")
	w.left(0, 0)
}

func TestStopGivesUpOnWorkThatIgnoresIt(t *testing.T) {
	w := newWorld(t)
	entered, release := make(chan bool), make(chan bool)
	w.controller("svc.c", func(*cloud.Call, store.Key) error {
		entered <- true
		<-release
		return nil
	})
	r := w.run()
	w.after(time.Time{}, "svc.c", "k")
	<-entered
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if err := r.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop: %v", err)
	}
	close(release)
}

func TestRunningClock(t *testing.T) {
	w := newWorld(t)
	w.clk = clock.New()
	ran := make(chan any, 3)
	w.module([]cloud.Controller{{Name: "svc.c", Reconcile: func(c *cloud.Call, key store.Key) error {
		ran <- key[0]
		return nil
	}}}, nil)
	w.run()
	w.after(w.clk.Now().Add(time.Hour), "svc.c", "in an hour")
	w.after(time.Time{}, "svc.c", "now")
	if got := <-ran; got != "now" {
		t.Errorf("ran %v", got)
	}
	w.after(w.clk.Now().Add(5*time.Millisecond), "svc.c", "soon")
	if got := <-ran; got != "soon" {
		t.Errorf("ran %v", got)
	}
	w.ok(w.clk.Advance(bg, time.Hour))
	if got := <-ran; got != "in an hour" {
		t.Errorf("ran %v", got)
	}
}
