package s3

import (
	"time"

	"pileus/cloud"
	"pileus/store"
)

// Lifecycle has no timer for each object. A run looks at all of a bucket, acts
// on what is due and finds out when the next thing will be; nothing written
// after it can be due before the shortest age in the rules has passed. The
// next run is at the earlier of the two, so that a bucket with a rule of 30
// days is looked at once a month, and a bucket whose rules ask for nothing more
// never again.
const (
	lifecycleController = "s3.lifecycle"
	lookBatch           = 2000 // keys read on one snapshot
	actBatch            = 500  // keys changed in one transaction
)

// scheduleLifecycle has the bucket looked at next midnight, as AWS takes up
// new rules.
func scheduleLifecycle(c *cloud.Call, tx store.Tx, b *Bucket) {
	tx.After(nextMidnight(c.Now.Add(time.Nanosecond)), lifecycleController, store.K(b.Name))
}

// lifecycleRun is one look at a bucket.
type lifecycleRun struct {
	c    *cloud.Call
	name string
	next time.Time // earliest that something not yet due will be
}

// runLifecycle is the controller of one bucket. It is idempotent: a run that
// was interrupted starts over and finds less to do.
func runLifecycle(c *cloud.Call, key store.Key) error {
	name, _ := key[0].(string)
	run := &lifecycleRun{c: c, name: name}
	var soonest time.Time
	err := c.View(func(r store.Reader) error {
		if b, ok := buckets.Get(r, name); ok && len(b.Lifecycle) > 0 {
			run.c = c.In(b.Account, b.Region)
			soonest = newLifecycle(b).soonest(c.Now)
		}
		return nil
	})
	if err != nil || run.c == c {
		return err // no bucket, or no rules
	}
	if err := run.objects(); err != nil {
		return err
	}
	if err := run.uploads(); err != nil {
		return err
	}
	if run.next.IsZero() && soonest.IsZero() {
		return nil
	}
	run.later(soonest)
	return c.Update(func(tx store.Tx) error {
		tx.After(run.next, lifecycleController, key)
		return nil
	})
}

func (run *lifecycleRun) later(t time.Time) {
	if !t.IsZero() && (run.next.IsZero() || t.Before(run.next)) {
		run.next = t
	}
}

// objects goes through the keys of the bucket.
func (run *lifecycleRun) objects() error {
	from, more := store.K(run.name), true
	for more {
		var due []string
		more = false
		err := run.c.View(func(r store.Reader) error {
			b, ok := buckets.Get(r, run.name)
			if !ok {
				return nil
			}
			l, seen := newLifecycle(b), 0
			for o := range objects.Glance(r, store.K(run.name), from) {
				if seen == lookBatch {
					from, more = store.K(run.name, o.Key), true
					break
				}
				seen++
				if run.look(r, l, b, o) {
					due = append(due, o.Key)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for len(due) > 0 {
			n := min(len(due), actBatch)
			if err := run.act(due[:n]); err != nil {
				return err
			}
			due = due[n:]
		}
	}
	return nil
}

// look tells whether anything is due on any version of a key.
func (run *lifecycleRun) look(r store.Reader, l *lifecycle, b *Bucket, o *Object) bool {
	v := l.due(o, -1, run.c.Now)
	run.later(v.next)
	due := v.deed != keep
	if !o.Older {
		return due
	}
	newer := 0
	for old := range versions.Scan(r, b.Name, o.Key) {
		v := l.due(old, newer, run.c.Now)
		run.later(v.next)
		due = due || v.deed != keep
		newer++
	}
	return due
}

// act does what is due on some keys, in one transaction, by their state then.
func (run *lifecycleRun) act(keys []string) error {
	return run.c.Update(func(tx store.Tx) error {
		b, ok := buckets.Get(tx, run.name)
		if !ok {
			return nil
		}
		l := newLifecycle(b)
		for _, key := range keys {
			o, ok := latest(tx, b, key)
			if ok && o.Older {
				run.actOlder(tx, l, key)
				o, ok = latest(tx, b, key) // a delete marker may be alone now
			}
			if ok {
				v := l.due(o, -1, run.c.Now)
				run.actOn(tx, l, o, v)
				run.later(v.next)
			}
		}
		return nil
	})
}

func (run *lifecycleRun) actOlder(tx store.Tx, l *lifecycle, key string) {
	var list []*Object
	for o := range versions.Scan(tx, run.name, key) {
		list = append(list, o)
	}
	for newer, o := range list {
		run.actOn(tx, l, o, l.due(o, newer, run.c.Now))
	}
}

// actOn carries out a verdict.
func (run *lifecycleRun) actOn(tx store.Tx, l *lifecycle, o *Object, v verdict) {
	b := l.bucket
	switch v.deed {
	case expire:
		if gone := removeLatest(run.c, tx, b, o.Key); gone != nil {
			event := eventExpired
			if gone.Marker {
				event = eventExpiredMarker
			}
			run.done(tx, b, gone, event)
		}
	case remove:
		deleteVersion(run.c, tx, b, o)
		run.done(tx, b, o, eventExpired)
	case transition:
		moved := moveVersion(run.c, tx, o, v.class)
		tx.OnCommit(func() {
			t := transitions[moved.Class]
			meter(run.c, b, t.operation, t.tier)
		})
		run.done(tx, b, moved, eventTransition)
	}
}

// done tells of what lifecycle did. Replication does not follow lifecycle.
func (run *lifecycleRun) done(tx store.Tx, b *Bucket, o *Object, event string) {
	if b.Notification != nil {
		notify(run.c, tx, b, o, event)
	}
	if b.Logging != nil {
		logLifecycle(run.c, tx, b, o, event)
	}
}

// uploads aborts multipart uploads that have been under way for too long.
func (run *lifecycleRun) uploads() error {
	var due []*Upload
	err := run.c.View(func(r store.Reader) error {
		b, ok := buckets.Get(r, run.name)
		if !ok {
			return nil
		}
		for u := range uploads.Scan(r, run.name) {
			at, _ := abortAnswer(b, u)
			switch {
			case at == nil:
			case at.After(run.c.Now):
				run.later(*at)
			default:
				due = append(due, u)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, u := range due {
		err := run.c.Update(func(tx store.Tx) error {
			if u, err := findUpload(tx, u.Bucket, u.Key, u.ID); err == nil { // or it was completed meanwhile
				abortUpload(run.c, tx, u)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
