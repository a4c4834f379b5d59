package group

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/autoscaling/launch"
	"pileus/store"
)

// Quotas, as an account has them at first.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
const (
	mostGroups       = 500
	mostHooks        = 50
	mostTopics       = 10
	mostTags         = 50
	mostTargetGroups = 50
	mostClassic      = 50
	defaultCooldown  = 300
)

// linkedRole is the service-linked role that groups without one of their own
// are kept as.
const linkedRole = "AWSServiceRoleForAutoScaling"

func (k *Keeper) createAutoScalingGroup(c *cloud.Call, tx store.Tx, in *api.CreateAutoScalingGroupInput) (*cloud.Empty, error) {
	if _, ok := Groups.Get(tx, c.Account, c.Region, in.AutoScalingGroupName); ok {
		return nil, errGroupExists(in.AutoScalingGroupName)
	}
	if countGroups(c, tx) >= mostGroups {
		return nil, errLimit("AutoScalingGroup", mostGroups)
	}
	if strings.Contains(in.AutoScalingGroupName, ":") {
		return nil, Invalid("1 validation error detected: Value '%s' at 'autoScalingGroupName' failed to satisfy constraint: Member must not contain ':'", in.AutoScalingGroupName)
	}
	g := &Group{
		Account: c.Account, Region: c.Region, Name: in.AutoScalingGroupName, ID: c.Rand().UUID(), Created: c.Now,
		Min: in.MinSize, Max: in.MaxSize, Desired: cloud.Or(in.DesiredCapacity, in.MinSize),
		HealthCheck: "EC2", Cooldown: defaultCooldown, Termination: []string{defaultTermination},
	}
	if in.Operator != nil {
		return nil, Invalid("Operator is not available: no AWS service manages Auto Scaling groups here.")
	}
	in, err := likeInstance(c, tx, in)
	if err != nil {
		return nil, err
	}
	if err := g.apply(c, tx, updateOf(in)); err != nil {
		return nil, err
	}
	if !g.launchable() {
		return nil, errLaunchable()
	}
	g.Balancers = sourcesIn(in)
	if err := checkSources(c, g.Balancers); err != nil {
		return nil, err
	}
	if err := checkCrossing(c, g, in.SkipZonalShiftValidation); err != nil {
		return nil, err
	}
	for _, t := range in.Tags {
		if err := g.tag(t); err != nil {
			return nil, err
		}
	}
	if err := ensureRole(c, g); err != nil {
		return nil, err
	}
	for _, h := range in.LifecycleHookSpecificationList {
		if err := putHook(c, tx, g, specified(g, h)); err != nil {
			return nil, err
		}
	}
	g.Why = Cause{At: c.Now, Text: "a user request created an AutoScalingGroup"}.sentence(0, g.Desired)
	Put(tx, g)
	g.manage(c, tx)
	for _, f := range k.Hooks.Updated {
		if err := f(c, tx, g); err != nil {
			return nil, err
		}
	}
	return &cloud.Empty{}, nil
}

// likeInstance is a request for a group with a launch configuration made of the
// instance that it names, if it names one.
func likeInstance(c *cloud.Call, tx store.Tx, in *api.CreateAutoScalingGroupInput) (*api.CreateAutoScalingGroupInput, error) {
	if in.InstanceId == nil {
		return in, nil
	}
	if in.LaunchConfigurationName != nil || in.LaunchTemplate != nil || in.MixedInstancesPolicy != nil {
		return nil, errLaunchable()
	}
	zone, err := launch.From(c, tx, in.AutoScalingGroupName, *in.InstanceId)
	if err != nil {
		return nil, err
	}
	d := new(*in)
	if d.LaunchConfigurationName = &d.AutoScalingGroupName; len(d.AvailabilityZones)+len(d.AvailabilityZoneIds) == 0 && d.VPCZoneIdentifier == nil {
		d.AvailabilityZones = []string{zone}
	}
	return d, nil
}

// sourcesIn are the sources that a new group is given.
func sourcesIn(in *api.CreateAutoScalingGroupInput) (list []Source) {
	for _, n := range in.LoadBalancerNames {
		list = append(list, Source{Type: classic, ID: n, State: sourceAdding})
	}
	for _, n := range in.TargetGroupARNs {
		list = append(list, Source{Type: targetGroup, ID: n, State: sourceAdding})
	}
	for _, t := range in.TrafficSources {
		list = append(list, Source{Type: sourceType(t), ID: t.Identifier, State: sourceAdding})
	}
	return list
}

