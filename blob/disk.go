package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"pileus/store"
)

// disk keeps files in folders by the end of their ids, so that no folder gets
// too large.
//
// A file is written, synced, and its folder is synced; only then is it named
// by a transaction. It is not renamed: until it is named it is an orphan.
type disk struct {
	root    string
	laid    sync.RWMutex // write-held while the folders are replaced
	folders [folders]folder
	reserve uint64 // free space that is left to the store's log
}

const (
	folders = 256
	// lookEvery is how much of a file is written between looks at free space,
	// and between hints to the kernel to begin writing it back.
	lookEvery = 8 << 20
	// preallocateLimit bounds what a client's word alone makes us set aside.
	preallocateLimit = 1 << 30
	defaultReserve   = 64 << 20
	contentFolder    = "files"
	nextFolder       = "files-next" // takes the place of the former
	trashPrefix      = "trash-"
)

// folder groups syncs: who comes while one is under way shares the next.
type folder struct {
	fresh   atomic.Bool // made by this process, and not yet known to be durable
	mu      sync.Mutex
	running *folderSync
	next    *folderSync
}

type folderSync struct {
	done chan struct{}
	err  error
}

func openDisk(root string) (*disk, error) {
	d := &disk{root: root}
	if err := d.lay(); err != nil {
		return nil, err
	}
	total, _, err := freeSpace(root)
	if err != nil {
		return nil, err
	}
	d.reserve = min(defaultReserve, total/16)
	return d, nil
}

// lay makes the folder of folders. Those within are made when something first
// goes into them: 256 of them would take longer than all else at the start.
func (d *disk) lay() error {
	if err := d.resume(); err != nil {
		return err
	}
	if err := os.MkdirAll(d.base(), 0o700); err != nil {
		return err
	}
	return errors.Join(syncFolder(d.base()), syncFolder(d.root))
}

func (d *disk) base() string { return filepath.Join(d.root, contentFolder) }

// layFolder makes a folder that was not there. That it is there is durable
// once the next sync in it is done, whoever asks for that.
func (d *disk) layFolder(i int) error {
	d.folders[i].fresh.Store(true)
	return os.MkdirAll(filepath.Join(d.base(), folderName(i)), 0o700)
}

func folderName(i int) string { return fmt.Sprintf("%02x", i) }

// folderOf is the number of the file's folder: its id ends with it.
func folderOf(id string) (int, error) {
	if len(id) < 2 {
		return 0, fmt.Errorf("blob: malformed id %q", id)
	}
	n, err := strconv.ParseUint(id[len(id)-2:], 16, 8)
	if err != nil || strings.ContainsAny(id, `/\.`) {
		return 0, fmt.Errorf("blob: malformed id %q", id)
	}
	return int(n), nil
}

func (d *disk) path(id string) (string, error) {
	n, err := folderOf(id)
	if err != nil {
		return "", err
	}
	return filepath.Join(d.base(), folderName(n), id), nil
}

// createFile makes an empty file, and its folder if need be.
func (d *disk) createFile(id, path string) (*os.File, error) {
	d.laid.RLock()
	defer d.laid.RUnlock()
	const mode = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	f, err := os.OpenFile(path, mode, 0o600)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	i, err := folderOf(id)
	if err != nil {
		return nil, err
	}
	if err := d.layFolder(i); err != nil {
		return nil, err
	}
	return os.OpenFile(path, mode, 0o600)
}

func (d *disk) create(id string, size int64) (sink, error) {
	path, err := d.path(id)
	if err != nil {
		return nil, err
	}
	if err := d.room(size); err != nil {
		return nil, err
	}
	f, err := d.createFile(id, path)
	if err != nil {
		return nil, err
	}
	s := &diskSink{d: d, id: id, f: f, allocated: min(size, preallocateLimit)}
	if size > 0 {
		if err := preallocate(f, s.allocated); err != nil {
			s.abort()
			return nil, err
		}
	}
	return s, nil
}

// room answers store.ErrFull where size more bytes would leave too little.
func (d *disk) room(size int64) error {
	_, avail, err := freeSpace(d.root)
	if err != nil {
		return err
	}
	if avail < d.reserve+uint64(size) {
		return store.ErrFull
	}
	return nil
}

func (d *disk) open(id string) (source, error) {
	path, err := d.path(id)
	if err != nil {
		return nil, err
	}
	d.laid.RLock()
	defer d.laid.RUnlock()
	return os.Open(path)
}

func (d *disk) remove(id string) error {
	path, err := d.path(id)
	if err != nil {
		return err
	}
	d.laid.RLock()
	defer d.laid.RUnlock()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *disk) list(f func(string) error) error {
	for i := range folders {
		dir, err := os.Open(filepath.Join(d.base(), folderName(i)))
		if errors.Is(err, fs.ErrNotExist) {
			continue // nothing has been put there
		}
		if err != nil {
			return err
		}
		names, err := dir.Readdirnames(-1)
		if err = errors.Join(err, dir.Close()); err != nil {
			return err
		}
		for _, name := range names {
			if err := f(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// sync makes the names in a folder durable.
func (d *disk) sync(i int) error {
	g := &d.folders[i]
	g.mu.Lock()
	if g.running != nil {
		if g.next == nil {
			g.next = &folderSync{done: make(chan struct{})}
		}
		wait := g.next
		g.mu.Unlock()
		<-wait.done
		return wait.err
	}
	run := &folderSync{done: make(chan struct{})}
	g.running = run
	g.mu.Unlock()
	run.err = d.syncFolder(i)
	close(run.done)
	g.mu.Lock()
	g.running = g.next
	next := g.next
	g.next = nil
	g.mu.Unlock()
	if next != nil {
		go d.syncNext(i, next)
	}
	return run.err
}

// syncNext does the syncs that were asked for while another was under way.
func (d *disk) syncNext(i int, run *folderSync) {
	g := &d.folders[i]
	for run != nil {
		run.err = d.syncFolder(i)
		close(run.done)
		g.mu.Lock()
		run = g.next
		g.running, g.next = run, nil
		g.mu.Unlock()
	}
}

func (d *disk) syncFolder(i int) error {
	d.laid.RLock()
	defer d.laid.RUnlock()
	fresh := &d.folders[i].fresh
	if fresh.CompareAndSwap(true, false) {
		if err := syncFolder(d.base()); err != nil {
			fresh.Store(true)
			return err
		}
	}
	return syncFolder(filepath.Join(d.base(), folderName(i)))
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// diskSink writes one file.
type diskSink struct {
	d         *disk
	id        string
	f         *os.File
	size      int64
	allocated int64
	looked    int64 // size at the last look at free space
}

func (s *diskSink) Write(b []byte) (int, error) {
	n, err := s.f.Write(b)
	s.size += int64(n)
	if err != nil || s.size-s.looked < lookEvery {
		return n, err
	}
	writeBack(s.f, s.looked, s.size-s.looked)
	s.looked = s.size
	if s.size > s.allocated {
		return n, s.d.room(0)
	}
	return n, nil
}

func (s *diskSink) finish() error {
	var err error
	if s.size < s.allocated {
		err = s.f.Truncate(s.size)
	}
	if err == nil {
		err = syncData(s.f)
	}
	if cerr := s.f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		var n int
		if n, err = folderOf(s.id); err == nil {
			err = s.d.sync(n)
		}
	}
	if err != nil {
		_ = s.d.remove(s.id) // what remains is an orphan
	}
	return err
}

func (s *diskSink) abort() {
	_ = s.f.Close()
	_ = s.d.remove(s.id) // what remains is an orphan
}
