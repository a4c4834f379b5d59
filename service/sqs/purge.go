package sqs

import (
	api "pileus/api/sqs"
	"pileus/cloud"
	"pileus/store"
)

// purgeQueue removes all messages, whoever has them in hand.
func (s *service) purgeQueue(c *cloud.Call, tx store.Tx, in *api.PurgeQueueInput) (*cloud.Empty, error) {
	have, err := lookup(c, tx, in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if !have.Purged.IsZero() && c.Now.Before(have.Purged.Add(quarantine)) {
		return nil, errPurging(have.Name)
	}
	q := have.edit()
	q.Purged = c.Now
	s.put(tx, q)
	empty(tx, q.ID)
	for n := range counters.Scan(tx, q.ID) { // the sequence goes on
		n.Messages = 0
		n.Writes++
		counters.Insert(tx, n)
	}
	s.usedOnCommit(c, "PurgeQueue", tx, q)
	return &cloud.Empty{}, nil
}

// empty removes a queue's messages. What was sent in the last minutes is still
// remembered for deduplication.
func empty(tx store.Tx, queue int64) {
	messages.DeleteAll(tx, queue)
	sequences.DeleteAll(tx, queue)
	payloads.DeleteAll(tx, queue)
	moves.DeleteAll(tx, queue)
	groups.DeleteAll(tx, queue)
	turns.DeleteAll(tx, queue)
}
