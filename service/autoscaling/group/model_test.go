package group_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/store"
	"pileus/zone"
)

// model is a group that everything happens to, and what must hold all the time.
type model struct {
	*world
	rand   *rand.Rand
	log    []string
	least  int32 // the smallest desired capacity since the last look
	seen   map[string]bool
	active int32 // instances, at the last look
	faults int
}

const modelGroup = "m"

// TestWhateverHappensAGroupConverges does random things to a group: calls,
// deaths of instances, zones that go dark, calls that fail between any two
// steps of the controller, jumps of the clock. At no time does the group exceed
// what AWS allows, or shrink below what is desired by its own doing; left alone
// it comes to what is desired, evenly spread, and nothing is forgotten in EC2.
func TestWhateverHappensAGroupConverges(t *testing.T) {
	seeds, steps := 12, 60
	if testing.Short() {
		seeds, steps = 3, 40
	}
	if n, err := strconv.Atoi(os.Getenv("PILEUS_MODEL_SEEDS")); err == nil {
		seeds = n // for a longer search
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			m := &model{world: newWorld(t), rand: rand.New(rand.NewPCG(uint64(seed), 1)), least: 99, seen: map[string]bool{}}
			defer func() {
				if t.Failed() {
					t.Logf("steps:\n%s", strings.Join(m.log, "\n"))
				}
			}()
			m.create(group(modelGroup, 1, 8, desired(4), func(in *api.CreateAutoScalingGroupInput) {
				in.AvailabilityZones = append(in.AvailabilityZones, nodetest.Region+"c")
			}))
			for range steps {
				m.step()
				m.look()
				if t.Failed() {
					return
				}
			}
			m.calm()
		})
	}
}

func (m *model) pick(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[m.rand.IntN(len(list))]
}

func (m *model) note(format string, a ...any) { m.log = append(m.log, fmt.Sprintf(format, a...)) }

// members are the group's instances, of any state.
func (m *model) members(states ...string) (ids []string) {
	for _, i := range m.get(modelGroup).Instances {
		if len(states) == 0 || strings.Contains(strings.Join(states, " "), i.LifecycleState) {
			ids = append(ids, i.InstanceId)
		}
	}
	return ids
}

// do performs an operation, which may be refused.
func do[In, Out any](m *model, op *cloud.Op[In, Out], in In) {
	_, err := nodetest.Try(m.World, op, in)
	body, _ := json.Marshal(in)
	m.note("%v %s %s: %v", m.Now().Format("15:04:05"), op.Name, nulls.ReplaceAllString(string(body), ""), err)
	if e, ok := err.(*cloud.Error); err != nil && (!ok || e.Code == "InternalError" && m.faults == 0) {
		m.T.Errorf("%s: %v", op.Name, err)
	}
}

// step does one thing, and lets some time pass.
func (m *model) step() {
	m.Drain()
	m.look()
	g := m.get(modelGroup)
	name := new(modelGroup)
	in := m.members("InService")
	switch m.rand.IntN(18) {
	case 0, 1, 2:
		n := g.MinSize + int32(m.rand.IntN(int(g.MaxSize-g.MinSize)+1))
		m.least = min(m.least, n)
		do(m, &api.SetDesiredCapacity, &api.SetDesiredCapacityInput{AutoScalingGroupName: *name, DesiredCapacity: n})
	case 3:
		low := int32(m.rand.IntN(3))
		do(m, &api.UpdateAutoScalingGroup, &api.UpdateAutoScalingGroupInput{AutoScalingGroupName: *name, MinSize: &low, MaxSize: new(low + 3 + int32(m.rand.IntN(6)))})
	case 4, 5:
		if id := m.pick(in); id != "" {
			do(m, &ec2.TerminateInstances, &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
		}
	case 6:
		if id := m.pick(in); id != "" {
			do(m, &ec2.StopInstances, &ec2.StopInstancesInput{InstanceIds: []string{id}, Force: new(true)})
		}
	case 7:
		if id := m.pick(in); id != "" {
			do(m, &api.TerminateInstanceInAutoScalingGroup, &api.TerminateInstanceInAutoScalingGroupInput{InstanceId: &id, ShouldDecrementDesiredCapacity: m.rand.IntN(2) == 0})
		}
	case 8:
		if id := m.pick(in); id != "" {
			do(m, &api.SetInstanceHealth, &api.SetInstanceHealthInput{InstanceId: id, HealthStatus: "Unhealthy"})
		}
	case 9:
		if id := m.pick(in); id != "" {
			do(m, &api.EnterStandby, &api.EnterStandbyInput{AutoScalingGroupName: *name, InstanceIds: []string{id}, ShouldDecrementDesiredCapacity: m.rand.IntN(2) == 0})
		}
	case 10:
		if id := m.pick(m.members("Standby")); id != "" {
			do(m, &api.ExitStandby, &api.ExitStandbyInput{AutoScalingGroupName: *name, InstanceIds: []string{id}})
		}
	case 11:
		p := m.pick([]string{"Launch", "Terminate", "AZRebalance", "ReplaceUnhealthy", "HealthCheck"})
		do(m, &api.SuspendProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: *name, ScalingProcesses: []string{p}})
	case 12, 13:
		do(m, &api.ResumeProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: *name})
	case 14:
		m.cut(m.pick([]string{"a", "b", "c"}), m.rand.IntN(2) == 0)
	case 15:
		m.fail(m.pick([]string{"RunInstances", "TerminateInstances", "DescribeInstanceStatus", "CreateTags"}))
	case 16:
		do(m, &api.PutLifecycleHook, &api.PutLifecycleHookInput{AutoScalingGroupName: *name, LifecycleHookName: m.pick([]string{"up", "down"}), HeartbeatTimeout: new(int32(30)),
			LifecycleTransition: new("autoscaling:EC2_INSTANCE_" + m.pick([]string{"LAUNCHING", "TERMINATING"})), DefaultResult: new(m.pick([]string{"CONTINUE", "CONTINUE", "ABANDON"}))})
	case 17:
		do(m, &api.DeleteLifecycleHook, &api.DeleteLifecycleHookInput{AutoScalingGroupName: *name, LifecycleHookName: m.pick([]string{"up", "down"})})
	}
	m.least = min(m.least, m.get(modelGroup).DesiredCapacity)
	for range m.rand.IntN(4) {
		m.Advance(time.Duration(m.rand.IntN(20_000)) * time.Millisecond)
		m.look()
	}
	if m.rand.IntN(10) == 0 {
		m.note("an hour passes")
		m.Advance(time.Hour)
	}
}

