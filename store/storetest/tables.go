package storetest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"pileus/store"
)

type person struct {
	Account, Name string
	City          string
	Born          time.Time
	Tags          map[string]string
	Photo         []byte
}

func people(memo int) *store.Table[person] {
	return &store.Table[person]{
		Name: "test.person",
		Key:  func(p *person) store.Key { return store.K(p.Account, p.Name) },
		Indexes: map[string]func(*person) store.Key{
			"city": func(p *person) store.Key {
				if p.City == "" {
					return nil
				}
				return store.K(p.Account, p.City)
			},
			"born": func(p *person) store.Key { return store.K(p.Born) },
		},
		Memo: memo,
	}
}

func year(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }

func names(seq iter.Seq[*person]) string {
	var out []string
	for p := range seq {
		out = append(out, p.Name)
	}
	return strings.Join(out, " ")
}

func tables(t *testing.T, b Backend) {
	for _, memo := range []int{0, 2} {
		t.Run(fmt.Sprintf("memo %d", memo), func(t *testing.T) {
			t.Run("any bytes", func(t *testing.T) { anyBytes(t, b, people(memo)) })
			t.Run("order and indexes", func(t *testing.T) { order(t, b, people(memo)) })
			t.Run("pages", func(t *testing.T) { pages(t, b, people(memo)) })
			t.Run("snapshots", func(t *testing.T) { tableSnapshots(t, b, people(memo)) })
		})
	}
	t.Run("migration", func(t *testing.T) { migration(t, b) })
	t.Run("DeleteAll", func(t *testing.T) { deleteAll(t, b) })
}

// anyBytes holds that what was written can be read: a string that is no UTF-8,
// too.
func anyBytes(t *testing.T, b Backend, people *store.Table[person]) {
	s := b.Open(t)
	want := person{Account: "1", Name: "a\x00\xff", City: "\xfe"}
	update(t, s, func(tx store.Tx) { people.Put(tx, &want) })
	view(t, s, func(r store.Reader) {
		if p, ok := people.Get(r, "1", want.Name); !ok || p.City != want.City {
			t.Errorf("%v, %t", p, ok)
		}
	})
}

func order(t *testing.T, b Backend, people *store.Table[person]) {
	s := b.Open(t)
	all := []person{
		{Account: "1", Name: "dora", City: "ulm", Born: year(1990), Tags: map[string]string{"a": "b"}, Photo: []byte{0, 1}},
		{Account: "1", Name: "anna", City: "ulm", Born: year(1970)},
		{Account: "1", Name: "carl", Born: year(1980)},
		{Account: "1", Name: "bert", City: "bonn", Born: year(2200)},
		{Account: "10", Name: "emil", City: "ulm", Born: time.Time{}},
	}
	update(t, s, func(tx store.Tx) {
		for _, p := range all {
			people.Put(tx, &p)
		}
		// All must be seen already by the transaction itself.
		if got := names(people.Scan(tx, "1")); got != "anna bert carl dora" {
			t.Errorf("in the transaction: %s", got)
		}
	})
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s; want %s", what, got, want)
		}
	}
	view(t, s, func(r store.Reader) {
		expect("scan", names(people.Scan(r)), "anna bert carl dora emil")
		expect("scan of a prefix", names(people.Scan(r, "1")), "anna bert carl dora")
		expect("reverse", names(people.ScanReverse(r, "1")), "dora carl bert anna")
		expect("from", names(people.ScanFrom(r, store.K("1"), store.K("1", "bob"))), "carl dora")
		expect("a glance from", names(people.Glance(r, store.K("1"), store.K("1", "bob"))), "carl dora")
		expect("index", names(people.Index(r, "city", "1", "ulm")), "anna dora")
		expect("whole index", names(people.Index(r, "city")), "bert anna dora emil")
		expect("index by time", names(people.Index(r, "born")), "emil anna carl dora bert")
		expect("between", names(people.Between(r, "born", store.K(year(1970)), store.K(year(1990)))), "anna carl")
		p, ok := people.Get(r, "1", "dora")
		if !ok || p.Tags["a"] != "b" || !p.Born.Equal(year(1990)) || !slices.Equal(p.Photo, []byte{0, 1}) {
			t.Errorf("dora is %+v", p)
		}
		if people.Has(r, "1", "emil") || !people.Has(r, "10", "emil") {
			t.Error("Has is wrong about emil")
		}
	})
	update(t, s, func(tx store.Tx) {
		people.Put(tx, &person{Account: "1", Name: "anna", City: "bonn", Born: year(1970)})
		people.Put(tx, &person{Account: "1", Name: "dora", Born: year(1960)})
		people.Delete(tx, "1", "carl")
		people.Delete(tx, "1", "nobody")
	})
	view(t, s, func(r store.Reader) {
		expect("index after changes", names(people.Index(r, "city")), "anna bert emil")
		expect("index by time after changes", names(people.Index(r, "born")), "emil dora anna bert")
		expect("scan after changes", names(people.Scan(r, "1")), "anna bert dora")
	})
}

