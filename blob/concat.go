package blob

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/fxamacker/cbor/v2"

	"pileus/store"
)

// What Concat makes is a list of rows, one for each part, by the offset at
// which the part begins. So a record stays small, whatever the number of
// parts, and a range is found without reading the list.

func partRow(id string, offset int64) []byte {
	return store.K(id, offset).Append([]byte(partRows))
}

func partSpan(id string) store.Range {
	from := store.K(id).Append([]byte(partRows))
	return store.Range{From: from, To: store.Next(from)}
}

// Concat implements Store.
func (d *Dir) Concat(tx store.Tx, parts ...Ref) Ref {
	whole := Ref{ID: joined + d.newID()}
	for _, p := range parts {
		if p.Size == 0 {
			d.Delete(tx, p)
			continue
		}
		b, err := encodePart(p)
		if err != nil {
			store.Fail(fmt.Errorf("blob: encode a part: %w", err))
		}
		tx.Put(partRow(whole.ID, whole.Size), b)
		whole.Size += p.Size
	}
	if whole.Size == 0 {
		return Ref{}
	}
	return whole
}

func (d *Dir) deleteParts(tx store.Tx, whole Ref) {
	span := partSpan(whole.ID)
	for _, b := range tx.Scan(span) {
		d.Delete(tx, parsePart(b))
	}
	tx.DeleteRange(span.From, span.To)
}

func encodePart(p Ref) ([]byte, error) { return cbor.Marshal(p) }

func parsePart(b []byte) (p Ref) {
	if err := cbor.Unmarshal(b, &p); err != nil {
		store.Fail(fmt.Errorf("%w: a part: %w", ErrCorrupt, err))
	}
	return p
}

// openParts finds the parts that offset and length touch. The first is opened
// at once, within the transaction; so are those kept in the store. The others
// are opened as the reader comes to them.
func (d *Dir) openParts(ctx context.Context, rd store.Reader, whole Ref, customerKey []byte, offset, length int64) (io.ReadCloser, error) {
	r := &partsReader{ctx: ctx, d: d, customerKey: customerKey}
	first := partSpan(whole.ID)
	first.To, first.Reverse = partRow(whole.ID, offset+1), true
	start := first.From
	for k := range rd.Scan(first) {
		start = append([]byte(nil), k...)
		break
	}
	end := offset + length
	for k, b := range rd.Scan(store.Range{From: start, To: partRow(whole.ID, end)}) {
		at, err := partOffset(k)
		if err != nil {
			return nil, err
		}
		ref := parsePart(b)
		from := max(offset-at, 0)
		p := part{ref: ref, offset: from, length: min(ref.Size, end-at) - from}
		if ref.Inline || len(r.parts) == 0 {
			if p.open, err = d.Open(ctx, rd, ref, customerKey, p.offset, p.length); err != nil {
				return nil, errors.Join(err, r.Close())
			}
		}
		r.parts = append(r.parts, p)
	}
	return r, nil
}

func partOffset(row []byte) (int64, error) {
	k, err := store.ParseKey(row[len(partRows):])
	if err != nil || len(k) != 2 {
		return 0, fmt.Errorf("%w: a part's row", ErrCorrupt)
	}
	at, ok := k[1].(int64)
	if !ok {
		return 0, fmt.Errorf("%w: a part's row", ErrCorrupt)
	}
	return at, nil
}

// partsReader reads parts one after the other.
type partsReader struct {
	ctx         context.Context
	d           *Dir
	customerKey []byte
	parts       []part
}

type part struct {
	ref            Ref
	offset, length int64
	open           io.ReadCloser
}

// current is the reader of the part at hand; nil at the end.
func (r *partsReader) current() (_ io.ReadCloser, err error) {
	if len(r.parts) == 0 {
		return nil, nil
	}
	p := &r.parts[0]
	if p.open == nil {
		p.open, err = r.d.openFile(r.ctx, p.ref, r.customerKey, p.offset, p.length, false)
	}
	return p.open, err
}

func (r *partsReader) advance() error {
	err := r.parts[0].open.Close()
	r.parts = r.parts[1:]
	return err
}

func (r *partsReader) Read(b []byte) (int, error) {
	for {
		p, err := r.current()
		if err != nil {
			return 0, err
		}
		if p == nil {
			return 0, io.EOF
		}
		n, err := p.Read(b)
		if errors.Is(err, io.EOF) {
			err = r.advance()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (r *partsReader) WriteTo(w io.Writer) (n int64, err error) {
	for {
		p, err := r.current()
		if p == nil || err != nil {
			return n, err
		}
		m, err := io.Copy(w, p)
		n += m
		if err == nil {
			err = r.advance()
		}
		if err != nil {
			return n, err
		}
	}
}

func (r *partsReader) Close() (err error) {
	for _, p := range r.parts {
		if p.open != nil {
			err = errors.Join(err, p.open.Close())
		}
	}
	r.parts = nil
	return err
}
