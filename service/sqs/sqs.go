// Package sqs is Simple Queue Service: named queues of messages that hide
// while one receiver works on them, standard and FIFO.
//
//	queue.go, create.go, attributes.go   queues and what can be set of them
//	redrive.go, permission.go, tag.go    dead-letter queues, policies, tags
//	message.go, handle.go, record.go     messages and how they are found
//	standard.go, fifo.go                 what a transaction does to messages
//	line.go, window.go, poll.go          what a process remembers of a queue
//	send.go, receive.go, delete.go       the operations on messages
//	count.go, sweep.go, purge.go         numbers and what has to go
//	metrics.go                           what CloudWatch is told
//	move.go                              message move tasks
package sqs

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/rng"
	"pileus/store"
)

// inFlight is how many messages of a queue can be received and not deleted, as
// the developer guide has it for both types of queues.
const inFlight = 120_000

// service is the part of Simple Queue Service that lives in memory.
type service struct {
	node        int64 // tells this process from others that share the store
	rand        rng.Source
	last        atomic.Int64 // order given out last
	flightLimit int
	cache       cache
	activity    activities

	mu    sync.Mutex
	lines map[queueName]*line
	ended bool
}

// Module lists what the service offers; see cloud.Module.
func Module() cloud.Module { return newService().module() }

func newService() *service {
	r := rng.New()
	return &service{node: int64(r.Uint64() >> 1), rand: r, flightLimit: inFlight, lines: map[queueName]*line{}, cache: cache{queues: map[queueName]cached{}}}
}

func (s *service) module() cloud.Module {
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.AddPermission.Update(s.addPermission),
			api.CancelMessageMoveTask.Update(s.cancelMessageMoveTask),
			api.ChangeMessageVisibility.Serve(s.changeMessageVisibility),
			api.ChangeMessageVisibilityBatch.Serve(s.changeMessageVisibilityBatch),
			api.CreateQueue.Update(s.createQueue),
			api.DeleteMessage.Serve(s.deleteMessage),
			api.DeleteMessageBatch.Serve(s.deleteMessageBatch),
			api.DeleteQueue.Update(s.deleteQueue),
			api.GetQueueAttributes.Serve(s.getQueueAttributes),
			api.GetQueueUrl.View(s.getQueueUrl),
			api.ListDeadLetterSourceQueues.View(s.listDeadLetterSourceQueues),
			api.ListMessageMoveTasks.View(s.listMessageMoveTasks),
			api.ListQueueTags.View(s.listQueueTags),
			api.ListQueues.View(s.listQueues),
			api.PurgeQueue.Update(s.purgeQueue),
			api.ReceiveMessage.Serve(s.receiveMessage),
			api.RemovePermission.Update(s.removePermission),
			api.SendMessage.Serve(s.sendMessage),
			api.SendMessageBatch.Serve(s.sendMessageBatch),
			api.SetQueueAttributes.Update(s.setQueueAttributes),
			api.StartMessageMoveTask.Update(s.startMessageMoveTask),
			api.TagQueue.Update(s.tagQueue),
			api.UntagQueue.Update(s.untagQueue),
		},
		Access: s.access(),
		Controllers: []cloud.Controller{
			{Name: sweepController, Reconcile: s.sweep},
			{Name: dropController, Reconcile: s.drop},
			{Name: forgetController, Reconcile: s.forgetName},
			{Name: moveController, Reconcile: s.move},
		},
		Start:   s.start,
		Reset:   s.reset,
		Count:   census,
		Metrics: s.metrics,
	}
}

// start sees to it that long polls end with the cloud, and that they hear of
// messages that other processes bring.
func (s *service) start(_ context.Context, c cloud.Cloud) error {
	c.Go("sqs.close", func(ctx context.Context) {
		select {
		case <-c.Closing():
		case <-ctx.Done():
		}
		s.close()
	})
	c.Go("sqs.listen", func(ctx context.Context) { s.listen(ctx, c) })
	return nil
}

// line is what is kept of a queue.
func (s *service) line(n queueName) *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[n]
	if l == nil {
		l = &line{svc: s, name: n}
		l.polls.closed = s.ended
		s.lines[n] = l
	}
	return l
}

// known is the line of a queue if there is one.
func (s *service) known(n queueName) (*line, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.lines[n]
	return l, ok
}

// all are the lines there are.
func (s *service) all() []*line {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*line, 0, len(s.lines))
	for _, l := range s.lines {
		list = append(list, l)
	}
	return list
}

// forget drops the line of a queue that was deleted; who waits there finds the
// queue gone.
func (s *service) forget(n queueName) {
	s.mu.Lock()
	l := s.lines[n]
	delete(s.lines, n)
	s.mu.Unlock()
	if l != nil {
		l.mu.Lock()
		l.wake(len(l.polls.list))
		l.mu.Unlock()
	}
}

func (s *service) close() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	for _, l := range s.all() {
		l.close()
	}
}

// reset forgets everything, after the state was cleared.
func (s *service) reset() {
	for _, l := range s.all() {
		s.forget(l.name)
	}
	s.changed()
}

// order numbers what is sent, in the order of sending and after what an
// earlier process has sent by then.
func (s *service) order(now time.Time) int64 {
	for {
		last := s.last.Load()
		next := max(last+1, now.UnixNano())
		if s.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

func (s *service) uuid() string { return s.rand.UUID() }

// census counts queues and messages, for status.
func census(r store.Reader) map[string]int {
	m := map[string]int{"queues": 0, "messages": 0}
	for range queues.Scan(r) {
		m["queues"]++
	}
	for n := range counters.Scan(r) {
		m["messages"] += int(n.Messages)
	}
	return m
}
