// Package node puts a cloud together and serves it: the state, the gate, the
// services, the runner, the listeners, and the endpoints with which one looks
// at a cloud and steers it (/_pileus/...).
package node

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/gate"
	"pileus/store"
	"pileus/trail"
)

// Node is a running cloud.
type Node struct {
	o         Options
	core      atomic.Pointer[core]
	mu        sync.Mutex   // held while the core is replaced or reset
	passing   sync.RWMutex // read-held by requests, so that a core is replaced between them
	lock      *os.File     // of the data directory; nil in memory
	listeners []*sniffer
	server    *http.Server
	names     *nameServer // nil: it was not asked for
	admin     http.Handler
	endpoint  string
	// closePlane ends the data plane where the node made it.
	closePlane func() error
	proxy      *proxy
	authority  func() (*authority, error) // signs the certificates; made when first needed
	failed     chan error
	asked      chan struct{} // closed when somebody asked the node to stop
	once       sync.Once
	ready      atomic.Bool
	served     atomic.Uint64 // requests
	stopTrim   context.CancelFunc
	stopping   atomic.Bool
	askedAll   atomic.Bool // to end instances as well
	started    clock.Stopwatch
}

// errStopping refuses what would replace the core of a node that goes away.
var errStopping = &wrong{http.StatusServiceUnavailable, "the cloud is stopping"}

// alone takes the right to replace or reset the core.
func (n *Node) alone() (done func(), err error) {
	n.mu.Lock()
	if n.stopping.Load() {
		n.mu.Unlock()
		return nil, errStopping
	}
	return n.mu.Unlock, nil
}

// Start opens the state, starts the services and listens. The node runs until
// Stop.
func Start(ctx context.Context, o Options) (*Node, error) {
	o = o.withDefaults()
	n := &Node{failed: make(chan error, 1), asked: make(chan struct{}), started: clock.Start()}
	n.proxy = newProxy(n)
	n.authority = sync.OnceValues(func() (*authority, error) { return loadAuthority(o.DataDir) })
	if o.Plane == nil {
		made := simulated(o)
		o.Plane, n.closePlane = made, made.Close
	}
	o.Plane = &reachable{Plane: o.Plane, node: n}
	o.trusted = func() ([]byte, error) {
		ca, err := n.authority()
		if err != nil {
			return nil, err
		}
		return ca.trusted(), nil
	}
	o.resume = n.resume
	n.o = o
	if err := n.listen(); err != nil {
		return nil, err
	}
	n.server = n.newServer() // the data plane serves with it as soon as there is a network
	c, err := n.open(ctx)
	if err != nil {
		n.closeListeners()
		return nil, err
	}
	c.gate.SetEndpoint(n.endpoint)
	n.core.Store(c)
	n.admin = n.adminHandler()
	if o.DNS != "" {
		if err := n.serveNames(o.DNS); err != nil {
			n.closeListeners()
			return nil, errors.Join(err, c.close(ctx))
		}
	}
	n.serve()
	trimming, stop := context.WithCancel(context.Background())
	n.stopTrim = stop
	go n.trim(trimming)
	n.ready.Store(true)
	return n, nil
}

// open takes the data directory and opens what is in it.
func (n *Node) open(ctx context.Context) (c *core, err error) {
	if n.o.DataDir != "" {
		if n.lock, err = lockData(n.o.DataDir); err != nil {
			return nil, err
		}
	}
	if c, err = openCore(ctx, n.o); err != nil {
		n.unlock()
	}
	return c, err
}

func (n *Node) unlock() {
	if n.lock != nil {
		n.lock.Close()
	}
}

func (n *Node) listen() error {
	config := tlsConfig(n.authority)
	for _, a := range n.o.Listen {
		l, err := net.Listen("tcp", a)
		if err != nil {
			n.closeListeners()
			return portTaken(a, err)
		}
		n.listeners = append(n.listeners, sniff(l, config, n.proxy.serve))
	}
	host, port, _ := net.SplitHostPort(n.listeners[0].Addr().String())
	switch {
	case n.o.Hostname != "":
		host = n.o.Hostname
	case host == "::" || host == "0.0.0.0":
		host = "localhost"
	}
	n.endpoint = "http://" + net.JoinHostPort(host, port)
	return nil
}

