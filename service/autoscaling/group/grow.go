package group

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const (
	// firstRetry is how long a group waits after a launch that failed; each
	// further one doubles it, up to longestRetry.
	firstRetry   = 10 * time.Second
	longestRetry = 10 * time.Minute
	// avoiding is how long a zone without capacity is left alone where others
	// have some.
	avoiding = 5 * time.Minute
)

// errEnough ends a launch that is not needed any more.
var errEnough = errors.New("the group has what it wants")

// grow launches, or takes out of the warm pool, what a group lacks.
func (k *Keeper) grow(c *cloud.Call, s *scene, goal int32) (changed bool, err error) {
	m, err := s.menu(c)
	if err != nil {
		return k.cannot(c, s, err)
	}
	b := s.batch(goal)
	for s.have() < goal {
		if i := s.readiest(); i != nil {
			if err := k.take(c, s, i, b); err != nil {
				return changed, err
			}
			changed = true
			continue
		}
		i, failure, err := k.buy(c, s, m, b)
		switch {
		case errors.Is(err, errEnough):
			return true, nil
		case err != nil:
			return changed, err
		case failure != nil:
			return true, c.Update(func(tx store.Tx) error { failed(c, tx, s.Group); return nil })
		}
		s.members = append(s.members, i)
		changed = true
	}
	return changed, nil
}

// cannot notes a launch that came to nothing before EC2 was asked.
func (k *Keeper) cannot(c *cloud.Call, s *scene, err error) (bool, error) {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return false, err
	}
	return true, c.Update(func(tx store.Tx) error {
		if g, ok := Groups.Get(tx, s.Key()...); ok && g.ID == s.ID {
			now := sceneOf(tx, g)
			refused(c, tx, g, e, order{batch: now.batch(now.goal())})
			failed(c, tx, g)
		}
		return nil
	})
}

// buy launches one instance: in the zone that has the fewest, of the type that
// the strategy prefers. Where that has no capacity, others are tried.
func (k *Keeper) buy(c *cloud.Call, s *scene, m *menu, b batch) (i *Instance, failure *cloud.Error, err error) {
	spot := s.buysSpot(b.to)
	holds, err := s.holds(c)
	if err != nil {
		return nil, nil, err
	}
	zones := s.zonesByNeed(c.Now)
	if s.ReservedFirst && !spot {
		zones = reserved(zones, m, holds)
	}
	for _, z := range zones {
		lacking := false
		for _, d := range s.offers(m, z, spot, c.Now) {
			o := order{dish: d, zone: z, subnet: s.subnetIn(z), spot: spot, maxPrice: s.distribution().maxPrice, batch: b}
			i, err = k.anyway(c, s, m, o, holds)
			if !errors.As(err, &failure) {
				return i, nil, err
			}
			if lacking = scarce(failure); !lacking {
				return nil, failure, nil
			}
		}
		if lacking && !s.BalancedOnly {
			if err := k.avoid(c, s, z); err != nil {
				return nil, nil, err
			}
		}
	}
	if failure == nil {
		failure = Invalid("There is no capacity for what the group launches.")
	}
	return nil, failure, nil
}

// anyway launches one instance in the first of the ways, to use reserved
// capacity or not, in which there is some.
func (k *Keeper) anyway(c *cloud.Call, s *scene, m *menu, o order, holds []hold) (i *Instance, err error) {
	ways := s.ways(holds, o)
	if len(ways) == 0 {
		e := errUnreserved()
		return nil, errors.Join(e, c.Update(func(tx store.Tx) error {
			if g, ok := Groups.Get(tx, s.Key()...); ok && g.ID == s.ID {
				refused(c, tx, g, e, o)
			}
			return nil
		}))
	}
	for n, way := range ways {
		o.reservation = way
		i, err = k.launch(c, s, m, o, n == len(ways)-1)
		if err == nil || !isCode(err, errUnreserved().Code) {
			return i, err
		}
	}
	return nil, err
}

