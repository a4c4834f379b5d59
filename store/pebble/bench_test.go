package pebble

import (
	"context"
	"fmt"
	"testing"

	"pileus/store"
)

func BenchmarkMemory(b *testing.B) {
	bench(b, func(b *testing.B) store.Store { d, err := OpenMemory(); must(b, err); return d })
}

func BenchmarkDisk(b *testing.B) {
	bench(b, func(b *testing.B) store.Store { d, err := Open(b.TempDir(), Options{}); must(b, err); return d })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func bench(b *testing.B, open func(*testing.B) store.Store) {
	ctx := context.Background()
	d := open(b)
	b.Cleanup(func() { must(b, d.Close()) })
	value := make([]byte, 300)
	key := func(i int) []byte { return fmt.Appendf(nil, "bench.object/%09d", i*7919%100_000) }
	for i := 0; i < 100_000; i += 1000 {
		must(b, d.Update(ctx, func(tx store.Tx) error {
			for j := i; j < i+1000; j++ {
				tx.Put(fmt.Appendf(nil, "bench.object/%09d", j), value)
			}
			return nil
		}))
	}
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			k := key(i)
			must(b, d.View(ctx, func(r store.Reader) error { r.Get(k); return nil }))
		}
	})
	b.Run("get5", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			k := key(i)
			must(b, d.View(ctx, func(r store.Reader) error {
				for range 5 {
					r.Get(k)
				}
				return nil
			}))
		}
	})
	b.Run("scan100", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			k := key(i)
			must(b, d.View(ctx, func(r store.Reader) error {
				n := 0
				for range r.Scan(store.Range{From: k}) {
					if n++; n == 100 {
						break
					}
				}
				return nil
			}))
		}
	})
	for _, n := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("update2/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(n)
			if n == 1 {
				for i := 0; b.Loop(); i++ {
					update(b, d, key(i), key(i+1), value)
				}
				return
			}
			b.SetParallelism((n + 1) / 2)
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					update(b, d, key(i), key(i+1), value)
				}
			})
		})
	}
}

func update(b *testing.B, d store.Store, k1, k2, value []byte) {
	err := d.Update(context.Background(), func(tx store.Tx) error {
		tx.Put(k1, value)
		tx.Put(k2, value)
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
