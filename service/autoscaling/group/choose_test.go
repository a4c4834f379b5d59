package group

import (
	"testing"
	"time"

	api "pileus/api/autoscaling"
)

// TestTerminationPolicies asks of one set of instances which each policy has go
// first.
func TestTerminationPolicies(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	version := func(v string) *api.LaunchTemplateSpecification {
		return &api.LaunchTemplateSpecification{LaunchTemplateId: new("lt-1"), Version: &v}
	}
	at := func(id, zone string, age time.Duration, edits ...func(*Instance)) *Instance {
		i := &Instance{ID: id, Zone: zone, State: api.LifecycleStateInService, Health: healthy, Weight: 1, Launched: ago(age), LaunchTemplate: version("2")}
		for _, edit := range edits {
			edit(i)
		}
		return i
	}
	old := func(i *Instance) { i.LaunchTemplate = version("1") }
	protected := func(i *Instance) { i.Protected = true }
	configured := func(d time.Duration) func(*Instance) {
		return func(i *Instance) { i.LaunchTemplate, i.LaunchConfiguration, i.Configured = nil, "lc", ago(d) }
	}
	for _, x := range []struct {
		name     string
		policies []string
		members  []*Instance
		want     string
	}{
		{"the fullest zone comes first", []string{oldestInstance}, []*Instance{at("i-1", "a", time.Hour), at("i-2", "b", 3*time.Minute), at("i-3", "b", 2*time.Minute)}, "i-2"},
		{"oldest", []string{oldestInstance}, []*Instance{at("i-1", "a", 3*time.Minute), at("i-2", "a", time.Hour)}, "i-2"},
		{"newest", []string{newestInstance}, []*Instance{at("i-1", "a", time.Hour), at("i-2", "a", 3*time.Minute)}, "i-2"},
		{"closest to the next hour", []string{closestToNextHour}, []*Instance{at("i-1", "a", 90*time.Minute), at("i-2", "a", 59*time.Minute)}, "i-2"},
		{"oldest template", []string{oldestTemplate}, []*Instance{at("i-1", "a", time.Hour), at("i-2", "a", time.Minute, old)}, "i-2"},
		{"oldest configuration", []string{oldestConfiguration}, []*Instance{at("i-1", "a", time.Hour, configured(time.Hour)), at("i-2", "a", time.Minute, configured(2*time.Hour))}, "i-2"},
		{"a configuration before templates", []string{oldestConfiguration}, []*Instance{at("i-1", "a", time.Hour, old), at("i-2", "a", time.Minute, configured(time.Hour))}, "i-2"},
		{"default: template, then the hour", []string{defaultTermination}, []*Instance{at("i-1", "a", 59*time.Minute), at("i-2", "a", 10*time.Minute, old), at("i-3", "a", 50*time.Minute, old)}, "i-3"},
		{"one policy after another", []string{oldestTemplate, newestInstance}, []*Instance{at("i-1", "a", time.Hour, old), at("i-2", "a", time.Minute, old), at("i-3", "a", time.Second)}, "i-2"},
		{"protected ones stay", []string{oldestInstance}, []*Instance{at("i-1", "a", time.Hour, protected), at("i-2", "a", time.Minute)}, "i-2"},
		{"all are protected", nil, []*Instance{at("i-1", "a", time.Hour, protected)}, ""},
		{"unhealthy before all", []string{oldestInstance}, []*Instance{at("i-1", "a", time.Hour), at("i-2", "b", time.Minute, func(i *Instance) { i.Health = unhealthy })}, "i-2"},
		{"a zone that was left", []string{oldestInstance}, []*Instance{at("i-1", "a", time.Hour), at("i-2", "z", time.Minute)}, "i-2"},
		{"too heavy", []string{oldestInstance}, []*Instance{at("i-1", "a", time.Hour, func(i *Instance) { i.Weight = 3 }), at("i-2", "a", time.Minute)}, "i-2"},
	} {
		t.Run(x.name, func(t *testing.T) {
			g := &Group{Zones: []string{"a", "b"}, Termination: x.policies, LaunchTemplate: version("$Latest")}
			got := (&scene{Group: g, members: x.members}).choose(now, 1, nil)
			if got == nil && x.want != "" || got != nil && got.ID != x.want {
				t.Errorf("chose %+v, want %s", got, x.want)
			}
		})
	}
}

func TestDistribution(t *testing.T) {
	for _, x := range []struct{ base, percent, total, want int32 }{
		{0, 100, 7, 7}, {2, 0, 7, 2}, {2, 50, 6, 4}, {2, 50, 7, 5}, {4, 50, 3, 3}, {0, 25, 4, 1}, {0, 0, 4, 0},
	} {
		d := distribution{base: x.base, percent: x.percent}
		if got := d.onDemandOf(x.total); got != x.want {
			t.Errorf("base %d and %d%% of %d: %d, want %d", x.base, x.percent, x.total, got, x.want)
		}
	}
}

func TestGoal(t *testing.T) {
	active := func(first bool) *Instance {
		i := &Instance{State: api.LifecycleStateInService, Weight: 1}
		if first {
			i.Replacing = &Replacement{First: true}
		}
		return i
	}
	for _, x := range []struct {
		most, desired int32
		replaced      int
		policy        *api.InstanceMaintenancePolicy
		want          int32
	}{
		{10, 4, 0, nil, 4},
		{10, 4, 1, nil, 5},
		{4, 4, 2, nil, 5},    // one more than the maximum
		{30, 30, 9, nil, 33}, // a tenth
		{4, 4, 4, &api.InstanceMaintenancePolicy{MaxHealthyPercentage: new(int32(150))}, 6}, // as the policy says
	} {
		s := &scene{Group: &Group{Max: x.most, Desired: x.desired, Maintenance: x.policy}, policy: x.policy}
		for range x.replaced {
			s.members = append(s.members, active(true))
		}
		if got := s.goal(); got != x.want {
			t.Errorf("%+v: %d", x, got)
		}
	}
}
