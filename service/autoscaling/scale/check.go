package scale

import (
	"cmp"
	"math"
	"slices"
	"strings"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
)

// checkPolicy refuses what its type does not allow.
func checkPolicy(g *group.Group, in *api.PutScalingPolicyInput) error {
	kind := cloud.Or(in.PolicyType, simpleScaling)
	if !slices.Contains(policyTypes, kind) {
		return group.Invalid("Invalid policy type. Valid policy types are: [%s]", strings.Join(policyTypes, ", "))
	}
	if err := foreign(kind, in); err != nil {
		return err
	}
	if cloud.Or(in.EstimatedInstanceWarmup, 0) < 0 {
		return group.Invalid("Estimated instance warmup must be greater than or equal to 0")
	}
	switch kind {
	case targetTracking:
		return checkTracking(g, in.TargetTrackingConfiguration)
	case predictiveScaling:
		return checkPredictive(g, in.PredictiveScalingConfiguration)
	}
	if err := checkAdjustment(in); err != nil {
		return err
	}
	if kind == stepScaling {
		return checkSteps(in)
	}
	if in.ScalingAdjustment == nil {
		return group.Invalid("Scaling increment must be specified for a SimpleScaling policy")
	}
	if cloud.Or(in.AdjustmentType, "") == exactCapacity && *in.ScalingAdjustment < 0 {
		return group.Invalid("Scaling adjustment must be a non-negative value when the adjustment type is ExactCapacity")
	}
	if cloud.Or(in.Cooldown, 0) < 0 {
		return group.Invalid("Cooldown must be greater than or equal to 0")
	}
	return nil
}

// foreign refuses parameters of other types of policies. A number of 0 is a
// placeholder: clients such as Terraform send it with any type.
func foreign(kind string, in *api.PutScalingPolicyInput) error {
	simple, step := []string{simpleScaling}, []string{stepScaling}
	both := []string{simpleScaling, stepScaling}
	for _, x := range []struct {
		name  string
		given bool
		for_  []string
	}{
		{"AdjustmentType", in.AdjustmentType != nil, both},
		{"MinAdjustmentStep", in.MinAdjustmentStep != nil, both},
		{"MinAdjustmentMagnitude", in.MinAdjustmentMagnitude != nil, both},
		{"ScalingAdjustment", cloud.Or(in.ScalingAdjustment, 0) != 0, simple},
		{"Cooldown", cloud.Or(in.Cooldown, 0) != 0, simple},
		{"MetricAggregationType", in.MetricAggregationType != nil, step},
		{"StepAdjustments", len(in.StepAdjustments) > 0, step},
		{"EstimatedInstanceWarmup", cloud.Or(in.EstimatedInstanceWarmup, 0) != 0, []string{stepScaling, targetTracking}},
		{"TargetTrackingConfiguration", in.TargetTrackingConfiguration != nil, []string{targetTracking}},
		{"PredictiveScalingConfiguration", in.PredictiveScalingConfiguration != nil, []string{predictiveScaling}},
	} {
		if x.given && !slices.Contains(x.for_, kind) {
			return group.Invalid("%s is not supported for policy type %s", x.name, kind)
		}
	}
	return nil
}

func checkAdjustment(in *api.PutScalingPolicyInput) error {
	kind := cloud.Or(in.AdjustmentType, "")
	if !slices.Contains(adjustmentTypes, kind) {
		return group.Invalid("Adjustment type is invalid. Valid adjustment types are: [%s]", strings.Join(adjustmentTypes, ", "))
	}
	least := in.MinAdjustmentMagnitude
	if in.MinAdjustmentStep != nil {
		if least != nil {
			return group.Invalid("MinAdjustmentStep and MinAdjustmentMagnitude cannot both be specified")
		}
		least = in.MinAdjustmentStep
	}
	switch {
	case least != nil && kind != percentChangeInCapacity:
		return group.Invalid("MinAdjustmentMagnitude is only supported for the adjustment type PercentChangeInCapacity")
	case cloud.Or(least, 1) < 1:
		return group.Invalid("MinAdjustmentMagnitude must be greater than 0")
	}
	return nil
}

// mostSteps of a policy.
const mostSteps = 20

