package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pileus/node"
	"pileus/trail"
)

var nothing trail.Filter

func TestSnapshot(t *testing.T) {
	for name, begin := range map[string]func(*testing.T) *world{"disk": onDisk, "memory": inMemory} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			w.bucket()
			w.put("small", []byte("s"))
			w.put("large", large())
			if _, err := w.node.Save(t.Context(), "first"); err != nil {
				t.Fatal(err)
			}
			w.put("large", []byte("another"))
			w.put("later", large())
			if _, err := w.node.Save(t.Context(), "second"); err != nil {
				t.Fatal(err)
			}
			for range 2 { // a snapshot can be loaded again
				if _, err := w.node.Load(t.Context(), "first"); err != nil {
					t.Fatal(err)
				}
				w.holds("small", []byte("s"))
				w.holds("large", large())
				w.lacks("later")
				w.put("large", []byte("changed"))
			}
			if _, err := w.node.Load(t.Context(), "second"); err != nil {
				t.Fatal(err)
			}
			w.holds("later", large())
			w.holds("large", []byte("another"))
			if w.o.DataDir != "" {
				w.restart()
				w.holds("later", large())
			}
		})
	}
}

// TestSnapshotMoves takes a cloud from memory to disk and back.
func TestSnapshotMoves(t *testing.T) {
	memory := inMemory(t)
	memory.bucket()
	memory.put("large", large())
	_, err := memory.node.Save(t.Context(), "s")
	memory.check(err)
	disk := begin(t, node.Options{DataDir: t.TempDir(), SnapshotDir: memory.o.SnapshotDir})
	_, err = disk.node.Load(t.Context(), "s")
	disk.check(err)
	disk.holds("large", large())
	disk.put("more", large())
	_, err = disk.node.Save(t.Context(), "s")
	disk.check(err)
	_, err = memory.node.Load(t.Context(), "s")
	memory.check(err)
	memory.holds("more", large())
}

func TestSnapshotKeepsTheClock(t *testing.T) {
	w := onDisk(t)
	w.check(w.node.Clock().Advance(t.Context(), 1000*time.Hour))
	_, err := w.node.Save(t.Context(), "ahead")
	w.check(err)
	w.node.Clock().Reset()
	_, err = w.node.Load(t.Context(), "ahead")
	w.check(err)
	if s := w.node.Clock().State(); s.Offset < 999*time.Hour {
		t.Errorf("the clock is %v ahead after loading", s.Offset)
	}
}

func TestSnapshotsAreListed(t *testing.T) {
	w := inMemory(t)
	w.bucket()
	w.put("large", large())
	for _, name := range []string{"one", "two", "one"} {
		if status, answer := w.ask("PUT", "/_pileus/snapshots/"+name, ""); status != 200 {
			t.Fatalf("save %s: %d %s", name, status, answer)
		}
	}
	w.check(os.MkdirAll(w.o.SnapshotDir+"/three.partial", 0o700)) // what a kill leaves
	list, err := node.ListSnapshots(w.o.SnapshotDir)
	w.check(err)
	if len(list) != 2 || list[0].Name != "two" || list[1].Name != "one" || list[1].Holds["buckets"] != 1 {
		b, _ := json.Marshal(list)
		t.Errorf("listed %s", b)
	}
	if status, answer := w.ask("GET", "/_pileus/snapshots", ""); status != 200 || strings.Count(answer, `"name"`) != 2 {
		t.Errorf("%d %s", status, answer)
	}
	if list, err := node.ListSnapshots(t.TempDir() + "/none"); err != nil || len(list) != 0 {
		t.Errorf("where there is no folder: %v, %v", list, err)
	}
}

func TestSnapshotRefusals(t *testing.T) {
	w := inMemory(t)
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"POST", "/_pileus/snapshots/never-saved/load", 404, "pileus snapshot list"},
		{"PUT", "/_pileus/snapshots/..%2fup", 400, "no name for a snapshot"},
		{"PUT", "/_pileus/snapshots/.hidden", 400, "no name for a snapshot"},
		{"PUT", "/_pileus/snapshots/s.partial", 400, "no name for a snapshot"},
	} {
		if status, answer := w.ask(c.method, c.path, ""); status != c.status || !strings.Contains(answer, c.says) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, answer)
		}
	}
	if list, _ := node.ListSnapshots(w.o.SnapshotDir); len(list) != 0 {
		t.Errorf("%d snapshots are there", len(list))
	}
	none := begin(t, node.Options{})
	if status, answer := none.ask("PUT", "/_pileus/snapshots/s", ""); status != 400 {
		t.Errorf("without a folder: %d %s", status, answer)
	}
}

// TestLoadWhileRequestsRun has clients write and read while snapshots are
// loaded: each answer is whole, from before or after, and none is an error of
// the machinery.
func TestLoadWhileRequestsRun(t *testing.T) {
	for name, begin := range map[string]func(*testing.T) *world{"disk": onDisk, "memory": inMemory} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			w.bucket()
			w.put("kept", large())
			_, err := w.node.Save(t.Context(), "s")
			w.check(err)
			var end atomic.Bool
			var clients sync.WaitGroup
			for i := range 4 {
				clients.Go(func() {
					for n := 0; !end.Load(); n++ {
						w.put(fmt.Sprint("scratch", i), large())
						if got, missing := w.get("kept"); missing || !bytes.Equal(got, large()) {
							t.Errorf("kept: missing %v, %d bytes", missing, len(got))
						}
						w.ask("GET", "/_pileus/status", "")
					}
				})
			}
			for range 5 {
				_, err := w.node.Load(t.Context(), "s")
				w.check(err)
			}
			end.Store(true)
			clients.Wait()
		})
	}
}

// TestABadSnapshotChangesNothing loads snapshots that something has happened to.
func TestABadSnapshotChangesNothing(t *testing.T) {
	for name, begin := range map[string]func(*testing.T) *world{"disk": onDisk, "memory": inMemory} {
		t.Run(name, func(t *testing.T) {
			w := begin(t)
			w.bucket()
			w.put("kept", large())
			for _, harm := range []struct{ pattern, with string }{
				{"state/MANIFEST-*", ""}, {"state/*.sst", "nothing"}, {"master.key", "short"}, {"snapshot.json", "{"},
			} {
				_, err := w.node.Save(t.Context(), "s")
				w.check(err)
				files, err := filepath.Glob(filepath.Join(w.o.SnapshotDir, "s", harm.pattern))
				if err != nil || len(files) == 0 {
					t.Fatalf("%s: %v, %v", harm.pattern, files, err)
				}
				for _, f := range files {
					w.check(os.Remove(f)) // it may be a link
					w.check(os.WriteFile(f, []byte(harm.with), 0o600))
				}
				if _, err := w.node.Load(t.Context(), "s"); err == nil {
					t.Errorf("%s: it was loaded", harm.pattern)
				}
				w.holds("kept", large())
			}
			if w.o.DataDir != "" {
				w.restart()
				w.holds("kept", large())
				if found, _ := filepath.Glob(filepath.Join(w.o.DataDir, "[0-9]*")); len(found) != 1 {
					t.Errorf("generations %v are left", found)
				}
			}
			select {
			case err := <-w.node.Failed():
				t.Error(err)
			default:
			}
		})
	}
}
