package sqs

import (
	"iter"
	"sync"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// activeFor is how long after its last request a queue without messages
// publishes metrics.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
const activeFor = 6 * time.Hour

// activities are what happened to queues in this process since the last
// sample, by the ids of queues.
type activities struct{ all sync.Map }

// activity is what happened to one queue.
type activity struct {
	mu   sync.Mutex
	used time.Time // when last
	deeds
}

// deeds are the numbers of a minute.
type deeds struct {
	sent, received, deleted, empty float64
	sizes                          map[float64]float64 // of the messages sent, in bytes
}

func (a *activities) of(q *queue) *activity {
	if x, ok := a.all.Load(q.ID); ok {
		return x.(*activity)
	}
	x, _ := a.all.LoadOrStore(q.ID, &activity{})
	return x.(*activity)
}

// note counts something.
func (a *activities) note(q *queue, f func(*deeds)) {
	x := a.of(q)
	x.mu.Lock()
	f(&x.deeds)
	x.mu.Unlock()
}

// touch remembers that a queue was used.
func (a *activities) touch(q *queue, now time.Time) {
	x := a.of(q)
	x.mu.Lock()
	x.used = now
	x.mu.Unlock()
}

func (a *activities) sent(q *queue, sizes ...int) {
	a.note(q, func(d *deeds) {
		if d.sizes == nil {
			d.sizes = map[float64]float64{}
		}
		for _, n := range sizes {
			d.sent++
			d.sizes[float64(n)]++
		}
	})
}

func (a *activities) received(q *queue, n int) {
	a.note(q, func(d *deeds) {
		if d.received += float64(n); n == 0 {
			d.empty++
		}
	})
}

func (a *activities) deleted(q *queue, n int) {
	a.note(q, func(d *deeds) { d.deleted += float64(n) })
}

// take gives out what was counted, and when the queue was used last.
func (a *activities) take(q *queue) (d deeds, used time.Time) {
	x := a.of(q)
	x.mu.Lock()
	defer x.mu.Unlock()
	d, x.deeds = x.deeds, deeds{}
	return d, x.used
}

// forget drops the queues that there are no more.
func (a *activities) forget(there map[int64]bool) {
	a.all.Range(func(id, _ any) bool {
		if !there[id.(int64)] {
			a.all.Delete(id)
		}
		return true
	})
}

// metrics yields what queues have done in the last minute and what they hold.
func (s *service) metrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		var list []*queue
		held := map[int64]bool{}
		err := c.View(func(r store.Reader) error {
			list = list[:0]
			for q := range queues.Scan(r) {
				list = append(list, q)
				held[q.ID] = total(r, q) > 0
			}
			return nil
		})
		if err != nil {
			return
		}
		there := make(map[int64]bool, len(list))
		for _, q := range list {
			there[q.ID] = true
			d, used := s.activity.take(q)
			if !held[q.ID] && c.Now.Sub(used) > activeFor {
				continue
			}
			if !publish(c, q, &d, yield) {
				return
			}
		}
		s.activity.forget(there)
	}
}

func publish(c *cloud.Call, q *queue, d *deeds, yield func(cloud.Metric) bool) bool {
	t, err := count(c, q)
	if err != nil {
		return true // the next minute tells
	}
	m := cloud.Metric{Account: q.Account, Region: q.Region, Namespace: "AWS/SQS", Dimensions: []cloud.Dimension{{Name: "QueueName", Value: q.Name}}}
	for _, x := range []struct {
		name  string
		value float64
	}{
		{"ApproximateNumberOfMessagesVisible", float64(t.visible)},
		{"ApproximateNumberOfMessagesNotVisible", float64(t.flying)},
		{"ApproximateNumberOfMessagesDelayed", float64(t.delayed)},
		{"NumberOfMessagesSent", d.sent},
		{"NumberOfMessagesReceived", d.received},
		{"NumberOfMessagesDeleted", d.deleted},
		{"NumberOfEmptyReceives", d.empty},
	} {
		if m.Name, m.Unit, m.Values = x.name, "Count", []float64{x.value}; !yield(m) {
			return false
		}
	}
	if m.Name, m.Unit, m.Values = "ApproximateAgeOfOldestMessage", "Seconds", []float64{age(c, q).Seconds()}; !yield(m) {
		return false
	}
	if len(d.sizes) == 0 {
		return true
	}
	m.Name, m.Unit, m.Values = "SentMessageSize", "Bytes", nil
	for size, n := range d.sizes {
		m.Values, m.Counts = append(m.Values, size), append(m.Counts, n)
	}
	return yield(m)
}

// age is that of a queue's oldest message, in whole seconds. Of a long queue
// its first messages are looked at, which are the oldest ones but for those
// that were received in vain.
func age(c *cloud.Call, q *queue) (oldest time.Duration) {
	table := messages
	if q.FIFO {
		table = sequences
	}
	err := c.View(func(r store.Reader) error {
		n := 0
		oldest = 0
		for m := range table.Scan(r, q.ID) {
			if n++; n > fewMessages {
				break
			}
			if c.Now.Before(m.expires(q)) {
				oldest = max(oldest, c.Now.Sub(m.Sent))
			}
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return oldest.Truncate(time.Second)
}
