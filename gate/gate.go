// Package gate is the request path: every call of every client, and of one
// service to another, goes through it. One step a file:
//
//	exchange.go      the steps in order, for a request over HTTP
//	detect.go        which service and operation
//	authenticate.go  the signature, and whose it is
//	authorise.go     may this principal do this to that (keys.go: condition keys)
//	inject.go        faults that were asked for
//	invoke.go        the handler; calls from inside the process start here
//	park.go          connections are put aside while their calls wait
//	answer.go        encoding of outputs and errors
//	record.go        trail and metrics
package gate

import (
	"context"
	"log/slog"
	"net"
	"sync"

	"pileus/blob"
	"pileus/clock"
	"pileus/cloud"
	"pileus/fault"
	"pileus/identity"
	"pileus/meter"
	"pileus/rng"
	"pileus/sigv4"
	"pileus/store"
	"pileus/trail"
)

// Options are what a gate is made of.
type Options struct {
	DB      store.Store
	Blobs   blob.Store
	Clock   clock.Clock
	Rand    rng.Source
	Log     *slog.Logger
	Modules []cloud.Module
	Trail   *trail.Trail
	Faults  *fault.Faults
	Meter   *meter.Meter
	Usage   *identity.Usage

	Region     string // for requests that name none
	Endpoint   string // base URL for answers made outside of a request
	RootSecret string // of the root access key, and of 12-digit access keys
	// SkipSignatures and SkipPolicies are the compatibility switches: any
	// signature passes; every principal may do everything.
	SkipSignatures, SkipPolicies bool
	// Rehearse runs every Update handler once on a transaction that is thrown
	// away before the real one, which proves that it has no side effects.
	Rehearse bool
	// Resume serves a connection on that was put aside while a call waited;
	// unread is what its client has sent since. Where it is nil, no connection
	// is put aside.
	Resume func(c net.Conn, unread []byte)
}

// Gate is the request path of one cloud. It is an http.Handler and the
// cloud.Cloud that services see.
type Gate struct {
	Options
	services  services
	resolver  *identity.Resolver
	keys      *sigv4.Keys
	ctx       context.Context
	stop      context.CancelFunc
	running   sync.WaitGroup
	parked    sync.WaitGroup // calls whose connections are put aside
	closing   chan struct{}
	closeOnce sync.Once
	metrics   *metrics
	anonymous *identity.Resolved
	exclusive bool // nobody else writes to the store: see identity.Resolver.Known
}

var _ cloud.Cloud = (*Gate)(nil)

// New makes a gate. Stop ends the goroutines that services started.
func New(o Options) *Gate {
	g := &Gate{
		Options:  o,
		services: index(o.Modules),
		resolver: identity.NewResolver(10_000),
		keys:     sigv4.NewKeys(10_000),
		metrics:  newMetrics(),
		closing:  make(chan struct{}),
	}
	if x, ok := o.DB.(interface{ Exclusive() bool }); ok {
		g.exclusive = x.Exclusive()
	}
	if o.Rehearse {
		g.Options.DB = rehearsed{o.DB}
	}
	g.anonymous = &identity.Resolved{Principal: &cloud.Principal{Kind: cloud.Anonymous, ID: "anonymous"}}
	g.ctx, g.stop = context.WithCancel(context.Background())
	return g
}

// DB is the state.
func (g *Gate) DB() store.Store { return g.Options.DB }

// Blobs is where content lies.
func (g *Gate) Blobs() blob.Store { return g.Options.Blobs }

// Clock is the cloud's clock.
func (g *Gate) Clock() clock.Clock { return g.Options.Clock }

// Rand is the cloud's randomness for identifiers.
func (g *Gate) Rand() rng.Source { return g.Options.Rand }

// Endpoint is the base URL of this cloud.
func (g *Gate) Endpoint() string { return g.Options.Endpoint }

// SetEndpoint tells the base URL once the listener has its port.
func (g *Gate) SetEndpoint(url string) { g.Options.Endpoint = url }

// Meter records usage.
func (g *Gate) Meter(u cloud.Usage) { g.Options.Meter.Add(u) }

// Implements tells whether a module binds the operation.
func (g *Gate) Implements(service, op string) bool {
	s := g.services.byName[service]
	return s != nil && s.ops[op] != nil
}

// Go runs f on a goroutine that Stop ends and waits for.
func (g *Gate) Go(name string, f func(ctx context.Context)) {
	g.running.Add(1)
	go func() {
		defer g.running.Done()
		defer func() {
			if p := recover(); p != nil {
				g.Log.Error("a background task panicked", "task", name, "panic", p)
			}
		}()
		f(g.ctx)
	}()
}

// Stop ends what Go started and waits for it, after those calls whose
// connections are put aside have been answered.
func (g *Gate) Stop() {
	g.BeginStop()
	g.parked.Wait()
	g.stop()
	g.running.Wait()
}

// NewCall is a call on the cloud's own behalf, as root of the account or, where
// service names one, as that service.
func (g *Gate) NewCall(ctx context.Context, service, account, region string) *cloud.Call {
	c := &cloud.Call{
		Context: ctx, Cloud: g, Account: account, Region: region, Partition: "aws",
		Now: g.Options.Clock.Now(), RequestID: g.Options.Rand.UUID(),
		Principal: identity.RootPrincipal(account),
	}
	if service != "" {
		return c.AsService(service, "")
	}
	return c
}

// Closing is closed when the cloud begins to stop.
func (g *Gate) Closing() <-chan struct{} { return g.closing }

// BeginStop ends long polls, so that running requests come to their end.
func (g *Gate) BeginStop() { g.closeOnce.Do(func() { close(g.closing) }) }

// Forget forgets what was remembered of the state, after it was cleared.
func (g *Gate) Forget() { g.resolver.Forget() }
