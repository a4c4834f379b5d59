package lb

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"pileus/clock"
	"pileus/plane"
	"pileus/rng"
)

// Wire is what the engine needs of the data plane; plane.Network is one.
type Wire interface {
	Listen(ctx context.Context, vpc string, addr netip.AddrPort) (net.Listener, error)
	ListenPacket(ctx context.Context, vpc string, addr netip.AddrPort) (net.PacketConn, error)
	Dial(ctx context.Context, vpc string, from netip.Addr, network string, addr netip.AddrPort) (net.Conn, error)
	// DialAs is Dial with the client's address and port as the source that the
	// target sees; plane.ErrUnsupported where that cannot be.
	DialAs(ctx context.Context, vpc string, from netip.Addr, as netip.AddrPort, network string, addr netip.AddrPort) (net.Conn, error)
	// Delivery tells how far what was written to such a connection has come.
	Delivery(c net.Conn) plane.Delivery
}

// Options are what an engine is made with.
type Options struct {
	Wire  Wire
	Clock clock.Clock
	Rand  rng.Source
	Log   *slog.Logger
	// Key seals the cookies of sticky sessions: 32 bytes that outlive the
	// process, or clients lose their targets with it. nil: made up.
	Key []byte
	// Resolve finds the addresses of hosts outside, those of identity providers;
	// nil asks the machine's resolver. Roots vouch for their certificates; nil for
	// the machine's.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	Roots   *x509.CertPool
	// Direct calls them where Wire cannot: from no node. nil: not at all.
	Direct func(ctx context.Context, network, addr string) (net.Conn, error)
	// Health is told when a target of a balancer's group becomes healthy or
	// unhealthy, and once more when that is so for one node only, and this node
	// begins or ceases to serve by it (see Engine.Nodes). It must return soon.
	Health func(balancer, group string, h TargetHealth)
	// Record takes log records of balancers that ask for them; it must return soon.
	Record func(balancer string, r Record)
}

// TargetHealth is how a target is.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
type TargetHealth struct {
	TargetKey
	State  string // initial, healthy, unhealthy, unused, draining, unavailable
	Reason string // "Target.FailedHealthChecks"; "" for healthy
	Text   string // "Health checks failed with these codes: [500]"
	Since  time.Time
	// Anomalous targets fail far more requests than the others of their group;
	// Mitigated says that they get fewer for it.
	Anomalous, Mitigated bool
}

// Record is a line of a log.
type Record struct {
	At   time.Time
	Kind string // "access", "connection"
	Line string // in AWS's format, without the line's end
	Node netip.Addr
}

// Statistic is a metric of the minute past, named as AWS names it.
type Statistic struct {
	Name, Unit string // "TargetResponseTime", "Seconds"
	Zone       string // "" for all of the balancer's
	Group      string // id of the group; "" for metrics of the balancer itself
	// Values were seen so often as Counts says. Sums are one value.
	Values, Counts []float64
}

// Function takes requests for a function target.
type Function func(r *http.Request) (*http.Response, error)

// NodeHealth is whether a node answers, as DNS should tell it.
type NodeHealth struct {
	Zone string
	// Serving is false while the node is off, traffic is shifted away from its
	// zone, or it has too few healthy targets
	// for one of its groups while other nodes have enough. Where all nodes have
	// too few, all serve: they fail open.
	Serving bool
	Why     string // "" for Serving
}
