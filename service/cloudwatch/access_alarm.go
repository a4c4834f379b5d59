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
