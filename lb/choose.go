package lb

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"pileus/clock"
)

// pool is the targets of one group as one load balancer uses them.
//
// Choosing reads a table that is made anew whenever a target's state changes,
// one for each node: no lock is taken on the way of a request.
type pool struct {
	site *site
	id   string

	tables atomic.Pointer[map[string]*table] // by the node's zone
	group  atomic.Pointer[Group]

	mu      sync.Mutex // guards what follows, and the views of members
	members []*member  // in the order of the targets
	nodes   []Node
	cross   bool
	away    string // the zone that traffic is shifted away from
	checks  map[checkKey]*checking
	closed  bool
}

// member is a target of a pool.
type member struct {
	pool     *pool
	key      TargetKey
	target   atomic.Pointer[Target]
	inflight atomic.Int64 // requests, or connections
	slow     atomic.Pointer[clock.Stopwatch]
	results  results      // what anomaly mitigation looks at
	roads    sync.Map     // *Node's zone: *road
	silences atomic.Int32 // how many of the roads are silent

	views map[string]*view // by the node's zone
	since time.Time
	told  string // the merged state that was told last
	drain func() // stops the timer of the end of draining

	mu    sync.Mutex
	flows map[*flow]bool
}

// addr is where the target is reached.
func (m *member) addr() netip.AddrPort {
	t := m.target.Load()
	return netip.AddrPortFrom(t.Addr, t.Port)
}

// flow is a connection to a target that can be ended from outside.
type flow struct{ end func() }

// track keeps end to be called when the target's connections have to end: it
// was taken out and its delay is over, or it became unhealthy and the group
// ends connections then. untrack forgets it.
func (m *member) track(end func()) (untrack func()) {
	f := &flow{end}
	m.mu.Lock()
	if m.flows == nil {
		m.flows = map[*flow]bool{}
	}
	m.flows[f] = true
	m.mu.Unlock()
	return func() {
		m.mu.Lock()
		delete(m.flows, f)
		m.mu.Unlock()
	}
}

// endFlows ends all connections to the target.
func (m *member) endFlows() {
	m.mu.Lock()
	flows := m.flows
	m.flows = nil
	m.mu.Unlock()
	for f := range flows {
		f.end()
	}
}

// table is what a node chooses from.
type table struct {
	// members may get new requests; failOpen says that none is healthy, or too
	// few are, and therefore all are here.
	members  []*member
	failOpen bool
	healthy  int // how many of those in reach are
	total    int
	next     atomic.Uint64
	warming  atomic.Int32 // members in slow start when the table was made
}

func newPool(s *site, id string) *pool {
	p := &pool{site: s, id: id, checks: map[checkKey]*checking{}}
	p.tables.Store(&map[string]*table{})
	return p
}

// update brings the pool to the state of its group.
func (p *pool) update(b *Balancer, g *Group) {
	p.mu.Lock()
	old := map[TargetKey]*member{}
	for _, m := range p.members {
		old[m.key] = m
	}
	p.group.Store(g)
	p.nodes, p.cross, p.away = b.Nodes, b.CrossZone, b.Away
	if g.CrossZone != nil {
		p.cross = *g.CrossZone
	}
	p.members = nil
	for i := range g.Targets {
		t := &g.Targets[i]
		m := old[t.Key()]
		if m == nil {
			m = &member{pool: p, key: t.Key(), views: map[string]*view{}, since: p.site.opts.Clock.Now()}
		}
		delete(old, t.Key())
		p.members = append(p.members, m)
		p.updateMember(m, t)
	}
	p.applyChecks()
	p.rebuild()
	told := p.changes()
	p.mu.Unlock()
	for _, m := range old {
		m.leave()
	}
	p.tell(told)
}