func pages(t *testing.T, b Backend, people *store.Table[person]) {
	s := b.Open(t)
	update(t, s, func(tx store.Tx) {
		for i := range 25 {
			people.Insert(tx, &person{Account: "1", Name: fmt.Sprintf("p%02d", i), City: []string{"bonn", "ulm"}[i%2], Born: year(2000 - i)})
		}
		people.Insert(tx, &person{Account: "2", Name: "other"})
	})
	walk := func(limit int, page func(r store.Reader, token string) ([]*person, string, bool)) (out []string, count int) {
		for token := ""; ; {
			var got []*person
			view(t, s, func(r store.Reader) {
				var ok bool
				if got, token, ok = page(r, token); !ok {
					t.Fatal("our own token is refused")
				}
			})
			count++
			if len(got) > limit {
				t.Errorf("a page of %d", len(got))
			}
			for _, p := range got {
				out = append(out, p.Name)
			}
			if token == "" {
				return out, count
			}
		}
	}
	for _, limit := range []int{1, 7, 24, 25, 100} {
		out, count := walk(limit, func(r store.Reader, token string) ([]*person, string, bool) {
			return people.Page(r, store.K("1"), token, limit, nil)
		})
		if len(out) != 25 || !slices.IsSorted(out) || count != (25+limit-1)/limit {
			t.Errorf("limit %d: %d pages of %v", limit, count, out)
		}
		out, _ = walk(limit, func(r store.Reader, token string) ([]*person, string, bool) {
			return people.Page(r, store.K("1"), token, limit, func(p *person) bool { return p.City == "ulm" })
		})
		if len(out) != 12 {
			t.Errorf("limit %d, filtered: %v", limit, out)
		}
		out, _ = walk(limit, func(r store.Reader, token string) ([]*person, string, bool) {
			return people.PageIndex(r, "city", store.K("1", "bonn"), token, limit, nil)
		})
		if len(out) != 13 || !slices.IsSorted(out) {
			t.Errorf("limit %d, index: %v", limit, out)
		}
	}
	view(t, s, func(r store.Reader) {
		if _, _, ok := people.Page(r, store.K("1"), "not a token!", 5, nil); ok {
			t.Error("a foreign token is taken")
		}
	})
}

// tableSnapshots: whatever is remembered, a reader gets the record of its own
// snapshot.
func tableSnapshots(t *testing.T, b Backend, people *store.Table[person]) {
	s := b.Open(t)
	set := func(city string) {
		update(t, s, func(tx store.Tx) { people.Put(tx, &person{Account: "1", Name: "anna", City: city}) })
	}
	city := func(r store.Reader) string { p, _ := people.Get(r, "1", "anna"); return p.City }
	set("bonn")
	view(t, s, func(old store.Reader) {
		_ = city(old)
		for i, now := range []string{"ulm", "kiel", "bonn"} {
			set(now)
			view(t, s, func(r store.Reader) {
				if got := city(r); got != now {
					t.Errorf("%d: reads %s, not %s", i, got, now)
				}
			})
			if got := city(old); got != "bonn" {
				t.Errorf("%d: the old snapshot reads %s", i, got)
			}
		}
	})
}

func migration(t *testing.T, b Backend) {
	s := b.Open(t)
	type v0 struct{ Name string }
	type v2 struct {
		First string
		Age   int
	}
	old := &store.Table[v0]{Name: "test.migrated", Key: func(r *v0) store.Key { return store.K(r.Name) }}
	now := &store.Table[v2]{
		Name: "test.migrated", Version: 2,
		Key: func(r *v2) store.Key { return store.K(r.First) },
		Migrate: map[uint8]func([]byte) ([]byte, error){
			0: func(b []byte) ([]byte, error) {
				var r v0
				err := cbor.Unmarshal(b, &r)
				if err != nil {
					return nil, err
				}
				return cbor.Marshal(map[string]any{"First": r.Name})
			},
			1: func(b []byte) ([]byte, error) {
				var r v2
				err := cbor.Unmarshal(b, &r)
				if err != nil {
					return nil, err
				}
				r.Age = 1
				return cbor.Marshal(r)
			},
		},
	}
	update(t, s, func(tx store.Tx) { old.Put(tx, &v0{"anna"}) })
	update(t, s, func(tx store.Tx) { now.Put(tx, &v2{"bert", 7}) })
	view(t, s, func(r store.Reader) {
		a, _ := now.Get(r, "anna")
		bert, _ := now.Get(r, "bert")
		if *a != (v2{"anna", 1}) || *bert != (v2{"bert", 7}) {
			t.Errorf("read %+v and %+v", a, bert)
		}
	})
	stuck := &store.Table[v2]{Name: "test.migrated", Version: 3, Key: now.Key}
	err := s.View(context.Background(), func(r store.Reader) error { stuck.Get(r, "anna"); return nil })
	if err == nil || !strings.Contains(err.Error(), "no way to migrate") {
		t.Errorf("without a migration: %v", err)
	}
}

func deleteAll(t *testing.T, b Backend) {
	s := b.Open(t)
	plain := &store.Table[person]{Name: "test.plain", Key: func(p *person) store.Key { return store.K(p.Account, p.Name) }}
	indexed := people(0)
	update(t, s, func(tx store.Tx) {
		for _, table := range []*store.Table[person]{plain, indexed} {
			for i := range 6 {
				table.Put(tx, &person{Account: fmt.Sprint(i % 2), Name: fmt.Sprint(i), City: "ulm"})
			}
		}
	})
	update(t, s, func(tx store.Tx) {
		plain.DeleteAll(tx, "0")
		indexed.DeleteAll(tx, "0")
		plain.Put(tx, &person{Account: "0", Name: "new"})
	})
	view(t, s, func(r store.Reader) {
		if got := names(plain.Scan(r)); got != "new 1 3 5" {
			t.Errorf("plain: %s", got)
		}
		if got := names(indexed.Scan(r)) + " | " + names(indexed.Index(r, "city")); got != "1 3 5 | 1 3 5" {
			t.Errorf("indexed: %s", got)
		}
	})
}
