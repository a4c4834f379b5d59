package instance

import (
	"iter"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

// What the rooms ask for that sell instances: spot, fleets, reservations.

// Info is the type as DescribeInstanceTypes tells it.
func (t *Type) Info() api.InstanceTypeInfo { return t.info() }

// All yields the instances of an account and region, or all that there are
// where neither is given, by id.
func All(r store.Reader, accountAndRegion ...any) iter.Seq[*Instance] {
	return instances.Scan(r, accountAndRegion...)
}

// Amend changes what a room keeps about an instance, and nothing of its state.
func Amend(c *cloud.Call, tx store.Tx, id string, f func(*Instance)) error {
	return change(c, tx, id, func(i *Instance) error { f(i); return nil })
}

// PlatformDetails is the platform as billing names it: "Linux/UNIX".
func (i *Instance) PlatformDetails() string {
	details, _ := i.platformDetails()
	return details
}

// PassesRole are the checks that a profile may be given to instances.
func PassesRole(c *cloud.Call, r store.Reader, p *api.IamInstanceProfileSpecification) []cloud.Check {
	return passes(c, r, p)
}

// Billing decides how the hours of instances are billed. It is asked once for
// each look at a state, and then for each instance with its usage, which it
// may change or divide.
type Billing func(r store.Reader) func(i *Instance, u cloud.Usage) []cloud.Usage

// bill is the room's Billing; without one usage stays as it is.
func (s *Room) bill(r store.Reader) func(i *Instance, u cloud.Usage) []cloud.Usage {
	if s.Hooks.Billing == nil {
		return func(_ *Instance, u cloud.Usage) []cloud.Usage { return []cloud.Usage{u} }
	}
	return s.Hooks.Billing(r)
}
