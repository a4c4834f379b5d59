package node

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"pileus/blob"
	"pileus/clock"
	"pileus/cloud"
	"pileus/fault"
	"pileus/node/initscripts"
	"pileus/plane"
)

// Options say what a node is started with. The zero value is an ephemeral
// cloud on a free port of the loopback interface.
type Options struct {
	// DataDir keeps the state; empty: in memory.
	DataDir string
	// SnapshotDir keeps saved clouds.
	SnapshotDir string
	// Postgres is the DSN of a database that keeps the state instead of the
	// embedded store; content stays in DataDir.
	Postgres string
	// Durability is "sync" (the default), "async" or "memory".
	Durability string
	// Listen are the addresses to listen on; the first is the endpoint.
	Listen []string
	// DNS is the address of a name server that answers the host for names of the
	// cloud (load balancers, instances); empty: there is none.
	DNS string
	// Hostname names the endpoint in answers that were not asked for through
	// some host; empty: the address listened on.
	Hostname string

	Region     string // for requests that name none; us-east-1
	Account    string // of the root access key; 000000000000
	RootKey    string // its access key id; test
	RootSecret string // its secret, and that of 12-digit access keys; test

	// SkipSignatures and SkipPolicies turn verification and enforcement off.
	SkipSignatures, SkipPolicies bool
	// Profile serves pprof under /_pileus/pprof/.
	Profile bool
	// Rehearse runs every Update handler twice, see gate.Options.
	Rehearse bool

	// Plane is the data plane: networks, machines, volumes; nil: simulated.
	// The node does not close one that it was given.
	Plane   plane.Plane
	Modules func(Parts) []cloud.Module
	// Clock is the cloud's time; nil: the machine's, or where it was left.
	Clock clock.Control
	// Seed makes identifiers repeat themselves; 0: they never do.
	Seed uint64
	Log  *slog.Logger
	// Init tells how the init scripts went, at /_localstack/init; nil: there
	// are none.
	Init http.Handler
	// Version is what status and the LocalStack endpoints report.
	Version string

	trusted func() ([]byte, error)          // the authority's certificate
	resume  func(c net.Conn, unread []byte) // serves on what the gate had put aside
}

// Parts are what modules are made with.
type Parts struct {
	Blobs blob.Store
	Clock clock.Clock
	Log   *slog.Logger
	Plane plane.Plane
	// Authority is the certificate of the cloud's authority in PEM, for
	// machines to trust.
	Authority func() ([]byte, error)
	Faults    *fault.Faults // what is injected into calls
}

// Defaults of the conventions that local clouds share.
const (
	DefaultPort    = 4566
	DefaultRegion  = "us-east-1"
	DefaultAccount = "000000000000"
	DefaultKey     = "test"
	DefaultSecret  = "test"
)

func (o Options) withDefaults() Options {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&o.Region, DefaultRegion)
	def(&o.Account, DefaultAccount)
	def(&o.RootKey, DefaultKey)
	def(&o.RootSecret, DefaultSecret)
	def(&o.Durability, "sync")
	def(&o.Version, "dev")
	if len(o.Listen) == 0 {
		o.Listen = []string{"127.0.0.1:0"}
	}
	if o.Init == nil {
		o.Init = initscripts.None()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// stopWithin is how long running requests and work may take to end.
const stopWithin = 10 * time.Second
