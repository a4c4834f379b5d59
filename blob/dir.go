package blob

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"pileus/rng"
	"pileus/store"
)

// Dir is the Store of one machine.
type Dir struct {
	medium  medium
	db      store.Store // to ask which files are named; nil in memory
	master  cipher.AEAD
	runs    runKeys
	smalls  sync.Pool // of *[]byte, for inline content
	run     string    // sets this run's ids apart from those of others
	count   atomic.Uint64
	chunks  sync.Pool // of *[chunkSize]byte
	pending pendingSet
	removed idRing // by this run
	hot     *hot   // nil in memory, where there is nothing to gain

	stop     context.CancelFunc
	work     sync.WaitGroup // of the start
	trimming sync.WaitGroup
}

var _ Store = (*Dir)(nil)

// Open opens the content in dir, which is made if it does not exist; db is the
// store whose transactions name it. masterKey (32 bytes) wraps the data keys.
// What a crash has left behind without a name is removed in the background.
func Open(dir string, masterKey []byte, db store.Store) (*Dir, error) {
	disk, err := openDisk(dir)
	if err != nil {
		return nil, mediumError(err)
	}
	d, err := newDir(disk, masterKey, db)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	d.hot = newHot()
	d.trimming.Go(func() { d.hot.run(ctx) })
	d.work.Go(func() {
		// What fails here is tried again at the next start.
		_ = disk.sweep()
		_, _ = d.collect(ctx, func(id string) bool { return !strings.HasPrefix(id, d.run) })
	})
	return d, nil
}

// OpenMemory makes an empty store of content that touches no disk.
func OpenMemory() (*Dir, error) {
	return newDir(newMemory(), rng.Bytes(keySize), nil)
}

func newDir(m medium, masterKey []byte, db store.Store) (*Dir, error) {
	master, err := newAEAD(masterKey)
	if err != nil {
		return nil, err
	}
	d := &Dir{medium: m, db: db, master: master, run: fmt.Sprintf("%x", rng.Bytes(runLength/2)), stop: func() {}}
	d.runs = runKeys{master: slices.Clone(masterKey), byRun: map[string]cipher.AEAD{}}
	d.chunks.New = func() any { return new([chunkSize]byte) }
	return d, nil
}

// Close ends the work in the background.
func (d *Dir) Close() error {
	d.stop()
	d.work.Wait()
	d.trimming.Wait()
	return nil
}

// newID is the name of a new blob. Ids of one run ascend, so rows lie together.
func (d *Dir) newID() string { return fmt.Sprintf("%s%010x", d.run, d.count.Add(1)) }

const (
	inlineRows = "~blob.inline/"
	fileRows   = "~blob.file/" // one for each file that a record names
	partRows   = "~blob.part/"
	joined     = "z" // starts the id of what Concat made
)

func inlineRow(id string) []byte { return store.K(id).Append([]byte(inlineRows)) }
func fileRow(id string) []byte   { return store.K(id).Append([]byte(fileRows)) }

// Delete implements Store.
func (d *Dir) Delete(tx store.Tx, ref Ref) {
	switch {
	case ref.ID == "":
	case ref.Inline:
		tx.Delete(inlineRow(ref.ID))
	case strings.HasPrefix(ref.ID, joined):
		d.deleteParts(tx, ref)
	default:
		tx.Delete(fileRow(ref.ID))
		tx.OnCommit(func() { d.remove(ref.ID) })
	}
}

// remove removes a file. If that fails it is an orphan, and the collector's.
func (d *Dir) remove(id string) {
	d.removed.add(id)
	d.hot.drop(id)
	_ = d.medium.remove(id)
}

type naming int

const (
	notNamed naming = iota
	named
	unknown
)

// named asks the store whether a transaction has named the file.
func (d *Dir) named(ctx context.Context, id string) naming {
	if d.db == nil {
		return notNamed
	}
	found := notNamed
	err := d.db.View(ctx, func(r store.Reader) error {
		found = notNamed
		if _, ok := r.Get(fileRow(id)); ok {
			found = named
		}
		return nil
	})
	if err != nil {
		return unknown
	}
	return found
}

// source opens the file of a blob that rd shows. A file that this run has
// removed, or that was cleared, was still there for the snapshot: the transaction
// runs again.
func (d *Dir) source(id string, again bool) (source, error) {
	f, err := d.medium.open(id)
	if errors.Is(err, fs.ErrNotExist) {
		if again && (d.removed.has(id) || d.db != nil && d.named(context.Background(), id) == notNamed) {
			store.Again()
		}
		return nil, fmt.Errorf("%w: its file is missing", ErrCorrupt)
	}
	return f, mediumError(err)
}

// idRing remembers the last ids that were added.
type idRing struct {
	mu   sync.Mutex
	ring [4096]string
	next int
	ids  map[string]bool
}

func (r *idRing) add(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids == nil {
		r.ids = make(map[string]bool)
	}
	delete(r.ids, r.ring[r.next])
	r.ring[r.next] = id
	r.ids[id] = true
	r.next = (r.next + 1) % len(r.ring)
}

func (r *idRing) has(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ids[id]
}
