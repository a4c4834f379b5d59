package group

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// resize launches what a group lacks, and takes out what it has too much.
func (k *Keeper) resize(c *cloud.Call, s *scene) (changed bool, err error) {
	have, goal := s.have(), s.goal()
	switch {
	case have < goal && !s.Suspended("Launch"):
		if c.Now.Before(s.Retry) {
			s.wake(s.Retry)
			return false, nil
		}
		return k.grow(c, s, goal)
	case have > goal && (!s.Suspended("Terminate") || s.Deleting):
		return k.shrink(c, s, have-goal)
	}
	return false, nil
}

// shrink takes out as many instances as there are too many: each is chosen with
// those before it gone, and the activities of all tell of all.
func (k *Keeper) shrink(c *cloud.Call, s *scene, excess int32) (changed bool, err error) {
	gone := map[string]bool{}
	var list []*Instance
	have, left := s.have(), excess
	for left > 0 {
		i := s.choose(c.Now, left, gone)
		if i == nil {
			break // the others are protected, or weigh too much
		}
		gone[i.ID] = true
		list, left = append(list, i), left-i.Weight
	}
	all := sentences(shrunk(c.Now, have, have-excess+left), selected(c.Now, list...))
	for _, i := range list {
		err := k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
			if capacity(tx, g)-d.Weight < g.Desired && !g.Deleting {
				return nil // somebody wants more meanwhile
			}
			why := g.Why
			if d.Replacing != nil && d.Replacing.Balance {
				why = d.Replacing.Why
			}
			k.leave(c, tx, g, d, Leaving{To: ToTerminate, Shrinks: true}, "Terminating EC2 instance: "+d.ID, sentences(why, all))
			return nil
		})
		if err != nil {
			return changed, err
		}
		changed = true
	}
	return changed, nil
}

// capacity is what a group has now.
func capacity(r store.Reader, g *Group) (units int32) {
	for i := range Instances(r, g) {
		if i.Active() {
			units += i.Weight
		}
	}
	return units
}

// sentences joins those that there are as AWS does, with two spaces.
func sentences(list ...string) string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return strings.Join(out, "  ")
}

// rebalance evens out zones that differ by more than one instance: one of the
// fullest zone is replaced, and its successor comes first. So are instances in
// zones that the group has left.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/auto-scaling-benefits.html#AutoScalingBehavior.Rebalancing
func (k *Keeper) rebalance(c *cloud.Call, s *scene) (bool, error) {
	if s.Suspended("AZRebalance") || s.Suspended("Launch") || s.Deleting || s.inTransition() || s.have() != s.Desired || c.Now.Before(s.Retry) {
		return false, nil
	}
	count := map[string]int{}
	for _, z := range s.Zones {
		if !s.dark[z] && z != s.away && !s.avoided(c.Now, z) {
			count[z] = 0
		}
	}
	for _, i := range s.members {
		if i.Replacing != nil {
			return false, nil
		}
		if n, ok := count[i.Zone]; ok && i.Active() && !s.apart(i) {
			count[i.Zone] = n + 1
		}
	}
	from, to := s.uneven(count)
	if from == "" {
		return false, nil
	}
	i := s.choose(c.Now, s.Desired, s.outside(from))
	if i == nil {
		return false, nil
	}
	why := fmt.Sprintf("At %s instances were launched to balance instances in zones %s with other zones resulting in more than desired number of instances in the group.", stamp(c.Now), to)
	lack := s.unbalanced(c.Now, count)
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		d.Replacing = &Replacement{Why: why, First: true, Balance: true, Lack: lack, At: c.Now}
		Members.Put(tx, d)
		Wake(tx, g, time.Time{})
		return nil
	})
}

// unbalanced tells how many instances zones have, and that one is launched for
// that.
func (s *scene) unbalanced(now time.Time, count map[string]int) string {
	var names, numbers []string
	for _, z := range s.Zones {
		if n, ok := count[z]; ok {
			names, numbers = append(names, z), append(numbers, strconv.Itoa(n))
		}
	}
	return fmt.Sprintf("At %s availability zones %s had %s instances respectively. An instance was launched to aid in balancing the group's zones.", stamp(now), strings.Join(names, " "), strings.Join(numbers, " "))
}

// uneven are the zone that has too many instances and the one that has too few;
// "" where all is even. A zone that the group has left has too many with one.
func (s *scene) uneven(count map[string]int) (from, to string) {
	for _, z := range s.Zones {
		n, ok := count[z]
		if !ok {
			continue
		}
		if from == "" || n > count[from] {
			from = z
		}
		if to == "" || n < count[to] {
			to = z
		}
	}
	if to == "" {
		return "", ""
	}
	for _, i := range s.members {
		if i.Active() && !s.in(i.Zone) && !i.Protected {
			return i.Zone, to
		}
	}
	if count[from]-count[to] < 2 {
		return "", ""
	}
	return from, to
}

func (s *scene) in(zone string) bool {
	for _, z := range s.Zones {
		if z == zone {
			return true
		}
	}
	return false
}

// apart tells whether an instance does not count where zones are evened out: it
// is where capacity is reserved.
func (s *scene) apart(i *Instance) bool { return s.ReservedFirst && i.Reservation != "" }

// outside are the instances that are not in a zone, or do not count there, to be
// left out.
func (s *scene) outside(zone string) map[string]bool {
	out := map[string]bool{}
	for _, i := range s.members {
		if i.Zone != zone || s.apart(i) {
			out[i.ID] = true
		}
	}
	return out
}

// avoided tells whether launches failed in a zone of late.
func (g *Group) avoided(now time.Time, zone string) bool {
	for _, a := range g.Avoid {
		if a.Zone == zone && now.Before(a.Until) {
			return true
		}
	}
	return false
}
