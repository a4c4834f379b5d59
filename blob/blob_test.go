package blob

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"pileus/rng"
	"pileus/store"
	"pileus/store/pebble"
)

// room is a Dir with the store that names its content.
type room struct {
	*Dir
	db   store.Store
	path string
	key  []byte
}

func newRoom(t testing.TB) *room {
	t.Helper()
	db, err := pebble.OpenMemory()
	check(t, err)
	r := &room{db: db, path: t.TempDir(), key: rng.Bytes(keySize)}
	r.reopen(t)
	t.Cleanup(func() {
		check(t, r.Close())
		check(t, db.Close())
	})
	return r
}

// reopen is a restart.
func (r *room) reopen(t testing.TB) {
	t.Helper()
	if r.Dir != nil {
		check(t, r.Close())
	}
	var err error
	r.Dir, err = Open(r.path, r.key, r.db)
	check(t, err)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func content(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	r.Read(b)
	return b
}

func (r *room) put(t testing.TB, b []byte, o Options) Ref {
	t.Helper()
	p, err := r.Write(t.Context(), bytes.NewReader(b), o)
	check(t, err)
	defer p.Discard()
	return r.commit(t, p)
}

func (r *room) commit(t testing.TB, p *Pending) (ref Ref) {
	t.Helper()
	check(t, r.db.Update(t.Context(), func(tx store.Tx) error {
		ref = p.Commit(tx)
		return nil
	}))
	return ref
}

func (r *room) get(ref Ref, key []byte, offset, length int64) (b []byte, err error) {
	var body io.ReadCloser
	err = r.db.View(context.Background(), func(rd store.Reader) error {
		body, err = r.Open(context.Background(), rd, ref, key, offset, length)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func (r *room) files(t testing.TB) (names []string) {
	t.Helper()
	check(t, r.medium.list(func(id string) error { names = append(names, id); return nil }))
	return names
}

// sizes are those at which something changes: inline, segments, chunks.
var sizes = []int{
	0, 1, inlineLimit - 1, inlineLimit, inlineLimit + 1, segment - 1, segment, segment + 1,
	chunkSegments*segment - 1, chunkSegments * segment, chunkSegments*segment + 1,
	2 * chunkSegments * segment, 3*chunkSegments*segment + 17, 9*chunkSegments*segment + segment,
}

func TestContentComesBack(t *testing.T) {
	r := newRoom(t)
	customer := rng.Bytes(keySize)
	for _, n := range sizes {
		for _, o := range []Options{{SizeHint: -1}, {SizeHint: int64(n)}, {SizeHint: int64(n) + 5000}, {CustomerKey: customer}} {
			want := content(n)
			ref := r.put(t, want, o)
			if ref.Size != int64(n) || ref.Inline != (n <= inlineLimit) {
				t.Errorf("%d bytes: ref %+v", n, ref)
			}
			got, err := r.get(ref, o.CustomerKey, 0, -1)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes: read %d bytes, %v", n, len(got), err)
			}
			var to bytes.Buffer
			check(t, r.db.View(t.Context(), func(rd store.Reader) error {
				body, err := r.Open(t.Context(), rd, ref, o.CustomerKey, 0, -1)
				check(t, err)
				_, err = io.Copy(&to, body)
				return errors.Join(err, body.Close())
			}))
			if !bytes.Equal(to.Bytes(), want) {
				t.Errorf("%d bytes: WriteTo differs", n)
			}
		}
	}
}

func TestRanges(t *testing.T) {
	r := newRoom(t)
	for _, n := range sizes {
		want := content(n)
		ref := r.put(t, want, Options{SizeHint: -1})
		for _, x := range edges(int64(n)) {
			got, err := r.get(ref, nil, x[0], x[1])
			end := min(x[0]+x[1], int64(n))
			if err != nil || !bytes.Equal(got, want[x[0]:end]) {
				t.Errorf("%d bytes, from %d, %d long: read %d bytes, %v", n, x[0], x[1], len(got), err)
			}
		}
		if _, err := r.get(ref, nil, int64(n)+1, 1); err == nil {
			t.Errorf("%d bytes: an offset beyond the end is no error", n)
		}
	}
}

// edges are offsets and lengths around all that a range can begin and end at.
func edges(n int64) (out [][2]int64) {
	var at []int64
	for _, x := range []int64{0, 1, segment - 1, segment, segment + 1, chunkSegments * segment, n - 1, n} {
		if x >= 0 && x <= n {
			at = append(at, x)
		}
	}
	for _, from := range at {
		for _, to := range at {
			if to >= from {
				out = append(out, [2]int64{from, to - from})
			}
		}
		out = append(out, [2]int64{from, n + 10})
	}
	return out
}

func TestSmallReadsAndWrites(t *testing.T) {
	r := newRoom(t)
	want := content(3*segment + 5)
	p, err := r.Write(t.Context(), iotest.OneByteReader(bytes.NewReader(want)), Options{SizeHint: -1})
	check(t, err)
	ref := r.commit(t, p)
	check(t, r.db.View(t.Context(), func(rd store.Reader) error {
		body, err := r.Open(t.Context(), rd, ref, nil, 0, -1)
		check(t, err)
		return errors.Join(iotest.TestReader(body, want), body.Close())
	}))
}

func TestWrongKeys(t *testing.T) {
	r := newRoom(t)
	mine, other := rng.Bytes(keySize), rng.Bytes(keySize)
	for _, n := range []int{100, 2 * segment} {
		sealedByMe := r.put(t, content(n), Options{CustomerKey: mine})
		plain := r.put(t, content(n), Options{})
		for _, c := range []struct {
			ref Ref
			key []byte
		}{{sealedByMe, other}, {sealedByMe, nil}, {plain, mine}} {
			if _, err := r.get(c.ref, c.key, 0, -1); !errors.Is(err, ErrKey) {
				t.Errorf("read with the wrong key: %v", err)
			}
		}
	}
	if _, err := r.Write(t.Context(), strings.NewReader("x"), Options{CustomerKey: []byte("short")}); err == nil {
		t.Error("a key of five bytes is taken")
	}
}

func TestNothingIsPlainOnTheMedium(t *testing.T) {
	r := newRoom(t)
	word := bytes.Repeat([]byte("in the clear "), 10_000)
	ref := r.put(t, word, Options{})
	small := r.put(t, word[:1000], Options{})
	check(t, r.db.View(t.Context(), func(rd store.Reader) error {
		row, ok := rd.Get(inlineRow(small.ID))
		if !ok || bytes.Contains(row, word[:13]) {
			t.Error("inline content is plain")
		}
		return nil
	}))
	path, err := r.medium.(*disk).path(ref.ID)
	check(t, err)
	b, err := os.ReadFile(path)
	check(t, err)
	if bytes.Contains(b, word[:13]) {
		t.Error("the file is plain")
	}
}

func TestCorruption(t *testing.T) {
	const n = 3*segment + 100
	for _, c := range []struct {
		name string
		harm func([]byte) []byte
	}{
		{"first bit", func(b []byte) []byte { b[0] ^= 1; return b }},
		{"middle bit", func(b []byte) []byte { b[sealed+77] ^= 0x80; return b }},
		{"tag", func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		{"a segment too few", func(b []byte) []byte { return b[:3*sealed] }},
		{"a byte too few", func(b []byte) []byte { return b[:len(b)-1] }},
		{"empty", func(b []byte) []byte { return nil }},
		{"segments exchanged", func(b []byte) []byte {
			first := bytes.Clone(b[:sealed])
			copy(b, b[sealed:2*sealed])
			copy(b[sealed:], first)
			return b
		}},
		{"zeros", func(b []byte) []byte { return make([]byte, len(b)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRoom(t)
			ref := r.put(t, content(n), Options{})
			path, err := r.medium.(*disk).path(ref.ID)
			check(t, err)
			b, err := os.ReadFile(path)
			check(t, err)
			check(t, os.WriteFile(path, c.harm(b), 0o600))
			if _, err := r.get(ref, nil, 0, -1); !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("cut at a segment and the record with it", func(t *testing.T) {
		r := newRoom(t)
		ref := r.put(t, content(n), Options{})
		ref.Size = 2 * segment
		if _, err := r.get(ref, nil, 0, -1); !errors.Is(err, ErrCorrupt) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("file gone", func(t *testing.T) {
		r := newRoom(t)
		ref := r.put(t, content(n), Options{})
		check(t, r.medium.remove(ref.ID))
		if _, err := r.get(ref, nil, 0, -1); !errors.Is(err, ErrCorrupt) {
			t.Errorf("got %v", err)
		}
	})
}

func TestFailedWritesLeaveNothing(t *testing.T) {
	broken := errors.New("connection reset")
	for _, n := range []int{10, segment, 5 * segment, 20 * segment} {
		r := newRoom(t)
		for _, want := range []error{broken, io.ErrUnexpectedEOF} {
			body := io.MultiReader(bytes.NewReader(content(n)), iotest.ErrReader(want))
			if _, err := r.Write(t.Context(), body, Options{SizeHint: int64(n) * 2}); !errors.Is(err, want) {
				t.Errorf("%d bytes, then %v: got %v", n, want, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		body := io.MultiReader(bytes.NewReader(content(n)), readerFunc(func(b []byte) (int, error) { cancel(); return len(b), nil }))
		if _, err := r.Write(ctx, body, Options{SizeHint: -1}); !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes, then cancelled: %v", n, err)
		}
		if files := r.files(t); len(files) > 0 || len(r.pending.ids) > 0 {
			t.Errorf("%d bytes: left behind %v, pending %v", n, files, r.pending.ids)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

func TestDiscard(t *testing.T) {
	r := newRoom(t)
	write := func() *Pending {
		p, err := r.Write(t.Context(), bytes.NewReader(content(2*segment)), Options{})
		check(t, err)
		return p
	}
	t.Run("never committed", func(t *testing.T) {
		p := write()
		p.Discard()
		p.Discard()
		if f := r.files(t); len(f) > 0 {
			t.Errorf("files %v remain", f)
		}
	})
	t.Run("transaction failed", func(t *testing.T) {
		p := write()
		failed := errors.New("precondition")
		err := r.db.Update(t.Context(), func(tx store.Tx) error { p.Commit(tx); return failed })
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
		p.Discard()
		if f := r.files(t); len(f) > 0 {
			t.Errorf("files %v remain", f)
		}
	})
	t.Run("committed", func(t *testing.T) {
		p := write()
		ref := r.commit(t, p)
		p.Discard()
		if _, err := r.get(ref, nil, 0, -1); err != nil {
			t.Error(err)
		}
	})
}

func TestDelete(t *testing.T) {
	r := newRoom(t)
	for _, n := range []int{10, 2 * segment} {
		want := content(n)
		ref := r.put(t, want, Options{})
		var open io.ReadCloser
		check(t, r.db.View(t.Context(), func(rd store.Reader) (err error) {
			open, err = r.Open(t.Context(), rd, ref, nil, 0, -1)
			return err
		}))
		check(t, r.db.Update(t.Context(), func(tx store.Tx) error { r.Delete(tx, ref); return nil }))
		if got, err := io.ReadAll(open); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: a reader that was open got %d bytes, %v", n, len(got), err)
		}
		check(t, open.Close())
		if _, err := r.get(ref, nil, 0, -1); err == nil {
			t.Errorf("%d bytes can still be read", n)
		}
	}
	if f := r.files(t); len(f) > 0 {
		t.Errorf("files %v remain", f)
	}
	check(t, r.db.View(t.Context(), func(rd store.Reader) error {
		for k := range rd.Scan(store.Range{}) {
			t.Errorf("row %q remains", k)
		}
		return nil
	}))
}

// A View that found a record must not fail because the record was replaced
// before the View came to the file: it runs again and finds the new one.
func TestReplacedUnderAReader(t *testing.T) {
	r := newRoom(t)
	name := []byte("name")
	save := func(b []byte) {
		p, err := r.Write(t.Context(), bytes.NewReader(b), Options{})
		check(t, err)
		check(t, r.db.Update(t.Context(), func(tx store.Tx) error {
			if old, ok := tx.Get(name); ok {
				r.Delete(tx, parsePart(old))
			}
			tx.Put(name, encodeRef(t, p.Commit(tx)))
			return nil
		}))
	}
	save(content(2 * segment))
	runs := 0
	check(t, r.db.View(t.Context(), func(rd store.Reader) error {
		b, _ := rd.Get(name)
		if runs++; runs == 1 {
			save(content(3 * segment))
		}
		body, err := r.Open(t.Context(), rd, parsePart(b), nil, 0, -1)
		check(t, err)
		defer body.Close()
		got, err := io.ReadAll(body)
		if !bytes.Equal(got, content(3*segment)) {
			t.Errorf("read %d bytes", len(got))
		}
		return err
	}))
	if runs != 2 {
		t.Errorf("%d runs", runs)
	}
}

func TestOrphans(t *testing.T) {
	r := newRoom(t)
	kept := r.put(t, content(2*segment), Options{})
	lost, err := r.Write(t.Context(), bytes.NewReader(content(2*segment)), Options{})
	check(t, err)
	if n, err := r.Collect(t.Context()); n != 0 || err != nil {
		t.Errorf("collected %d of this run, %v", n, err)
	}
	r.reopen(t)
	r.work.Wait()
	if f := r.files(t); len(f) != 1 || f[0] != kept.ID {
		t.Errorf("after a restart: %v; kept %s, lost %s", f, kept.ID, lost.Ref.ID)
	}
	if _, err := r.get(kept, nil, 0, -1); err != nil {
		t.Error(err)
	}
	path, err := r.medium.(*disk).path(r.newID())
	check(t, err)
	check(t, os.MkdirAll(filepath.Dir(path), 0o700))
	check(t, os.WriteFile(path, nil, 0o600))
	if n, err := r.Collect(t.Context()); n != 1 || err != nil {
		t.Errorf("collected %d, %v", n, err)
	}
}

func TestConcat(t *testing.T) {
	r := newRoom(t)
	customer := rng.Bytes(keySize)
	var want []byte
	var parts []Ref
	for i, n := range []int{5 * segment, 0, 2*segment + 1, segment, 100} {
		b := content(n + i)
		if n == 0 {
			b = nil
		}
		want = append(want, b...)
		parts = append(parts, r.put(t, b, Options{CustomerKey: customer}))
	}
	var whole Ref
	check(t, r.db.Update(t.Context(), func(tx store.Tx) error { whole = r.Concat(tx, parts...); return nil }))
	if whole.Size != int64(len(want)) {
		t.Fatalf("size %d, not %d", whole.Size, len(want))
	}
	var at []int64
	for i, end := 0, int64(0); i < len(parts); i++ {
		at = append(at, end, end+1, max(end-1, 0))
		end += parts[i].Size
	}
	at = append(at, whole.Size-1, whole.Size)
	for _, from := range at {
		for _, to := range at {
			if to < from {
				continue
			}
			got, err := r.get(whole, customer, from, to-from)
			if err != nil || !bytes.Equal(got, want[from:to]) {
				t.Errorf("from %d to %d: %d bytes, %v", from, to, len(got), err)
			}
		}
	}
	check(t, r.db.Update(t.Context(), func(tx store.Tx) error { r.Delete(tx, whole); return nil }))
	if f := r.files(t); len(f) > 0 {
		t.Errorf("files %v remain", f)
	}
	check(t, r.db.View(t.Context(), func(rd store.Reader) error {
		for k := range rd.Scan(store.Range{}) {
			t.Errorf("row %q remains", k)
		}
		return nil
	}))
}

func TestClear(t *testing.T) {
	r := newRoom(t)
	ref := r.put(t, content(2*segment), Options{})
	check(t, r.Clear(t.Context(), r.db))
	r.work.Wait()
	if _, err := r.get(ref, nil, 0, -1); err == nil {
		t.Error("content outlives Clear")
	}
	if left, _ := filepath.Glob(filepath.Join(r.path, trashPrefix+"*")); len(left) > 0 {
		t.Errorf("%v remain", left)
	}
	r.put(t, content(2*segment), Options{})
}

func TestMemoryDir(t *testing.T) {
	d, err := OpenMemory()
	check(t, err)
	db, err := pebble.OpenMemory()
	check(t, err)
	defer db.Close()
	r := &room{Dir: d, db: db}
	for _, n := range sizes {
		want := content(n)
		ref := r.put(t, want, Options{})
		for _, x := range edges(int64(n)) {
			got, err := r.get(ref, nil, x[0], x[1])
			if err != nil || !bytes.Equal(got, want[x[0]:min(x[0]+x[1], int64(n))]) {
				t.Errorf("%d bytes, %v: %d bytes, %v", n, x, len(got), err)
			}
		}
		check(t, db.Update(t.Context(), func(tx store.Tx) error { d.Delete(tx, ref); return nil }))
	}
	if f := r.files(t); len(f) > 0 {
		t.Errorf("files %v remain", f)
	}
}

// Memory does not follow size: 256 MiB go through with a few MiB allocated.
// (The race detector has pools forget a quarter of what they are given.)
func TestMemoryIsFlat(t *testing.T) {
	r := newRoom(t)
	const size = 256 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p, err := r.Write(t.Context(), io.LimitReader(readerFunc(func(b []byte) (int, error) { return len(b), nil }), size), Options{SizeHint: size})
	check(t, err)
	ref := r.commit(t, p)
	check(t, r.db.View(t.Context(), func(rd store.Reader) error {
		body, err := r.Open(t.Context(), rd, ref, nil, 0, -1)
		check(t, err)
		n, err := io.Copy(io.Discard, body)
		if n != size {
			t.Errorf("read %d bytes", n)
		}
		return errors.Join(err, body.Close())
	}))
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > size/2 {
		t.Errorf("%d MiB allocated in all", got>>20)
	}
	t.Logf("%d KiB allocated in all", (after.TotalAlloc-before.TotalAlloc)>>10)
	check(t, r.db.Update(t.Context(), func(tx store.Tx) error { r.Delete(tx, ref); return nil }))
}

func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{4 << 10, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			r := newRoom(b)
			body := content(n)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				sum := md5.New()
				p, err := r.Write(context.Background(), io.TeeReader(bytes.NewReader(body), sum), Options{SizeHint: int64(n)})
				check(b, err)
				var ref Ref
				check(b, r.db.Update(context.Background(), func(tx store.Tx) error { ref = p.Commit(tx); return nil }))
				check(b, r.db.Update(context.Background(), func(tx store.Tx) error { r.Delete(tx, ref); return nil }))
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{4 << 10, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dKiB", n>>10), func(b *testing.B) {
			r := newRoom(b)
			p, err := r.Write(context.Background(), bytes.NewReader(content(n)), Options{SizeHint: int64(n)})
			check(b, err)
			ref := r.commit(b, p)
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				var body io.ReadCloser
				check(b, r.db.View(context.Background(), func(rd store.Reader) (err error) {
					body, err = r.Open(context.Background(), rd, ref, nil, 0, -1)
					return err
				}))
				_, err := body.(io.WriterTo).WriteTo(io.Discard)
				check(b, errors.Join(err, body.Close()))
			}
		})
	}
}

func encodeRef(t testing.TB, ref Ref) []byte {
	t.Helper()
	b, err := encodePart(ref)
	check(t, err)
	return b
}
