package cloudwatch

import (
	"slices"
	"strconv"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// detector is a model of what is to be expected of a metric, or of an
// expression, that is trained again each hour.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Anomaly_Detection.html
type detector struct {
	Account, Region string
	Type            string // of api.AnomalyDetectorType
	ID              string // what it watches; see watched
	Unique          string // AnomalyDetectorId
	Single          *api.SingleMetricAnomalyDetector
	Math            *api.MetricMathAnomalyDetector
	Configuration   *api.AnomalyDetectorConfiguration
	Spikes          bool // PeriodicSpikes
	State           string
	Models          map[int64]*model // by period
	Next            time.Time        // when it is trained again
}

var detectors = &store.Table[detector]{Name: "cloudwatch.detector", Key: (*detector).key, Memo: 1024, Indexes: map[string]func(*detector) store.Key{
	"unique": func(d *detector) store.Key { return store.K(d.Account, d.Region, d.Unique) },
}}

func (d *detector) key() store.Key { return store.K(d.Account, d.Region, d.Type, d.ID) }

// zone is the zone whose hours the metric follows.
func (d *detector) zone() *time.Location {
	if d.Configuration != nil {
		if z, err := time.LoadLocation(cloud.Or(d.Configuration.MetricTimezone, "UTC")); err == nil {
			return z
		}
	}
	return time.UTC
}

var errNoDetector = api.ErrResourceNotFoundException.New("The specified anomaly detector does not exist.")

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutAnomalyDetector.html
func putAnomalyDetector(c *cloud.Call, tx store.Tx, in *api.PutAnomalyDetectorInput) (*api.PutAnomalyDetectorOutput, error) {
	d, err := newDetector(c, target{in.Namespace, in.MetricName, in.Dimensions, in.Stat, in.SingleMetricAnomalyDetector, in.MetricMathAnomalyDetector})
	if err != nil {
		return nil, err
	}
	if err := checkConfiguration(in.Configuration); err != nil {
		return nil, err
	}
	d.Configuration, d.Spikes = in.Configuration, in.MetricCharacteristics != nil && cloud.Or(in.MetricCharacteristics.PeriodicSpikes, false)
	train(c, tx, d)
	return &api.PutAnomalyDetectorOutput{AnomalyDetectorId: &d.Unique}, nil
}

func deleteAnomalyDetector(c *cloud.Call, tx store.Tx, in *api.DeleteAnomalyDetectorInput) (*api.DeleteAnomalyDetectorOutput, error) {
	if in.AnomalyDetectorId != nil {
		for d := range detectors.Index(tx, "unique", c.Account, c.Region, *in.AnomalyDetectorId) {
			detectors.Delete(tx, d.key()...)
			return &api.DeleteAnomalyDetectorOutput{}, nil
		}
		return nil, errNoDetector
	}
	d, err := newDetector(c, target{in.Namespace, in.MetricName, in.Dimensions, in.Stat, in.SingleMetricAnomalyDetector, in.MetricMathAnomalyDetector})
	if err != nil {
		return nil, err
	}
	if !detectors.Has(tx, d.key()...) {
		return nil, errNoDetector
	}
	detectors.Delete(tx, d.key()...)
	return &api.DeleteAnomalyDetectorOutput{}, nil
}

// detectorPage is how many detectors are described at once, at most.
const detectorPage = 100

func describeAnomalyDetectors(c *cloud.Call, r store.Reader, in *api.DescribeAnomalyDetectorsInput) (*api.DescribeAnomalyDetectorsOutput, error) {
	if ids := in.AnomalyDetectorIds; len(ids) > 0 && (in.Namespace != nil || in.MetricName != nil || len(in.Dimensions) > 0 || len(in.AnomalyDetectorTypes) > 0) {
		return nil, combination("The parameter AnomalyDetectorIds cannot be used with Namespace, MetricName, Dimensions or AnomalyDetectorTypes.")
	}
	if n := cloud.Or(in.MaxResults, 0); n > detectorPage {
		return nil, badValue(strconv.Itoa(int(n)), "MaxResults")
	}
	types := in.AnomalyDetectorTypes
	if len(types) == 0 {
		types = []string{api.AnomalyDetectorTypeSingleMetric}
	}
	page, next, ok := detectors.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), int(cloud.Or(in.MaxResults, detectorPage)), func(d *detector) bool {
		if len(in.AnomalyDetectorIds) > 0 {
			return slices.Contains(in.AnomalyDetectorIds, d.Unique)
		}
		return slices.Contains(types, d.Type) && d.matches(in)
	})
	if !ok {
		return nil, errToken
	}
	out := &api.DescribeAnomalyDetectorsOutput{AnomalyDetectors: []api.AnomalyDetector{}}
	for _, d := range page {
		out.AnomalyDetectors = append(out.AnomalyDetectors, d.describe())
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

// matches tells whether a detector watches a metric that is asked for. One of
// an expression does where one of the expression's metrics is.
func (d *detector) matches(in *api.DescribeAnomalyDetectorsInput) bool {
	is := func(namespace, name *string, dims []api.Dimension) bool {
		return same(in.Namespace, namespace) && same(in.MetricName, name) && (len(in.Dimensions) == 0 || sameDimensions(in.Dimensions, dims))
	}
	if d.Single != nil {
		return is(d.Single.Namespace, d.Single.MetricName, d.Single.Dimensions)
	}
	return in.Namespace == nil && in.MetricName == nil && len(in.Dimensions) == 0 || slices.ContainsFunc(d.Math.MetricDataQueries, func(q api.MetricDataQuery) bool {
		return q.MetricStat != nil && is(q.MetricStat.Metric.Namespace, q.MetricStat.Metric.MetricName, q.MetricStat.Metric.Dimensions)
	})
}

func sameDimensions(a, b []api.Dimension) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(d api.Dimension) bool { return !slices.Contains(b, d) })
}

