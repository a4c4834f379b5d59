package lb

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"time"

	"pileus/lb/oidc"
	"pileus/plane"
)

// Kind tells the three sorts of load balancer apart.
type Kind string

const (
	Application Kind = "application"
	Network     Kind = "network"
	Classic     Kind = "classic"
)

// Balancer is the desired state of one load balancer: the whole of it. What
// changes between two of them is changed without breaking what runs.
type Balancer struct {
	ID   string // its ARN, or another name that is unique
	Name string // as it stands in logs and metrics: "app/web/50dc6c495c0c9188"
	Kind Kind
	VPC  string
	// Nodes answer requests, one in each zone.
	Nodes     []Node
	Listeners []Listener
	// Away is a zone that traffic is shifted away from; "" for none. Its node is
	// not in DNS, and nodes that send across zones send no new requests to its
	// targets.
	Away string
	// Groups are the target groups that actions name, by id.
	Groups map[string]*Group
	// CrossZone lets each node send to the targets of all zones; a group can
	// say otherwise.
	CrossZone bool
	HTTP      HTTPAttributes
	// IdleTimeout ends connections over which nothing goes (applications and
	// classic: 60 s), KeepAlive those of clients at last (3600 s).
	IdleTimeout, KeepAlive time.Duration
	// Inbound are the rules for what comes by doors, which none of the load
	// balancer's security groups sees; nil lets everything in.
	Inbound []plane.Match
	// Signer signs what targets are told of users that were authenticated.
	Signer *oidc.Signer
	// AccessLog and ConnectionLog ask for log records.
	AccessLog, ConnectionLog bool
}

// Node is a load balancer in one zone.
type Node struct {
	Zone, Subnet, Interface string
	// Addresses are those of its interface, IPv4 and IPv6, on which it listens.
	Addresses []netip.Addr
	// Public is the address that the internet knows it by; invalid for none.
	Public netip.Addr
	// Off takes the node out of service: a zone that was cut.
	// Its connections go on, new ones are not accepted.
	Off bool
	// Doors are the interfaces of VPC endpoints that lead to it.
	Doors []Door

	via *Door // by which it was reached; nil for its own addresses
}

// HTTPAttributes are how requests are treated.
type HTTPAttributes struct {
	HTTP2           bool
	DropInvalid     bool   // headers whose names are not valid
	Desync          string // "monitor", "defensive", "strictest"
	PreserveHost    bool   // the host header is passed on as it came
	ForwardedFor    string // "append", "preserve", "remove": what happens to X-Forwarded-For
	ClientPort      bool   // X-Forwarded-For tells the client's port, too
	TLSHeaders      bool   // x-amzn-tls-version and x-amzn-tls-cipher-suite are added
	FailOpen        bool   // of the web application firewall; kept
	ServerHeaderOff bool   // no "server: awselb/2.0" on answers of the balancer's own
	// Add are headers that answers get (HSTS, CORS), Rename those of mutual TLS
	// under another name, as listener attributes have them.
	Add, Rename map[string]string
}

// Listener is a port and what happens to what arrives there.
type Listener struct {
	ID       string
	Port     uint16
	Protocol string // HTTP, HTTPS, TCP, TLS (SSL of classic), UDP, TCP_UDP
	TLS      *TLS   // of HTTPS and TLS
	// Rules in the order of their priority; Default where none matches.
	Rules   []Rule
	Default []Action
	// IdleTimeout of TCP listeners of network load balancers: 350 s.
	IdleTimeout time.Duration
	HTTP        *HTTPAttributes // those of the balancer, with the listener's own; nil for the balancer's
	// Sticky are the cookies of a classic listener; see Stickiness.
	Sticky Stickiness
}

// TLS is how a listener ends TLS.
type TLS struct {
	// Default is the certificate for clients that name no known host.
	Default      *tls.Certificate
	Certificates []*tls.Certificate          // chosen by SNI
	ARNs         map[*tls.Certificate]string // of all these, for logs
	MinVersion   uint16
	MaxVersion   uint16
	Ciphers      []uint16 // those of TLS 1.2 and before; nil for Go's own choice
	ALPN         []string // of network load balancers; applications speak h2 and http/1.1
	// ClientAuth is "off", "passthrough" or "verify".
	ClientAuth string
	ClientCAs  *x509.CertPool
	// Revoked is asked with serial numbers as SerialNumber writes them.
	Revoked       func(serial string) bool
	Now           func() time.Time // that certificates are checked by; nil: the machine's time
	IgnoreExpiry  bool
	AdvertiseCAs  bool
	PolicyName    string // "ELBSecurityPolicy-TLS13-1-2-2021-06"
	TrustStoreARN string
}

// Rule sends requests that meet all conditions to its actions.
type Rule struct {
	ID         string
	Priority   int
	Conditions []Condition
	Actions    []Action
	// Transforms change what targets are asked for, one after the other.
	Transforms []Transform
}

