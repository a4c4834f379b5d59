package cloudwatch

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
const (
	maxData   = 1000
	maxValues = 150
	oldest    = 14 * 24 * time.Hour
	newest    = 2 * time.Hour
)

// maxValue is the greatest magnitude of a value: 2 to the power of 360.
var maxValue = math.Ldexp(1, 360)

// batch is what one request brings for one metric and resolution.
type batch struct {
	metric *metric
	fine   bool
	points []series.Point
}

func putMetricData(c *cloud.Call, tx store.Tx, in *api.PutMetricDataInput) (*cloud.Empty, error) {
	if strings.HasPrefix(in.Namespace, "AWS/") && c.Principal.Kind != cloud.ServicePrincipal {
		return nil, badValue(in.Namespace, "Namespace")
	}
	batches, err := gather(c, in)
	if err != nil {
		return nil, err
	}
	publish(c, tx, batches)
	return &cloud.Empty{}, nil
}

// publish adds points to metrics, which it makes known where they are not.
func publish(c *cloud.Call, tx store.Tx, batches []*batch) {
	seq := c.Rand().Uint64() | 1
	for _, b := range batches {
		key := b.metric.key()
		m, ok := metrics.Peek(tx, key...)
		if !ok || c.Now.Sub(m.Heard) >= heardStep {
			b.metric.Heard = c.Now
			metrics.Put(tx, b.metric)
		}
		if !ok {
			tx.After(c.Now.Add(foldEvery), foldController, key)
		}
		series.Write(tx, b.metric.id(), b.fine, seq, b.points)
	}
}

// add puts a point to the batch of its metric, which known finds by key.
func add(known map[string]*batch, list []*batch, c *cloud.Call, namespace, name string, dims []api.Dimension, fine bool, p series.Point) []*batch {
	m := newMetric(c, namespace, name, dims)
	key := string(m.key().Append([]byte{0}))
	if fine {
		key = string(m.key().Append([]byte{1}))
	}
	b := known[key]
	if b == nil {
		b = &batch{metric: m, fine: fine}
		known[key] = b
		list = append(list, b)
	}
	b.points = append(b.points, p)
	return list
}

