// Package meter counts what is used, in AWS's billing units, and makes the
// bill. Services report usage as it happens (Add) and what they hold over time
// (Sampler); counts are gathered in memory by the hour of the cloud's clock
// and written in one transaction each second, off the request's path, so that
// a kill loses at most the last second of them.
package meter

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/store"
)

// every is how often counts are written.
const every = time.Second

// Meter gathers usage.
type Meter struct {
	db  store.Store
	clk clock.Clock
	log *slog.Logger

	seed   maphash.Seed
	shards [16]shard

	mu       sync.Mutex // held while samples are taken and counts are written
	samplers []Sampler
	sampled  time.Time // up to when samples have been counted
	marked   time.Time // what the store knows of that
	loaded   bool      // the store has been asked what it knows
	alarm    func()    // stops the next sample
	ended    bool      // no more samples
}

// shard is a part of the counts, with a lock of its own.
type shard struct {
	mu     sync.Mutex
	counts map[slot]*count
}

// slot is what usage is summed up by.
type slot struct {
	hour                                                int64 // since 1970
	account, region, service, kind, operation, resource string
}

type count struct {
	quantity float64
	tags     map[string]string // the latest
}

// New makes a meter. Run writes its counts to db.
func New(db store.Store, clk clock.Clock, log *slog.Logger) *Meter {
	m := &Meter{db: db, clk: clk, log: log, seed: maphash.MakeSeed(), sampled: clk.Now()}
	for i := range m.shards {
		m.shards[i].counts = map[slot]*count{}
	}
	return m
}

// Add counts usage in the current hour, or, with Since, a level that has ended
// now. It keeps u.Tags, which must not be changed any more.
func (m *Meter) Add(u cloud.Usage) {
	if !u.Since.IsZero() {
		m.end(&u)
		return
	}
	m.count(hourOf(m.clk.Now()), &u, u.Quantity)
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

func (m *Meter) count(hour int64, u *cloud.Usage, quantity float64) {
	m.shard(u.Resource).add(slot{hour, u.Account, u.Region, u.Service, u.Type, u.Operation, u.Resource}, quantity, u.Tags)
}

func (m *Meter) shard(resource string) *shard {
	return &m.shards[maphash.String(m.seed, resource)%uint64(len(m.shards))]
}

func (s *shard) add(k slot, quantity float64, tags map[string]string) {
	s.mu.Lock()
	c := s.counts[k]
	if c == nil {
		c = &count{}
		s.counts[k] = c
	}
	c.quantity += quantity
	if tags != nil {
		c.tags = tags
	}
	s.mu.Unlock()
}

// Run writes counts each second, and once more when ctx has ended.
func (m *Meter) Run(ctx context.Context) {
	for ended := false; !ended; {
		m.clk.Wait(ctx, every) // however it ends, it is time
		ended = ctx.Err() != nil
		if ended {
			m.silence()
		}
		if err := m.Flush(context.WithoutCancel(ctx)); err != nil {
			m.log.Error("usage could not be written and will be tried again", "err", err)
		}
	}
}

// Settle brings the stored usage up to now, for a bill.
func (m *Meter) Settle(ctx context.Context) error {
	m.sample(ctx, m.clk.Now())
	return m.Flush(ctx)
}

// Flush writes what has been counted.
func (m *Meter) Flush(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	counts := m.take()
	sampled := m.loaded && !m.sampled.Equal(m.marked)
	if len(counts) == 0 && !sampled {
		return nil
	}
	err := m.db.Update(ctx, func(tx store.Tx) error {
		for k, c := range counts {
			addUsage(tx, k, c)
		}
		if sampled {
			marks.Put(tx, &mark{Name: sampledMark, At: m.sampled})
		}
		return nil
	})
	if err != nil {
		for k, c := range counts { // for the next try
			m.shard(k.resource).add(k, c.quantity, c.tags)
		}
		return err
	}
	if sampled {
		m.marked = m.sampled
	}
	return nil
}

// take empties the shards.
func (m *Meter) take() map[slot]*count {
	all := map[slot]*count{}
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		for k, c := range s.counts {
			all[k] = c
		}
		if len(s.counts) > 0 {
			s.counts = make(map[slot]*count, len(s.counts))
		}
		s.mu.Unlock()
	}
	return all
}

// Reset forgets what has not been written, after the store has been cleared.
func (m *Meter) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.take()
	m.loaded, m.sampled, m.marked = true, m.clk.Now(), time.Time{}
}
