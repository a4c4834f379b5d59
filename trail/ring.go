package trail

// ring holds the latest events, bounded by their number and their size.
type ring struct {
	buf   []*Event
	first int // index of the oldest
	n     int
	bytes int
	limit int    // of bytes
	next  uint64 // number of the next event; the oldest held is next-n
}

func newRing(count, bytes int) ring { return ring{buf: make([]*Event, count), limit: bytes} }

func (r *ring) push(e *Event) {
	size := e.size()
	for r.n > 0 && (r.n == len(r.buf) || r.bytes+size > r.limit) {
		r.drop()
	}
	r.buf[(r.first+r.n)%len(r.buf)] = e
	r.n++
	r.bytes += size
	r.next++
}

func (r *ring) drop() {
	r.bytes -= r.buf[r.first].size()
	r.buf[r.first] = nil
	r.first = (r.first + 1) % len(r.buf)
	r.n--
}

// since appends the events from number on that are still held, and tells how
// many were dropped before they were asked for.
func (r *ring) since(number uint64, to []*Event) (events []*Event, missed int) {
	oldest := r.next - uint64(r.n)
	if number < oldest {
		missed = int(oldest - number)
		number = oldest
	}
	for ; number < r.next; number++ {
		to = append(to, r.at(int(number-oldest)))
	}
	return to, missed
}

// at is the i-th event from the oldest.
func (r *ring) at(i int) *Event { return r.buf[(r.first+i)%len(r.buf)] }

func (r *ring) clear() {
	for r.n > 0 {
		r.drop()
	}
}