// gather checks a request and sorts its data by metric.
func gather(c *cloud.Call, in *api.PutMetricDataInput) (list []*batch, err error) {
	n := len(in.MetricData)
	for _, e := range in.EntityMetricData {
		n += len(e.MetricData)
		if err := checkEntity(e.Entity); err != nil && cloud.Or(in.StrictEntityValidation, false) {
			return nil, err
		}
	}
	if n == 0 {
		return nil, missing("MetricData")
	}
	if n > maxData {
		return nil, invalid("The collection MetricData must not have a size greater than %d.", maxData)
	}
	known := map[string]*batch{}
	take := func(data []api.MetricDatum, path string) error {
		for i := range data {
			d := &data[i]
			p, err := datum(c.Now, d, path+".member."+strconv.Itoa(i+1))
			if err != nil {
				return err
			}
			list = add(known, list, c, in.Namespace, d.MetricName, d.Dimensions, cloud.Or(d.StorageResolution, 60) == 1, p)
		}
		return nil
	}
	if err := take(in.MetricData, "MetricData"); err != nil {
		return nil, err
	}
	for i, e := range in.EntityMetricData {
		if err := take(e.MetricData, "EntityMetricData.member."+strconv.Itoa(i+1)+".MetricData"); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// entityKeys are what can identify an entity.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Entity.html
var entityKeys = []string{"Type", "ResourceType", "Identifier", "Name", "Environment"}

// checkEntity checks what metrics are said to belong to. Data of an entity that
// is wrong are taken all the same, unless the request is strict.
func checkEntity(e *api.Entity) error {
	if e == nil {
		return missing("Entity")
	}
	for k := range e.KeyAttributes {
		if !slices.Contains(entityKeys, k) {
			return badValue(k, "Entity.KeyAttributes")
		}
	}
	if e.KeyAttributes["Type"] == "" {
		return missing("Entity.KeyAttributes.Type")
	}
	return nil
}

// datum is one datum as a point; path names it in errors.
func datum(now time.Time, d *api.MetricDatum, path string) (p series.Point, err error) {
	seen := map[string]bool{}
	for _, dim := range d.Dimensions {
		if seen[dim.Name] {
			return p, invalid("No Dimension may be repeated: %s.", dim.Name)
		}
		seen[dim.Name] = true
	}
	if r := cloud.Or(d.StorageResolution, 60); r != 1 && r != 60 {
		return p, badValue(strconv.Itoa(int(r)), path+".StorageResolution")
	}
	at := cloud.Or(d.Timestamp, now)
	if now.Sub(at) > oldest {
		return p, invalid("The parameter %s.Timestamp must specify a time no more than two weeks in the past.", path)
	}
	if at.Sub(now) > newest {
		return p, invalid("The parameter %s.Timestamp must specify a time no more than two hours in the future.", path)
	}
	p = series.Point{Time: at.Unix(), Unit: cloud.Or(d.Unit, "None")}
	p.Set, err = datumSet(d, path)
	return p, err
}

// datumSet reads the one form of values that a datum has.
func datumSet(d *api.MetricDatum, path string) (series.Set, error) {
	var forms []string
	for name, there := range map[string]bool{"Value": d.Value != nil, "StatisticValues": d.StatisticValues != nil, "Values": len(d.Values) > 0} {
		if there {
			forms = append(forms, name)
		}
	}
	switch {
	case len(forms) == 0:
		return series.Set{}, api.ErrMissingRequiredParameter.New("At least one of the parameters must be specified: %s.Value, %s.Values, %s.StatisticValues.", path, path, path)
	case len(forms) > 1:
		order := "Value"
		other := "StatisticValues"
		if d.Value == nil {
			order = "Values"
		} else if d.StatisticValues == nil {
			other = "Values"
		}
		return series.Set{}, combination("The parameters %s.%s and %s.%s are mutually exclusive and you have specified both.", path, order, path, other)
	case len(d.Counts) > 0 && len(d.Values) == 0:
		return series.Set{}, combination("The parameter %s.Counts needs the parameter %s.Values.", path, path)
	case d.Value != nil:
		return values(path+".Value", []float64{*d.Value}, nil)
	case d.StatisticValues != nil:
		return statisticSet(d.StatisticValues, path+".StatisticValues")
	case len(d.Values) > maxValues:
		return series.Set{}, invalid("The collection %s.Values must not have a size greater than %d.", path, maxValues)
	case len(d.Counts) > 0 && len(d.Counts) != len(d.Values):
		return series.Set{}, invalid("The parameters %s.Values and %s.Counts must be of the same size.", path, path)
	}
	return values(path+".Values", d.Values, d.Counts)
}

func values(path string, list, counts []float64) (series.Set, error) {
	bins := make([]series.Bin, 0, len(list))
	for i, v := range list {
		n := 1.0
		if counts != nil {
			n = counts[i]
		}
		if err := number(v, path); err != nil {
			return series.Set{}, err
		}
		if err := number(n, path); err != nil || n < 0 {
			return series.Set{}, badValue(strconv.FormatFloat(n, 'f', -1, 64), strings.TrimSuffix(path, "Values")+"Counts")
		}
		if n > 0 {
			bins = append(bins, series.Bin{Value: v, Count: n})
		}
	}
	if len(bins) == 0 {
		return series.Set{}, invalid("The sum of the counts of %s must be greater than 0.", path)
	}
	return series.Of(bins...), nil
}

func number(v float64, path string) error {
	if math.IsNaN(v) || math.Abs(v) > maxValue {
		return badValue(strconv.FormatFloat(v, 'g', -1, 64), path)
	}
	return nil
}

func statisticSet(s *api.StatisticSet, path string) (series.Set, error) {
	for name, v := range map[string]float64{"SampleCount": s.SampleCount, "Sum": s.Sum, "Minimum": s.Minimum, "Maximum": s.Maximum} {
		if err := number(v, path+"."+name); err != nil {
			return series.Set{}, err
		}
	}
	if s.SampleCount <= 0 {
		return series.Set{}, badValue(strconv.FormatFloat(s.SampleCount, 'f', -1, 64), path+".SampleCount")
	}
	if s.Minimum > s.Maximum {
		return series.Set{}, combination("The parameter %s.Maximum must be greater than or equal to the parameter %s.Minimum.", path, path)
	}
	return series.Summary(s.SampleCount, s.Sum, s.Minimum, s.Maximum), nil
}
