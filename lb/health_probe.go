package lb

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
)

// probe checks a target once, from a node.
func (p *pool) probe(ctx context.Context, m *member, n *Node, g *Group) verdict {
	ctx, cancel := context.WithTimeout(ctx, g.Check.Timeout)
	defer cancel()
	c, err := p.site.dial(ctx, n, p.checkAddr(m, g))
	if err != nil {
		return failed(err)
	}
	c.Close()
	return verdict{ok: true}
}

func (p *pool) checkAddr(m *member, g *Group) netip.AddrPort {
	at := m.addr()
	if g.Check.Port != 0 {
		at = netip.AddrPortFrom(at.Addr(), g.Check.Port)
	}
	return at
}

// failed is the verdict on a check that did not get an answer.
func failed(err error) verdict {
	var timeout net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout() {
		return verdict{reason: "Target.Timeout", text: texts["Target.Timeout"]}
	}
	return verdict{reason: "Target.FailedHealthChecks", text: texts["Target.FailedHealthChecks"]}
}
