package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"pileus/store"
)

// together runs fns as concurrent transactions. In its first run each waits,
// where it calls meet, until all have come there.
func together(t *testing.T, s store.Store, fns ...func(tx store.Tx, meet func()) error) []error {
	t.Helper()
	errs := make([]error, len(fns))
	var met, done sync.WaitGroup
	met.Add(len(fns))
	for i, fn := range fns {
		done.Go(func() {
			first := true
			errs[i] = s.Update(context.Background(), func(tx store.Tx) error {
				return fn(tx, func() {
					if first {
						first = false
						met.Done()
						met.Wait()
					}
				})
			})
		})
	}
	done.Wait()
	return errs
}

var errSkip = errors.New("nothing to do")

func isolation(t *testing.T, b Backend) {
	t.Run("write skew", func(t *testing.T) {
		s := b.Open(t)
		put(t, s, "x", "1", "y", "1")
		leave := func(mine string) func(store.Tx, func()) error {
			return func(tx store.Tx, meet func()) error {
				on := get(tx, "x") == "1" && get(tx, "y") == "1"
				meet()
				if !on {
					return errSkip
				}
				tx.Put([]byte(mine), []byte("0"))
				return nil
			}
		}
		errs := together(t, s, leave("x"), leave("y"))
		view(t, s, func(r store.Reader) {
			if get(r, "x") == "0" && get(r, "y") == "0" {
				t.Errorf("both have left: %v", errs)
			}
		})
	})
	t.Run("phantom", func(t *testing.T) {
		s := b.Open(t)
		put(t, s, "r/0", "", "s", "")
		claim := func(i int) func(store.Tx, func()) error {
			return func(tx store.Tx, meet func()) error {
				n := len(pairs(tx, between("r/", "r0"), -1))
				meet()
				if n > 1 {
					return errSkip
				}
				tx.Put(fmt.Appendf(nil, "r/%d", i), nil)
				return nil
			}
		}
		together(t, s, claim(1), claim(2), claim(3))
		view(t, s, func(r store.Reader) {
			if got := pairs(r, between("r/", "r0"), -1); len(got) != 2 {
				t.Errorf("%q: more than one has claimed", got)
			}
		})
	})
	t.Run("a range deletion against a read", func(t *testing.T) {
		s := b.Open(t)
		put(t, s, "r/1", "1")
		keep := func(tx store.Tx, meet func()) error {
			there := get(tx, "r/1") == "1"
			meet()
			if there {
				tx.Put([]byte("child"), nil)
			}
			return nil
		}
		sweep := func(tx store.Tx, meet func()) error {
			there := get(tx, "child") != "-"
			meet()
			if !there {
				tx.DeleteRange([]byte("r/"), []byte("r0"))
			}
			return nil
		}
		together(t, s, keep, sweep)
		view(t, s, func(r store.Reader) {
			if get(r, "child") != "-" && get(r, "r/1") == "-" {
				t.Error("a child without its parent")
			}
		})
	})
	t.Run("lost update", lostUpdate(b))
	t.Run("blind writes do not conflict", func(t *testing.T) {
		s := b.Open(t)
		var runs sync.Map
		blind := func(i int) func(store.Tx, func()) error {
			return func(tx store.Tx, meet func()) error {
				n, _ := runs.LoadOrStore(i, new(int))
				*n.(*int)++
				meet()
				tx.Put(fmt.Appendf(nil, "k%d", i), nil)
				return nil
			}
		}
		for _, err := range together(t, s, blind(1), blind(2), blind(3)) {
			check(t, err)
		}
		runs.Range(func(k, n any) bool {
			if *n.(*int) != 1 {
				t.Errorf("%v ran %d times", k, *n.(*int))
			}
			return true
		})
	})
	t.Run("a scan that stops early", func(t *testing.T) { stopsEarly(t, b) })
	t.Run("snapshots hold", snapshots(b))
}

func lostUpdate(b Backend) func(t *testing.T) {
	return func(t *testing.T) {
		s := b.Open(t)
		const workers, each = 8, 25
		var done sync.WaitGroup
		for range workers {
			done.Go(func() {
				for range each {
					update(t, s, func(tx store.Tx) { increment(tx, "n") })
				}
			})
		}
		done.Wait()
		view(t, s, func(r store.Reader) {
			if got := get(r, "n"); got != strconv.Itoa(workers*each) {
				t.Errorf("counted %s of %d", got, workers*each)
			}
		})
	}
}

func increment(tx store.Tx, key string) int {
	n, _ := strconv.Atoi(get(tx, key))
	n++
	tx.Put([]byte(key), []byte(strconv.Itoa(n)))
	return n
}

// stopsEarly: a scan covers what it has come to and no more, in both directions.
func stopsEarly(t *testing.T, b Backend) {
	for _, c := range []struct {
		name      string
		rg        store.Range
		insert    string
		conflicts bool
	}{
		{"before the first", between("r/", "r0"), "r/1", true},
		{"behind the last that was seen", between("r/", "r0"), "r/5", false},
		{"reverse, before the first", store.Range{From: []byte("r/"), To: []byte("r0"), Reverse: true}, "r/9", true},
		{"reverse, behind the last that was seen", store.Range{From: []byte("r/"), To: []byte("r0"), Reverse: true}, "r/3", false},
		{"outside", between("r/", "r0"), "s", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := b.Open(t)
			put(t, s, "r/2", "", "r/4", "", "r/8", "")
			runs := 0
			update(t, s, func(tx store.Tx) {
				got := pairs(tx, c.rg, 1)
				if runs++; runs == 1 {
					update(t, s, func(tx store.Tx) { // reads what we shall write, so neither can come first
						get(tx, "seen")
						tx.Put([]byte(c.insert), nil)
					})
				}
				tx.Put([]byte("seen"), []byte(fmt.Sprint(got)))
			})
			if c.conflicts && runs == 1 {
				t.Error("the inserted row went unnoticed")
			}
			if b.Precise && !c.conflicts && runs > 1 {
				t.Error("conflicts with what it did not read")
			}
		})
	}
}

// snapshots: what one transaction writes together is seen together, and a
// View sees the same from beginning to end.
func snapshots(b Backend) func(t *testing.T) {
	return func(t *testing.T) {
		s := b.Open(t)
		put(t, s, "a", "0", "b", "0", "c", "0")
		stop := make(chan struct{})
		var done sync.WaitGroup
		done.Go(func() {
			for i := 1; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				v := strconv.Itoa(i)
				put(t, s, "a", v, "b", v, "c", v)
			}
		})
		for range 200 {
			view(t, s, func(r store.Reader) {
				a := get(r, "a")
				got := []string{get(r, "b"), get(r, "c")}
				for _, p := range pairs(r, between("a", "d"), -1) {
					got = append(got, p[2:])
				}
				got = append(got, get(r, "a"))
				if slices.ContainsFunc(got, func(v string) bool { return v != a }) {
					t.Errorf("a is %s and the others %q", a, got)
				}
			})
		}
		close(stop)
		done.Wait()
	}
}
