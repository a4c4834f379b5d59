package store

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Entry is one payload on its way to the delivery of its topic.
type Entry struct {
	Topic string
	Key   Key // entries of one topic and key are delivered in order
	// Seq orders the entries of a key as their transactions committed, and is
	// never used again.
	Seq       string
	Attempts  int       // failed so far
	NotBefore time.Time // of the next attempt; zero: at once
	Payload   []byte
}

// Queue names the entries of one topic and key.
type Queue struct {
	Topic string
	Key   Key
}

// Numbered tells whether every later entry of the key has a greater Seq, also
// when the queue was empty in between. That is so where a backend numbers
// entries as they commit, not where AppendOutbox does.
func (e Entry) Numbered() bool { return e.Seq != "" && !strings.Contains(e.Seq, "-") }

const outboxRows = "~outbox/"

// OutboxRow is the key under which an entry is kept. Topic and key are one
// element of it, so that the end of an entry's key is plain.
func OutboxRow(topic string, key Key, seq string) []byte {
	return K(seq).Append(outboxQueue(topic, key))
}

func outboxQueue(topic string, key Key) []byte {
	inner := key.Append(K(topic).Append(nil))
	return appendEscaped(append([]byte(outboxRows), tagBytes), inner)
}

// OutboxValue is what is kept under OutboxRow.
func OutboxValue(e Entry) []byte {
	b := make([]byte, 0, 12+len(e.Payload))
	b = binary.BigEndian.AppendUint64(b, uint64(nanos(e.NotBefore)))
	b = binary.BigEndian.AppendUint32(b, uint32(e.Attempts))
	return append(b, e.Payload...)
}

// AppendOutbox appends to the outbox by reading the last entry of the key, for
// backends that cannot number entries as they commit: two transactions that
// append to one key conflict. unique tells apart entries that are given the
// same number after the queue was empty.
func AppendOutbox(tx Tx, topic string, key Key, payload []byte, unique string) {
	n := uint64(1)
	queue := outboxQueue(topic, key)
	for k := range tx.Scan(Range{From: queue, To: Next(queue), Reverse: true}) {
		if _, err := fmt.Sscanf(parseOutboxRow(k).Seq, "%016x", &n); err != nil {
			panic(failure{fmt.Errorf("store: malformed outbox entry: %w", err)})
		}
		n++
		break
	}
	tx.Put(OutboxRow(topic, key, fmt.Sprintf("%016x-%s", n, unique)), OutboxValue(Entry{Payload: payload}))
}

// Outbox are the entries that can be delivered now: of each topic and key the
// first, where it is due; at most limit.
func Outbox(r Reader, now time.Time, limit int) []Entry {
	var due []Entry
	for e := range outboxHeads(r) {
		if len(due) == limit {
			break
		}
		if !e.NotBefore.After(now) {
			due = append(due, e)
		}
	}
	return due
}

// NextOutbox is the earliest time at which an entry can be delivered; the zero
// time when one can at once.
func NextOutbox(r Reader) (at time.Time, ok bool) {
	for e := range outboxHeads(r) {
		if !ok || e.NotBefore.Before(at) {
			at, ok = e.NotBefore, true
		}
		if at.IsZero() {
			break
		}
	}
	return at, ok
}

// FollowOutbox is the entry after e of the same topic and key. Going on from
// the entry just delivered is cheaper than finding the head of the queue anew.
func FollowOutbox(r Reader, e Entry) (next Entry, ok bool) {
	row := OutboxRow(e.Topic, e.Key, e.Seq)
	for k, v := range r.Scan(Range{From: Next(row), To: Next(outboxQueue(e.Topic, e.Key))}) {
		return parseOutbox(k, v), true
	}
	return Entry{}, false
}

// AckOutbox removes an entry that was delivered, or given up.
func AckOutbox(tx Tx, e Entry) { tx.Delete(OutboxRow(e.Topic, e.Key, e.Seq)) }

// RetryOutbox counts a failed attempt and puts the next one off until
// notBefore, and with it every later entry of the key.
func RetryOutbox(tx Tx, e Entry, notBefore time.Time) {
	row := OutboxRow(e.Topic, e.Key, e.Seq)
	if _, ok := tx.Get(row); !ok {
		return
	}
	e.Attempts++
	e.NotBefore = notBefore
	tx.Put(row, OutboxValue(e))
}

// outboxHeads yields the first entry of every topic and key.
func outboxHeads(r Reader) func(yield func(Entry) bool) {
	return func(yield func(Entry) bool) {
		from := []byte(outboxRows)
		end := Next(from)
		for {
			found := false
			for k, v := range r.Scan(Range{From: from, To: end}) {
				e := parseOutbox(k, v)
				if !yield(e) {
					return
				}
				found, from = true, Next(outboxQueue(e.Topic, e.Key))
				break
			}
			if !found {
				return
			}
		}
	}
}

func parseOutbox(row, value []byte) Entry {
	e := parseOutboxRow(row)
	if len(value) < 12 {
		panic(failure{fmt.Errorf("store: an outbox entry of %d bytes", len(value))})
	}
	e.NotBefore = wakeTime(int64(binary.BigEndian.Uint64(value)))
	e.Attempts = int(binary.BigEndian.Uint32(value[8:]))
	e.Payload = append([]byte(nil), value[12:]...)
	return e
}

func parseOutboxRow(row []byte) Entry {
	outer, err := ParseKey(row[len(outboxRows):])
	if err == nil && len(outer) == 2 {
		queue, isBytes := outer[0].([]byte)
		seq, isString := outer[1].(string)
		if inner, err := ParseKey(queue); isBytes && isString && err == nil && len(inner) > 0 {
			if topic, ok := inner[0].(string); ok {
				return Entry{Topic: topic, Key: inner[1:], Seq: seq}
			}
		}
	}
	panic(failure{fmt.Errorf("store: malformed outbox entry: %w", errKey)})
}
