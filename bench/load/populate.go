package load

import (
	"fmt"
	"net"
	"net/http"
)

// Polls are clients that wait for messages.
type Polls []net.Conn

// Poll opens n connections, each of which waits twenty seconds for a message
// in an empty queue.
func (s *Session) Poll(n int) (Polls, error) {
	c, err := dial(s.Addr)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := s.createQueue(c, "bench-poll"); err != nil {
		return nil, err
	}
	k, err := s.sqs("ReceiveMessage", map[string]any{"QueueUrl": s.queue, "WaitTimeSeconds": 20})
	if err != nil {
		return nil, err
	}
	q, err := s.sign(k)
	if err != nil {
		return nil, err
	}
	var all Polls
	for range n {
		c, err := net.Dial("tcp", s.Addr)
		if err == nil {
			all = append(all, c)
			_, err = c.Write(q.head)
		}
		if err != nil {
			all.Close()
			return nil, err
		}
	}
	return all, nil
}

// Close hangs up.
func (p Polls) Close() {
	for _, c := range p {
		c.Close()
	}
}

// Populate puts in n small objects and n messages.
func (s *Session) Populate(n int) error {
	c, err := dial(s.Addr)
	if err != nil {
		return err
	}
	defer c.close()
	if err := bucket("bench-fill")(s, c); err != nil {
		return err
	}
	if err := s.createQueue(c, "bench-fill"); err != nil {
		return err
	}
	if err := s.fill(n); err != nil {
		return err
	}
	const conns = 32
	done := make(chan error, conns)
	for number := range conns {
		go func() { done <- s.putMany(number, n/conns) }()
	}
	for range conns {
		if err2 := <-done; err == nil {
			err = err2
		}
	}
	return err
}

func (s *Session) putMany(number, n int) error {
	c, err := dial(s.Addr)
	if err != nil {
		return err
	}
	defer c.close()
	for i := range n {
		path := fmt.Sprintf("/bench-fill/%02d/%07d", number, i)
		if _, err := s.must(c, s.object(http.MethodPut, path, content(64))); err != nil {
			return err
		}
	}
	return nil
}

// Touch writes a little, so that a restart has something to recover.
func (s *Session) Touch() error {
	c, err := dial(s.Addr)
	if err != nil {
		return err
	}
	defer c.close()
	if err := bucket("bench")(s, c); err != nil {
		return err
	}
	for i := range 100 {
		if _, err := s.must(c, s.object(http.MethodPut, objectPath(1024, 0, i), content(1024))); err != nil {
			return err
		}
	}
	return nil
}
