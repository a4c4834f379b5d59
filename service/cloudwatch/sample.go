package cloudwatch

import (
	"context"
	"fmt"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

const (
	tickController = "cloudwatch.tick"
	// tickFine is how often alarms with periods below a minute look.
	tickFine = 10 * time.Second
	tickEach = time.Minute
	// tickBack is how much of an Advance is gone through minute by minute, up
	// to its end. What lies before is passed over.
	tickBack = 3 * time.Hour
	// samplesAtOnce is how many points are written in one transaction.
	samplesAtOnce = 10_000
)

// tickKey is the one key of the controller.
func tickKey() store.Key { return store.K("all") }

// ticked is when the last tick was that has sampled, and that has evaluated.
type ticked struct{ Sampled, Evaluated time.Time }

var ticks = &store.Table[ticked]{Name: "cloudwatch.tick", Key: func(*ticked) store.Key { return tickKey() }}

// tick samples what services publish of the minute that has ended, and then
// evaluates the alarms that look now: so an alarm sees a period as soon as it
// is over. One wake-up serves all, and the minutes of a long Advance are passed
// over but for the last ones.
func tick(c *cloud.Call, key store.Key) error {
	var last ticked
	err := c.View(func(r store.Reader) error {
		if t, ok := ticks.Get(r, tickKey()...); ok {
			last = *t
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !last.Sampled.Truncate(time.Minute).Equal(c.Now.Truncate(time.Minute)) {
		last.Sampled = c.Now
		if err := sampleServices(c, last); err != nil {
			return err
		}
	}
	fine, err := evaluateAll(c, last.Evaluated)
	if err != nil {
		return err
	}
	return c.Update(func(tx store.Tx) error {
		ticks.Put(tx, &ticked{Sampled: last.Sampled, Evaluated: c.Now})
		tx.After(nextTick(c.Now, c.Cloud.Clock().Heading(), fine), tickController, key)
		return nil
	})
}

// nextTick is when to tick after now, given where the clock is heading.
func nextTick(now, heading time.Time, fine bool) time.Time {
	step := time.Minute
	if fine {
		step = tickFine
	}
	next := now.Truncate(step).Add(step)
	if far := heading.Add(-tickBack).Truncate(time.Minute); !heading.IsZero() && far.After(next) {
		return far
	}
	return next
}

// beginTicking asks for the first tick of a cloud that has none to come.
func beginTicking(ctx context.Context, c cloud.Cloud) error {
	at := nextTick(c.Clock().Now(), time.Time{}, false)
	waits := false
	err := c.DB().View(ctx, func(r store.Reader) error {
		w, ok := store.Appointment(r, tickController, tickKey())
		waits = ok && !w.At.After(at)
		return nil
	})
	if err != nil || waits {
		return err
	}
	return c.DB().Update(ctx, func(tx store.Tx) error {
		tx.After(at, tickController, tickKey())
		return nil
	})
}

// sampleServices stores what the cloud's services have to publish, and with
// it that this was done.
func sampleServices(c *cloud.Call, done ticked) error {
	ended := c.Now.Truncate(time.Minute).Add(-time.Minute)
	known, list, n := map[string]*batch{}, []*batch(nil), 0
	for m := range c.Cloud.Measure(c) {
		p, err := measured(&m, ended)
		if err != nil {
			return fmt.Errorf("sample %s/%s: %w", m.Namespace, m.Name, err)
		}
		list = add(known, list, c.In(m.Account, m.Region), m.Namespace, m.Name, dimensions(m.Dimensions), m.High, p)
		if n++; n%samplesAtOnce == 0 {
			if err := c.Update(func(tx store.Tx) error { publish(c, tx, list); return nil }); err != nil {
				return err
			}
			clear(known)
			list = nil
		}
	}
	if n == 0 {
		return nil // the end of the tick says that it was done
	}
	return c.Update(func(tx store.Tx) error {
		publish(c, tx, list)
		ticks.Put(tx, &done)
		return nil
	})
}

// measured is what a service publishes as a point.
func measured(m *cloud.Metric, ended time.Time) (p series.Point, err error) {
	at := m.At
	if at.IsZero() {
		at = ended
	}
	p = series.Point{Time: at.Unix(), Unit: m.Unit}
	if m.Unit == "" {
		p.Unit = api.StandardUnitNone
	}
	p.Set, err = values(m.Name, m.Values, m.Counts)
	return p, err
}

func dimensions(list []cloud.Dimension) []api.Dimension {
	dims := make([]api.Dimension, len(list))
	for i, d := range list {
		dims[i] = api.Dimension{Name: d.Name, Value: d.Value}
	}
	return dims
}
