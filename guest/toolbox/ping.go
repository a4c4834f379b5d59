//go:build linux

package toolbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"pileus/clock"
)

func ping(c *call) error {
	p, err := c.parse(options{letters: "c:i:w:W:qn46s:I:t:"}, false)
	if err != nil {
		return err
	}
	if len(p.args) != 1 {
		return usage("usage: ping [-c count] [-i interval] [-W timeout] destination")
	}
	count, pause, wait := -1, time.Second, time.Second
	if p.has("c") {
		if count, err = strconv.Atoi(p.value("c")); err != nil {
			return usage("invalid count " + p.value("c"))
		}
	}
	for letter, d := range map[string]*time.Duration{"i": &pause, "W": &wait} {
		if p.has(letter) {
			if *d, err = seconds(p.value(letter)); err != nil {
				return err
			}
		}
	}
	to, err := net.DefaultResolver.LookupNetIP(c.ctx, "ip4", p.args[0])
	if err != nil || len(to) == 0 {
		return usage(fmt.Sprintf("%s: Name or service not known", p.args[0]))
	}
	conn, err := dialEcho(to[0].Unmap())
	if err != nil {
		return err
	}
	defer conn.Close()
	c.printf("PING %s (%s) 56(84) bytes of data.\n", p.args[0], to[0].Unmap())
	got, sent := 0, 0
	for ; count < 0 || sent < count; sent++ {
		if sent > 0 {
			if err := clock.New().Wait(c.ctx, pause); err != nil {
				break
			}
		}
		took, ttl, err := echo(conn, uint16(os.Getpid()), uint16(sent+1), wait)
		switch {
		case err == nil:
			got++
			c.printf("64 bytes from %s: icmp_seq=%d ttl=%d time=%.3f ms\n", to[0].Unmap(), sent+1, ttl, float64(took.Microseconds())/1000)
		case !errors.Is(err, os.ErrDeadlineExceeded):
			c.printf("From %s icmp_seq=%d %s\n", to[0].Unmap(), sent+1, sentence(err))
		}
	}
	c.printf("\n--- %s ping statistics ---\n%d packets transmitted, %d received, %d%% packet loss\n", p.args[0], sent, got, (sent-got)*100/max(sent, 1))
	if got == 0 {
		return exit(1)
	}
	return nil
}

// echo sends one echo request and waits for its answer.
func echo(conn net.Conn, id, number uint16, wait time.Duration) (took time.Duration, ttl int, err error) {
	m := make([]byte, 64)
	m[0] = 8
	binary.BigEndian.PutUint16(m[4:], id)
	binary.BigEndian.PutUint16(m[6:], number)
	var total uint32
	for i := 0; i < len(m); i += 2 {
		total += uint32(binary.BigEndian.Uint16(m[i:]))
	}
	for total>>16 != 0 {
		total = total>>16 + total&0xffff
	}
	binary.BigEndian.PutUint16(m[2:], ^uint16(total))
	watch := clock.Start()
	if _, err := conn.Write(m); err != nil {
		return 0, 0, unwrap(err)
	}
	conn.SetReadDeadline(clock.Machine().Add(wait))
	b, control := make([]byte, 1500), make([]byte, 128)
	for {
		r, ttl, err := readEcho(conn, b, control)
		if err != nil {
			return 0, 0, unwrap(err)
		}
		if len(r) < 8 || r[0] != 0 || binary.BigEndian.Uint16(r[6:]) != number {
			continue
		}
		// The kernel gives an unprivileged socket its own id, and its answers alone.
		if _, raw := conn.(*net.IPConn); !raw || binary.BigEndian.Uint16(r[4:]) == id {
			return watch.Elapsed(), ttl, nil
		}
	}
}

// readEcho reads one ICMP message and the time to live that it came with.
func readEcho(conn net.Conn, b, control []byte) (message []byte, ttl int, err error) {
	if raw, ok := conn.(*net.IPConn); ok {
		// ReadMsgIP leaves the IP header in place, in which the TTL is.
		n, _, _, _, err := raw.ReadMsgIP(b, nil)
		if err != nil || n < 28 {
			return nil, 0, err
		}
		return b[int(b[0]&15)*4 : n], int(b[8]), nil
	}
	n, more, _, _, err := conn.(*net.UDPConn).ReadMsgUDP(b, control)
	if err != nil {
		return nil, 0, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:more])
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_TTL && len(m.Data) >= 4 {
			ttl = int(binary.NativeEndian.Uint32(m.Data))
		}
	}
	return b[:n], ttl, err
}

// dialEcho opens a socket for echo requests: a raw one for root, and one that
// only carries these for everybody else, as the kernel allows groups of
// net.ipv4.ping_group_range.
func dialEcho(to netip.Addr) (net.Conn, error) {
	conn, err := net.Dial("ip4:icmp", to.String())
	if !errors.Is(err, unix.EPERM) {
		return conn, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_ICMP)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "icmp")
	defer f.Close() // FileConn has a descriptor of its own
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1),
		unix.Connect(fd, &unix.SockaddrInet4{Addr: to.As4()}))
	if err != nil {
		return nil, err
	}
	return net.FileConn(f)
}
