package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"pileus/store"
	"pileus/store/postgres/pgtest"
)

// BenchmarkPostgres is the round trips of one transaction on one connection.
func BenchmarkPostgres(b *testing.B) {
	s, err := Open(context.Background(), pgtest.Start(b).DSN(b))
	check(b, err)
	defer func() { check(b, s.Close()) }()
	check(b, s.Update(context.Background(), func(tx store.Tx) error {
		for i := range 2000 {
			tx.Put(fmt.Appendf(nil, "k%05d", i), make([]byte, 200))
		}
		return nil
	}))
	get := func(r store.Reader, i int64) { r.Get(fmt.Appendf(nil, "k%05d", i%2000)) }
	var n atomic.Int64
	for name, run := range map[string]func() error{
		"get": func() error {
			return s.View(context.Background(), func(r store.Reader) error { get(r, n.Add(1)); return nil })
		},
		"get and put": func() error {
			return s.Update(context.Background(), func(tx store.Tx) error {
				i := n.Add(1)
				get(tx, i)
				tx.Put(fmt.Appendf(nil, "n%d", i), make([]byte, 200))
				return nil
			})
		},
		"scan 2000": func() error {
			return s.View(context.Background(), func(r store.Reader) error {
				for range r.Scan(store.Range{From: []byte("k"), To: []byte("l")}) {
				}
				return nil
			})
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				check(b, run())
			}
		})
	}
}