// updateOf is what a new group is given that can be changed later.
func updateOf(in *api.CreateAutoScalingGroupInput) *api.UpdateAutoScalingGroupInput {
	return &api.UpdateAutoScalingGroupInput{
		AutoScalingGroupName: in.AutoScalingGroupName, LaunchConfigurationName: in.LaunchConfigurationName, LaunchTemplate: in.LaunchTemplate,
		MixedInstancesPolicy: in.MixedInstancesPolicy, DefaultCooldown: in.DefaultCooldown, AvailabilityZones: in.AvailabilityZones,
		HealthCheckType: in.HealthCheckType, HealthCheckGracePeriod: in.HealthCheckGracePeriod, PlacementGroup: in.PlacementGroup,
		VPCZoneIdentifier: in.VPCZoneIdentifier, TerminationPolicies: in.TerminationPolicies, NewInstancesProtectedFromScaleIn: in.NewInstancesProtectedFromScaleIn,
		ServiceLinkedRoleARN: in.ServiceLinkedRoleARN, MaxInstanceLifetime: in.MaxInstanceLifetime, CapacityRebalance: in.CapacityRebalance,
		Context: in.Context, DesiredCapacityType: in.DesiredCapacityType, DefaultInstanceWarmup: in.DefaultInstanceWarmup, InstanceMaintenancePolicy: in.InstanceMaintenancePolicy,
		AvailabilityZoneImpairmentPolicy: in.AvailabilityZoneImpairmentPolicy, AvailabilityZoneDistribution: in.AvailabilityZoneDistribution,
		CapacityReservationSpecification: in.CapacityReservationSpecification, AvailabilityZoneIds: in.AvailabilityZoneIds,
		DeletionProtection: in.DeletionProtection, InstanceLifecyclePolicy: in.InstanceLifecyclePolicy,
	}
}

// ensureRole makes the service-linked role where the account has none, as the
// first group of an account does.
func ensureRole(c *cloud.Call, g *Group) error {
	if g.ServiceRole != "" {
		return nil
	}
	g.ServiceRole = "arn:" + c.Partition + ":iam::" + g.Account + ":role/aws-service-role/" + ServiceName + "/" + linkedRole
	as := identity.AsAccount(c)
	_, err := iam.GetRole.Call(as, &iam.GetRoleInput{RoleName: linkedRole})
	if !isCode(err, "NoSuchEntity") {
		return err
	}
	_, err = iam.CreateServiceLinkedRole.Call(as, &iam.CreateServiceLinkedRoleInput{AWSServiceName: ServiceName})
	var e *cloud.Error
	if errors.As(err, &e) {
		return api.ErrServiceLinkedRoleFailure.New("%s", e.Message)
	}
	return err
}