// scarce tells whether a launch may do better in another zone or of another
// type.
func scarce(e *cloud.Error) bool {
	return slices.Contains([]string{
		"InsufficientInstanceCapacity", "InsufficientFreeAddressesInSubnet", "InsufficientAddressCapacity", "InsufficientHostCapacity", "Unsupported",
		"SpotMaxPriceTooLow", "InsufficientReservedInstanceCapacity", "ReservationCapacityExceeded", "InsufficientCapacity",
	}, e.Code)
}

// launch launches one instance and enters it, with its activity, in one
// transaction. Its client token is the activity's id: however often this is
// tried, there is one instance. What EC2 refuses is told by an activity, unless
// something else is tried yet.
func (k *Keeper) launch(c *cloud.Call, s *scene, m *menu, o order, last bool) (i *Instance, err error) {
	id := c.Rand().UUID()
	err = c.Update(func(tx store.Tx) error {
		g, ok := Groups.Get(tx, s.Key()...)
		if !ok || g.ID != s.ID {
			return errEnough
		}
		now := sceneOf(tx, g)
		if now.have() >= now.goal() || g.Suspended("Launch") {
			return errEnough
		}
		i, err = k.admit(c, tx, g, m, o, id, now.launchCause(c.Now, o.batch))
		return err
	})
	var e *cloud.Error
	if errors.As(err, &e) && (last || !isCode(err, errUnreserved().Code)) {
		return nil, errors.Join(err, c.Update(func(tx store.Tx) error {
			if g, ok := Groups.Get(tx, s.Key()...); ok && g.ID == s.ID {
				refused(c, tx, g, e, o)
			}
			return nil
		}))
	}
	return i, err
}

// admit has EC2 run an instance, and enters it with its activity, whose id is
// given.
func (k *Keeper) admit(c *cloud.Call, tx store.Tx, g *Group, m *menu, o order, id, cause string) (*Instance, error) {
	run, err := runOne(c, tx, g, m.request(g, o, id))
	if err != nil {
		return nil, err
	}
	i := m.member(c, g, o, run)
	i.State, i.Activity = api.LifecycleStatePending, id
	Begin(c, tx, g, Activity{ID: id, Instance: i.ID, Description: "Launching a new EC2 instance: " + i.ID, Cause: cause,
		Status: api.ScalingActivityStatusCodePreInService, Progress: 30, Details: details(i.Subnet, i.Zone)})
	k.become(c, tx, g, i, i.State)
	launched(tx, g, o)
	return i, nil
}

// runOne has EC2 run an instance as part of a transaction, and marks it as the
// group's.
func runOne(c *cloud.Call, tx store.Tx, g *Group, in *ec2.RunInstancesInput) (*ec2.Instance, error) {
	as := identity.AsAccount(c)
	as.Tx = tx
	as.Principal.SourceARN = g.ARN(c) // what experiments refuse capacity to
	out, err := ec2.RunInstances.Call(as, in)
	if err != nil {
		return nil, err
	}
	return &out.Instances[0], mark(as, g, *out.Instances[0].InstanceId)
}

// mark gives an instance the tag by which it tells of its group.
func mark(as *cloud.Call, g *Group, id string) error {
	_, err := ec2.CreateTags.Call(as, &ec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2.Tag{{Key: new(groupTag), Value: &g.Name}}})
	return err
}

// member is the record of an instance that was launched.
func (m *menu) member(c *cloud.Call, g *Group, o order, run *ec2.Instance) *Instance {
	i := &Instance{
		Account: g.Account, Region: g.Region, Group: g.Name, ID: *run.InstanceId,
		Zone: *run.Placement.AvailabilityZone, Subnet: cloud.Or(run.SubnetId, ""), Type: cloud.Or(run.InstanceType, ""), Image: o.image, Reservation: cloud.Or(run.CapacityReservationId, ""),
		Health: healthy, LaunchTemplate: o.template, Spot: cloud.Or(run.InstanceLifecycle, "") == "spot",
		Weight: o.weight, Weighted: m.weighted, Protected: g.Protect, Launched: c.Now,
	}
	if m.configuration != nil {
		i.LaunchConfiguration, i.Configured = m.configuration.Name, m.configuration.Created
	}
	return i
}

