package sqs

import (
	"sync"
	"sync/atomic"

	"pileus/cloud"
	"pileus/store"
)

// cache remembers queues, for the check of who may do what with them, which
// comes with every request. A queue is remembered for the epoch in which it was
// read, and each change of a queue begins another one before it is answered:
// so where this process is the only one that writes, nothing in it is stale.
type cache struct {
	epoch  atomic.Uint64
	mu     sync.RWMutex
	queues map[queueName]cached
}

type cached struct {
	queue *queue
	epoch uint64
}

// cacheLimit is how many queues are remembered.
const cacheLimit = 10_000

// put writes a queue.
func (s *service) put(tx store.Tx, q *queue) {
	queues.Put(tx, q)
	tx.OnCommit(s.changed)
}

// changed begins a new epoch.
func (s *service) changed() { s.cache.epoch.Add(1) }

// recall is lookup by way of the cache, where that cannot be stale.
func (s *service) recall(c *cloud.Call, r store.Reader, url string) (*queue, error) {
	x, ok := c.Cloud.DB().(interface{ Exclusive() bool })
	if c.Tx != nil || !ok || !x.Exclusive() {
		return lookup(c, r, url)
	}
	n, err := addressed(c, url)
	if err != nil {
		return nil, err
	}
	epoch := s.cache.epoch.Load()
	s.cache.mu.RLock()
	k, ok := s.cache.queues[n]
	s.cache.mu.RUnlock()
	if ok && k.epoch == epoch {
		return k.queue, nil
	}
	return s.learn(c, n)
}

// learn reads a queue on a snapshot that is made after the epoch was noted.
func (s *service) learn(c *cloud.Call, n queueName) (q *queue, err error) {
	epoch := s.cache.epoch.Load()
	err = c.Cloud.DB().View(c, func(r store.Reader) error {
		var ok bool
		if q, ok = n.find(r); !ok {
			return errNoQueue
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	if len(s.cache.queues) >= cacheLimit {
		clear(s.cache.queues)
	}
	s.cache.queues[n] = cached{q, epoch}
	return q, nil
}
