package meter

import (
	"context"
	"iter"
	"slices"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// Sampler yields what a service holds and AWS bills by the hour: Quantity is
// the level now, such as the bytes of a bucket in one storage class, Type a
// usage type whose unit is the level times hours ("TimedStorage-ByteHrs").
type Sampler = func(r store.Reader) iter.Seq[cloud.Usage]

// Sample has the meter ask s at the beginning of each hour of the cloud's
// clock, until Run ends: also of the hours that Advance passes, so that what a
// lifecycle rule removes on the way is billed until then.
func (m *Meter) Sample(s Sampler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samplers = append(m.samplers, s)
	if m.alarm == nil {
		m.arm(m.clk.Now())
	}
}

// arm sets the alarm for the next hour; mu is held.
func (m *Meter) arm(now time.Time) {
	m.alarm = m.clk.At(now.Truncate(time.Hour).Add(time.Hour), func(now time.Time) {
		m.sample(context.Background(), now)
		m.mu.Lock()
		defer m.mu.Unlock()
		if !m.ended {
			m.arm(now)
		}
	})
}

// silence ends the sampling.
func (m *Meter) silence() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
	if m.alarm != nil {
		m.alarm()
	}
}

// sample counts the levels for the time since the last sample.
func (m *Meter) sample(ctx context.Context, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var levels []cloud.Usage
	err := m.db.View(ctx, func(r store.Reader) error {
		m.load(r)
		levels = levels[:0]
		for _, s := range m.samplers {
			levels = slices.AppendSeq(levels, s(r))
		}
		return nil
	})
	if err != nil {
		m.log.Error("what is stored could not be metered", "err", err)
		return // the next sample makes up for it
	}
	all := daysBetween(m.sampled, now)
	for i := range levels {
		days := all
		if levels[i].Since.After(m.sampled) {
			days = daysBetween(levels[i].Since, now)
		}
		for _, d := range days {
			m.count(d.hour, &levels[i], levels[i].Quantity*d.hours)
		}
	}
	m.sampled = now
}

// end counts a level for the time that no sample has counted yet.
func (m *Meter) end(u *cloud.Usage) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.loaded {
		if err := m.db.View(context.Background(), func(r store.Reader) error { m.load(r); return nil }); err != nil {
			m.log.Error("what an earlier process has metered is not known", "err", err)
		}
	}
	from := u.Since
	if m.sampled.After(from) {
		from = m.sampled
	}
	for _, d := range daysBetween(from, m.clk.Now()) {
		m.count(d.hour, u, u.Quantity*d.hours)
	}
}

// load learns up to when an earlier process has sampled; mu is held.
func (m *Meter) load(r store.Reader) {
	if !m.loaded {
		if at, ok := marks.Get(r, sampledMark); ok {
			m.sampled, m.marked = at.At, at.At
		}
		m.loaded = true
	}
}

// span is a part of a day. Storage is counted by the day, as AWS does, which
// keeps a year of it small.
type span struct {
	hour  int64 // with which the day begins
	hours float64
}

// longest is how far back a sample counts, should the machine have been off,
// or the clock have been moved while it was.
const longest = 400 * 24 * time.Hour

// daysBetween cuts the time from from to to into days; none when the clock
// went back.
func daysBetween(from, to time.Time) (days []span) {
	if to.Sub(from) > longest {
		from = to.Add(-longest)
	}
	for from.Before(to) {
		day := from.UTC().Truncate(24 * time.Hour)
		end := day.Add(24 * time.Hour)
		if end.After(to) {
			end = to
		}
		days = append(days, span{hourOf(day), end.Sub(from).Hours()})
		from = end
	}
	return days
}
