package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
	"pileus/guest/handoff"
)

// port is the serial port on which a machine with a kernel of its own speaks
// with the plane.
type port struct {
	m       *machine
	line    *handoff.Line
	changed chan struct{} // the state is to be told

	mu      sync.Mutex
	session string // of the plane's process that has said hello
	asked   map[uint64]*question
}

// question is a request that is being answered.
type question struct {
	p       *port
	session string
	id      uint64
	ctx     context.Context
	end     context.CancelFunc
	input   chan []byte
	taken   [3]chan struct{} // by stream
}

// openPort finds the port by its name.
func openPort(m *machine) (*port, error) {
	names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil || strings.TrimSpace(string(b)) != handoff.PortName {
			continue
		}
		device := "/dev/" + filepath.Base(filepath.Dir(name))
		fd, err := unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: device, Err: err}
		}
		p := &port{m: m, changed: make(chan struct{}, 1), asked: map[uint64]*question{}}
		p.line = handoff.NewLine(&portFile{fd: fd, clock: m.clock, alone: p.forget})
		return p, nil
	}
	return nil, errors.New("there is no port to the plane")
}

// portFile reads and writes the port. While nobody is at its other end a read
// ends at once and a write waits; neither is an error.
type portFile struct {
	fd    int
	clock clock.Clock
	alone func() // nobody is at the other end any more
}

// unattended is how often somebody is looked for at the other end.
const unattended = 100 * time.Millisecond

func (f *portFile) Read(b []byte) (int, error) {
	for told := false; ; {
		n, err := unix.Read(f.fd, b)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n > 0:
			return n, nil
		default:
			if !told {
				f.alone()
				told = true
			}
			if err := f.clock.Wait(context.Background(), unattended); err != nil {
				return 0, err
			}
		}
	}
}

func (f *portFile) Write(b []byte) (written int, err error) {
	for written < len(b) {
		n, err := unix.Write(f.fd, b[written:])
		if err != nil && err != unix.EINTR {
			return written, err
		}
		written += max(n, 0)
	}
	return written, nil
}

// serve answers the plane for as long as the machine runs.
func (p *port) serve() {
	go p.tell()
	go p.line.Send(handoff.Message{Kind: handoff.Up}) // waits for the plane
	for {
		q, err := p.line.Receive()
		if err != nil {
			p.m.console.printf("pileus: the plane is not heard any more: %v\n", err)
			return
		}
		p.receive(q)
	}
}

func (p *port) receive(q handoff.Message) {
	if q.Kind == handoff.Hello {
		p.begin(q.Session)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if q.Session != p.session {
		return
	}
	asked := p.asked[q.ID]
	switch {
	case q.Kind == handoff.Asks && asked == nil && q.Request != nil:
		n := newQuestion(p, q)
		p.asked[q.ID] = n
		go n.answer(*q.Request)
	case asked == nil:
	case q.Kind == handoff.Cancels:
		asked.end()
	case q.Kind == handoff.Data:
		offer(asked.input, q.Data)
	case q.Kind == handoff.Taken && q.Stream > 0 && q.Stream < len(asked.taken):
		offer(asked.taken[q.Stream], struct{}{})
	}
}

// offer gives a value to who waits for it. Each side sends one at a time: what
// does not find room was not waited for.
func offer[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

// begin starts a session.
func (p *port) begin(session string) {
	p.forget()
	p.mu.Lock()
	p.session = session
	p.mu.Unlock()
	go p.line.Send(handoff.Message{Kind: handoff.Hello, Session: session, State: p.m.now()})
}

// forget ends what a session has asked for that is over.
func (p *port) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session = ""
	for id, q := range p.asked {
		q.end()
		delete(p.asked, id)
	}
}

// tell sends the state whenever it has changed.
func (p *port) tell() {
	for range p.changed {
		p.mu.Lock()
		session := p.session
		p.mu.Unlock()
		if session == "" {
			continue // it is told with the next hello
		}
		if p.line.Send(handoff.Message{Kind: handoff.Tells, Session: session, State: p.m.now()}) != nil {
			return
		}
	}
}

func newQuestion(p *port, q handoff.Message) *question {
	n := &question{p: p, session: q.Session, id: q.ID, input: make(chan []byte, 1)}
	n.ctx, n.end = context.WithCancel(context.Background())
	for i := range n.taken {
		n.taken[i] = make(chan struct{}, 1)
	}
	return n
}

func (q *question) send(m handoff.Message) error {
	m.Session, m.ID = q.session, q.id
	return q.p.line.Send(m)
}

func (q *question) answer(r handoff.Request) {
	defer q.end()
	a, err := q.perform(r)
	if err != nil {
		a.Error = err.Error()
	}
	q.p.mu.Lock()
	if q.p.asked[q.id] == q {
		delete(q.p.asked, q.id)
	}
	q.p.mu.Unlock()
	if q.ctx.Err() == nil {
		q.send(handoff.Message{Kind: handoff.Answers, Answer: &a}) // a port that fails ends with its reader
	}
}

// linger is how long output is awaited after a command has ended, for what it
// left running in the background may hold its streams for ever.
const linger = 100 * time.Millisecond

// perform does what was asked, with streams to the plane where it has any.
func (q *question) perform(r handoff.Request) (handoff.Answer, error) {
	root := account{home: "/root", shell: "/bin/sh", name: "root"}
	if r.Do != handoff.Run && r.Do != handoff.Service {
		return q.p.m.do(asked{Request: r, from: root})
	}
	var theirs, ours [3]*os.File
	for i := range theirs {
		from, to, err := os.Pipe()
		if err != nil {
			return handoff.Answer{}, fmt.Errorf("the command's streams: %w", err)
		}
		defer from.Close()
		defer to.Close()
		theirs[i], ours[i] = to, from
	}
	theirs[0], ours[0] = ours[0], theirs[0]
	if r.Joined {
		theirs[2].Close() // so that nothing comes by it
		theirs[2] = theirs[1]
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { q.pump(ours[1], 1) })
	pumps.Go(func() { q.pump(ours[2], 2) })
	go q.feed(ours[0])
	hangup, hang := io.Pipe()
	stop := context.AfterFunc(q.ctx, func() { hang.Close() })
	defer stop()
	defer hang.Close()
	a, err := q.p.m.do(asked{r, theirs[:], hangup, root})
	for i := range theirs {
		theirs[i].Close()
		if i > 0 {
			ours[i].SetReadDeadline(clock.Machine().Add(linger))
		}
	}
	pumps.Wait()
	return a, err
}

// pump sends what a command writes.
func (q *question) pump(from *os.File, stream int) {
	b := make([]byte, handoff.Piece)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if q.send(handoff.Message{Kind: handoff.Data, Stream: stream, Data: b[:n]}) != nil {
				return
			}
			select {
			case <-q.taken[stream]:
			case <-q.ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// feed gives a command its input.
func (q *question) feed(to *os.File) {
	defer to.Close()
	for {
		select {
		case b := <-q.input:
			if len(b) == 0 {
				return
			}
			_, err := to.Write(b)
			if q.send(handoff.Message{Kind: handoff.Taken}) != nil || err != nil {
				return
			}
		case <-q.ctx.Done():
			return
		}
	}
}
