// Package crashtest proves that a killed process loses nothing. A child works
// on a store and its content and tells each operation that was acknowledged; the
// parent kills it at a random moment and compares what is there with what was
// told. The work of a worker is a function of its number and a counter, so
// that the state to be expected follows from the counter alone.
package crashtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"time"

	"pileus/blob"
	"pileus/store"
	"pileus/store/pebble"
)

const (
	workers  = 4
	slots    = 8  // objects of a worker
	accounts = 16 // shared by all, with a constant sum
	capital  = 1000
	emits    = 4  // every how many operations there is an outbox entry
	drains   = 20 // and every how many the worker's entries are taken out
)

// object is a worker's record; Body is its content.
type object struct {
	Worker, Slot int
	Op           int // that wrote it
	Body         blob.Ref
}

var objects = store.Table[object]{
	Name:    "crash.object",
	Key:     func(o *object) store.Key { return store.K(o.Worker, o.Slot) },
	Indexes: map[string]func(*object) store.Key{"op": func(o *object) store.Key { return store.K(o.Worker, o.Op) }},
}

// counter is how many operations of a worker have committed.
type counter struct{ Worker, N int }

var counters = store.Table[counter]{Name: "crash.counter", Key: func(c *counter) store.Key { return store.K(c.Worker) }}

type account struct{ ID, Balance int }

var ledger = store.Table[account]{Name: "crash.account", Key: func(a *account) store.Key { return store.K(a.ID) }}

// rig is an open store with its content.
type rig struct {
	db    store.Store
	blobs *blob.Dir
}

func open(dir string) (*rig, error) {
	db, err := pebble.Open(filepath.Join(dir, "state"), pebble.Options{})
	if err != nil {
		return nil, err
	}
	blobs, err := blob.Open(filepath.Join(dir, "content"), make([]byte, 32), db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &rig{db, blobs}, nil
}

func (r *rig) close() error { return errors.Join(r.blobs.Close(), r.db.Close()) }

// found sets the accounts up, once.
func (r *rig) found(ctx context.Context) error {
	return r.db.Update(ctx, func(tx store.Tx) error {
		if ledger.Has(tx, 0) {
			return nil
		}
		for i := range accounts {
			ledger.Put(tx, &account{i, capital})
		}
		return nil
	})
}

func committed(r store.Reader, worker int) int {
	if c, ok := counters.Get(r, worker); ok {
		return c.N
	}
	return 0
}

// deletes tells whether the operation removes its object rather than write it.
func deletes(op int) bool { return op%7 == 0 }

// body is the content that an operation writes: most inline, some in files.
func body(worker, op int) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(worker))
	binary.LittleEndian.PutUint64(seed[8:], uint64(op))
	rnd := rand.NewChaCha8(seed)
	sizes := []int{100, 4 << 10, 30 << 10, 40 << 10, 70 << 10, 300 << 10}
	b := make([]byte, sizes[rnd.Uint64()%uint64(len(sizes))])
	_, _ = rnd.Read(b) // never fails
	return b
}

// work performs one operation: it replaces or removes an object, moves money
// between accounts, appends to the outbox or drains it, and counts.
func (r *rig) work(ctx context.Context, worker, op int) error {
	var p *blob.Pending
	if !deletes(op) {
		var err error
		if p, err = r.blobs.Write(ctx, bytes.NewReader(body(worker, op)), blob.Options{SizeHint: -1}); err != nil {
			return err
		}
		defer p.Discard()
	}
	return r.db.Update(ctx, func(tx store.Tx) error {
		if old, ok := objects.Get(tx, worker, op%slots); ok {
			r.blobs.Delete(tx, old.Body)
			objects.Delete(tx, worker, op%slots)
		}
		if p != nil {
			objects.Put(tx, &object{worker, op % slots, op, p.Commit(tx)})
		}
		transfer(tx, worker, op)
		queue(tx, worker, op)
		counters.Put(tx, &counter{worker, op})
		return nil
	})
}

