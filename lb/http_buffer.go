package lb

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

var errFull = errors.New("the buffer is full")

// Sizes of buffers: heads mostly fit into the small one, bodies are moved
// with the large one.
const (
	smallBuffer = 4 << 10
	largeBuffer = 32 << 10
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallBuffer]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}
)

// buffer holds what was read and not yet used.
type buffer struct {
	b     []byte
	r, w  int
	small *[smallBuffer]byte // what b is, unless it has grown
}

func (b *buffer) data() []byte { return b.b[b.r:b.w] }

// used drops n bytes.
func (b *buffer) used(n int) {
	b.r += n
	if b.r == b.w {
		b.r, b.w = 0, 0
	}
}

// fill reads once; the buffer grows up to max bytes.
func (b *buffer) fill(from io.Reader, max int) (int, error) {
	if b.b == nil {
		b.small = smallBuffers.Get().(*[smallBuffer]byte)
		b.b = b.small[:]
	}
	if b.w == len(b.b) {
		if b.r > 0 {
			b.w = copy(b.b, b.b[b.r:b.w])
			b.r = 0
		} else if len(b.b) < max {
			grown := make([]byte, min(max, 4*len(b.b)))
			copy(grown, b.b)
			b.b = grown
			b.giveBack()
		} else {
			return 0, errFull
		}
	}
	n, err := from.Read(b.b[b.w:])
	b.w += n
	return n, err
}

// shrink lets go of memory that a large head has needed.
func (b *buffer) shrink() {
	if b.r == b.w && len(b.b) > smallBuffer {
		b.b, b.r, b.w = nil, 0, 0
	}
}

func (b *buffer) giveBack() {
	if b.small != nil {
		smallBuffers.Put(b.small)
		b.small = nil
	}
}

// free ends the buffer's use.
func (b *buffer) free() {
	b.giveBack()
	*b = buffer{}
}

// headEnd is where a head ends, after its empty line; -1 if it does not yet.
func headEnd(data []byte) int {
	if i := bytes.Index(data, crlf2); i >= 0 {
		// A line that ends with LF alone could have ended it before.
		if j := bytes.Index(data[:i], lf2); j >= 0 {
			return j + 2
		}
		return i + 4
	}
	if i := bytes.Index(data, lf2); i >= 0 {
		return i + 2
	}
	if i := bytes.Index(data, lfcrlf); i >= 0 {
		return i + 3
	}
	return -1
}

var (
	crlf2  = []byte("\r\n\r\n")
	lf2    = []byte("\n\n")
	lfcrlf = []byte("\n\r\n")
)
