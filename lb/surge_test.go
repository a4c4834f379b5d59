package lb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"testing"
)

// crowd are those who call instances that answer nobody until they are open.
type crowd struct {
	called chan bool // one for each that calls
	open   chan bool
}

func newCrowd() *crowd { return &crowd{make(chan bool, 4*maxSurge), make(chan bool)} }

func (c *crowd) wait(ctx context.Context) error {
	select {
	case <-c.open:
		return nil
	default:
	}
	c.called <- true
	select {
	case <-c.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// queued waits until n have called twice: once at once, and once in the queue.
func (c *crowd) queued(n int) {
	for range 2 * n {
		<-c.called
	}
}

// TestSurge fills the queue of a classic load balancer's node with requests, has
// others spill over, and lets the instances answer at last.
func TestSurge(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "at last") }))
	s.b.Kind, s.b.IdleTimeout = Classic, patient
	s.wire.full = newCrowd()
	s.apply()
	var all sync.WaitGroup
	clients := make([]*browser, maxSurge)
	for i := range clients {
		clients[i] = s.dial().say("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	s.wire.full.queued(maxSurge)
	for range 3 {
		all.Go(func() {
			if resp, _ := s.dial().get("/"); resp.Status != "503 Service Unavailable: Back-end server is at capacity" {
				t.Errorf("with a full queue: %s", resp.Status)
			}
		})
	}
	all.Wait()
	close(s.wire.full.open)
	for _, c := range clients {
		if resp, body := c.hear("GET"); resp.StatusCode != 200 || body != "at last" {
			t.Fatalf("after waiting: %d %q", resp.StatusCode, body)
		}
	}
	counted := s.counted()
	if n := sumIn(counted, "SurgeQueueLength", "a", ""); n != maxSurge {
		t.Errorf("SurgeQueueLength %v", n)
	}
	if n := sumIn(counted, "SpilloverCount", "a", ""); n != 3 {
		t.Errorf("SpilloverCount %v", n)
	}
	if n := sumIn(counted, "HTTPCode_ELB_5XX", "a", ""); n != 3 {
		t.Errorf("HTTPCode_ELB_5XX %v", n)
	}
	if n := sumIn(counted, "BackendConnectionErrors", "a", ""); n != 0 {
		t.Errorf("BackendConnectionErrors %v", n)
	}
}

// TestSurgeOfConnections does the same with connections, which are closed when
// there is no room for them.
func TestSurgeOfConnections(t *testing.T) {
	s := newWeb(t, server(t, "i-1", func(c net.Conn) { io.WriteString(c, "at last\n") }))
	s.b.Kind, s.b.IdleTimeout = Classic, patient
	s.b.Listeners[0].Protocol, s.b.Groups["g"].Protocol = "TCP", "TCP"
	s.wire.full = newCrowd()
	s.apply()
	waits := s.dial()
	s.wire.full.queued(1)
	site := s.engine.site("b")
	q := site.surge(&s.b, "a")
	for range maxSurge - 1 {
		if !q.enter() {
			t.Fatal("there is no room")
		}
	}
	if _, err := s.dial().r.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one too many is not turned away: %v", err)
	}
	close(s.wire.full.open)
	if said, err := waits.r.ReadString('\n'); said != "at last\n" {
		t.Errorf("after waiting: %q, %v", said, err)
	}
	if n := sumIn(s.counted(), "SpilloverCount", "a", ""); n != 1 {
		t.Errorf("SpilloverCount %v", n)
	}
}

// TestNoSurge: other load balancers have no such queue.
func TestNoSurge(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", tells))
	s.wire.refuse = func(_ netip.Addr, _ netip.AddrPort) error { return context.DeadlineExceeded }
	if resp, _ := s.apply().dial().get("/"); resp.StatusCode != 504 {
		t.Errorf("%d", resp.StatusCode)
	}
	for _, v := range s.counted() {
		if v.Name == "SurgeQueueLength" || v.Name == "SpilloverCount" {
			t.Errorf("%+v", v)
		}
	}
}
