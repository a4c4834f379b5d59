package pebble

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Durability is what an acknowledged commit survives.
type Durability string

const (
	// Sync survives everything that the disk does: a commit is acknowledged
	// once it is synced, together with all that wait at that moment.
	Sync Durability = "sync"
	// Async acknowledges at once and syncs without pause behind it: a crash
	// loses what was acknowledged during the last sync.
	Async Durability = "async"
	// Memory writes no log: what the last clean stop, or the last flush,
	// left is what survives a crash.
	Memory Durability = "memory"
)

// Options of Open. The zero value is the right one for a server.
type Options struct {
	FS         vfs.FS // the machine's own where nil
	Durability Durability
	Logger     *slog.Logger
	CacheSize  int64 // bytes of blocks and memtables kept in memory; 48 MiB where 0
	// Reserve is the free space, in bytes, below which commits that add data
	// are refused with store.ErrFull: what flushes and compactions need to go
	// on. 64 MiB, or a sixteenth of a smaller file system, where 0; none
	// where negative.
	Reserve int64

	ephemeral bool
}

const (
	// memTable bounds what a start after a crash has to replay, and is
	// allocated as it fills, from 256 KiB up.
	memTable     = 16 << 20
	memTables    = 4
	defaultCache = 48 << 20
)

// engine is how Pebble is set up. No compression, bloom filters and a cache in
// the order of the data's size read four to six times faster than its defaults.
//
// On a small disk the tables in memory are small too: all of them together fit
// into the reserve when they are flushed.
func (o *Options) engine(l *engineLog, reserve uint64) *pebble.Options {
	p := &pebble.Options{
		FS:                          o.FS,
		Logger:                      l,
		CacheSize:                   o.CacheSize,
		MemTableSize:                memTable,
		MemTableStopWritesThreshold: memTables,
		DisableWAL:                  o.Durability == Memory,
		FormatMajorVersion:          pebble.FormatNewest,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		MaxManifestFileSize:         4 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
		MaxOpenFiles:                512,
		FlushDelayDeleteRange:       30 * time.Second, // so that a Clear gives its space back
	}
	if reserve > 0 {
		p.MemTableSize = min(memTable, max(reserve/memTables, 1<<20))
	}
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		p.Levels[i].FilterType = pebble.TableFilter
		p.Levels[i].BlockSize = 8 << 10
	}
	p.Levels[0].EnsureL0Defaults()
	p.EventListener = &pebble.EventListener{BackgroundError: l.background}
	return p
}

// engineLog carries what Pebble has to say into the program's log.
type engineLog struct {
	log   *slog.Logger
	fatal func(error)
}

func (l *engineLog) Infof(string, ...any) {} // compactions and the like: noise

func (l *engineLog) Errorf(format string, args ...any) {
	l.log.Error("storage engine", "message", fmt.Sprintf(format, args...))
}

func (l *engineLog) background(err error) {
	l.log.Warn("storage engine: work in the background failed and is tried again", "error", err)
}

func (l *engineLog) Fatalf(format string, args ...any) {
	l.fatal(fmt.Errorf(format, args...))
}
