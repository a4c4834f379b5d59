package group

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/store"
)

// groupName is a group's name, of its name or ARN.
func groupName(s string) string {
	if _, after, ok := strings.Cut(s, ":autoScalingGroupName/"); ok {
		return after
	}
	return s
}

func describeAutoScalingGroups(c *cloud.Call, r store.Reader, in *api.DescribeAutoScalingGroupsInput) (*api.DescribeAutoScalingGroupsOutput, error) {
	size, err := pageSize(in.MaxRecords, largestPage)
	if err != nil {
		return nil, err
	}
	for _, f := range in.Filters {
		if n := cloud.Or(f.Name, ""); n != "tag-key" && n != "tag-value" && !strings.HasPrefix(n, "tag:") {
			return nil, Invalid("Filter type %s is not correct. Allowed Filter types are: tag-key, tag-value, tag:<key>", n)
		}
	}
	keep := func(g *Group) bool {
		return (len(in.AutoScalingGroupNames) == 0 || slices.Contains(in.AutoScalingGroupNames, g.Name)) && g.matches(in.Filters)
	}
	list, next, ok := Groups.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), size, keep)
	if !ok {
		return nil, errToken()
	}
	out := &api.DescribeAutoScalingGroupsOutput{AutoScalingGroups: []api.AutoScalingGroup{}, NextToken: optional(next)}
	for _, g := range list {
		d := g.api(c, r)
		if !cloud.Or(in.IncludeInstances, true) {
			d.Instances = []api.Instance{}
		}
		out.AutoScalingGroups = append(out.AutoScalingGroups, d)
	}
	return out, nil
}

// matches tells whether a group passes all filters.
func (g *Group) matches(filters []api.Filter) bool {
	for _, f := range filters {
		name := cloud.Or(f.Name, "")
		if !slices.ContainsFunc(g.Tags, func(t Tag) bool {
			switch key, ok := strings.CutPrefix(name, "tag:"); {
			case ok:
				return t.Key == key && slices.Contains(f.Values, t.Value)
			case name == "tag-key":
				return slices.Contains(f.Values, t.Key)
			}
			return slices.Contains(f.Values, t.Value)
		}) {
			return false
		}
	}
	return true
}

// api is the group as it is described.
func (g *Group) api(c *cloud.Call, r store.Reader) api.AutoScalingGroup {
	out := api.AutoScalingGroup{
		AutoScalingGroupName: g.Name, AutoScalingGroupARN: new(g.ARN(c)), LaunchConfigurationName: optional(g.LaunchConfiguration),
		LaunchTemplate: g.LaunchTemplate, MixedInstancesPolicy: g.Mixed, MinSize: g.Min, MaxSize: g.Max, DesiredCapacity: g.Desired,
		PredictedCapacity: g.Predicted, DefaultCooldown: g.Cooldown, AvailabilityZones: g.Zones, HealthCheckType: g.HealthCheck,
		HealthCheckGracePeriod: &g.Grace, Instances: []api.Instance{}, CreatedTime: g.Created, SuspendedProcesses: []api.SuspendedProcess{},
		PlacementGroup: optional(g.PlacementGroup), VPCZoneIdentifier: new(strings.Join(g.Subnets, ",")), EnabledMetrics: []api.EnabledMetric{},
		Tags: g.tags(), TerminationPolicies: g.Termination, NewInstancesProtectedFromScaleIn: &g.Protect, ServiceLinkedRoleARN: optional(g.ServiceRole),
		WarmPoolConfiguration: g.WarmPool, Context: optional(g.Context), DesiredCapacityType: optional(g.Units),
		DefaultInstanceWarmup: g.Warmup, InstanceMaintenancePolicy: g.Maintenance, AvailabilityZoneImpairmentPolicy: g.Impairment,
		LoadBalancerNames: []string{}, TargetGroupARNs: []string{}, TrafficSources: []api.TrafficSourceIdentifier{},
	}
	g.describeDistribution(&out)
	out.DeletionProtection, out.InstanceLifecyclePolicy = new(cmp.Or(g.Deletion, api.DeletionProtectionNone)), g.Lifecycle
	for _, z := range g.Zones {
		out.AvailabilityZoneIds = append(out.AvailabilityZoneIds, zoneID(z))
	}
	if g.MaxLifetime > 0 {
		out.MaxInstanceLifetime = &g.MaxLifetime
	}
	if out.CapacityRebalance = &g.Rebalance; !g.Rebalance {
		out.CapacityRebalance = nil
	}
	if g.Deleting {
		out.Status = new("Delete in progress")
	}
	for _, s := range g.Suspensions {
		out.SuspendedProcesses = append(out.SuspendedProcesses, api.SuspendedProcess{ProcessName: &s.Process, SuspensionReason: &s.Reason})
	}
	for _, m := range g.Metrics {
		out.EnabledMetrics = append(out.EnabledMetrics, api.EnabledMetric{Metric: &m, Granularity: new(granularity)})
	}
	for _, b := range g.Balancers {
		if b.State == sourceRemoving {
			continue
		}
		if b.Type == classic {
			out.LoadBalancerNames = append(out.LoadBalancerNames, b.ID)
		} else if b.Type == targetGroup {
			out.TargetGroupARNs = append(out.TargetGroupARNs, b.ID)
		}
		out.TrafficSources = append(out.TrafficSources, api.TrafficSourceIdentifier{Identifier: b.ID, Type: &b.Type})
	}
	warm := int32(0)
	for i := range Instances(r, g) {
		if i.Warm {
			warm++
			continue
		}
		out.Instances = append(out.Instances, i.API())
	}
	if g.WarmPool != nil {
		out.WarmPoolSize = &warm
	}
	return out
}

