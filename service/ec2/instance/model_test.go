package instance_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// flaky is a plane that now and then fails before or after it has done what it
// was asked: as a process does that is killed on either side of it.
type flaky struct {
	*sim.Plane
	mu   sync.Mutex
	rand *rand.Rand
	odds float64
}

var errFlaky = errors.New("the test failed this on purpose")

func (p *flaky) may(do func() error) error {
	p.mu.Lock()
	before, after := p.rand.Float64() < p.odds, p.rand.Float64() < p.odds
	p.mu.Unlock()
	if before {
		return errFlaky
	}
	if err := do(); err != nil {
		return err
	}
	if after {
		return errFlaky
	}
	return nil
}

func (p *flaky) EnsureMachine(ctx context.Context, m plane.Machine) error {
	return p.may(func() error { return p.Plane.EnsureMachine(ctx, m) })
}

func (p *flaky) RemoveMachine(ctx context.Context, id string) error {
	return p.may(func() error { return p.Plane.RemoveMachine(ctx, id) })
}

func (p *flaky) CreateRoot(ctx context.Context, id string, i plane.Image, size int64, o ...plane.VolumeOption) error {
	return p.may(func() error { return p.Plane.CreateRoot(ctx, id, i, size, o...) })
}

func (p *flaky) CloseVolume(ctx context.Context, id string) error {
	return p.may(func() error { return p.Plane.CloseVolume(ctx, id) })
}

func (p *flaky) ApplyVPC(ctx context.Context, v plane.VPC) error {
	return p.may(func() error { return p.Plane.ApplyVPC(ctx, v) })
}

// model is a cloud that is restarted in the middle, and what should be in it.
type model struct {
	t     *testing.T
	dir   string
	plane *flaky
	rand  *rand.Rand
	w     *nodetest.World
	want  map[string]string // the state that each instance is heading for
	ids   []string
}

// start begins, or begins again, over the same state and plane.
func (m *model) start() {
	m.w = nodetest.Start(m.t, node.Options{DataDir: m.dir, Durability: "async", Plane: m.plane, Seed: m.rand.Uint64() | 1, Modules: func(parts node.Parts) []cloud.Module {
		ec2, _ := module(parts.Plane)
		return []cloud.Module{ec2}
	}})
}

// restart ends the process at some point of its work, without waiting for it.
func (m *model) restart() {
	m.t.Helper()
	if err := m.w.Stop(context.Background()); err != nil {
		m.t.Fatal(err)
	}
	m.start()
}

// step does something at random.
func (m *model) step() {
	id := ""
	if len(m.ids) > 0 {
		id = m.ids[m.rand.IntN(len(m.ids))]
	}
	c := m.w.Call()
	switch n := m.rand.IntN(10); {
	case n < 2 || id == "":
		out, err := api.RunInstances.Call(c, &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 2})
		if err != nil {
			m.t.Fatal(err)
		}
		for _, i := range out.Instances {
			m.ids = append(m.ids, *i.InstanceId)
			m.want[*i.InstanceId] = "running"
		}
	case n < 4:
		if _, err := api.StopInstances.Call(c, &api.StopInstancesInput{InstanceIds: []string{id}, Force: new(m.rand.IntN(2) == 0)}); err == nil {
			m.want[id] = "stopped"
		}
	case n < 6:
		if _, err := api.StartInstances.Call(c, &api.StartInstancesInput{InstanceIds: []string{id}}); err == nil {
			m.want[id] = "running"
		}
	case n < 7:
		if _, err := api.TerminateInstances.Call(c, &api.TerminateInstancesInput{InstanceIds: []string{id}}); err != nil {
			m.t.Fatal(err)
		}
		m.want[id] = "terminated"
	case n < 8: // it may not be running: then nothing happens
		_, _ = api.RebootInstances.Call(c, &api.RebootInstancesInput{InstanceIds: []string{id}})
	case n < 9:
		m.restart()
	default: // work goes on for a while
		m.w.Drain()
	}
}

// check compares instances, machines and volumes with what they should be,
// once all work is done.
func (m *model) check() {
	m.t.Helper()
	machines, err := m.plane.Machines(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	running := map[string]bool{}
	for _, s := range machines {
		running[s.ID] = s.State == plane.Running
	}
	kept := 0
	out := nodetest.Do(m.w, &api.DescribeInstances, &api.DescribeInstancesInput{})
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			id, state := *i.InstanceId, *i.State.Name
			if i.StateReason != nil && *i.StateReason.Code == "Server.InternalError" && state != "running" {
				m.want[id] = state // the plane failed it once too often
			}
			if state != m.want[id] {
				m.t.Errorf("%s is %s, should be %s (%v)", id, state, m.want[id], i.StateReason)
			}
			if running[id] != (state == "running") {
				m.t.Errorf("%s is %s and its machine runs: %v", id, state, running[id])
			}
			kept += len(i.BlockDeviceMappings)
			if state != "terminated" && (len(i.BlockDeviceMappings) != 1 || len(i.NetworkInterfaces) != 1) {
				m.t.Errorf("%s has %d volumes and %d interfaces", id, len(i.BlockDeviceMappings), len(i.NetworkInterfaces))
			}
			if (i.PublicIpAddress != nil) != (state == "running") {
				m.t.Errorf("%s is %s and has the public address %v", id, state, i.PublicIpAddress)
			}
		}
	}
	for id := range running {
		if !slices.Contains(m.ids, id) || m.want[id] == "terminated" {
			m.t.Errorf("the machine %s was left behind", id)
		}
	}
	volumes, err := m.plane.Volumes(m.t.Context())
	if err != nil || len(volumes) != kept {
		m.t.Errorf("%d volumes in the plane, %d attached; %v", len(volumes), kept, err)
		known := nodetest.Do(m.w, &api.DescribeVolumes, &api.DescribeVolumesInput{})
		for _, k := range known.Volumes {
			if !slices.ContainsFunc(volumes, func(v plane.VolumeStatus) bool { return v.ID == *k.VolumeId }) {
				m.t.Errorf("the plane lacks the volume %s, which is %s and %v", *k.VolumeId, *k.State, k.Attachments)
			}
		}
		for _, v := range volumes {
			n := slices.IndexFunc(known.Volumes, func(k api.Volume) bool { return *k.VolumeId == v.ID })
			if n < 0 {
				m.t.Errorf("nobody knows the volume %s", v.ID)
			} else if len(known.Volumes[n].Attachments) == 0 {
				m.t.Errorf("the volume %s is %s", v.ID, *known.Volumes[n].State)
			}
		}
	}
}

// TestRandomLives does things at random to instances, in a cloud that is
// stopped in the middle and whose plane fails, and then lets it finish.
func TestRandomLives(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		m := &model{t: t, dir: t.TempDir(), rand: r, want: map[string]string{}, plane: &flaky{Plane: sim.New(t.TempDir()), rand: rand.New(rand.NewPCG(seed, 2)), odds: 0.05}}
		m.start()
		for range 60 {
			m.step()
		}
		m.plane.mu.Lock()
		m.plane.odds = 0
		m.plane.mu.Unlock()
		m.w.Advance(10 * time.Minute)
		m.check()
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}
