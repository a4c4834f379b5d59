package ebs

import (
	"iter"
	"slices"
	"sync"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// publisher publishes the metrics of volumes: it remembers the counters of the
// last sample.
// https://docs.aws.amazon.com/ebs/latest/userguide/using_cloudwatch_ebs.html
type publisher struct {
	room *Room

	mu    sync.Mutex
	last  map[string]plane.VolumeUsage // by volume
	watch clock.Stopwatch              // since then, by the machine's time
	at    time.Time                    // then, by the cloud's
}

// metrics yields what the volumes that are attached have carried in the last
// minute. Volumes that were not there a minute ago are not told of.
func (p *publisher) metrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		var list []*Volume
		err := c.View(func(r store.Reader) error {
			list = list[:0]
			for v := range volumes.Scan(r) {
				if slices.ContainsFunc(v.Attachments, func(a Attachment) bool { return a.State == "attached" || a.State == "busy" }) {
					list = append(list, v)
				}
			}
			return nil
		})
		if err != nil || len(list) == 0 {
			p.last = nil
			return
		}
		now, err := p.room.plane.VolumeUsage(c)
		if err != nil {
			return
		}
		last, elapsed, filled := p.last, p.watch.Elapsed(), c.Now.Sub(p.at)
		p.last, p.watch, p.at = now, clock.Start(), c.Now
		for _, v := range list {
			before, known := last[v.ID]
			after, there := now[v.ID]
			if !known || !there || before.Device != after.Device {
				continue
			}
			if !v.publish(before, after, elapsed, yield) || !v.burst(c, before, after, filled, yield) {
				return
			}
		}
	}
}

// publish yields what has passed a volume between two readings.
func (v *Volume) publish(a, b plane.VolumeUsage, elapsed time.Duration, yield func(cloud.Metric) bool) bool {
	reads, writes := float64(b.ReadOps-a.ReadOps), float64(b.WriteOps-a.WriteOps)
	m := cloud.Metric{Account: v.Account, Region: v.Region, Namespace: "AWS/EBS", Dimensions: []cloud.Dimension{{Name: "VolumeId", Value: v.ID}}}
	one := func(name, unit string, value float64) bool {
		m.Name, m.Unit, m.Values, m.Counts = name, unit, []float64{value}, nil
		return yield(m)
	}
	// each yields a sum as that many operations of its average: AWS's averages
	// are those of an operation.
	each := func(name, unit string, sum, ops float64) bool {
		if ops == 0 {
			return one(name, unit, 0)
		}
		m.Name, m.Unit, m.Values, m.Counts = name, unit, []float64{sum / ops}, []float64{ops}
		return yield(m)
	}
	// Busy and queued time are parts of the machine's time, which a minute of
	// the cloud's clock need not be.
	part := func(d time.Duration) float64 { return d.Seconds() / max(elapsed, time.Millisecond).Seconds() }
	return one("VolumeReadOps", "Count", reads) && one("VolumeWriteOps", "Count", writes) &&
		each("VolumeReadBytes", "Bytes", float64(b.ReadBytes-a.ReadBytes), reads) &&
		each("VolumeWriteBytes", "Bytes", float64(b.Written-a.Written), writes) &&
		each("VolumeTotalReadTime", "Seconds", (b.ReadTime-a.ReadTime).Seconds(), reads) &&
		each("VolumeTotalWriteTime", "Seconds", (b.WriteTime-a.WriteTime).Seconds(), writes) &&
		one("VolumeIdleTime", "Seconds", 60*(1-min(part(b.Busy-a.Busy), 1))) &&
		one("VolumeQueueLength", "Count", part(b.Queued-a.Queued))
}