func (d *detector) describe() api.AnomalyDetector {
	out := api.AnomalyDetector{Configuration: d.Configuration, StateValue: &d.State, SingleMetricAnomalyDetector: d.Single, MetricMathAnomalyDetector: d.Math}
	if d.Single != nil {
		s := *d.Single
		s.Dimensions, s.AccountId = shownList(s.Dimensions), &d.Account
		out.SingleMetricAnomalyDetector = &s
		out.Namespace, out.MetricName, out.Dimensions, out.Stat = s.Namespace, s.MetricName, s.Dimensions, s.Stat
	}
	if d.Configuration == nil {
		out.Configuration = &api.AnomalyDetectorConfiguration{ExcludedTimeRanges: []api.Range{}}
	}
	out.AnomalyDetectorId = optionalID(d.Unique)
	if d.Spikes {
		out.MetricCharacteristics = &api.MetricCharacteristics{PeriodicSpikes: new(true)}
	}
	return out
}

// optionalID is an id; nil for detectors that were made before they had any,
// until they are trained again.
func optionalID(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

// lookback is how far back a detector learns from: the faster it is to adapt to
// changes, the shorter.
func (d *detector) lookback() time.Duration {
	switch d.setting(func(s *api.AnomalyDetectorConfiguration) *string { return s.AdaptationSpeed }) {
	case api.AnomalyDetectorAdaptationSpeedFast:
		return trainedOn / 2
	case api.AnomalyDetectorAdaptationSpeedSlow:
		return trainedOn * 2
	}
	return trainedOn
}

// outliers is from how many deviations on an observation is not learnt: the
// stricter they are filtered, the fewer.
func (d *detector) outliers() float64 {
	switch d.setting(func(s *api.AnomalyDetectorConfiguration) *string { return s.OutlierFilteringStrength }) {
	case api.AnomalyDetectorOutlierFilteringStrengthMinimal:
		return outlier * 1.5
	case api.AnomalyDetectorOutlierFilteringStrengthStrict:
		return outlier * 0.75
	}
	return outlier
}

func (d *detector) setting(of func(*api.AnomalyDetectorConfiguration) *string) string {
	if d.Configuration == nil {
		return ""
	}
	return cloud.Or(of(d.Configuration), "")
}
