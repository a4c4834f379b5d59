package store

import "iter"

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

	untyped untyped
}

// Get is the record with the key.
func (t *Table[T]) Get(r Reader, key ...any) (*T, bool) {
	v, ok := t.rows().get(r, key).(*T)
	return v, ok
}

// Peek is Get for those who only read: the record is shared with others who
// peek, and must not be changed. It costs no decoding while the record's bytes
// stay the same.
func (t *Table[T]) Peek(r Reader, key ...any) (*T, bool) {
	v, ok := t.rows().peek(r, key).(*T)
	return v, ok
}

// Has tells whether there is a record with the key.
func (t *Table[T]) Has(r Reader, key ...any) bool { return t.rows().has(r, key) }

// Put writes the record and its index entries.
func (t *Table[T]) Put(tx Tx, v *T) { t.rows().put(tx, v) }

// Insert writes a record that the caller knows to be new: it saves the read
// that Put needs for the old index entries.
func (t *Table[T]) Insert(tx Tx, v *T) { t.rows().insert(tx, v) }

// Delete removes the record with the key and its index entries, if it exists.
func (t *Table[T]) Delete(tx Tx, key ...any) { t.rows().remove(tx, key) }

// DeleteAll removes every record whose key starts with prefix. Where there are
// no indexes, its rows go unread.
func (t *Table[T]) DeleteAll(tx Tx, prefix ...any) { t.rows().removeAll(tx, prefix) }

// Count is how many records have a key that starts with prefix. None is
// decoded.
func (t *Table[T]) Count(r Reader, prefix ...any) int { return t.rows().count(r, prefix) }

// Scan yields the records whose key starts with prefix, in key order.
func (t *Table[T]) Scan(r Reader, prefix ...any) iter.Seq[*T] {
	return typed[T](t.rows().scan(r, prefix))
}

// ScanReverse is Scan from the last record to the first.
func (t *Table[T]) ScanReverse(r Reader, prefix ...any) iter.Seq[*T] {
	return typed[T](t.rows().back(r, prefix))
}

// ScanFrom yields the records whose key starts with prefix and is at or after
// start, which begins with prefix too.
func (t *Table[T]) ScanFrom(r Reader, prefix, start Key) iter.Seq[*T] {
	u := t.rows()
	return typed[T](u.span(r, u.onward(prefix, start)))
}

// Glance is ScanFrom for those who look at thousands of records and keep none:
// all are decoded into one, which is good until the next.
func (t *Table[T]) Glance(r Reader, prefix, start Key) iter.Seq[*T] {
	u := t.rows()
	return func(yield func(*T) bool) {
		v := new(T)
		for _, b := range r.Scan(u.onward(prefix, start)) {
			var zero T
			*v = zero
			u.fill(v, b)
			if !yield(v) {
				return
			}
		}
	}
}

// Index yields the records whose index key starts with prefix, in index order.
func (t *Table[T]) Index(r Reader, index string, prefix ...any) iter.Seq[*T] {
	return typed[T](t.rows().index(r, index, prefix))
}

// Between yields the records whose index key is at or after from and before to.
func (t *Table[T]) Between(r Reader, index string, from, to Key) iter.Seq[*T] {
	return typed[T](t.rows().between(r, index, from, to))
}

// Page reads up to limit records whose key starts with prefix, from where
// token says; next is empty at the end. keep may be nil; it filters before
// counting. ok is false for a token that is none of ours.
func (t *Table[T]) Page(r Reader, prefix Key, token string, limit int, keep func(*T) bool) (list []*T, next string, ok bool) {
	next, ok = t.rows().page(r, prefix, token, limit, func(v any, full bool) bool { return take(&list, v.(*T), keep, full) })
	return list, next, ok
}

// PageIndex is Page in the order of an index, of which prefix is the beginning
// of the key.
func (t *Table[T]) PageIndex(r Reader, index string, prefix Key, token string, limit int, keep func(*T) bool) (list []*T, next string, ok bool) {
	next, ok = t.rows().pageIndex(r, index, prefix, token, limit, func(v any, full bool) bool { return take(&list, v.(*T), keep, full) })
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
