package scale

import (
	"strconv"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/policy"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
func access() []cloud.Access {
	return []cloud.Access{
		group.On(&api.BatchDeleteScheduledAction, func(in *api.BatchDeleteScheduledActionInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.BatchPutScheduledUpdateGroupAction, func(in *api.BatchPutScheduledUpdateGroupActionInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.DeleteScheduledAction, func(in *api.DeleteScheduledActionInput) string { return in.AutoScalingGroupName }, nil),
		group.On(&api.PutScalingPolicy, func(in *api.PutScalingPolicyInput) string { return in.AutoScalingGroupName }, nil),
		api.DescribePolicies.Needs("autoscaling:DescribePolicies", nil),
		api.DescribeScheduledActions.Needs("autoscaling:DescribeScheduledActions", nil),
		api.GetPredictiveScalingForecast.Needs("autoscaling:GetPredictiveScalingForecast", nil),
		group.On(&api.PutScheduledUpdateGroupAction, func(in *api.PutScheduledUpdateGroupActionInput) string { return in.AutoScalingGroupName }, func(in *api.PutScheduledUpdateGroupActionInput) cloud.Keys {
			return sizes(in.MinSize, in.MaxSize)
		}),
		api.DeletePolicy.Decides([]string{"autoscaling:DeletePolicy"}, func(c *cloud.Call, r store.Reader, in *api.DeletePolicyInput) ([]cloud.Check, error) {
			return []cloud.Check{group.Tagged(cloud.Check{Action: "autoscaling:DeletePolicy", Resource: ofPolicy(c, r, in.PolicyName, in.AutoScalingGroupName)})}, nil
		}),
		api.ExecutePolicy.Decides([]string{"autoscaling:ExecutePolicy"}, func(c *cloud.Call, r store.Reader, in *api.ExecutePolicyInput) ([]cloud.Check, error) {
			res := ofPolicy(c, r, in.PolicyName, in.AutoScalingGroupName)
			doc, err := policy.Parse(alarmsMay, policy.ResourceBased)
			res.Policies = []policy.Attached{{ID: "actions of alarms", Doc: doc}}
			return []cloud.Check{group.Tagged(cloud.Check{Action: "autoscaling:ExecutePolicy", Resource: res})}, err
		}),
	}
}

// alarmsMay lets alarms of the group's own account execute policies, as AWS has
// it without anybody's policy.
const alarmsMay = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + alarmService + `"},"Action":"autoscaling:ExecutePolicy","Resource":"*"}]}`

// ofPolicy is the group that a policy is of, as authorisation sees it.
func ofPolicy(c *cloud.Call, r store.Reader, name string, inGroup *string) cloud.Resource {
	if p, err := find(c, r, name, inGroup); err == nil {
		return group.Resource(c, r, p.Group)
	}
	if inGroup == nil {
		return cloud.Resource{ARN: "*"}
	}
	return group.Resource(c, r, *inGroup)
}

// sizes are the condition keys of a request that sets a group's bounds.
func sizes(low, high *int32) cloud.Keys {
	keys := cloud.Keys{}
	if low != nil {
		keys["autoscaling:minsize"] = []string{strconv.Itoa(int(*low))}
	}
	if high != nil {
		keys["autoscaling:maxsize"] = []string{strconv.Itoa(int(*high))}
	}
	return keys
}
