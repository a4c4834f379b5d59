package sqs

import "time"

// insert puts a message that is new to q into it.
func (b *batch) insert(q *queue, m *message) {
	m.Queue = q.ID
	m.spill(b.tx)
	b.counter(q).add(b.tx, q, 1, m)
	if q.FIFO {
		b.enqueue(q, m)
		return
	}
	messages.Insert(b.tx, m)
	b.noticed(q, m.slot())
}

// take receives up to n messages of a standard queue and hides them for a time.
func (b *batch) take(now time.Time, n int, hide time.Duration) (got []*message) {
	for len(got) < n {
		s, ok := b.next(now)
		if !ok {
			break
		}
		m, ok := messages.Get(b.tx, b.q.ID, s.at, s.order, s.node)
		if !ok || b.unfit(m, now) {
			continue
		}
		messages.Delete(b.tx, m.Queue, m.Visible, m.Order, m.Node)
		b.unmove(m)
		m.receive(now, hide)
		b.place(m)
		got = append(got, m)
	}
	b.taken += len(got)
	return got
}

// receive notes that the message was received.
func (m *message) receive(now time.Time, hide time.Duration) {
	m.Receives++
	m.Tries++
	if m.First.IsZero() {
		m.First = now
	}
	m.Taken = now
	m.Visible = now.Add(hide)
	if !m.Visible.After(m.Receipt) { // two receives never share a handle
		m.Receipt = m.Receipt.Add(1)
	} else {
		m.Receipt = m.Visible
	}
}

// unfit tells of a message that is not to be received any more, because its
// time is over or it has failed too often, and deals with it.
func (b *batch) unfit(m *message, now time.Time) bool {
	if !now.Before(m.expires(b.q)) {
		b.erase(m)
		return true
	}
	if b.q.Redrive == nil || m.Tries < b.q.Redrive.Max {
		return false
	}
	n, ok := named(b.q.Redrive.Target)
	if !ok {
		return false
	}
	dead, ok := n.find(b.tx)
	if !ok { // the dead-letter queue was deleted: the message stays
		return false
	}
	b.transfer(m, dead, now, false)
	return true
}

// erase removes a message of the batch's queue and all that belongs to it.
func (b *batch) erase(m *message) {
	b.remove(m)
	m.dropContent(b.tx)
}

// remove takes a message out of the batch's queue.
func (b *batch) remove(m *message) {
	b.counter(b.q).add(b.tx, b.q, -1, nil)
	if b.q.FIFO {
		sequences.Delete(b.tx, m.Queue, m.Group, m.Seq)
		return
	}
	messages.Delete(b.tx, m.Queue, m.Visible, m.Order, m.Node)
	b.unmove(m)
}

// unmove forgets that a message's visibility timeout was changed.
func (b *batch) unmove(m *message) {
	if !m.Receipt.IsZero() && !m.Receipt.Equal(m.Visible) {
		moves.Delete(b.tx, m.Queue, m.Order, m.Node)
	}
}

// transfer moves a message of the batch's queue to another queue: as it is to
// a dead-letter queue, as a new message where it is sent on from there.
func (b *batch) transfer(m *message, to *queue, now time.Time, anew bool) {
	d := *m
	d.content(b.tx)
	b.erase(m)
	d.Spilled = false
	d.Visible, d.Receipt, d.Taken, d.Tries = now, time.Time{}, time.Time{}, 0
	if anew {
		d.ID, d.Sent, d.Source = b.svc.uuid(), now, ""
		d.Receives, d.First = 0, time.Time{}
	} else {
		d.Source = b.q.arn()
		if to.FIFO {
			d.Sent = now // FIFO queues begin to keep a message when it comes
		}
	}
	b.insert(to, &d)
}

// held finds the message of a receipt handle where the handle is of its last
// receive: in the place where that put it, or where a change of its visibility
// timeout put it since.
func (b *batch) held(h handle) (m *message, ok bool) {
	at := h.receipt
	m, ok = messages.Get(b.tx, b.q.ID, at, h.order, h.node)
	if !ok {
		v, found := moves.Get(b.tx, b.q.ID, h.order, h.node)
		if !found {
			return nil, false
		}
		if m, ok = messages.Get(b.tx, b.q.ID, v.To, h.order, h.node); !ok {
			return nil, false
		}
	}
	return m, m.Receipt.Equal(h.receipt)
}

// forgetMessage deletes the message of a receipt handle. One that is not there
// any more, or was received again since, is left alone without an error: that
// is what DeleteMessage does in a standard queue.
func (b *batch) forgetMessage(h handle, now time.Time) {
	m, ok := b.held(h)
	if !ok {
		return
	}
	if m.Visible.After(now) {
		b.landed++
	}
	b.erase(m)
}

// conceal changes how long a message stays hidden from now on.
func (b *batch) conceal(h handle, text string, now time.Time, hide time.Duration) error {
	m, ok := b.held(h)
	if !ok || !m.Visible.After(now) {
		return errNotInFlight(text)
	}
	if err := m.checkTotal(now, hide); err != nil {
		return err
	}
	messages.Delete(b.tx, m.Queue, m.Visible, m.Order, m.Node)
	b.unmove(m)
	m.Visible = now.Add(hide)
	b.place(m)
	if hide == 0 {
		b.landed++
		b.counter(b.q).changed = true // for the receivers of other processes
	}
	return nil
}

// place writes a message that was received, and where its handle leads.
func (b *batch) place(m *message) {
	messages.Insert(b.tx, m)
	if !m.Visible.Equal(m.Receipt) {
		moves.Insert(b.tx, &moved{m.Queue, m.Order, m.Node, m.Receipt, m.Visible})
	}
	b.noticed(b.q, m.slot())
}

// checkTotal holds a message to the twelve hours for which a receive, however
// often it is extended, can hide it.
func (m *message) checkTotal(now time.Time, hide time.Duration) error {
	if now.Add(hide).Sub(m.Taken) > maxVisibility*time.Second {
		return badNumber(int32(hide/time.Second), "VisibilityTimeout", "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].")
	}
	return nil
}
