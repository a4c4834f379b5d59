package pebble

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"pileus/store"
)

// space keeps the disk from filling up under the engine, which cannot go on
// when its log or manifest cannot be written.
//
// A commit that adds data is refused while free space is below a reserve.
// Others may fill the disk all the same; then a ballast file is given up, the
// write that failed is repeated, and commits are refused until there is room
// for the reserve and the ballast again.
type space struct {
	fs      vfs.FS // unwatched
	dir     string
	log     *slog.Logger
	reserve uint64

	unseen atomic.Int64 // bytes committed since the last look
	full   atomic.Bool

	mu      sync.Mutex
	ballast uint64 // size of the file; 0 while it is given up
}

const (
	defaultReserve = 64 << 20
	lookEvery      = 1 << 20 // bytes committed between looks at the disk
	ballastName    = "BALLAST"
)

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, store.ErrFull)
}

func openSpace(fs vfs.FS, dir string, reserve int64, log *slog.Logger) (*space, error) {
	s := &space{fs: fs, dir: dir, log: log}
	if reserve < 0 {
		return s, nil
	}
	u, err := fs.GetDiskUsage(dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if s.reserve = uint64(reserve); reserve == 0 {
		s.reserve = min(defaultReserve, u.TotalBytes/16)
	}
	s.restore(u.AvailBytes)
	return s, nil
}

// ballastSize is a quarter of the reserve: enough for the log and the manifest.
func (s *space) ballastSize() uint64 { return s.reserve / 4 }

func (s *space) ballastPath() string { return s.fs.PathJoin(s.dir, ballastName) }

// restore puts the ballast back where there is room for it.
func (s *space) restore(avail uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ballast > 0 || s.reserve == 0 {
		return
	}
	if u, err := s.fs.Stat(s.ballastPath()); err == nil && uint64(u.Size()) >= s.ballastSize() {
		s.ballast = uint64(u.Size())
		return
	}
	if avail < s.reserve+s.ballastSize() {
		return
	}
	if err := s.writeBallast(); err != nil {
		s.log.Warn("store: no ballast against a full disk", "error", err)
		_ = s.fs.Remove(s.ballastPath())
		return
	}
	s.ballast = s.ballastSize()
}

func (s *space) writeBallast() error {
	f, err := s.fs.Create(s.ballastPath(), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	err = f.Preallocate(0, int64(s.ballastSize()))
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// watch is fs as the engine gets it: one that gives up the ballast when a
// write finds the disk full.
func (s *space) watch(fs vfs.FS) vfs.FS {
	if s.reserve == 0 {
		return fs
	}
	return vfs.OnDiskFull(fs, func() {
		s.full.Store(true)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ballast == 0 {
			return
		}
		s.ballast = 0
		err := s.fs.Remove(s.ballastPath())
		s.log.Error("store: the disk is full; the ballast is given up", "error", err)
	})
}

// admit refuses a commit of n bytes with store.ErrFull where the disk is full.
func (s *space) admit(n int, grows bool) error {
	if s.reserve == 0 {
		return nil
	}
	if s.unseen.Add(int64(n)) < lookEvery && !s.full.Load() {
		return nil
	}
	s.unseen.Store(0)
	u, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return medium(err)
	}
	avail := u.AvailBytes
	floor := s.reserve
	if !grows {
		floor = s.reserve / 16 // and behind that the ballast
	}
	if avail < uint64(n)+s.reserve {
		s.full.Store(true)
		if avail < uint64(n)+floor {
			return store.ErrFull
		}
		return nil
	}
	s.full.Store(false)
	s.restore(avail)
	return nil
}

// enough tells whether there is room to open the store anew: a start writes.
func (s *space) enough() error {
	if s.reserve == 0 {
		return nil
	}
	u, err := s.fs.GetDiskUsage(s.dir)
	if err != nil {
		return medium(err)
	}
	if u.AvailBytes < s.reserve {
		return store.ErrFull
	}
	return nil
}
