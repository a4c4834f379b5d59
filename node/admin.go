package node

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"pileus/clock"
	"pileus/store"
)

// isAdmin tells requests that look at or steer the cloud from those that use
// it. No bucket can have such a name: S3 has no underscores in them.
func isAdmin(path string) bool {
	return strings.HasPrefix(path, "/_pileus") || strings.HasPrefix(path, "/_localstack") || strings.HasPrefix(path, "/moto-api/")
}

func (n *Node) adminHandler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /_pileus/status", n.status)
	m.HandleFunc("POST /_pileus/reset", n.resetRequest)
	m.HandleFunc("POST /moto-api/reset", n.resetRequest)
	m.HandleFunc("POST /_localstack/state/reset", n.resetRequest)
	m.HandleFunc("POST /_pileus/down", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		n.askToStop()
	})
	m.HandleFunc("GET /_pileus/clock", n.clockState)
	m.HandleFunc("POST /_pileus/clock/{verb}", n.clockSteer)
	m.HandleFunc("GET /_pileus/metrics", func(w http.ResponseWriter, r *http.Request) { n.Gate().Metrics().ServeHTTP(w, r) })
	n.mount(m, "/_pileus/trail", func(c *core) http.Handler { return c.trail.Handler() })
	n.mount(m, "/_pileus/why/", func(c *core) http.Handler { return c.trail.Handler() })
	n.mount(m, "/_pileus/faults", func(c *core) http.Handler { return c.faults.Handler() })
	n.mount(m, "/_pileus/faults/", func(c *core) http.Handler { return c.faults.Handler() })
	n.mount(m, "/_localstack/chaos/", func(c *core) http.Handler { return c.faults.Handler() })
	n.mount(m, "/_pileus/federation", func(c *core) http.Handler { return c.gate })
	n.mount(m, "/_pileus/bill", func(c *core) http.Handler { return c.meter.Handler() })
	n.localstack(m)
	n.snapshotRoutes(m)
	if n.o.Profile {
		m.HandleFunc("/_pileus/pprof/", pprof.Index)
		m.HandleFunc("/_pileus/pprof/profile", pprof.Profile)
		m.HandleFunc("/_pileus/pprof/trace", pprof.Trace)
		m.HandleFunc("/_pileus/pprof/{name}", func(w http.ResponseWriter, r *http.Request) {
			pprof.Handler(r.PathValue("name")).ServeHTTP(w, r)
		})
	}
	return m
}

// mount serves a part of the core that is there at the time.
func (n *Node) mount(m *http.ServeMux, path string, of func(*core) http.Handler) {
	m.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { of(n.core.Load()).ServeHTTP(w, r) })
}

// Status is what `pileus status` shows.
type Status struct {
	Ready    bool                      `json:"ready"`
	Version  string                    `json:"version"`
	Endpoint string                    `json:"endpoint"`
	DataDir  string                    `json:"dataDir,omitempty"`
	Backend  string                    `json:"backend"`
	Region   string                    `json:"region"`
	Account  string                    `json:"account"`
	Uptime   string                    `json:"uptime"`
	Clock    ClockState                `json:"clock"`
	Warnings []string                  `json:"warnings,omitempty"`
	Services map[string]map[string]int `json:"services"`
}

// ClockState is the clock as JSON shows it.
type ClockState struct {
	Now    time.Time `json:"now"`
	Offset string    `json:"offset"`
	Frozen bool      `json:"frozen"`
}

func stateOf(s clock.State) ClockState {
	return ClockState{s.Now, s.Offset.Round(time.Millisecond).String(), s.Frozen}
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
	switch {
	case o.DataDir == "" && o.Postgres == "":
		w = append(w, "ephemeral: everything is lost when this cloud stops")
	case o.Durability != "sync":
		w = append(w, "durability is "+o.Durability+": a crash may lose what was acknowledged last")
	}
	return w
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

func (n *Node) status(w http.ResponseWriter, r *http.Request) {
	c := n.core.Load()
	s := Status{
		Ready: n.ready.Load(), Version: n.o.Version, Endpoint: n.endpoint, DataDir: n.o.DataDir, Backend: n.o.backend(),
		Region: n.o.Region, Account: n.o.Account, Uptime: c.started.Elapsed().Round(time.Second).String(),
		Clock: stateOf(c.clock.State()), Warnings: n.o.Warnings(), Services: map[string]map[string]int{},
	}
	err := c.db.View(r.Context(), func(rd store.Reader) error {
		for _, m := range c.modules {
			s.Services[m.API.Name] = map[string]int{}
			if m.Count != nil {
				s.Services[m.API.Name] = m.Count(rd)
			}
		}
		return nil
	})
	reply(w, s, err)
}

func (n *Node) resetRequest(w http.ResponseWriter, r *http.Request) {
	watch := clock.Start()
	err := n.Reset(r.Context())
	reply(w, map[string]string{"status": "ok", "took": watch.Elapsed().String()}, err)
}

func (n *Node) clockState(w http.ResponseWriter, _ *http.Request) {
	reply(w, stateOf(n.Clock().State()), nil)
}

// clockSteer answers POST /_pileus/clock/{advance,set,freeze,resume,reset}
// with {"by": "30d"} or {"to": "2027-01-01T00:00:00Z"} where the verb needs it.
func (n *Node) clockSteer(w http.ResponseWriter, r *http.Request) {
	var in struct {
		By string
		To time.Time
	}
	if r.ContentLength != 0 {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in); err != nil {
			http.Error(w, "the body is not the JSON that was expected: "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	k := n.Clock()
	var err error
	switch verb := r.PathValue("verb"); verb {
	case "advance":
		var d time.Duration
		if d, err = clock.ParseDuration(in.By); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		err = k.Advance(r.Context(), d)
	case "set":
		err = k.Set(r.Context(), in.To)
	case "freeze":
		k.Freeze()
	case "resume":
		k.Resume()
	case "reset":
		k.Reset()
	default:
		http.Error(w, "the clock knows advance, set, freeze, resume and reset, not "+verb, http.StatusNotFound)
		return
	}
	reply(w, stateOf(k.State()), err)
}

func reply(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		v = map[string]string{"error": err.Error()}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.Encode(v)
}
