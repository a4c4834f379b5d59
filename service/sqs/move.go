package sqs

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/store"
)

// moveTask sends the messages of a dead-letter queue on: to one queue, or each
// to where it came from.
type moveTask struct {
	Account, Region, Name string // of the dead-letter queue
	Started               time.Time
	ID                    string
	Destination           string // ARN; "" for where each came from
	Rate                  int    // messages a second; 0 for as fast as it goes
	Status                string
	Moved, ToMove         int64
	Failure               string
}

// States of a task.
const (
	moveRunning    = "RUNNING"
	moveCancelling = "CANCELLING"
	moveCancelled  = "CANCELLED"
	moveCompleted  = "COMPLETED"
	moveFailed     = "FAILED"
)

var moveTasks = &store.Table[moveTask]{
	Name: "sqs.movetask",
	Key:  func(t *moveTask) store.Key { return t.key() },
}

func (t *moveTask) key() store.Key {
	return store.K(t.Account, t.Region, t.Name, t.Started, t.ID)
}

func (t *moveTask) source() queueName { return queueName{t.Account, t.Region, t.Name} }

// taskHandle is what a task's handle says.
type taskHandle struct {
	ID     string `json:"taskId"`
	Source string `json:"sourceArn"`
}

func (t *moveTask) handle() (string, error) {
	b, err := json.Marshal(taskHandle{t.ID, t.source().arn()})
	return base64.StdEncoding.EncodeToString(b), err
}

func parseTaskHandle(s string) (h taskHandle, n queueName, err error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || json.Unmarshal(b, &h) != nil {
		return h, n, errTaskHandle
	}
	n, ok := named(h.Source)
	if !ok {
		return h, n, errTaskHandle
	}
	return h, n, nil
}

const (
	moveRates   = 500 // messages a second, at most
	moveChunk   = 100 // messages of one transaction
	movesKept   = 10  // tasks of a queue
	moveLongest = 36 * time.Hour
)

func (s *service) startMessageMoveTask(c *cloud.Call, tx store.Tx, in *api.StartMessageMoveTaskInput) (*api.StartMessageMoveTaskOutput, error) {
	q, err := byARN(tx, in.SourceArn, "SourceArn")
	if err != nil {
		return nil, err
	}
	if !isDeadLetter(tx, q) {
		return nil, errNotDeadLetter
	}
	t := &moveTask{
		Account: q.Account, Region: q.Region, Name: q.Name, Started: c.Now, ID: c.Rand().UUID(),
		Destination: cloud.Or(in.DestinationArn, ""), Status: moveRunning, ToMove: total(tx, q),
	}
	if t.Destination != "" {
		to, err := byARN(tx, t.Destination, "DestinationArn")
		if err != nil {
			return nil, err
		}
		if to.FIFO != q.FIFO || to.Region != q.Region {
			return nil, badValue(t.Destination, "DestinationArn", "The destination must be a queue of the same type and region as the source.")
		}
	}
	if r := in.MaxNumberOfMessagesPerSecond; r != nil {
		if *r < 1 || *r > moveRates {
			return nil, badNumber(*r, "MaxNumberOfMessagesPerSecond", "Must be between 1 and 500.")
		}
		t.Rate = int(*r)
	}
	kept := 0
	for old := range moveTasks.ScanReverse(tx, q.Account, q.Region, q.Name) {
		if old.active() {
			return nil, errMoveRunning
		}
		if kept++; kept >= movesKept {
			moveTasks.Delete(tx, old.key()...)
		}
	}
	moveTasks.Put(tx, t)
	tx.After(time.Time{}, moveController, t.key())
	handle, err := t.handle()
	if err != nil {
		return nil, err
	}
	s.usedOnCommit(c, "StartMessageMoveTask", tx, q)
	return &api.StartMessageMoveTaskOutput{TaskHandle: &handle}, nil
}

func (t *moveTask) active() bool { return t.Status == moveRunning || t.Status == moveCancelling }

// byARN is the queue that an ARN names.
func byARN(r store.Reader, arn, parameter string) (*queue, error) {
	n, ok := named(arn)
	if !ok {
		return nil, badValue(arn, parameter, "It is not the ARN of a queue.")
	}
	q, ok := n.find(r)
	if !ok {
		return nil, errNoResource(parameter)
	}
	return q, nil
}

// isDeadLetter tells whether a queue is the dead-letter queue of another.
func isDeadLetter(r store.Reader, q *queue) bool {
	for range queues.Index(r, "dead", q.arn()) {
		return true
	}
	return false
}

func (s *service) cancelMessageMoveTask(c *cloud.Call, tx store.Tx, in *api.CancelMessageMoveTaskInput) (*api.CancelMessageMoveTaskOutput, error) {
	h, n, err := parseTaskHandle(in.TaskHandle)
	if err != nil {
		return nil, err
	}
	q, ok := n.find(tx)
	if !ok {
		return nil, errNoResource("SourceArn")
	}
	for t := range moveTasks.ScanReverse(tx, n.Account, n.Region, n.Name) {
		if t.ID != h.ID {
			continue
		}
		if t.Status != moveRunning {
			return nil, errTaskNotActive
		}
		t.Status = moveCancelling
		moveTasks.Put(tx, t)
		tx.After(time.Time{}, moveController, t.key())
		s.usedOnCommit(c, "CancelMessageMoveTask", tx, q)
		return &api.CancelMessageMoveTaskOutput{ApproximateNumberOfMessagesMoved: &t.Moved}, nil
	}
	return nil, errNoTask
}

