package drill

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"pileus/clock"
)

// event is something that was seen to happen.
type event struct {
	At   time.Duration `json:"at"` // since the drill's beginning
	Kind string        `json:"kind"`
	What string        `json:"what"`
}

// The kinds of events.
const (
	struck   = "struck"   // what the drill breaks
	healed   = "healed"   // and heals
	targeted = "target"   // the health of a target changes
	grouped  = "group"    // an instance of the group comes, goes, is in service
	alarmed  = "alarm"    // the alarm changes its state
	named    = "name"     // the load balancer's name leads elsewhere
	silent   = "silent"   // the cloud does not answer
	answered = "answered" // it does again
	clocked  = "clock"    // the cloud's clock was moved
)

// sight is what is seen at one moment.
type sight struct {
	At      time.Duration  `json:"at"`
	Healthy map[string]int `json:"healthy"` // targets by zone
	Group   int            `json:"group"`   // instances in service
	Wanted  int            `json:"wanted"`

	targets   map[string]string // health by instance
	instances map[string]member
	alarm     string
	addresses string
	answers   bool
}

// member is an instance of the group.
type member struct {
	ID    string `xml:"InstanceId"`
	Zone  string `xml:"AvailabilityZone"`
	State string `xml:"LifecycleState"`
}

func (s *sight) healthy() (n int) {
	for _, k := range s.Healthy {
		n += k
	}
	return n
}

// watcher looks at the cloud again and again.
type watcher struct {
	d     *drill
	watch clock.Stopwatch

	mu     sync.Mutex
	events []event
	sights []*sight
}

const lookEvery = 200 * time.Millisecond

func (w *watcher) run(ctx context.Context) {
	machine := clock.New()
	for last := (&sight{answers: true}); ; {
		s := w.d.look(ctx)
		if ctx.Err() != nil {
			return
		}
		s.At = w.watch.Elapsed()
		for _, e := range s.since(last) {
			w.note(e.Kind, e.What)
		}
		if s.answers {
			last = s
			w.mu.Lock()
			w.sights = append(w.sights, s)
			w.mu.Unlock()
		} else {
			last.answers = false
		}
		if machine.Wait(ctx, lookEvery) != nil {
			return
		}
	}
}

// note writes an event down.
func (w *watcher) note(kind, what string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := event{w.watch.Elapsed(), kind, what}
	w.events = append(w.events, e)
	w.d.say("  %7.1f s  %-8s %s", e.At.Seconds(), kind, what)
	return e.At
}

// first is the first event of some kinds from a time on.
func (w *watcher) first(from time.Duration, is func(event) bool) (event, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if e.At > from && is(e) {
			return e, true
		}
	}
	return event{}, false
}

// last is what was seen last.
func (w *watcher) last() *sight {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sights) == 0 {
		return &sight{}
	}
	return w.sights[len(w.sights)-1]
}

// since is what has changed between two looks.
func (s *sight) since(old *sight) (list []event) {
	add := func(kind, format string, args ...any) {
		list = append(list, event{Kind: kind, What: fmt.Sprintf(format, args...)})
	}
	if !s.answers {
		if old.answers {
			add(silent, "the cloud's API does not answer")
		}
		return list
	}
	if !old.answers {
		add(answered, "the cloud's API answers again")
	}
	for _, id := range slices.Sorted(maps.Keys(s.targets)) {
		if now, before := s.targets[id], old.targets[id]; now != before && old.targets != nil {
			add(targeted, "%s in %s is %s", id, s.zone(old, id), now)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(old.targets)) {
		if s.targets[id] == "" {
			add(targeted, "%s in %s is no target any more", id, s.zone(old, id))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(s.instances)) {
		if now, before := s.instances[id], old.instances[id]; now.State != before.State && old.instances != nil {
			add(grouped, "%s in %s: %s", id, now.Zone, now.State)
		}
	}
	if s.alarm != old.alarm && old.alarm != "" {
		add(alarmed, "%s", s.alarm)
	}
	if s.addresses != old.addresses && old.addresses != "" {
		add(named, "the load balancer is at %s", s.addresses)
	}
	return list
}

func (s *sight) zone(old *sight, id string) string {
	for _, m := range []member{s.instances[id], old.instances[id]} {
		if m.Zone != "" {
			return m.Zone
		}
	}
	return "an unknown zone"
}

// look asks the cloud how the application is.
func (d *drill) look(ctx context.Context) *sight {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	s := &sight{Healthy: map[string]int{}, targets: map[string]string{}, instances: map[string]member{}}
	var health struct {
		Targets []struct {
			ID    string `xml:"Target>Id"`
			State string `xml:"TargetHealth>State"`
		} `xml:"DescribeTargetHealthResult>TargetHealthDescriptions>member"`
	}
	var groups struct {
		Desired   int      `xml:"DescribeAutoScalingGroupsResult>AutoScalingGroups>member>DesiredCapacity"`
		Instances []member `xml:"DescribeAutoScalingGroupsResult>AutoScalingGroups>member>Instances>member"`
	}
	var alarms struct {
		State string `xml:"DescribeAlarmsResult>MetricAlarms>member>StateValue"`
	}
	if d.cloud.query(ctx, elb, "DescribeTargetHealth", &health, "TargetGroupArn", d.tier.targets) != nil ||
		d.cloud.query(ctx, autoscaling, "DescribeAutoScalingGroups", &groups, "AutoScalingGroupNames.member.1", d.tier.group) != nil ||
		d.cloud.query(ctx, cloudwatch, "DescribeAlarms", &alarms, "AlarmNames.member.1", d.tier.alarm) != nil {
		return s
	}
	s.answers, s.alarm, s.Wanted = true, alarms.State, groups.Desired
	for _, m := range groups.Instances {
		s.instances[m.ID] = m
		if m.State == "InService" {
			s.Group++
		}
	}
	for _, t := range health.Targets {
		s.targets[t.ID] = t.State
		if t.State == "healthy" {
			s.Healthy[s.instances[t.ID].Zone]++
		}
	}
	var list []string
	for _, a := range d.addresses() {
		list = append(list, a.String())
	}
	s.addresses = strings.Join(list, ", ")
	return s
}

// whole tells whether the group has what it wants, and all of it serves.
func (d *drill) whole() (bool, error) {
	s := d.look(context.Background())
	if !s.answers {
		return false, fmt.Errorf("the cloud does not answer")
	}
	if s.Group < s.Wanted || s.healthy() < s.Wanted {
		return false, fmt.Errorf("%d of %d instances in service, %d healthy", s.Group, s.Wanted, s.healthy())
	}
	return true, nil
}