// cut darkens a zone, or lights it again.
func (m *model) cut(letter string, down bool) {
	z := nodetest.Region + letter
	m.note("zone %s down: %v", z, down)
	m.Update(func(tx store.Tx) {
		if down {
			zone.Faults.Put(tx, &zone.Fault{Zone: z, Down: true, Since: m.Now()})
		} else {
			zone.Faults.Delete(tx, z, "")
		}
		tx.After(time.Time{}, zone.Controller, zone.K())
	})
}

// fail has some of the next calls of an operation of EC2 fail, which is where a
// step of the controller ends.
func (m *model) fail(op string) {
	m.note("%s fails", op)
	m.faults++
	m.send(http.MethodPost, "/_pileus/faults", fmt.Sprintf(`{"service":"ec2","operation":%q,"error":"InternalError","rate":0.5,"count":%d}`, op, 1+m.rand.IntN(4)))
}

// nulls are what a request does not say.
var nulls = regexp.MustCompile(`"[A-Za-z]+":null,?`)

var shrinking = regexp.MustCompile(`difference between desired and actual capacity, shrinking the capacity from (\d+) to (\d+)`)

// look checks what must hold at any time.
func (m *model) look() {
	m.T.Helper()
	g := m.get(modelGroup)
	active := int32(0)
	for _, i := range g.Instances {
		if strings.HasPrefix(i.LifecycleState, "Pending") || i.LifecycleState == "InService" {
			active++
		}
	}
	// A maximum that was lowered takes effect with the next steps: until then
	// there may be more, but never more than there were.
	if most := g.MaxSize + max(1, g.MaxSize/10); active > max(most, m.active) {
		m.T.Errorf("%d instances are active, the most is %d: %s", active, most, m.tell(modelGroup))
	}
	m.active = active
	for _, a := range m.activities(modelGroup) {
		found := shrinking.FindStringSubmatch(a.Cause)
		if found == nil || m.seen[a.ActivityId] {
			continue
		}
		m.seen[a.ActivityId] = true
		if to, _ := strconv.Atoi(found[2]); int32(to) < m.least {
			m.T.Errorf("the group shrank to %d, but at least %d were desired: %s", to, m.least, a.Cause)
		}
	}
	m.least = g.DesiredCapacity
}

// calm undoes all harm, lets the group come to rest, and checks it.
func (m *model) calm() {
	m.T.Helper()
	m.send(http.MethodDelete, "/_pileus/faults", "")
	for _, z := range []string{"a", "b", "c"} {
		m.cut(z, false)
	}
	do(m, &api.ResumeProcesses, &api.ScalingProcessQuery{AutoScalingGroupName: modelGroup})
	for _, h := range []string{"up", "down"} {
		do(m, &api.DeleteLifecycleHook, &api.DeleteLifecycleHookInput{AutoScalingGroupName: modelGroup, LifecycleHookName: h})
	}
	m.Advance(2 * time.Hour)
	g := m.get(modelGroup)
	zones := map[string]int{"us-east-1a": 0, "us-east-1b": 0, "us-east-1c": 0}
	known := map[string]bool{}
	n := int32(0)
	for _, i := range g.Instances {
		known[i.InstanceId] = true
		switch i.LifecycleState {
		case "InService":
			n++
			zones[i.AvailabilityZone]++
		case "Standby":
		default:
			m.T.Errorf("%s is %s: %s", i.InstanceId, i.LifecycleState, m.tell(modelGroup))
		}
	}
	if n != g.DesiredCapacity {
		m.T.Errorf("%d instances are in service, %d are desired: %s", n, g.DesiredCapacity, m.tell(modelGroup))
	}
	if a, b, c := zones["us-east-1a"], zones["us-east-1b"], zones["us-east-1c"]; max(a, b, c)-min(a, b, c) > 1 {
		m.T.Errorf("instances by zone: %v", zones)
	}
	for _, i := range m.machines() {
		if !known[*i.InstanceId] {
			m.T.Errorf("EC2 has %s, which the group has forgotten", *i.InstanceId)
		}
	}
	for _, a := range m.activities(modelGroup) {
		if a.EndTime == nil {
			m.T.Errorf("an activity does not end: %s %s", a.StatusCode, *a.Description)
		}
	}
}
