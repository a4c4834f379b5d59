package pebble

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"pileus/store"
)

// writers count, for each of some writers, what was promised and what was refused; every write moves its writer's three rows together.
type writers struct {
	promised, refused [8]atomic.Int64
}

// run has all writers work until each has tried n times, or stop says so.
func (w *writers) run(s store.Store, n int, size int, stop func() bool) {
	var all sync.WaitGroup
	for i := range w.promised {
		all.Go(func() {
			for range n {
				if stop() {
					return
				}
				var now int64
				err := s.Update(context.Background(), func(tx store.Tx) error {
					now = number(tx, i, "a") + 1
					for _, part := range []string{"a", "b", "c"} {
						tx.Put(fmt.Appendf(nil, "w/%d/%s", i, part), fmt.Appendf(nil, "%d", now))
					}
					tx.Put(fmt.Appendf(nil, "pad/%d/%d", i, now%50), make([]byte, size))
					tx.Emit("t", store.K(i), fmt.Appendf(nil, "%d", now))
					return nil
				})
				if err == nil {
					w.promised[i].Store(now)
				} else {
					w.refused[i].Add(1)
				}
			}
		})
	}
	all.Wait()
}

func number(r store.Reader, writer int, part string) (n int64) {
	if v, ok := r.Get(fmt.Appendf(nil, "w/%d/%s", writer, part)); ok {
		_, _ = fmt.Sscan(string(v), &n)
	}
	return n
}

// verify: what was promised is there, and nothing is there by halves. exact
// tells that what was refused must not be there either.
func (w *writers) verify(t *testing.T, s store.Store, promised [8]int64, exact bool) {
	t.Helper()
	must(t, s.View(context.Background(), func(r store.Reader) error {
		for i := range promised {
			a, b, c := number(r, i, "a"), number(r, i, "b"), number(r, i, "c")
			if a != b || b != c {
				t.Errorf("writer %d: half done: %d %d %d", i, a, b, c)
			}
			if a < promised[i] {
				t.Errorf("writer %d: LOST: promised %d, there %d", i, promised[i], a)
			}
			if exact && a != promised[i] {
				t.Errorf("writer %d: promised %d and refused the next, there %d", i, promised[i], a)
			}
		}
		// Entries of each writer are 1, 2, 3... without a gap, up to its count.
		for i := range promised {
			n := int64(0)
			before := store.Entry{Topic: "t", Key: store.K(i)} // whatever comes after nothing
			for e, ok := store.FollowOutbox(r, before); ok; e, ok = store.FollowOutbox(r, e) {
				if n++; string(e.Payload) != fmt.Sprint(n) {
					t.Errorf("writer %d: entry %d is %s", i, n, e.Payload)
				}
			}
			if n != number(r, i, "a") {
				t.Errorf("writer %d: %d entries, counted %d", i, n, number(r, i, "a"))
			}
		}
		return nil
	}))
}

func (w *writers) load() (p [8]int64) {
	for i := range p {
		p[i] = w.promised[i].Load()
	}
	return p
}

func never() bool { return false }

// TestPowerLoss cuts the power, again and again: of what was not synced some
// blocks reach the disk and others do not, so the log's end is torn.
func TestPowerLoss(t *testing.T) {
	fs := vfs.NewCrashableMem()
	rnd := rand.New(rand.NewPCG(rand.Uint64(), 1))
	var w writers
	rounds := 30
	for round := range rounds {
		s, err := Open("state", Options{FS: fs, Reserve: -1})
		must(t, err)
		w.verify(t, s, w.load(), false)
		var cut atomic.Pointer[vfs.MemFS]
		var promised [8]int64
		target := rnd.Int64N(400)
		var count atomic.Int64
		var once sync.Once
		w.run(s, 60, 2000, func() bool {
			if count.Add(1) == target {
				once.Do(func() {
					promised = w.load() // before the power fails
					cut.Store(fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 30, 70, 100}[round%4], RNG: rnd}))
				})
			}
			return cut.Load() != nil
		})
		if cut.Load() == nil {
			promised = w.load()
			cut.Store(fs.CrashClone(vfs.CrashCloneCfg{}))
		}
		must(t, s.Close())
		for i := range promised {
			w.promised[i].Store(promised[i])
		}
		fs = cut.Load()
	}
	t.Logf("%d power cuts, lost 0, half done 0, last promised %v", rounds, w.load())
}

