package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pileus/store"
)

var never = time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)

func at(minute int) time.Time { return time.Date(2030, 5, 1, 12, minute, 0, 0, time.UTC) }

// due are the wake-ups until a time, as "controller/key@minute".
func due(t *testing.T, s store.Store, until time.Time) (out []string) {
	t.Helper()
	view(t, s, func(r store.Reader) {
		for _, w := range store.Wakes(r, until, 100) {
			when := "now"
			if !w.At.IsZero() {
				when = strconv.Itoa(w.At.Minute())
			}
			out = append(out, fmt.Sprintf("%s/%v@%s", w.Controller, w.Key[0], when))
		}
	})
	return out
}

func after(t *testing.T, s store.Store, when time.Time, key string) {
	t.Helper()
	update(t, s, func(tx store.Tx) { tx.After(when, "c", store.K(key, 7)) })
}

func wake(when time.Time, key string) store.Wake {
	return store.Wake{At: when, Controller: "c", Key: store.K(key, int64(7))}
}

func wakes(t *testing.T, b Backend) {
	expect := func(t *testing.T, s store.Store, until time.Time, want ...string) {
		t.Helper()
		if got := due(t, s, until); !slices.Equal(got, want) {
			t.Errorf("due: %q, want %q", got, want)
		}
	}
	t.Run("in order of time", func(t *testing.T) {
		s := b.Open(t)
		view(t, s, func(r store.Reader) {
			if _, ok := store.NextWake(r); ok {
				t.Error("an empty store has a wake-up")
			}
		})
		after(t, s, at(9), "late")
		after(t, s, time.Time{}, "first")
		after(t, s, at(5), "mid")
		expect(t, s, at(5), "c/first@now", "c/mid@5")
		expect(t, s, never, "c/first@now", "c/mid@5", "c/late@9")
		view(t, s, func(r store.Reader) {
			w := store.Wakes(r, never, 2)
			if len(w) != 2 || !w[0].At.IsZero() || !w[1].At.Equal(at(5)) || w[1].Key[1] != int64(7) {
				t.Errorf("limited to two: %v", w)
			}
			if next, ok := store.NextWake(r); !ok || !next.IsZero() {
				t.Errorf("next is %v", next)
			}
		})
	})
	t.Run("the earlier time stands", func(t *testing.T) {
		s := b.Open(t)
		after(t, s, at(5), "k")
		after(t, s, at(9), "k")
		expect(t, s, never, "c/k@5")
		after(t, s, at(3), "k")
		expect(t, s, never, "c/k@3")
		update(t, s, func(tx store.Tx) {
			tx.After(at(8), "c", store.K("two"))
			tx.After(at(2), "c", store.K("two"))
			tx.After(at(6), "c", store.K("two"))
		})
		expect(t, s, never, "c/two@2", "c/k@3")
	})
	t.Run("done", func(t *testing.T) {
		s := b.Open(t)
		after(t, s, at(5), "k")
		update(t, s, func(tx store.Tx) { store.DoneWake(tx, wake(at(4), "k")) })
		expect(t, s, never, "c/k@5")
		update(t, s, func(tx store.Tx) { store.DoneWake(tx, wake(at(5), "k")) })
		expect(t, s, never)
		update(t, s, func(tx store.Tx) { store.DoneWake(tx, wake(at(5), "k")) })
		after(t, s, at(6), "k")
		expect(t, s, never, "c/k@6")
	})
	t.Run("what is asked for during the work follows it", func(t *testing.T) {
		s := b.Open(t)
		after(t, s, at(5), "k")
		// The controller is at work on 5; it asks for 30, and somebody for at
		// once, which is earlier than what is being served.
		after(t, s, at(30), "k")
		expect(t, s, never, "c/k@5")
		update(t, s, func(tx store.Tx) { store.DoneWake(tx, wake(at(5), "k")) })
		expect(t, s, never, "c/k@30")
		after(t, s, time.Time{}, "k")
		update(t, s, func(tx store.Tx) { store.DoneWake(tx, wake(at(30), "k")) })
		expect(t, s, never, "c/k@now")
		after(t, s, time.Time{}, "k")
		update(t, s, func(tx store.Tx) { store.DoneWake(tx, wake(time.Time{}, "k")) })
		expect(t, s, never, "c/k@now")
		update(t, s, func(tx store.Tx) { store.DoneWake(tx, wake(time.Time{}, "k")) })
		expect(t, s, never)
	})
	t.Run("signals", func(t *testing.T) { signals(t, b) })
	t.Run("none is lost between askers and the runner", func(t *testing.T) { askersAndRunner(t, b) })
}