func (k *Keeper) updateAutoScalingGroup(c *cloud.Call, tx store.Tx, in *api.UpdateAutoScalingGroupInput) (*cloud.Empty, error) {
	g, err := findLive(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	d := g.Clone()
	d.Min, d.Max = cloud.Or(in.MinSize, d.Min), cloud.Or(in.MaxSize, d.Max)
	n := min(max(d.Desired, d.Min), max(d.Max, d.Min))
	if in.DesiredCapacity != nil {
		n = *in.DesiredCapacity
	}
	if n != d.Desired {
		text := fmt.Sprintf("a user request update of AutoScalingGroup constraints to min: %d, max: %d, desired: %d", d.Min, d.Max, n)
		d.want(n, Cause{At: c.Now, Text: text})
	}
	if err := d.apply(c, tx, in); err != nil {
		return nil, err
	}
	if in.AvailabilityZoneImpairmentPolicy != nil {
		if err := checkCrossing(c, d, in.SkipZonalShiftValidation); err != nil {
			return nil, err
		}
	}
	d.Failures, d.Retry, d.Avoid = 0, time.Time{}, nil
	Put(tx, d)
	d.manage(c, tx)
	for _, f := range k.Hooks.Updated {
		if err := f(c, tx, d); err != nil {
			return nil, err
		}
	}
	return &cloud.Empty{}, nil
}

// findLive is a group that is not being deleted.
func findLive(c *cloud.Call, r store.Reader, name string) (*Group, error) {
	g, err := Find(c, r, name)
	if err == nil && g.Deleting {
		return nil, errPendingDelete()
	}
	return g, err
}

// launchable tells whether the group knows what to launch.
func (g *Group) launchable() bool {
	return g.LaunchConfiguration != "" || g.LaunchTemplate != nil || g.Mixed != nil
}

// apply changes a clone as an update says, and checks what comes of it.
func (g *Group) apply(c *cloud.Call, tx store.Tx, in *api.UpdateAutoScalingGroupInput) error {
	switch {
	case g.Min < 0 || g.Max < 0:
		return Invalid("Min and max sizes must not be negative.")
	case g.Max < g.Min:
		return Invalid("Max bound, %d, must be greater than or equal to min bound, %d", g.Max, g.Min)
	case g.Desired < g.Min || g.Desired > g.Max:
		return Invalid("Desired capacity:%d must be between the specified min size:%d and max size:%d", g.Desired, g.Min, g.Max)
	}
	for _, f := range []func(*cloud.Call, store.Tx, *api.UpdateAutoScalingGroupInput) error{g.applyPlaces, g.applyLaunch, g.applyHealth, g.applyZonalShift, g.applyRest} {
		if err := f(c, tx, in); err != nil {
			return err
		}
	}
	return nil
}

func (g *Group) applyHealth(_ *cloud.Call, _ store.Tx, in *api.UpdateAutoScalingGroupInput) error {
	if in.HealthCheckType != nil {
		for part := range strings.SplitSeq(*in.HealthCheckType, ",") {
			if !slices.Contains([]string{"EC2", "ELB", "EBS", "VPC_LATTICE"}, strings.TrimSpace(part)) {
				return Invalid("Unknown Health Check type : %s, valid types: [ELB,EC2,EBS,VPC_LATTICE]", part)
			}
		}
		g.HealthCheck = *in.HealthCheckType
	}
	g.Grace = cloud.Or(in.HealthCheckGracePeriod, g.Grace)
	g.Cooldown = cloud.Or(in.DefaultCooldown, g.Cooldown)
	if g.Grace < 0 || g.Cooldown < 0 {
		return Invalid("Health check grace period and cooldown must not be negative.")
	}
	if in.DefaultInstanceWarmup != nil {
		if g.Warmup = in.DefaultInstanceWarmup; *g.Warmup == -1 {
			g.Warmup = nil
		} else if *g.Warmup < 0 {
			return Invalid("DefaultInstanceWarmup must be -1 or not negative.")
		}
	}
	if in.MaxInstanceLifetime != nil {
		n := *in.MaxInstanceLifetime
		if n != 0 && (n < 86_400 || n > 31_536_000) {
			return Invalid("Maximum instance lifetime must be either equal to 0 or between 86400 and 31536000 seconds, inclusive.")
		}
		g.MaxLifetime = n
	}
	return nil
}

// termination are the policies that DescribeTerminationPolicyTypes lists.
var termination = []string{
	allocationStrategy, closestToNextHour, defaultTermination, newestInstance, oldestInstance, oldestConfiguration, oldestTemplate,
}

func (g *Group) applyRest(c *cloud.Call, _ store.Tx, in *api.UpdateAutoScalingGroupInput) error {
	for _, p := range in.TerminationPolicies {
		if strings.HasPrefix(p, "arn:") {
			return Invalid("Custom termination policies are not available: there is no AWS Lambda to invoke %s.", p)
		}
		if !slices.Contains(termination, p) {
			return Invalid("Termination policy %s is not valid", p)
		}
	}
	if in.TerminationPolicies != nil {
		g.Termination = in.TerminationPolicies
	}
	if p := in.InstanceMaintenancePolicy; p != nil {
		if err := checkMaintenance(p); err != nil {
			return err
		}
		if g.Maintenance = p; cloud.Or(p.MinHealthyPercentage, -1) == -1 && cloud.Or(p.MaxHealthyPercentage, -1) == -1 {
			g.Maintenance = nil
		}
	}
	if u := cloud.Or(in.DesiredCapacityType, ""); u != "" && !slices.Contains([]string{"units", "vcpu", "memory-mib"}, u) {
		return Invalid("Unsupported DesiredCapacityType: %s. Valid values are: [units, vcpu, memory-mib]", u)
	}
	g.Units = cloud.Or(in.DesiredCapacityType, g.Units)
	g.Protect = cloud.Or(in.NewInstancesProtectedFromScaleIn, g.Protect)
	g.Rebalance = cloud.Or(in.CapacityRebalance, g.Rebalance)
	g.PlacementGroup = cloud.Or(in.PlacementGroup, g.PlacementGroup)
	g.Deletion = cloud.Or(in.DeletionProtection, g.Deletion)
	g.Lifecycle = cmp.Or(in.InstanceLifecyclePolicy, g.Lifecycle)
	g.Context = cmp.Or(cloud.Or(in.Context, ""), g.Context)
	g.ServiceRole = cmp.Or(cloud.Or(in.ServiceLinkedRoleARN, ""), g.ServiceRole)
	return g.distribute(c, in)
}

func checkMaintenance(p *api.InstanceMaintenancePolicy) error {
	low, high := cloud.Or(p.MinHealthyPercentage, -1), cloud.Or(p.MaxHealthyPercentage, -1)
	switch {
	case low == -1 && high == -1:
		return nil
	case low < 0 || high < 0:
		return Invalid("Both MinHealthyPercentage and MaxHealthyPercentage must be specified.")
	case high < 100:
		return Invalid("MaxHealthyPercentage must be between 100 and 200.")
	case high-low > 100:
		return Invalid("The difference between MinHealthyPercentage and MaxHealthyPercentage cannot be greater than 100.")
	}
	return nil
}
