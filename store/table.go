package store

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"iter"
	"sync"

	"github.com/fxamacker/cbor/v2"
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
	memo     *memo[T]
}

// Record may be implemented by *T to take the place of CBOR where a profile
// asks for it.
type Record interface {
	AppendRecord(b []byte) []byte
	ParseRecord(b []byte) error
}

var encoding = func() cbor.EncMode {
	o := cbor.EncOptions{Time: cbor.TimeRFC3339Nano, Sort: cbor.SortNone}
	m, err := o.EncMode()
	if err != nil {
		panic(err)
	}
	return m
}()

func (t *Table[T]) prefix(b []byte) []byte {
	b = append(b, t.Name...)
	return append(b, '/')
}

func (t *Table[T]) indexPrefix(b []byte, index string) []byte {
	b = append(b, t.Name...)
	b = append(b, '.')
	b = append(b, index...)
	return append(b, '/')
}

func (t *Table[T]) row(k Key) []byte { return k.Append(t.prefix(make([]byte, 0, 96))) }

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
	tx.Put(row, t.encode(v))
	for name, f := range t.Indexes {
		var before, after []byte
		if old != nil {
			before = t.entry(name, f(old), row)
		}
		if after = t.entry(name, f(v), row); bytes.Equal(before, after) {
			continue
		}
		if before != nil {
			tx.Delete(before)
		}
		if after != nil {
			tx.Put(after, nil)
		}
	}
}

func (t *Table[T]) deindex(tx Tx, old *T, row []byte) {
	for name, f := range t.Indexes {
		if entry := t.entry(name, f(old), row); entry != nil {
			tx.Delete(entry)
		}
	}
}

// entry is the index's row for a record; nil for one that is not in the index.
func (t *Table[T]) entry(name string, k Key, row []byte) []byte {
	if k == nil {
		return nil
	}
	return t.indexRow(name, k, row)
}

// indexRow is the index key followed by the record's own key, as one bytes
// element, so that equal index keys stay apart and the row can be found.
func (t *Table[T]) indexRow(name string, k Key, row []byte) []byte {
	b := k.Append(t.indexPrefix(make([]byte, 0, 160), name))
	return appendEscaped(append(b, tagBytes), row[len(t.Name)+1:])
}

func (t *Table[T]) encode(v *T) []byte {
	b := append(make([]byte, 0, 256), t.Version)
	if rec, ok := any(v).(Record); ok {
		return rec.AppendRecord(b)
	}
	buf := bytes.NewBuffer(b)
	if err := encoding.NewEncoder(buf).Encode(v); err != nil {
		panic(fmt.Errorf("store: encode %s: %w", t.Name, err))
	}
	return buf.Bytes()
}

func (t *Table[T]) decode(row, b []byte) *T {
	if t.Memo > 0 {
		return t.remembered(row, b)
	}
	return t.parse(b)
}

func (t *Table[T]) remembered(row, b []byte) *T {
	t.memoOnce.Do(func() {
		limit := t.Memo
		if limit == 0 {
			limit = peekMemo
		}
		t.memo = newMemo[T](limit)
	})
	return t.memo.get(row, b, t.parse)
}

func (t *Table[T]) parse(b []byte) *T {
	v := new(T)
	t.parseInto(v, b)
	return v
}

// parseInto decodes a record into v, which is zero.
func (t *Table[T]) parseInto(v *T, b []byte) {
	if len(b) == 0 {
		panic(failure{fmt.Errorf("store: empty record in %s", t.Name)})
	}
	version, body := b[0], b[1:]
	for version < t.Version {
		up, ok := t.Migrate[version]
		if !ok {
			panic(failure{fmt.Errorf("store: %s has records of version %d and no way to migrate them", t.Name, version)})
		}
		var err error
		if body, err = up(body); err != nil {
			panic(failure{fmt.Errorf("store: migrate %s from version %d: %w", t.Name, version, err)})
		}
		version++
	}
	var err error
	if rec, ok := any(v).(Record); ok {
		err = rec.ParseRecord(body)
	} else {
		err = cbor.Unmarshal(body, v)
	}
	if err != nil {
		panic(failure{fmt.Errorf("store: decode %s: %w", t.Name, err)})
	}
}

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
			t.parseInto(v, b)
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
	from := Key(prefix).Append(t.indexPrefix(nil, index))
	return t.indexed(r, index, Range{From: from, To: Next(from)})
}

// Between yields the records whose index key is at or after from and before to.
func (t *Table[T]) Between(r Reader, index string, from, to Key) iter.Seq[*T] {
	p := t.indexPrefix(nil, index)
	return t.indexed(r, index, Range{From: from.Append(p[:len(p):len(p)]), To: to.Append(p[:len(p):len(p)])})
}

func (t *Table[T]) indexed(r Reader, index string, rg Range) iter.Seq[*T] {
	t.mustHave(index)
	return func(yield func(*T) bool) {
		for k := range r.Scan(rg) {
			if !yield(t.indexedRecord(r, index, k)) {
				return
			}
		}
	}
}

func (t *Table[T]) mustHave(index string) {
	if _, ok := t.Indexes[index]; !ok {
		panic("store: table " + t.Name + " has no index " + index)
	}
}

// indexedRecord is the record that an index entry names.
func (t *Table[T]) indexedRecord(r Reader, index string, entry []byte) *T {
	row := t.rowOf(entry)
	b, ok := r.Get(row)
	if !ok {
		panic(failure{fmt.Errorf("store: index %s.%s names a record that is not there", t.Name, index)})
	}
	return t.decode(row, b)
}

// rowOf is the record's key, which is the last element of an index entry.
func (t *Table[T]) rowOf(entry []byte) []byte {
	k, err := ParseKey(entry[bytes.IndexByte(entry, '/')+1:])
	if err != nil || len(k) == 0 {
		panic(failure{fmt.Errorf("store: malformed index entry in %s", t.Name)})
	}
	last, ok := k[len(k)-1].([]byte)
	if !ok {
		panic(failure{fmt.Errorf("store: malformed index entry in %s", t.Name)})
	}
	return append(t.prefix(make([]byte, 0, len(last)+32)), last...)
}

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
func (t *Table[T]) Page(r Reader, prefix Key, token string, limit int, keep func(*T) bool) (page []*T, next string, ok bool) {
	return t.page(r, t.row(prefix), token, limit, keep, func(k, b []byte) *T { return t.decode(k, b) })
}

// PageIndex is Page in the order of an index, of which prefix is the beginning
// of the key.
func (t *Table[T]) PageIndex(r Reader, index string, prefix Key, token string, limit int, keep func(*T) bool) (page []*T, next string, ok bool) {
	t.mustHave(index)
	base := prefix.Append(t.indexPrefix(nil, index))
	return t.page(r, base, token, limit, keep, func(k, _ []byte) *T { return t.indexedRecord(r, index, k) })
}

// page reads one page of the rows that start with base. A token is what
// follows base in the row that the next page begins with.
func (t *Table[T]) page(r Reader, base []byte, token string, limit int, keep func(*T) bool, record func(k, b []byte) *T) (page []*T, next string, ok bool) {
	from := base
	if token != "" {
		rest, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return nil, "", false
		}
		from = append(base[:len(base):len(base)], rest...)
	}
	for k, b := range r.Scan(Range{From: from, To: Next(base)}) {
		v := record(k, b)
		if keep != nil && !keep(v) {
			continue
		}
		if len(page) == limit {
			return page, base64.RawURLEncoding.EncodeToString(k[len(base):]), true
		}
		page = append(page, v)
	}
	return page, "", true
}