// updateMember takes over the target's state; p.mu is held.
func (p *pool) updateMember(m *member, t *Target) {
	was := m.target.Swap(t)
	if m.drain != nil {
		m.drain()
		m.drain = nil
	}
	switch {
	case !t.Draining.IsZero():
		m.drain = p.site.opts.Clock.At(t.Draining.Add(p.group.Load().Drain), func(time.Time) { p.drained(m) })
	case was == nil || was.Addr != t.Addr || was.Down != "" || !was.Draining.IsZero():
		clear(m.views) // a target that comes, or comes again, is checked from the start
	}
	if was != nil && was.Addr != t.Addr {
		m.closeIdle()
	}
}

// drained ends what a target that was taken out still has, once its time is
// over: always for requests, for connections if the group says so.
func (p *pool) drained(m *member) {
	m.closeIdle()
	if g := p.group.Load(); g.EndOnDrain || g.Protocol == "HTTP" || g.Protocol == "HTTPS" {
		m.endFlows()
	}
}

// leave is the end of a target that is no longer in the group.
func (m *member) leave() {
	if m.drain != nil {
		m.drain()
	}
	m.pool.drained(m)
}

// close ends the checks; connections end with their fronts.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for k, c := range p.checks {
		c.stop()
		delete(p.checks, k)
	}
	for _, m := range p.members {
		if m.drain != nil {
			m.drain()
		}
		m.closeIdle()
	}
	p.tables.Store(&map[string]*table{})
}

// endFlows ends all connections to the pool's targets.
func (p *pool) endFlows() {
	p.mu.Lock()
	members := p.members
	p.mu.Unlock()
	for _, m := range members {
		m.endFlows()
	}
}

// rebuild makes the nodes' tables from the state of the members; p.mu is held.
func (p *pool) rebuild() {
	tables := map[string]*table{}
	old := *p.tables.Load()
	for i := range p.nodes {
		zone := p.nodes[i].Zone
		t := p.tableOf(zone)
		if o := old[zone]; o != nil {
			t.next.Store(o.next.Load())
		}
		tables[zone] = t
	}
	p.tables.Store(&tables)
}

// tableOf is what the node in a zone may choose from.
func (p *pool) tableOf(zone string) *table {
	t := &table{}
	var all, healthy []*member
	for _, m := range p.inUse(zone) {
		all = append(all, m)
		if s := p.stateIn(m, zone).state; s == stateHealthy || s == stateUnavailable {
			healthy = append(healthy, m)
			if m.slow.Load() != nil {
				t.warming.Add(1)
			}
		}
	}
	t.healthy, t.total = len(healthy), len(all)
	g := p.group.Load()
	tooFew := len(healthy) == 0 || len(healthy) < g.RouteCount || len(healthy)*100 < g.RoutePercent*len(all)
	if t.members = healthy; tooFew {
		t.members, t.failOpen = all, true
	}
	return t
}

// inUse are the targets that may get requests of the node in a zone, if they are
// healthy. Those of a zone that traffic is shifted away from may not, where the
// node can send to others.
func (p *pool) inUse(zone string) (list []*member) {
	shifted := 0
	for _, m := range p.members {
		t := m.target.Load()
		if !p.reaches(zone, t) || t.Down != "" || !t.Draining.IsZero() {
			continue
		}
		if p.overridden(t) {
			shifted++
		}
		list = append(list, m)
	}
	if shifted == 0 || shifted == len(list) {
		return list
	}
	return slices.DeleteFunc(list, func(m *member) bool { return p.overridden(m.target.Load()) })
}

// overridden tells whether traffic is shifted away from a target. Without
// sending across zones DNS alone keeps clients away from its node.
func (p *pool) overridden(t *Target) bool { return p.away != "" && p.cross && t.Zone == p.away }

// reaches tells whether the node in a zone sends to a target.
func (p *pool) reaches(zone string, t *Target) bool {
	return p.cross || t.Zone == "" || t.Zone == "all" || t.Zone == zone
}

// has tells whether a target may get requests.
func (t *table) has(m *member) bool { return slices.Contains(t.members, m) }

// table is what the node in a zone chooses from. A node that was taken out may
// have requests still; they are chosen for as any other node would.
func (p *pool) table(zone string) *table {
	tables := *p.tables.Load()
	if t := tables[zone]; t != nil {
		return t
	}
	for _, t := range tables {
		return t
	}
	return nil
}

