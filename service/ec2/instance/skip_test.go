package instance_test

import (
	"context"
	"sync"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane/sim"
)

// patient is a plane that notes how long machines were given to shut down.
type patient struct {
	*sim.Plane
	mu    sync.Mutex
	given time.Duration
}

func (p *patient) StopMachine(ctx context.Context, id string, grace time.Duration) error {
	p.mu.Lock()
	p.given = grace
	p.mu.Unlock()
	return p.Plane.StopMachine(ctx, id, grace)
}

// TestSkipOsShutdown stops and terminates with and without asking the system.
func TestSkipOsShutdown(t *testing.T) {
	s := sim.New(t.TempDir())
	p := &patient{Plane: s}
	w := newWorldOver(t, s, p)
	for _, skip := range []bool{false, true} {
		ids := []string{*w.run(1)[0].InstanceId}
		w.Drain()
		nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: ids, SkipOsShutdown: &skip})
		w.Drain()
		if asked := p.given > 0; asked == skip {
			t.Errorf("stop, SkipOsShutdown %v: given %v", skip, p.given)
		}
		nodetest.Do(w.World, &api.StartInstances, &api.StartInstancesInput{InstanceIds: ids})
		w.Drain()
		nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: ids, SkipOsShutdown: &skip})
		w.Drain()
		if asked := p.given > 0; asked == skip {
			t.Errorf("terminate, SkipOsShutdown %v: given %v", skip, p.given)
		}
	}
}
