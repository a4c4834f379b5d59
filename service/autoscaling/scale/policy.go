package scale

import (
	"slices"
	"strings"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// The types of policies.
const (
	simpleScaling     = "SimpleScaling"
	stepScaling       = "StepScaling"
	targetTracking    = "TargetTrackingScaling"
	predictiveScaling = "PredictiveScaling"
)

var policyTypes = []string{simpleScaling, stepScaling, targetTracking, predictiveScaling}

// Policy is a scaling policy of a group.
type Policy struct {
	Account, Region, Group, Name string
	ID                           string // the UUID in its ARN
	api.ScalingPolicy                   // without Alarms
	// High and Low are the alarms of a target tracking policy; "" for none.
	High, Low string

	// Cold is what the low alarm of a target tracking policy last brought.
	Cold   float64
	ColdAt time.Time
	// Shrunk is when the policy last took capacity away.
	Shrunk time.Time
}

var policies = &store.Table[Policy]{
	Name: "autoscaling.policy",
	Key:  func(p *Policy) store.Key { return store.K(p.Account, p.Region, p.Group, p.Name) },
}

func (p *Policy) key() store.Key { return store.K(p.Account, p.Region, p.Group, p.Name) }

func (p *Policy) kind() string { return *p.PolicyType }

func (p *Policy) enabled() bool { return cloud.Or(p.Enabled, true) }

// warmup is for how many seconds an instance in service warms up.
func (p *Policy) warmup(g *group.Group) int32 {
	return cloud.Or(p.EstimatedInstanceWarmup, g.DefaultWarmup())
}

// mostPolicies of a group.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-quotas.html
const mostPolicies = 50

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutScalingPolicy.html
func putScalingPolicy(c *cloud.Call, tx store.Tx, in *api.PutScalingPolicyInput) (*api.PutScalingPolicyOutput, error) {
	g, err := group.Find(c, tx, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	if err := checkPolicy(g, in); err != nil {
		return nil, err
	}
	for _, label := range labels(in) {
		if err := routed(c, tx, g, label); err != nil {
			return nil, err
		}
	}
	p, ok := policies.Get(tx, c.Account, c.Region, g.Name, in.PolicyName)
	if !ok {
		if p, err = newPolicy(c, tx, g, in.PolicyName); err != nil {
			return nil, err
		}
	}
	p.ScalingPolicy = described(p.ScalingPolicy, in)
	if err := p.guard(c, tx); err != nil {
		return nil, err
	}
	policies.Put(tx, p)
	if p.kind() == predictiveScaling {
		tx.After(time.Time{}, predictController, p.key())
	}
	alarms, err := alarmsOf(c, tx, *p.PolicyARN)
	return &api.PutScalingPolicyOutput{PolicyARN: p.PolicyARN, Alarms: append([]api.Alarm{}, alarms[*p.PolicyARN]...)}, err
}

func newPolicy(c *cloud.Call, tx store.Tx, g *group.Group, name string) (*Policy, error) {
	n := 0
	for range policies.Scan(tx, g.Account, g.Region, g.Name) {
		n++
	}
	if n >= mostPolicies {
		return nil, api.ErrLimitExceededFault.New("ScalingPolicies limit exceeded for AutoScalingGroup: %s. The limit is %d", g.Name, mostPolicies)
	}
	p := &Policy{Account: g.Account, Region: g.Region, Group: g.Name, Name: name, ID: c.Rand().UUID()}
	p.PolicyARN = new(c.ARN("autoscaling", "scalingPolicy:"+p.ID+":autoScalingGroupName/"+g.Name+":policyName/"+name))
	return p, nil
}

// described is a policy as it is described, with the defaults of its type.
func described(old api.ScalingPolicy, in *api.PutScalingPolicyInput) api.ScalingPolicy {
	p := api.ScalingPolicy{
		AutoScalingGroupName: &in.AutoScalingGroupName, PolicyName: &in.PolicyName, PolicyARN: old.PolicyARN,
		PolicyType: new(cloud.Or(in.PolicyType, simpleScaling)), AdjustmentType: in.AdjustmentType,
		MinAdjustmentStep: in.MinAdjustmentStep, MinAdjustmentMagnitude: in.MinAdjustmentMagnitude,
		ScalingAdjustment: in.ScalingAdjustment, Cooldown: in.Cooldown, StepAdjustments: in.StepAdjustments,
		MetricAggregationType: in.MetricAggregationType, EstimatedInstanceWarmup: in.EstimatedInstanceWarmup,
		TargetTrackingConfiguration: in.TargetTrackingConfiguration, Enabled: new(cloud.Or(in.Enabled, true)),
		PredictiveScalingConfiguration: in.PredictiveScalingConfiguration,
	}
	if *p.PolicyType != simpleScaling { // where there is one, it is a placeholder
		p.ScalingAdjustment, p.Cooldown = nil, nil
	}
	if *p.PolicyType != stepScaling && *p.PolicyType != targetTracking {
		p.EstimatedInstanceWarmup = nil
	}
	switch *p.PolicyType {
	case stepScaling:
		p.MetricAggregationType = new(cloud.Or(in.MetricAggregationType, "Average"))
	case targetTracking:
		t := new(*in.TargetTrackingConfiguration)
		t.DisableScaleIn = new(cloud.Or(t.DisableScaleIn, false))
		p.TargetTrackingConfiguration = t
	case predictiveScaling:
		t := new(*in.PredictiveScalingConfiguration)
		t.Mode = new(cloud.Or(t.Mode, api.PredictiveScalingModeForecastOnly))
		t.MaxCapacityBreachBehavior = new(cloud.Or(t.MaxCapacityBreachBehavior, api.PredictiveScalingMaxCapacityBreachBehaviorHonorMaxCapacity))
		p.PredictiveScalingConfiguration = t
	}
	return p
}

// alarmsOf are the alarms that have actions with a prefix, by these actions:
// those of policies, by the policies' ARNs.
func alarmsOf(c *cloud.Call, r store.Reader, prefix string) (map[string][]api.Alarm, error) {
	list := map[string][]api.Alarm{}
	in := &cloudwatch.DescribeAlarmsInput{ActionPrefix: &prefix, AlarmTypes: []string{cloudwatch.AlarmTypeMetricAlarm, cloudwatch.AlarmTypeCompositeAlarm}}
	for {
		out, err := cloudwatch.DescribeAlarms.Call(identity.AsAccount(within(c, r)), in)
		if err != nil {
			return nil, err
		}
		add := func(name, arn *string, actions ...[]string) {
			all := slices.Sorted(slices.Values(slices.Concat(actions...)))
			for _, action := range slices.Compact(all) {
				list[action] = append(list[action], api.Alarm{AlarmName: name, AlarmARN: arn})
			}
		}
		for _, a := range out.MetricAlarms {
			add(a.AlarmName, a.AlarmArn, a.AlarmActions, a.OKActions, a.InsufficientDataActions)
		}
		for _, a := range out.CompositeAlarms {
			add(a.AlarmName, a.AlarmArn, a.AlarmActions, a.OKActions, a.InsufficientDataActions)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return list, nil
		}
	}
}

// within is the call in a transaction, or on a snapshot.
func within(c *cloud.Call, r store.Reader) *cloud.Call {
	d := *c
	if tx, ok := r.(store.Tx); ok {
		d.Tx = tx
	} else {
		d.Snapshot = r
	}
	return &d
}

// find is the policy of a name or ARN; group is needed only with a name.
func find(c *cloud.Call, r store.Reader, name string, groupName *string) (*Policy, error) {
	wanted := name
	if strings.HasPrefix(name, "arn:") {
		_, rest, _ := strings.Cut(name, ":autoScalingGroupName/")
		inGroup, policy, _ := strings.Cut(rest, ":policyName/")
		groupName, wanted = new(cloud.Or(groupName, inGroup)), policy
	}
	if groupName == nil {
		return nil, group.Invalid("AutoScalingGroupName is required when PolicyName is not an ARN")
	}
	p, ok := policies.Get(r, c.Account, c.Region, *groupName, wanted)
	if !ok || wanted != name && *p.PolicyARN != name {
		return nil, group.Invalid("PolicyName not found - %s", name)
	}
	return p, nil
}

func deletePolicy(c *cloud.Call, tx store.Tx, in *api.DeletePolicyInput) (*cloud.Empty, error) {
	p, err := find(c, tx, in.PolicyName, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	return &cloud.Empty{}, p.remove(c, tx)
}

// remove deletes a policy with the alarms that are its own.
func (p *Policy) remove(c *cloud.Call, tx store.Tx) error {
	policies.Delete(tx, p.key()...)
	forecasts.Delete(tx, p.key()...)
	if p.kind() == predictiveScaling {
		if err := announce(c, tx, p.Account, p.Region, p.Group); err != nil {
			return err
		}
	}
	return p.unguard(c, tx)
}

func describePolicies(c *cloud.Call, r store.Reader, in *api.DescribePoliciesInput) (*api.DescribePoliciesOutput, error) {
	limit, err := pageSize(in.MaxRecords)
	if err != nil {
		return nil, err
	}
	prefix := store.K(c.Account, c.Region)
	if in.AutoScalingGroupName != nil {
		if _, err := group.Find(c, r, *in.AutoScalingGroupName); err != nil {
			return nil, err
		}
		prefix = append(prefix, *in.AutoScalingGroupName)
	}
	if in.AutoScalingGroupName == nil && slices.ContainsFunc(in.PolicyNames, func(s string) bool { return !strings.HasPrefix(s, "arn:") }) {
		return nil, group.Invalid("AutoScalingGroupName is required when PolicyName is not an ARN")
	}
	page, next, ok := policies.Page(r, prefix, cloud.Or(in.NextToken, ""), limit, func(p *Policy) bool {
		return (len(in.PolicyNames) == 0 || slices.Contains(in.PolicyNames, p.Name) || slices.Contains(in.PolicyNames, *p.PolicyARN)) &&
			(len(in.PolicyTypes) == 0 || slices.Contains(in.PolicyTypes, p.kind()))
	})
	if !ok {
		return nil, errToken(in.NextToken)
	}
	out := &api.DescribePoliciesOutput{ScalingPolicies: []api.ScalingPolicy{}, NextToken: optional(next)}
	if len(page) == 0 {
		return out, nil
	}
	alarms, err := alarmsOf(c, r, c.ARN("autoscaling", "scalingPolicy:"))
	if err != nil {
		return nil, err
	}
	for _, p := range page {
		shown := p.ScalingPolicy
		shown.StepAdjustments = append([]api.StepAdjustment{}, shown.StepAdjustments...)
		shown.Alarms = append([]api.Alarm{}, alarms[*p.PolicyARN]...)
		out.ScalingPolicies = append(out.ScalingPolicies, shown)
	}
	return out, nil
}
