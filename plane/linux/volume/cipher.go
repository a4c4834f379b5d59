//go:build linux

package volume

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"pileus/plane/linux/process"
)

// The cipher of an encrypted volume is a process of its own, so that machines
// keep their disks when this one ends: it shows the volume in the clear as a
// file, which becomes a block device. It lives for as long as that is open, and
// ends by itself. A record of it lets a later process watch it. Where one dies
// all the same, another takes its place: see succession.go.

// cipherName is what the process is called.
const cipherName = "pileus-cipher"

// cipherRecord tells which process is a volume's cipher.
type cipherRecord struct {
	PID   int
	Birth uint64 // a PID alone is used again
}

// cipher is the process that shows a volume in the clear, and those that take
// its place.
type cipher struct {
	id string
	// link is a copy of the process's connection to the kernel, which outlives
	// it; nil where there is none to be had.
	link *os.File
	gone chan struct{} // closed once the last process has ended, or was let go of

	process *process.Process // guarded by Store.mu
}

func (s *Store) cipherRecordFile(id string) string { return s.path(ciphersDir, id) }

// logSuffix ends the name of the file of what a cipher has to say.
const logSuffix = ".log"

// startCipher starts the cipher of an encrypted volume and returns the file in
// which the volume appears in the clear.
func (s *Store) startCipher(p place) (clear *os.File, err error) {
	link, err := openFUSE()
	if err != nil {
		return nil, err
	}
	mount, err := mountFile(link)
	if err != nil {
		return nil, errors.Join(err, link.Close())
	}
	defer mount.Close()
	c := &cipher{id: p.id, link: link, gone: make(chan struct{})}
	child, err := s.spawn(c)
	if child == nil {
		return nil, errors.Join(err, link.Close())
	}
	s.watchCipher(c, child)
	if err == nil {
		clear, err = s.openShown(c, mount)
	}
	if err != nil {
		said := s.lastWords(p.id)
		s.endCipher(p.id)
		return nil, fmt.Errorf("the process that encrypts it cannot start: %w%s", err, said)
	}
	return clear, nil
}

// beginsWithin is how long a cipher may take to speak with the kernel.
const beginsWithin = 20 * time.Second

// openShown opens what a new cipher shows; one that shows nothing is killed.
func (s *Store) openShown(c *cipher, mount *os.File) (*os.File, error) {
	ctx, cancel := context.WithTimeout(context.Background(), beginsWithin)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			_ = s.kill(c) // what waits for it sees that it is gone
		}
	})
	defer stop()
	return openMount(mount)
}

// kill kills the process that is a cipher now.
func (s *Store) kill(c *cipher) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := c.process.Kill(); !errors.Is(err, os.ErrClosed) { // else it has ended
		return err
	}
	return nil
}

// spawn starts a process for a cipher with what it needs: the connection to the
// kernel, the file, and a pipe with the key. Where there is a process in spite
// of an error, it ends.
func (s *Store) spawn(c *cipher) (*process.Process, error) {
	p, err := s.locate(c.id)
	if err != nil {
		return nil, err
	}
	k, err := s.key(c.id)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(p.path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	log, err := os.OpenFile(s.cipherRecordFile(c.id)+logSuffix, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	secret, give, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer secret.Close()
	defer give.Close() // what has not got its key by then ends
	var files []uintptr
	for _, f := range []*os.File{null, log, log, c.link, file, secret} { // in the order that runCipher knows
		files = append(files, f.Fd())
	}
	pid, err := s.fork(c.id, files)
	if err != nil {
		return nil, err
	}
	child, err := process.Hold(pid, 0, true) // a child keeps its number until it is waited for
	if err != nil {
		return nil, errors.Join(err, unix.Kill(pid, unix.SIGKILL))
	}
	if err = s.record(c.id, pid); err == nil {
		_, err = give.Write(k.Bytes()) // less than a pipe holds
	}
	return child, err
}

// record remembers which process is a volume's cipher.
func (s *Store) record(id string, pid int) error {
	birth, err := process.BirthOf(pid)
	if err != nil {
		return err
	}
	b, err := json.Marshal(cipherRecord{pid, birth})
	if err != nil {
		return err
	}
	return os.WriteFile(s.cipherRecordFile(id), b, 0o600)
}

// fork starts the process. What it needs memory for must not wait for the
// volumes that it shows: that is inherited from the thread that starts it.
func (s *Store) fork(id string, files []uintptr) (pid int, err error) {
	program := s.program
	if program == "" {
		if !canServe.Load() {
			return 0, errors.New("this program does not call volume.ServeEncrypted")
		}
		program = "/proc/self/exe"
	}
	err = s.shelter.Start(func(attr syscall.SysProcAttr) error {
		_ = unix.Prctl(unix.PR_SET_IO_FLUSHER, 1, 0, 0, 0) // it is a privilege, and newer than some kernels
		attr.Setsid = true
		pid, err = syscall.ForkExec(program, []string{cipherName, s.cloud, id}, &syscall.ProcAttr{
			Dir: "/", Files: files, Env: []string{"GOGC=50", "GOMAXPROCS=4", "GODEBUG=madvdontneed=1"}, Sys: &attr,
		})
		return err
	})
	return pid, err
}

// hasCipher tells whether an encrypted volume has a cipher.
func (s *Store) hasCipher(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ciphers[id] != nil
}

// release lets go of the ciphers, which run on.
func (s *Store) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.ciphers {
		c.process.Release()
	}
}

// endsWithin is how long a cipher may take to see that its file is closed.
const endsWithin = 2 * time.Second

// endCipher sees to the end of a volume's cipher, if it has one.
func (s *Store) endCipher(id string) {
	s.mu.Lock()
	c := s.ciphers[id]
	delete(s.ciphers, id)
	s.mu.Unlock()
	if c != nil {
		ctx, cancel := context.WithTimeout(context.Background(), endsWithin)
		defer cancel()
		select {
		case <-c.gone:
		case <-ctx.Done():
			if err := s.kill(c); err != nil {
				s.log.Error("end the cipher of a volume", "volume", id, "err", err)
			} else {
				<-c.gone
			}
		}
	}
	for _, name := range []string{s.cipherRecordFile(id), s.cipherRecordFile(id) + logSuffix} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("forget the cipher of a volume", "volume", id, "err", err)
		}
	}
}

// lastWords are what a cipher has written, after a colon.
func (s *Store) lastWords(id string) string {
	b, err := os.ReadFile(s.cipherRecordFile(id) + logSuffix)
	if err != nil || len(b) == 0 {
		return ""
	}
	const most = 500
	return ": " + strings.TrimSpace(string(b[max(0, len(b)-most):]))
}

// adopt watches the ciphers that an earlier process started and that still run.
func (s *Store) adopt() error {
	names, err := filepath.Glob(s.path(ciphersDir, "*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		id := filepath.Base(name)
		if strings.HasSuffix(id, logSuffix) {
			continue
		}
		var r cipherRecord
		b, err := os.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil {
			s.log.Warn("the record of a volume's cipher cannot be read", "volume", id, "err", err)
			continue
		}
		p, err := process.Hold(r.PID, r.Birth, false)
		if err != nil {
			return err
		}
		if p != nil {
			s.watchCipher(&cipher{id: id, link: s.linkOf(id, p), gone: make(chan struct{})}, p)
		} else if _, open := s.open[id]; open {
			s.log.Error(cipherLost, "volume", id, "why", "it ended while no cloud ran that could start another")
		} else {
			s.endCipher(id) // forgets it
		}
	}
	return nil
}
