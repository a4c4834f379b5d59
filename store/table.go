package store

import (
	"iter"
	"sync"
)

// Table is a set of records of one type, with indexes kept in step. It is a
// package-level value of the service that owns it; names are unique in the
// program ("sqs.queue").
type Table[T any] struct {
	Name string
	Key  func(*T) Key
	// Indexes name further orders in which the records can be read. A nil key
	// leaves the record out of the index. Index keys need not be unique.
	Indexes map[string]func(*T) Key
	// Version of the record's form; Migrate[v] brings the bytes of version v
	// to version v+1 when a record is read.
	Version uint8
	Migrate map[uint8]func([]byte) ([]byte, error)
	// Memo keeps up to this many decoded records in memory. A record is
	// decoded again only when its bytes have changed, so nothing has to be
	// invalidated. Records of a table with a Memo are shared: copy before
	// changing one.
	Memo int

	memoOnce sync.Once
	memo     *memo
}

func (t *Table[T]) row(k Key) []byte { return rowOf(t.Name, k) }

// Get is the record with the key.
func (t *Table[T]) Get(r Reader, key ...any) (*T, bool) {
	row := t.row(key)
	b, ok := r.Get(row)
	if !ok {
		return nil, false
	}
	return t.decode(row, b), true
}

// peekMemo is how many records Peek remembers where Memo does not say.
const peekMemo = 4096

// Peek is Get for those who only read: the record is shared with others who
// peek, and must not be changed. It costs no decoding while the record's bytes
// stay the same.
func (t *Table[T]) Peek(r Reader, key ...any) (*T, bool) {
	row := t.row(key)
	b, ok := r.Get(row)
	if !ok {
		return nil, false
	}
	return t.remembered(row, b), true
}

// Has tells whether there is a record with the key.
func (t *Table[T]) Has(r Reader, key ...any) bool {
	_, ok := r.Get(t.row(key))
	return ok
}

// Put writes the record and its index entries.
func (t *Table[T]) Put(tx Tx, v *T) {
	row := t.row(t.Key(v))
	var old *T
	if len(t.Indexes) > 0 {
		if b, ok := tx.Get(row); ok {
			old = t.decode(row, b)
		}
	}
	t.write(tx, row, v, old)
}

// Insert writes a record that the caller knows to be new: it saves the read
// that Put needs for the old index entries.
func (t *Table[T]) Insert(tx Tx, v *T) { t.write(tx, t.row(t.Key(v)), v, nil) }

// Delete removes the record with the key and its index entries, if it exists.
func (t *Table[T]) Delete(tx Tx, key ...any) {
	row := t.row(key)
	if len(t.Indexes) > 0 {
		if b, ok := tx.Get(row); ok {
			t.deindex(tx, t.decode(row, b), row)
		}
	}
	tx.Delete(row)
}

// write puts v in the place of old, which is nil where there was none or it
// does not matter. Index entries that stay the same are not touched.
func (t *Table[T]) write(tx Tx, row []byte, v, old *T) {
	tx.Put(row, encode(t.Name, t.Version, v))
	for name, f := range t.Indexes {
		var before Key
		if old != nil {
			before = f(old)
		}
		reindex(tx, t.Name, name, before, f(v), row)
	}
}

func (t *Table[T]) deindex(tx Tx, old *T, row []byte) {
	for name, f := range t.Indexes {
		reindex(tx, t.Name, name, f(old), nil, row)
	}
}

func (t *Table[T]) decode(row, b []byte) *T {
	if t.Memo > 0 {
		return t.remembered(row, b)
	}
	v := new(T)
	t.fill(v, b)
	return v
}

func (t *Table[T]) remembered(row, b []byte) *T {
	t.memoOnce.Do(t.startMemo)
	return t.memo.get(row, b, fresh[T], t.fill).(*T)
}

func (t *Table[T]) startMemo() {
	limit := t.Memo
	if limit == 0 {
		limit = peekMemo
	}
	t.memo = newMemo(limit)
}

func fresh[T any]() any { return new(T) }

// fill decodes a record into v, a *T that is zero.
func (t *Table[T]) fill(v any, b []byte) { parse(t.Name, t.Version, t.Migrate, v, b) }

// Scan yields the records whose key starts with prefix, in key order.
func (t *Table[T]) Scan(r Reader, prefix ...any) iter.Seq[*T] {
	from := t.row(prefix)
	return t.span(r, Range{From: from, To: Next(from)})
}

