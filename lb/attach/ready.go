package attach

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pileus/clock"
	"pileus/lb"
	"pileus/plane"
)

const (
	// readyLimit is how long a load balancer waits for the data plane to have
	// its interfaces, readyLook how often it looks. Both are the machine's time.
	readyLimit = 3 * time.Second
	readyLook  = 20 * time.Millisecond
)

// network is what tells which interfaces a data plane has.
type network interface {
	Describe() plane.Report
	Traffic(ctx context.Context, vpc string) (map[string]plane.Counters, error)
}

// await waits until the data plane has the interfaces of b's nodes: EC2 makes
// them at the same time, of its own, and a listener must not be earlier. After
// a start it may be the VPC itself that is not there yet.
func (d *Data) await(ctx context.Context, b lb.Balancer) error {
	n, ok := d.wire.Wire.(network)
	if !ok || n.Describe().Kind == "simulated" {
		return nil // nothing is made there, and nothing comes
	}
	for w := clock.Start(); ; {
		err := has(ctx, n, b)
		if err == nil || w.Elapsed() > readyLimit || d.clk.Wait(ctx, readyLook) != nil {
			return err
		}
	}
}

func has(ctx context.Context, n network, b lb.Balancer) error {
	there, err := n.Traffic(ctx, b.VPC)
	if err != nil {
		return err
	}
	var missing []error
	for _, node := range b.Nodes {
		if _, ok := there[node.Interface]; !ok {
			missing = append(missing, fmt.Errorf("%s: %w", node.Interface, plane.ErrNotFound))
		}
	}
	return errors.Join(missing...)
}
