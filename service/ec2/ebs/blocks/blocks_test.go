package blocks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/store"
)

// disk is a volume in memory: blocks by index.
type disk map[int64][]byte

func (d disk) Size() int64 { return 1 << 40 }

func (d disk) Data() (list []plane.Extent, err error) {
	for _, i := range d.indexes() {
		list = append(list, plane.Extent{Offset: i * Size, Length: Size})
	}
	return list, nil
}

func (d disk) indexes() (list []int64) {
	for i := range d {
		list = append(list, i)
	}
	slices.Sort(list)
	return list
}

func (d disk) ReadAt(b []byte, at int64) (int, error) {
	have, ok := d[at/Size]
	if !ok || at%Size != 0 || len(b) != Size {
		return 0, errors.New("an odd read")
	}
	return copy(b, have), nil
}

func (d disk) WriteAt(b []byte, at int64) (int, error) {
	d[at/Size] = bytes.Clone(b)
	return len(b), nil
}

// noise is a block that cannot be compressed.
func noise(seed uint64) []byte {
	b := make([]byte, Size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(b) // never fails
	return b
}

// text is one that can.
func text(seed byte) []byte { return bytes.Repeat([]byte{seed, 'a', 'b', 'c'}, Size/4) }

// fill has noise at the indexes from up to to.
func (d disk) fill(from, to int64) disk {
	for i := from; i < to; i++ {
		d[i] = noise(uint64(i))
	}
	return d
}

const domain = "000000000000/us-east-1/"

func world(t testing.TB) *nodetest.World {
	return nodetest.New(t, cloud.Module{API: &api.Service, Controllers: []cloud.Controller{{Name: Compactor, Reconcile: Compact}}})
}

func take(t testing.TB, w *nodetest.World, id, parent string, d plane.VolumeContent) (changed int64) {
	t.Helper()
	x, err := Begin(w.Call(), id, domain, parent)
	must(t, err)
	defer x.Close()
	must(t, x.Read(d, nil))
	must(t, x.Commit(func(_ store.Tx, n int64) error { changed = n; return nil }))
	return changed
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holds fails the test where a content is not what the disk has.
func holds(t testing.TB, w *nodetest.World, id string, want disk) {
	t.Helper()
	got := disk{}
	must(t, Fill(w.Call(), id, got))
	if !slices.Equal(got.indexes(), want.indexes()) {
		t.Fatalf("%s has blocks %v, not %v", id, got.indexes(), want.indexes())
	}
	for i, b := range want {
		if !bytes.Equal(got[i], b) {
			t.Fatalf("%s differs in block %d", id, i)
		}
	}
}

// kept is how many rows there are of each kind, and the bytes of live blocks.
func kept(w *nodetest.World) (stored int64, rows int) {
	w.View(func(r store.Reader) {
		stored = Stored(r, domain)
		for range packs.Scan(r) {
			rows++
		}
		for range hashes.Scan(r) {
			rows++
		}
		for range parts.Scan(r) {
			rows++
		}
		for range contents.Scan(r) {
			rows++
		}
	})
	return stored, rows
}

func TestTakeAndFill(t *testing.T) {
	w := world(t)
	d := disk{0: text(1), 7: noise(7), 40: text(40), 2000: noise(2000), 5000: make([]byte, Size)}
	d.fill(100, 180)
	if n := take(t, w, "a", "", d); n != 84 {
		t.Errorf("stored %d blocks", n)
	}
	delete(d, 5000) // zeros are not kept
	holds(t, w, "a", d)
	b, err := Read(w.Call(), "a", 40)
	if err != nil || !bytes.Equal(b, text(40)) {
		t.Errorf("block 40: %d bytes, %v", len(b), err)
	}
	if b, err := Read(w.Call(), "a", 41); err != nil || b != nil {
		t.Errorf("block 41: %d bytes, %v", len(b), err)
	}
}

func TestIncrements(t *testing.T) {
	w := world(t)
	d := disk{}.fill(0, 64)
	first := disk{}.fill(0, 64)
	take(t, w, "a", "", d)
	d[3], d[63], d[1000] = noise(9003), noise(9063), noise(91000)
	delete(d, 5)
	if n := take(t, w, "b", "a", d); n != 3 {
		t.Errorf("the second stored %d blocks", n)
	}
	if stored, _ := kept(w); stored != 67*Size {
		t.Errorf("%d blocks are kept", stored/Size)
	}
	if n := take(t, w, "c", "", d); n != 0 {
		t.Errorf("the same content of another volume stored %d blocks", n)
	}
	must(t, Remove(w.Call(), "a"))
	must(t, Remove(w.Call(), "a"))
	w.Drain()
	if stored, _ := kept(w); stored != 66*Size-2*Size { // block 5 and the old 3 and 63 went
		t.Errorf("%d blocks are kept after the first was removed", stored/Size)
	}
	holds(t, w, "b", d)
	take(t, w, "a", "", first)
	must(t, Remove(w.Call(), "b"))
	holds(t, w, "c", d)
	holds(t, w, "a", first)
	must(t, Remove(w.Call(), "c"))
	must(t, Remove(w.Call(), "a"))
	if stored, rows := kept(w); stored != 0 || rows != 0 {
		t.Errorf("%d bytes and %d rows are left", stored, rows)
	}
}

// TestTwice reads a volume while it changes and once more when it stands still.
func TestTwice(t *testing.T) {
	w := world(t)
	d := disk{}.fill(0, 40)
	x, err := Begin(w.Call(), "a", domain, "")
	must(t, err)
	defer x.Close()
	must(t, x.Read(d, nil))
	d[1], d[99] = noise(91), noise(99)
	delete(d, 2)
	must(t, x.Read(d, nil))
	must(t, x.Commit(func(store.Tx, int64) error { return nil }))
	holds(t, w, "a", d)
}

func TestSameBlocksOfOneVolume(t *testing.T) {
	w := world(t)
	d := disk{}
	for i := range int64(100) {
		d[i] = noise(uint64(i % 3))
	}
	if n := take(t, w, "a", "", d); n > 3*workers { // each may see a block first
		t.Errorf("stored %d blocks", n)
	}
	holds(t, w, "a", d)
}

// TestInterrupted stops between the transactions that write a manifest.
func TestInterrupted(t *testing.T) {
	w := world(t)
	keep := disk{}.fill(0, 5)
	take(t, w, "keep", "", keep)
	before, rows := kept(w)
	large := disk{}
	for i := range int64(commitParts + 9) { // one block in each part
		large[i*partSpan] = noise(uint64(i))
	}
	x, err := Begin(w.Call(), "a", domain, "keep")
	must(t, err)
	must(t, x.Read(large, nil))
	stop := errors.New("stop")
	if err := x.Commit(func(store.Tx, int64) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("commit: %v", err)
	}
	x.Close()
	if now, _ := kept(w); now == before {
		t.Fatal("nothing was written before the stop; the test needs more parts")
	}
	if err := Fill(w.Call(), "a", disk{}); !errors.Is(err, ErrStale) {
		t.Errorf("half a content was read: %v", err)
	}
	holds(t, w, "keep", keep)
	must(t, Remove(w.Call(), "a"))
	if now, n := kept(w); now != before || n != rows {
		t.Errorf("%d blocks and %d rows are kept, before %d and %d", now/Size, n, before/Size, rows)
	}
	take(t, w, "a", "keep", large)
	holds(t, w, "a", large)
}

// TestStale has the content to share with go away while another is taken.
func TestStale(t *testing.T) {
	w := world(t)
	d := disk{}.fill(0, 10)
	take(t, w, "a", "", d)
	x, err := Begin(w.Call(), "b", domain, "a")
	must(t, err)
	defer x.Close()
	must(t, x.Read(d, nil))
	must(t, Remove(w.Call(), "a"))
	if err := x.Commit(func(store.Tx, int64) error { return nil }); !errors.Is(err, ErrStale) {
		t.Errorf("commit: %v", err)
	}
	take(t, w, "b", "", d)
	holds(t, w, "b", d)
}

// TestCompact keeps one block of each pack; the rest of the packs goes.
func TestCompact(t *testing.T) {
	w := world(t)
	d := disk{}.fill(0, 4*packBlocks)
	take(t, w, "a", "", d)
	few := disk{}
	for i := int64(0); i < 4*packBlocks; i += packBlocks / 2 {
		few[i] = d[i]
	}
	take(t, w, "b", "a", few)
	must(t, Remove(w.Call(), "a"))
	w.Drain()
	var size int64
	w.View(func(r store.Reader) {
		for p := range packs.Scan(r) {
			size += p.Ref.Size
		}
	})
	if want := int64(len(few)) * Size; size != want {
		t.Errorf("packs hold %d bytes, not %d", size, want)
	}
	holds(t, w, "b", few)
	d[1] = noise(4711)
	take(t, w, "c", "b", d)
	holds(t, w, "c", d)
}

func TestCopy(t *testing.T) {
	w := world(t)
	d := disk{}.fill(0, 20)
	take(t, w, "a", "", d)
	must(t, Copy(w.Call(), "a", "b", "111111111111/eu-west-1/"))
	must(t, Copy(w.Call(), "a", "same", domain))
	w.View(func(r store.Reader) {
		if n := StoredForeign(r, "b"); n != 20*Size {
			t.Errorf("the copy elsewhere counts %d bytes", n)
		}
		if n := StoredForeign(r, "same"); n != 0 {
			t.Errorf("the copy at home counts %d bytes", n)
		}
	})
	must(t, Remove(w.Call(), "a"))
	must(t, Remove(w.Call(), "same"))
	holds(t, w, "b", d)
	if err := Copy(w.Call(), "a", "c", domain); !errors.Is(err, ErrStale) {
		t.Errorf("copy of what is not there: %v", err)
	}
}

func TestChanges(t *testing.T) {
	w := world(t)
	d := disk{}.fill(0, 5).fill(3000, 3002)
	take(t, w, "a", "", d)
	d[1], d[2000] = noise(91), noise(92)
	delete(d, 3001)
	take(t, w, "b", "a", d)
	var got []Change
	w.View(func(r store.Reader) { got = slices.Collect(Changes(r, "a", "b", 0)) })
	want := []Change{{1, true, true}, {2000, false, true}, {3001, true, false}}
	if !slices.Equal(got, want) {
		t.Errorf("changes: %v", got)
	}
	w.View(func(r store.Reader) {
		if from := slices.Collect(Changes(r, "a", "b", 2)); !slices.Equal(from, want[1:]) {
			t.Errorf("from 2 on: %v", from)
		}
		if list := slices.Collect(Indexes(r, "b", 3)); !slices.Equal(list, []int64{3, 4, 2000, 3000}) {
			t.Errorf("indexes: %v", list)
		}
	})
}

// broken fails to read after a while.
type broken struct {
	disk
	err error
}

func (b broken) ReadAt(p []byte, at int64) (int, error) {
	if at > 30*Size {
		return 0, b.err
	}
	return b.disk.ReadAt(p, at)
}

func TestReadErrors(t *testing.T) {
	w := world(t)
	want := errors.New("the disk is broken")
	x, err := Begin(w.Call(), "a", domain, "")
	must(t, err)
	if err := x.Read(broken{disk{}.fill(0, 64), want}, nil); !errors.Is(err, want) {
		t.Errorf("read: %v", err)
	}
	x.Close()
	if _, rows := kept(w); rows != 0 {
		t.Errorf("%d rows are left", rows)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := w.Call()
	c.Context = ctx
	if x, err = Begin(w.Call(), "a", domain, ""); err == nil {
		x.c = c
		err = x.Read(disk{}.fill(0, 64), nil)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestManifestRecord(t *testing.T) {
	p := &part{Content: "a", First: 1024, Entries: []entry{{Index: 1030, place: place{"x", 3}}, {Index: 1031, place: place{"x", 4}, Print: [16]byte{1}}, {Index: 2000, place: place{"y", 0}}}}
	b := p.AppendRecord(nil)
	var q part
	if err := q.ParseRecord(b); err != nil || q.Content != p.Content || q.First != p.First || !slices.Equal(q.Entries, p.Entries) {
		t.Errorf("%+v, %v", q, err)
	}
	for n := range b {
		if err := new(part).ParseRecord(b[:n]); err == nil {
			t.Errorf("%d bytes of %d were taken", n, len(b))
		}
	}
}

var _ io.WriterAt = disk{}
