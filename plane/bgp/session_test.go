package bgp

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"

	"pileus/clock"
)

// news is what an end has learned.
type news struct {
	established bool
	routes      []netip.Prefix
}

// end runs one end of a session and passes on what it learns.
func end(t *testing.T, ctx context.Context, conn net.Conn, local, peer uint32, networks ...string) (learned chan news, ended chan error) {
	learned, ended = make(chan news, 10), make(chan error, 1)
	c := Config{Local: local, Peer: peer, ID: netip.AddrFrom4([4]byte{169, 254, 10, byte(local)}), Clock: clock.New(), Learned: func(up bool, routes []netip.Prefix) {
		learned <- news{up, routes}
	}}
	for _, n := range networks {
		c.Networks = append(c.Networks, netip.MustParsePrefix(n))
	}
	go func() { ended <- Run(ctx, conn, c) }()
	return learned, ended
}

// until reads what was learned until it is what is wanted.
func until(t *testing.T, learned chan news, want news) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		select {
		case got := <-learned:
			if got.established == want.established && slices.Equal(got.routes, want.routes) {
				return
			}
		case <-ctx.Done():
			t.Fatalf("%+v was not learned", want)
		}
	}
}

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// connected are two ends of a connection that both can write to at once.
func connected(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestEachLearnsWhatTheOtherAnnounces(t *testing.T) {
	a, b := connected(t)
	ctx, stop := context.WithCancel(t.Context())
	one, ended := end(t, t.Context(), a, 64512, 4200000001, "10.0.0.0/16")
	two, _ := end(t, ctx, b, 4200000001, 64512, "192.168.7.0/24", "192.168.8.0/24") // of four octets
	until(t, one, news{true, prefixes("192.168.7.0/24", "192.168.8.0/24")})
	until(t, two, news{true, prefixes("10.0.0.0/16")})
	stop() // the neighbour says good-bye, and what it announced is gone
	until(t, one, news{})
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "the neighbour ends it: code 6, 2") {
		t.Errorf("the session ended with %v", err)
	}
}

func TestAnotherSystemIsRefused(t *testing.T) {
	a, b := connected(t)
	_, ended := end(t, t.Context(), a, 64512, 65000)
	_, refused := end(t, t.Context(), b, 65001, 64512)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "the neighbour is AS 65001") {
		t.Errorf("ended with %v", err)
	}
	if err := <-refused; err == nil || !strings.Contains(err.Error(), "code 2, 2") {
		t.Errorf("the neighbour was told %v", err)
	}
}

func TestTooManyRoutesEndTheSession(t *testing.T) {
	a, b := connected(t)
	var many []string
	for n := range MaxRoutes + 1 {
		many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 16, byte(n), 0}), 24).String())
	}
	_, ended := end(t, t.Context(), a, 1, 2)
	_, told := end(t, t.Context(), b, 2, 1, many...)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "more than 100 routes") {
		t.Errorf("ended with %v", err)
	}
	if err := <-told; err == nil || !strings.Contains(err.Error(), "code 6, 1") {
		t.Errorf("the neighbour was told %v", err)
	}
}

func TestOwnAnnouncementsAreNotLearned(t *testing.T) {
	s := &session{Config: Config{Local: 1, Learned: func(bool, []netip.Prefix) { t.Error("a loop was learned") }}, routes: map[netip.Prefix]bool{}}
	n, _ := bgp.NewIPAddrPrefix(netip.MustParsePrefix("10.0.0.0/8"))
	u := bgp.NewBGPUpdateMessage(nil, []bgp.PathAttributeInterface{
		bgp.NewPathAttributeAsPath([]bgp.AsPathParamInterface{bgp.NewAs4PathParam(bgp.BGP_ASPATH_ATTR_TYPE_SEQ, []uint32{2, 1})}),
	}, []bgp.PathNLRI{{NLRI: n}})
	if err := s.update(u.Body.(*bgp.BGPUpdate)); err != nil {
		t.Fatal(err)
	}
}

// FuzzMessage reads whatever a neighbour may send.
func FuzzMessage(f *testing.F) {
	for _, m := range []*bgp.BGPMessage{bgp.NewBGPKeepAliveMessage(), bgp.NewBGPNotificationMessage(6, 2, nil)} {
		b, err := m.Serialize()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := read(bytes.NewReader(b))
		if err != nil || m == nil {
			return
		}
		switch x := m.Body.(type) {
		case *bgp.BGPOpen:
			systemOf(x)
		case *bgp.BGPUpdate:
			s := &session{Config: Config{Local: 1, Learned: func(bool, []netip.Prefix) {}}, routes: map[netip.Prefix]bool{}}
			for range x.NLRI {
				if len(x.NLRI) > MaxRoutes {
					return // answered on a connection, which there is none of
				}
			}
			_ = s.update(x)
		}
	})
}
