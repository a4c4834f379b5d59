//go:build linux

package volume

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"syscall"

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
	if err := unix.SetNonblock(connectionFD, false); err != nil { // the parent's, which polls
		return err
	}
	_ = unix.Fadvise(cipherFD, 0, 0, unix.FADV_SEQUENTIAL) // reads ahead further, where that is of use
	debug.FreeOSMemory()                                   // what the start took is not needed again
	c := connection{connectionFD, &view{file, sealed.NewFile(file, key), key}}
	return errors.Join(c.serve(), file.Sync())
}

const (
	fileMode = unix.S_IFREG | 0o600
	// endless is how large the file seems to be: how large the device on it is
	// says the device.
	endless = 1 << 56
)

// view shows an encrypted file in the clear.
type view struct {
	file  *os.File
	clear *sealed.File
	key   *sealed.Key
}

// read reads and decrypts.
func (v *view) read(b []byte, at int64) error {
	n, err := v.clear.ReadAt(b, at)
	clear(b[n:]) // past the end of what is stored
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// write encrypts, in place where it can, and writes. What it has answered for no
// end of this process can lose.
func (v *view) write(b []byte, at int64) (err error) {
	if at%sealed.Sector == 0 && len(b)%sealed.Sector == 0 {
		v.key.Encrypt(b, at)
		_, err = v.file.WriteAt(b, at)
	} else {
		_, err = v.clear.WriteAt(b, at)
	}
	return err
}

// sync makes durable what was written.
func (v *view) sync() error { return unix.Fdatasync(int(v.file.Fd())) }

// discard gives back the room of whole sectors, which then read as zeros.
func (v *view) discard(at, length int64) error {
	if at%sealed.Sector != 0 || length%sealed.Sector != 0 {
		return unix.EOPNOTSUPP
	}
	return unix.Fallocate(int(v.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, length)
}

// blockSize is the unit in which room can be given back.
func (v *view) blockSize() int64 {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(v.file.Fd()), &st); err != nil {
		return 4096 // which most have
	}
	return st.Bsize
}
