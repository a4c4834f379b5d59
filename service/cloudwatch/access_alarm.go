package cloudwatch

import (
	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// onMuteRule declares an operation on an alarm mute rule by name.
func onMuteRule[In, Out any](o *cloud.Op[In, Out], name func(In) string) cloud.Access {
	return o.Needs("cloudwatch:"+o.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		return muteResource(c, r, name(in)), nil
	})
}

func muteResource(c *cloud.Call, r store.Reader, name string) cloud.Resource {
	res := cloud.Resource{ARN: muteARN(c, name)}
	if m, ok := muteRules.Get(r, c.Account, c.Region, name); ok {
		res.Tags = m.Tags
	}
	return res
}

// checkPutMuteRule needs leave for the rule and for each alarm that it mutes.
func checkPutMuteRule(c *cloud.Call, r store.Reader, in *api.PutAlarmMuteRuleInput) ([]cloud.Check, error) {
	keys := cloud.TagKeys(tagMap(in.Tags))
	res := muteResource(c, r, in.Name)
	checks := []cloud.Check{{Action: "cloudwatch:PutAlarmMuteRule", Resource: res, Keys: keys}}
	if in.MuteTargets != nil {
		for _, name := range in.MuteTargets.AlarmNames {
			checks = append(checks, cloud.Check{Action: "cloudwatch:PutAlarmMuteRule", Resource: alarmResource(c, r, name), Keys: keys})
		}
	}
	if len(in.Tags) > 0 {
		checks = append(checks, cloud.Check{Action: "cloudwatch:TagResource", Resource: res, Keys: keys})
	}
	return checks, nil
}

// onStreams declares an operation on metric streams by name.
func onStreams[In, Out any](o *cloud.Op[In, Out], names func(In) []string) cloud.Access {
	action := "cloudwatch:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) (checks []cloud.Check, err error) {
		for _, name := range names(in) {
			checks = append(checks, cloud.Check{Action: action, Resource: streamResource(c, r, name)})
		}
		if len(checks) == 0 {
			checks = []cloud.Check{{Action: action, Resource: cloud.Resource{ARN: streamARN(c, "*")}}}
		}
		return checks, nil
	})
}

func streamResource(c *cloud.Call, r store.Reader, name string) cloud.Resource {
	res := cloud.Resource{ARN: streamARN(c, name)}
	if s, ok := streams.Get(r, c.Account, c.Region, name); ok {
		res.Tags = s.Tags
	}
	return res
}

// checkPutStream also needs to pass the role that the stream is to act as.
func checkPutStream(c *cloud.Call, r store.Reader, in *api.PutMetricStreamInput) ([]cloud.Check, error) {
	keys := cloud.TagKeys(tagMap(in.Tags))
	res := streamResource(c, r, in.Name)
	checks := []cloud.Check{
		{Action: "cloudwatch:PutMetricStream", Resource: res, Keys: keys},
		{Action: "iam:PassRole", Resource: cloud.Resource{ARN: in.RoleArn}, Keys: cloud.Keys{"iam:passedtoservice": {"streams.metrics.cloudwatch.amazonaws.com"}}},
	}
	if len(in.Tags) > 0 {
		checks = append(checks, cloud.Check{Action: "cloudwatch:TagResource", Resource: res, Keys: keys})
	}
	return checks, nil
}
