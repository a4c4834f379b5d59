package group

import (
	"iter"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/launch"
	"pileus/store"
)

// Group is an Auto Scaling group as the store keeps it. Records are shared by
// those who read: who changes one changes a Clone, and writes it with Put.
type Group struct {
	Account, Region, Name string
	ID                    string // the UUID in its ARN
	Created               time.Time

	// What is launched: one of the three.
	LaunchConfiguration string
	LaunchTemplate      *api.LaunchTemplateSpecification // with id, name and version
	Mixed               *api.MixedInstancesPolicy

	Min, Max, Desired int32  // in units: instances, or what the overrides' weights count
	Units             string // DesiredCapacityType: "units", "vcpu", "memory-mib"; "" for "units"
	Zones             []string
	Subnets           []string // VPCZoneIdentifier; nil: the zones' default subnets
	Places            []Place  // Subnets with their zones
	PlacementGroup    string

	Cooldown      int32  // DefaultCooldown, seconds
	Warmup        *int32 // DefaultInstanceWarmup, seconds; nil or -1: not set
	HealthCheck   string // HealthCheckType: "EC2" or a list with "ELB"
	Grace         int32  // HealthCheckGracePeriod, seconds
	MaxLifetime   int32  // MaxInstanceLifetime, seconds; 0 for none
	Protect       bool   // NewInstancesProtectedFromScaleIn
	Rebalance     bool   // CapacityRebalance
	Maintenance   *api.InstanceMaintenancePolicy
	Impairment    *api.AvailabilityZoneImpairmentPolicy
	BalancedOnly  bool     // CapacityDistributionStrategy: not another zone where one has no capacity
	ReservedFirst bool     // CapacityDistributionStrategy: what is reserved is used before zones are evened out
	Reservations  string   // CapacityReservationPreference; "" for "default"
	Targets       []string // ids of the capacity reservations to use; nil for open ones
	Termination   []string // TerminationPolicies
	ServiceRole   string   // ServiceLinkedRoleARN
	Context       string
	Deletion      string // DeletionProtection; "" for none
	Lifecycle     *api.InstanceLifecyclePolicy
	Balancers     []Source // LoadBalancerNames, TargetGroupARNs, TrafficSources
	Metrics       []string // EnabledMetrics, of the granularity 1Minute
	Tags          []Tag
	Suspensions   []Suspension
	WarmPool      *api.WarmPoolConfiguration
	Notifications []Notification

	Deleting bool // DeleteAutoScalingGroup was called, with ForceDelete
	// Predicted is PredictedCapacity; nil where no policy forecasts.
	Predicted *int32

	// Scaled is when an activity last changed the group's size, from which the
	// cooldown of simple scaling and of HonorCooldown is counted: seconds of
	// CoolFor, or Cooldown where that is nil.
	Scaled  time.Time
	CoolFor *int32

	// Why is the sentence that the activities which follow from the last
	// change of Desired begin with; "" once the group is as it should be.
	Why string

	// Failures counts launches that failed in a row; none is tried again before
	// Retry.
	Failures int
	Retry    time.Time
	// Owed counts unhealthy instances that were taken out and not replaced yet.
	Owed int
	// Avoid are the zones where a launch failed of late.
	Avoid []Avoided
}

// Place is a subnet with its zone.
type Place struct{ Subnet, Zone string }

// Avoided is a zone in which nothing is launched until a time, if another can
// be had.
type Avoided struct {
	Zone  string
	Until time.Time
}

// Source is where a group's instances get their traffic from.
type Source struct {
	Type  string // "elb", "elbv2", "vpc-lattice"
	ID    string // name of a classic load balancer, ARN of a target group
	State string // "Adding", "Added", "InService", "Removing", "Removed"
}

// Tag is one of a group's.
type Tag struct {
	Key, Value string
	Propagate  bool // to instances at their launch
}

// Suspension is a process that is suspended.
type Suspension struct{ Process, Reason string }

