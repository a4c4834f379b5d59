package lb

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pileus/clock"
	"pileus/rng"
)

// newTestPool is a pool of n targets in zones a and b in turn, all healthy.
func newTestPool(t *testing.T, n int, change func(*Balancer, *Group)) *pool {
	e := New(Options{Clock: clock.Still(time.Unix(1e9, 0)), Rand: rng.Seeded(1)})
	t.Cleanup(e.Close)
	s := newSite(e, "b")
	g := &Group{ID: "g", Check: Check{Off: true}}
	for i := range n {
		zone := []string{"a", "b"}[i%2]
		g.Targets = append(g.Targets, Target{ID: fmt.Sprint("i-", i), Port: 80, Zone: zone, Addr: netip.MustParseAddr("10.0.0.9")})
	}
	b := &Balancer{ID: "b", CrossZone: true, Nodes: []Node{{Zone: "a"}, {Zone: "b"}}, Groups: map[string]*Group{"g": g}}
	if change != nil {
		change(b, g)
	}
	p := newPool(s, "g")
	p.update(b, g)
	return p
}

// picks is how often each target is chosen.
func picks(p *pool, zone string, n int) map[string]int {
	got := map[string]int{}
	for range n {
		if m := p.choose(zone); m != nil {
			got[m.key.ID]++
		}
	}
	return got
}

func TestRoundRobin(t *testing.T) {
	p := newTestPool(t, 4, nil)
	if got := picks(p, "a", 400); !maps.Equal(got, map[string]int{"i-0": 100, "i-1": 100, "i-2": 100, "i-3": 100}) {
		t.Errorf("%v", got)
	}
	if got := picks(p, "c", 1); len(got) != 1 {
		t.Errorf("a node that was taken out: %v", got)
	}
}

