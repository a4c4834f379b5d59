package lb

import (
	"context"
	"errors"
	"net"
	"os"
	"sync/atomic"
	"time"
)

const (
	// maxSurge is how many requests and connections wait at a node of a classic
	// load balancer until an instance takes them.
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html
	maxSurge = 1024
	// surgePatience is how long connecting may take before it is waiting.
	surgePatience = 100 * time.Millisecond
)

// errSpilled is what becomes of those for whom there is no room in the queue.
var errSpilled = errors.New("the surge queue is full")

// surge is the queue of a classic load balancer's node. Who waits in it goes on
// trying to connect; there is no order among them, as instances take whom they
// take.
type surge struct {
	length, peak atomic.Int64 // now, and the most since it was last asked for
	spilled      *counter
}

// surge is the queue of the node in a zone; nil where the balancer has none.
func (s *site) surge(b *Balancer, zone string) *surge {
	if b.Kind != Classic {
		return nil
	}
	if q, ok := s.stats.surges.Load(zone); ok {
		return q.(*surge)
	}
	q, _ := s.stats.surges.LoadOrStore(zone, &surge{spilled: s.stats.counter("SpilloverCount", "Count", zone, "")})
	return q.(*surge)
}

// enter takes a place in the queue; false if there is none.
func (q *surge) enter() bool {
	n := q.length.Add(1)
	if n > maxSurge {
		q.length.Add(-1)
		q.spilled.add(1)
		return false
	}
	for p := q.peak.Load(); n > p && !q.peak.CompareAndSwap(p, n); p = q.peak.Load() {
	}
	return true
}

func (q *surge) leave() { q.length.Add(-1) }

// wait connects to an instance. What is not taken at once waits in the queue and
// goes on trying, until the limit. again is told of each attempt after the first
// that took too long. Without a queue there is one attempt.
func wait[T any](ctx context.Context, q *surge, limit time.Duration, connect func(context.Context) (T, error), again func(error)) (c T, err error) {
	if q == nil {
		return connect(ctx)
	}
	if c, err = within(ctx, surgePatience, connect); !isTimeout(err) || ctx.Err() != nil {
		return c, err
	}
	if !q.enter() {
		return c, errSpilled
	}
	defer q.leave()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		if c, err = connect(ctx); !isTimeout(err) || ctx.Err() != nil {
			return c, err
		}
		again(err)
	}
}

func within[T any](ctx context.Context, limit time.Duration, connect func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return connect(ctx)
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// surgeLengths tells how long the queues were, where there was anybody in them.
func (s *stats) surgeLengths() (list []Statistic) {
	all := Statistic{Name: "SurgeQueueLength", Unit: "Count"}
	s.surges.Range(func(zone, v any) bool {
		q := v.(*surge)
		now := q.length.Load()
		if most := max(now, q.peak.Swap(now)); most > 0 {
			one := single(statKey{all.Name, all.Unit, zone.(string), ""}, float64(most))
			all.Values, all.Counts = append(all.Values, one.Values...), append(all.Counts, one.Counts...)
			list = append(list, one)
		}
		return true
	})
	if len(list) > 0 {
		list = append(list, all)
	}
	return list
}