func (s *service) listMessageMoveTasks(c *cloud.Call, r store.Reader, in *api.ListMessageMoveTasksInput) (*api.ListMessageMoveTasksOutput, error) {
	q, err := byARN(r, in.SourceArn, "SourceArn")
	if err != nil {
		return nil, err
	}
	limit := int(cloud.Or(in.MaxResults, 1))
	if limit < 1 || limit > movesKept {
		return nil, badNumber(int32(limit), "MaxResults", "Must be between 1 and 10.")
	}
	out := &api.ListMessageMoveTasksOutput{}
	for t := range moveTasks.ScanReverse(r, q.Account, q.Region, q.Name) {
		if len(out.Results) == limit {
			break
		}
		e, err := t.entry()
		if err != nil {
			return nil, err
		}
		out.Results = append(out.Results, e)
	}
	s.used(c, "ListMessageMoveTasks", q, 1)
	return out, nil
}

// entry describes the task. Only a running one has a handle.
func (t *moveTask) entry() (e api.ListMessageMoveTasksResultEntry, err error) {
	e = api.ListMessageMoveTasksResultEntry{
		Status: &t.Status, SourceArn: new(t.source().arn()), StartedTimestamp: new(t.Started.UnixMilli()),
		ApproximateNumberOfMessagesMoved: &t.Moved, ApproximateNumberOfMessagesToMove: &t.ToMove,
	}
	if t.Destination != "" {
		e.DestinationArn = &t.Destination
	}
	if t.Rate > 0 {
		e.MaxNumberOfMessagesPerSecond = new(int32(t.Rate))
	}
	if t.Failure != "" {
		e.FailureReason = &t.Failure
	}
	if t.Status == moveRunning {
		handle, err := t.handle()
		if err != nil {
			return e, err
		}
		e.TaskHandle = &handle
	}
	return e, nil
}

// move carries a task on. One with a rate moves a second's worth and comes
// again when the second is over.
func (s *service) move(c *cloud.Call, key store.Key) error {
	if len(key) != 5 {
		return nil
	}
	n, ok := nameOf(key[:3])
	if !ok {
		return nil
	}
	for again := true; again; {
		err := s.run(n, &work{c: c, want: moveRates, do: func(b *batch) error {
			again = b.moveOn(key, c.Now)
			return nil
		}})
		if errors.Is(err, errNoQueue) {
			return c.Update(func(tx store.Tx) error {
				moveTasks.Delete(tx, key...)
				return nil
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// moveOn does a task's next step; again tells that the next can be done at once.
func (b *batch) moveOn(key store.Key, now time.Time) (again bool) {
	t, ok := moveTasks.Get(b.tx, key...)
	if !ok || !t.active() {
		return false
	}
	defer func() { moveTasks.Put(b.tx, t) }()
	if t.Status == moveCancelling {
		t.Status = moveCancelled
		return false
	}
	limit := moveChunk
	if t.Rate > 0 {
		limit = t.Rate
	}
	n, err := b.moveSome(t, now, limit)
	t.Moved += int64(n)
	switch {
	case err != nil:
		t.Status, t.Failure = moveFailed, err.Error()
	case n == 0 && b.looked == 0:
		t.Status = moveCompleted
		t.ToMove = max(t.ToMove, t.Moved)
	case now.Sub(t.Started) > moveLongest:
		t.Status, t.Failure = moveFailed, "The task has run for longer than 36 hours."
	case t.Rate > 0:
		b.tx.After(now.Add(time.Second), moveController, key)
	default:
		return true
	}
	return false
}

// Why a task fails.
var (
	errNoSource      = errors.New("CouldNotDetermineMessageSource")
	errNoDestination = errors.New("AWS.SimpleQueueService.NonExistentQueue")
)

// moveSome moves up to n messages that can be received.
func (b *batch) moveSome(t *moveTask, now time.Time, n int) (moved int, err error) {
	for moved < n && err == nil {
		s, ok := b.next(now)
		if !ok {
			break
		}
		if b.q.FIFO {
			k, e := b.moveGroup(t, s, now, n-moved)
			moved, err = moved+k, e
			continue
		}
		m, ok := messages.Get(b.tx, b.q.ID, s.at, s.order, s.node)
		if !ok {
			continue
		}
		if err = b.moveOne(t, m, now); err != nil {
			b.looked-- // it stays where it is
			break
		}
		moved++
	}
	return moved, err
}

// moveGroup moves the first messages of a group whose turn it is.
func (b *batch) moveGroup(t *moveTask, s slot, now time.Time, n int) (moved int, err error) {
	g, ok := groups.Get(b.tx, b.q.ID, s.group)
	if !ok || !g.Turn.Equal(s.at) || g.Order != s.order || g.Node != s.node {
		return 0, nil
	}
	b.leave(g)
	var next time.Time
	for m := range sequences.ScanFrom(b.tx, store.K(g.Queue, g.Name), store.K(g.Queue, g.Name, g.Head)) {
		if moved < n && !m.Visible.After(now) {
			if err = b.moveOne(t, m, now); err == nil {
				moved++
				g.Count--
				continue
			}
		}
		g.Head, next = m.Seq, m.Visible
		break
	}
	b.settle(g, now, next)
	return moved, err
}

// moveOne moves a message to where the task sends it.
func (b *batch) moveOne(t *moveTask, m *message, now time.Time) error {
	arn := t.Destination
	if arn == "" {
		arn = m.Source
	}
	n, ok := named(arn)
	if !ok {
		return errNoSource
	}
	to, ok := n.find(b.tx)
	if !ok {
		return errNoDestination
	}
	b.transfer(m, to, now, true)
	return nil
}
