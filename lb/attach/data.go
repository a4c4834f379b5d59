package attach

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"

	"pileus/clock"
	"pileus/cloud"
	"pileus/lb"
	"pileus/names"
	"pileus/rng"
	"pileus/store"
)

// Data is the data path of a cloud's load balancers: one engine for the
// services that have some. The engine begins with the cloud, by Start.
type Data struct {
	wire quiet
	clk  clock.Clock
	log  *slog.Logger

	mu      sync.RWMutex
	engine  *lb.Engine
	health  []func(balancer, group string, h lb.TargetHealth)
	records []func(balancer string, r lb.Record)
}

// New makes a data path over a network.
func New(wire lb.Wire, clk clock.Clock, log *slog.Logger) *Data {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Data{wire: quiet{wire}, clk: clk, log: log}
}

// Watch has a service told of what happens to balancers, its own and others',
// which it knows by their ids. It is called when the service is put together;
// both functions must return soon, and may be nil.
func (d *Data) Watch(health func(balancer, group string, h lb.TargetHealth), record func(balancer string, r lb.Record)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if health != nil {
		d.health = append(d.health, health)
	}
	if record != nil {
		d.records = append(d.records, record)
	}
}

// Start begins the engine, for the first service that asks; it ends with the
// cloud.
func (d *Data) Start(ctx context.Context, c cloud.Cloud) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.engine != nil {
		return nil
	}
	key, err := sealingKey(ctx, c.DB())
	if err != nil {
		return err
	}
	e := lb.New(lb.Options{
		Wire: d.wire, Clock: d.clk, Rand: c.Rand(), Log: d.log, Key: key, Health: d.toldHealth, Record: d.toldRecord,
		Resolve: resolver(c.DB()), Direct: new(net.Dialer).DialContext,
	})
	d.engine = e
	c.Go("lb.engine", func(ctx context.Context) {
		<-ctx.Done()
		e.Close()
	})
	return nil
}

func (d *Data) toldHealth(balancer, group string, h lb.TargetHealth) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, f := range d.health {
		f(balancer, group, h)
	}
}

func (d *Data) toldRecord(balancer string, r lb.Record) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, f := range d.records {
		f(balancer, r)
	}
}

// errNotStarted is the answer before Start.
var errNotStarted = errors.New("lb: the engine has not been started")

// running is the engine; nil before Start.
func (d *Data) running() *lb.Engine {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.engine
}

// Apply is lb.Engine's, once the data plane has the interfaces of the nodes.
func (d *Data) Apply(ctx context.Context, b lb.Balancer) error {
	e := d.running()
	if e == nil {
		return errNotStarted
	}
	if err := d.await(ctx, b); err != nil {
		return err
	}
	return e.Apply(ctx, b)
}

// Remove is lb.Engine's.
func (d *Data) Remove(ctx context.Context, id string) error {
	if e := d.running(); e != nil {
		return e.Remove(ctx, id)
	}
	return nil
}

// Balancers is lb.Engine's.
func (d *Data) Balancers() []string {
	if e := d.running(); e != nil {
		return e.Balancers()
	}
	return nil
}

// Health is lb.Engine's.
func (d *Data) Health(balancer, group string) []lb.TargetHealth {
	if e := d.running(); e != nil {
		return e.Health(balancer, group)
	}
	return nil
}

// Statistics is lb.Engine's.
func (d *Data) Statistics(balancer string) []lb.Statistic {
	if e := d.running(); e != nil {
		return e.Statistics(balancer)
	}
	return nil
}

// Nodes is lb.Engine's.
func (d *Data) Nodes(balancer string) []lb.NodeHealth {
	if e := d.running(); e != nil {
		return e.Nodes(balancer)
	}
	return nil
}

// Handler is lb.Engine's.
func (d *Data) Handler(balancer string, port uint16) http.Handler {
	if e := d.running(); e != nil {
		return e.Handler(balancer, port)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, errNotStarted.Error(), http.StatusServiceUnavailable)
	})
}

// resolver finds hosts outside: the cloud's own names, and those that the machine
// knows.
func resolver(db store.Store) func(context.Context, string) ([]netip.Addr, error) {
	return func(ctx context.Context, host string) (list []netip.Addr, err error) {
		err = db.View(ctx, func(r store.Reader) error {
			if n, ok := names.Find(r, host); ok {
				list = n.Addresses
			}
			return nil
		})
		if err != nil || len(list) > 0 {
			return list, err
		}
		return net.DefaultResolver.LookupNetIP(ctx, "ip4", host)
	}
}

// secret seals the cookies of sticky sessions.
type secret struct{ Key []byte }

var secrets = &store.Table[secret]{Name: "lb.secret", Key: func(*secret) store.Key { return store.K("cookies") }}

// sealingKey is the cloud's key for cookies, made when first asked for.
func sealingKey(ctx context.Context, db store.Store) (key []byte, err error) {
	fresh := rng.Bytes(32)
	err = db.Update(ctx, func(tx store.Tx) error {
		if s, ok := secrets.Get(tx, "cookies"); ok {
			key = s.Key
			return nil
		}
		key = fresh
		secrets.Put(tx, &secret{key})
		return nil
	})
	return key, err
}
