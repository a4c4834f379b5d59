package sql

import "io"

const (
	maxRecord = 1 << 20 // bytes of a record, in and out
	window    = 64 << 10
)

// Section is the part of an object whose records are read: those that begin
// within it.
type Section struct {
	From int64 // offset of the first byte that the reader gives
	To   int64 // offset of the last byte at which a record may begin
	// Within tells that the reader begins before the section, at what may be
	// the middle of a record, with as many bytes as end a record.
	Within bool
}

// source is a window on what is read.
type source struct {
	r    io.Reader
	buf  []byte // what has been read and not used
	room []byte // where buf lies
	at   int64  // offset of buf[0]
	err  error  // of the reader
}

// fill reads more behind buf; false at the end or on an error. It reads as much
// again as is there, so that looking through buf after each time takes no more
// than a multiple of what is read.
func (s *source) fill() bool {
	if s.err != nil {
		return false
	}
	if len(s.buf) == cap(s.buf) {
		if len(s.buf) > len(s.room)/2 || s.room == nil {
			s.room = make([]byte, max(window, 2*len(s.room)))
		}
		s.buf = s.room[:copy(s.room, s.buf)]
	}
	room := s.buf[len(s.buf):cap(s.buf)]
	n, err := io.ReadAtLeast(s.r, room, min(len(room), max(1, len(s.buf))))
	if s.err = err; err == io.ErrUnexpectedEOF {
		s.err = io.EOF
	}
	s.buf = s.buf[:len(s.buf)+n]
	return n > 0
}

// take goes past n bytes.
func (s *source) take(n int) {
	s.buf = s.buf[n:]
	s.at += int64(n)
}

// failure is the reader's error, nil at the end.
func (s *source) failure() error {
	if s.err == io.EOF {
		return nil
	}
	return s.err
}
