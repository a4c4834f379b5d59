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

// What is read for the second time is kept: it is served whole and in ranges,
// does not outlive its removal, and not more than the limit is kept.
func TestContentThatIsReadOftenIsKept(t *testing.T) {
	db, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d, err := Open(t.TempDir(), make([]byte, 32), db)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if d.hot.limit == 0 {
		t.Skip("this system cannot map memory")
	}
	d.hot.limit = 1 << 20
	content := rng.Bytes(200 << 10)
	var refs []Ref
	for range 8 {
		p, err := d.Write(t.Context(), bytes.NewReader(content), Options{SizeHint: -1})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(t.Context(), func(tx store.Tx) error { refs = append(refs, p.Commit(tx)); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	read := func(ref Ref, offset, length int64) (got []byte, kept bool) {
		t.Helper()
		err := db.View(t.Context(), func(r store.Reader) error {
			b, err := d.Open(t.Context(), r, ref, nil, offset, length)
			if err != nil {
				return err
			}
			defer b.Close()
			_, kept = b.(*hotReader)
			got, err = io.ReadAll(b)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return got, kept
	}
	for try, want := range []bool{false, true, true} {
		if got, kept := read(refs[0], 0, -1); kept != want || !bytes.Equal(got, content) {
			t.Errorf("read %d: kept %v, %d bytes right %v", try, kept, len(got), bytes.Equal(got, content))
		}
	}
	if got, kept := read(refs[0], 70_000, 1000); !kept || !bytes.Equal(got, content[70_000:71_000]) {
		t.Errorf("a range: kept %v, right %v", kept, bytes.Equal(got, content[70_000:71_000]))
	}
	for _, ref := range refs[1:] {
		read(ref, 0, -1)
		read(ref, 0, -1)
	}
	if d.hot.used > d.hot.limit || len(d.hot.files) != 5 {
		t.Errorf("%d bytes in %d files are kept, limit %d", d.hot.used, len(d.hot.files), d.hot.limit)
	}
	if _, kept := read(refs[0], 0, -1); !kept {
		t.Error("what is in use made room for what was read twice")
	}
	for e := d.hot.order.Front(); e != nil; e = e.Next() {
		e.Value.(*hotFile).used = time.Time{} // long ago
	}
	last := refs[len(refs)-1]
	if _, kept := read(last, 0, -1); !kept || len(d.hot.files) != 5 {
		t.Errorf("what is not in use makes no room: %d files are kept", len(d.hot.files))
	}
	if err := db.Update(t.Context(), func(tx store.Tx) error { d.Delete(tx, last); return nil }); err != nil {
		t.Fatal(err)
	}
	if r, ok := d.hot.open(last.ID, 0, 1); ok {
		r.Close()
		t.Error("removed content is still kept")
	}
	d.hot.trim(time.Time{})
	if d.hot.used != 0 || d.hot.order.Len() != 0 {
		t.Errorf("after trimming %d bytes are kept", d.hot.used)
	}
}

// Content that is corrupt on the disk is never kept.
func TestCorruptContentIsNotKept(t *testing.T) {
	db, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d, err := Open(t.TempDir(), make([]byte, 32), db)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
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
