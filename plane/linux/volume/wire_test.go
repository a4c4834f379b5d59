//go:build linux

package volume

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"pileus/plane/sealed"
)

// asked is the answer to a request with a body: its error and what it brings.
func asked(c *connection, operation uint32, body []byte) (errno unix.Errno, result []byte, answered bool) {
	b := make([]byte, 4096+largest)
	native.PutUint32(b[4:], operation)
	native.PutUint64(b[8:], 77)
	n := inHeader + copy(b[inHeader:], body)
	native.PutUint32(b[0:], uint32(n))
	a := c.answer(b, n)
	if a == nil {
		return 0, nil, false
	}
	if native.Uint32(a[0:]) != uint32(len(a)) || native.Uint64(a[8:]) != 77 {
		return unix.EPROTO, nil, true
	}
	return unix.Errno(-int32(native.Uint32(a[4:]))), a[outHeader:], true
}

// words are the 32-bit and 64-bit parts of a message.
func words(list ...any) (b []byte) {
	for _, w := range list {
		switch w := w.(type) {
		case uint32:
			b = native.AppendUint32(b, w)
		case uint64:
			b = native.AppendUint64(b, w)
		case []byte:
			b = append(b, w...)
		}
	}
	return b
}

// span is a request to read or write.
func span(at uint64, size uint32, data ...byte) []byte {
	return words(uint64(0), at, size, uint32(0), uint64(0), uint64(0), data)
}

func TestWire(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	must(t, err)
	defer file.Close()
	must(t, file.Truncate(1<<20))
	key, err := sealed.NewKey()
	must(t, err)
	c := &connection{handler: &view{file, sealed.NewFile(file, key), key}}
	sector := bytes.Repeat([]byte("in the clear ..."), sealed.Sector/16)
	hole := func(at, length uint64, mode uint32) []byte { return words(uint64(0), at, length, mode, uint32(0)) }
	const punch = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	for _, step := range []struct {
		name      string
		operation uint32
		body      []byte
		errno     unix.Errno
		want      []byte // how the result begins; nil for whatever it is
	}{
		{"begin", opInit, words(uint32(7), uint32(45), uint32(1<<17), ^uint32(0)), 0, words(uint32(wireMajor), uint32(wireMinor))},
		{"too old a kernel", opInit, words(uint32(7), uint32(20), uint32(0), uint32(0)), unix.EPROTO, nil},
		{"open", opOpen, words(uint64(0)), 0, words(uint64(0), uint32(directIO|parallelWrites))},
		{"attributes", opGetAttr, words(uint64(0), uint64(0)), 0, words(uint64(1<<31), uint64(0), uint64(1), uint64(endless))},
		{"nothing yet", opRead, span(4096, sealed.Sector), 0, make([]byte, sealed.Sector)},
		{"write", opWrite, span(4096, sealed.Sector, sector...), 0, words(uint32(sealed.Sector))},
		{"read", opRead, span(4096, sealed.Sector), 0, sector},
		{"a part of a sector", opWrite, span(4100, 3, 'a', 's', 'k'), 0, words(uint32(3))},
		{"read it", opRead, span(4096, 16), 0, []byte("in taskclear ...")},
		{"past the end", opRead, span(1<<20-sealed.Sector, 2*sealed.Sector), 0, make([]byte, 2*sealed.Sector)},
		{"more than there is", opWrite, span(0, 100), unix.EINVAL, nil},
		{"more than is agreed", opRead, span(0, largest+1), unix.EINVAL, nil},
		{"sync", opFsync, words(uint64(0), uint64(0)), 0, []byte{}},
		{"allocate", opFallocate, hole(0, 4096, 0), unix.EOPNOTSUPP, nil},
		{"a part of a hole", opFallocate, hole(100, 100, punch), unix.EOPNOTSUPP, nil},
		{"discard", opFallocate, hole(4096, 4096, punch), 0, []byte{}},
		{"it is zeros", opRead, span(4096, sealed.Sector), 0, make([]byte, sealed.Sector)},
		{"zero", opFallocate, hole(0, 4096, unix.FALLOC_FL_ZERO_RANGE), 0, []byte{}},
		{"units", opStatFS, nil, 0, make([]byte, 40)},
		{"unknown", 1, nil, unix.ENOSYS, nil},
		{"let go", opRelease, words(uint64(0), uint64(0), uint64(0)), 0, []byte{}},
	} {
		errno, result, answered := asked(c, step.operation, step.body)
		if !answered || errno != step.errno {
			t.Errorf("%s: %v", step.name, errno)
		}
		if step.want != nil && (!bytes.HasPrefix(result, step.want) || len(step.want) == 0 && len(result) > 0) {
			t.Errorf("%s: %q", step.name, result)
		}
	}
	for _, quiet := range []uint32{opForget, opBatchForget, opInterrupt} {
		if _, _, answered := asked(c, quiet, nil); answered {
			t.Errorf("operation %d was answered", quiet)
		}
	}
	must(t, file.Close())
	if errno, _, _ := asked(c, opWrite, span(0, sealed.Sector, sector...)); errno != unix.EIO {
		t.Errorf("a write that fails: %v", errno)
	}
}
