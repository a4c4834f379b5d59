// Package planetest is the contract of a data plane, as tests that send real
// packets, boot real machines and write real blocks.
package planetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"pileus/plane"
)

// Rig is a network under test, with what the tests need besides
// plane.Network.
type Rig struct {
	Network plane.Network
	// Enter runs f with the calling thread inside of the machine: sockets that
	// f opens are the machine's.
	Enter func(machine string, f func() error) error
	// Router makes the machine forward packets; with translate, as if they were
	// its own.
	Router func(machine string, translate bool) error
	// Spoof sends one UDP packet out of the machine with a source of choice.
	Spoof func(machine string, from, to netip.AddrPort) error
}

const (
	// arrives is how long a packet may take that must arrive. It takes a
	// millisecond; the rest is for a busy machine.
	arrives = 10 * time.Second
	// dropped is how long one waits to see that a packet does not arrive.
	dropped = 400 * time.Millisecond
)

// probe is one row of the packet matrix: who calls whom, and what AWS says
// happens. Addresses are names of the world: "web" is an interface's primary
// address, "web/public" its public one, "web/second", "web/6".
type probe struct {
	from, to string
	what     string // "tcp 80", "udp 53", "icmp"
	arrives  bool
	holds    string // the rule of AWS
	seenAs   string // the source that the receiver sees, where it matters
}

// stage changes the world and then tries it out.
type stage struct {
	name   string
	change func(w *world)
	probes []probe
}

// run applies the stage's change and sends its probes, all at once.
func (w *world) run(t *testing.T, s stage) {
	t.Run(s.name, func(t *testing.T) {
		if s.change != nil {
			s.change(w)
		}
		w.apply(t)
		for _, p := range s.probes {
			w.serve(t, p)
		}
		var wg sync.WaitGroup
		for _, p := range s.probes {
			w.sent++
			wg.Go(func() { w.send(t, p) })
		}
		wg.Wait()
	})
}

func (p probe) String() string { return p.from + " > " + p.to + " " + p.what }

// send sends one probe and compares.
func (w *world) send(t *testing.T, p probe) {
	patience := arrives
	if !p.arrives {
		patience = dropped
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := w.dial(ctx, p)
	var seen string
	if err == nil {
		defer c.Close()
		defer context.AfterFunc(ctx, func() { c.Close() })()
		seen, err = p.converse(c, uint16(w.pings.Add(1)))
	}
	switch {
	case err != nil && !quiet(err):
		t.Errorf("%v: dropped with an error that the sender sees: %v\n\t%s", p, err, p.holds)
	case err == nil && !p.arrives:
		t.Errorf("%v: arrives (seen as %s), but must not\n\t%s", p, seen, p.holds)
	case err != nil && p.arrives:
		t.Errorf("%v: does not arrive: %v\n\t%s", p, err, p.holds)
	case p.seenAs != "" && seen != w.address(p.seenAs).String():
		t.Errorf("%v: seen as %s, not as %s (%v)\n\t%s", p, seen, p.seenAs, w.address(p.seenAs), p.holds)
	}
}

// quiet tells whether an error is mere silence. AWS drops packets; it does not
// refuse them. Only who calls from the internet learns at once that there is
// no way: it is a socket of the router itself.
func quiet(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &ne) && ne.Timeout() || errors.Is(err, syscall.EINVAL)
}

func (w *world) dial(ctx context.Context, p probe) (net.Conn, error) {
	network, port := p.network()
	to := w.address(p.to)
	if network == "icmp" {
		network = "ip4:icmp"
		if to.Is6() {
			network = "ip6:ipv6-icmp"
		}
	}
	vpc, from := w.caller(p.from)
	if to.Is6() && vpc != "" && from.Is4() {
		from = w.address(p.from + "/6")
	}
	return w.rig.Network.Dial(ctx, vpc, from, network, netip.AddrPortFrom(to, port))
}

func (p probe) network() (string, uint16) {
	network, port, _ := strings.Cut(p.what, " ")
	n, _ := strconv.ParseUint(port, 10, 16)
	return network, uint16(n)
}

// converse sends something and reads the answer; seen is the address of the
// caller as the one called sees it.
func (p probe) converse(c net.Conn, id uint16) (seen string, err error) {
	if strings.HasPrefix(p.what, "icmp") {
		return "", ping(c, id)
	}
	if _, err := c.Write([]byte("hello\n")); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}

