package trail

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/klauspost/compress/s2"

	"pileus/clock"
	"pileus/store"
)

// chunk is a run of events that are written, aged and dropped together. The
// events are a row of their own, so that learning of chunks reads none.
type chunk struct {
	Seq     int64     `cbor:"1,keyasint"`
	Count   int       `cbor:"2,keyasint"`
	Written time.Time `cbor:"3,keyasint"` // of the machine's time
	Denied  int64     `cbor:"4,keyasint"` // number of the last denial by then
}

// content is the events of a chunk.
type content struct {
	Seq    int64  `cbor:"1,keyasint"`
	Events []byte `cbor:"2,keyasint"` // stored events: CBOR, compressed
}

// denial is a refused call and why it was refused.
type denial struct {
	RequestID string `cbor:"1,keyasint"`
	Seq       int64  `cbor:"2,keyasint"`
	Event     stored `cbor:"3,keyasint"`
	Trace     []byte `cbor:"4,keyasint"` // JSON
}

var (
	chunks   = store.Table[chunk]{Name: "trail.chunk", Key: func(c *chunk) store.Key { return store.K(c.Seq) }}
	contents = store.Table[content]{Name: "trail.content", Key: func(c *content) store.Key { return store.K(c.Seq) }}
	denials  = store.Table[denial]{
		Name:    "trail.denial",
		Key:     func(d *denial) store.Key { return store.K(d.RequestID) },
		Indexes: map[string]func(*denial) store.Key{"age": func(d *denial) store.Key { return store.K(d.Seq) }},
	}
)

// full is how many events close a chunk. Until then each flush writes it anew
// with what came since.
const full = 512

// stored is an event's form in the store: an array, for want of names.
type stored struct {
	_         struct{} `cbor:",toarray"`
	Nanos     int64
	RequestID string
	Principal, PrincipalType, Account, AccessKey,
	SourceIP, UserAgent, Region, Service, Operation string
	Resources         []string
	ReadOnly          bool
	Internal          bool
	Status            int
	Code, Message     string
	Latency           int64
	BytesIn, BytesOut int64
}

func (e *Event) stored() stored {
	return stored{
		struct{}{}, e.Time.UnixNano(), e.RequestID, e.Principal, e.PrincipalType, e.Account, e.AccessKey,
		e.SourceIP, e.UserAgent, e.Region, e.Service, e.Operation, e.Resources, e.ReadOnly, e.Internal,
		e.Status, e.Code, e.Message, int64(e.Latency), e.BytesIn, e.BytesOut,
	}
}

func (s *stored) event() *Event {
	return &Event{
		time.Unix(0, s.Nanos).UTC(), s.RequestID, s.Principal, s.PrincipalType, s.Account, s.AccessKey,
		s.SourceIP, s.UserAgent, s.Region, s.Service, s.Operation, s.Resources, s.ReadOnly, s.Internal,
		s.Status, s.Code, s.Message, time.Duration(s.Latency), s.BytesIn, s.BytesOut, nil,
	}
}

// journal is the trail in the store.
type journal struct {
	db     store.Store
	clk    clock.Clock
	limits Limits

	mu      sync.Mutex
	opened  bool
	open    []*Event // of the last chunk, while it is not full
	seq     int64    // of the chunk that open goes to
	closed  []chunk  // the chunks before, oldest first
	denied  int64    // number of the last denial
	written uint64   // events of the ring that are in the store; Trail.mu guards it too
}

func (j *journal) forget() { j.opened, j.open, j.seq, j.closed, j.denied = false, nil, 0, nil, 0 }

// load learns what an earlier process has left; mu is held.
func (j *journal) load(ctx context.Context) error {
	if j.opened {
		return nil
	}
	err := j.db.View(ctx, func(r store.Reader) error {
		j.forget()
		for c := range chunks.Scan(r) {
			j.closed = append(j.closed, *c)
			j.seq, j.denied = c.Seq+1, c.Denied
		}
		return nil
	})
	j.opened = err == nil
	return err
}

// write adds events and drops what is past the limits, in one transaction.
func (j *journal) write(ctx context.Context, events []*Event) error {
	if err := j.load(ctx); err != nil {
		return err
	}
	next := j.plan(events)
	if err := next.commit(ctx, j); err != nil {
		return err
	}
	j.open, j.seq, j.closed, j.denied = next.open, next.seq, next.closed, next.denied
	return nil
}

// plan is one write: the rows to put and to drop, and the state after it.
type plan struct {
	puts     []chunk
	contents []content
	drops    []int64
	denials  []*denial

	open   []*Event
	seq    int64
	closed []chunk
	denied int64
}

