package blob

import (
	"io"
	"io/fs"
	"slices"
	"sync"
)

// memory keeps files of an ephemeral cloud.
type memory struct {
	mu    sync.RWMutex
	files map[string]*memoryFile
}

// memoryFile is content in pieces as they were written, so that growing it
// copies nothing.
type memoryFile struct {
	pieces [][]byte
	starts []int64
	size   int64
}

func newMemory() *memory { return &memory{files: make(map[string]*memoryFile)} }

func (m *memory) create(id string, _ int64) (sink, error) {
	return &memorySink{m: m, id: id}, nil
}

func (m *memory) open(id string) (source, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	f, ok := m.files[id]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return f, nil
}

func (m *memory) remove(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, id)
	return nil
}

func (m *memory) list(f func(string) error) error {
	m.mu.RLock()
	ids := make([]string, 0, len(m.files))
	for id := range m.files {
		ids = append(ids, id)
	}
	m.mu.RUnlock()
	for _, id := range ids {
		if err := f(id); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) clear(keep func() ([]string, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids, err := keep()
	if err != nil {
		return err
	}
	kept := make(map[string]*memoryFile, len(ids))
	for _, id := range ids {
		if f, ok := m.files[id]; ok {
			kept[id] = f
		}
	}
	m.files = kept
	return nil
}

type memorySink struct {
	m  *memory
	id string
	f  memoryFile
}

func (s *memorySink) Write(b []byte) (int, error) {
	s.f.pieces = append(s.f.pieces, slices.Clone(b))
	s.f.starts = append(s.f.starts, s.f.size)
	s.f.size += int64(len(b))
	return len(b), nil
}

func (s *memorySink) finish() error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.files[s.id] = &s.f
	return nil
}

func (s *memorySink) abort() {}

func (f *memoryFile) ReadAt(b []byte, off int64) (n int, err error) {
	i, found := slices.BinarySearch(f.starts, off)
	if !found {
		i--
	}
	for ; i >= 0 && i < len(f.pieces) && n < len(b); i++ {
		if at := off + int64(n) - f.starts[i]; at < int64(len(f.pieces[i])) {
			n += copy(b[n:], f.pieces[i][at:])
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memoryFile) Close() error { return nil }
