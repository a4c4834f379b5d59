package store

import (
	"cmp"
	"iter"
	"reflect"
	"sync"
)

// rows is a table whose records may be of any type: each v is a *T of its
// table. The compiler makes the methods of Table[T] anew for each T, and there
// are hundreds; what they have in common is here once.
type rows struct {
	name    string
	key     func(v any) Key
	indexes []order
	version uint8
	migrate map[uint8]func([]byte) ([]byte, error)
	fresh   func() any // a zero record
	shared  bool       // all readers share the records that memo holds
	memo    *memo
}

// order is an index: the records by another key.
type order struct {
	name string
	key  func(v any) Key
}

// peekMemo is how many records Peek remembers where Memo does not say.
const peekMemo = 4096

// untyped makes a table's rows when they are first needed.
type untyped struct {
	once sync.Once
	rows rows
}

func (t *Table[T]) rows() *rows {
	t.untyped.once.Do(t.describe)
	return &t.untyped.rows
}

func (t *Table[T]) describe() {
	u := &t.untyped.rows
	*u = rows{name: t.Name, version: t.Version, migrate: t.Migrate, fresh: fresh[T], shared: t.Memo > 0}
	u.key = func(v any) Key { return t.Key(v.(*T)) }
	u.describe(t.Memo, reflect.ValueOf(t.Indexes), func(name string) func(any) Key {
		f := t.Indexes[name]
		return func(v any) Key { return f(v.(*T)) }
	})
}

// describe adds what is remembered and the indexes, whose names are the keys
// of a map; of finds their functions.
func (t *rows) describe(limit int, indexes reflect.Value, of func(name string) func(v any) Key) {
	t.memo = newMemo(cmp.Or(limit, peekMemo))
	for _, k := range indexes.MapKeys() {
		t.indexes = append(t.indexes, order{k.String(), of(k.String())})
	}
}

func fresh[T any]() any { return new(T) }

// typed gives records their type back.
func typed[T any](s iter.Seq[any]) iter.Seq[*T] {
	return func(yield func(*T) bool) { s(func(v any) bool { return yield(v.(*T)) }) }
}

func (t *rows) row(k Key) []byte { return rowOf(t.name, k) }

// get is the record with the key, nil if there is none.
func (t *rows) get(r Reader, key Key) any {
	row := t.row(key)
	if b, ok := r.Get(row); ok {
		return t.decode(row, b)
	}
	return nil
}

// peek is get for those who only read.
func (t *rows) peek(r Reader, key Key) any {
	row := t.row(key)
	if b, ok := r.Get(row); ok {
		return t.remembered(row, b)
	}
	return nil
}

func (t *rows) has(r Reader, key Key) bool {
	_, ok := r.Get(t.row(key))
	return ok
}

// put writes v and its index entries.
func (t *rows) put(tx Tx, v any) {
	row := t.row(t.key(v))
	var old any
	if len(t.indexes) > 0 {
		if b, ok := tx.Get(row); ok {
			old = t.decode(row, b)
		}
	}
	t.write(tx, row, v, old)
}

func (t *rows) insert(tx Tx, v any) { t.write(tx, t.row(t.key(v)), v, nil) }

// write puts v in the place of old, which is nil where there was none or it
// does not matter. Index entries that stay the same are not touched.
func (t *rows) write(tx Tx, row []byte, v, old any) {
	tx.Put(row, encode(t.name, t.version, v))
	for _, x := range t.indexes {
		var before Key
		if old != nil {
			before = x.key(old)
		}
		reindex(tx, t.name, x.name, before, x.key(v), row)
	}
}

// remove takes the record with the key out, and its index entries.
func (t *rows) remove(tx Tx, key Key) {
	row := t.row(key)
	if len(t.indexes) > 0 {
		if b, ok := tx.Get(row); ok {
			old := t.decode(row, b)
			for _, x := range t.indexes {
				reindex(tx, t.name, x.name, x.key(old), nil, row)
			}
		}
	}
	tx.Delete(row)
}

