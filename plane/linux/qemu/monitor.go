//go:build linux

package qemu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// monitor is a conversation with QEMU: commands and their answers as lines of
// JSON, and events in between.
// https://www.qemu.org/docs/master/interop/qmp-spec.html
type monitor struct {
	conn  *net.UnixConn
	event func(event)

	mu      sync.Mutex
	last    int
	waiting map[int]chan answer
	err     error // why it ended
}

// event is something that happened in the guest or to it.
type event struct {
	Event string
	Data  struct {
		Guest  bool   // it was the guest's doing
		Reason string // "guest-shutdown", "guest-reset"
		Device string // DEVICE_DELETED: the id
	}
}

type answer struct {
	Return json.RawMessage
	Error  *qemuError
}

// qemuError is QEMU's refusal of a command.
type qemuError struct {
	Class string
	Desc  string
}

func (e *qemuError) Error() string { return "qemu: " + e.Desc }

// converse begins a conversation on a connection to QEMU. It answers once QEMU
// does. Events are given to f, which may not wait for an answer.
func converse(ctx context.Context, conn *net.UnixConn, f func(event)) (*monitor, error) {
	m := &monitor{conn: conn, event: f, waiting: map[int]chan answer{}}
	go m.read()
	if err := m.do(ctx, "qmp_capabilities", nil, nil); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// connect calls QEMU at a socket in the machine's folder.
func (u *unit) connect(ctx context.Context, name string) (*net.UnixConn, error) {
	path, done, err := u.short(name)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}

// read hands out what QEMU says until the conversation ends.
func (m *monitor) read() {
	d := json.NewDecoder(m.conn)
	var err error
	for {
		var line struct {
			event
			answer
			ID *int
		}
		if err = d.Decode(&line); err != nil {
			break
		}
		switch {
		case line.Event != "":
			m.event(line.event)
		case line.ID != nil:
			m.mu.Lock()
			c := m.waiting[*line.ID]
			delete(m.waiting, *line.ID)
			m.mu.Unlock()
			if c != nil {
				c <- line.answer
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("qemu has ended")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	for id, c := range m.waiting {
		close(c)
		delete(m.waiting, id)
	}
}

// do has QEMU perform a command; files go along with it.
func (m *monitor) do(ctx context.Context, command string, arguments, out any, files ...*os.File) error {
	c := make(chan answer, 1)
	if err := m.send(command, arguments, c, files); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	select {
	case a, ok := <-c:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", command, m.failure())
		case a.Error != nil:
			return fmt.Errorf("%s: %w", command, a.Error)
		case out != nil:
			return json.Unmarshal(a.Return, out)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: qemu does not answer: %w", command, ctx.Err())
	}
}

func (m *monitor) send(command string, arguments any, c chan answer, files []*os.File) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	m.last++
	line, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
		ID        int    `json:"id"`
	}{command, arguments, m.last})
	if err != nil {
		return err
	}
	var rights []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		rights = unix.UnixRights(fds...)
	}
	m.waiting[m.last] = c
	if _, _, err := m.conn.WriteMsgUnix(append(line, '\n'), rights, nil); err != nil {
		delete(m.waiting, m.last)
		return err
	}
	return nil
}

func (m *monitor) failure() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

func (m *monitor) close() { m.conn.Close() }
