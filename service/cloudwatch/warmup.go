package cloudwatch

import (
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
)

// warmUp has an alarm warm up that is made, or that is told to for the first
// time. One that warms up goes on; one that is done with it does not begin again.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_WarmUpConfiguration.html
func (a *alarm) warmUp(c *cloud.Call, old *alarm) {
	switch {
	case a.WarmUpConfiguration == nil:
	case old == nil, old.WarmUpConfiguration == nil:
		a.Warming = c.Now
	default:
		a.Warming = old.Warming
	}
}

// warms tells whether an alarm warms up still. It is done before its time once
// all that it looks at has data, unless it is to wait for the whole of it.
func (a *alarm) warms(now time.Time, w window) bool {
	s := a.WarmUpConfiguration
	if s == nil || a.Warming.IsZero() || !now.Before(a.Warming.Add(time.Duration(s.WarmUpPeriodDurationInMinutes)*time.Minute)) {
		return false
	}
	real := 0
	for _, x := range w.seen {
		if x != nil {
			real++
		}
	}
	return cloud.Or(s.OnlyStartEvaluatingAfterWarmUpPeriodEnds, false) || real < int(*a.EvaluationPeriods)
}

// warming is the verdict on an alarm that warms up.
func warming() verdict {
	return verdict{state: api.StateValueInsufficientData, reason: "Insufficient Data: the alarm is in its warm-up period.", warms: true}
}
