package node

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/miekg/dns"

	published "pileus/names"
	"pileus/store"
)

// nameServer answers the host's questions for names of the cloud: load
// balancers, databases, instances. It is no resolver: about other names it
// refuses to speak, so that a host's own resolver can ask it for
// amazonaws.com alone.
type nameServer struct {
	node    *Node
	servers []*dns.Server
	at      string
}

// serveNames answers on an address, over UDP and TCP; port 0 picks one that is
// free for both.
func (n *Node) serveNames(at string) error {
	udp, tcp, err := listenBoth(at)
	if err != nil {
		return portTaken(at, err)
	}
	s := &nameServer{node: n, at: udp.LocalAddr().String()}
	s.servers = []*dns.Server{{PacketConn: udp, Handler: s}, {Listener: tcp, Handler: s}}
	for _, d := range s.servers {
		go func() {
			if err := d.ActivateAndServe(); err != nil {
				n.o.Log.Debug("the name server ended", "err", err)
			}
		}()
	}
	n.names = s
	return nil
}

// listenBoth listens on one port over UDP and TCP. A port that was picked for
// UDP may be somebody's over TCP; then another is picked.
func listenBoth(at string) (net.PacketConn, net.Listener, error) {
	_, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, nil, err
	}
	for tries := 0; ; tries++ {
		udp, err := net.ListenPacket("udp", at)
		if err != nil {
			return nil, nil, err
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp, nil
		}
		udp.Close()
		if port != "0" || tries == 100 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, err
		}
	}
}

func (s *nameServer) close() {
	if s == nil {
		return
	}
	for _, d := range s.servers {
		if err := d.Shutdown(); err != nil {
			s.node.o.Log.Debug("the name server did not end well", "err", err)
		}
	}
}

// NameServer is the address at which the cloud's name server answers; "" where
// it has none.
func (n *Node) NameServer() string {
	if n.names == nil {
		return ""
	}
	return n.names.at
}

// ServeDNS answers a question.
func (s *nameServer) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	a := &dns.Msg{}
	a.SetReply(q)
	a.Authoritative = true
	if q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		a.Rcode = dns.RcodeNotImplemented
	} else {
		s.fill(a, q.Question[0])
	}
	if w.LocalAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if o := q.IsEdns0(); o != nil {
			size = max(size, int(o.UDPSize()))
		}
		a.Truncate(size)
	}
	// Whoever does not wait for the answer asks again.
	_ = w.WriteMsg(a)
}

// fill answers with what the cloud knows of a name. What ends in amazonaws.com
// and is not known does not exist; the rest is not this server's to tell.
func (s *nameServer) fill(a *dns.Msg, q dns.Question) {
	var list []netip.Addr
	var ttl uint32 = 60
	found := false
	err := s.node.core.Load().db.View(context.Background(), func(r store.Reader) error {
		if n, ok := published.Find(r, q.Name); ok {
			list, ttl, found = n.Addresses, n.TTL, true
		}
		return nil
	})
	name := published.Normal(q.Name)
	switch public, ok := publicHost(name); {
	case err != nil:
		a.Rcode = dns.RcodeServerFailure
	case found:
	case ok:
		list = []netip.Addr{public}
	case strings.HasSuffix(name, ".amazonaws.com"):
		a.Rcode = dns.RcodeNameError
	default:
		a.Rcode = dns.RcodeRefused
	}
	for _, at := range list {
		header := dns.RR_Header{Name: q.Name, Class: dns.ClassINET, Ttl: ttl}
		switch {
		case at.Is4() && (q.Qtype == dns.TypeA || q.Qtype == dns.TypeANY):
			header.Rrtype = dns.TypeA
			a.Answer = append(a.Answer, &dns.A{Hdr: header, A: at.AsSlice()})
		case at.Is6() && (q.Qtype == dns.TypeAAAA || q.Qtype == dns.TypeANY):
			header.Rrtype = dns.TypeAAAA
			a.Answer = append(a.Answer, &dns.AAAA{Hdr: header, AAAA: at.AsSlice()})
		}
	}
}

// publicHost is the address of an instance's public name,
// ec2-198-18-0-7.compute-1.amazonaws.com.
func publicHost(name string) (a netip.Addr, ok bool) {
	label, domain, _ := strings.Cut(name, ".")
	dashed, ec2 := strings.CutPrefix(label, "ec2-")
	if !ec2 || domain != "compute-1.amazonaws.com" && !strings.HasSuffix(domain, ".compute.amazonaws.com") {
		return a, false
	}
	a, err := netip.ParseAddr(strings.ReplaceAll(dashed, "-", "."))
	return a, err == nil
}