// removeAll takes every record out whose key starts with prefix.
func (t *rows) removeAll(tx Tx, prefix Key) {
	if len(t.indexes) > 0 {
		for v := range t.scan(tx, prefix) {
			t.remove(tx, t.key(v))
		}
		return
	}
	from := t.row(prefix)
	tx.DeleteRange(from, Next(from))
}

func (t *rows) decode(row, b []byte) any {
	if t.shared {
		return t.remembered(row, b)
	}
	v := t.fresh()
	t.fill(v, b)
	return v
}

func (t *rows) remembered(row, b []byte) any { return t.memo.get(row, b, t.fresh, t.fill) }

// fill decodes a record into v, which is zero.
func (t *rows) fill(v any, b []byte) { parse(t.name, t.version, t.migrate, v, b) }

// scan yields the records whose key starts with prefix.
func (t *rows) scan(r Reader, prefix Key) iter.Seq[any] {
	from := t.row(prefix)
	return t.span(r, Range{From: from, To: Next(from)})
}

// back is scan from the last record to the first.
func (t *rows) back(r Reader, prefix Key) iter.Seq[any] {
	from := t.row(prefix)
	return t.span(r, Range{From: from, To: Next(from), Reverse: true})
}

// onward is the range of the rows that start with prefix, from start on.
func (t *rows) onward(prefix, start Key) Range {
	return Range{From: t.row(start), To: Next(t.row(prefix))}
}

func (t *rows) span(r Reader, rg Range) iter.Seq[any] {
	return func(yield func(any) bool) {
		for k, b := range r.Scan(rg) {
			if !yield(t.decode(k, b)) {
				return
			}
		}
	}
}

// count is how many records have a key that starts with prefix.
func (t *rows) count(r Reader, prefix Key) (n int) {
	from := t.row(prefix)
	for range r.Scan(Range{From: from, To: Next(from)}) {
		n++
	}
	return n
}

// prefix begins the entries of an index, which there has to be.
func (t *rows) prefix(index string) []byte {
	for _, x := range t.indexes {
		if x.name == index {
			p := indexPrefix(t.name, index, nil)
			return p[:len(p):len(p)]
		}
	}
	panic("store: table " + t.name + " has no index " + index)
}

// entry is the record that an entry of an index leads to.
func (t *rows) entry(r Reader, index string, k []byte) any {
	return t.decode(entryRecord(r, t.name, index, k))
}

// index yields the records whose index key starts with prefix.
func (t *rows) index(r Reader, index string, prefix Key) iter.Seq[any] {
	from := prefix.Append(t.prefix(index))
	return t.indexed(r, index, Range{From: from, To: Next(from)})
}

// between yields the records whose index key is at or after from and before to.
func (t *rows) between(r Reader, index string, from, to Key) iter.Seq[any] {
	p := t.prefix(index)
	return t.indexed(r, index, Range{From: from.Append(p), To: to.Append(p)})
}

func (t *rows) indexed(r Reader, index string, rg Range) iter.Seq[any] {
	return func(yield func(any) bool) {
		for k := range r.Scan(rg) {
			if !yield(t.entry(r, index, k)) {
				return
			}
		}
	}
}

// page reads up to limit records whose key starts with prefix. take is told of
// each, and whether the page is full; it says whether it wants it.
func (t *rows) page(r Reader, prefix Key, token string, limit int, take func(v any, full bool) bool) (next string, ok bool) {
	return page(r, t.row(prefix), token, limit, func(k, b []byte, full bool) bool { return take(t.decode(k, b), full) })
}

// pageIndex is page in the order of an index.
func (t *rows) pageIndex(r Reader, index string, prefix Key, token string, limit int, take func(v any, full bool) bool) (next string, ok bool) {
	return page(r, prefix.Append(t.prefix(index)), token, limit, func(k, _ []byte, full bool) bool { return take(t.entry(r, index, k), full) })
}
