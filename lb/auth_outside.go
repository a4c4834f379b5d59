package lb

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"pileus/plane"
)

// nodeKey is where a context has the node from which a call is made.
type nodeKey struct{}

// outsideClient calls identity providers from the node that the request's context
// names, as the rules of its network allow. Connections are not kept: users
// seldom log in.
func (s *site) outsideClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: s.dialOutside, DisableKeepAlives: true, MaxResponseHeaderBytes: maxAnswerHead,
			TLSClientConfig: &tls.Config{RootCAs: s.opts.Roots, MinVersion: tls.VersionTLS12}, TLSHandshakeTimeout: connectTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// dialOutside connects to a host outside; over IPv4, as AWS does.
func (s *site) dialOutside(ctx context.Context, network, addr string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	node, ok := ctx.Value(nodeKey{}).(*Node)
	if !ok {
		return nil, errors.New("lb: a call to the outside from no node")
	}
	found, err := s.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, a := range found {
		if a = a.Unmap(); !a.Is4() {
			continue
		}
		to := netip.AddrPortFrom(a, uint16(port))
		c, err := s.dial(ctx, node, to)
		if errors.Is(err, plane.ErrUnsupported) && s.opts.Direct != nil {
			c, err = s.opts.Direct(ctx, network, to.String())
		}
		if err == nil {
			return c, nil
		}
		failed = append(failed, err)
	}
	if len(failed) == 0 {
		return nil, &net.DNSError{Err: "no IPv4 address", Name: host, IsNotFound: true}
	}
	return nil, errors.Join(failed...)
}

func (s *site) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if s.opts.Resolve != nil {
		return s.opts.Resolve(ctx, host)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
}
