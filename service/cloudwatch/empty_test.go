package cloudwatch

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

// TestEmptyListsAreShown looks at answers as a client decodes them: expressions
// such as length(AlarmActions) need the list, and not its absence.
func TestEmptyListsAreShown(t *testing.T) {
	w := nodetest.New(t, Module())
	k := sdk.NewFromConfig(w.Config())
	none, err := k.ListMetrics(t.Context(), &sdk.ListMetricsInput{})
	if err != nil || none.Metrics == nil {
		t.Errorf("no metrics are %v, %v", none, err)
	}
	nodetest.Do(w, &api.PutMetricAlarm, &api.PutMetricAlarmInput{AlarmName: "a", Namespace: new("n"), MetricName: new("m"), Statistic: new("Sum"), Period: new(int32(60)),
		EvaluationPeriods: new(int32(1)), Threshold: new(1.0), ComparisonOperator: new("GreaterThanThreshold")})
	nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "c", AlarmRule: "ALARM(a)"})
	out, err := k.DescribeAlarms(t.Context(), &sdk.DescribeAlarmsInput{AlarmTypes: []types.AlarmType{types.AlarmTypeMetricAlarm, types.AlarmTypeCompositeAlarm}})
	if err != nil || len(out.MetricAlarms) != 1 || len(out.CompositeAlarms) != 1 {
		t.Fatalf("the alarms are %+v, %v", out, err)
	}
	m, c := out.MetricAlarms[0], out.CompositeAlarms[0]
	if m.Dimensions == nil || m.OKActions == nil || m.AlarmActions == nil || m.InsufficientDataActions == nil {
		t.Errorf("a metric alarm is shown as %+v", m)
	}
	if c.OKActions == nil || c.AlarmActions == nil || c.InsufficientDataActions == nil {
		t.Errorf("a composite alarm is shown as %+v", c)
	}
}
