package scale

import (
	"fmt"
	"math"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/autoscaling/group"
)

// hour is what forecasts count in.
const hour = time.Hour

// source is where a series of the past comes from: queries of which one is
// returned, times factor.
type source struct {
	queries []api.MetricDataQuery
	factor  float64
}

// one is the source that is a single metric.
func one(m measured, factor float64) source {
	d := make([]api.MetricDimension, len(m.Dimensions))
	for i, x := range m.Dimensions {
		d[i] = api.MetricDimension{Name: x.Name, Value: x.Value}
	}
	return source{[]api.MetricDataQuery{{Id: "m", MetricStat: &api.MetricStat{Stat: m.Stat, Metric: api.Metric{Namespace: m.Namespace, MetricName: m.MetricName, Dimensions: d}}}}, factor}
}

// sources are those of the load, of the scaling metric, and of the capacity.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PredictiveScalingMetricSpecification.html
func sources(m *api.PredictiveScalingMetricSpecification, name string) (load, scaling, capacity source) {
	capacity = one(measured{"AWS/AutoScaling", "GroupTotalInstances", "Average", ofGroup("", "", name).Dimensions}, 1)
	if p := m.PredefinedMetricPairSpecification; p != nil {
		pair := map[string][2]string{
			api.PredefinedMetricPairTypeASGCPUUtilization: {api.PredefinedLoadMetricTypeASGTotalCPUUtilization, api.PredefinedScalingMetricTypeASGAverageCPUUtilization},
			api.PredefinedMetricPairTypeASGNetworkIn:      {api.PredefinedLoadMetricTypeASGTotalNetworkIn, api.PredefinedScalingMetricTypeASGAverageNetworkIn},
			api.PredefinedMetricPairTypeASGNetworkOut:     {api.PredefinedLoadMetricTypeASGTotalNetworkOut, api.PredefinedScalingMetricTypeASGAverageNetworkOut},
			api.PredefinedMetricPairTypeALBRequestCount:   {api.PredefinedLoadMetricTypeALBTargetGroupRequestCount, api.PredefinedScalingMetricTypeALBRequestCountPerTarget},
		}[p.PredefinedMetricType]
		return loadOf(pair[0], p.ResourceLabel, name), scalingOf(pair[1], p.ResourceLabel, name), capacity
	}
	if p := m.PredefinedLoadMetricSpecification; p != nil {
		load = loadOf(p.PredefinedMetricType, p.ResourceLabel, name)
	} else {
		load = source{m.CustomizedLoadMetricSpecification.MetricDataQueries, 1}
	}
	if p := m.PredefinedScalingMetricSpecification; p != nil {
		scaling = scalingOf(p.PredefinedMetricType, p.ResourceLabel, name)
	} else {
		scaling = source{m.CustomizedScalingMetricSpecification.MetricDataQueries, 1}
	}
	if p := m.CustomizedCapacityMetricSpecification; p != nil {
		capacity = source{p.MetricDataQueries, 1}
	}
	return load, scaling, capacity
}

func loadOf(kind string, label *string, name string) source {
	switch kind {
	case api.PredefinedLoadMetricTypeASGTotalNetworkIn:
		return one(ofGroup("NetworkIn", "Sum", name), 1)
	case api.PredefinedLoadMetricTypeASGTotalNetworkOut:
		return one(ofGroup("NetworkOut", "Sum", name), 1)
	case api.PredefinedLoadMetricTypeALBTargetGroupRequestCount:
		return one(ofBalancer("RequestCount", *label), 1)
	}
	return one(ofGroup("CPUUtilization", "Sum", name), 1)
}

// scalingOf is a scaling metric in the unit that targets have: requests are
// those of a minute.
func scalingOf(kind string, label *string, name string) source {
	factor := 1.0
	if kind == api.PredefinedScalingMetricTypeALBRequestCountPerTarget {
		factor = 1.0 / 60
	}
	return one(predefined(&api.PredefinedMetricSpecification{PredefinedMetricType: kind, ResourceLabel: label}, name), factor)
}

// past is an hourly series of the hours before end; NaN where there is no data.
func (s source) past(c *cloud.Call, end time.Time) ([]float64, error) {
	list := make([]float64, learned)
	for i := range list {
		list[i] = math.NaN()
	}
	start := end.Add(-learned * hour)
	in := &cloudwatch.GetMetricDataInput{StartTime: start, EndTime: end, ScanBy: new(cloudwatch.ScanByTimestampAscending)}
	for _, q := range s.queries {
		d := cloudwatch.MetricDataQuery{Id: q.Id, Expression: q.Expression, Label: q.Label, ReturnData: new(cloud.Or(q.ReturnData, true))}
		if q.MetricStat != nil {
			d.MetricStat = &cloudwatch.MetricStat{Stat: q.MetricStat.Stat, Unit: q.MetricStat.Unit, Period: int32(hour / time.Second), Metric: metricOf(q.MetricStat.Metric)}
		} else {
			d.Period = new(int32(hour / time.Second))
		}
		in.MetricDataQueries = append(in.MetricDataQueries, d)
	}
	for {
		out, err := cloudwatch.GetMetricData.Call(identity.AsAccount(c), in)
		if err != nil {
			return nil, fmt.Errorf("history of a metric: %w", err)
		}
		for _, res := range out.MetricDataResults {
			for i, at := range res.Timestamps {
				if n := int(at.Sub(start) / hour); n >= 0 && n < learned {
					list[n] = res.Values[i] * s.factor
				}
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return list, nil
		}
	}
}

// capacityPast is the capacity in the past, where it was measured; the present
// one where it was not.
func (s source) capacityPast(c *cloud.Call, g *group.Group, end time.Time) ([]float64, error) {
	list, err := s.past(c, end)
	for i, v := range list {
		if math.IsNaN(v) {
			list[i] = float64(max(g.Desired, 1))
		}
	}
	return list, err
}
