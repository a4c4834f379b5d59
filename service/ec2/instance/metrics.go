package instance

import (
	"context"
	"iter"
	"maps"
	"sync"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
	"pileus/zone"
)

// groupTag names the Auto Scaling group of an instance.
const groupTag = "aws:autoscaling:groupName"

// basicMinutes is how many minutes the points of basic monitoring cover.
const basicMinutes = 5

// publisher is what publishes the metrics of instances: it remembers the
// counters of the last sample.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_metrics_with_cloudwatch.html
type publisher struct {
	room *Room

	mu      sync.Mutex
	watched map[string]*watched // by instance
}

// watched is what is known of an instance from one sample to the next.
type watched struct {
	boot  int64
	last  reading
	watch clock.Stopwatch // since the last reading, by the machine's time
	cpu   float64         // percent, of the last reading that could tell
	basic used            // since the last points of basic monitoring
	seen  bool
}

// reading are the counters of an instance at one moment.
type reading struct {
	cpu        time.Duration
	net        plane.Counters
	ebs, store traffic
	devices    string // what the counters of disks belong to
}

// traffic is what passed some volumes.
type traffic struct{ reads, writes, readBytes, written uint64 }

// used is what an instance has used in some minutes.
type used struct {
	minutes    int
	cpu        float64 // percent, summed up over the minutes
	credits    float64 // vCPU minutes
	net        plane.Counters
	ebs, store traffic
	untokened  uint64
}

func (u *used) add(v *used) {
	u.minutes += v.minutes
	u.cpu += v.cpu
	u.credits += v.credits
	u.net.BytesIn += v.net.BytesIn
	u.net.BytesOut += v.net.BytesOut
	u.net.PacketsIn += v.net.PacketsIn
	u.net.PacketsOut += v.net.PacketsOut
	u.ebs.add(v.ebs)
	u.store.add(v.store)
	u.untokened += v.untokened
}

func (d *traffic) add(e traffic) {
	d.reads += e.reads
	d.writes += e.writes
	d.readBytes += e.readBytes
	d.written += e.written
}

// since is what has passed between two readings of the same counters.
func (d traffic) since(e traffic) traffic {
	return traffic{minus(d.reads, e.reads), minus(d.writes, e.writes), minus(d.readBytes, e.readBytes), minus(d.written, e.written)}
}

func minus(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

// subject is a running instance with what the store knows of it.
type subject struct {
	*Instance
	group              string // Auto Scaling
	dark               bool   // its zone is
	balance, surplus   float64
	burstable          bool
	interfaces, volume []string
}

// metrics yields what all running instances have used in the last minute.
func (p *publisher) metrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		list, err := p.subjects(c)
		if err != nil || len(list) == 0 {
			p.watched = nil
			return
		}
		now := p.gather(c, list)
		for _, i := range list {
			if !p.publish(c, i, now, yield) {
				return
			}
		}
		known := map[string]bool{}
		for _, i := range list {
			known[i.ID] = true
		}
		maps.DeleteFunc(p.watched, func(id string, _ *watched) bool { return !known[id] })
	}
}

// subjects are the instances that run.
func (p *publisher) subjects(c *cloud.Call) (list []*subject, err error) {
	err = c.View(func(r store.Reader) error {
		list = nil
		down := map[string]bool{}
		for i := range instances.Scan(r) {
			if i.State != Running {
				continue
			}
			if _, known := down[i.Zone]; !known {
				down[i.Zone] = zone.Down(r, i.Zone)
			}
			d := c.In(i.Account, i.Region)
			s := &subject{Instance: i, dark: down[i.Zone], group: resource.Tags(d, r, i.ID).Map()[groupTag]}
			s.balance, s.surplus, s.burstable = Credits(r, i)
			for _, n := range vpc.InterfacesOf(d, r, i.ID) {
				s.interfaces = append(s.interfaces, n.ID)
			}
			for v := range ebs.On(d, r, i.ID) {
				s.volume = append(s.volume, v.ID)
			}
			list = append(list, s)
		}
		return nil
	})
	return list, err
}

// counters are those of the data plane at one moment.
type counters struct {
	traffic   map[string]plane.Counters    // by interface
	volumes   map[string]plane.VolumeUsage // by volume
	untokened map[string]uint64            // by instance
	checks    map[string]checks            // by instance
}

// gather reads the counters that belong to no single instance. What cannot be
// read is not there, and not published.
func (p *publisher) gather(c *cloud.Call, list []*subject) *counters {
	now := &counters{traffic: map[string]plane.Counters{}, untokened: p.room.metadata.Untokened(), checks: map[string]checks{}}
	asked := map[string]bool{}
	for _, i := range list {
		if !asked[i.VPC] {
			asked[i.VPC] = true
			if t, err := p.room.plane.Traffic(c, i.VPC); err == nil {
				maps.Copy(now.traffic, t)
			}
		}
	}
	now.volumes, _ = p.room.plane.VolumeUsage(c)
	p.checkAll(c, list, now)
	return now
}

// checkers is how many instances are checked at one time: one that hangs does
// not hold up the others.
const checkers = 16

func (p *publisher) checkAll(c *cloud.Call, list []*subject, now *counters) {
	var mu sync.Mutex
	var all sync.WaitGroup
	todo := make(chan *subject, len(list))
	for _, i := range list {
		todo <- i
	}
	close(todo)
	for range min(checkers, len(list)) {
		all.Add(1)
		c.Cloud.Go("status checks", func(ctx context.Context) {
			defer all.Done()
			for i := range todo {
				result := checks{"impaired", "impaired"}
				if !i.dark {
					result = p.room.checkLit(ctx, c.Now, i.Instance)
				}
				mu.Lock()
				now.checks[i.ID] = result
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

// read is an instance's counters now; ok is false where its machine has none.
func (p *publisher) read(c *cloud.Call, i *subject, now *counters) (x reading, ok bool) {
	u, err := p.room.plane.Sample(c, i.ID)
	if err != nil {
		return x, false
	}
	x.cpu = u.CPU
	for _, id := range i.interfaces {
		n := now.traffic[id]
		x.net.BytesIn += n.BytesIn
		x.net.BytesOut += n.BytesOut
		x.net.PacketsIn += n.PacketsIn
		x.net.PacketsOut += n.PacketsOut
	}
	sum := func(d *traffic, id string) {
		v := now.volumes[id]
		x.devices += id + "=" + v.Device + " "
		d.add(traffic{v.ReadOps, v.WriteOps, v.ReadBytes, v.Written})
	}
	for _, id := range i.volume {
		sum(&x.ebs, id)
	}
	for _, d := range i.Store {
		sum(&x.store, i.storeID(d))
	}
	return x, true
}
