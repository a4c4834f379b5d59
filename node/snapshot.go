package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"pileus/clock"
	"pileus/store"
	"pileus/store/pebble"
)

// A snapshot is a folder: the state in the embedded store's form, the content,
// the key that seals it, what volumes hold, and a description.
const (
	snapshotState   = "state"
	snapshotContent = "content"
	snapshotKey     = "master.key"
	snapshotVolumes = "volumes"
	snapshotAbout   = "snapshot.json"
)

// Snapshot describes a saved cloud.
type Snapshot struct {
	Name    string         `json:"name"`
	Saved   time.Time      `json:"saved"` // of the machine's time
	Clock   ClockState     `json:"clock"`
	Version string         `json:"version"`
	Holds   map[string]int `json:"holds,omitempty"`
}

var snapshotName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func isSnapshotName(name string) bool {
	return snapshotName.MatchString(name) && !strings.HasSuffix(name, partial)
}

func (n *Node) snapshotRoutes(m *http.ServeMux) {
	m.HandleFunc("GET /_pileus/snapshots", func(w http.ResponseWriter, r *http.Request) {
		list, err := ListSnapshots(n.o.SnapshotDir)
		reply(w, list, err)
	})
	m.HandleFunc("PUT /_pileus/snapshots/{name}", func(w http.ResponseWriter, r *http.Request) {
		s, err := n.Save(r.Context(), r.PathValue("name"))
		reply(w, s, err)
	})
	m.HandleFunc("POST /_pileus/snapshots/{name}/load", func(w http.ResponseWriter, r *http.Request) {
		s, err := n.Load(context.WithoutCancel(r.Context()), r.PathValue("name"))
		reply(w, s, err)
	})
}

func (n *Node) snapshotPath(name string) (string, error) {
	if n.o.SnapshotDir == "" {
		return "", &wrong{http.StatusBadRequest, "this cloud has no folder for snapshots"}
	}
	if !isSnapshotName(name) {
		return "", &wrong{http.StatusBadRequest, fmt.Sprintf("%q is no name for a snapshot: up to 100 letters, digits, dots, dashes and underscores", name)}
	}
	return filepath.Join(n.o.SnapshotDir, name), nil
}

// Save keeps the whole cloud, as it is at one moment, under a name. Requests
// go on meanwhile. A snapshot of that name is replaced once the new one is
// whole.
func (n *Node) Save(ctx context.Context, name string) (*Snapshot, error) {
	path, err := n.snapshotPath(name)
	if err != nil {
		return nil, err
	}
	done, err := n.alone()
	if err != nil {
		return nil, err
	}
	defer done()
	whole := path + partial
	if err := os.RemoveAll(whole); err != nil {
		return nil, err
	}
	s, err := n.core.Load().save(ctx, name, whole)
	if err == nil {
		err = saveVolumes(ctx, n.o.Plane, filepath.Join(whole, snapshotVolumes), n.core.Load().key)
	}
	if err == nil {
		err = syncTree(whole)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("save the snapshot %s: %w", name, err), os.RemoveAll(whole))
	}
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	return s, errors.Join(os.Rename(whole, path), syncFolder(n.o.SnapshotDir))
}

// partial ends the name of the folder of a snapshot that is not yet whole.
const partial = ".partial"

func (c *core) save(ctx context.Context, name, dir string) (*Snapshot, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := c.flush(ctx); err != nil {
		return nil, err
	}
	s := &Snapshot{Name: name, Saved: clock.Machine(), Clock: stateOf(c.clock.State()), Version: c.o.Version}
	err := c.db.View(ctx, func(r store.Reader) error {
		s.Holds = c.counts(r)
		for _, sub := range []string{snapshotState, snapshotContent} {
			if err := os.RemoveAll(filepath.Join(dir, sub)); err != nil {
				return err
			}
		}
		if err := c.blobs.Export(r, filepath.Join(dir, snapshotContent)); err != nil {
			return err
		}
		return pebble.Copy(r, filepath.Join(dir, snapshotState))
	})
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(dir, snapshotKey), c.key); err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	return s, writeFile(filepath.Join(dir, snapshotAbout), b)
}

// counts adds up what the services hold.
func (c *core) counts(r store.Reader) map[string]int {
	sum := map[string]int{}
	for _, m := range c.modules {
		if m.Count != nil {
			for what, n := range m.Count(r) {
				sum[what] += n
			}
		}
	}
	return sum
}

// Load replaces the whole cloud by a snapshot. Its state is opened first: if
// that fails, the cloud goes on as it was. Then requests under way are
// finished, long polls end early, and new requests wait for the other cloud.
func (n *Node) Load(ctx context.Context, name string) (*Snapshot, error) {
	path, err := n.snapshotPath(name)
	if err != nil {
		return nil, err
	}
	s, err := readSnapshot(path)
	if err != nil {
		return nil, err
	}
	if err := loadable(n.o.Plane, filepath.Join(path, snapshotVolumes)); err != nil {
		return nil, err
	}
	done, err := n.alone()
	if err != nil {
		return nil, err
	}
	defer done()
	g, err := stage(n.o.DataDir, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("load the snapshot %s: %w", name, err), g.discard())
	}
	var next *core
	if n.o.Postgres == "" { // one database cannot hold both
		if next, err = newCore(ctx, n.o, g, path); err != nil {
			return nil, errors.Join(fmt.Errorf("load the snapshot %s: %w", name, err), g.discard())
		}
	}
	if err := n.replace(ctx, g, next, path); err != nil {
		err = fmt.Errorf("the cloud could not be opened after loading the snapshot %s: %w", name, err)
		select {
		case n.failed <- err:
		default: // it has failed already
		}
		return nil, err
	}
	return s, nil
}

// replace ends the core and puts next in its place; nil: one that is opened
// from the snapshot in path when the old one is closed.
func (n *Node) replace(ctx context.Context, g generation, next *core, path string) error {
	old := n.core.Load()
	old.gate.BeginStop()
	n.passing.Lock()
	defer n.passing.Unlock()
	if err := old.close(ctx); err != nil {
		n.o.Log.Error("the cloud that a snapshot replaces did not close well", "err", err)
	}
	if next == nil {
		var err error
		if next, err = newCore(ctx, n.o, g, path); err != nil {
			return err
		}
	}
	n.o.Plane.SealWith(next.key)
	err := loadVolumes(ctx, n.o.Plane, filepath.Join(path, snapshotVolumes), next.key)
	if err := errors.Join(err, g.choose(), next.assemble(ctx)); err != nil {
		return errors.Join(err, next.close(ctx))
	}
	next.gate.SetEndpoint(n.endpoint)
	n.core.Store(next)
	return g.removeOthers()
}

func readSnapshot(path string) (*Snapshot, error) {
	b, err := os.ReadFile(filepath.Join(path, snapshotAbout))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &wrong{http.StatusNotFound, fmt.Sprintf("there is no snapshot %q; `pileus snapshot list` shows those that there are", filepath.Base(path))}
	}
	if err != nil {
		return nil, err
	}
	s := new(Snapshot)
	return s, json.Unmarshal(b, s)
}

// ListSnapshots are the snapshots below dir, oldest first.
func ListSnapshots(dir string) ([]*Snapshot, error) {
	list := []*Snapshot{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return list, nil
	}
	for _, e := range entries {
		if !isSnapshotName(e.Name()) {
			continue
		}
		if s, err := readSnapshot(filepath.Join(dir, e.Name())); err == nil {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *Snapshot) int { return a.Saved.Compare(b.Saved) })
	return list, err
}
