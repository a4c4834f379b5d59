package store

import (
	"bytes"
	"sync"
)

// memo remembers decoded records by row. An entry is good for exactly the
// bytes that it was decoded from, so a reader of any snapshot gets the record
// of that snapshot.
type memo struct {
	mu    sync.RWMutex
	limit int
	rows  map[string]memoEntry
}

type memoEntry struct {
	raw []byte
	v   any // a *T of its table
}

func newMemo(limit int) *memo {
	return &memo{limit: limit, rows: make(map[string]memoEntry)}
}

// get is the record of a row, which fill decodes into fresh if it has to.
func (m *memo) get(row, raw []byte, fresh func() any, fill func(v any, raw []byte)) any {
	m.mu.RLock()
	e, ok := m.rows[string(row)]
	m.mu.RUnlock()
	if ok && bytes.Equal(e.raw, raw) {
		return e.v
	}
	raw = bytes.Clone(raw)
	v := fresh()
	fill(v, raw)
	m.mu.Lock()
	if len(m.rows) >= m.limit {
		for k := range m.rows { // any one: the map's order is random
			delete(m.rows, k)
			break
		}
	}
	m.rows[string(row)] = memoEntry{raw, v}
	m.mu.Unlock()
	return v
}
