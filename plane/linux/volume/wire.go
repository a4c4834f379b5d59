//go:build linux

package volume

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// The little of the kernel's protocol for files of user space (linux/fuse.h)
// that a file system of one file needs: the library for it would be most of
// what the process takes in memory, and 0.4 MiB of the program.

// Operations that are answered.
const (
	opGetAttr   = 3
	opOpen      = 14
	opRead      = 15
	opWrite     = 16
	opStatFS    = 17
	opRelease   = 18
	opFsync     = 20
	opInit      = 26
	opDestroy   = 38
	opFallocate = 43
)

// Operations that want no answer.
const (
	opForget      = 2
	opInterrupt   = 36
	opBatchForget = 42
)

// Of the version that is spoken, which all kernels with loop devices as they are
// needed here know (5.8).
const (
	wireMajor, wireMinor = 7, 31

	asyncReads  = 1 << 0  // several reads at once
	bigWrites   = 1 << 5  // of more than a page
	asyncDirect = 1 << 15 // the device need not wait for one request before the next
	maxPages    = 1 << 22 // requests of as many pages as we say

	directIO       = 1 << 0 // of an open file: the kernel caches nothing of it
	parallelWrites = 1 << 6 // and sends writes while others are under way
)

const (
	inHeader, outHeader = 40, 16
	writeHeader         = inHeader + 40 // with what precedes the data of a write
	largest             = 256 << 10     // of requests, in bytes of data
	workers             = 8             // requests that are worked on at once
)

// notifyResend has the kernel say again what was not answered. Kernels before
// 6.9 do not know it.
const notifyResend = 7

// resend has the kernel say again what was asked on a connection and not
// answered, to whoever reads next.
func resend(link *os.File) error {
	b := make([]byte, outHeader)
	native.PutUint32(b[0:], outHeader)
	native.PutUint32(b[4:], notifyResend)
	_, err := unix.Write(int(link.Fd()), b)
	if errors.Is(err, unix.EINVAL) {
		return errors.New("this kernel does not say again what it asked for (Linux 6.9 and later do)")
	}
	if err != nil {
		return fmt.Errorf("have the kernel say again what it asked for: %w", err)
	}
	return nil
}

// handler is what is behind the protocol.
type handler interface {
	// read fills b; write may change b.
	read(b []byte, at int64) error
	write(b []byte, at int64) error
	sync() error
	// discard makes a span zeros, and gives back its room.
	discard(at, length int64) error
	blockSize() int64
}

// connection is one to the kernel.
type connection struct {
	fd int
	handler
}

// serve answers until the file system is gone.
func (c *connection) serve() error {
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for i := range workers {
		wg.Go(func() { errs[i] = c.work() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// work answers one request after the other. Its buffer is none of Go's memory,
// so that what was not needed yet takes no room.
func (c *connection) work() error {
	const page = 4096
	b, err := unix.Mmap(-1, 0, page+largest, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return err
	}
	// A request fails whose reader is killed while the kernel finds it memory:
	// not for the smallest, which most are.
	b[0], b[page] = 0, 0
	for {
		n, err := unix.Read(c.fd, b)
		switch {
		case errors.Is(err, unix.ENODEV):
			return nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOENT): // ENOENT: it was given up
			continue
		case err != nil:
			return err
		case n < inHeader:
			return errors.New("the kernel sent less than a request")
		}
		answer := c.answer(b, n)
		if answer == nil {
			continue
		}
		if _, err := unix.Write(c.fd, answer); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
			return err
		}
	}
}

var native = binary.NativeEndian

// answer does what the request in the first n bytes of b asks, and makes an
// answer of b; nil for none.
func (c *connection) answer(b []byte, n int) []byte {
	operation, unique := native.Uint32(b[4:]), native.Uint64(b[8:])
	if operation == opForget || operation == opInterrupt || operation == opBatchForget {
		return nil
	}
	size, err := c.perform(operation, b, n)
	native.PutUint32(b[4:], 0)
	if err != nil {
		size = 0
		errno := unix.EIO
		errors.As(err, &errno)
		native.PutUint32(b[4:], uint32(-int32(errno)))
	}
	native.PutUint32(b[0:], uint32(outHeader+size))
	native.PutUint64(b[8:], unique)
	return b[:outHeader+size]
}

// perform performs an operation and leaves the result behind the header of the
// answer.
func (c *connection) perform(operation uint32, b []byte, n int) (size int, err error) {
	in, out := b[inHeader:], b[outHeader:]
	fresh := func(size int) int { clear(out[:size]); return size }
	switch operation {
	case opInit:
		return c.begin(in, out)
	case opGetAttr:
		size = fresh(104)
		native.PutUint64(out[0:], 1<<31) // seconds for which it is true
		attr := out[16:]
		native.PutUint64(attr[0:], 1) // inode
		native.PutUint64(attr[8:], endless)
		native.PutUint32(attr[60:], fileMode)
		native.PutUint32(attr[64:], 1) // link
		native.PutUint32(attr[80:], 4096)
	case opOpen:
		size = fresh(16)
		native.PutUint32(out[8:], directIO|parallelWrites)
	case opStatFS:
		size = fresh(80)
		unit := uint32(c.blockSize())
		native.PutUint32(out[40:], unit)
		native.PutUint32(out[44:], 255) // of names
		native.PutUint32(out[48:], unit)
	case opRead:
		at, want := int64(native.Uint64(in[8:])), int(native.Uint32(in[16:]))
		if want > largest {
			return 0, unix.EINVAL
		}
		return want, c.read(out[:want], at)
	case opWrite:
		at, given := int64(native.Uint64(in[8:])), int(native.Uint32(in[16:]))
		if writeHeader+given > n {
			return 0, unix.EINVAL
		}
		err = c.write(b[writeHeader:writeHeader+given], at)
		size = fresh(8)
		native.PutUint32(out[0:], uint32(given))
	case opFsync:
		return 0, c.sync()
	case opFallocate:
		if native.Uint32(in[24:])&(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) == 0 {
			return 0, unix.EOPNOTSUPP
		}
		return 0, c.discard(int64(native.Uint64(in[8:])), int64(native.Uint64(in[16:])))
	case opRelease, opDestroy:
	default:
		return 0, unix.ENOSYS
	}
	return size, err
}

// begin agrees with the kernel on what is spoken.
func (c *connection) begin(in, out []byte) (int, error) {
	if major, minor := native.Uint32(in[0:]), native.Uint32(in[4:]); major != wireMajor || minor < wireMinor {
		return 0, unix.EPROTO
	}
	ahead, flags := native.Uint32(in[8:]), native.Uint32(in[12:])
	const size = 64
	clear(out[:size])
	native.PutUint32(out[0:], wireMajor)
	native.PutUint32(out[4:], wireMinor)
	native.PutUint32(out[8:], ahead)
	native.PutUint32(out[12:], flags&(asyncReads|bigWrites|asyncDirect|maxPages))
	native.PutUint16(out[16:], 64) // requests that nobody waits for, at most
	native.PutUint16(out[18:], 48) // so many are a crowd
	native.PutUint32(out[20:], largest)
	native.PutUint32(out[24:], 1) // ns, of times
	native.PutUint16(out[28:], largest/4096)
	return size, nil
}
