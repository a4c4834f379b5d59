package instance

import (
	"time"

	"pileus/clock"
	"pileus/cloud"
)

// shortest is the least of the machine's time over which the use of processors
// can be told: with the cloud's clock advanced quickly, minutes are shorter.
const shortest = 100 * time.Millisecond

// publish yields the metrics of one instance.
func (p *publisher) publish(c *cloud.Call, i *subject, now *counters, yield func(cloud.Metric) bool) bool {
	out := &outlet{subject: i, yield: yield, at: c.Now.Truncate(time.Minute).Add(-time.Minute)}
	out.checks(now.checks[i.ID])
	x, ok := p.read(c, i, now)
	if !ok {
		return !out.ended
	}
	w := p.watched[i.ID]
	if w == nil || w.boot != i.Boot {
		w = &watched{boot: i.Boot, last: reading{devices: x.devices, ebs: x.ebs, store: x.store}}
		if p.watched == nil {
			p.watched = map[string]*watched{}
		}
		p.watched[i.ID] = w
		if c.Now.Sub(i.Since) > 2*time.Minute { // it ran before anybody looked
			w.last, w.watch, w.seen = x, clock.Start(), true
			return !out.ended
		}
	}
	minute := w.use(x, i, c.Now)
	minute.untokened = now.untokened[i.ID]
	w.basic.add(&minute)
	five := c.Now.Truncate(time.Minute).Minute()%basicMinutes == 0
	if i.Monitoring {
		out.used(&minute)
	}
	if five {
		out.at = c.Now.Truncate(time.Minute).Add(-basicMinutes * time.Minute)
		if !i.Monitoring {
			out.used(&w.basic)
		}
		out.credits(&w.basic)
		w.basic = used{}
	}
	return !out.ended
}

// use is what an instance has used since its last reading, which x follows.
func (w *watched) use(x reading, i *subject, now time.Time) used {
	elapsed := w.watch.Elapsed()
	if !w.seen { // it began within this minute
		elapsed = min(max(now.Sub(i.Since), time.Second), time.Minute)
	}
	u := used{minutes: 1, net: x.net}
	u.net.BytesIn, u.net.BytesOut = minus(x.net.BytesIn, w.last.net.BytesIn), minus(x.net.BytesOut, w.last.net.BytesOut)
	u.net.PacketsIn, u.net.PacketsOut = minus(x.net.PacketsIn, w.last.net.PacketsIn), minus(x.net.PacketsOut, w.last.net.PacketsOut)
	if x.devices == w.last.devices {
		u.ebs, u.store = x.ebs.since(w.last.ebs), x.store.since(w.last.store)
	}
	spent := max(x.cpu-w.last.cpu, 0)
	u.credits = spent.Minutes()
	if elapsed >= shortest {
		w.cpu = min(100*spent.Seconds()/elapsed.Seconds()/float64(max(i.Cores*i.Threads, 1)), 100)
		w.watch, w.last = clock.Start(), x
	} else { // too short to tell: the next reading tells of both
		last := x
		last.cpu = w.last.cpu
		w.last = last
		u.credits = 0
	}
	w.seen = true
	u.cpu = w.cpu
	return u
}

// outlet yields the metrics of one instance.
type outlet struct {
	*subject
	yield func(cloud.Metric) bool
	at    time.Time
	ended bool
}

// put yields a value by instance, by Auto Scaling group and, with detailed
// monitoring, by what else AWS sums it up by.
func (o *outlet) put(name, unit string, v float64) {
	o.one(name, unit, v, cloud.Dimension{Name: "InstanceId", Value: o.ID})
	if o.group != "" {
		o.one(name, unit, v, cloud.Dimension{Name: "AutoScalingGroupName", Value: o.group})
	}
	if o.Monitoring {
		o.one(name, unit, v, cloud.Dimension{Name: "ImageId", Value: o.Image})
		o.one(name, unit, v, cloud.Dimension{Name: "InstanceType", Value: o.Type})
		o.one(name, unit, v)
	}
}

func (o *outlet) one(name, unit string, v float64, dims ...cloud.Dimension) {
	if o.ended {
		return
	}
	o.ended = !o.yield(cloud.Metric{
		Account: o.Account, Region: o.Region, Namespace: "AWS/EC2", Name: name, Dimensions: dims, Unit: unit, At: o.at, Values: []float64{v},
	})
}

// used yields what an instance has used: its processors as a part of their
// time, all else as sums.
func (o *outlet) used(u *used) {
	o.put("CPUUtilization", "Percent", u.cpu/float64(max(u.minutes, 1)))
	o.put("NetworkIn", "Bytes", float64(u.net.BytesIn))
	o.put("NetworkOut", "Bytes", float64(u.net.BytesOut))
	o.put("NetworkPacketsIn", "Count", float64(u.net.PacketsIn))
	o.put("NetworkPacketsOut", "Count", float64(u.net.PacketsOut))
	o.put("DiskReadOps", "Count", float64(u.store.reads))
	o.put("DiskWriteOps", "Count", float64(u.store.writes))
	o.put("DiskReadBytes", "Bytes", float64(u.store.readBytes))
	o.put("DiskWriteBytes", "Bytes", float64(u.store.written))
	o.put("EBSReadOps", "Count", float64(u.ebs.reads))
	o.put("EBSWriteOps", "Count", float64(u.ebs.writes))
	o.put("EBSReadBytes", "Bytes", float64(u.ebs.readBytes))
	o.put("EBSWriteBytes", "Bytes", float64(u.ebs.written))
	o.put("MetadataNoToken", "Count", float64(u.untokened))
}

// credits yields the CPU credits of an instance, each five minutes.
func (o *outlet) credits(u *used) {
	if !o.burstable {
		return
	}
	o.put("CPUCreditUsage", "Count", u.credits)
	o.put("CPUCreditBalance", "Count", o.balance)
	if o.Credits == "unlimited" {
		o.put("CPUSurplusCreditBalance", "Count", o.surplus)
	}
}

// checks yields the results of status checks, each minute: 1 has failed.
func (o *outlet) checks(k checks) {
	if k.system == "" || k.instance == "initializing" {
		return
	}
	failed := func(result string) float64 {
		if result == "impaired" {
			return 1
		}
		return 0
	}
	system, instance := failed(k.system), failed(k.instance)
	o.put("StatusCheckFailed", "Count", max(system, instance))
	o.put("StatusCheckFailed_System", "Count", system)
	o.put("StatusCheckFailed_Instance", "Count", instance)
	// The volumes of a machine are where it is: they are out of reach with it.
	o.put("StatusCheckFailed_AttachedEBS", "Count", system)
}
