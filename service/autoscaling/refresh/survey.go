package refresh

import (
	"cmp"
	"slices"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// survey is what a group looks like to its refresh. Weights are in units of the
// desired capacity.
type survey struct {
	old     []*group.Instance // still to be replaced, and none of these
	marked  []*group.Instance // told to go, once their successor is there
	waiting []*group.Instance // protected or in standby: to be waited for
	standby []*group.Instance // to be terminated
	pool    []*group.Instance // of the warm pool

	marching int32 // weight of those marked whose successor comes first
	fresh    int32 // weight of what is new, and not warm yet
	healthy  int32 // weight of what serves and is to go on serving for now
	missing  int32 // what the group lacks
	warm     time.Time
	example  string // an instance that is not warm yet
}

// look surveys a group.
func (x *refresh) look(c *cloud.Call, r store.Reader, g *group.Group) *survey {
	v := &survey{}
	present := int32(0)
	for i := range group.Instances(r, g) {
		if i.Leaving != nil || i.Retained() {
			continue
		}
		if i.Warm {
			if slices.Contains(x.WarmTodo, i.ID) {
				v.pool = append(v.pool, i)
			}
			continue
		}
		if i.Active() {
			present += i.Weight
		}
		if x.inPlace() {
			v.seePlace(c, x, i)
			continue
		}
		if !slices.Contains(x.Todo, i.ID) && !slices.Contains(x.WarmTodo, i.ID) || x.ignores(i) {
			v.see(c, x, i)
			continue
		}
		v.sort(x, i)
	}
	v.missing = max(0, g.Desired-present)
	slices.SortFunc(v.old, func(a, b *group.Instance) int {
		return cmp.Or(cmp.Compare(b.Health, a.Health), a.Launched.Compare(b.Launched), cmp.Compare(a.ID, b.ID)) // unhealthy before healthy
	})
	return v
}

// see counts an instance that stays.
func (v *survey) see(c *cloud.Call, x *refresh, i *group.Instance) {
	if slices.Contains(x.Kept, i.ID) && i.Serving() {
		v.healthy += i.Weight
		return
	}
	v.settle(c, x, i)
}

// settle counts an instance that is new, or like new: it warms up.
func (v *survey) settle(c *cloud.Call, x *refresh, i *group.Instance) {
	switch seconds := *x.Preferences.InstanceWarmup; {
	case !i.Active():
	case i.Warmed(c.Now, seconds):
		v.healthy += i.Weight
	default:
		v.fresh += i.Weight
		v.example = i.ID
		if due := i.InService.Add(time.Duration(seconds) * time.Second); i.Serving() && (v.warm.IsZero() || due.Before(v.warm)) {
			v.warm = due
		}
	}
}

// sort counts an instance that is to be replaced.
func (v *survey) sort(x *refresh, i *group.Instance) {
	switch p := x.Preferences; {
	case i.State == api.LifecycleStateStandby:
		if *p.StandbyInstances == api.StandbyInstancesTerminate {
			v.standby = append(v.standby, i)
		} else {
			v.waiting = append(v.waiting, i)
		}
		return
	case i.Replacing != nil:
		v.marked = append(v.marked, i)
		if !i.Replacing.First {
			return
		}
		v.marching += i.Weight
	case !i.Active():
		return // it leaves
	case i.Protected && *p.ScaleInProtectedInstances == api.ScaleInProtectedInstancesWait:
		v.waiting = append(v.waiting, i)
	default:
		v.old = append(v.old, i)
	}
	if i.Serving() {
		v.healthy += i.Weight
	}
}

// left is how many instances are not updated yet.
func (v *survey) left(x *refresh) int32 {
	undone := int32(len(v.old) + len(v.marked) + len(v.waiting) + len(v.standby))
	// A successor of one that is marked is counted with it.
	return min(undone+max(0, v.fresh-v.marching)+v.missing, int32(len(x.Todo)))
}

// idle tells whether no replacement is under way.
func (v *survey) idle() bool { return len(v.marked) == 0 && v.fresh == 0 && v.missing == 0 }

// next are the instances to replace now, and whether their successors come
// first: not where they stay in place. most is how many may be; negative for any
// number.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-overview.html
func (v *survey) next(p *api.RefreshPreferences, desired, most int32, inPlace bool) (list []*group.Instance, first bool) {
	free := int32(0)
	if first = *p.MaxHealthyPercentage > 100 && !inPlace; first {
		free = max(1, desired**p.MaxHealthyPercentage/100-desired) - max(v.marching, v.fresh+v.missing)
	} else {
		least := (desired**p.MinHealthyPercentage + 99) / 100
		free = v.healthy - least
		if v.idle() { // one at a time, however few there are
			free = max(free, 1)
		}
	}
	for _, i := range v.old {
		if most >= 0 && int32(len(list)) >= most || free < i.Weight && (len(list) > 0 || free < 1 || !v.idle()) {
			break
		}
		list, free = append(list, i), free-i.Weight
	}
	return list, first
}