// Count is how many records have a key that starts with prefix. None is
// decoded.
func (t *Table[T]) Count(r Reader, prefix ...any) (n int) {
	from := t.row(prefix)
	for range r.Scan(Range{From: from, To: Next(from)}) {
		n++
	}
	return n
}

// ScanReverse is Scan from the last record to the first.
func (t *Table[T]) ScanReverse(r Reader, prefix ...any) iter.Seq[*T] {
	from := t.row(prefix)
	return t.span(r, Range{From: from, To: Next(from), Reverse: true})
}

// ScanFrom yields the records whose key starts with prefix and is at or after
// start, which begins with prefix too.
func (t *Table[T]) ScanFrom(r Reader, prefix, start Key) iter.Seq[*T] {
	return t.span(r, Range{From: t.row(start), To: Next(t.row(prefix))})
}

// Glance is ScanFrom for those who look at thousands of records and keep none:
// all are decoded into one, which is good until the next.
func (t *Table[T]) Glance(r Reader, prefix, start Key) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		v := new(T)
		for _, b := range r.Scan(Range{From: t.row(start), To: Next(t.row(prefix))}) {
			var zero T
			*v = zero
			t.fill(v, b)
			if !yield(v) {
				return
			}
		}
	}
}

func (t *Table[T]) span(r Reader, rg Range) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for k, b := range r.Scan(rg) {
			if !yield(t.decode(k, b)) {
				return
			}
		}
	}
}

// Index yields the records whose index key starts with prefix, in index order.
func (t *Table[T]) Index(r Reader, index string, prefix ...any) iter.Seq[*T] {
	from := Key(prefix).Append(indexPrefix(t.Name, index, nil))
	return t.indexed(r, index, Range{From: from, To: Next(from)})
}

// Between yields the records whose index key is at or after from and before to.
func (t *Table[T]) Between(r Reader, index string, from, to Key) iter.Seq[*T] {
	p := indexPrefix(t.Name, index, nil)
	return t.indexed(r, index, Range{From: from.Append(p[:len(p):len(p)]), To: to.Append(p[:len(p):len(p)])})
}

func (t *Table[T]) indexed(r Reader, index string, rg Range) iter.Seq[*T] {
	t.mustHave(index)
	return func(yield func(*T) bool) {
		for k := range r.Scan(rg) {
			if !yield(t.decode(entryRecord(r, t.Name, index, k))) {
				return
			}
		}
	}
}

func (t *Table[T]) mustHave(index string) { mustHave(t.Name, index, t.Indexes[index] != nil) }

// DeleteAll removes every record whose key starts with prefix. It is for
// tables without indexes, whose rows can go unread.
func (t *Table[T]) DeleteAll(tx Tx, prefix ...any) {
	if len(t.Indexes) > 0 {
		for v := range t.Scan(tx, prefix...) {
			t.Delete(tx, t.Key(v)...)
		}
		return
	}
	from := t.row(prefix)
	tx.DeleteRange(from, Next(from))
}

// Page reads up to limit records whose key starts with prefix, from where
// token says; next is empty at the end. keep may be nil; it filters before
// counting. ok is false for a token that is none of ours.
func (t *Table[T]) Page(r Reader, prefix Key, token string, limit int, keep func(*T) bool) (list []*T, next string, ok bool) {
	next, ok = page(r, t.row(prefix), token, limit, func(k, b []byte, full bool) bool { return take(&list, t.decode(k, b), keep, full) })
	return list, next, ok
}

// PageIndex is Page in the order of an index, of which prefix is the beginning
// of the key.
func (t *Table[T]) PageIndex(r Reader, index string, prefix Key, token string, limit int, keep func(*T) bool) (list []*T, next string, ok bool) {
	t.mustHave(index)
	base := prefix.Append(indexPrefix(t.Name, index, nil))
	next, ok = page(r, base, token, limit, func(k, _ []byte, full bool) bool {
		return take(&list, t.decode(entryRecord(r, t.Name, index, k)), keep, full)
	})
	return list, next, ok
}

// take adds a record to a page that is not full, if it is to be kept.
func take[T any](list *[]*T, v *T, keep func(*T) bool, full bool) bool {
	if keep != nil && !keep(v) {
		return false
	}
	if !full {
		*list = append(*list, v)
	}
	return true
}
