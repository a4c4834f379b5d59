package refresh

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
func access() []cloud.Access {
	return []cloud.Access{
		group.On(&api.CancelInstanceRefresh, func(in *api.CancelInstanceRefreshInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.RollbackInstanceRefresh, func(in *api.RollbackInstanceRefreshInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.StartInstanceRefresh, func(in *api.StartInstanceRefreshInput) string { return in.AutoScalingGroupName }, nil),
		api.DescribeInstanceRefreshes.Needs("autoscaling:DescribeInstanceRefreshes", nil),
	}
}
