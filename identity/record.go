package identity

import (
	"encoding/binary"
	"iter"
	"sync/atomic"

	"pileus/rng"
	"pileus/store"
)

// records is a table whose keys begin with the account and whose writes
// rewrite that account's version row.
type records[T any] struct {
	store.Table[T]
	// links are what a record refers to, so that it can be found from there:
	// a user's groups and policies. Each begins with a word for the relation.
	links func(*T) []store.Key
	// counted tables know how many records each account has.
	counted bool
}

// Put writes the record with its index entries and links.
func (t *records[T]) Put(tx store.Tx, v *T) {
	if t.links != nil || t.counted {
		old, ok := t.Get(tx, t.Key(v)...)
		t.follow(tx, old, v, ok)
	}
	t.Table.Put(tx, v)
	Touch(tx, t.account(v))
}

// Insert writes a record known to be new.
func (t *records[T]) Insert(tx store.Tx, v *T) {
	t.follow(tx, nil, v, false)
	t.Table.Insert(tx, v)
	Touch(tx, t.account(v))
}

// Delete removes the record with the key.
func (t *records[T]) Delete(tx store.Tx, account string, rest ...any) {
	key := append([]any{account}, rest...)
	if t.links != nil || t.counted {
		if old, ok := t.Get(tx, key...); ok {
			t.follow(tx, old, nil, true)
		}
	}
	t.Table.Delete(tx, key...)
	Touch(tx, account)
}

// Quiet writes a record without touching the account's version: for what
// authorisation does not depend on, and neither links nor indexes.
func (t *records[T]) Quiet(tx store.Tx, v *T) { t.Table.Put(tx, v) }

func (t *records[T]) account(v *T) string { return t.Key(v)[0].(string) }

// follow moves the links and the count from one form of a record to the next;
// existed tells whether old was there, nil now that it is to go.
func (t *records[T]) follow(tx store.Tx, old, now *T, existed bool) {
	if t.links != nil {
		stale := map[string]bool{}
		if old != nil {
			for _, l := range t.links(old) {
				stale[string(t.linkRow(old, l))] = true
			}
		}
		if now != nil {
			for _, l := range t.links(now) {
				row := t.linkRow(now, l)
				if stale[string(row)] {
					delete(stale, string(row))
					continue
				}
				tx.Put(row, nil)
			}
		}
		for row := range stale {
			tx.Delete([]byte(row))
		}
	}
	if t.counted {
		switch {
		case now != nil && !existed:
			t.add(tx, t.account(now), 1)
		case now == nil && existed:
			t.add(tx, t.account(old), -1)
		}
	}
}

// linkRow is account, link and, as the last element, the record's own key.
func (t *records[T]) linkRow(v *T, link store.Key) []byte {
	own := t.Key(v)
	b := append(make([]byte, 0, 128), t.Name+".link/"...)
	b = store.K(own[0]).Append(b)
	b = link.Append(b)
	return store.K(own[1:].Append(nil)).Append(b)
}

// Linked yields the account's records that have a link that begins so.
func (t *records[T]) Linked(r store.Reader, account string, link ...any) iter.Seq[*T] {
	prefix := append(make([]byte, 0, 128), t.Name+".link/"...)
	head := len(prefix)
	prefix = store.Key(link).Append(store.K(account).Append(prefix))
	return func(yield func(*T) bool) {
		for row := range r.Scan(store.Range{From: prefix, To: store.Next(prefix)}) {
			k, err := store.ParseKey(row[head:])
			if err != nil {
				store.Fail(err)
			}
			own, err := store.ParseKey(k[len(k)-1].([]byte))
			if err != nil {
				store.Fail(err)
			}
			v, ok := t.Get(r, append(store.K(account), own...)...)
			if ok && !yield(v) {
				return
			}
		}
	}
}

// CountLinked is how many records Linked would yield.
func (t *records[T]) CountLinked(r store.Reader, account string, link ...any) (n int) {
	prefix := append(make([]byte, 0, 128), t.Name+".link/"...)
	prefix = store.Key(link).Append(store.K(account).Append(prefix))
	for range r.Scan(store.Range{From: prefix, To: store.Next(prefix)}) {
		n++
	}
	return n
}

func (t *records[T]) countRow(account string) []byte {
	return store.K(account).Append(append(make([]byte, 0, 64), t.Name+".count/"...))
}

// Count is how many records the account has; for counted tables.
func (t *records[T]) Count(r store.Reader, account string) int {
	b, ok := r.Get(t.countRow(account))
	if !ok {
		return 0
	}
	n, _ := binary.Varint(b)
	return int(n)
}

func (t *records[T]) add(tx store.Tx, account string, n int) {
	tx.Put(t.countRow(account), binary.AppendVarint(nil, int64(t.Count(tx, account)+n)))
}

var versionTable = []byte("identity.version/")

func versionKey(scope string) []byte {
	return store.K(scope).Append(append(make([]byte, 0, 40), versionTable...))
}

// OrganizationScope is the version scope of the organization's tree.
const OrganizationScope = "organization"

// Touch rewrites the version row of an account (or of OrganizationScope). The
// write is blind, so that changes to one account do not conflict over it.
func Touch(tx store.Tx, scope string) {
	tx.Put(versionKey(scope), rng.Bytes(12))
	tx.OnCommit(func() { epoch.Add(1) })
}

// epoch counts the changes that this process has made, to any cloud in it.
// Where a process is the only one that writes, an unchanged epoch proves that
// nothing has changed, without a look into the store. It is counted before a
// change is acknowledged.
var epoch atomic.Uint64

func version(r store.Reader, scope string) []byte {
	b, _ := r.Get(versionKey(scope))
	return b
}
