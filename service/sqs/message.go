package sqs

import (
	"time"

	"pileus/store"
)

// message is one message of a queue. In a standard queue its place is the time
// at which it can be received: a message becomes visible because its time has
// come, and whoever takes one moves it to the end of its visibility timeout.
// In a FIFO queue its place is its sequence within its group.
type message struct {
	Queue   int64
	Visible time.Time
	Order   int64 // of sending, within this process
	Node    int64 // of the process that it was sent to; with Order it is unique

	ID       string
	Sent     time.Time
	Sender   string
	Group    string
	Dedup    string
	Seq      int64  // FIFO only
	Source   string // ARN of the queue that it was moved here from
	Trace    string // AWSTraceHeader
	Receives int    // in all queues
	Tries    int    // in this queue
	First    time.Time
	Taken    time.Time // when it was last received
	// Receipt is the visibility timeout that the last receive gave it, which
	// is what tells the receipt handles of one message apart; zero before.
	Receipt time.Time

	// Spilled says that body and attributes are a row of their own, so that
	// they are not written again each time that the message moves.
	Spilled    bool
	Body       string
	Attributes []attribute
}

// attribute is a message attribute; Value is its text or its bytes.
type attribute struct {
	Name, Type, Value string
}

// messages are those of standard queues, in the order in which they become
// visible.
var messages = &store.Table[message]{
	Name: "sqs.message",
	Key:  func(m *message) store.Key { return m.slot().key(m.Queue) },
}

// sequences are the messages of FIFO queues, by group.
var sequences = &store.Table[message]{
	Name: "sqs.fifo",
	Key:  func(m *message) store.Key { return store.K(m.Queue, m.Group, m.Seq) },
}

// payload is the content of a message that is spilled.
type payload struct {
	Queue, Order, Node int64
	Body               string
	Attributes         []attribute
}

var payloads = &store.Table[payload]{
	Name: "sqs.payload",
	Key:  func(p *payload) store.Key { return store.K(p.Queue, p.Order, p.Node) },
}

// moved remembers where a message went whose visibility timeout was changed,
// because its receipt handle names the place where the receive had put it.
type moved struct {
	Queue, Order, Node int64
	Receipt            time.Time
	To                 time.Time
}

var moves = &store.Table[moved]{
	Name: "sqs.moved",
	Key:  func(m *moved) store.Key { return store.K(m.Queue, m.Order, m.Node) },
}

// spillAt is the size of the content, in bytes, from which it is spilled.
const spillAt = 8 << 10

// spill puts the content of a large message into a row of its own.
func (m *message) spill(tx store.Tx) {
	if m.Spilled || m.size() < spillAt {
		return
	}
	payloads.Insert(tx, &payload{m.Queue, m.Order, m.Node, m.Body, m.Attributes})
	m.Spilled, m.Body, m.Attributes = true, "", nil
}

// content brings back what was spilled; m is to be written by no one after it.
func (m *message) content(r store.Reader) {
	if !m.Spilled {
		return
	}
	if p, ok := payloads.Get(r, m.Queue, m.Order, m.Node); ok {
		m.Body, m.Attributes = p.Body, p.Attributes
	}
}

// dropContent removes what was spilled.
func (m *message) dropContent(tx store.Tx) {
	if m.Spilled {
		payloads.Delete(tx, m.Queue, m.Order, m.Node)
	}
}

// size is what counts against the limits: the body and the names, types and
// values of the attributes.
func (m *message) size() int {
	n := len(m.Body)
	for _, a := range m.Attributes {
		n += len(a.Name) + len(a.Type) + len(a.Value)
	}
	return n
}

// expires is when the queue no longer keeps the message.
func (m *message) expires(q *queue) time.Time { return m.Sent.Add(q.retention()) }

// slot is a message's place in a standard queue, or a group's turn in a FIFO
// queue: the time at which it can be received.
type slot struct {
	at          time.Time
	order, node int64
	group       string
}

func (m *message) slot() slot { return slot{m.Visible, m.Order, m.Node, m.Group} }

func (s slot) key(queue int64) store.Key { return store.K(queue, s.at, s.order, s.node) }

// before orders slots as their rows are.
func (s slot) before(o slot) bool {
	switch {
	case !s.at.Equal(o.at):
		return s.at.Before(o.at)
	case s.order != o.order:
		return s.order < o.order
	}
	return s.node < o.node
}
