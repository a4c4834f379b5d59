package group

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

const (
	// tokenKept is how long the answer of a launch is kept for its token, and
	// launchAlone for how long one under way refuses others of its token: it has
	// ended by then, or will not end.
	tokenKept   = 8 * time.Hour
	launchAlone = time.Minute
	// mostProvisioned is how many instances one request launches.
	mostProvisioned = 100
)

// provision is a launch that a request asked for at once, by its token.
type provision struct {
	Account, Region, Token string
	Request                []byte // as JSON
	Answer                 *api.LaunchInstancesOutput
	At                     time.Time
}

var provisions = &store.Table[provision]{
	Name: "autoscaling.provision",
	Key:  func(p *provision) store.Key { return store.K(p.Account, p.Region, p.Token) },
}

// launchInstances launches instances into one zone of a group while its caller
// waits, and the group wants as many more. What cannot be launched is told; it
// is left to the group's own ways only where the caller says so.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/launching-instances-synchronous-provisioning.html
func (k *Keeper) launchInstances(c *cloud.Call, in *api.LaunchInstancesInput) (*api.LaunchInstancesOutput, error) {
	var done *provision
	var where Place
	err := c.Update(func(tx store.Tx) (err error) {
		if done, err = claim(c, tx, in); err != nil || done != nil {
			return err
		}
		g, err := findLive(c, tx, in.AutoScalingGroupName)
		if err != nil {
			return err
		}
		where, err = g.provisionable(c, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	if done != nil {
		return done.Answer, nil
	}
	out, failure := k.provision(c, in, where)
	err = c.Update(func(tx store.Tx) error {
		p, ok := provisions.Get(tx, c.Account, c.Region, in.ClientToken)
		if !ok {
			return nil
		}
		if failure != nil { // the token is free again
			provisions.Delete(tx, provisions.Key(p)...)
			return nil
		}
		d := new(*p)
		d.Answer = out
		provisions.Put(tx, d)
		tx.After(p.At.Add(tokenKept), provisionController, provisions.Key(p))
		return nil
	})
	return out, errors.Join(failure, err)
}

// provisionController forgets launches whose tokens are good for new ones.
const provisionController = "autoscaling.provision"

func forgetProvision(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		if p, ok := provisions.Get(tx, key...); ok && c.Now.Sub(p.At) >= tokenKept {
			provisions.Delete(tx, key...)
		}
		return nil
	})
}

// claim takes a token for a launch, or answers the one that had it.
func claim(c *cloud.Call, tx store.Tx, in *api.LaunchInstancesInput) (*provision, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	if p, ok := provisions.Get(tx, c.Account, c.Region, in.ClientToken); ok && c.Now.Sub(p.At) < tokenKept {
		switch {
		case string(p.Request) != string(body):
			return nil, api.ErrIdempotentParameterMismatchError.New("The client token %s was used with other parameters.", in.ClientToken)
		case p.Answer != nil:
			return p, nil
		case c.Now.Sub(p.At) < launchAlone:
			return nil, api.ErrIdempotentCallInProgressFault.New("A request with the client token %s is in progress.", in.ClientToken)
		}
	}
	provisions.Put(tx, &provision{Account: c.Account, Region: c.Region, Token: in.ClientToken, Request: body, At: c.Now})
	return nil, nil
}

// provisionable is where a request launches instances of a group; an error where
// it cannot.
func (g *Group) provisionable(c *cloud.Call, in *api.LaunchInstancesInput) (Place, error) {
	zones, err := zonesGiven(c, in.AvailabilityZones, in.AvailabilityZoneIds)
	if err != nil {
		return Place{}, err
	}
	switch {
	case g.LaunchConfiguration != "":
		return Place{}, Invalid("LaunchInstances is only supported for Auto Scaling groups that use a launch template.")
	case g.Suspended("Launch"):
		return Place{}, Invalid("The Launch process of the Auto Scaling group %s is suspended.", g.Name)
	case g.Desired+in.RequestedCapacity > g.Max:
		return Place{}, Invalid("AutoScalingGroup '%s' has min-size=%d, max-size=%d, and desired-size=%d. Launching %d more would exceed the maximum size.", g.Name, g.Min, g.Max, g.Desired, in.RequestedCapacity)
	case len(in.SubnetIds) > 0:
		n := slices.IndexFunc(g.Places, func(p Place) bool { return p.Subnet == in.SubnetIds[0] })
		if n < 0 {
			return Place{}, Invalid("The subnet %s is not one of the Auto Scaling group's.", in.SubnetIds[0])
		}
		if len(zones) > 0 && zones[0] != g.Places[n].Zone {
			return Place{}, Invalid("The subnet %s is not in the Availability Zone %s.", in.SubnetIds[0], zones[0])
		}
		return g.Places[n], nil
	case len(zones) > 0 && !slices.Contains(g.Zones, zones[0]):
		return Place{}, Invalid("The Availability Zone %s is not one of the Auto Scaling group's.", zones[0])
	case len(zones) > 0:
		return Place{Zone: zones[0]}, nil
	case len(g.Zones) > 1:
		return Place{}, Invalid("AvailabilityZones, AvailabilityZoneIds or SubnetIds must be specified for Auto Scaling groups with several Availability Zones.")
	}
	return Place{Zone: g.Zones[0]}, nil
}

// provision launches what a request asks for, as far as there is capacity.
func (k *Keeper) provision(c *cloud.Call, in *api.LaunchInstancesInput, where Place) (*api.LaunchInstancesOutput, error) {
	out := &api.LaunchInstancesOutput{AutoScalingGroupName: &in.AutoScalingGroupName, ClientToken: &in.ClientToken, Instances: []api.InstanceCollection{}, Errors: []api.LaunchInstancesError{}}
	key := store.K(c.Account, c.Region, in.AutoScalingGroupName)
	left := in.RequestedCapacity
	for n := 0; left > 0 && n < mostProvisioned; n++ {
		s, err := look(c, key)
		if err != nil {
			return nil, err
		}
		if s == nil {
			return nil, errNoGroup()
		}
		m, err := s.menu(c)
		if err != nil {
			return nil, err
		}
		i, errs, err := k.provisionOne(c, s, m, where, left)
		if err != nil {
			return nil, err
		}
		if i == nil {
			out.Errors = errs
			break
		}
		left -= i.Weight
		out.Instances = collect(out.Instances, i)
	}
	if left <= 0 || cloud.Or(in.RetryStrategy, api.RetryStrategyNone) == api.RetryStrategyNone {
		return out, nil
	}
	return out, c.Update(func(tx store.Tx) error {
		if g, ok := Groups.Get(tx, key...); ok {
			SetDesired(tx, g, g.Desired+left, byLaunch(c.Now))
		}
		return nil
	})
}

func byLaunch(at time.Time) Cause { return Cause{At: at, Text: "a user request launched instances"} }

// provisionOne launches one instance, of the first type that there is capacity
// for; nil where there is none, with what was said of each.
func (k *Keeper) provisionOne(c *cloud.Call, s *scene, m *menu, where Place, left int32) (i *Instance, errs []api.LaunchInstancesError, err error) {
	spot := s.buysSpot(s.Desired + left)
	holds, err := s.holds(c)
	if err != nil {
		return nil, nil, err
	}
	for _, d := range s.offers(m, where.Zone, spot, c.Now) {
		o := order{dish: d, zone: where.Zone, subnet: cmp.Or(where.Subnet, s.subnetIn(where.Zone)), spot: spot, maxPrice: s.distribution().maxPrice}
		err := error(errUnreserved())
		for _, o.reservation = range s.ways(holds, o) {
			if i, err = k.provisionNow(c, s, m, o); err == nil || !isCode(err, errUnreserved().Code) {
				break
			}
		}
		var e *cloud.Error
		if !errors.As(err, &e) || e.Server {
			return i, nil, err
		}
		if !scarce(e) {
			return nil, nil, err
		}
		errs = append(errs, api.LaunchInstancesError{
			InstanceType: optional(d.kind), MarketType: new(market(spot)), SubnetId: optional(o.subnet), AvailabilityZone: &o.zone,
			AvailabilityZoneId: optional(zoneID(o.zone)), ErrorCode: &e.Code, ErrorMessage: &e.Message,
		})
	}
	return nil, errs, nil
}

// provisionNow launches one instance, by which its group grows.
func (k *Keeper) provisionNow(c *cloud.Call, s *scene, m *menu, o order) (i *Instance, err error) {
	err = c.Update(func(tx store.Tx) error {
		g, err := findLive(c, tx, s.Name)
		if err != nil {
			return err
		}
		to := g.Clone()
		to.Desired += max(o.weight, 1)
		Groups.Put(tx, to)
		grown := fmt.Sprintf("At %s an instance was started in response to a difference between desired and actual capacity, increasing the capacity from %d to %d.", stamp(c.Now), g.Desired, to.Desired)
		if i, err = k.admit(c, tx, to, m, o, c.Rand().UUID(), sentences(byLaunch(c.Now).sentence(g.Desired, to.Desired), grown)); err == nil {
			Wake(tx, to, time.Time{})
		}
		return err
	})
	return i, err
}

// market is the name of a market: "OnDemand" or "Spot".
func market(spot bool) string {
	if spot {
		return "Spot"
	}
	return "OnDemand"
}

// collect adds an instance to those of its type, market and place.
func collect(list []api.InstanceCollection, i *Instance) []api.InstanceCollection {
	for n := range list {
		l := &list[n]
		if *l.InstanceType == i.Type && *l.MarketType == market(i.Spot) && cloud.Or(l.SubnetId, "") == i.Subnet {
			l.InstanceIds = append(l.InstanceIds, i.ID)
			return list
		}
	}
	return append(list, api.InstanceCollection{
		InstanceType: &i.Type, MarketType: new(market(i.Spot)), SubnetId: optional(i.Subnet), AvailabilityZone: &i.Zone,
		AvailabilityZoneId: optional(zoneID(i.Zone)), InstanceIds: []string{i.ID},
	})
}