// Transform replaces what a regular expression matches; the replacement may
// have $1 and the like.
type Transform struct {
	Type           string // host-header-rewrite, or url-rewrite of path and query
	Regex, Replace string
}

// Condition is met by a request one of whose values matches one of these.
// Patterns know "*" and "?".
type Condition struct {
	// Field is host-header, path-pattern, http-header, http-request-method,
	// query-string or source-ip.
	Field   string
	Header  string // of http-header
	Values  []string
	Regex   []string // regular expressions of hosts, paths and header values
	Queries []Query  // of query-string
	Sources []netip.Prefix
}

// Query is a parameter's key, "" for any, and the pattern of its value.
type Query struct{ Key, Value string }

// Action is what happens to a request. The last of a list ends it; those before
// decide whether it comes that far.
type Action struct {
	Type     string // forward, redirect, fixed-response; authenticate-oidc, jwt-validation
	Forward  []Weighted
	Sticky   time.Duration // of the choice among weighted groups; 0 for none
	Redirect *Redirect
	Fixed    *Fixed
	OIDC     *OIDC
	JWT      *JWT
}

// Weighted is a group and its share.
type Weighted struct {
	Group  string
	Weight int
}

// Redirect has AWS's placeholders: #{protocol}, #{host}, #{port}, #{path}, #{query}.
type Redirect struct {
	Protocol, Host, Port, Path, Query string
	Status                            int // 301, 302
}

// Fixed is an answer of the balancer's own.
type Fixed struct {
	Status            int
	ContentType, Body string
}

// Group is a target group.
type Group struct {
	ID       string
	Name     string // as metrics have it: "targetgroup/web/73e2d6bc24d8a067"
	Protocol string // HTTP, HTTPS, TCP, TLS, UDP, TCP_UDP
	Version  string // HTTP1, HTTP2, GRPC
	Targets  []Target
	Check    Check
	// Algorithm is round_robin, least_outstanding_requests or weighted_random.
	Algorithm string
	// Anomaly turns anomaly mitigation of weighted_random on.
	Anomaly   bool
	CrossZone *bool // nil: as the balancer has it
	Sticky    Stickiness
	SlowStart time.Duration // 0: none
	// Drain is how long a target that was taken out may finish what it has.
	Drain time.Duration
	// EndOnDrain closes connections when that time is over.
	EndOnDrain bool
	// PreserveClient has the targets of a network load balancer see the client's
	// address as the source. ProxyProtocol sends it in a header of version 2 (of
	// version 1 where ProxyV1).
	PreserveClient, ProxyProtocol, ProxyV1 bool
	// Keys are public keys (PKIX, DER) of which a target that speaks TLS must
	// have one: backend authentication of classic balancers. nil: any.
	Keys [][]byte
	// EndUnhealthy closes connections to targets that became unhealthy.
	EndUnhealthy bool
	// MinHealthy are the thresholds below which a zone is out of DNS, or all
	// targets are sent to: counts, and percentages; 0 for off.
	DNSCount, DNSPercent, RouteCount, RoutePercent int
	// Function is where requests go to a Lambda function; nil for other targets.
	Function Function
	// MultiValue has headers and parameters of function targets as lists.
	MultiValue bool
}

// Stickiness keeps a client with its target.
type Stickiness struct {
	// Type is lb_cookie, app_cookie, source_ip, source_ip_dest_ip,
	// source_ip_dest_ip_proto; "" for none.
	Type     string
	Duration time.Duration // of cookies; 0: for the browser's session
	Cookie   string        // the application's cookie
}

// Target is a machine or address behind a group.
type Target struct {
	ID   string // "i-0123..." or the address, as the API names it
	Port uint16
	Zone string // "" or "all" for addresses outside of zones
	Addr netip.Addr
	// Down is why the target can get nothing although it is registered:
	// Target.InvalidState of an instance that is stopped, Target.NotInUse where
	// the zone is not the balancer's. "" for targets that are checked.
	Down, DownText string
	// Known is how the target was before the process began, "healthy" or
	// "unhealthy": what holds until the first checks are done. "" for not known.
	Known string
	// Draining is since when it is being deregistered; zero for targets in use.
	Draining time.Time
}

// Key tells targets of a group apart.
func (t Target) Key() TargetKey { return TargetKey{t.ID, t.Port} }

// TargetKey is a target's id and port.
type TargetKey struct {
	ID   string
	Port uint16
}

// Check is how a group's targets are checked.
type Check struct {
	Off                bool
	Protocol           string // HTTP, HTTPS, TCP, TLS (SSL); gRPC by the group's Version
	Port               uint16 // 0: the port of traffic
	Path               string // of HTTP; a method of gRPC: "/package.Service/Method"
	Matcher            string // "200-299,301", codes of HTTP or gRPC
	Interval, Timeout  time.Duration
	Healthy, Unhealthy int // how many in a row
}
