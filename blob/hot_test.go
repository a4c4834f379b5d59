package blob

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"pileus/rng"
	"pileus/store"
	"pileus/store/pebble"
)

// hotWorld is a store of content on a disk that keeps what is read often.
type hotWorld struct {
	*testing.T
	db store.Store
	d  *Dir
}

func newHotWorld(t *testing.T) *hotWorld {
	t.Helper()
	db, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	d, err := Open(t.TempDir(), make([]byte, 32), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if d.hot.limit == 0 {
		t.Skip("this system cannot map memory")
	}
	d.hot.limit = 2 * slabSize
	return &hotWorld{t, db, d}
}

func (w *hotWorld) write(content []byte) (ref Ref) {
	w.Helper()
	p, err := w.d.Write(w.Context(), bytes.NewReader(content), Options{SizeHint: -1})
	if err != nil {
		w.Fatal(err)
	}
	if err := w.db.Update(w.Context(), func(tx store.Tx) error { ref = p.Commit(tx); return nil }); err != nil {
		w.Fatal(err)
	}
	return ref
}

func (w *hotWorld) remove(ref Ref) {
	w.Helper()
	if err := w.db.Update(w.Context(), func(tx store.Tx) error { w.d.Delete(tx, ref); return nil }); err != nil {
		w.Fatal(err)
	}
}

func (w *hotWorld) open(ref Ref, offset, length int64) (b io.ReadCloser) {
	w.Helper()
	err := w.db.View(w.Context(), func(r store.Reader) (err error) {
		b, err = w.d.Open(w.Context(), r, ref, nil, offset, length)
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	return b
}

func (w *hotWorld) read(ref Ref, offset, length int64) (got []byte, kept bool) {
	w.Helper()
	b := w.open(ref, offset, length)
	defer b.Close()
	_, kept = b.(*hotReader)
	got, err := io.ReadAll(b)
	if err != nil {
		w.Fatal(err)
	}
	return got, kept
}

// What is read for the second time is kept: it is served whole and in ranges,
// does not outlive its removal, and not more than the limit is kept.
func TestContentThatIsReadOftenIsKept(t *testing.T) {
	w := newHotWorld(t)
	h := w.d.hot
	content := rng.Bytes(3 << 20) // each has a slab of 4 MiB
	var refs []Ref
	for range 6 {
		refs = append(refs, w.write(content))
	}
	for try, want := range []bool{false, true, true} {
		if got, kept := w.read(refs[0], 0, -1); kept != want || !bytes.Equal(got, content) {
			t.Errorf("read %d: kept %v, %d bytes right %v", try, kept, len(got), bytes.Equal(got, content))
		}
	}
	if got, kept := w.read(refs[0], 70_000, 1000); !kept || !bytes.Equal(got, content[70_000:71_000]) {
		t.Errorf("a range: kept %v, right %v", kept, bytes.Equal(got, content[70_000:71_000]))
	}
	for _, ref := range refs[1:] {
		w.read(ref, 0, -1)
		w.read(ref, 0, -1)
	}
	if h.used > h.limit || len(h.files) != 4 {
		t.Errorf("%d bytes in %d files are kept, limit %d", h.used, len(h.files), h.limit)
	}
	if _, kept := w.read(refs[0], 0, -1); !kept {
		t.Error("what is in use made room for what was read twice")
	}
	for e := h.order.Front(); e != nil; e = e.Next() {
		e.Value.(*slab).used = time.Time{} // long ago
	}
	last := refs[len(refs)-1]
	if _, kept := w.read(last, 0, -1); !kept || len(h.files) != 4 {
		t.Errorf("what is not in use makes no room: %d files are kept", len(h.files))
	}
	w.remove(last)
	if r, ok := h.find(last.ID, 0, 1); ok {
		r.Close()
		t.Error("removed content is still kept")
	}
	h.trim(time.Time{})
	if h.used != 0 || h.order.Len() != 0 {
		t.Errorf("after trimming %d bytes are kept", h.used)
	}
}

// Small files share a slab, which goes once all of them were removed and it is
// full.
func TestSmallFilesShareMemory(t *testing.T) {
	w := newHotWorld(t)
	h := w.d.hot
	var refs []Ref
	var contents [][]byte
	for i := range 9 {
		contents = append(contents, rng.Bytes(1<<20-i))
		refs = append(refs, w.write(contents[i]))
		w.read(refs[i], 0, -1)
	}
	for round := range 2 {
		for i, ref := range refs {
			if got, kept := w.read(ref, int64(i), -1); !kept || !bytes.Equal(got, contents[i][i:]) {
				t.Errorf("round %d, file %d: kept %v, right %v", round, i, kept, bytes.Equal(got, contents[i][i:]))
			}
		}
	}
	if h.used != 2*slabSize || h.order.Len() != 2 {
		t.Errorf("%d bytes in %d slabs, want 2 slabs", h.used, h.order.Len())
	}
	for _, ref := range refs {
		w.remove(ref)
	}
	if h.used != slabSize || len(h.files) != 0 {
		t.Errorf("%d bytes in %d files are kept of what was removed", h.used, len(h.files))
	}
}

// Content that is corrupt on the disk is never kept.
func TestCorruptContentIsNotKept(t *testing.T) {
	d := newHotWorld(t).d
	p, err := d.Write(t.Context(), bytes.NewReader(rng.Bytes(200<<10)), Options{SizeHint: -1})
	if err != nil {
		t.Fatal(err)
	}
	path, err := d.medium.(*disk).path(p.Ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[150<<10] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := d.openFile(t.Context(), p.Ref, nil, 0, p.Ref.Size, false)
		if err == nil {
			_, err = io.ReadAll(r)
			r.Close()
		}
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("reading corrupt content: %v", err)
		}
	}
}