func (j *journal) plan(events []*Event) *plan {
	p := &plan{seq: j.seq, closed: slices.Clone(j.closed), denied: j.denied}
	p.refuse(events)
	now := j.clk.Machine()
	all := slices.Concat(j.open, events)
	for len(all) > 0 {
		part := all[:min(full, len(all))]
		all = all[len(part):]
		c := chunk{p.seq, len(part), now, p.denied}
		p.puts = append(p.puts, c)
		p.contents = append(p.contents, content{p.seq, pack(part)})
		if len(part) < full {
			p.open = slices.Clone(part)
			break
		}
		p.closed = append(p.closed, c)
		p.seq++
	}
	p.retire(now, j.limits)
	return p
}

// refuse adds the denials among the events.
func (p *plan) refuse(events []*Event) {
	for _, e := range events {
		if e.Trace == nil {
			continue
		}
		trace, err := json.Marshal(e.Trace)
		if err != nil {
			trace, _ = json.Marshal(fmt.Sprintf("the trace could not be kept: %v", err)) // a string always encodes
		}
		p.denied++
		p.denials = append(p.denials, &denial{e.RequestID, p.denied, e.stored(), trace})
	}
}

// retire drops the oldest chunks beyond the limits.
func (p *plan) retire(now time.Time, l Limits) {
	total := len(p.open)
	for _, h := range p.closed {
		total += h.Count
	}
	for len(p.closed) > 0 {
		h := p.closed[0]
		if total <= l.Kept && now.Sub(h.Written) <= l.KeptFor {
			return
		}
		p.drops = append(p.drops, h.Seq)
		p.closed = p.closed[1:]
		total -= h.Count
	}
}

func (p *plan) commit(ctx context.Context, j *journal) error {
	return j.db.Update(ctx, func(tx store.Tx) error {
		for i := range p.puts {
			chunks.Put(tx, &p.puts[i])
			contents.Put(tx, &p.contents[i])
		}
		for _, seq := range p.drops {
			chunks.Delete(tx, seq)
			contents.Delete(tx, seq)
		}
		for _, d := range p.denials {
			denials.Put(tx, d)
		}
		if len(p.denials) > 0 {
			forgive(tx, p.denied-int64(j.limits.Denials))
		}
		return nil
	})
}

// forgive drops the denials up to a number.
func forgive(tx store.Tx, upTo int64) {
	var old []string
	for d := range denials.Between(tx, "age", store.K(int64(0)), store.K(upTo+1)) {
		old = append(old, d.RequestID)
	}
	for _, id := range old {
		denials.Delete(tx, id)
	}
}

// pack encodes events for a chunk.
func pack(events []*Event) []byte {
	rows := make([]stored, len(events))
	for i, e := range events {
		rows[i] = e.stored()
	}
	b, err := cbor.Marshal(rows)
	if err != nil {
		panic(fmt.Errorf("trail: encode events: %w", err)) // strings and numbers always encode
	}
	return s2.Encode(nil, b)
}

func unpack(b []byte) ([]*Event, error) {
	plain, err := s2.Decode(nil, b)
	if err != nil {
		return nil, fmt.Errorf("trail: decompress events: %w", err)
	}
	var rows []stored
	if err := store.Unmarshal(plain, &rows); err != nil {
		return nil, fmt.Errorf("trail: decode events: %w", err)
	}
	events := make([]*Event, len(rows))
	for i := range rows {
		events[i] = rows[i].event()
	}
	return events, nil
}

// backwards calls f with stored events from the last to the first until it
// says to stop.
func (j *journal) backwards(ctx context.Context, f func(*Event) bool) error {
	return j.db.View(ctx, func(r store.Reader) error {
		for c := range contents.ScanReverse(r) {
			events, err := unpack(c.Events)
			if err != nil {
				return err
			}
			for _, e := range slices.Backward(events) {
				if !f(e) {
					return nil
				}
			}
		}
		return nil
	})
}

// last is up to n events that pass the filter, oldest first: of live, the
// events in memory, and of those in the store that are older.
func (j *journal) last(ctx context.Context, n int, f Filter, live []*Event) (events []*Event, err error) {
	known := make(map[string]bool, len(live))
	for _, e := range slices.Backward(live) {
		known[e.RequestID] = true
		if len(events) < n && f.Match(e) {
			events = append(events, e)
		}
	}
	if len(events) < n {
		err = j.backwards(ctx, func(e *Event) bool {
			if !known[e.RequestID] && f.Match(e) {
				events = append(events, e)
			}
			return len(events) < n
		})
	}
	slices.Reverse(events)
	return events, err
}

func (j *journal) find(ctx context.Context, requestID string) (found *Event, err error) {
	d, err := j.denial(ctx, requestID)
	if err != nil {
		return nil, err
	}
	if d != nil {
		return d.Event.event(), nil
	}
	err = j.backwards(ctx, func(e *Event) bool {
		if e.RequestID == requestID {
			found = e
		}
		return found == nil
	})
	return found, err
}

func (j *journal) denial(ctx context.Context, requestID string) (d *denial, err error) {
	err = j.db.View(ctx, func(r store.Reader) error {
		d, _ = denials.Get(r, requestID)
		return nil
	})
	return d, err
}
