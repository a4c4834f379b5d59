package blob

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pileus/store"
	"pileus/store/pebble"
)

// emptied is a store with which others work while it is cleared.
type emptied struct {
	store.Store
	before, after func()
}

func (e *emptied) Clear(ctx context.Context) error {
	e.before()
	err := e.Store.Clear(ctx)
	e.after()
	return err
}

// What is written while everything is removed stays, if it was named after that,
// and is removed, if before: content that was whole before, that was half
// written, and that came in between.
func TestClearWhileOthersWrite(t *testing.T) {
	for name, begin := range map[string]func(testing.TB) *room{"disk": newRoom, "memory": memoryRoom} {
		t.Run(name, func(t *testing.T) {
			r := begin(t)
			want := content(3 * chunkSize)
			write := func(body io.Reader) *Pending {
				p, err := r.Write(t.Context(), body, Options{SizeHint: -1})
				check(t, err)
				return p
			}
			commit := func(p *Pending) (ref Ref) {
				check(t, r.db.Update(t.Context(), func(tx store.Tx) error { ref = p.Commit(tx); return nil }))
				return ref
			}
			old := r.put(t, want, Options{})
			whole := write(bytes.NewReader(want))
			half := make(chan *Pending)
			body, client := io.Pipe()
			go func() { half <- write(body) }()
			_, err := client.Write(want[:2*chunkSize])
			check(t, err)
			var gone, between Ref
			check(t, r.Clear(t.Context(), &emptied{r.db,
				func() { gone = commit(write(bytes.NewReader(want))) },
				func() { between = commit(write(bytes.NewReader(want))) },
			}))
			_, err = client.Write(want[2*chunkSize:])
			check(t, err)
			check(t, client.Close())
			for what, ref := range map[string]Ref{"whole before": commit(whole), "half written before": commit(<-half), "in between": between} {
				if got, err := r.get(ref, nil, 0, -1); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %d bytes, %v", what, len(got), err)
				}
			}
			if files := r.files(t); len(files) != 3 || slices.Contains(files, old.ID) || slices.Contains(files, gone.ID) {
				t.Errorf("%v remain; not %s and %s", files, old.ID, gone.ID)
			}
		})
	}
}

func memoryRoom(t testing.TB) *room {
	t.Helper()
	d, err := OpenMemory()
	check(t, err)
	db, err := pebble.OpenMemory()
	check(t, err)
	t.Cleanup(func() { db.Close() })
	return &room{Dir: d, db: db}
}

// A read that began before everything was removed runs again.
func TestClearWhileOthersRead(t *testing.T) {
	r := newRoom(t)
	ref := r.put(t, content(2*segment), Options{})
	tries := 0
	check(t, r.db.View(t.Context(), func(rd store.Reader) error {
		if tries++; tries > 1 {
			return nil
		}
		check(t, r.Clear(t.Context(), r.db))
		_, err := r.Open(t.Context(), rd, ref, nil, 0, -1)
		return err
	}))
	if tries != 2 {
		t.Errorf("the read ran %d times", tries)
	}
}

// A crash between the two renames of a clear leaves the files that were kept.
func TestClearIsResumed(t *testing.T) {
	root := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(root, nextFolder, "07"), 0o700))
	check(t, os.WriteFile(filepath.Join(root, nextFolder, "07", "a07"), []byte("kept"), 0o600))
	d, err := openDisk(root)
	check(t, err)
	f, err := d.open("a07")
	check(t, err)
	check(t, f.Close())
	check(t, os.MkdirAll(filepath.Join(root, nextFolder, "08"), 0o700))
	d, err = openDisk(root) // a crash before the renames: the clear has not begun
	check(t, err)
	f, err = d.open("a07")
	check(t, err)
	check(t, f.Close())
	if _, err := os.Stat(filepath.Join(root, nextFolder)); !os.IsNotExist(err) {
		t.Errorf("the folders of a clear remain: %v", err)
	}
}
