package blob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"pileus/rng"
	"pileus/store"
	"pileus/store/pebble"
)

// faulty fails one kind of call after some have succeeded.
type faulty struct {
	medium
	call string
	left int
	err  error
}

func (f *faulty) fails(call string) error {
	if f.call != call {
		return nil
	}
	if f.left--; f.left < 0 {
		return f.err
	}
	return nil
}

func (f *faulty) create(id string, size int64) (sink, error) {
	if err := f.fails("create"); err != nil {
		return nil, err
	}
	s, err := f.medium.create(id, size)
	return &faultySink{s, f}, err
}

type faultySink struct {
	sink
	f *faulty
}

func (s *faultySink) Write(b []byte) (int, error) {
	if err := s.f.fails("write"); err != nil {
		n, _ := s.sink.Write(b[:len(b)/2]) // torn
		return n, err
	}
	return s.sink.Write(b)
}

func (s *faultySink) finish() error {
	if err := s.f.fails("finish"); err != nil {
		s.sink.abort()
		return err
	}
	return s.sink.finish()
}

func TestFaultsLeaveNothing(t *testing.T) {
	for _, c := range []struct {
		call string
		left int
		err  error
		full bool
	}{
		{"create", 0, syscall.ENOSPC, true},
		{"write", 0, syscall.ENOSPC, true},
		{"write", 1, syscall.EDQUOT, true},
		{"write", 5, syscall.ENOSPC, true},
		{"write", 3, syscall.EIO, false},
		{"finish", 0, syscall.ENOSPC, true},
		{"finish", 0, syscall.EIO, false},
	} {
		r := newRoom(t)
		r.work.Wait() // the collector looks at the medium
		whole := r.medium
		r.medium = &faulty{medium: whole, call: c.call, left: c.left, err: c.err}
		p, err := r.Write(t.Context(), bytes.NewReader(content(40*segment)), Options{SizeHint: -1})
		if p != nil || !errors.Is(err, c.err) || errors.Is(err, store.ErrFull) != c.full {
			t.Errorf("%s fails with %v: %v, %v", c.call, c.err, p, err)
		}
		r.medium = whole
		if f := r.files(t); len(f) > 0 || len(r.pending.ids) > 0 {
			t.Errorf("%s fails with %v: left behind %v, pending %v", c.call, c.err, f, r.pending.ids)
		}
		r.put(t, content(2*segment), Options{})
	}
}

// TestFullDisk fills a real file system, with content and with records, and
// makes room again. Mounting one takes privileges.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("pileus-test", dir, "tmpfs", 0, "size=96m"); err != nil {
		t.Skipf("SKIPPED: no tmpfs can be mounted here: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	db, err := pebble.Open(filepath.Join(dir, "state"), pebble.Options{})
	check(t, err)
	defer func() { check(t, db.Close()) }()
	blobs, err := Open(filepath.Join(dir, "content"), rng.Bytes(keySize), db)
	check(t, err)
	defer func() { check(t, blobs.Close()) }()
	r := &room{Dir: blobs, db: db}

	var refs []Ref
	for range 3 {
		for err = nil; err == nil; {
			var p *Pending
			if p, err = r.Write(t.Context(), bytes.NewReader(content(8<<20)), Options{SizeHint: int64(len(refs)%2)*(8<<20) - 1}); err == nil {
				refs = append(refs, r.commit(t, p))
			}
			if len(refs) > 100 {
				t.Fatal("800 MiB on a disk of 96")
			}
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("after %d blobs: %v", len(refs), err)
		}
		if f := r.files(t); len(f) != len(refs) {
			t.Errorf("%d files for %d blobs", len(f), len(refs))
		}
		for _, ref := range refs {
			if b, err := r.get(ref, nil, 0, -1); err != nil || !bytes.Equal(b, content(8<<20)) {
				t.Errorf("on a full disk: %d bytes, %v", len(b), err)
			}
		}
		// Deleting makes room at once.
		n := len(refs) / 2
		check(t, db.Update(t.Context(), func(tx store.Tx) error {
			for _, ref := range refs[n:] {
				r.Delete(tx, ref)
			}
			return nil
		}))
		refs = refs[:n]
		refs = append(refs, r.put(t, content(8<<20), Options{}))
	}
	if _, err := r.Write(t.Context(), io.LimitReader(readerFunc(func(b []byte) (int, error) { return len(b), nil }), 1<<40), Options{SizeHint: 1 << 40}); !errors.Is(err, store.ErrFull) {
		t.Errorf("a terabyte: %v", err)
	}

	// Somebody else takes the last byte, under commits that go on.
	var promised, refused int
	commit := func(n int) {
		for range n {
			err := db.Update(t.Context(), func(tx store.Tx) error {
				tx.Put(binary.BigEndian.AppendUint64(nil, uint64(promised)), make([]byte, 20_000))
				return nil
			})
			switch {
			case err == nil:
				promised++
			case errors.Is(err, store.ErrFull):
				refused++
			default:
				t.Fatal(err)
			}
		}
	}
	greedy, err := os.Create(filepath.Join(dir, "greedy"))
	check(t, err)
	for err = nil; err == nil; {
		_, err = greedy.Write(make([]byte, 64<<10))
		commit(1)
	}
	commit(500)
	if refused == 0 {
		t.Error("nothing was refused on a disk without a free byte")
	}
	check(t, errors.Join(greedy.Close(), os.Remove(greedy.Name())))
	before := promised
	commit(50)
	if promised != before+50 {
		t.Errorf("%d of 50 commits with space again", promised-before)
	}
	check(t, db.View(t.Context(), func(rd store.Reader) error {
		for i := range promised {
			if _, ok := rd.Get(binary.BigEndian.AppendUint64(nil, uint64(i))); !ok {
				t.Errorf("LOST: commit %d of %d", i, promised)
			}
		}
		return nil
	}))
	t.Logf("%d commits promised and there, %d refused", promised, refused)
}