// choose is the target for a new request or connection at the node in a zone,
// by the group's algorithm; nil if there is none. Those of tried were tried
// before and are avoided.
func (p *pool) choose(zone string, tried ...*member) *member {
	t := p.table(zone)
	if t == nil || len(t.members) == 0 {
		return nil
	}
	if len(tried) > 0 {
		return p.chooseBut(zone, t, tried)
	}
	var m *member
	switch p.group.Load().Algorithm {
	case "least_outstanding_requests":
		m = p.leastOutstanding(t)
	case "weighted_random":
		m = p.weightedRandom(t)
	default:
		m = p.roundRobin(t)
	}
	return p.audible(zone, t.members, m)
}

// chooseBut is a target that is none of those that were tried, one that is heard
// if there is any.
func (p *pool) chooseBut(zone string, t *table, tried []*member) *member {
	rest := slices.DeleteFunc(slices.Clone(t.members), func(m *member) bool { return slices.Contains(tried, m) })
	if len(rest) == 0 {
		return nil
	}
	return p.audible(zone, rest, rest[p.random(len(rest))])
}

// roundRobin goes around; members in slow start are passed over as often as
// their share is less than that of the others.
func (p *pool) roundRobin(t *table) *member {
	n := uint64(len(t.members))
	m := t.members[t.next.Add(1)%n]
	if t.warming.Load() == 0 {
		return m
	}
	for range 2 * n {
		if share := p.share(m); share >= 1 || p.site.opts.Rand.Float() < share {
			return m
		}
		m = t.members[t.next.Add(1)%n]
	}
	return m
}

func (p *pool) leastOutstanding(t *table) *member {
	n := len(t.members)
	start := int(t.next.Add(1) % uint64(n))
	best := t.members[start]
	for i := 1; i < n && best.inflight.Load() > 0; i++ {
		if m := t.members[(start+i)%n]; m.inflight.Load() < best.inflight.Load() {
			best = m
		}
	}
	return best
}

func (p *pool) weightedRandom(t *table) *member {
	for range 8 {
		m := t.members[p.random(len(t.members))]
		share := p.share(m)
		if p.group.Load().mitigates() {
			share *= m.results.weight()
		}
		if share >= 1 || p.site.opts.Rand.Float() < share {
			return m
		}
	}
	return t.members[p.random(len(t.members))]
}

func (p *pool) random(n int) int { return int(p.site.opts.Rand.Uint64() % uint64(n)) }

// share is what a target gets while its slow start lasts: it grows from
// nothing to a full share linearly.
func (p *pool) share(m *member) float64 {
	w := m.slow.Load()
	if w == nil {
		return 1
	}
	span := p.group.Load().SlowStart
	if e := w.Elapsed(); span > 0 && e < span {
		return max(0.01, float64(e)/float64(span))
	}
	m.slow.CompareAndSwap(w, nil)
	return 1
}

// hashed is the target that a hash falls on, the same one as long as it may
// get requests: when targets come and go, few hashes move.
func (p *pool) hashed(zone string, hash uint64) *member {
	t := p.table(zone)
	if t == nil {
		return nil
	}
	var best *member
	var most uint64
	audible := false // there is one that is heard
	for _, m := range t.members {
		heard := !m.isSilent(zone)
		if h := mix(hash ^ m.key.hash()); best == nil || heard && !audible || heard == audible && h > most {
			best, most, audible = m, h, heard
		}
	}
	return best
}

// named is the target with a key, if it may get requests of the node.
func (p *pool) named(zone string, key TargetKey) *member {
	t := p.table(zone)
	if t == nil {
		return nil
	}
	for _, m := range t.members {
		if m.key == key {
			return m
		}
	}
	return nil
}

func (k TargetKey) hash() uint64 {
	h := uint64(14695981039346656037)
	for i := range len(k.ID) {
		h = (h ^ uint64(k.ID[i])) * 1099511628211
	}
	return mix(h ^ uint64(k.Port))
}

// mix spreads a hash over all bits.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
