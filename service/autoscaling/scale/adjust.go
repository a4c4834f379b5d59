package scale

import (
	"math"

	api "pileus/api/autoscaling"
)

// How a policy's adjustment changes a capacity.
const (
	changeInCapacity        = "ChangeInCapacity"
	exactCapacity           = "ExactCapacity"
	percentChangeInCapacity = "PercentChangeInCapacity"
)

var adjustmentTypes = []string{changeInCapacity, exactCapacity, percentChangeInCapacity}

// adjusted is what an adjustment of a type makes of a capacity. A change in per
// cent is at least magnitude instances, and never less than one.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html
func adjusted(current int, kind string, by, magnitude int) int {
	switch kind {
	case exactCapacity:
		return by
	case percentChangeInCapacity:
		return current + percent(current, by, magnitude)
	}
	return current + by
}

// percent is a change of by per cent in instances. Fractions are cut off
// towards zero, but less than one instance is one.
func percent(current, by, magnitude int) int {
	exact := float64(current) * float64(by) / 100
	change := int(math.Trunc(exact))
	switch {
	case exact == 0 && by == 0:
		return 0
	case by > 0:
		return max(change, magnitude, 1)
	}
	return min(change, -magnitude, -1)
}

// step finds the adjustment for a breach: how far the metric is from the
// alarm's threshold. Above the threshold the lower bound belongs to an interval
// and the upper does not; below it is the other way round.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html
func step(steps []api.StepAdjustment, breach float64) (by int, ok bool) {
	for _, s := range steps {
		low, high := bound(s.MetricIntervalLowerBound, -1), bound(s.MetricIntervalUpperBound, 1)
		above := breach >= low && breach < high
		if below := breach > low && breach <= high; above && breach >= 0 || below && breach < 0 {
			return int(s.ScalingAdjustment), true
		}
	}
	return 0, false
}

// bound is an interval's end; one that is left out is infinite.
func bound(p *float64, sign int) float64 {
	if p == nil {
		return math.Inf(sign)
	}
	return *p
}

// capacity is what a group has, in units of its desired capacity.
type capacity struct {
	desired  int
	ready    int // in service, and done with warming up
	warming  int // being launched, or warming up
	leaving  int // on its way out, after the desired capacity was lowered
	min, max int
}

// settle holds a wish to the group's bounds.
func (k capacity) settle(wish int) int { return max(k.min, min(wish, k.max)) }

// stepped is the desired capacity after a step. What is warming up is no part
// of the capacity that the step refers to, so a metric that stays high while
// instances start adds none twice; what is leaving still is part of it, so a
// metric that stays low removes none twice. While instances warm up nothing is
// removed.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html#as-step-scaling-warmup
func (k capacity) stepped(kind string, by, magnitude int) int {
	wish := adjusted(k.ready, kind, by, magnitude)
	switch {
	case kind == exactCapacity:
		if wish < k.desired && k.warming > 0 {
			return k.desired
		}
		return k.settle(wish)
	case by > 0:
		return max(k.desired, k.settle(wish))
	case by < 0 && k.warming > 0:
		return k.desired
	case by < 0:
		return min(k.desired, k.settle(adjusted(k.ready+k.leaving, kind, by, magnitude)))
	}
	return k.desired
}

// tracked is the desired capacity at which a metric that falls in proportion
// to the capacity would be at its target; more at once than less: out by as
// much as is missing, in by a tenth at a time.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
func (k capacity) tracked(value, target float64) int {
	wish := math.Ceil(float64(k.ready)*value/target - 1e-9)
	if value > target {
		if wish > float64(k.max) { // not a number that int can hold, perhaps
			wish = float64(k.max)
		}
		return max(k.desired, k.settle(max(int(wish), k.ready+1)))
	}
	if k.warming > 0 || k.leaving > 0 {
		return k.desired
	}
	gentle := k.desired - max(1, k.desired/10)
	return min(k.desired, k.settle(max(int(wish), gentle)))
}
