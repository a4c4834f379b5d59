package refresh

import (
	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
func access() []cloud.Access {
	return []cloud.Access{
		onGroup(&api.CancelInstanceRefresh, func(in *api.CancelInstanceRefreshInput) string { return in.AutoScalingGroupName }),
		onGroup(&api.RollbackInstanceRefresh, func(in *api.RollbackInstanceRefreshInput) string { return in.AutoScalingGroupName }),
		onGroup(&api.StartInstanceRefresh, func(in *api.StartInstanceRefreshInput) string { return in.AutoScalingGroupName }),
		api.DescribeInstanceRefreshes.Needs("autoscaling:DescribeInstanceRefreshes", nil),
	}
}

func onGroup[In, Out any](op *cloud.Op[In, Out], name func(In) string) cloud.Access {
	return op.Needs("autoscaling:"+op.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		g, ok := group.Groups.Get(r, c.Account, c.Region, name(in))
		if !ok {
			return cloud.Resource{ARN: c.ARN("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"+name(in))}, nil
		}
		res := cloud.Resource{ARN: g.ARN(c), Account: g.Account, Tags: map[string]string{}}
		for _, t := range g.Tags {
			res.Tags[t.Key] = t.Value
		}
		return res, nil
	})
}
