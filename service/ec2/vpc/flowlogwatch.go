package vpc

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// flowMinute is the unit in which flows are remembered: intervals of logs are
// whole numbers of it.
const flowMinute = time.Minute

const (
	maxFlows   = 50_000           // of one minute; more are not remembered, which logs say
	keepFlows  = 30 * time.Minute // delivered or not
	skipReason = "SKIPDATA"
)

// flowKey tells flows apart.
type flowKey struct {
	nic               string
	from, to          netip.Addr
	fromPort, toPort  uint16
	protocol          uint8
	accepted, ingress bool
	realFrom, realTo  netip.Addr // before translation, where it differs
}

// flowSum is what a flow amounts to in an interval.
type flowSum struct {
	packets, bytes uint64
	start, end     time.Time
	flags          uint8
}

func (s *flowSum) add(o flowSum) {
	if s.packets == 0 || o.start.Before(s.start) {
		s.start = o.start
	}
	if o.end.After(s.end) {
		s.end = o.end
	}
	s.packets += o.packets
	s.bytes += o.bytes
	s.flags |= o.flags
}

// flowWatch remembers the flows of one VPC, minute by minute.
type flowWatch struct {
	cancel context.CancelFunc

	mu      sync.Mutex
	since   time.Time // nothing is known of what was before
	minutes map[time.Time]map[flowKey]*flowSum
	skipped map[time.Time]bool
}

// watchFlows begins to listen to the flows of a VPC that has flow logs, and
// ends it where it has none any more.
func (s *Room) watchFlows(c *cloud.Call, vpc string) error {
	var wanted bool
	err := c.View(func(r store.Reader) error {
		wanted = count(flowLogs.Index(r, "vpc", c.Account, c.Region, vpc)) > 0
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.flows[vpc]
	if !wanted || w != nil {
		if !wanted && w != nil {
			w.cancel()
			delete(s.flows, vpc)
		}
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	seq, err := s.plane.Flows(ctx, vpc)
	if err != nil {
		cancel()
		if errors.Is(err, plane.ErrNotFound) {
			return nil // nothing is in it yet; it is touched when there is
		}
		return err
	}
	w = &flowWatch{cancel: cancel, since: c.Cloud.Clock().Now(), minutes: map[time.Time]map[flowKey]*flowSum{}, skipped: map[time.Time]bool{}}
	s.flows[vpc] = w
	c.Cloud.Go("ec2.flows", func(stop context.Context) {
		defer context.AfterFunc(stop, cancel)()
		for f := range seq {
			w.hear(f)
		}
	})
	return nil
}

// stopWatching forgets all flows.
func (s *Room) stopWatching() {
	for _, w := range s.flows {
		w.cancel()
	}
	s.flows = map[string]*flowWatch{}
}

// hear remembers a flow.
func (w *flowWatch) hear(f plane.Flow) {
	key := flowKey{f.Interface, f.Source, f.Destination, f.SourcePort, f.DestPort, f.Protocol, f.Accepted, f.Ingress, f.PacketSource, f.PacketDest}
	minute := f.End.Truncate(flowMinute)
	if f.End.Equal(minute) && f.Start.Before(minute) {
		minute = minute.Add(-flowMinute) // it ended with it
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.minutes[minute]
	if m == nil {
		m = map[flowKey]*flowSum{}
		w.minutes[minute] = m
		for old := range w.minutes {
			if minute.Sub(old) > keepFlows {
				delete(w.minutes, old)
				delete(w.skipped, old)
			}
		}
	}
	sum := m[key]
	if sum == nil {
		if len(m) >= maxFlows {
			w.skipped[minute] = true
			return
		}
		sum = &flowSum{}
		m[key] = sum
	}
	sum.add(flowSum{f.Packets, f.Bytes, f.Start, f.End, f.TCPFlags})
}

// between sums up what was heard in an interval; whole is false where
// something is missing.
func (w *flowWatch) between(from, to time.Time) (sums map[flowKey]flowSum, whole bool) {
	sums = map[flowKey]flowSum{}
	if w == nil {
		return sums, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	whole = w.since.Before(from.Add(flowMinute))
	for at := from; at.Before(to); at = at.Add(flowMinute) {
		whole = whole && !w.skipped[at]
		for k, sum := range w.minutes[at] {
			total := sums[k]
			total.add(*sum)
			sums[k] = total
		}
	}
	return sums, whole
}