func signals(t *testing.T, b Backend) {
	s := b.Open(t)
	heard := make(chan store.Signal, 16)
	s.Subscribe(func(x store.Signal) { heard <- x })
	put(t, s, "quiet", "")
	update(t, s, func(tx store.Tx) { tx.After(at(5), "c", store.K("b")); tx.After(at(4), "c", store.K("a")) })
	if x := <-heard; !x.Earliest.Equal(at(4)) || x.Emitted {
		t.Errorf("after two wake-ups: %+v", x)
	}
	update(t, s, func(tx store.Tx) { tx.After(time.Time{}, "c", store.K("c")); tx.After(at(1), "c", store.K("d")) })
	if x := <-heard; x.Earliest.IsZero() || x.Earliest.After(at(0)) {
		t.Errorf("after a wake-up at once: %+v", x)
	}
	update(t, s, func(tx store.Tx) { tx.Emit("topic", store.K("k"), nil) })
	if x := <-heard; !x.Earliest.IsZero() || !x.Emitted {
		t.Errorf("after an emit: %+v", x)
	}
}

// askersAndRunner: each asker leaves work and asks for a look; a runner looks,
// does all the work that it sees, and is done. At the end none may be left.
func askersAndRunner(t *testing.T, b Backend) {
	s := b.Open(t)
	var askers sync.WaitGroup
	for a := range 4 {
		askers.Go(func() {
			for i := range 20 {
				update(t, s, func(tx store.Tx) {
					tx.Put(fmt.Appendf(nil, "work/%d.%d", a, i), nil)
					tx.After(time.Time{}, "c", store.K("k", 7))
				})
			}
		})
	}
	finished := make(chan struct{})
	go func() { askers.Wait(); close(finished) }()
	for last := false; ; {
		if len(due(t, s, never)) == 0 {
			if last {
				break
			}
			select {
			case <-finished:
				last = true
			default:
			}
			continue
		}
		var work [][]byte
		view(t, s, func(r store.Reader) {
			work = nil
			for k := range r.Scan(between("work/", "work0")) {
				work = append(work, slices.Clone(k))
			}
		})
		update(t, s, func(tx store.Tx) {
			for _, k := range work {
				tx.Delete(k)
			}
		})
		update(t, s, func(tx store.Tx) { store.DoneWake(tx, wake(time.Time{}, "k")) })
	}
	view(t, s, func(r store.Reader) {
		if left := pairs(r, between("work/", "work0"), -1); len(left) > 0 {
			t.Errorf("work that nobody was woken for: %q", left)
		}
	})
}

