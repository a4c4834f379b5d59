package lb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"pileus/rng"
)

// graceOfRemoval is how long requests that are under way may take when their
// listener or load balancer is removed.
const graceOfRemoval = 30 * time.Second

// Engine runs load balancers: for each it listens on the addresses of its
// nodes, checks its targets and carries what comes. All methods are safe for
// concurrent use.
type Engine struct {
	opts Options
	ctx  context.Context // ends with the engine
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu    sync.Mutex
	sites map[string]*site
}

// New makes an engine that runs nothing yet.
func New(o Options) *Engine {
	if len(o.Key) == 0 {
		o.Key = rng.Bytes(32)
	}
	if o.Health == nil {
		o.Health = func(string, string, TargetHealth) {}
	}
	if o.Record == nil {
		o.Record = func(string, Record) {}
	}
	e := &Engine{opts: o, sites: map[string]*site{}}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e
}

// start runs f on a goroutine that Close waits for.
func (e *Engine) start(f func()) { e.wg.Go(f) }

// Apply makes a load balancer what b says, the whole of it, and returns when
// its listeners obey. It is idempotent. What could not be done is told in the
// error; the rest is done all the same, so that one listener whose address
// cannot be had does not keep the others from working. The engine keeps what b
// points to, which must not be changed afterwards.
func (e *Engine) Apply(ctx context.Context, b Balancer) error {
	e.mu.Lock()
	s := e.sites[b.ID]
	if s == nil && e.ctx.Err() == nil {
		s = newSite(e, b.ID)
		e.sites[b.ID] = s
	}
	e.mu.Unlock()
	if s == nil {
		return errors.New("lb: the engine is closed")
	}
	return s.apply(ctx, &b)
}

// Remove ends a load balancer: its listeners close at once, what is under way
// has half a minute. One that does not run is no error.
func (e *Engine) Remove(_ context.Context, id string) error {
	e.mu.Lock()
	s := e.sites[id]
	delete(e.sites, id)
	e.mu.Unlock()
	if s != nil {
		s.close(graceOfRemoval)
	}
	return nil
}

// Balancers are the ids of the load balancers that run.
func (e *Engine) Balancers() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.sites))
}

// Close ends all load balancers and returns when nothing of them runs.
func (e *Engine) Close() {
	e.stop()
	e.mu.Lock()
	sites := e.sites
	e.sites = map[string]*site{}
	e.mu.Unlock()
	for _, s := range sites {
		s.close(0)
	}
	e.wg.Wait()
}

func (e *Engine) site(id string) *site {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sites[id]
}

// Health is how the targets of a group are, merged from what the nodes see.
// It is empty for a group that the load balancer does not have.
func (e *Engine) Health(balancer, group string) []TargetHealth {
	if s := e.site(balancer); s != nil {
		if p := s.pool(group); p != nil {
			return p.health()
		}
	}
	return nil
}

// Statistics gives out what was counted since the last time.
func (e *Engine) Statistics(balancer string) []Statistic {
	if s := e.site(balancer); s != nil {
		return s.statistics()
	}
	return nil
}

// Nodes tells which nodes of a load balancer its DNS name shall have.
func (e *Engine) Nodes(balancer string) []NodeHealth {
	if s := e.site(balancer); s != nil {
		return s.nodeHealth()
	}
	return nil
}

// Handler answers HTTP requests that reach a load balancer's listener by
// another way than its nodes' addresses: the cloud's own edge, under the
// balancer's DNS name. It is always there, and answers 503 while the listener
// does not run.
func (e *Engine) Handler(balancer string, port uint16) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := e.site(balancer); s != nil {
			if f, ok := s.front(port).(http.Handler); ok {
				f.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "no such listener", http.StatusServiceUnavailable)
	})
}

// front is a listener in use: httpFront, and those of streams and packets.
type front interface {
	// update has the front obey another state of the same listener: the same
	// kind of protocol on the same port.
	update(b *Balancer, l *Listener) error
	// close stops listening at once. What is under way has grace to end; close
	// does not wait for it.
	close(grace time.Duration)
}

// newFront makes the front that a listener's protocol needs. One that comes with
// an error does not listen everywhere yet.
func newFront(s *site, b *Balancer, l *Listener) (front, error) {
	switch frontKind(l) {
	case "http":
		return newHTTPFront(s, b, l)
	case "stream":
		return newStreamFront(s, b, l)
	case "packet":
		return newPacketFront(s, b, l)
	case "both":
		return newBothFront(s, b, l)
	}
	return nil, fmt.Errorf("lb: no listener speaks %q", l.Protocol)
}

func frontKind(l *Listener) string {
	switch l.Protocol {
	case "HTTP", "HTTPS":
		return "http"
	case "TCP", "TLS", "SSL":
		return "stream"
	case "UDP":
		return "packet"
	case "TCP_UDP":
		return "both"
	}
	return ""
}

// bothFront listens on one port for streams and for packets.
type bothFront struct{ stream, packet front }

func newBothFront(s *site, b *Balancer, l *Listener) (front, error) {
	stream, err := newStreamFront(s, b, l)
	if stream == nil {
		return nil, err
	}
	packet, err2 := newPacketFront(s, b, l)
	if packet == nil {
		stream.close(0)
		return nil, errors.Join(err, err2)
	}
	return &bothFront{stream, packet}, errors.Join(err, err2)
}

func (f *bothFront) update(b *Balancer, l *Listener) error {
	return errors.Join(f.stream.update(b, l), f.packet.update(b, l))
}

func (f *bothFront) close(grace time.Duration) {
	f.stream.close(grace)
	f.packet.close(grace)
}

// portKey tells the fronts of a balancer apart: a listener that changes its
// kind is another front.
type portKey struct {
	port uint16
	kind string
}

func keyOf(l *Listener) portKey { return portKey{l.Port, frontKind(l)} }
