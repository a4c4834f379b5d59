package resolver

import (
	"context"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"pileus/cloud"
	"pileus/names"
	"pileus/plane"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// ttl of answers in seconds, as the VPC resolver gives them.
const ttl = 60

// handler answers the questions of one VPC.
func (s *Resolver) handler(id string, tcp bool) dns.Handler {
	return dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		a := s.Answer(context.Background(), id, q)
		if !tcp {
			size := dns.MinMsgSize
			if o := q.IsEdns0(); o != nil {
				size = int(o.UDPSize())
			}
			a.Truncate(size)
		}
		if err := w.WriteMsg(a); err != nil {
			s.log.Debug("a DNS answer could not be sent", "vpc", id, "err", err)
		}
	})
}

// Answer is what the resolver of a VPC says to a message.
func (s *Resolver) Answer(ctx context.Context, id string, q *dns.Msg) *dns.Msg {
	a := &dns.Msg{}
	a.SetReply(q)
	a.RecursionAvailable = true
	if q.Opcode != dns.OpcodeQuery || len(q.Question) != 1 {
		a.Rcode = dns.RcodeNotImplemented
		return a
	}
	err := s.cloud.DB().View(ctx, func(r store.Reader) error {
		v, ok := vpc.Locate(r, id)
		if !ok || !v.DNSSupport {
			a.Rcode = dns.RcodeRefused
			return nil
		}
		s.fill(a, r, v, q.Question[0])
		return nil
	})
	if err != nil {
		a.Rcode = dns.RcodeServerFailure
	}
	return a
}

// fill answers one question. A name that exists and has no record of the type
// is answered without records; one that does not exist, with NXDOMAIN.
func (s *Resolver) fill(a *dns.Msg, r store.Reader, v *vpc.VPC, q dns.Question) {
	name := strings.ToLower(strings.TrimSuffix(q.Name, "."))
	header := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: q.Name, Rrtype: t, Class: dns.ClassINET, Ttl: ttl}
	}
	if addr, ok := reversed(name); ok {
		if _, ours := v.At(r, addr); ours && (q.Qtype == dns.TypePTR || q.Qtype == dns.TypeANY) {
			a.Answer = append(a.Answer, &dns.PTR{Hdr: header(dns.TypePTR), Ptr: PrivateName(v.Region, addr) + "."})
		} else if !ours {
			a.Rcode = dns.RcodeNameError
		}
		return
	}
	list, exists := s.lookup(r, v, Query{Account: v.Account, Region: v.Region, VPC: v.ID, Name: name, IPv6: q.Qtype == dns.TypeAAAA})
	if !exists {
		a.Rcode = dns.RcodeNameError
		return
	}
	for _, addr := range list {
		switch {
		case addr.Is4() && (q.Qtype == dns.TypeA || q.Qtype == dns.TypeANY):
			a.Answer = append(a.Answer, &dns.A{Hdr: header(dns.TypeA), A: addr.AsSlice()})
		case addr.Is6() && (q.Qtype == dns.TypeAAAA || q.Qtype == dns.TypeANY):
			a.Answer = append(a.Answer, &dns.AAAA{Hdr: header(dns.TypeAAAA), AAAA: addr.AsSlice()})
		}
	}
}

// lookup finds the addresses of a name.
func (s *Resolver) lookup(r store.Reader, v *vpc.VPC, q Query) ([]netip.Addr, bool) {
	if n, ok := names.Find(r, q.Name); ok {
		return n.Addresses, true
	}
	for _, ask := range s.sources {
		if list, ok := ask(r, q); ok {
			return list, true
		}
	}
	if list, ok := s.host(r, v, q.Name); ok {
		return list, true
	}
	if list, ok := v.EndpointAddresses(r, q.Name, q.IPv6); ok || strings.HasSuffix(q.Name, ".vpce.amazonaws.com") {
		return list, ok
	}
	if q.Name == "instance-data" || q.Name == "instance-data."+internalDomain(v.Region) {
		return []netip.Addr{plane.Metadata}, true
	}
	switch {
	case s3Name.MatchString(q.Name):
		return []netip.Addr{plane.EdgeS3}, true
	case dynamoDBName.MatchString(q.Name):
		return []netip.Addr{plane.EdgeDynamoDB}, true
	case strings.HasSuffix(q.Name, ".amazonaws.com"), strings.HasSuffix(q.Name, ".api.aws"):
		return []netip.Addr{plane.EdgeAPI}, true
	}
	return nil, false
}

// host is the address of an instance's name: private names lead to private
// addresses; public ones as well where the asking VPC has the instance, or one
// that is peered with it and lets it know.
func (s *Resolver) host(r store.Reader, v *vpc.VPC, name string) ([]netip.Addr, bool) {
	label, domain, _ := strings.Cut(name, ".")
	switch domain {
	case internalDomain(v.Region):
		if a, ok := fromDashed(label, "ip-"); ok {
			return []netip.Addr{a}, v.Contains(a)
		}
		return s.byInstance(r, v, label)
	}
	if a, ok := fromDashed(label, "ec2-"); ok && isPublicDomain(domain) && v.DNSHostnames {
		return s.behind(r, v, a, domain), plane.Elastic.Contains(a)
	}
	return nil, false
}

// behind is what a public address is from the point of view of a VPC.
func (s *Resolver) behind(r store.Reader, v *vpc.VPC, public netip.Addr, domain string) []netip.Addr {
	if private, ok := v.Behind(r, public); ok && domain == publicDomain(v.Region) {
		return []netip.Addr{private}
	}
	for peer, known := range v.Reaches(r) {
		if private, ok := peer.Behind(r, public); ok && known && domain == publicDomain(peer.Region) {
			return []netip.Addr{private}
		}
	}
	return []netip.Addr{public}
}

// byInstance is the addresses of "i-0123456789abcdef0".
func (s *Resolver) byInstance(r store.Reader, v *vpc.VPC, id string) (list []netip.Addr, ok bool) {
	if !strings.HasPrefix(id, "i-") {
		return nil, false
	}
	c := &cloud.Call{Cloud: s.cloud, Account: v.Account, Region: v.Region}
	for _, i := range vpc.InterfacesOf(c, r, id) {
		if i.VPC != v.ID || i.Attachment.Index != 0 {
			continue
		}
		if len(i.Addresses) > 0 {
			list = append(list, i.Addresses[0].Private)
		}
		list, ok = append(list, i.IPv6...), true
	}
	return list, ok
}