func outbox(t *testing.T, b Backend) {
	emit := func(t *testing.T, s store.Store, key string, payloads ...string) {
		t.Helper()
		update(t, s, func(tx store.Tx) {
			for _, p := range payloads {
				tx.Emit("topic", store.K(key), []byte(p))
			}
		})
	}
	heads := func(t *testing.T, s store.Store, now time.Time, limit int) (entries []store.Entry, payloads []string) {
		t.Helper()
		view(t, s, func(r store.Reader) { entries = store.Outbox(r, now, limit) })
		for _, e := range entries {
			payloads = append(payloads, string(e.Payload))
		}
		return entries, payloads
	}
	ack := func(t *testing.T, s store.Store, e store.Entry) {
		t.Helper()
		update(t, s, func(tx store.Tx) { store.AckOutbox(tx, e) })
	}
	t.Run("one of each key, in order", func(t *testing.T) {
		s := b.Open(t)
		emit(t, s, "a", "a1", "a2")
		emit(t, s, "a\x00", "z1")
		emit(t, s, "b", "b1")
		emit(t, s, "a", "a3")
		var got []string
		for {
			entries, _ := heads(t, s, at(0), 100)
			if len(entries) == 0 {
				break
			}
			seen := map[string]bool{}
			for _, e := range entries {
				k := fmt.Sprint(e.Key)
				if seen[k] || e.Topic != "topic" {
					t.Errorf("entry %+v", e)
				}
				seen[k] = true
				got = append(got, string(e.Payload))
				ack(t, s, e)
			}
		}
		if want := []string{"a1", "z1", "b1", "a2", "a3"}; !slices.Equal(got, want) {
			t.Errorf("delivered %q, want %q", got, want)
		}
	})
	t.Run("limit and follow", func(t *testing.T) {
		s := b.Open(t)
		emit(t, s, "a", "a1", "a2")
		emit(t, s, "b", "b1")
		entries, got := heads(t, s, at(0), 1)
		if !slices.Equal(got, []string{"a1"}) {
			t.Errorf("limited to one: %q", got)
		}
		view(t, s, func(r store.Reader) {
			next, ok := store.FollowOutbox(r, entries[0])
			if !ok || string(next.Payload) != "a2" {
				t.Errorf("a1 is followed by %+v", next)
			}
			if next, ok = store.FollowOutbox(r, next); ok {
				t.Errorf("a2 is followed by %+v", next)
			}
		})
	})
	t.Run("retries hold their key back", func(t *testing.T) {
		s := b.Open(t)
		emit(t, s, "a", "a1", "a2")
		emit(t, s, "b", "b1")
		entries, _ := heads(t, s, at(0), 100)
		update(t, s, func(tx store.Tx) { store.RetryOutbox(tx, entries[0], at(5)) })
		if _, got := heads(t, s, at(4), 100); !slices.Equal(got, []string{"b1"}) {
			t.Errorf("before the retry: %q", got)
		}
		ack(t, s, entries[1])
		view(t, s, func(r store.Reader) {
			if next, ok := store.NextOutbox(r); !ok || !next.Equal(at(5)) {
				t.Errorf("next is %v", next)
			}
		})
		entries, got := heads(t, s, at(5), 100)
		if !slices.Equal(got, []string{"a1"}) || entries[0].Attempts != 1 {
			t.Errorf("at the retry: %+v", entries)
		}
		ack(t, s, entries[0])
		update(t, s, func(tx store.Tx) { store.RetryOutbox(tx, entries[0], at(9)) })
		if _, got := heads(t, s, never, 100); !slices.Equal(got, []string{"a2"}) {
			t.Errorf("a retry of what was delivered: %q", got)
		}
	})
	t.Run("order is that of commits", func(t *testing.T) { commitOrder(t, b) })
	t.Run("numbers are not used again", func(t *testing.T) {
		s := b.Open(t)
		emit(t, s, "a", "a1")
		first, _ := heads(t, s, at(0), 1)
		ack(t, s, first[0])
		emit(t, s, "a", "a2")
		ack(t, s, first[0])
		check(t, s.Clear(context.Background()))
		emit(t, s, "a", "a3")
		ack(t, s, first[0])
		if _, got := heads(t, s, at(0), 9); !slices.Equal(got, []string{"a3"}) {
			t.Errorf("left: %q", got)
		}
	})
}

// commitOrder: a transaction that starts first and commits last comes last;
// and emitters that count together are delivered as they counted.
func commitOrder(t *testing.T, b Backend) {
	s := b.Open(t)
	first := true
	update(t, s, func(tx store.Tx) {
		tx.Emit("topic", store.K("k"), []byte("outer"))
		if first {
			first = false
			update(t, s, func(tx store.Tx) { tx.Emit("topic", store.K("k"), []byte("inner")) })
		}
	})
	var done sync.WaitGroup
	for range 6 {
		done.Go(func() {
			for range 15 {
				update(t, s, func(tx store.Tx) {
					tx.Emit("topic", store.K("k"), strconv.AppendInt(nil, int64(increment(tx, "n")), 10))
				})
			}
		})
	}
	done.Wait()
	var got []string
	view(t, s, func(r store.Reader) {
		for e, ok := store.Outbox(r, never, 1)[0], true; ok; e, ok = store.FollowOutbox(r, e) {
			got = append(got, string(e.Payload))
		}
	})
	want := []string{"inner", "outer"}
	for i := 1; i <= 90; i++ {
		want = append(want, strconv.Itoa(i))
	}
	if !slices.Equal(got, want) {
		t.Errorf("order %q", got)
	}
}

// Closed checks a store after Close.
func Closed(t *testing.T, s store.Store) {
	t.Helper()
	if err := s.View(context.Background(), func(store.Reader) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View of a closed store: %v", err)
	}
	if err := s.Update(context.Background(), func(store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update of a closed store: %v", err)
	}
	if err := s.Clear(context.Background()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Clear of a closed store: %v", err)
	}
}
