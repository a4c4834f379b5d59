package market

import (
	"time"

	"pileus/cloud"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// fleetController brings a fleet to its target.
const fleetController = "ec2.fleet"

// fleetKept is how long a deleted fleet can still be described.
const fleetKept = 48 * time.Hour

// fleet is an EC2 fleet or a spot fleet request: they are the same thing, asked
// for and told in two ways.
type fleet struct {
	Account, Region, ID string
	SpotFleet           bool // its id begins with sfr-
	Type                string
	State               string // see below
	Created             time.Time
	From, Until         time.Time // zero: no bounds
	EndsWithIt          bool      // instances are terminated when Until comes
	Target              target
	Spot, OnDemand      strategy
	Excess              string // "termination", "no-termination"
	Replace             bool   // unhealthy instances
	Rebalance           string // "", "launch", "launch-before-terminate"
	Delay               time.Duration
	Behavior            string // of interrupted instances
	Pools               []pool
	Config              []byte // JSON of what was asked for
	Token               string
	Errors              []failure // of the last look
	Ended               time.Time
}

// The states of EC2 fleets; spot fleet requests have cancelled for deleted.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/manage-ec2-fleet.html
const (
	submitted          = "submitted"
	active             = "active"
	modifying          = "modifying"
	deleted            = "deleted"
	deletedRunning     = "deleted_running"
	deletedTerminating = "deleted_terminating"
)

// target is how much a fleet shall have, in units of capacity.
type target struct {
	Total, OnDemand float64
	Default         string // "spot", "on-demand"
	Unit            string // TargetCapacityUnitType; "" for units, where nothing else was said
	MinSpot, MinOD  float64
	Minimum         bool // MinTargetCapacity was given
}

// spot is how much of the target is spot capacity.
func (t target) spot() float64 { return t.Total - t.OnDemand }

// strategy is how a fleet chooses among its pools.
type strategy struct {
	Name      string // as plan.go knows it
	Pools     int    // over how many of the cheapest lowest-price spreads
	OneType   bool
	OneZone   bool
	MostPrice string // MaxTotalPrice, of an hour of all instances
}

// pool is one way for a fleet to launch instances: a type in a zone.
type pool struct {
	Type, Zone string
	Subnet     string
	Image      string
	Weight     float64
	Priority   float64
	MaxPrice   string
	Config     int    // index of the launch configuration that it is of
	Override   []byte // JSON of the override as EC2 fleets show it
	Launch     []byte // JSON of the RunInstancesInput
}

// member is an instance that a fleet has launched.
type member struct {
	Account, Region, Fleet, Instance string
	Pool                             int
	Weight                           float64
	Spot                             bool
	Type                             string
	Leaving                          bool // the fleet ends it
	Replaced                         time.Time
}

// failure is why a launch did not succeed.
type failure struct {
	Pool          int
	Spot          bool
	Code, Message string
	At            time.Time
}

var fleets = &store.Table[fleet]{
	Name: "ec2.fleet",
	Key:  func(f *fleet) store.Key { return store.K(f.Account, f.Region, f.ID) },
}

var members = &store.Table[member]{
	Name: "ec2.fleet.member",
	Key:  func(m *member) store.Key { return store.K(m.Account, m.Region, m.Fleet, m.Instance) },
}

func (f *fleet) key() store.Key { return store.K(f.Account, f.Region, f.ID) }

func (f *fleet) kind() string {
	if f.SpotFleet {
		return "spot-fleet-request"
	}
	return "fleet"
}

// gone tells whether the fleet launches nothing any more.
func (f *fleet) gone() bool {
	return f.State == deleted || f.State == deletedRunning || f.State == deletedTerminating
}

const hexDigits = "0123456789abcdef"

// newFleetID is a UUID behind a prefix, as fleets have it.
func newFleetID(c *cloud.Call, prefix string) string {
	r := func(n int) string { return c.Rand().String(n, hexDigits) }
	return prefix + "-" + r(8) + "-" + r(4) + "-" + r(4) + "-" + r(4) + "-" + r(12)
}

func errNoFleet(id string) *cloud.Error {
	return resource.Errorf("InvalidFleetId.NotFound", "The fleet ID '%s' does not exist", id)
}

func errNoSpotFleet(id string) *cloud.Error {
	return resource.Errorf("InvalidSpotFleetRequestId.NotFound", "The spot fleet request ID '%s' does not exist", id)
}

// findFleet is a fleet of one of the two kinds.
func findFleet(c *cloud.Call, r store.Reader, id string, spot bool) (*fleet, error) {
	if f, ok := fleets.Get(r, c.Account, c.Region, id); ok && f.SpotFleet == spot {
		return f, nil
	}
	if spot {
		return nil, errNoSpotFleet(id)
	}
	return nil, errNoFleet(id)
}

// crew is a fleet's members that count, with their instances.
type crew struct {
	list            []*member
	on              map[string]*instance.Instance
	spot, onDemand  float64 // capacity
	pending, atRisk int
}

// crewOf reads the members of a fleet whose instances are not gone. Those that
// the fleet itself is ending do not count.
func crewOf(c *cloud.Call, r store.Reader, f *fleet) *crew {
	w := &crew{on: map[string]*instance.Instance{}}
	for m := range members.Scan(r, f.Account, f.Region, f.ID) {
		i, err := instance.Find(c, r, m.Instance)
		if err != nil || !alive(i) || m.Leaving {
			continue
		}
		if f.Type == "maintain" && i.State != instance.Running && i.State != instance.Pending {
			continue // stopped by an interruption: the fleet looks elsewhere
		}
		w.list = append(w.list, m)
		w.on[m.Instance] = i
		if i.State == instance.Pending {
			w.pending++
		}
		if !m.Replaced.IsZero() {
			w.atRisk++
			continue // its replacement counts
		}
		if m.Spot {
			w.spot += m.Weight
		} else {
			w.onDemand += m.Weight
		}
	}
	return w
}

// activity is a fleet's ActivityStatus.
func (f *fleet) activity(w *crew) string {
	switch {
	case f.State == deletedTerminating:
		return "pending_termination"
	case f.gone(), f.State == submitted:
		return ""
	case len(f.Errors) > 0:
		return "error"
	case w.spot+w.onDemand < f.Target.Total:
		return "pending_fulfillment"
	}
	return "fulfilled"
}
