//go:build linux

package machine

import (
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/plane"
)

// streams are the standard streams of a command: the ends that the machine
// gets, and ours.
type streams struct {
	theirs []*os.File
	ours   []*os.File
	copies []chan error // of stdout and stderr
}

// linger is how long output is awaited after a command has ended, for what it
// left running in the background may hold its streams for ever.
const linger = 100 * time.Millisecond

func openStreams(c plane.Command) (*streams, error) {
	s := &streams{}
	for _, open := range []func() error{
		func() error { return s.input(c.Stdin) },
		func() error { return s.output(c.Stdout) },
		func() error { return s.errors(c) },
	} {
		if err := open(); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *streams) input(from io.Reader) error {
	if from == nil {
		f, err := os.Open(os.DevNull)
		s.theirs = append(s.theirs, f)
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.theirs, s.ours = append(s.theirs, r), append(s.ours, w)
	go func() {
		io.Copy(w, from) // a command need not read its input
		w.Close()
	}()
	return nil
}

func (s *streams) output(to io.Writer) error {
	if to == nil {
		f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		s.theirs = append(s.theirs, f)
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	s.theirs, s.ours = append(s.theirs, w), append(s.ours, r)
	done := make(chan error, 1)
	s.copies = append(s.copies, done)
	go func() {
		_, err := io.Copy(to, r)
		done <- err
	}()
	return nil
}

// errors is the output again where one writer takes both: two copies at once
// could tear what is written to it.
func (s *streams) errors(c plane.Command) error {
	if c.Stderr == nil || c.Stderr != c.Stdout {
		return s.output(c.Stderr)
	}
	fd, err := unix.FcntlInt(s.theirs[1].Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	s.theirs = append(s.theirs, os.NewFile(uintptr(fd), "stderr"))
	return nil
}

// drain waits for the output of a command that has ended.
func (s *streams) drain() (err error) {
	for _, f := range s.ours {
		f.SetReadDeadline(clock.Machine().Add(linger))
	}
	for _, done := range s.copies {
		if e := <-done; !errors.Is(e, os.ErrDeadlineExceeded) {
			err = errors.Join(err, e)
		}
	}
	return err
}

func (s *streams) close() {
	for _, f := range append(s.theirs, s.ours...) {
		f.Close()
	}
}
