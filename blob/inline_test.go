package blob

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"pileus/store"
)

// Small content of several runs opens after restarts, and under its own id
// only, though a run's content shares a key.
func TestInlineContentIsBoundToItsID(t *testing.T) {
	r := newRoom(t)
	plain := [][]byte{content(4096), content(4096), content(100)}
	var refs []Ref
	for i, b := range plain {
		refs = append(refs, r.put(t, b, Options{}))
		if i == 1 {
			r.reopen(t)
		}
	}
	r.reopen(t)
	read := func(ref Ref) (b []byte, err error) {
		err = r.db.View(t.Context(), func(rd store.Reader) error {
			body, err := r.Open(t.Context(), rd, ref, nil, 0, -1)
			if err != nil {
				return err
			}
			defer body.Close()
			b, err = io.ReadAll(body)
			return err
		})
		return b, err
	}
	for i, ref := range refs {
		if len(ref.Key) != 0 {
			t.Errorf("content %d has a key of its own", i)
		}
		if b, err := read(ref); err != nil || !bytes.Equal(b, plain[i]) {
			t.Errorf("content %d: %v", i, err)
		}
	}
	check(t, r.db.Update(t.Context(), func(tx store.Tx) error {
		row, _ := tx.Get(inlineRow(refs[0].ID))
		tx.Put(inlineRow(refs[1].ID), bytes.Clone(row))
		return nil
	}))
	if _, err := read(refs[1]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("content of another id opens: %v", err)
	}
}

// A reader's memory serves again once it is closed, and not before.
func TestInlineReadersAreApart(t *testing.T) {
	r := newRoom(t)
	a, b := content(4096), content(4000)
	refs := []Ref{r.put(t, a, Options{}), r.put(t, b, Options{})}
	check(t, r.db.View(t.Context(), func(rd store.Reader) error {
		var open [2]io.ReadCloser
		for i := range open {
			body, err := r.Open(t.Context(), rd, refs[i], nil, 0, -1)
			check(t, err)
			open[i] = body
		}
		for i, want := range [][]byte{a, b} {
			got, err := io.ReadAll(open[i])
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("reader %d: %v", i, err)
			}
			check(t, open[i].Close())
			check(t, open[i].Close()) // twice is once
			if n, err := open[i].Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("a closed reader reads %d bytes, %v", n, err)
			}
		}
		return nil
	}))
}
