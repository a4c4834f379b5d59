package image_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"pileus/all"
	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// witness is a plane that notes in which order machines restart and volumes are
// read.
type witness struct {
	*sim.Plane
	stuck bool // no machine restarts

	mu   sync.Mutex
	seen []string
}

func (p *witness) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, what)
}

func (p *witness) RebootMachine(ctx context.Context, m plane.Machine, grace time.Duration) error {
	if p.stuck {
		return errors.New("it does not restart")
	}
	p.note("restart")
	return p.Plane.RebootMachine(ctx, m, grace)
}

func (p *witness) StopMachine(ctx context.Context, id string, grace time.Duration) error {
	p.note("stop")
	return p.Plane.StopMachine(ctx, id, grace)
}

func (p *witness) FreezeVolume(ctx context.Context, id string, f func(plane.VolumeContent) error) error {
	p.note("snapshot")
	return p.Plane.FreezeVolume(ctx, id, f)
}

// TestImagesAreTakenAfterTheRestart: what the system of an instance has in memory
// is on its volumes only once it was shut down.
func TestImagesAreTakenAfterTheRestart(t *testing.T) {
	for _, c := range []struct {
		what     string
		noReboot bool
		stuck    bool // until it is stopped
		want     []string
	}{
		{"restarted", false, false, []string{"restart", "snapshot"}},
		{"left running", true, false, []string{"snapshot"}},
		{"stopped instead", false, true, []string{"stop", "snapshot"}},
	} {
		p := &witness{Plane: sim.New(t.TempDir()), stuck: c.stuck}
		w := nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: all.Modules})
		run := nodetest.Do(w, &api.RunInstances, &api.RunInstancesInput{ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})
		w.Drain()
		id := *run.Instances[0].InstanceId
		made := nodetest.Do(w, &api.CreateImage, &api.CreateImageInput{InstanceId: id, Name: "golden", NoReboot: &c.noReboot})
		if c.stuck {
			nodetest.Do(w, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}})
			w.Advance(time.Minute) // its controller tries again
		}
		w.Drain()
		if !slices.Equal(p.seen, c.want) {
			t.Errorf("%s: %v, want %v", c.what, p.seen, c.want)
		}
		if i := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{*made.ImageId}}).Images[0]; *i.State != api.ImageStateAvailable {
			t.Errorf("%s: the image is %s", c.what, *i.State)
		}
	}
}
