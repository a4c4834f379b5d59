package node

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"time"

	"pileus/clock"
	"pileus/plane"
	"pileus/store"
	"pileus/zone"
)

func (n *Node) adminHandler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /_pileus/status", func(w http.ResponseWriter, r *http.Request) {
		n.with(r.Context(), func(ctx context.Context, c *core) {
			s, err := n.status(ctx, c)
			reply(w, s, err)
		})
	})
	m.HandleFunc("POST /_pileus/reset", n.resetRequest)
	m.HandleFunc("POST /moto-api/reset", n.resetRequest)
	m.HandleFunc("POST /_localstack/state/reset", n.resetRequest)
	m.HandleFunc("POST /_pileus/down", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		if r.URL.Query().Get("all") == "true" {
			n.askedAll.Store(true)
		}
		n.askToStop()
	})
	n.clockRoutes(m)
	n.nameRoutes(m)
	n.mount(m, "GET /_pileus/metrics", func(c *core) http.Handler { return c.gate.Metrics() })
	n.mount(m, "/_pileus/trail", func(c *core) http.Handler { return c.trail.Handler() })
	n.mount(m, "/_pileus/why/", func(c *core) http.Handler { return c.trail.Handler() })
	n.mount(m, "/_pileus/faults", func(c *core) http.Handler { return c.faults.Handler() })
	n.mount(m, "/_pileus/faults/", func(c *core) http.Handler { return c.faults.Handler() })
	n.mount(m, "/_localstack/chaos/", func(c *core) http.Handler { return c.faults.Handler() })
	n.mount(m, "/_pileus/network/", func(c *core) http.Handler { return c.gate })
	n.mount(m, "POST /_pileus/images", func(c *core) http.Handler { return c.gate })
	n.mount(m, zone.Path, func(c *core) http.Handler { return c.gate })
	n.mount(m, zone.Path+"/", func(c *core) http.Handler { return c.gate })
	n.mount(m, "POST /_pileus/spot", func(c *core) http.Handler { return c.gate })
	n.mount(m, "/_pileus/elb/", func(c *core) http.Handler { return c.gate })
	n.mount(m, "/_pileus/federation", func(c *core) http.Handler { return c.gate })
	n.mount(m, "GET /_pileus/tokens/", func(c *core) http.Handler { return c.gate })
	n.mount(m, "/_pileus/bill", func(c *core) http.Handler { return c.meter.Handler() })
	n.localstack(m)
	n.snapshotRoutes(m)
	if n.o.Profile {
		m.HandleFunc("/_pileus/pprof/", pprof.Index)
		m.HandleFunc("/_pileus/pprof/profile", pprof.Profile)
		m.HandleFunc("/_pileus/pprof/trace", pprof.Trace)
		m.HandleFunc("/_pileus/pprof/cmdline", pprof.Cmdline)
		m.HandleFunc("/_pileus/pprof/symbol", pprof.Symbol)
		m.HandleFunc("/_pileus/pprof/{name}", func(w http.ResponseWriter, r *http.Request) {
			pprof.Handler(r.PathValue("name")).ServeHTTP(w, r)
		})
	}
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		replyStatus(w, http.StatusNotFound, map[string]string{"error": "there is nothing at " + r.Method + " " + r.URL.Path})
	})
	return n.guard(m)
}

// mount serves a part of the core that is there at the time. The core stays
// open meanwhile, and a request that would go on for long, such as one that
// follows the trail, ends when it is to be closed.
func (n *Node) mount(m *http.ServeMux, path string, of func(*core) http.Handler) {
	m.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		n.with(r.Context(), func(ctx context.Context, c *core) { of(c).ServeHTTP(w, r.WithContext(ctx)) })
	})
}

