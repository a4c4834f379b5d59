package store

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

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

var decoding = func() cbor.DecMode {
	m, err := cbor.DecOptions{UTF8: cbor.UTF8DecodeInvalid}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// Unmarshal reads CBOR, whatever was written: a string may hold bytes that are
// no UTF-8, as keys and what clients send do, and what cannot be read again
// would be lost.
func Unmarshal(b []byte, v any) error { return decoding.Unmarshal(b, v) }

// tablePrefix begins the rows of a table.
func tablePrefix(name string, b []byte) []byte {
	b = append(b, name...)
	return append(b, '/')
}

// indexPrefix begins the entries of an index.
func indexPrefix(name, index string, b []byte) []byte {
	b = append(b, name...)
	b = append(b, '.')
	b = append(b, index...)
	return append(b, '/')
}

func rowOf(name string, k Key) []byte { return k.Append(tablePrefix(name, make([]byte, 0, 96))) }

// indexEntry is an index's row for a record, nil for one that is not in the
// index: the index key followed by the record's own key, as one bytes element,
// so that equal index keys stay apart and the row can be found.
func indexEntry(name, index string, k Key, row []byte) []byte {
	if k == nil {
		return nil
	}
	b := k.Append(indexPrefix(name, index, make([]byte, 0, 160)))
	return appendEscaped(append(b, tagBytes), row[len(name)+1:])
}

// reindex moves a record's entry of an index from one key to another.
func reindex(tx Tx, name, index string, before, after Key, row []byte) {
	old, now := indexEntry(name, index, before, row), indexEntry(name, index, after, row)
	if bytes.Equal(old, now) {
		return
	}
	if old != nil {
		tx.Delete(old)
	}
	if now != nil {
		tx.Put(now, nil)
	}
}

// entryRow is the row that an index entry leads to: its last element.
func entryRow(name string, entry []byte) []byte {
	k, err := ParseKey(entry[bytes.IndexByte(entry, '/')+1:])
	if err != nil || len(k) == 0 {
		panic(failure{fmt.Errorf("store: malformed index entry in %s", name)})
	}
	last, ok := k[len(k)-1].([]byte)
	if !ok {
		panic(failure{fmt.Errorf("store: malformed index entry in %s", name)})
	}
	return append(tablePrefix(name, make([]byte, 0, len(last)+32)), last...)
}

// entryRecord reads what an index entry leads to.
func entryRecord(r Reader, name, index string, entry []byte) (row, b []byte) {
	row = entryRow(name, entry)
	b, ok := r.Get(row)
	if !ok {
		panic(failure{fmt.Errorf("store: index %s.%s names a record that is not there", name, index)})
	}
	return row, b
}

// encode is a record's bytes, of a version.
func encode(name string, version uint8, v any) []byte {
	b := append(make([]byte, 0, 256), version)
	if rec, ok := v.(Record); ok {
		return rec.AppendRecord(b)
	}
	buf := bytes.NewBuffer(b)
	if err := encoding.NewEncoder(buf).Encode(v); err != nil {
		panic(fmt.Errorf("store: encode %s: %w", name, err))
	}
	return buf.Bytes()
}

// parse decodes a record into v, which is zero.
func parse(name string, version uint8, migrate map[uint8]func([]byte) ([]byte, error), v any, b []byte) {
	if len(b) == 0 {
		panic(failure{fmt.Errorf("store: empty record in %s", name)})
	}
	has, body := b[0], b[1:]
	for has < version {
		up, ok := migrate[has]
		if !ok {
			panic(failure{fmt.Errorf("store: %s has records of version %d and no way to migrate them", name, has)})
		}
		var err error
		if body, err = up(body); err != nil {
			panic(failure{fmt.Errorf("store: migrate %s from version %d: %w", name, has, err)})
		}
		has++
	}
	var err error
	if rec, ok := v.(Record); ok {
		err = rec.ParseRecord(body)
	} else {
		err = Unmarshal(body, v)
	}
	if err != nil {
		panic(failure{fmt.Errorf("store: decode %s: %w", name, err)})
	}
}

// page walks the rows that start with base from where a token says. take tells
// whether it took a row: at the first beyond limit the walk ends, and next is
// the token for it. A token is what follows base in the row.
func page(r Reader, base []byte, token string, limit int, take func(k, b []byte, full bool) (taken bool)) (next string, ok bool) {
	from := base
	if token != "" {
		rest, ok := ReadCursor(token)
		if !ok {
			return "", false
		}
		from = append(base[:len(base):len(base)], rest...)
	}
	n := 0
	for k, b := range r.Scan(Range{From: from, To: Next(base)}) {
		if !take(k, b, n == limit) {
			continue
		}
		if n == limit {
			return Cursor(k[len(base):]), true
		}
		n++
	}
	return "", true
}
