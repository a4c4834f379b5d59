package cloudwatch

import (
	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
func access() []cloud.Access {
	return []cloud.Access{
		api.GetMetricData.Needs("cloudwatch:GetMetricData", nil),
		api.GetMetricStatistics.Needs("cloudwatch:GetMetricStatistics", nil),
		api.ListMetrics.Needs("cloudwatch:ListMetrics", nil),
		api.PutMetricData.Decides([]string{"cloudwatch:PutMetricData"}, func(_ *cloud.Call, _ store.Reader, in *api.PutMetricDataInput) ([]cloud.Check, error) {
			return []cloud.Check{{Action: "cloudwatch:PutMetricData", Resource: cloud.Resource{ARN: "*"}, Keys: cloud.Keys{"cloudwatch:namespace": {in.Namespace}}}}, nil
		}),
	}
}
