//go:build linux

package volume

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"pileus/plane/sealed"
)

// ServeEncrypted does the work of the cipher of an encrypted volume, and does
// not return, if the program was started as one. Programs that serve as
// Options.Program call it before anything else.
func ServeEncrypted() {
	if filepath.Base(os.Args[0]) != cipherName {
		canServe.Store(true)
		return
	}
	if err := runCipher(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// canServe keeps a program that would not become a cipher from being started
// as one.
var canServe atomic.Bool

// The files that a cipher is started with.
const (
	connectionFD = 3 + iota
	cipherFD
	secretFD
)

// runCipher serves until the file that it shows is closed.
func runCipher() error {
	// What ends other processes when the host shuts down would take the disks
	// from machines that still write to them.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil { // the key is in its memory
		return fmt.Errorf("become private: %w", err)
	}
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-900"), 0) // without the privilege it is killed like any other
	secret := os.NewFile(secretFD, "secret")
	raw, err := io.ReadAll(secret)
	if err != nil {
		return err
	}
	_ = secret.Close() // it was only read
	key, err := sealed.ParseKey(raw)
	if err != nil {
		return err
	}
	clear(raw)
	file := os.NewFile(cipherFD, "cipher")
	s, err := fuse.NewServer(&view{
		RawFileSystem: fuse.NewDefaultRawFileSystem(), file: file, clear: sealed.NewFile(file, key), key: key,
	}, fmt.Sprintf("/dev/fd/%d", connectionFD), &fuse.MountOptions{
		MaxWrite: largest, MaxBackground: 64, ExtraCapabilities: fuse.CAP_ASYNC_DIO, DisableXAttrs: true,
	})
	if err != nil {
		return fmt.Errorf("speak with the kernel: %w", err)
	}
	s.Serve()
	return file.Sync()
}

const (
	largest  = 1 << 20 // of requests, in bytes
	fileMode = unix.S_IFREG | 0o600
	// endless is how large the file seems to be: how large the device on it is
	// says the device.
	endless = 1 << 56
	// parallelWrites lets the kernel send writes while others are under way
	// (FOPEN_PARALLEL_DIRECT_WRITES).
	parallelWrites = 1 << 6
)

// view is a file system that is one file: an encrypted one in the clear.
type view struct {
	fuse.RawFileSystem // what is not below is refused
	file               *os.File
	clear              *sealed.File
	key                *sealed.Key
}

// String names the file system.
func (v *view) String() string { return cipherName }

// GetAttr says what the file is.
func (v *view) GetAttr(_ <-chan struct{}, _ *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	out.Attr = fuse.Attr{Ino: fuse.FUSE_ROOT_ID, Mode: fileMode, Nlink: 1, Size: endless, Blksize: 4096}
	out.AttrValid = 1 << 31 // it stays so
	return fuse.OK
}

// Open keeps the kernel from caching: who uses the device on it does.
func (v *view) Open(_ <-chan struct{}, _ *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_DIRECT_IO | parallelWrites
	return fuse.OK
}

// Release is what follows on the last use; nothing is kept for it.
func (v *view) Release(<-chan struct{}, *fuse.ReleaseIn) {}

// Read reads and decrypts.
func (v *view) Read(_ <-chan struct{}, in *fuse.ReadIn, b []byte) (fuse.ReadResult, fuse.Status) {
	n, err := v.clear.ReadAt(b, int64(in.Offset))
	if err != nil && err != io.EOF { //nolint:errorlint // os.File does not wrap it
		return nil, fuse.ToStatus(cause(err))
	}
	clear(b[n:]) // past the end of what is stored
	return fuse.ReadResultData(b), fuse.OK
}

// Write encrypts, in place where it can, and writes. What it has answered for
// no end of this process can lose.
func (v *view) Write(_ <-chan struct{}, in *fuse.WriteIn, b []byte) (uint32, fuse.Status) {
	var n int
	var err error
	if at := int64(in.Offset); at%sealed.Sector == 0 && len(b)%sealed.Sector == 0 {
		v.key.Encrypt(b, at)
		n, err = v.file.WriteAt(b, at)
	} else {
		n, err = v.clear.WriteAt(b, at)
	}
	if err != nil {
		return 0, fuse.ToStatus(cause(err))
	}
	return uint32(n), fuse.OK
}

// Fsync makes durable what was written.
func (v *view) Fsync(<-chan struct{}, *fuse.FsyncIn) fuse.Status {
	return fuse.ToStatus(unix.Fdatasync(int(v.file.Fd())))
}

// Fallocate gives back the room of what was discarded, or is to be zeros.
func (v *view) Fallocate(_ <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	whole := in.Offset%sealed.Sector == 0 && in.Length%sealed.Sector == 0
	if !whole || in.Mode&(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) == 0 {
		return fuse.Status(unix.EOPNOTSUPP)
	}
	err := unix.Fallocate(int(v.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(in.Offset), int64(in.Length))
	return fuse.ToStatus(err)
}

// StatFs says in which units room can be given back.
func (v *view) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(v.file.Fd()), &st); err != nil {
		return fuse.ToStatus(err)
	}
	out.Bsize, out.Frsize, out.NameLen = uint32(st.Bsize), uint32(st.Bsize), 255
	return fuse.OK
}

// cause is the kernel's error in one of os.File's.
func cause(err error) error {
	var e *os.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
