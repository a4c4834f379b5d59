package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"pileus/store"
)

func basics(t *testing.T, b Backend) {
	t.Run("values", func(t *testing.T) {
		s := b.Open(t)
		large := strings.Repeat("x", 100_000)
		put(t, s, "a", "1", "empty", "", "large", large, "zero\x00\xff", "\x00")
		view(t, s, func(r store.Reader) {
			for k, want := range map[string]string{"a": "1", "empty": "", "large": large, "zero\x00\xff": "\x00", "none": "-", "": "-"} {
				if got := get(r, k); got != want {
					t.Errorf("%q is %.20q, not %.20q", k, got, want)
				}
			}
		})
	})
	t.Run("an error writes nothing", func(t *testing.T) {
		s := b.Open(t)
		put(t, s, "a", "1")
		called := false
		failed := errors.New("refused")
		err := s.Update(context.Background(), func(tx store.Tx) error {
			tx.Put([]byte("a"), []byte("2"))
			tx.Emit("topic", store.K("k"), nil)
			tx.After(never, "controller", store.K("k"))
			tx.OnApply(func() { called = true })
			tx.OnCommit(func() { called = true })
			return failed
		})
		if !errors.Is(err, failed) || called {
			t.Errorf("error %v, OnApply or OnCommit called: %v", err, called)
		}
		view(t, s, func(r store.Reader) {
			if got := pairs(r, store.Range{}, -1); !slices.Equal(got, []string{"a=1"}) {
				t.Errorf("store holds %q", got)
			}
		})
	})
	t.Run("a panic passes and writes nothing", func(t *testing.T) {
		s := b.Open(t)
		func() {
			defer func() {
				if p := recover(); p != "oh" {
					t.Errorf("recovered %v", p)
				}
			}()
			_ = s.Update(context.Background(), func(tx store.Tx) error {
				tx.Put([]byte("a"), nil)
				panic("oh")
			})
		}()
		view(t, s, func(r store.Reader) {
			if got := get(r, "a"); got != "-" {
				t.Errorf("a is %q", got)
			}
		})
		put(t, s, "a", "1")
	})
	t.Run("Fail ends the run", func(t *testing.T) {
		s := b.Open(t)
		failed := errors.New("medium")
		err := s.Update(context.Background(), func(store.Tx) error { store.Fail(failed); return nil })
		if !errors.Is(err, failed) {
			t.Errorf("Update: %v", err)
		}
		err = s.View(context.Background(), func(store.Reader) error { store.Fail(failed); return nil })
		if !errors.Is(err, failed) {
			t.Errorf("View: %v", err)
		}
	})
	t.Run("Again runs again", func(t *testing.T) {
		s := b.Open(t)
		for name, do := range map[string]func(func()) error{
			"Update": func(f func()) error {
				return s.Update(context.Background(), func(store.Tx) error { f(); return nil })
			},
			"View": func(f func()) error {
				return s.View(context.Background(), func(store.Reader) error { f(); return nil })
			},
		} {
			runs := 0
			check(t, do(func() {
				if runs++; runs == 1 {
					store.Again()
				}
			}))
			if runs != 2 {
				t.Errorf("%s: %d runs", name, runs)
			}
			if err := do(store.Again); !errors.Is(err, store.ErrAgain) {
				t.Errorf("%s for ever again: %v", name, err)
			}
		}
	})
	t.Run("OnCommit", func(t *testing.T) {
		s := b.Open(t)
		seen := ""
		update(t, s, func(tx store.Tx) {
			tx.Put([]byte("a"), []byte("1"))
			tx.OnCommit(func() { view(t, s, func(r store.Reader) { seen += get(r, "a") }) })
			tx.OnCommit(func() { seen += "+" })
			tx.OnApply(func() { seen += "applied " })
		})
		if seen != "applied 1+" {
			t.Errorf("OnCommit saw %q", seen)
		}
	})
	t.Run("OnApply", func(t *testing.T) {
		s := b.Open(t)
		seen := ""
		update(t, s, func(tx store.Tx) {
			tx.Put([]byte("a"), []byte("1"))
			tx.OnApply(func() {
				update(t, s, func(tx store.Tx) { seen += get(tx, "a"); tx.Put([]byte("a"), []byte("2")) })
			})
		})
		update(t, s, func(tx store.Tx) { // it writes nothing
			tx.OnApply(func() { seen += "." })
		})
		if seen != "1." {
			t.Errorf("OnApply saw %q", seen)
		}
	})
	t.Run("context", func(t *testing.T) {
		s := b.Open(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Update(ctx, func(store.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("Update: %v", err)
		}
		if err := s.View(ctx, func(store.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("View: %v", err)
		}
	})
	t.Run("Clear", func(t *testing.T) {
		s := b.Open(t)
		put(t, s, "a", "1", "~reserved", "2", "\xf0", "3")
		check(t, s.Clear(context.Background()))
		view(t, s, func(r store.Reader) {
			if got := pairs(r, between("", "~outbox.epoch"), -1); len(got) > 0 {
				t.Errorf("after Clear: %q", got)
			}
		})
		put(t, s, "a", "2")
	})
}

// model runs random transactions against a map that does the same.
func model(t *testing.T, b Backend) {
	s := b.Open(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	state := map[string]string{}
	for i := range 400 {
		next := clone(state)
		abandon := errors.New("abandoned")
		keep := rnd.IntN(4) > 0
		err := s.Update(context.Background(), func(tx store.Tx) error {
			for range rnd.IntN(12) {
				step(t, rnd, tx, next)
			}
			if !keep {
				return abandon
			}
			return nil
		})
		if keep {
			check(t, err)
			state = next
		} else if !errors.Is(err, abandon) {
			t.Fatal(err)
		}
		view(t, s, func(r store.Reader) { compare(t, rnd, r, state) })
		if t.Failed() {
			t.Fatalf("in transaction %d", i)
		}
	}
}

func clone(m map[string]string) map[string]string {
	c := make(map[string]string, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

func randomKey(rnd *rand.Rand) string {
	const letters = "ab\x00\xff/"
	k := make([]byte, 1+rnd.IntN(3))
	for i := range k {
		k[i] = letters[rnd.IntN(len(letters))]
	}
	return "k" + string(k)
}

func randomRange(rnd *rand.Rand) store.Range {
	r := store.Range{Reverse: rnd.IntN(2) == 0}
	if rnd.IntN(5) > 0 {
		r.From = []byte(randomKey(rnd))
	}
	if rnd.IntN(5) > 0 {
		r.To = []byte(randomKey(rnd))
	}
	return r
}

// step does one random thing to both.
func step(t *testing.T, rnd *rand.Rand, tx store.Tx, m map[string]string) {
	k := randomKey(rnd)
	switch n := rnd.IntN(12); {
	case n < 5:
		v := fmt.Sprint(rnd.IntN(100))
		tx.Put([]byte(k), []byte(v))
		m[k] = v
	case n < 7:
		tx.Delete([]byte(k))
		delete(m, k)
	case n < 8:
		r := randomRange(rnd)
		tx.DeleteRange(r.From, r.To)
		for _, k := range inRange(m, r) {
			delete(m, k)
		}
	case n < 9:
		mutatingScan(t, rnd, tx, m)
	default:
		compare(t, rnd, tx, m)
	}
}

// mutatingScan deletes and rewrites what it comes to, as services do.
func mutatingScan(t *testing.T, rnd *rand.Rand, tx store.Tx, m map[string]string) {
	r := randomRange(rnd)
	want := inRange(m, r)
	i := 0
	for k := range tx.Scan(r) {
		if i == len(want) || want[i] != string(k) {
			t.Errorf("scan of %+v while writing: %d is %q, want %q", r, i, k, want)
			return
		}
		i++
		switch rnd.IntN(3) {
		case 0:
			delete(m, string(k))
			tx.Delete(k)
		case 1:
			m[string(k)] = "new"
			tx.Put(k, []byte("new"))
		}
	}
	if i != len(want) {
		t.Errorf("scan of %+v while writing ended after %d of %q", r, i, want)
	}
}

// inRange are the model's keys in the order of a scan.
func inRange(m map[string]string, r store.Range) (keys []string) {
	for k := range m {
		if k >= string(r.From) && (r.To == nil || k < string(r.To)) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	if r.Reverse {
		slices.Reverse(keys)
	}
	return keys
}

// compare looks at both in random ways.
func compare(t *testing.T, rnd *rand.Rand, r store.Reader, m map[string]string) {
	t.Helper()
	for range 3 {
		k := randomKey(rnd)
		want, ok := m[k]
		if !ok {
			want = "-"
		}
		if got := get(r, k); got != want {
			t.Errorf("%q is %q, want %q", k, got, want)
		}
		rg := randomRange(rnd)
		var pairsWanted []string
		for _, k := range inRange(m, rg) {
			pairsWanted = append(pairsWanted, k+"="+m[k])
		}
		limit := -1
		if rnd.IntN(2) == 0 && len(pairsWanted) > 0 {
			limit = 1 + rnd.IntN(len(pairsWanted))
			pairsWanted = pairsWanted[:limit]
		}
		if got := pairs(r, rg, limit); !slices.Equal(got, pairsWanted) {
			t.Errorf("scan of %+v: %q, want %q", rg, got, pairsWanted)
		}
	}
}