// TestSyncFails has syncs of the log fail now and then.
func TestSyncFails(t *testing.T) {
	var fail atomic.Bool
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		isSync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if isSync && strings.HasSuffix(op.Path, ".log") && fail.CompareAndSwap(true, false) {
			return syscall.EIO
		}
		return nil
	}))
	s, err := Open("state", Options{FS: fs, Reserve: -1, Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	var w writers
	var count atomic.Int64
	faults, opened := 0, 0
	for range 20 {
		before := s.(*DB).engine.Load()
		w.run(s, 25, 500, func() bool {
			if count.Add(1)%150 == 0 {
				fail.Store(true)
				faults++
			}
			return false
		})
		w.verify(t, s, w.load(), true)
		if s.(*DB).engine.Load() != before {
			opened++
		}
	}
	must(t, s.Close())
	s, err = Open("state", Options{FS: fs, Reserve: -1})
	must(t, err)
	w.verify(t, s, w.load(), true)
	must(t, s.Close())
	refused := int64(0)
	for i := range w.refused {
		refused += w.refused[i].Load()
	}
	t.Logf("%d failed syncs, opened anew %d times, %d commits refused, promised %v", faults, opened, refused, w.load())
	if opened == 0 {
		t.Error("no sync failed")
	}
}

// smallDisk is a file system of a limited size, some of which others take.
type smallDisk struct {
	*vfs.MemFS
	size   int64
	others atomic.Int64
	mu     sync.Mutex
	used   map[string]int64
}

func newSmallDisk(size int64) *smallDisk {
	return &smallDisk{MemFS: vfs.NewMem(), size: size, used: map[string]int64{}}
}

func (d *smallDisk) free() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.size - d.others.Load()
	for _, u := range d.used {
		n -= u
	}
	return n
}

func (d *smallDisk) take(name string, n int) error {
	if d.free() < int64(n) {
		return &vfsError{name, syscall.ENOSPC}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used[name] += int64(n)
	return nil
}

type vfsError struct {
	name string
	err  error
}

func (e *vfsError) Error() string { return "write " + e.name + ": " + e.err.Error() }
func (e *vfsError) Unwrap() error { return e.err }

func (d *smallDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if d.free() < 0 {
		return nil, &vfsError{name, syscall.ENOSPC}
	}
	f, err := d.MemFS.Create(name, c)
	d.mu.Lock()
	d.used[name] = 0
	d.mu.Unlock()
	return &smallFile{f, d, name}, err
}

func (d *smallDisk) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.MemFS.ReuseForWrite(old, name, c)
	d.mu.Lock()
	d.used[name] = 0 // it is written over
	delete(d.used, old)
	d.mu.Unlock()
	return &smallFile{f, d, name}, err
}

func (d *smallDisk) Remove(name string) error {
	err := d.MemFS.Remove(name)
	d.mu.Lock()
	delete(d.used, name)
	d.mu.Unlock()
	return err
}

func (d *smallDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	free := uint64(max(0, d.free()))
	return vfs.DiskUsage{TotalBytes: uint64(d.size), AvailBytes: free, UsedBytes: uint64(d.size) - free}, nil
}

type smallFile struct {
	vfs.File
	d    *smallDisk
	name string
}

func (f *smallFile) Write(b []byte) (int, error) {
	if err := f.d.take(f.name, len(b)); err != nil {
		return 0, err
	}
	return f.File.Write(b)
}

// Preallocate counts for the ballast alone; the log's is a hint.
func (f *smallFile) Preallocate(_, n int64) error {
	if strings.HasSuffix(f.name, ballastName) {
		_, err := f.Write(make([]byte, n))
		return err
	}
	return nil
}

