package sqs

import (
	"encoding/base64"
	"encoding/binary"
	"time"
)

// handle is what a receipt handle says: which message, by the place at which
// its row is found, and which of its receives.
type handle struct {
	queue       int64
	receipt     time.Time // of the receive; a standard message lies there
	order, node int64
	group       string // FIFO only, like seq
	seq         int64
}

// handleForm tells this form of handle from later ones.
const handleForm = 1

func (m *message) handle() string {
	b := make([]byte, 0, 96)
	b = append(b, handleForm)
	b = binary.AppendVarint(b, m.Queue)
	b = binary.BigEndian.AppendUint64(b, uint64(nanos(m.Receipt)))
	b = binary.AppendVarint(b, m.Order)
	b = binary.AppendVarint(b, m.Node)
	b = binary.AppendVarint(b, m.Seq)
	if m.Seq != 0 {
		b = appendText(b, m.Group)
	} else {
		b = appendText(b, "")
	}
	return base64.StdEncoding.EncodeToString(append(b, checksum(b)...))
}

// parseHandle reads a receipt handle of the queue.
func parseHandle(q *queue, text string) (h handle, err error) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) < 5 || b[0] != handleForm {
		return h, errHandle(text)
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if string(checksum(body)) != string(sum) {
		return h, errHandle(text)
	}
	p := parser{b: body[1:]}
	h.queue, h.receipt = p.int(), p.time()
	h.order, h.node, h.seq, h.group = p.int(), p.int(), p.int(), p.text()
	if p.bad || len(p.b) > 0 || h.queue != q.ID || q.FIFO != (h.seq != 0) {
		return h, errHandle(text)
	}
	return h, nil
}

// checksum keeps handles that were cut or mistyped from naming anything.
func checksum(b []byte) []byte {
	const offset, prime = 2166136261, 16777619 // FNV-1a
	h := uint32(offset)
	for _, x := range b {
		h = (h ^ uint32(x)) * prime
	}
	return binary.BigEndian.AppendUint32(nil, h)
}