// ping sends an echo request and waits for its reply. The kernel of the other
// side answers.
func ping(c net.Conn, id uint16) error {
	request, reply := byte(8), byte(0)
	if c.RemoteAddr().(*net.IPAddr).IP.To4() == nil {
		request, reply = 128, 129
	}
	m := []byte{request, 0, 0, 0, byte(id >> 8), byte(id), 0, 1, 'p', 'i', 'n', 'g'}
	var sum uint32
	for i := 0; i < len(m); i += 2 {
		sum += uint32(m[i])<<8 | uint32(m[i+1])
	}
	sum = sum>>16 + sum&0xffff
	sum = ^(sum + sum>>16)
	m[2], m[3] = byte(sum>>8), byte(sum) // IPv6's is filled in by the kernel
	if _, err := c.Write(m); err != nil {
		return err
	}
	b := make([]byte, 1500)
	for {
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		got := b[:n]
		if n > 20 && got[0]>>4 == 4 { // with the IPv4 header
			got = got[4*(got[0]&15):]
		}
		if len(got) >= 8 && got[0] == reply && got[4] == m[4] && got[5] == m[5] {
			return nil
		}
	}
}

// serve has the one who is called answer. A listener stays for the whole
// test.
func (w *world) serve(t *testing.T, p probe) {
	network, port := p.network()
	vpc, at := w.callee(p.to)
	if network == "icmp" || !at.IsValid() {
		return
	}
	key := fmt.Sprint(network, vpc, at, port)
	if w.serving[key] {
		return
	}
	w.serving[key] = true
	ctx := w.t.Context()
	switch network {
	case "tcp":
		l, err := w.rig.Network.Listen(ctx, vpc, netip.AddrPortFrom(at, port))
		if err != nil {
			t.Fatalf("listen on %s %s: %v", p.to, p.what, err)
		}
		w.t.Cleanup(func() { l.Close() })
		w.wait.Go(func() { w.answerTCP(l) })
	case "udp":
		c, err := w.rig.Network.ListenPacket(ctx, vpc, netip.AddrPortFrom(at, port))
		if err != nil {
			t.Fatalf("listen on %s %s: %v", p.to, p.what, err)
		}
		w.t.Cleanup(func() { c.Close() })
		w.wait.Go(func() { answerUDP(c) })
	}
}

// answerTCP tells each line's sender who it seems to be.
func (w *world) answerTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		w.t.Cleanup(func() { c.Close() })
		w.wait.Go(func() {
			defer c.Close()
			seen, _ := netip.ParseAddrPort(c.RemoteAddr().String())
			lines := bufio.NewReader(c)
			for {
				if _, err := lines.ReadString('\n'); err != nil {
					return
				}
				if _, err := io.WriteString(c, seen.Addr().Unmap().String()+"\n"); err != nil {
					return
				}
			}
		})
	}
}

func answerUDP(c net.PacketConn) {
	b := make([]byte, 1500)
	for {
		_, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		seen, _ := netip.ParseAddrPort(from.String())
		c.WriteTo([]byte(seen.Addr().Unmap().String()+"\n"), from)
	}
}

// keep opens a TCP connection that the world changes under.
func (w *world) keep(t *testing.T, from, to, what string) *kept {
	t.Helper()
	p := probe{from: from, to: to, what: what, arrives: true}
	w.serve(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), arrives)
	defer cancel()
	c, err := w.dial(ctx, p)
	if err != nil {
		t.Fatalf("%v: %v", p, err)
	}
	t.Cleanup(func() { c.Close() })
	k := &kept{probe: p, conn: c, lines: bufio.NewReader(c)}
	if err := k.say(arrives); err != nil {
		t.Fatalf("%v: %v", p, err)
	}
	return k
}

// kept is a connection that was opened earlier.
type kept struct {
	probe probe
	conn  net.Conn
	lines *bufio.Reader
}

func (k *kept) say(patience time.Duration) error {
	if _, err := k.conn.Write([]byte("still here\n")); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	defer context.AfterFunc(ctx, func() { k.conn.Close() })()
	_, err := k.lines.ReadString('\n')
	return err
}

// goesOn checks that the connection still carries bytes; ends, that it does
// not. Either is one row of the matrix.
func (w *world) goesOn(t *testing.T, k *kept, holds string) {
	t.Helper()
	w.sent++
	if err := k.say(arrives); err != nil {
		t.Errorf("%v: an open connection is cut: %v\n\t%s", k.probe, err, holds)
	}
}

func (w *world) ends(t *testing.T, k *kept, holds string) {
	t.Helper()
	w.sent++
	if err := k.say(dropped); err == nil {
		t.Errorf("%v: an open connection goes on, but must not\n\t%s", k.probe, holds)
	}
}
