package store

import (
	"bytes"
	"sync"
)

// memo remembers decoded records by row. An entry is good for exactly the
// bytes that it was decoded from, so a reader of any snapshot gets the record
// of that snapshot.
type memo[T any] struct {
	mu    sync.RWMutex
	limit int
	rows  map[string]memoEntry[T]
}

type memoEntry[T any] struct {
	raw []byte
	v   *T
}

func newMemo[T any](limit int) *memo[T] {
	return &memo[T]{limit: limit, rows: make(map[string]memoEntry[T])}
}

func (m *memo[T]) get(row, raw []byte, parse func([]byte) *T) *T {
	m.mu.RLock()
	e, ok := m.rows[string(row)]
	m.mu.RUnlock()
	if ok && bytes.Equal(e.raw, raw) {
		return e.v
	}
	raw = bytes.Clone(raw)
	v := parse(raw)
	m.mu.Lock()
	if len(m.rows) >= m.limit {
		for k := range m.rows { // any one: the map's order is random
			delete(m.rows, k)
			break
		}
	}
	m.rows[string(row)] = memoEntry[T]{raw, v}
	m.mu.Unlock()
	return v
}
