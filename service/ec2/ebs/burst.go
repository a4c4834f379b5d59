package ebs

import (
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// allowance is what a volume may spend beyond its baseline, in I/O operations or in
// bytes. It fills at the baseline.
// https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html#EBSVolumeTypes_gp2
// https://docs.aws.amazon.com/ebs/latest/userguide/hdd-vols.html
type allowance struct {
	size, baseline, peak float64 // baseline and peak per second
	bytes                bool
}

const (
	ioSize     = 256 << 10 // what counts as one operation of an SSD at most
	gp2Credits = 5_400_000
	gp2Peak    = 3000
)

// allowanceOf is the bucket of a volume type at a size in GiB; nil for types
// without one.
func allowanceOf(kind string, gib int32) *allowance {
	perTiB := func(baseline, peak, most float64) *allowance {
		tib := float64(gib) / 1024
		return &allowance{size: float64(gib) * (1 << 30), baseline: min(baseline*tib, most) * (1 << 20), peak: min(peak*tib, most) * (1 << 20), bytes: true}
	}
	switch kind {
	case "gp2":
		return &allowance{size: gp2Credits, baseline: max(3*float64(gib), 100), peak: max(3*float64(gib), gp2Peak)}
	case "st1":
		return perTiB(40, 250, 500)
	case "sc1":
		return perTiB(12, 80, 250)
	}
	return nil
}

// limits are those of the type at what a volume may do now: its peak, or its
// baseline once nothing is left.
func (b *allowance) limits(l plane.VolumeLimits, empty bool) plane.VolumeLimits {
	rate := b.peak
	if empty {
		rate = b.baseline
	}
	if b.bytes {
		l.BytesPerSecond = max(int64(rate), 1<<20)
	} else {
		l.IOPS = int(rate)
	}
	return l
}

// spent is what is missing from a volume's full bucket.
type spent struct {
	Volume  string
	Credits float64
	Empty   bool // the volume is held to its baseline, until some have come back
}

var spending = &store.Table[spent]{
	Name: "ebs.spent",
	Key:  func(s *spent) store.Key { return store.K(s.Volume) },
	Memo: 4096,
}

// use takes what a volume has done in a while from its bucket, which fills
// meanwhile. One that was empty is used again when it has enough for a minute.
func (b *allowance) use(s spent, from, to plane.VolumeUsage, elapsed time.Duration) spent {
	bytes := float64(to.ReadBytes-from.ReadBytes) + float64(to.Written-from.Written)
	used := max(float64(to.ReadOps-from.ReadOps)+float64(to.WriteOps-from.WriteOps), bytes/ioSize)
	if b.bytes {
		used = bytes
	}
	s.Credits = min(max(s.Credits+used-b.baseline*elapsed.Seconds(), 0), b.size)
	switch {
	case s.Credits >= b.size:
		s.Empty = true
	case s.Credits <= max(b.size-60*b.peak, 0):
		s.Empty = false
	}
	return s
}

// balance is how much of the bucket is left, in percent.
func (b *allowance) balance(s spent) float64 { return 100 * (1 - s.Credits/b.size) }

// burst accounts for what a volume has carried, has its limits follow, and
// yields what is left.
func (v *Volume) burst(c *cloud.Call, from, to plane.VolumeUsage, elapsed time.Duration, yield func(cloud.Metric) bool) bool {
	b := allowanceOf(v.Type, v.Size)
	if b == nil {
		return true
	}
	var now spent
	account := func(r store.Reader) (old spent) {
		old = spent{Volume: v.ID}
		if s, ok := spending.Get(r, v.ID); ok {
			old = *s
		}
		now = b.use(old, from, to, elapsed)
		return old
	}
	changed := false
	err := c.View(func(r store.Reader) error { old := account(r); changed = old != now; return nil })
	if err == nil && changed {
		err = c.Update(func(tx store.Tx) error {
			old := account(tx)
			if now.Credits == 0 {
				spending.Delete(tx, v.ID)
			} else {
				spending.Put(tx, &now)
			}
			if old.Empty != now.Empty {
				tx.After(time.Time{}, volumeController, v.key())
			}
			return nil
		})
	}
	if err != nil {
		return true // the next minute accounts for itself; this one is lost
	}
	return yield(cloud.Metric{
		Account: v.Account, Region: v.Region, Namespace: "AWS/EBS", Name: "BurstBalance", Unit: "Percent", Values: []float64{b.balance(now)},
		Dimensions: []cloud.Dimension{{Name: "VolumeId", Value: v.ID}},
	})
}
