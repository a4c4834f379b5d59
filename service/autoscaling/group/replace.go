package group

import (
	"fmt"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// replace takes out what is to be replaced: instances that are unhealthy, too
// old, or marked by somebody (see Replace), as soon as it may.
func (k *Keeper) replace(c *cloud.Call, s *scene) (changed bool, err error) {
	if s.Suspended("Terminate") || s.Deleting {
		return false, nil
	}
	for _, i := range s.members {
		did := false
		switch {
		case !i.Active(), i.Health == unhealthy && s.spared(i):
			continue
		case i.Health == unhealthy && !s.Suspended("ReplaceUnhealthy"):
			did, err = k.heal(c, s, i)
		case i.Replacing != nil:
			did, err = k.succeed(c, s, i)
		case s.MaxLifetime > 0 && i.Serving():
			did, err = k.retire(c, s, i)
		}
		if did || err != nil {
			return did, err
		}
	}
	return false, nil
}

// firstPolicy tells whether the maintenance policy has successors come before
// instances go.
func (s *scene) firstPolicy() bool {
	p := s.policy
	return p != nil && cloud.Or(p.MinHealthyPercentage, -1) >= 100 && cloud.Or(p.MaxHealthyPercentage, -1) > 100
}

// heal takes an unhealthy instance out; another is launched in its place. One
// that is not gone yet stays until that one serves, where the maintenance
// policy wants it.
func (k *Keeper) heal(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	if s.firstPolicy() && !s.seen[i.ID].down() {
		if i.Replacing != nil {
			return k.succeed(c, s, i)
		}
		return true, c.Update(func(tx store.Tx) error {
			Replace(c, tx, i, "", true)
			return nil
		})
	}
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		k.leave(c, tx, g, d, Leaving{To: ToTerminate}, "Terminating EC2 instance: "+d.ID, sick(c, d))
		owe(tx, g)
		return nil
	})
}

// owe notes that the next launch takes the place of an unhealthy instance.
func owe(tx store.Tx, g *Group) {
	if now, ok := Groups.Get(tx, g.Key()...); ok {
		d := now.Clone()
		d.Owed++
		Groups.Put(tx, d)
	}
}

// succeed takes out an instance that is to be replaced: at once, or where its
// successor is to come first, once the others carry what is desired without it.
func (k *Keeper) succeed(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	if i.Replacing.First {
		seconds := int32(0)
		if w := cloud.Or(s.Warmup, -1); w > 0 {
			seconds = w
		}
		seconds = cloud.Or(i.Replacing.Warmup, seconds)
		carried := s.weigh(func(o *Instance) bool {
			if o.ID == i.ID || !o.Active() || o.Health == unhealthy {
				return false
			}
			if !o.Warmed(c.Now, seconds) {
				if o.Serving() && o.Replacing == nil {
					s.wake(o.InService.Add(time.Duration(seconds) * time.Second))
				}
				return false
			}
			return true
		})
		if carried < s.Desired {
			return false, nil
		}
	}
	return true, k.step(c, i, func(tx store.Tx, g *Group, d *Instance) error {
		cause := sick(c, d)
		if d.Health != unhealthy {
			cause = d.Replacing.cause(c.Now, s.have(), d)
		}
		k.leave(c, tx, g, d, Leaving{To: ToTerminate}, "Terminating EC2 instance: "+d.ID, cause)
		return nil
	})
}

// cause is why a replaced instance is taken out, as its activity tells it.
func (r *Replacement) cause(now time.Time, have int32, i *Instance) string {
	if r.First && r.Balance {
		return sentences(r.Why, shrunk(now, have, have-i.Weight), selected(now, i))
	}
	return sentences(fmt.Sprintf("At %s an instance was taken out of service in response to %s.", stamp(now), r.Why), selected(now, i))
}

// retire has an instance replaced that is older than the group allows. They go
// one at a time, or a tenth of the group.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-max-instance-lifetime.html
func (k *Keeper) retire(c *cloud.Call, s *scene, i *Instance) (bool, error) {
	due := i.Launched.Add(time.Duration(s.MaxLifetime) * time.Second)
	if c.Now.Before(due) {
		s.wake(due)
		return false, nil
	}
	under := s.weigh(func(o *Instance) bool { return o.Replacing != nil || o.Active() && !o.Serving() })
	if under >= max(1, s.Desired/10) || s.have() < s.Desired || i.Protected {
		return false, nil
	}
	return true, c.Update(func(tx store.Tx) error {
		Replace(c, tx, i, "the maximum instance lifetime of the group", s.firstPolicy())
		return nil
	})
}
