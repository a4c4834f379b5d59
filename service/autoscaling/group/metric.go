package group

import (
	"iter"
	"slices"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// granularity is how often a group's metrics are measured: there is one.
const granularity = "1Minute"

// metrics are those that a group can have measured, in the order in which they
// are listed.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-metrics.html
var metrics = []string{
	"GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances", "GroupInServiceCapacity", "GroupPendingInstances",
	"GroupPendingCapacity", "GroupTerminatingInstances", "GroupTerminatingCapacity", "GroupTerminatingRetainedInstances", "GroupTerminatingRetainedCapacity", "GroupStandbyInstances", "GroupStandbyCapacity",
	"GroupTotalInstances", "GroupTotalCapacity", "WarmPoolDesiredCapacity", "WarmPoolWarmedCapacity", "WarmPoolPendingCapacity",
	"WarmPoolTerminatingCapacity", "WarmPoolTerminatingRetainedCapacity", "WarmPoolTotalCapacity", "GroupAndWarmPoolDesiredCapacity", "GroupAndWarmPoolTotalCapacity",
}

func enableMetricsCollection(c *cloud.Call, tx store.Tx, in *api.EnableMetricsCollectionInput) (*cloud.Empty, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if in.Granularity != granularity {
		return nil, Invalid("Valid metrics granularity type is: [%s]", granularity)
	}
	list, err := named(in.Metrics)
	if err != nil {
		return nil, err
	}
	d := g.Clone()
	for _, m := range list {
		if !slices.Contains(d.Metrics, m) {
			d.Metrics = append(d.Metrics, m)
		}
	}
	Groups.Put(tx, d)
	return &cloud.Empty{}, nil
}

func disableMetricsCollection(c *cloud.Call, tx store.Tx, in *api.DisableMetricsCollectionInput) (*cloud.Empty, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	list, err := named(in.Metrics)
	if err != nil {
		return nil, err
	}
	d := g.Clone()
	d.Metrics = slices.DeleteFunc(d.Metrics, func(m string) bool { return slices.Contains(list, m) })
	Groups.Put(tx, d)
	return &cloud.Empty{}, nil
}

// named are the metrics that a request names: all where it names none.
func named(list []string) ([]string, error) {
	for _, m := range list {
		if !slices.Contains(metrics, m) {
			return nil, Invalid("Valid metric types are: [%s]", strings.Join(metrics, ","))
		}
	}
	if len(list) == 0 {
		return metrics, nil
	}
	return list, nil
}

// Metrics yields what groups have measured of the minute that has ended.
func (k *Keeper) Metrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		var list []cloud.Metric
		err := c.View(func(r store.Reader) error {
			list = nil
			for g := range Groups.Scan(r) {
				list = append(list, g.measures(r)...)
			}
			return nil
		})
		if err != nil {
			return // the next minute is measured again
		}
		for _, m := range list {
			if !yield(m) {
				return
			}
		}
	}
}

// measures are a group's metrics that are enabled.
func (g *Group) measures(r store.Reader) (list []cloud.Metric) {
	if len(g.Metrics) == 0 {
		return nil
	}
	v := map[string]float64{"GroupMinSize": float64(g.Min), "GroupMaxSize": float64(g.Max), "GroupDesiredCapacity": float64(g.Desired)}
	for i := range Instances(r, g) {
		kind := i.kind()
		prefix := "Group"
		if i.Warm {
			prefix = "WarmPool"
		} else {
			v["Group"+kind+"Instances"]++
			v["GroupTotalInstances"]++
		}
		v[prefix+kind+"Capacity"] += float64(i.Weight)
		v[prefix+"TotalCapacity"] += float64(i.Weight)
	}
	v["WarmPoolDesiredCapacity"] = float64(g.PoolSize())
	v["GroupAndWarmPoolDesiredCapacity"] = v["GroupDesiredCapacity"] + v["WarmPoolDesiredCapacity"]
	v["GroupAndWarmPoolTotalCapacity"] = v["GroupTotalCapacity"] + v["WarmPoolTotalCapacity"]
	for _, m := range g.Metrics {
		list = append(list, cloud.Metric{
			Account: g.Account, Region: g.Region, Namespace: "AWS/AutoScaling", Name: m, Unit: "None",
			Dimensions: []cloud.Dimension{{Name: "AutoScalingGroupName", Value: g.Name}}, Values: []float64{v[m]},
		})
	}
	return list
}

// kind is how an instance is counted: "InService", "Pending", "Warmed".
func (i *Instance) kind() string {
	switch {
	case i.Leaving != nil:
		return "Terminating"
	case i.Retained():
		return "TerminatingRetained"
	case i.State == api.LifecycleStateStandby:
		return "Standby"
	case i.Serving():
		return "InService"
	case i.Ready():
		return "Warmed"
	}
	return "Pending"
}

// PoolSize is how many units the group's warm pool is to have: what is missing
// to the largest prepared capacity, which is the maximum where none is given,
// but at least the pool's minimum; 0 without a pool.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html
func (g *Group) PoolSize() int32 {
	if g.WarmPool == nil || g.WarmPool.Status != nil {
		return 0
	}
	most := cloud.Or(g.WarmPool.MaxGroupPreparedCapacity, -1)
	if most < 0 {
		most = g.Max
	}
	return max(most-g.Desired, cloud.Or(g.WarmPool.MinSize, 0), 0)
}
