package sqs

import (
	"context"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// listening is how often the queues that somebody waits for are looked at for
// messages that came from another process.
const listening = time.Second

// listen looks at the counts of queues that somebody receives from. Their rows
// change when other processes that share the store send or delete; what
// happens in this one is announced and needs no look.
func (s *service) listen(ctx context.Context, c cloud.Cloud) {
	for c.Clock().Wait(ctx, listening) == nil {
		for _, l := range s.all() {
			if !l.active() {
				continue
			}
			rows, err := s.foreign(ctx, c.DB(), l.name)
			if err != nil {
				continue // the next look makes up for it
			}
			if !sameCounts(l.others, rows) {
				l.others = rows
				l.stir()
			}
		}
	}
}

// active tells whether somebody waits for messages, or has received since it
// was last asked.
func (l *line) active() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	used := l.used
	l.used = false
	return used || len(l.polls.list) > 0
}

// stir has everybody who waits look again, at everything.
func (l *line) stir() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.missed, l.late = true, nil
	l.polls.quiet = time.Time{}
	l.wake(len(l.polls.list))
}

// foreign are the counts of a queue as other processes write them.
func (s *service) foreign(ctx context.Context, db store.Store, n queueName) (rows []counter, err error) {
	err = db.View(ctx, func(r store.Reader) error {
		rows = nil
		q, ok := n.find(r)
		if !ok {
			return nil
		}
		for row := range counters.Scan(r, q.ID) {
			if row.Writer != s.node {
				rows = append(rows, *row)
			}
		}
		return nil
	})
	return rows, err
}

func sameCounts(a, b []counter) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Writer != b[i].Writer || a[i].Writes != b[i].Writes {
			return false
		}
	}
	return true
}
