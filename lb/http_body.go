package lb

import (
	"errors"
	"io"
	"strconv"
)

var errChunk = errors.New("malformed chunked encoding")

// chunks reads chunked coding piece by piece.
// https://www.rfc-editor.org/rfc/rfc9112#section-7.1
type chunks struct {
	state   chunkState
	left    int64 // of the chunk's content
	digits  int
	trailer []byte // the trailer's lines, with their ends
	line    int    // length of the line that is read
}

type chunkState int

const (
	chunkSize chunkState = iota
	chunkExtension
	chunkData
	chunkEnd
	chunkTrailer
	chunkDone
)

// next takes what b has: content, or parts of the framing. used is how many
// bytes it has taken; content, if any, lies at their end.
func (c *chunks) next(b []byte) (content []byte, used int, err error) {
	for used < len(b) && c.state != chunkDone {
		if c.state == chunkData {
			n := int(min(c.left, int64(len(b)-used)))
			content = b[used : used+n]
			if c.left -= int64(n); c.left == 0 {
				c.state = chunkEnd
			}
			return content, used + n, nil
		}
		if err := c.frame(b[used]); err != nil {
			return nil, used, err
		}
		used++
	}
	return nil, used, nil
}

// frame takes a byte of what is around the content.
func (c *chunks) frame(b byte) error {
	switch c.state {
	case chunkSize:
		if v, ok := hexValue(b); ok && c.digits < 15 {
			c.left, c.digits = c.left<<4|int64(v), c.digits+1
			return nil
		}
		if c.digits == 0 || b != '\r' && b != '\n' && b != ';' && b != ' ' && b != '\t' {
			return errChunk
		}
		c.state, c.line = chunkExtension, 0
		fallthrough
	case chunkExtension:
		if c.line++; c.line > maxLine {
			return errChunk
		}
		if b == '\n' {
			c.sizeRead()
		}
	case chunkEnd:
		if b == '\n' {
			c.state, c.left, c.digits = chunkSize, 0, 0
		} else if b != '\r' {
			return errChunk
		}
	case chunkTrailer:
		c.trailer = append(c.trailer, b)
		if len(c.trailer) > maxLine {
			return errChunk
		}
		if b == '\n' {
			if c.line == 0 {
				c.state = chunkDone
			}
			c.line = 0
		} else if b != '\r' {
			c.line++
		}
	}
	return nil
}

func (c *chunks) sizeRead() {
	c.line = 0
	if c.state = chunkData; c.left == 0 {
		c.state = chunkTrailer
	}
}

func hexValue(b byte) (byte, bool) {
	switch {
	case '0' <= b && b <= '9':
		return b - '0', true
	case 'a' <= b && b <= 'f':
		return b - 'a' + 10, true
	case 'A' <= b && b <= 'F':
		return b - 'A' + 10, true
	}
	return 0, false
}

// body reads the content of a message from a connection's buffer.
type body struct {
	in     *buffer
	from   io.Reader // fills in; sets deadlines
	left   int64     // of a known length; untilEOF for a body without one
	chunks *chunks   // for chunked coding
	err    error
}

const untilEOF = -2

// ended tells whether all of it was read.
func (b *body) ended() bool {
	if b.chunks != nil {
		return b.chunks.state == chunkDone
	}
	return b.left == 0
}

// buffered is the content that needs no reading; nil if there is none yet.
// Framing is taken along. The slice is good until the next call.
func (b *body) buffered() ([]byte, error) {
	for !b.ended() && len(b.in.data()) > 0 {
		if b.chunks != nil {
			content, used, err := b.chunks.next(b.in.data())
			b.in.used(used)
			if err != nil || len(content) > 0 {
				return content, err
			}
			continue
		}
		d := b.in.data()
		if b.left >= 0 {
			d = d[:min(int64(len(d)), b.left)]
			b.left -= int64(len(d))
		}
		b.in.used(len(d))
		return d, nil
	}
	return nil, nil
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	for !b.ended() {
		if len(b.in.data()) == 0 {
			if b.chunks == nil && len(p) >= smallBuffer { // past the buffer
				return b.direct(p)
			}
			if _, err := b.in.fill(b.from, smallBuffer); err != nil {
				return 0, b.fail(err)
			}
		}
		n, err := b.copy(p)
		if n > 0 || err != nil {
			return n, err
		}
	}
	b.err = io.EOF
	return 0, io.EOF
}

// copy moves what is buffered.
func (b *body) copy(p []byte) (int, error) {
	if b.chunks != nil {
		d := b.in.data()
		if b.chunks.state == chunkData {
			d = d[:min(len(d), len(p))]
		}
		content, used, err := b.chunks.next(d)
		if len(content) > len(p) { // the frame before it was in d as well
			content, used, err = b.rewind(content, used, len(p))
		}
		n := copy(p, content)
		b.in.used(used)
		if err != nil {
			b.err = err
		}
		return n, err
	}
	d := b.in.data()
	if b.left >= 0 {
		d = d[:min(int64(len(d)), b.left)]
	}
	n := copy(p, d)
	b.in.used(n)
	if b.left >= 0 {
		b.left -= int64(n)
	}
	return n, nil
}

// rewind gives back content that finds no room.
func (b *body) rewind(content []byte, used, room int) ([]byte, int, error) {
	over := len(content) - room
	b.chunks.left += int64(over)
	b.chunks.state = chunkData
	return content[:room], used - over, nil
}

func (b *body) direct(p []byte) (int, error) {
	if b.left >= 0 {
		p = p[:min(int64(len(p)), b.left)]
	}
	n, err := b.from.Read(p)
	if b.left >= 0 {
		b.left -= int64(n)
	}
	if n > 0 {
		return n, nil
	}
	return 0, b.fail(err)
}

func (b *body) fail(err error) error {
	if err == io.EOF {
		if b.left == untilEOF && b.chunks == nil {
			b.left, b.err = 0, io.EOF
			return io.EOF
		}
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	return err
}

// appendChunk writes content as a chunk.
func appendChunk(to, content []byte) []byte {
	to = strconv.AppendInt(to, int64(len(content)), 16)
	to = append(to, '\r', '\n')
	to = append(to, content...)
	return append(to, '\r', '\n')
}

// appendLast writes the last chunk and the trailer, which ends with its empty
// line if there is any.
func appendLast(to, trailer []byte) []byte {
	to = append(to, '0', '\r', '\n')
	if len(trailer) == 0 {
		return append(to, '\r', '\n')
	}
	return append(to, trailer...)
}
