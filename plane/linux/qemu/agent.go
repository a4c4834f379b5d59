//go:build linux

package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"pileus/guest/handoff"
	"pileus/plane"
	"pileus/rng"
)

// agent is the plane's end of the port on which the first process of a guest
// answers, where that is ours.
type agent struct {
	conn net.Conn
	line *handoff.Line
	// greeted hears of each beginning of the guest, and told of its state.
	greeted func()
	told    func(handoff.State)

	mu      sync.Mutex
	session string
	up      bool // the guest has answered in this session
	last    uint64
	calls   map[uint64]*call
	err     error // why it ended
}

// call is a request that waits for its answer.
type call struct {
	answer chan handoff.Answer
	output [3]io.Writer // by stream
	data   chan handoff.Message
	taken  chan struct{}
	lost   chan struct{} // closed when no answer will come
}

// errSilent is that the guest's first process does not listen, or not yet.
var errSilent = errors.New("the guest does not answer")

// newAgent begins a session on a connection to the port. The guest answers when
// it comes to listen.
func newAgent(conn net.Conn, greeted func(), told func(handoff.State)) *agent {
	a := &agent{conn: conn, line: handoff.NewLine(conn), greeted: greeted, told: told, calls: map[uint64]*call{}}
	go a.read()
	return a
}

// read hands out what the guest says until the port is closed.
func (a *agent) read() {
	err := a.hello()
	for err == nil {
		var m handoff.Message
		if m, err = a.line.Receive(); err == nil {
			err = a.receive(m)
		}
	}
	a.mu.Lock()
	a.err = err
	a.mu.Unlock()
	a.lose()
}

// hello begins a session. What the last one asked for is lost.
func (a *agent) hello() error {
	a.lose()
	a.mu.Lock()
	a.session = rng.Secret(12, "0123456789abcdefghijklmnopqrstuvwxyz")
	m := handoff.Message{Kind: handoff.Hello, Session: a.session}
	a.mu.Unlock()
	return a.line.Send(m)
}

// lose tells those who wait that no answer will come.
func (a *agent) lose() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.up = false
	for id, c := range a.calls {
		close(c.lost)
		delete(a.calls, id)
	}
}

func (a *agent) receive(m handoff.Message) error {
	if m.Kind == handoff.Up {
		return a.hello()
	}
	a.mu.Lock()
	if m.Session != a.session {
		a.mu.Unlock()
		return nil
	}
	c := a.calls[m.ID]
	if m.Kind == handoff.Hello {
		a.up = true
	}
	if m.Kind == handoff.Answers {
		delete(a.calls, m.ID)
	}
	a.mu.Unlock()
	switch {
	case m.Kind == handoff.Hello || m.Kind == handoff.Tells:
		if m.State != nil {
			a.told(*m.State)
		}
		if m.Kind == handoff.Hello {
			a.greeted()
		}
	case c == nil:
	case m.Kind == handoff.Answers && m.Answer != nil:
		c.answer <- *m.Answer
	case m.Kind == handoff.Data && m.Stream > 0 && m.Stream < len(c.output):
		select {
		case c.data <- m:
		default: // the guest sends one at a time
		}
	case m.Kind == handoff.Taken:
		select {
		case c.taken <- struct{}{}:
		default:
		}
	}
	return nil
}

func (a *agent) close() { a.conn.Close() }

// answers tells whether the guest answers now.
func (a *agent) answers(ctx context.Context) bool {
	_, err := a.ask(ctx, handoff.Request{Do: handoff.Ping})
	return err == nil
}

// ask has the guest do what takes no streams.
func (a *agent) ask(ctx context.Context, r handoff.Request) (handoff.Answer, error) {
	return a.run(ctx, r, nil, nil, nil)
}