// checkSteps holds the intervals of a step policy to AWS's rules: they are all
// positive or negative, touch without gaps or overlaps, and reach to infinity.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_StepAdjustment.html
func checkSteps(in *api.PutScalingPolicyInput) error {
	if !slices.Contains([]string{"Average", "Minimum", "Maximum"}, cloud.Or(in.MetricAggregationType, "Average")) {
		return group.Invalid("Metric aggregation type is invalid. Valid metric aggregation types are: [Minimum, Maximum, Average]")
	}
	switch n := len(in.StepAdjustments); {
	case n == 0:
		return group.Invalid("At least one StepAdjustment must be specified for a StepScaling policy")
	case n > mostSteps:
		return api.ErrLimitExceededFault.New("The number of step adjustments exceeds the limit of %d", mostSteps)
	}
	steps := slices.Clone(in.StepAdjustments)
	slices.SortFunc(steps, func(a, b api.StepAdjustment) int {
		return cmp.Compare(bound(a.MetricIntervalLowerBound, -1), bound(b.MetricIntervalLowerBound, -1))
	})
	for i, s := range steps {
		if err := checkStep(in, s); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		switch end, start := bound(steps[i-1].MetricIntervalUpperBound, 1), bound(s.MetricIntervalLowerBound, -1); {
		case s.MetricIntervalLowerBound == nil:
			return group.Invalid("At most one StepAdjustment may have an unspecified lower bound")
		case math.IsInf(end, 1) && len(steps) > 1 && steps[i-1].MetricIntervalUpperBound == nil && s.MetricIntervalUpperBound == nil:
			return group.Invalid("At most one StepAdjustment may have an unspecified upper bound")
		case start < end:
			return group.Invalid("StepAdjustment intervals can't overlap")
		case start > end:
			return group.Invalid("StepAdjustment intervals can't have gaps between them")
		}
	}
	if first := steps[0].MetricIntervalLowerBound; first != nil && *first < 0 {
		return group.Invalid("There must be a StepAdjustment with an unspecified lower bound (i.e., lower bound is null) when one StepAdjustment has a negative lower bound")
	}
	if last := steps[len(steps)-1].MetricIntervalUpperBound; last != nil && *last > 0 {
		return group.Invalid("There must be a StepAdjustment with an unspecified upper bound (i.e., upper bound is null) when one StepAdjustment has a positive upper bound")
	}
	return nil
}

func checkStep(in *api.PutScalingPolicyInput, s api.StepAdjustment) error {
	low, high := bound(s.MetricIntervalLowerBound, -1), bound(s.MetricIntervalUpperBound, 1)
	switch {
	case s.MetricIntervalLowerBound == nil && s.MetricIntervalUpperBound == nil:
		return group.Invalid("At least one bound must be specified for a StepAdjustment")
	case low >= high:
		return group.Invalid("The upper bound of a StepAdjustment must be greater than its lower bound")
	case cloud.Or(in.AdjustmentType, "") == exactCapacity && s.ScalingAdjustment < 0:
		return group.Invalid("Scaling adjustment must be a non-negative value when the adjustment type is ExactCapacity")
	}
	return nil
}

func checkTracking(g *group.Group, t *api.TargetTrackingConfiguration) error {
	if t == nil {
		return group.Invalid("TargetTrackingConfiguration must be specified for a TargetTrackingScaling policy")
	}
	switch {
	case (t.PredefinedMetricSpecification == nil) == (t.CustomizedMetricSpecification == nil):
		return group.Invalid("Exactly one of PredefinedMetricSpecification or CustomizedMetricSpecification must be specified")
	case !(t.TargetValue >= 8.515920e-109 && t.TargetValue <= 1.174271e+108):
		return group.Invalid("Target value must be between 8.515920e-109 and 1.174271e+108")
	}
	if p := t.PredefinedMetricSpecification; p != nil && p.PredefinedMetricType == api.MetricTypeASGAverageCPUUtilizationHighResolution {
		return group.Invalid("The predefined metric type %s is not available: EC2 measures instances once a minute.", p.PredefinedMetricType)
	}
	if p := t.PredefinedMetricSpecification; p != nil {
		return checkLabel(g, p.PredefinedMetricType == api.MetricTypeALBRequestCountPerTarget, p.PredefinedMetricType, p.ResourceLabel)
	}
	m := t.CustomizedMetricSpecification
	single := m.MetricName != nil || m.Namespace != nil || m.Statistic != nil
	switch {
	case len(m.Metrics) > 0 && (single || m.Unit != nil || len(m.Dimensions) > 0):
		return group.Invalid("Metrics cannot be specified together with MetricName, Namespace, Dimensions, Statistic or Unit")
	case len(m.Metrics) == 0 && (m.MetricName == nil || m.Namespace == nil || m.Statistic == nil):
		return group.Invalid("MetricName, Namespace and Statistic must be specified for a CustomizedMetricSpecification")
	}
	returned := 0
	if !granular(m.Period) {
		return errPeriod(*m.Period)
	}
	for _, q := range m.Metrics {
		if q.MetricStat != nil && !granular(q.MetricStat.Period) {
			return errPeriod(*q.MetricStat.Period)
		}
		if (q.Expression == nil) == (q.MetricStat == nil) {
			return group.Invalid("Exactly one of Expression or MetricStat must be specified for the metric data query %s", q.Id)
		}
		if cloud.Or(q.ReturnData, true) {
			returned++
		}
	}
	if len(m.Metrics) > 0 && returned != 1 {
		return group.Invalid("Exactly one metric data query must have ReturnData set to true")
	}
	return nil
}

// granular tells whether a target tracking policy can look at a metric in
// periods of so many seconds.
func granular(period *int32) bool {
	return slices.Contains([]int32{10, 20, 30, 60}, cloud.Or(period, 60))
}

func errPeriod(n int32) error {
	return group.Invalid("The period %d is invalid. Valid values are 10, 20, 30 and 60 seconds", n)
}
