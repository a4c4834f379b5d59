package lb

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pileus/clock"
)

// exchange is a request and what became of it.
type exchange struct {
	front  *httpFront
	config *httpConfig
	node   *Node
	meter  *nodeMeter
	client netip.AddrPort
	conn   *connInfo
	req    *request

	watch clock.Stopwatch
	began time.Time // by the cloud's clock; only where a log wants it

	rule   *matcher // nil for the default
	plan   *plan
	pool   *pool
	member *member
	group  *groupMeter
	tried  []*member // those that could not be reached, or did not hear
	stuck  bool      // a cookie has led to the member
	// mayTurn tells that another target may get the request though the member may
	// have had it.
	mayTurn bool
	trace   string

	// What a rule's transforms have made of the request, and how that went, as
	// the log tells it.
	newHost, newTarget, transformed string

	// What came of the actions before the last: the one that was done, whether it
	// has answered, what the target is told of the user, cookies that he gets.
	did      string
	turned   bool
	identity []field
	fresh    []string

	sentAt       time.Duration // since watch: when the request was sent to the target
	processing   time.Duration // until it was sent; -1 where it was not
	waited       time.Duration // until the target's answer began; -1 for none
	answering    time.Duration // until the answer was passed on; -1
	status       int
	targetStatus int
	received     int64
	sent         int64 // all of it, and of the body alone
	sentBody     int64
	reason       string // of the error, for the log
	location     string
	grpc         bool
}

// connInfo is what is known about a client's connection.
type connInfo struct {
	trace  string // "TID_..."
	cipher string
	tls    string // "TLSv1.3"
	scheme string // "http"
	name   string // that the client asked for (SNI)
	arn    string // of the certificate that it got
	h2     bool
	cert   *clientCert

	leaving atomic.Bool // its node is taken out: no further requests
}

func (x *exchange) now() time.Time { return x.front.site.opts.Clock.Now() }

// reset makes the exchange ready for another request over the same connection.
func (x *exchange) reset(r *request, config *httpConfig) {
	*x = exchange{
		front: x.front, node: x.node, meter: x.meter, client: x.client, conn: x.conn,
		config: config, req: r, watch: clock.Start(), processing: -1, waited: -1, answering: -1,
	}
	if config.balancer.AccessLog {
		x.began = x.now()
	}
}

// screen turns requests away that no rule is to see; 0 for those that are
// well.
func (x *exchange) screen() (status int) {
	r := x.req
	if r.verdict.class > compliant {
		x.meter.desync.add(1)
	}
	if r.verdict.blocked(x.config.attrs.Desync) {
		return 400
	}
	if r.method == "TRACE" && !x.config.classic {
		return 405
	}
	valid := true
	for i := range r.fields {
		valid = valid && validName(r.fields[i].name)
		if f := &r.fields[i]; len(f.name) == 15 && fold(f.name, "x-forwarded-for") && strings.Count(f.value, ",") >= 30 {
			return 463
		}
	}
	switch {
	case valid:
	case x.config.attrs.DropInvalid:
		x.meter.droppedInvalid.add(1)
	default:
		x.meter.invalid.add(1)
	}
	return 0
}

// route finds the rule and its plan. Rules past the first ten are counted.
func (x *exchange) route() *plan {
	c := x.config
	n := 0
	for i := range c.rules {
		n++
		if c.rules[i].met(x.req, x.client.Addr()) {
			x.rule = &c.rules[i]
			break
		}
	}
	if n > freeRules {
		x.meter.rules.add(int64(n - freeRules))
	}
	x.plan = &c.fallback
	if x.rule != nil {
		x.plan = &x.rule.plan
	}
	return x.plan
}

// freeRules are not counted by RuleEvaluations.
const freeRules = 10

// forward finds the group and the target; false where there is none.
func (x *exchange) forward() bool {
	p := x.plan
	if x.pool = x.stickGroup(p); x.pool == nil {
		if x.pool = p.choose(x.random); x.pool == nil {
			return false
		}
	}
	x.group = x.front.meterOf(x.config.balancer, x.node.Zone, x.pool)
	if x.pool.group.Load().Function != nil {
		return true
	}
	if x.member = x.stickTarget(x.pool); x.member != nil {
		x.stuck = true
		return true
	}
	x.member = x.pool.choose(x.node.Zone)
	return x.member != nil
}

func (x *exchange) random(n int) int { return int(x.front.site.opts.Rand.Uint64() % uint64(n)) }

// attempts is how many targets are tried that cannot be reached.
const attempts = 3

// another takes another target in place of one that could not be reached; false
// where there is none.
func (x *exchange) another() bool {
	m := x.alternative()
	if m != nil {
		x.tried = append(x.tried, x.member)
		x.moveTo(m)
	}
	return m != nil
}

// alternative is a target that was not tried yet; nil where there is none.
func (x *exchange) alternative() *member {
	if len(x.tried)+1 >= attempts {
		return nil
	}
	return x.pool.choose(x.node.Zone, append(slices.Clip(x.tried), x.member)...)
}

// moveTo has another target answer the request.
func (x *exchange) moveTo(to *member) {
	x.member.inflight.Add(-1)
	x.member, x.stuck = to, false
	x.member.inflight.Add(1)
}

// limit is how long a connection to the target may take: not long where the
// request can turn to another one. The user of a session is served where it is,
// if at all.
func (x *exchange) limit() time.Duration {
	if x.stuck || x.alternative() == nil {
		return connectTimeout
	}
	return x.member.road(x.node.Zone).patience()
}

// sending notes that the request goes to the target now.
func (x *exchange) sending() {
	x.sentAt = x.watch.Elapsed()
	x.processing = x.sentAt
}

// answered notes that the target's answer has begun.
func (x *exchange) answered(status int) {
	x.waited = x.watch.Elapsed() - x.sentAt
	x.status, x.targetStatus = status, status
	x.group.answered(status, x.waited.Seconds())
	x.member.done(status < 500)
}

// finish counts and logs the exchange.
func (x *exchange) finish() {
	m := x.meter
	if x.group != nil && (x.member != nil || x.pool.group.Load().Function != nil) {
		x.group.requests.add(1)
	}
	m.bytes.add(x.received + x.sent)
	if x.grpc {
		m.grpc.add(1)
	}
	if x.targetStatus == 0 && x.plan != nil && !x.turned {
		switch x.plan.kind {
		case "redirect":
			m.redirects.add(1)
			m.own(x.status)
		case "fixed-response":
			m.fixed.add(1)
		default:
			m.own(x.status)
		}
	} else if x.targetStatus == 0 {
		m.own(x.status)
	}
	if x.config.balancer.AccessLog {
		x.front.site.record("access", x.logLine(), x.nodeAddr())
	}
}

// nodeAddr is by which address logs know the node.
func (x *exchange) nodeAddr() netip.Addr {
	if x.node.Public.IsValid() {
		return x.node.Public
	}
	if len(x.node.Addresses) == 0 {
		return netip.Addr{}
	}
	return x.node.Addresses[0]
}
