package pebble

import (
	"github.com/cockroachdb/pebble/v2/vfs"
)

// logFS writes the log into files that are large enough already. A sync of a
// file that grows, or whose blocks were allocated but never written, has to
// write what the file system notes of the file as well, which takes twice as
// long. Pebble uses old logs again for this reason, but it has none at first,
// and its first ones are short.
type logFS struct{ vfs.FS }

// logCategory is how Pebble marks the files of its log.
const logCategory = "pebble-wal"

// Create implements vfs.FS.
func (f logFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return ahead(c)(f.FS.Create(name, c))
}

// ReuseForWrite implements vfs.FS.
func (f logFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return ahead(c)(f.FS.ReuseForWrite(from, to, c))
}

// Unwrap implements what vfs.Root looks for.
func (f logFS) Unwrap() vfs.FS { return f.FS }

// ahead makes a file of the log one that is filled ahead of what is written.
func ahead(c vfs.DiskWriteCategory) func(vfs.File, error) (vfs.File, error) {
	return func(f vfs.File, err error) (vfs.File, error) {
		if err != nil || c != logCategory {
			return f, err
		}
		l := &logFile{File: f}
		if info, err := f.Stat(); err == nil {
			l.filled = info.Size()
		}
		return l, nil
	}
}

// logFile is one of these files. Zeros after the last record are what Pebble
// expects at the end of a log.
type logFile struct {
	vfs.File
	written, filled int64 // bytes
}

// fillSize is how much is filled at a time: little beside what a start after a
// crash reads, and much beside what one sync writes.
const fillSize = 256 << 10

var zeros [fillSize]byte

// Write implements io.Writer; nobody calls it twice at the same time.
func (f *logFile) Write(p []byte) (int, error) {
	if end := f.written + int64(len(p)); end > f.filled {
		// Where that fails, for want of space, writing the record fails too,
		// or is slower.
		to := (end/fillSize + 1) * fillSize
		if _, err := f.WriteAt(zeros[:to-end], end); err == nil {
			f.filled = to
		}
	}
	n, err := f.File.Write(p)
	f.written += int64(n)
	return n, err
}
