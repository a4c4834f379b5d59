package pebble

// arena copies small values to where they stay until the transaction ends. A
// chunk that is full is left to the garbage collector, so a long scan costs no
// more memory than what the caller keeps of it.
type arena struct{ chunk []byte }

const (
	firstChunk  = 2 << 10
	chunkLimit  = 32 << 10
	largeValue  = 4 << 10 // from here on a value is lent, or allocated by itself
	poisonValue = 0xdb
)

func (a *arena) copy(b []byte) []byte {
	if len(b) > largeValue {
		return append(make([]byte, 0, len(b)), b...)
	}
	if len(a.chunk)+len(b) > cap(a.chunk) {
		a.chunk = make([]byte, 0, min(chunkLimit, max(firstChunk, 2*cap(a.chunk), 2*len(b))))
	}
	n := len(a.chunk)
	a.chunk = append(a.chunk, b...)
	return a.chunk[n:len(a.chunk):len(a.chunk)]
}

// reset makes the last chunk free again. poison overwrites it, so that who
// keeps a slice beyond its transaction sees it at once.
func (a *arena) reset(poison bool) {
	if poison {
		for i := range a.chunk {
			a.chunk[i] = poisonValue
		}
	}
	a.chunk = a.chunk[:0]
}