// with calls f with the core, which is not replaced before f returns. The
// context ends when the core is about to be.
func (n *Node) with(ctx context.Context, f func(context.Context, *core)) {
	n.passing.RLock()
	defer n.passing.RUnlock()
	c := n.core.Load()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-c.gate.Closing():
			cancel()
		case <-done:
		}
	}()
	f(ctx, c)
}

// Status is what `pileus status` shows.
type Status struct {
	Ready    bool                      `json:"ready"`
	PID      int                       `json:"pid"`
	Version  string                    `json:"version"`
	Endpoint string                    `json:"endpoint"`
	DataDir  string                    `json:"dataDir,omitempty"`
	Backend  string                    `json:"backend"`
	Region   string                    `json:"region"`
	Account  string                    `json:"account"`
	Uptime   string                    `json:"uptime"`
	Clock    ClockState                `json:"clock"`
	Warnings []string                  `json:"warnings,omitempty"`
	Plane    plane.Report              `json:"plane"`
	Zones    []zone.State              `json:"zones,omitempty"` // those that something ails
	Services map[string]map[string]int `json:"services"`
}

// Warnings are what a user should know of how this cloud runs.
func (o Options) Warnings() []string {
	var w []string
	if o.SkipSignatures {
		w = append(w, "request signatures are not verified")
	}
	if o.SkipPolicies {
		w = append(w, "policies are not enforced: every principal may do everything")
	}
	for _, a := range o.Listen {
		if host, _, err := net.SplitHostPort(a); err == nil && !loopback(host) {
			w = append(w, "other machines can reach "+a+": whoever does may steer this cloud, and the credentials are no secret unless you set them")
		}
	}
	switch {
	case o.DataDir == "" && o.Postgres == "":
		w = append(w, "ephemeral: everything is lost when this cloud stops")
	case o.Durability != "" && o.Durability != "sync":
		w = append(w, "durability is "+o.Durability+": a crash may lose what was acknowledged last")
	}
	return w
}

// loopback tells whether only this machine reaches an address.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (o Options) backend() string {
	switch {
	case o.Postgres != "":
		return "postgres"
	case o.DataDir == "":
		return "memory"
	}
	return "pebble"
}

func (n *Node) status(ctx context.Context, c *core) (Status, error) {
	s := Status{
		Ready: n.ready.Load(), PID: os.Getpid(), Version: n.o.Version, Endpoint: n.endpoint, DataDir: n.o.DataDir, Backend: n.o.backend(),
		Region: n.o.Region, Account: n.o.Account, Uptime: n.started.Elapsed().Round(time.Second).String(),
		Clock: stateOf(c.clock.State()), Warnings: n.o.Warnings(), Plane: n.o.Plane.Describe(), Services: map[string]map[string]int{},
	}
	return s, c.db.View(ctx, func(rd store.Reader) error {
		s.Zones = zone.All(rd)
		for _, m := range c.modules {
			s.Services[m.API.Name] = map[string]int{}
			if m.Count != nil {
				s.Services[m.API.Name] = m.Count(rd)
			}
		}
		return nil
	})
}

func (n *Node) resetRequest(w http.ResponseWriter, r *http.Request) {
	watch := clock.Start()
	err := n.Reset(r.Context())
	reply(w, map[string]string{"status": "ok", "took": watch.Elapsed().String()}, err)
}

// reply answers v, or the error.
func reply(w http.ResponseWriter, v any, err error) {
	if err != nil {
		replyStatus(w, statusOf(err), map[string]string{"error": err.Error()})
		return
	}
	replyStatus(w, http.StatusOK, v)
}

func replyStatus(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // a client that has left needs no answer
}

// wrong is an error that the one who asked can put right.
type wrong struct {
	status int
	text   string
}

func (w *wrong) Error() string { return w.text }

func statusOf(err error) int {
	var w *wrong
	switch {
	case errors.As(err, &w):
		return w.status
	case errors.Is(err, store.ErrFull):
		return http.StatusInsufficientStorage
	}
	return http.StatusInternalServerError
}