// API is the instance as it is described with its group.
func (i *Instance) API() api.Instance {
	out := api.Instance{
		InstanceId: i.ID, InstanceType: optional(i.Type), AvailabilityZone: i.Zone, LifecycleState: i.State, HealthStatus: i.Health,
		LaunchConfigurationName: optional(i.LaunchConfiguration), LaunchTemplate: i.LaunchTemplate, ProtectedFromScaleIn: i.Protected,
		AvailabilityZoneId: optional(zoneID(i.Zone)), ImageId: optional(i.Image),
	}
	if i.Weighted {
		out.WeightedCapacity = new(strconv.Itoa(int(i.Weight)))
	}
	return out
}

func describeAutoScalingInstances(c *cloud.Call, r store.Reader, in *api.DescribeAutoScalingInstancesInput) (*api.DescribeAutoScalingInstancesOutput, error) {
	size, err := pageSize(in.MaxRecords, usualPage)
	if err != nil {
		return nil, err
	}
	var list []*Instance
	next, ok := "", true
	for _, id := range in.InstanceIds {
		if i, found := FindInstance(c, r, id); found {
			list = append(list, i)
		}
	}
	if len(in.InstanceIds) == 0 {
		list, next, ok = Members.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), size, nil)
	}
	if !ok {
		return nil, errToken()
	}
	out := &api.DescribeAutoScalingInstancesOutput{AutoScalingInstances: []api.AutoScalingInstanceDetails{}, NextToken: optional(next)}
	for _, i := range list {
		d := i.API()
		out.AutoScalingInstances = append(out.AutoScalingInstances, api.AutoScalingInstanceDetails{
			InstanceId: d.InstanceId, InstanceType: d.InstanceType, AutoScalingGroupName: i.Group, AvailabilityZone: d.AvailabilityZone,
			LifecycleState: d.LifecycleState, HealthStatus: strings.ToUpper(d.HealthStatus), LaunchConfigurationName: d.LaunchConfigurationName,
			LaunchTemplate: d.LaunchTemplate, ProtectedFromScaleIn: d.ProtectedFromScaleIn, WeightedCapacity: d.WeightedCapacity,
			AvailabilityZoneId: d.AvailabilityZoneId, ImageId: d.ImageId,
		})
	}
	return out, nil
}

// countGroups is how many groups the call's account has in its region.
func countGroups(c *cloud.Call, r store.Reader) (n int) {
	for range Groups.Scan(r, c.Account, c.Region) {
		n++
	}
	return n
}