func transfer(tx store.Tx, worker, op int) {
	from, _ := ledger.Get(tx, (worker+op)%accounts)
	to, _ := ledger.Get(tx, (worker*3+op*5+1)%accounts)
	if from.ID == to.ID {
		return
	}
	from.Balance -= op % 10
	to.Balance += op % 10
	ledger.Put(tx, from)
	ledger.Put(tx, to)
}

func queue(tx store.Tx, worker, op int) {
	if op%drains == 0 {
		for _, e := range entries(tx, worker) {
			store.AckOutbox(tx, e)
		}
	}
	if op%emits == 0 {
		tx.Emit("crash", store.K(worker), strconv.AppendInt(nil, int64(op), 10))
		tx.After(time.Unix(int64(op), 0), "crash", store.K(worker))
	}
}

// entries are the worker's in the outbox, in order.
func entries(r store.Reader, worker int) (all []store.Entry) {
	for _, e := range store.Outbox(r, time.Unix(1, 0), 1000) {
		if e.Key[0] != int64(worker) {
			continue
		}
		for ok := true; ok; e, ok = store.FollowOutbox(r, e) {
			all = append(all, e)
		}
		break
	}
	return all
}

// verify compares the store with what the counters and acknowledgements say.
func (r *rig) verify(ctx context.Context, acknowledged [workers]int) error {
	if _, err := r.blobs.Collect(ctx); err != nil {
		return err
	}
	return r.db.View(ctx, func(rd store.Reader) error {
		var errs []error
		sum := 0
		for a := range ledger.Scan(rd) {
			sum += a.Balance
		}
		if sum != 0 && sum != accounts*capital {
			errs = append(errs, fmt.Errorf("the accounts hold %d", sum))
		}
		for w := range workers {
			n := committed(rd, w)
			if n < acknowledged[w] {
				errs = append(errs, fmt.Errorf("LOST: worker %d was told of %d operations and %d are there", w, acknowledged[w], n))
			}
			errs = append(errs, r.verifyObjects(ctx, rd, w, n), verifyQueue(rd, w, n))
		}
		return errors.Join(errs...)
	})
}

func (r *rig) verifyObjects(ctx context.Context, rd store.Reader, worker, n int) error {
	indexed := 0
	for o := range objects.Index(rd, "op", worker) {
		if o.Op%slots != o.Slot {
			return fmt.Errorf("worker %d: the index leads to %+v", worker, o)
		}
		indexed++
	}
	there := 0
	for op := max(1, n-slots+1); op <= n; op++ {
		o, ok := objects.Get(rd, worker, op%slots)
		if ok != !deletes(op) {
			return fmt.Errorf("worker %d, operation %d of %d: its object is there: %v", worker, op, n, ok)
		}
		if !ok {
			continue
		}
		there++
		if o.Op != op {
			return fmt.Errorf("worker %d, operation %d of %d: the object is that of %d", worker, op, n, o.Op)
		}
		if err := r.verifyBody(ctx, rd, o); err != nil {
			return fmt.Errorf("worker %d, operation %d of %d: %w", worker, op, n, err)
		}
	}
	if indexed != there {
		return fmt.Errorf("worker %d: %d objects and %d in the index", worker, there, indexed)
	}
	return nil
}

func (r *rig) verifyBody(ctx context.Context, rd store.Reader, o *object) error {
	f, err := r.blobs.Open(ctx, rd, o.Body, nil, 0, -1)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if !bytes.Equal(got, body(o.Worker, o.Op)) {
		return fmt.Errorf("its content of %d bytes is not what was written", len(got))
	}
	return nil
}

func verifyQueue(rd store.Reader, worker, n int) error {
	var want, got []string
	for op := max(emits, n-n%drains); op <= n; op += emits {
		want = append(want, strconv.Itoa(op))
	}
	for _, e := range entries(rd, worker) {
		got = append(got, string(e.Payload))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		return fmt.Errorf("worker %d after %d operations: the outbox holds %v, not %v", worker, n, got, want)
	}
	if _, ok := store.Appointment(rd, "crash", store.K(worker)); ok != (n >= emits) {
		return fmt.Errorf("worker %d after %d operations: a wake-up is there: %v", worker, n, ok)
	}
	return nil
}
