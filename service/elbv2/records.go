package elbv2

import (
	"time"

	api "pileus/api/elbv2"
	"pileus/identity"
	"pileus/lb/attach"
	"pileus/store"
)

// balancer is a load balancer.
type balancer struct {
	Account, Region, ARN string
	Name, ID             string // ID is 16 hexadecimal digits
	Type                 string // "application", "network"
	Internal             bool
	VPC                  string
	State, Reason        string // "provisioning", "active", "failed"
	IPType               string
	Groups               []string // security groups
	Enforce              string   // "on" or "off": inbound rules on traffic of PrivateLink; "" where it has no groups
	Nodes                []attach.Node
	DNS                  string
	Attributes           map[string]string // those that were set
	Tags                 identity.Tags
	Pool                 string // of IPAM, for public addresses
	Prefix               string // "on": source NAT over IPv6
	Capacity             int32  // units reserved; 0 for none
	CapacityAt           time.Time
	Decreases            int32 // of the capacity, on the day of CapacityAt
	Made                 time.Time
}

const (
	application = "application"
	network     = "network"
	gateway     = "gateway"

	provisioning = "provisioning"
	active       = "active"
	failed       = "failed"
)

// listener is a port of a load balancer.
type listener struct {
	Account, Region, ARN string
	Balancer, ID         string // Balancer is an ARN
	Port                 int32
	Protocol             string
	Policy               string   // of TLS
	Certificates         []string // ARNs; the default one first
	ALPN                 []string
	Mutual               *api.MutualAuthenticationAttributes
	Actions              []api.Action // the default ones
	Attributes           map[string]string
	Tags                 identity.Tags
	Made                 time.Time
}

// rule decides what happens to requests at a listener. A listener's default
// rule has no conditions, and the listener's own actions.
type rule struct {
	Account, Region, ARN string
	Listener, Balancer   string // ARNs
	ID                   string
	Priority             int32 // 0: the default rule
	Conditions           []api.RuleCondition
	Actions              []api.Action
	Transforms           []api.RuleTransform
	Tags                 identity.Tags
	Made                 time.Time
}

// last is the place of the default rule among the others.
const last = 1 << 30

func (v *rule) isDefault() bool { return v.Priority == 0 }

// group is a target group.
type group struct {
	Account, Region, ARN string
	Name, ID             string
	Kind                 string // "instance", "ip", "lambda", "alb"
	Protocol, Version    string
	Port                 int32
	VPC                  string
	IPType               string
	Control              int32 // target control port; 0 for none
	Check                check
	Attributes           map[string]string
	Tags                 identity.Tags
	Made                 time.Time
}

// check is how targets of a group are checked.
type check struct {
	Enabled           bool
	Protocol, Port    string // Port is "traffic-port" or a number
	Path              string
	Interval, Timeout int32 // seconds
	Healthy, Failing  int32 // how many in a row
	HTTP, GRPC        string
}

const (
	ofInstances = "instance"
	ofAddresses = "ip"
	ofLambda    = "lambda"
	ofBalancers = "alb"
)

// target is what is registered with a group, with what was last seen of its
// health in each load balancer that checks it.
type target struct {
	Account, Region, Group string // Group is an ARN
	ID                     string
	Port                   int32  // 0 for Lambda functions
	Zone                   string // as it was given; "" for none
	Since                  time.Time
	Draining               time.Time // since when it is being deregistered; zero for no
}

// seen is the health of a target as a load balancer saw it last, which outlives
// the process.
type seen struct {
	Balancer, Group, ID   string
	Port                  int32
	State, Reason, Detail string
	Since                 time.Time
}

func keyOf(account, region, arn string) store.Key { return store.K(account, region, arn) }

var balancers = &store.Table[balancer]{
	Name: "elbv2.balancer",
	Key:  func(b *balancer) store.Key { return keyOf(b.Account, b.Region, b.ARN) },
	Indexes: map[string]func(*balancer) store.Key{
		"name": func(b *balancer) store.Key { return store.K(b.Account, b.Region, b.Name) },
	},
	Memo: 1000,
}

var listeners = &store.Table[listener]{
	Name: "elbv2.listener",
	Key:  func(l *listener) store.Key { return keyOf(l.Account, l.Region, l.ARN) },
	Indexes: map[string]func(*listener) store.Key{
		"balancer": func(l *listener) store.Key { return store.K(l.Account, l.Region, l.Balancer, l.Made, l.ARN) },
	},
	Memo: 5000,
}

var rules = &store.Table[rule]{
	Name: "elbv2.rule",
	Key:  func(v *rule) store.Key { return keyOf(v.Account, v.Region, v.ARN) },
	Indexes: map[string]func(*rule) store.Key{
		"listener": func(v *rule) store.Key {
			place := v.Priority
			if v.isDefault() {
				place = last
			}
			return store.K(v.Account, v.Region, v.Listener, place)
		},
		"balancer": func(v *rule) store.Key { return store.K(v.Account, v.Region, v.Balancer, v.ARN) },
	},
	Memo: 10_000,
}

var groups = &store.Table[group]{
	Name: "elbv2.group",
	Key:  func(g *group) store.Key { return keyOf(g.Account, g.Region, g.ARN) },
	Indexes: map[string]func(*group) store.Key{
		"name": func(g *group) store.Key { return store.K(g.Account, g.Region, g.Name) },
	},
	Memo: 5000,
}

var targets = &store.Table[target]{
	Name: "elbv2.target",
	Key: func(t *target) store.Key {
		return store.K(t.Account, t.Region, t.Group, t.ID, t.Port)
	},
	Indexes: map[string]func(*target) store.Key{
		"id": func(t *target) store.Key { return store.K(t.Account, t.Region, t.ID, t.Group) },
	},
	Memo: 20_000,
}

var sightings = &store.Table[seen]{
	Name: "elbv2.seen",
	Key:  func(s *seen) store.Key { return store.K(s.Balancer, s.Group, s.ID, s.Port) },
}
