package group

import (
	"errors"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
	"pileus/zone"
	"pileus/zone/shift"
)

// scene is a group with all that its controller looks at.
type scene struct {
	*Group
	policy  *api.InstanceMaintenancePolicy // the group's or its account's; nil for none
	members []*Instance
	hooks   []*Hook
	dark    map[string]bool  // its zones that are cut off
	away    string           // the zone that it is shifted away from; "" for none
	seen    map[string]sight // instances, as EC2 has them
	serves  map[string]bool  // its sources that have a healthy instance
	next    time.Time        // when the controller wants to look again; zero: never
}

// sight is an instance as EC2 tells of it.
type sight struct {
	State    string // "running"; "" where EC2 does not know it any more
	Impaired bool   // a status check fails
}

// gone tells whether the instance ends or has ended.
func (s sight) gone() bool {
	return s.State == "" || s.State == ec2.InstanceStateNameTerminated || s.State == ec2.InstanceStateNameShuttingDown
}

// down tells whether the instance neither runs nor begins to.
func (s sight) down() bool {
	return s.State != ec2.InstanceStateNameRunning && s.State != ec2.InstanceStateNamePending
}

// look reads a group; nil where there is none.
func look(c *cloud.Call, key store.Key) (*scene, error) {
	var s *scene
	err := c.View(func(r store.Reader) error {
		s = nil
		if g, ok := Groups.Get(r, key...); ok {
			s = sceneOf(r, g)
		}
		return nil
	})
	if err != nil || s == nil {
		return nil, err
	}
	return s, s.ask(c)
}

// sceneOf is a group with its records.
func sceneOf(r store.Reader, g *Group) *scene {
	s := &scene{Group: g, dark: map[string]bool{}, seen: map[string]sight{}, serves: map[string]bool{}}
	s.policy = MaintenanceOf(r, g)
	s.members = slices.Collect(Instances(r, g))
	s.hooks = slices.Collect(Hooking.Scan(r, g.Account, g.Region, g.Name))
	s.away = shift.Away(r, g.Account, g.Region, g.arn("aws"))
	for _, z := range g.Zones {
		s.dark[z] = zone.Down(r, z)
	}
	return s
}

// asked is how many instances are asked about at once.
const asked = 100

// ask asks EC2 how the group's instances are.
func (s *scene) ask(c *cloud.Call) error {
	var ids []string
	for _, i := range s.members {
		ids = append(ids, i.ID)
	}
	seen, err := sights(c, ids)
	s.seen = seen
	return err
}

// sights are instances as EC2 has them.
func sights(c *cloud.Call, ids []string) (map[string]sight, error) {
	seen := map[string]sight{}
	for part := range slices.Chunk(ids, asked) {
		err := see(c, part, seen)
		if isCode(err, "InvalidInstanceID.NotFound") { // one at a time, to find out which are there
			for _, id := range part {
				if err = see(c, []string{id}, seen); err != nil && !isCode(err, "InvalidInstanceID.NotFound") {
					return nil, err
				}
			}
			err = nil
		}
		if err != nil {
			return nil, err
		}
	}
	return seen, nil
}

func see(c *cloud.Call, ids []string, seen map[string]sight) error {
	out, err := ec2.DescribeInstanceStatus.Call(identity.AsAccount(c), &ec2.DescribeInstanceStatusInput{InstanceIds: ids, IncludeAllInstances: new(true)})
	if err != nil {
		return err
	}
	for _, st := range out.InstanceStatuses {
		seen[*st.InstanceId] = sight{
			State:    *st.InstanceState.Name,
			Impaired: *st.InstanceStatus.Status == ec2.SummaryStatusImpaired || *st.SystemStatus.Status == ec2.SummaryStatusImpaired,
		}
	}
	return nil
}

// isCode tells whether err is an error that a client sees, with the code.
func isCode(err error, code string) bool {
	var e *cloud.Error
	return errors.As(err, &e) && e.Code == code
}

// wake has the controller look again at a time at the latest.
func (s *scene) wake(at time.Time) {
	if s.next.IsZero() || at.Before(s.next) {
		s.next = at
	}
}

// weigh sums up the capacity of instances.
func (s *scene) weigh(which func(*Instance) bool) (units int32) {
	for _, i := range s.members {
		if which(i) {
			units += i.Weight
		}
	}
	return units
}

// have is the group's capacity.
func (s *scene) have() int32 { return s.weigh((*Instance).Active) }

// goal is the capacity that the group is to have now: the desired one, and as
// much more as instances wait for their successors. Beyond the maximum it goes
// by a tenth, or one, or as far as the maintenance policy lets it.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html#AutoScalingBehavior.InstanceUsage
func (s *scene) goal() int32 {
	if s.Deleting {
		return 0
	}
	extra := s.weigh(func(i *Instance) bool { return i.Active() && i.Replacing != nil && i.Replacing.First })
	if extra == 0 {
		return s.Desired
	}
	return min(s.Desired+extra, max(s.Max+max(1, s.Max/10), s.maintained()))
}

// maintained is the most that the maintenance policy allows; 0 without one.
func (s *scene) maintained() int32 {
	if p := s.policy; p != nil && cloud.Or(p.MaxHealthyPercentage, -1) >= 100 {
		return s.Desired * *p.MaxHealthyPercentage / 100
	}
	return 0
}

// inTransition tells whether instances come or go.
func (s *scene) inTransition() bool {
	return slices.ContainsFunc(s.members, func(i *Instance) bool {
		return i.Leaving != nil && i.State != api.LifecycleStateStandby || i.Active() && !i.Serving()
	})
}

// allDark tells whether the group has no zone left.
func (s *scene) allDark() bool {
	return !slices.ContainsFunc(s.Zones, func(z string) bool { return !s.dark[z] })
}

// restless tells whether the group may have to change though nobody tells it: a
// zone is dark, instances are ill, or there are not as many as are wanted.
func (s *scene) restless() bool {
	for _, dark := range s.dark {
		if dark {
			return true
		}
	}
	return s.have() != s.Desired || slices.ContainsFunc(s.members, func(i *Instance) bool { return i.Health == unhealthy || i.Replacing != nil })
}