// Notification is a topic that is told of events.
type Notification struct {
	Topic string
	Types []string
}

// Groups of all accounts and regions.
var Groups = &store.Table[Group]{
	Name: "autoscaling.group",
	Key:  func(g *Group) store.Key { return store.K(g.Account, g.Region, g.Name) },
	Indexes: map[string]func(*Group) store.Key{
		"launch": func(g *Group) store.Key {
			if g.LaunchConfiguration == "" {
				return nil
			}
			return store.K(g.Account, g.Region, g.LaunchConfiguration)
		},
	},
	Memo: 1024,
}

// Key is the group's name for its controllers.
func (g *Group) Key() store.Key { return store.K(g.Account, g.Region, g.Name) }

// ARN is the group's.
func (g *Group) ARN(c *cloud.Call) string { return g.arn(c.Partition) }

func (g *Group) arn(partition string) string {
	return cloud.ARN{Partition: partition, Service: "autoscaling", Region: g.Region, Account: g.Account,
		Resource: "autoScalingGroup:" + g.ID + ":autoScalingGroupName/" + g.Name}.String()
}

// Clone is a copy that may be changed: its own fields, and the elements of
// Balancers, Tags and Suspensions. What pointers point to is replaced, never
// changed.
func (g *Group) Clone() *Group {
	d := *g
	d.Balancers = append([]Source(nil), g.Balancers...)
	d.Tags = append([]Tag(nil), g.Tags...)
	d.Suspensions = append([]Suspension(nil), g.Suspensions...)
	d.Notifications = append([]Notification(nil), g.Notifications...)
	d.Metrics = append([]string(nil), g.Metrics...)
	return &d
}

// Find is a group of the call's account and region.
func Find(c *cloud.Call, r store.Reader, name string) (*Group, error) {
	if g, ok := Groups.Get(r, c.Account, c.Region, name); ok {
		return g, nil
	}
	return nil, errNoGroup()
}

// Put writes a group and has its controller look at it.
func Put(tx store.Tx, g *Group) {
	Groups.Put(tx, g)
	Wake(tx, g, time.Time{})
}

// Wake has the controller look at a group at a time; the zero time: at once.
func Wake(tx store.Tx, g *Group, at time.Time) { tx.After(at, Controller, g.Key()) }

// Controller is the name of the controller that keeps groups.
const Controller = "autoscaling.group"

// Instance is an instance of a group. Records are shared by those who read.
type Instance struct {
	Account, Region, Group, ID string

	Zone, Subnet, Type string
	Image              string // ImageId, where an override or a root volume's replacement said it
	State              string // one of api.LifecycleState*
	Health             string // "Healthy", "Unhealthy"
	Why                string // it is unhealthy, as an activity says it: "an ELB system health check failure"

	// What it was launched from.
	LaunchConfiguration string
	Configured          time.Time                        // when the launch configuration was made
	LaunchTemplate      *api.LaunchTemplateSpecification // with the number of the version
	Spot                bool
	Reservation         string // capacity reservation that it was launched into; "" for none
	Weight              int32  // WeightedCapacity; 1 where the group has no weights
	Weighted            bool   // whether WeightedCapacity is shown

	Protected bool // from scale-in
	// Warm is set while the instance is in, or on its way into, the warm pool.
	Warm bool

	Launched  time.Time
	InService time.Time // when it last came into service; zero before
	Since     time.Time // when State last changed

	// Replacing is set while the instance is to be replaced by another.
	Replacing *Replacement
	// Renewal is set while its root volume is replaced.
	Renewal *Renewal
	// Leaving is what becomes of the instance once it is out of traffic.
	Leaving *Leaving
	// Activity is the one in progress that brought the instance into State.
	Activity string
	// Registered are the sources that the instance was registered with, or
	// passed over by because AddToLoadBalancer was suspended.
	Registered []Registration
	Hooks      []Wait // lifecycle actions that are waited for
	Plain      bool   // it comes into service without hooks: attached, back from standby
	Pooled     bool   // it came out of the warm pool
}