func TestZones(t *testing.T) {
	no, yes := false, true
	for name, test := range map[string]struct {
		balancer bool
		group    *bool
		want     int
	}{"across": {true, nil, 4}, "within": {false, nil, 2}, "group says no": {true, &no, 2}, "group says yes": {false, &yes, 4}} {
		p := newTestPool(t, 4, func(b *Balancer, g *Group) { b.CrossZone, g.CrossZone = test.balancer, test.group })
		if got := picks(p, "b", 40); len(got) != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLeastOutstanding(t *testing.T) {
	p := newTestPool(t, 3, func(_ *Balancer, g *Group) { g.Algorithm = "least_outstanding_requests" })
	busy := p.members[0]
	busy.inflight.Store(5)
	got := map[string]int{}
	for range 10 {
		m := p.choose("a")
		m.inflight.Add(1)
		got[m.key.ID]++
	}
	if !maps.Equal(got, map[string]int{"i-1": 5, "i-2": 5}) {
		t.Errorf("%v", got)
	}
}

func TestAnomalies(t *testing.T) {
	p := newTestPool(t, 4, func(_ *Balancer, g *Group) { g.Algorithm, g.Anomaly = "weighted_random", true })
	for i := range 400 {
		m := p.members[i%4]
		m.done(m != p.members[2] || i%8 < 4)
	}
	if n := p.anomalous(); n != 1 {
		t.Errorf("%d anomalous targets", n)
	}
	for i, h := range p.health() {
		if h.Anomalous != (i == 2) || h.Mitigated != h.Anomalous {
			t.Errorf("%s is told to be anomalous %v, mitigated %v", h.ID, h.Anomalous, h.Mitigated)
		}
	}
	if got := picks(p, "a", 3000); got["i-2"] > 200 || got["i-1"] < 700 {
		t.Errorf("the failing target gets %v", got)
	}
	for range 2000 { // it recovers, and old results fade
		p.members[2].done(true)
	}
	if n := p.anomalous(); n != 0 {
		t.Errorf("%d anomalous targets after it has recovered", n)
	}
}

func TestSlowStart(t *testing.T) {
	p := newTestPool(t, 2, func(_ *Balancer, g *Group) { g.SlowStart = time.Hour })
	p.members[0].slow.Store(new(clock.Start()))
	p.mu.Lock()
	p.rebuild()
	p.mu.Unlock()
	if got := picks(p, "a", 1000); got["i-0"] > 60 {
		t.Errorf("just begun: %v", got)
	}
	p.group.Store(&Group{SlowStart: time.Nanosecond})
	if got := picks(p, "a", 1000); got["i-0"] < 450 {
		t.Errorf("slow start is over: %v", got)
	}
}

func TestHashedStays(t *testing.T) {
	p := newTestPool(t, 5, nil)
	was := map[uint64]TargetKey{}
	for h := range uint64(1000) {
		was[h] = p.hashed("a", h).key
	}
	g := *p.group.Load()
	gone := g.Targets[2].Key()
	g.Targets = slices.Delete(slices.Clone(g.Targets), 2, 3)
	p.update(&Balancer{CrossZone: true, Nodes: p.nodes}, &g)
	for h, key := range was {
		if now := p.hashed("a", h).key; now != key && key != gone {
			t.Fatalf("%d moved from %v to %v although that is still there", h, key, now)
		}
	}
}

func TestChooseAllocatesNothing(t *testing.T) {
	for _, algorithm := range []string{"round_robin", "least_outstanding_requests", "weighted_random"} {
		p := newTestPool(t, 4, func(_ *Balancer, g *Group) { g.Algorithm = algorithm })
		if n := testing.AllocsPerRun(100, func() { p.choose("a") }); n > 0 {
			t.Errorf("%s: %v allocations", algorithm, n)
		}
	}
}

// TestNothingIsLost has targets come and go, as deployments do it, while
// clients ask all the time: each answer comes, and none from a target that was
// asked after it had been taken out.
func TestNothingIsLost(t *testing.T) {
	var served atomic.Int64
	var out sync.Map // ids of targets that were taken out before now
	target := func(id string) Target {
		return webTarget(t, id, func(w http.ResponseWriter, r *http.Request) {
			if _, gone := out.Load(id); gone {
				w.WriteHeader(599)
			}
			served.Add(1)
			fmt.Fprint(w, id)
		})
	}
	s := newWeb(t, target("i-0"), target("i-1"))
	s.b.Groups["g"].Drain = time.Hour
	s.apply()
	stop := make(chan struct{})
	answers := make(chan int, 1<<20)
	var clients sync.WaitGroup
	const n = 8
	for i := range n {
		b := s.dial()
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if resp, body := b.get("/"); resp.StatusCode != 200 {
					t.Errorf("answer %d %q", resp.StatusCode, body)
				}
				answers <- i
			}
		})
	}
	asked := int64(0)
	for i := 2; i < 60; i++ {
		g := *s.b.Groups["g"]
		g.Targets = append(slices.Clone(g.Targets), target(fmt.Sprint("i-", i)))
		old := &g.Targets[len(g.Targets)-3]
		old.Draining = s.engine.opts.Clock.Now()
		s.b.Groups = map[string]*Group{"g": &g}
		s.apply()
		for ; len(answers) > 0; asked++ {
			<-answers
		}
		for seen := map[int]int{}; len(seen) < n || slices.Min(slices.Collect(maps.Values(seen))) < 2; asked++ {
			seen[<-answers]++ // what was under way has ended once each client has had two answers
		}
		out.Store(old.ID, true)
		if len(g.Targets) > 6 {
			g.Targets = g.Targets[1:]
			s.apply()
		}
	}
	close(stop)
	clients.Wait()
	if asked += int64(len(answers)); served.Load() != asked {
		t.Errorf("%d requests were served, %d answers came", served.Load(), asked)
	}
}

// TestDrainEnds has a request that outlasts the delay of its target.
func TestDrainEnds(t *testing.T) {
	arrived, release := make(chan bool, 2), make(chan bool)
	slow := webTarget(t, "i-1", func(w http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-release
		fmt.Fprint(w, "late")
	})
	s := newWeb(t, slow)
	hand := newHandClock()
	s.engine.opts.Clock = hand
	s.b.Groups["g"].Drain = time.Minute
	s.apply()
	in, over := s.dial(), s.dial()
	ask := func(b *browser) { b.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n"); <-arrived }
	drain := func(since time.Time) {
		g := *s.b.Groups["g"]
		g.Targets = slices.Clone(g.Targets)
		g.Targets[0].Draining = since
		s.b.Groups = map[string]*Group{"g": &g}
		s.apply()
	}
	ask(in)
	drain(hand.Now())
	hand.Advance(t.Context(), 59*time.Second)
	release <- true
	if resp, body := in.hear("GET"); resp.StatusCode != 200 || body != "late" {
		t.Errorf("within the delay: %d %q", resp.StatusCode, body)
	}
	drain(time.Time{})
	ask(over)
	drain(hand.Now())
	hand.Advance(t.Context(), time.Minute)
	if resp, _ := over.hear("GET"); resp.StatusCode != 502 {
		t.Errorf("after the delay: %d", resp.StatusCode)
	}
	close(release)
}
