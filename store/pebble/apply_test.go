package pebble

import (
	"context"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"pileus/store"
)

// slowDisk is a file system whose syncs of the log wait for a word each, once
// it is held: the error that they end with.
type slowDisk struct {
	vfs.FS
	held chan chan error
}

func newSlowDisk() *slowDisk {
	d := &slowDisk{held: make(chan chan error, 1)}
	d.FS = errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind != errorfs.OpFileSyncData || !strings.HasSuffix(op.Path, ".log") {
			return nil
		}
		select {
		case word := <-d.held:
			return <-word
		default:
			return nil
		}
	}))
	return d
}

// hold has the next sync wait.
func (d *slowDisk) hold() (word chan error) {
	word = make(chan error)
	d.held <- word
	return word
}

// TestApplyDoesNotWaitForTheDisk begins a transaction on what another has
// written whose sync is still under way.
func TestApplyDoesNotWaitForTheDisk(t *testing.T) {
	for name, end := range map[string]error{"the sync succeeds": nil, "the sync fails": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			disk := newSlowDisk()
			s, err := Open("state", Options{FS: disk, Reserve: -1, Logger: slog.New(slog.DiscardHandler)})
			must(t, err)
			word := disk.hold()
			applied, first, second := make(chan string, 2), make(chan error), make(chan error)
			go func() {
				first <- s.Update(context.Background(), func(tx store.Tx) error {
					tx.Put([]byte("a"), []byte("1"))
					tx.OnApply(func() { applied <- "first" })
					tx.OnCommit(func() { applied <- "durable" })
					return nil
				})
			}()
			if got := <-applied; got != "first" {
				t.Fatalf("%s comes first", got)
			}
			read := make(chan string, 100)
			go func() {
				second <- s.Update(context.Background(), func(tx store.Tx) error {
					v, _ := tx.Get([]byte("a"))
					read <- string(v)
					tx.Put([]byte("b"), v)
					return nil
				})
			}()
			if v := <-read; v != "1" {
				t.Errorf("the second transaction reads %q", v)
			}
			select {
			case err := <-first:
				t.Errorf("an Update returned (%v) before its sync", err)
			case err := <-second:
				t.Errorf("an Update returned (%v) before the sync of what it has read", err)
			default:
			}
			word <- end
			wrong, err := <-first, <-second
			if end == nil && wrong != nil {
				t.Errorf("the first ends with %v", wrong)
			}
			must(t, s.View(context.Background(), func(r store.Reader) error {
				a, _ := r.Get([]byte("a"))
				b, _ := r.Get([]byte("b"))
				if wrong == nil && string(a) != "1" || err == nil && string(b) != string(a) {
					t.Errorf("%q and %q in the end, errors %v and %v", a, b, wrong, err)
				}
				return nil
			}))
			must(t, s.Close())
		})
	}
}

// TestLogIsFilledAhead looks for syncs that have to write the file's size.
func TestLogIsFilledAhead(t *testing.T) {
	fs := logFS{vfs.NewMem()}
	f, err := fs.Create("000001.log", logCategory)
	must(t, err)
	sizes := map[int64]bool{}
	const records, size = 100, 10 << 10
	for range records {
		_, err := f.Write(make([]byte, size))
		must(t, err)
		info, err := f.Stat()
		must(t, err)
		sizes[info.Size()] = true
	}
	if most := records*size/fillSize + 1; len(sizes) > most {
		t.Errorf("the file grew %d times, want %d at most", len(sizes), most)
	}
	must(t, f.Close())
	again, err := fs.ReuseForWrite("000001.log", "000002.log", logCategory)
	must(t, err)
	before, err := again.Stat()
	must(t, err)
	_, err = again.Write(make([]byte, size))
	must(t, err)
	if after, err := again.Stat(); err != nil || after.Size() != before.Size() {
		t.Errorf("a log that is used again goes from %d to %d bytes, %v", before.Size(), after.Size(), err)
	}
	must(t, again.Close())
}
