// Package storetest is what every store.Store must pass.
package storetest

import (
	"context"
	"testing"

	"pileus/store"
)

// Backend is a kind of store under test.
type Backend struct {
	// Open gives an empty store, which the suite does not close.
	Open func(t *testing.T) store.Store
	// Precise tells that only what a transaction has really read can make it
	// conflict; a backend may also guard the rows or pages around it.
	Precise bool
}

// Run runs the whole suite.
func Run(t *testing.T, b Backend) {
	for _, s := range []struct {
		name string
		run  func(*testing.T, Backend)
	}{
		{"basics", basics},
		{"model", model},
		{"isolation", isolation},
		{"linearizable", linearizable},
		{"tables", tables},
		{"wakes", wakes},
		{"outbox", outbox},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t, b) })
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func update(t *testing.T, s store.Store, f func(tx store.Tx)) {
	t.Helper()
	check(t, s.Update(context.Background(), func(tx store.Tx) error { f(tx); return nil }))
}

func view(t *testing.T, s store.Store, f func(r store.Reader)) {
	t.Helper()
	check(t, s.View(context.Background(), func(r store.Reader) error { f(r); return nil }))
}

// put writes keys and values in turn, in a transaction of their own.
func put(t *testing.T, s store.Store, pairs ...string) {
	t.Helper()
	update(t, s, func(tx store.Tx) {
		for i := 0; i < len(pairs); i += 2 {
			tx.Put([]byte(pairs[i]), []byte(pairs[i+1]))
		}
	})
}

func get(r store.Reader, key string) string {
	v, ok := r.Get([]byte(key))
	if !ok {
		return "-"
	}
	return string(v)
}

// pairs is what a scan yields, at most limit of it, as "key=value".
func pairs(r store.Reader, rg store.Range, limit int) (out []string) {
	if limit == 0 {
		return nil
	}
	for k, v := range r.Scan(rg) {
		if out = append(out, string(k)+"="+string(v)); len(out) == limit {
			break
		}
	}
	return out
}

func between(from, to string) store.Range {
	return store.Range{From: []byte(from), To: []byte(to)}
}