// Registration is an instance's place in one of the group's sources.
type Registration struct {
	Source  string
	Skipped bool
}

// Replacement tells how and why an instance is replaced.
type Replacement struct {
	Why string // as an activity says it: "an instance refresh"
	// First has its successor in service before it is taken out.
	First bool
	// Warmup is for how many seconds the successor warms up, where that is not
	// for the group to say.
	Warmup *int32
	// Balance is set where the instance is in nobody's way but in the wrong
	// zone: Why is then a whole sentence.
	Balance bool
	Lack    string // with Balance: why its successor is launched, a whole sentence
	At      time.Time
}

// Leaving tells what becomes of an instance that is taken out of traffic.
type Leaving struct {
	To Exit
	// Shrinks tells that the group has become smaller by it: the instance may
	// go back to the warm pool.
	Shrinks bool
	Drained bool // it is out of its balancers
	Failed  bool // its launch was given up: it ends without further hooks
	Ended   bool // EC2 was told
}

// Exit is a way out of service.
type Exit string

// The ways out of service.
const (
	ToTerminate Exit = "terminate"
	ToDetach    Exit = "detach"
	ToStandby   Exit = "standby"
)

// Wait is a lifecycle action in progress.
type Wait struct {
	Hook, Token string
	Deadline    time.Time // of the heartbeat
	Last        time.Time // of the whole action
	Result      string    // "", "CONTINUE", "ABANDON"
}

// Members are the instances of all groups.
var Members = &store.Table[Instance]{
	Name: "autoscaling.instance",
	Key:  func(i *Instance) store.Key { return store.K(i.Account, i.Region, i.Group, i.ID) },
	Indexes: map[string]func(*Instance) store.Key{
		"id": func(i *Instance) store.Key { return store.K(i.Account, i.Region, i.ID) },
	},
	Memo: 8192,
}

// Instances yields the instances of a group, those of its warm pool too, in the
// order of their ids.
func Instances(r store.Reader, g *Group) iter.Seq[*Instance] {
	return Members.Scan(r, g.Account, g.Region, g.Name)
}

// FindInstance is the instance of an id in any group of the call's account and
// region.
func FindInstance(c *cloud.Call, r store.Reader, id string) (*Instance, bool) {
	for i := range Members.Index(r, "id", c.Account, c.Region, id) {
		return i, true
	}
	return nil, false
}

// Clone is a copy that may be changed.
func (i *Instance) Clone() *Instance {
	d := *i
	d.Registered = append([]Registration(nil), i.Registered...)
	d.Hooks = append([]Wait(nil), i.Hooks...)
	if i.Replacing != nil {
		d.Replacing = new(*i.Replacing)
	}
	if i.Renewal != nil {
		d.Renewal = new(*i.Renewal)
	}
	if i.Leaving != nil {
		d.Leaving = new(*i.Leaving)
	}
	return &d
}

// Serving tells whether the instance is in service.
func (i *Instance) Serving() bool { return i.State == api.LifecycleStateInService }

// Retained tells whether the instance was kept from its end because its hooks
// were abandoned: somebody has to see to it.
func (i *Instance) Retained() bool {
	return i.State == api.LifecycleStateTerminatingRetained || i.State == api.LifecycleStateWarmedTerminatingRetained
}

// Warmed tells whether the instance's warm-up is over: it has been in service
// for a number of seconds.
func (i *Instance) Warmed(now time.Time, seconds int32) bool {
	return i.Serving() && !now.Before(i.InService.Add(time.Duration(seconds)*time.Second))
}

// LaunchesFrom tells whether a group launches from a launch configuration.
func LaunchesFrom(r store.Reader, l *launch.Configuration) bool {
	for range Groups.Index(r, "launch", l.Account, l.Region, l.Name) {
		return true
	}
	return false
}
