package cloudwatch

import (
	"slices"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/math"
	"pileus/store"
)

const (
	trainController = "cloudwatch.train"
	trainEvery      = time.Hour
)

// trainedPeriods are those in which a metric's model is kept. A sum over five
// minutes is not one over an hour, so each period needs its own.
func trainedPeriods() []int64 { return []int64{60, 300, 900, 3600} }

// train has a detector trained now, and from then on each hour. What was
// planned before finds that it comes too early, and does nothing.
func train(c *cloud.Call, tx store.Tx, d *detector) {
	if old, ok := detectors.Peek(tx, d.key()...); ok {
		d.Unique = old.Unique
	}
	if d.Unique == "" {
		d.Unique = c.Rand().UUID()
	}
	d.Next = c.Now
	detectors.Put(tx, d)
	tx.After(c.Now, trainController, d.key())
}

// retrain trains a detector as long as there is one.
func retrain(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		known, ok := detectors.Peek(tx, key...)
		if !ok || c.Now.Before(known.Next) {
			return nil
		}
		d := *known
		if err := d.learn(c.In(d.Account, d.Region), tx); err != nil {
			return err
		}
		if d.Unique == "" {
			d.Unique = c.Rand().UUID()
		}
		d.Next = c.Now.Add(trainEvery)
		detectors.Put(tx, &d)
		tx.After(d.Next, trainController, key)
		return nil
	})
}

// learn fits a detector's models to what was measured of late.
func (d *detector) learn(c *cloud.Call, r store.Reader) error {
	d.State, d.Models = api.AnomalyDetectorStateValueTrainedInsufficientData, map[int64]*model{}
	periods := trainedPeriods()
	if d.Math != nil {
		periods = []int64{0} // its metrics' own
	}
	for _, period := range periods {
		s, err := lately(c, r, d.queries(), d.root(), period, d.lookback())
		if err != nil {
			return err
		}
		m := fit(without(s, d.Configuration), d.zone(), d.Spikes, d.outliers())
		d.Models[s.Period] = m
		if m.Enough {
			d.State = api.AnomalyDetectorStateValueTrained
		}
	}
	return nil
}

// queries are what a detector watches, as a request would ask for it.
func (d *detector) queries() []api.MetricDataQuery {
	if d.Math != nil {
		return d.Math.MetricDataQueries
	}
	return []api.MetricDataQuery{{Id: "m", MetricStat: &api.MetricStat{Metric: api.Metric{Namespace: d.Single.Namespace, MetricName: d.Single.MetricName, Dimensions: d.Single.Dimensions}, Period: 60, Stat: *d.Single.Stat}}}
}

// root is the one of the queries that is watched.
func (d *detector) root() string {
	list := d.queries()
	return list[slices.IndexFunc(list, func(q api.MetricDataQuery) bool { return cloud.Or(q.ReturnData, true) })].Id
}

// lately is what a query was worth of late, in a period or, for 0, its own.
func lately(c *cloud.Call, r store.Reader, list []api.MetricDataQuery, id string, period int64, since time.Duration) (*math.Series, error) {
	e := newEvaluation(c, r, list, c.Now.Add(-since), c.Now)
	v, err := e.in(e.find(id), period)
	if err != nil {
		return nil, err
	}
	if len(v.Series) != 1 {
		return &math.Series{Period: period}, nil
	}
	return &v.Series[0], nil
}

// without leaves out the times from which nothing is to be learnt.
func without(s *math.Series, conf *api.AnomalyDetectorConfiguration) *math.Series {
	if conf == nil || len(conf.ExcludedTimeRanges) == 0 {
		return s
	}
	out := &math.Series{Period: s.Period}
	for i, t := range s.Times {
		if !slices.ContainsFunc(conf.ExcludedTimeRanges, func(r api.Range) bool { return t >= r.StartTime.Unix() && t < r.EndTime.Unix() }) {
			out.Times, out.Values = append(out.Times, t), append(out.Values, s.Values[i])
		}
	}
	return out
}