// diskTest is a store on a small disk.
type diskTest struct {
	*testing.T
	disk *smallDisk
	s    store.Store
	w    writers
}

const smallReserve = 4 << 20

func newDiskTest(t *testing.T) *diskTest {
	d := &diskTest{T: t, disk: newSmallDisk(48 << 20)}
	d.reopen()
	d.work("on an empty disk", 20, 0)
	return d
}

func (d *diskTest) reopen() {
	d.Helper()
	var err error
	d.s, err = Open("state", Options{FS: d.disk, Reserve: smallReserve})
	must(d.T, err)
}

// work has each of the eight writers try so often, and counts the refusals.
func (d *diskTest) work(when string, tries, refused int) {
	d.Helper()
	before := d.w.refusedSum()
	d.w.run(d.s, tries, 20_000, never)
	if n := int(d.w.refusedSum() - before); refused >= 0 && n != refused {
		d.Errorf("%s: %d of %d refused, not %d", when, n, 8*tries, refused)
	}
}

// eventually tries again while the engine works in the background.
func (d *diskTest) eventually(what string, f func() error) {
	d.Helper()
	var err error
	for range 200_000 {
		if err = f(); err == nil {
			return
		}
		runtime.Gosched()
	}
	d.Fatalf("%s on a disk that was full: %v", what, err)
}

// close closes the store, which must hold all that was promised afterwards.
func (d *diskTest) close() {
	d.Helper()
	must(d.T, d.s.Close())
	d.reopen()
	d.w.verify(d.T, d.s, d.w.load(), false)
	must(d.T, d.s.Close())
}

// TestDiskFull fills the disk in three ways: with our own data; by others,
// under our writes; and by others who take even what the ballast gives back.
func TestDiskFull(t *testing.T) {
	t.Run("our own data", func(t *testing.T) {
		d := newDiskTest(t)
		var err error
		n := 0
		for ; err == nil && n < 2000; n++ {
			err = d.s.Update(context.Background(), func(tx store.Tx) error {
				tx.Put(fmt.Appendf(nil, "fill/%d", n), make([]byte, 100_000))
				return nil
			})
		}
		if !errors.Is(err, store.ErrFull) {
			t.Fatalf("after %d values: %v", n, err)
		}
		d.work("full", 5, -1) // some may get in as a compaction ends
		d.w.verify(t, d.s, d.w.load(), true)
		// What only deletes is let through, at the latest when the flushes and
		// compactions that are under way have given back what they use.
		d.eventually("a deletion", func() error {
			return d.s.Update(context.Background(), func(tx store.Tx) error {
				tx.DeleteRange([]byte("fill/"), []byte("fill0"))
				return nil
			})
		})
		d.disk.others.Store(-64 << 20)
		d.work("with space again", 5, 0)
		d.w.verify(t, d.s, d.w.load(), true)
		d.close()
	})
	t.Run("others, suddenly", func(t *testing.T) {
		d := newDiskTest(t)
		for range 5 {
			d.disk.others.Add(d.disk.free())
			d.work("under the writes", 10, -1) // flushes and compactions give some back
			d.disk.others.Store(0)
			d.work("with space again", 5, 0)
			d.w.verify(t, d.s, d.w.load(), true)
		}
		if d.w.refusedSum() == 0 {
			t.Error("nothing was refused on a full disk")
		}
		d.close()
	})
	t.Run("others, and the ballast too", func(t *testing.T) {
		d := newDiskTest(t)
		for range 5 {
			d.disk.others.Add(d.disk.free() + 2*smallReserve)
			d.work("full", 5, 40)
			d.disk.others.Store(0)
			d.work("with space again", 5, 0)
			d.w.verify(t, d.s, d.w.load(), false)
		}
		d.close()
	})
}

func (w *writers) refusedSum() (n int64) {
	for i := range w.refused {
		n += w.refused[i].Load()
	}
	return n
}
