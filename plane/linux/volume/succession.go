//go:build linux

package volume

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/plane/linux/process"
)

// A cipher that dies is not the end of its volume: this process holds a copy of
// its connection to the kernel, which lives on. The kernel is asked to say again
// what was not answered, and another process answers it. Who uses the volume
// sees a pause. What was answered was written, and to write the same once more
// changes nothing.

// cipherLost is what the log says of a volume that nobody shows any more.
const cipherLost = "the process that encrypts a volume has ended: its I/O fails until it is attached anew"

// Of a cipher that dies again as soon as it runs no more are started, because
// what it was told to do kills it.
const (
	mostDeaths = 5
	shortLife  = 10 * time.Second
)

// watchCipher remembers a cipher until it ends and nobody takes its place.
func (s *Store) watchCipher(c *cipher, p *process.Process) {
	s.mu.Lock()
	s.ciphers[c.id], c.process = c, p
	s.mu.Unlock()
	s.work.Go(func() {
		defer close(c.gone)
		defer c.unlink() // who still uses it gets errors from here on, and need not wait
		deaths := 0
		for p != nil {
			lived := clock.Start()
			if _, ended := p.Wait(); !ended {
				return // it was let go of
			}
			p.Release()
			if deaths++; lived.Elapsed() > shortLife {
				deaths = 1
			}
			p = s.replaceCipher(c, deaths)
		}
	})
}

// replaceCipher starts another process for a cipher that has ended, if it has to
// show its volume yet; nil where there is none.
func (s *Store) replaceCipher(c *cipher, deaths int) *process.Process {
	// The device is seen to be there first: once it is bound anew, the volume's
	// cipher is another.
	shown := s.isBound(c.id)
	s.mu.Lock()
	unasked := shown && s.ciphers[c.id] == c
	if !unasked && s.ciphers[c.id] == c {
		delete(s.ciphers, c.id)
	}
	s.mu.Unlock()
	if !unasked {
		return nil // as it should be: its file was closed
	}
	said := s.lastWords(c.id)
	next, err := s.successor(c, deaths)
	if err == nil {
		s.log.Warn("the process that encrypts a volume has ended; another has taken its place", "volume", c.id, "said", said)
		return next
	}
	s.mu.Lock()
	unasked = s.ciphers[c.id] == c
	if unasked {
		delete(s.ciphers, c.id)
	}
	s.mu.Unlock()
	if unasked {
		s.log.Error(cipherLost, "volume", c.id, "said", said, "why", err)
	}
	return nil
}

// successor starts the next process of a cipher.
func (s *Store) successor(c *cipher, deaths int) (*process.Process, error) {
	switch {
	case c.link == nil:
		return nil, errors.New("its connection to the kernel ended with it")
	case deaths > mostDeaths:
		return nil, fmt.Errorf("the last %d ended within %s each", deaths, shortLife)
	}
	if err := resend(c.link); err != nil {
		return nil, err
	}
	p, err := s.spawn(c)
	if p == nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.process = p
	switch {
	case s.closed:
		p.Release()
	case s.ciphers[c.id] != c || err != nil: // the volume was closed meanwhile
		err = nil
		_ = p.Kill() // what waits for it sees whether it is gone
	}
	return p, err
}

// isBound tells whether the volume's device is there, as far as can be told
// without opening it: who opens it may have to wait for the cipher.
func (s *Store) isBound(id string) bool {
	s.mu.Lock()
	d, open := s.open[id]
	s.mu.Unlock()
	if !open {
		return false
	}
	path, bound, err := d.backing()
	return err == nil && bound && path == nowhere
}

// linkOf is a copy of the connection of a cipher that an earlier process has
// started.
func (s *Store) linkOf(id string, p *process.Process) *os.File {
	link, err := p.File(connectionFD)
	if err != nil {
		s.log.Warn("if the process that encrypts a volume dies, no other can take its place", "volume", id, "err", err)
		return nil
	}
	return link
}

// unlink lets go of the connection, which ends with the last who holds it.
func (c *cipher) unlink() {
	if c.link != nil {
		_ = c.link.Close() // nothing was written
	}
}

// openFUSE opens a connection to the kernel that nothing in this process waits
// on: the runtime would be woken by each request.
func openFUSE() (*os.File, error) {
	fd, err := unix.Open(fuseDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: fuseDevice, Err: err}
	}
	return os.NewFile(uintptr(fd), fuseDevice), nil
}
