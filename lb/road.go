package lb

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"pileus/clock"
)

// road is the way from one node to one target, as connections have found it.
//
// Health checks tell within some intervals that a target is gone, and until then
// whoever is sent there waits for nothing. So each node notices by itself where
// nobody answers any more: a connection does not come about, or what was sent
// over one is not even acknowledged. As long as there are others, such a target
// is passed over until it is heard again. Its health stays what the checks say.
type road struct {
	idleConns
	took     atomic.Int64 // time.Duration: how long connecting took last
	silent   atomic.Bool
	knocking atomic.Bool
}

const (
	// promptly is how long a connection to a target may take before another
	// target is tried, where connecting takes no time otherwise; where it does,
	// sluggish times as long as it took last.
	promptly = 300 * time.Millisecond
	sluggish = 4
	// knockLimit is how long one try may take to hear of a silent target.
	knockLimit = 3 * time.Second
)

// road is the way to the target from the node in a zone.
func (m *member) road(zone string) *road {
	if v, ok := m.roads.Load(zone); ok {
		return v.(*road)
	}
	v, _ := m.roads.LoadOrStore(zone, &road{})
	return v.(*road)
}

// patience is how long a connection is waited for where there are other targets.
func (r *road) patience() time.Duration {
	return min(connectTimeout, max(promptly, sluggish*time.Duration(r.took.Load())))
}

// isSilent tells whether nothing is heard of the target at the node in a zone.
func (m *member) isSilent(zone string) bool {
	return m.silences.Load() > 0 && m.road(zone).silent.Load()
}

// dial makes a TCP connection from a node to the target, and notes whether it
// came about.
func (m *member) dial(ctx context.Context, n *Node, limit time.Duration) (net.Conn, error) {
	w := clock.Start()
	c, err := within(ctx, limit, func(ctx context.Context) (net.Conn, error) { return m.pool.site.dial(ctx, n, m.addr()) })
	switch {
	case err == nil:
		m.road(n.Zone).took.Store(int64(w.Elapsed()))
	case isTimeout(err) && ctx.Err() == nil:
		m.unheard(n)
	}
	return c, err
}

// dialFor makes a connection from a node to the target for a flow, which belongs
// to it. It notes where that does not come about, for other flows.
func (m *member) dialFor(ctx context.Context, n *Node, g *Group, client netip.AddrPort) (net.Conn, error) {
	r, w := m.road(n.Zone), clock.Start()
	long, cancel := context.WithTimeout(ctx, r.patience())
	defer cancel()
	defer context.AfterFunc(long, func() {
		if ctx.Err() == nil && errors.Is(long.Err(), context.DeadlineExceeded) {
			m.unheard(n)
		}
	})()
	c, err := m.pool.site.dialFor(ctx, n, g, client, "tcp", m.addr())
	if err == nil {
		r.took.Store(int64(w.Elapsed()))
	}
	return c, err
}

// unheard has the target passed over, and knocks at it for as long as it might
// get requests otherwise, until it is heard.
func (m *member) unheard(n *Node) {
	r := m.road(n.Zone)
	if !r.knocking.CompareAndSwap(false, true) {
		return
	}
	r.silent.Store(true)
	m.silences.Add(1)
	s := m.pool.site
	s.start(func() {
		for m.knock(n, r) && s.opts.Clock.Wait(s.ctx, promptly) == nil {
		}
		m.silences.Add(-1)
		r.silent.Store(false)
		r.knocking.Store(false)
	})
}

// knock tries to connect once; true if nothing is heard still. A target that
// refuses is heard.
func (m *member) knock(n *Node, r *road) (silent bool) {
	t := m.pool.table(n.Zone)
	if t == nil || !t.has(m) {
		return false
	}
	w := clock.Start()
	c, err := within(m.pool.site.ctx, knockLimit, func(ctx context.Context) (net.Conn, error) { return m.pool.site.dial(ctx, n, m.addr()) })
	if err != nil {
		return isTimeout(err)
	}
	r.took.Store(int64(w.Elapsed()))
	c.Close()
	return false
}

// audible is m if the node in a zone hears of it, or else one of a list that it
// hears of; m again where there is none.
func (p *pool) audible(zone string, list []*member, m *member) *member {
	if !m.isSilent(zone) {
		return m
	}
	heard := slices.DeleteFunc(slices.Clone(list), func(o *member) bool { return o.isSilent(zone) })
	if len(heard) == 0 {
		return m
	}
	return heard[p.random(len(heard))]
}