func portTaken(addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use. Another pileus or local cloud may be running: `pileus status` tells, `pileus down` stops it, `--port` chooses another port", addr)
	}
	if errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("listening on %s is not allowed: ports below 1024 need privileges. --port chooses another", addr)
	}
	return err
}

func (n *Node) newServer() *http.Server {
	return &http.Server{
		Handler:           n,
		ReadHeaderTimeout: time.Minute,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(logWriter{n.o.Log}, "", 0),
		ConnContext:       withOrigin,
	}
}

func (n *Node) serve() {
	for _, l := range n.listeners {
		go func() {
			if err := n.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				select {
				case n.failed <- err:
				default:
				}
			}
		}()
	}
}

// resume serves a connection on that the gate had put aside. The server does
// not mind which listener it comes from.
func (n *Node) resume(c net.Conn, unread []byte) { go n.listeners[0].again(c, unread) }

// ServeHTTP sends what steers the cloud one way and what uses it the other.
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if steers(r) {
		n.admin.ServeHTTP(w, r)
		return
	}
	n.served.Add(1)
	n.passing.RLock()
	defer n.passing.RUnlock()
	n.core.Load().gate.ServeHTTP(w, r)
}

// Endpoint is the cloud's base URL.
func (n *Node) Endpoint() string { return n.endpoint }

// Gate is the request path, for calls from inside the process.
func (n *Node) Gate() *gate.Gate { return n.core.Load().gate }

// Clock steers the cloud's time.
func (n *Node) Clock() clock.Control { return n.core.Load().clock }

// DB is the state, as handlers see it.
func (n *Node) DB() store.Store { return n.core.Load().gate.DB() }

// Trail is the record of calls.
func (n *Node) Trail() *trail.Trail { return n.core.Load().trail }

// Modules are the services that run.
func (n *Node) Modules() []cloud.Module { return n.core.Load().modules }

// Drain returns when nothing that is due is left to do.
func (n *Node) Drain(ctx context.Context) error { return n.core.Load().runner.Drain(ctx) }

// Reset empties the cloud.
func (n *Node) Reset(ctx context.Context) error {
	done, err := n.alone()
	if err != nil {
		return err
	}
	defer done()
	return n.core.Load().reset(ctx)
}

// Failed yields an error when a listener breaks.
func (n *Node) Failed() <-chan error { return n.failed }

// Asked is closed when a client asked the node to stop (`pileus down`).
func (n *Node) Asked() <-chan struct{} { return n.asked }

// AskedAll tells whether that was to end instances as well
// (`pileus down --all`).
func (n *Node) AskedAll() bool { return n.askedAll.Load() }

func (n *Node) askToStop() { n.once.Do(func() { close(n.asked) }) }

// Stop ends running requests and work and closes the state. A second Stop has
// nothing to do.
func (n *Node) Stop(ctx context.Context) error {
	n.ready.Store(false)
	n.stopTrim()
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	if n.stopping.Swap(true) {
		return nil
	}
	n.Gate().BeginStop()
	if err := n.server.Shutdown(ctx); err != nil {
		n.o.Log.Warn("requests under way were cut off", "after", stopWithin, "err", err)
		n.server.Close()
	}
	n.mu.Lock() // a snapshot that is being saved or loaded is finished first
	defer n.mu.Unlock()
	n.closeListeners()
	n.proxy.close()
	n.names.close()
	defer n.unlock()
	err := n.core.Load().close(ctx)
	if n.closePlane != nil {
		err = errors.Join(err, n.closePlane())
	}
	return err
}

func (n *Node) closeListeners() {
	for _, l := range n.listeners {
		l.Close()
	}
}

// logWriter passes net/http's own complaints to the log, at a level where
// clients that hang up do not alarm anybody.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(b []byte) (int, error) {
	w.log.Debug("http", "message", strings.TrimSpace(string(b)))
	return len(b), nil
}
