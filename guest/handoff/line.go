package handoff

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"sync"
)

// Message is a line of JSON on the serial port between the plane and a machine
// that has a kernel of its own. The port outlives those who speak on it: the
// plane's process may be killed in the middle of a line, and the machine may be
// reset. So each process of the plane begins a session with Hello, and what
// belongs to another session, or is no message, is passed over.
type Message struct {
	Kind    string
	Session string `json:",omitempty"`
	ID      uint64 `json:",omitempty"` // of the request that it belongs to

	Request *Request `json:",omitempty"` // Asks
	Answer  *Answer  `json:",omitempty"` // Answers
	State   *State   `json:",omitempty"` // Hello of the machine, Tells
	Stream  int      `json:",omitempty"` // Data and Taken: 0 is the command's input, 1 and 2 its output
	Data    []byte   `json:",omitempty"` // Data: none at the end of the stream
}

// Kinds of messages.
const (
	// Up is what a machine says when it begins to listen, to whomever.
	Up = "up"
	// Hello begins a session, and is answered with Hello.
	Hello = "hello"
	// Tells is a change of the machine's state.
	Tells = "state"
	// Asks is a request, Answers the answer; Cancels says that nobody waits for
	// it any more.
	Asks, Answers, Cancels = "ask", "answer", "cancel"
	// Data is a piece of a stream. The next may be sent once it was Taken, so
	// that one who does not read holds up nobody else.
	Data, Taken = "data", "taken"
)

// Piece is the largest piece of a stream.
const Piece = 16 << 10

// longest is the longest line: a request, or a piece as JSON has it.
const longest = 2 * most

// Line is one end of the port.
type Line struct {
	r *bufio.Reader

	mu sync.Mutex // held while a line is written
	w  io.Writer
}

// NewLine speaks on a port.
func NewLine(port io.ReadWriter) *Line {
	return &Line{r: bufio.NewReaderSize(port, 4*Piece), w: port}
}

// Send writes a message.
func (l *Line) Send(m Message) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if len(b) >= longest {
		return errors.New("a message is too long for the machine's port")
	}
	// The line break before it ends what somebody else has left unfinished.
	line := append(append([]byte{'\n'}, b...), '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.w.Write(line)
	return err
}

// Receive reads the next message, and passes over what is none.
func (l *Line) Receive() (m Message, err error) {
	for {
		line, err := l.next()
		if err != nil {
			return m, err
		}
		var m Message
		if json.Unmarshal(line, &m) == nil && m.Kind != "" {
			return m, nil
		}
	}
}

// next reads a line; one that is too long is empty.
func (l *Line) next() (line []byte, err error) {
	for {
		part, err := l.r.ReadSlice('\n')
		if len(line) <= longest {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		case len(line) > longest:
			return nil, nil
		}
		return bytes.TrimSpace(line), nil
	}
}
