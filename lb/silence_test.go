package lb

import (
	"net"
	"sync"
	"testing"
	"time"

	"pileus/clock"
)

// patient is how long tests wait for what must come. It only ends those that
// would wait for ever: however slow a machine is, it is enough.
const patient = 2 * time.Minute

// soon is the deadline of what a test waits for.
func soon() time.Time { return clock.Machine().Add(patient) }

// silence is a connection over which nothing has come for the idle time as soon
// as a test says so: how fast the machine is does not matter.
type silence struct {
	net.Conn
	mu      sync.Mutex
	changed *sync.Cond
	got     int  // bytes that were read
	reading bool // more is waited for
	over    bool // the idle time
}

func newSilence(c net.Conn) *silence {
	s := &silence{Conn: c}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *silence) Read(b []byte) (int, error) {
	s.note(0, true)
	n, err := s.Conn.Read(b)
	s.note(n, false)
	return n, err
}

func (s *silence) note(n int, reading bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got += n
	s.reading = reading
	s.changed.Broadcast()
}

func (s *silence) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		t = time.Unix(1, 0)
	}
	return s.Conn.SetReadDeadline(t)
}

// after ends the idle time once n bytes were read and more is waited for.
func (s *silence) after(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.got < n || !s.reading {
		s.changed.Wait()
	}
	s.over = true
	s.Conn.SetReadDeadline(time.Unix(1, 0))
}

// awaited waits until more is waited for.
func (s *silence) awaited() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.reading {
		s.changed.Wait()
	}
}

// lapse ends the idle time once, for who waits now.
func (s *silence) lapse() { s.Conn.SetReadDeadline(time.Unix(1, 0)) }

// silences are the connections that were made.
type silences chan *silence

// wrap passes a connection on as one whose idle time a test ends.
func (all silences) wrap(c net.Conn, err error) (net.Conn, error) {
	if all == nil || err != nil {
		return c, err
	}
	s := newSilence(c)
	all <- s
	return s, nil
}

// silentDoor accepts such connections.
type silentDoor struct {
	net.Listener
	all silences
}

func (d silentDoor) Accept() (net.Conn, error) { return d.all.wrap(d.Listener.Accept()) }

// nobody is an address of this machine that refuses connections for as long as
// the test goes on: it is taken, by one end of a connection.
func nobody(t *testing.T) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); other.Close() })
	return c.LocalAddr()
}