// run has the guest do something that reads and writes streams.
func (a *agent) run(ctx context.Context, r handoff.Request, in io.Reader, out, errs io.Writer) (handoff.Answer, error) {
	c := &call{
		answer: make(chan handoff.Answer, 1), output: [3]io.Writer{nil, out, errs},
		data: make(chan handoff.Message, 2), taken: make(chan struct{}, 1), lost: make(chan struct{}),
	}
	m := handoff.Message{Kind: handoff.Asks, Request: &r}
	a.mu.Lock()
	if !a.up || a.err != nil {
		a.mu.Unlock()
		return handoff.Answer{}, errSilent
	}
	a.last++
	m.ID, m.Session = a.last, a.session
	a.calls[m.ID] = c
	a.mu.Unlock()
	defer a.drop(m.ID)
	if err := a.line.Send(m); err != nil {
		return handoff.Answer{}, err
	}
	feeding, stop := context.WithCancel(ctx)
	defer stop()
	if r.Do == handoff.Run {
		go a.feed(feeding, c, m, in)
	}
	return a.await(ctx, c, m)
}

func (a *agent) drop(id uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.calls, id)
}

// await writes out what a command says until there is an answer.
func (a *agent) await(ctx context.Context, c *call, m handoff.Message) (handoff.Answer, error) {
	write := func(d handoff.Message) {
		if w := c.output[d.Stream]; w != nil {
			if _, err := w.Write(d.Data); err != nil {
				c.output[d.Stream] = nil // as to a pipe that nobody reads: the rest is for nobody
			}
		}
	}
	for {
		select {
		case d := <-c.data:
			write(d)
			err := a.line.Send(handoff.Message{Kind: handoff.Taken, Session: m.Session, ID: m.ID, Stream: d.Stream})
			if err != nil {
				return handoff.Answer{}, err
			}
		case answer := <-c.answer:
			for len(c.data) > 0 {
				write(<-c.data)
			}
			if answer.Error != "" {
				return answer, errors.New(answer.Error)
			}
			return answer, nil
		case <-c.lost:
			return handoff.Answer{}, fmt.Errorf("%w any more", errSilent)
		case <-ctx.Done():
			err := a.line.Send(handoff.Message{Kind: handoff.Cancels, Session: m.Session, ID: m.ID})
			return handoff.Answer{}, errors.Join(ctx.Err(), err)
		}
	}
}

// feed sends a command its input, piece by piece.
func (a *agent) feed(ctx context.Context, c *call, m handoff.Message, in io.Reader) {
	b := make([]byte, handoff.Piece)
	for {
		n, err := 0, io.EOF
		if in != nil {
			n, err = in.Read(b)
		}
		if n > 0 {
			if a.line.Send(handoff.Message{Kind: handoff.Data, Session: m.Session, ID: m.ID, Data: b[:n]}) != nil {
				return
			}
			select {
			case <-c.taken:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			// The end of the input; one who has gone does not miss it.
			_ = a.line.Send(handoff.Message{Kind: handoff.Data, Session: m.Session, ID: m.ID})
			return
		}
	}
}

// Run runs a command in a guest whose first process is ours.
func (e *Engine) Run(ctx context.Context, id string, c plane.Command) (exit int, err error) {
	u, err := e.unit(id, false)
	if err != nil {
		return 0, err
	}
	g := u.running()
	switch {
	case g == nil:
		return 0, fmt.Errorf("machine %s does not run: %w", id, plane.ErrNotFound)
	case g.agent == nil:
		return 0, fmt.Errorf("%w: machine %s boots its own system, in which no command can be started from outside: use SSH", plane.ErrUnsupported, id)
	case len(c.Args) == 0:
		return 0, errors.New("no command")
	}
	r := handoff.Request{Do: handoff.Run, Args: c.Args, Env: c.Env, User: c.User, Joined: c.Stderr != nil && c.Stderr == c.Stdout}
	a, err := g.agent.run(ctx, r, c.Stdin, c.Stdout, c.Stderr)
	return a.Exit, err
}
