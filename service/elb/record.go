package elb

import (
	"slices"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/identity"
	"pileus/lb/attach"
	"pileus/store"
)

// The controllers: a load balancer, by account, region and name; instances of
// it that have been taken out; its next log files.
const (
	balancerController = "elb.balancer"
	drainController    = "elb.drain"
	logController      = "elb.log"
)

// balancer is a classic load balancer.
type balancer struct {
	Account, Region, Name string
	ID                    string // the number in its DNS name
	DNSName               string
	Internal              bool
	VPC                   string
	Nodes                 []attach.Node
	Groups                []string // its security groups
	Made                  time.Time
	Tags                  identity.Tags
	// Request is what it was made by, to tell a repetition from another request.
	Request []byte

	Listeners []listener
	Policies  []policy
	Backends  []backend
	Instances []string
	Draining  []draining
	Check     healthCheck
	attributes
}

// listener is a port and where it leads.
type listener struct {
	Port                       int32
	Protocol, InstanceProtocol string // HTTP, HTTPS, TCP, SSL
	InstancePort               int32
	Certificate                string // ARN
	Policies                   []string
}

// secure tells whether clients speak TLS to the listener.
func (l listener) secure() bool { return l.Protocol == "HTTPS" || l.Protocol == "SSL" }

// web tells whether the listener understands HTTP.
func (l listener) web() bool { return l.Protocol == "HTTP" || l.Protocol == "HTTPS" }

// policy has a type and attributes, in the order of the type.
type policy struct {
	Name, Type string
	Attributes []attribute
}

type attribute struct{ Name, Value string }

// value is that of an attribute, "" for none.
func (p policy) value(name string) string {
	for _, a := range p.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// backend are the policies for instances on a port.
type backend struct {
	Port     int32
	Policies []string
}

// draining is an instance that was taken out and may finish what it has.
type draining struct {
	Instance     string
	Since, Until time.Time
}

type healthCheck struct {
	Target             string
	Interval, Timeout  int32 // seconds
	Unhealthy, Healthy int32
}

type attributes struct {
	CrossZone    bool
	Log          *accessLog // nil while it is off
	LogOff       *accessLog // what is shown of a log that is off
	Drain        bool
	DrainTimeout int32 // seconds
	IdleTimeout  int32
	Desync       string
}

type accessLog struct {
	Bucket, Prefix string
	Interval       int32 // minutes: 5 or 60
}

var balancers = &store.Table[balancer]{
	Name: "elb.balancer",
	Key:  func(b *balancer) store.Key { return b.key() },
}

func (b *balancer) key() store.Key { return store.K(b.Account, b.Region, b.Name) }

// touch has the engine, and the world, follow the record.
func (b *balancer) touch(tx store.Tx) { tx.After(time.Time{}, balancerController, b.key()) }

// put keeps what was changed.
func (b *balancer) put(tx store.Tx) {
	balancers.Put(tx, b)
	b.touch(tx)
}

func (b *balancer) arn() string {
	return cloud.ARN{Partition: "aws", Service: "elasticloadbalancing", Region: b.Region, Account: b.Account, Resource: "loadbalancer/" + b.Name}.String()
}

// keyOf is the key of the load balancer with an ARN; ok is false for those of
// the other service, whose names have parts.
func keyOf(arn string) (store.Key, bool) {
	a, ok := cloud.ParseARN(arn)
	name, isBalancer := strings.CutPrefix(a.Resource, "loadbalancer/")
	if !ok || !isBalancer || strings.Contains(name, "/") {
		return nil, false
	}
	return store.K(a.Account, a.Region, name), true
}

// find is the load balancer with a name.
func find(c *cloud.Call, r store.Reader, name string) (*balancer, error) {
	b, ok := balancers.Get(r, c.Account, c.Region, name)
	if !ok {
		return nil, errNoBalancer(name)
	}
	return b, nil
}

func (b *balancer) listener(port int32) *listener {
	i := slices.IndexFunc(b.Listeners, func(l listener) bool { return l.Port == port })
	if i < 0 {
		return nil
	}
	return &b.Listeners[i]
}

func (b *balancer) policy(name string) (policy, bool) {
	i := slices.IndexFunc(b.Policies, func(p policy) bool { return p.Name == name })
	if i < 0 {
		return policy{}, false
	}
	return b.Policies[i], true
}

func (b *balancer) zones() []string {
	out := []string{}
	for _, n := range b.Nodes {
		out = append(out, n.Zone)
	}
	return out
}

func (b *balancer) subnets() []string {
	out := []string{}
	for _, n := range b.Nodes {
		out = append(out, n.Subnet)
	}
	return out
}
