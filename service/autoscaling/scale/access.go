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
		onGroup(&api.BatchDeleteScheduledAction, func(in *api.BatchDeleteScheduledActionInput) *string { return &in.AutoScalingGroupName }),
		onGroup(&api.BatchPutScheduledUpdateGroupAction, func(in *api.BatchPutScheduledUpdateGroupActionInput) *string { return &in.AutoScalingGroupName }),
		onGroup(&api.DeleteScheduledAction, func(in *api.DeleteScheduledActionInput) *string { return &in.AutoScalingGroupName }),
		onGroup(&api.PutScalingPolicy, func(in *api.PutScalingPolicyInput) *string { return &in.AutoScalingGroupName }),
		api.DescribePolicies.Needs("autoscaling:DescribePolicies", nil),
		api.DescribeScheduledActions.Needs("autoscaling:DescribeScheduledActions", nil),
		api.GetPredictiveScalingForecast.Needs("autoscaling:GetPredictiveScalingForecast", nil),
		api.PutScheduledUpdateGroupAction.Decides([]string{"autoscaling:PutScheduledUpdateGroupAction"}, func(c *cloud.Call, r store.Reader, in *api.PutScheduledUpdateGroupActionInput) ([]cloud.Check, error) {
			return []cloud.Check{{Action: "autoscaling:PutScheduledUpdateGroupAction", Resource: resource(c, r, &in.AutoScalingGroupName), Keys: sizes(in.MinSize, in.MaxSize)}}, nil
		}),
		api.DeletePolicy.Needs("autoscaling:DeletePolicy", func(c *cloud.Call, r store.Reader, in *api.DeletePolicyInput) (cloud.Resource, error) {
			return ofPolicy(c, r, in.PolicyName, in.AutoScalingGroupName), nil
		}),
		api.ExecutePolicy.Needs("autoscaling:ExecutePolicy", func(c *cloud.Call, r store.Reader, in *api.ExecutePolicyInput) (cloud.Resource, error) {
			res := ofPolicy(c, r, in.PolicyName, in.AutoScalingGroupName)
			doc, err := policy.Parse(alarmsMay, policy.ResourceBased)
			res.Policies = []policy.Attached{{ID: "actions of alarms", Doc: doc}}
			return res, err
		}),
	}
}

// alarmsMay lets alarms of the group's own account execute policies, as AWS has
// it without anybody's policy.
const alarmsMay = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` + alarmService + `"},"Action":"autoscaling:ExecutePolicy","Resource":"*"}]}`

func onGroup[In, Out any](op *cloud.Op[In, Out], name func(In) *string) cloud.Access {
	return op.Needs("autoscaling:"+op.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		return resource(c, r, name(in)), nil
	})
}

// resource is a group as authorisation sees it. One that does not exist has the
// ARN that it would have.
func resource(c *cloud.Call, r store.Reader, name *string) cloud.Resource {
	if name == nil {
		return cloud.Resource{ARN: "*"}
	}
	g, ok := group.Groups.Get(r, c.Account, c.Region, *name)
	if !ok {
		return cloud.Resource{ARN: c.ARN("autoscaling", "autoScalingGroup:*:autoScalingGroupName/"+*name)}
	}
	res := cloud.Resource{ARN: g.ARN(c), Account: g.Account, Tags: map[string]string{}}
	for _, t := range g.Tags {
		res.Tags[t.Key] = t.Value
	}
	return res
}

func ofPolicy(c *cloud.Call, r store.Reader, name string, inGroup *string) cloud.Resource {
	if p, err := find(c, r, name, inGroup); err == nil {
		return resource(c, r, &p.Group)
	}
	return resource(c, r, inGroup)
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