// launched notes what a launch was for, and that its zone has capacity.
func launched(tx store.Tx, g *Group, o order) {
	d := g.Clone()
	d.Owed = max(d.Owed-1, 0)
	d.Avoid = slices.DeleteFunc(slices.Clone(d.Avoid), func(a Avoided) bool { return a.Zone == o.zone })
	Groups.Put(tx, d)
}

// refused enters an activity for a launch that EC2 refused.
func refused(c *cloud.Call, tx store.Tx, g *Group, e *cloud.Error, o order) {
	message := strings.TrimSuffix(e.Message, ".") + ". Launching EC2 instance failed."
	Begin(c, tx, g, Activity{
		Description: "Launching a new EC2 instance.  Status Reason: " + message, Cause: sceneOf(tx, g).launchCause(c.Now, o.batch),
		Status: api.ScalingActivityStatusCodeFailed, Message: cut(message, 255), Details: details(o.subnet, o.zone),
	})
}

// failed puts the group's next launch off. A group that was only to be evened
// out stays as it is.
func failed(c *cloud.Call, tx store.Tx, g *Group) {
	now, ok := Groups.Get(tx, g.Key()...)
	if !ok {
		return
	}
	d := now.Clone()
	d.Failures++
	d.Retry = c.Now.Add(min(firstRetry<<min(d.Failures-1, 10), longestRetry))
	Groups.Put(tx, d)
	Wake(tx, d, d.Retry)
	for i := range Instances(tx, g) {
		if i.Replacing != nil && i.Replacing.Balance {
			o := i.Clone()
			o.Replacing = nil
			Members.Put(tx, o)
		}
	}
}

// avoid has a zone left alone for a while.
func (k *Keeper) avoid(c *cloud.Call, s *scene, zone string) error {
	return c.Update(func(tx store.Tx) error {
		g, ok := Groups.Get(tx, s.Key()...)
		if !ok {
			return nil
		}
		d := g.Clone()
		d.Avoid = append(slices.DeleteFunc(slices.Clone(d.Avoid), func(a Avoided) bool { return a.Zone == zone }), Avoided{zone, c.Now.Add(avoiding)})
		Groups.Put(tx, d)
		Wake(tx, d, c.Now.Add(avoiding))
		return nil
	})
}

func details(subnet, zone string) string {
	if zone == "" {
		return "{}"
	}
	if subnet == "" {
		return fmt.Sprintf(`{"Availability Zone":%q}`, zone)
	}
	return fmt.Sprintf(`{"Subnet ID":%q,"Availability Zone":%q}`, subnet, zone)
}

// zonesByNeed are the group's zones in the order in which something is to be
// launched there: those with the fewest instances first, but after those that
// can be reached the dark ones, and those without capacity.
func (s *scene) zonesByNeed(now time.Time) []string {
	count := map[string]int{}
	for _, i := range s.members {
		if i.Active() && i.Replacing == nil && !s.apart(i) {
			count[i.Zone]++
		}
	}
	zones := slices.Clone(s.open(s.Zones))
	if s.BalancedOnly { // a zone without capacity is waited for
		slices.SortStableFunc(zones, func(a, b string) int { return cmp.Compare(count[a], count[b]) })
		return zones[:min(len(zones), 1)]
	}
	slices.SortStableFunc(zones, func(a, b string) int {
		return cmp.Or(
			cmp.Compare(truth(s.dark[a]), truth(s.dark[b])),
			cmp.Compare(truth(s.avoided(now, a)), truth(s.avoided(now, b))),
			cmp.Compare(count[a], count[b]),
		)
	})
	return zones
}

// subnetIn is the group's subnet in a zone, of several the one with the fewest
// instances; "" for groups that name zones only.
func (s *scene) subnetIn(zone string) (best string) {
	fewest := 0
	for _, p := range s.Places {
		if p.Zone != zone {
			continue
		}
		n := 0
		for _, i := range s.members {
			if i.Active() && i.Subnet == p.Subnet {
				n++
			}
		}
		if best == "" || n < fewest {
			best, fewest = p.Subnet, n
		}
	}
	return best
}
