package cloudwatch

import (
	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// onRules declares an operation on Contributor Insights rules by name.
func onRules[In, Out any](o *cloud.Op[In, Out], names func(In) []string) cloud.Access {
	action := "cloudwatch:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) (checks []cloud.Check, err error) {
		for _, name := range names(in) {
			checks = append(checks, cloud.Check{Action: action, Resource: ruleResource(c, r, name)})
		}
		if len(checks) == 0 {
			checks = []cloud.Check{{Action: action, Resource: cloud.Resource{ARN: ruleARN(c, "*")}}}
		}
		return checks, nil
	})
}

func ruleResource(c *cloud.Call, r store.Reader, name string) cloud.Resource {
	res := cloud.Resource{ARN: ruleARN(c, name)}
	if x, ok := insightRules.Get(r, c.Account, c.Region, name); ok {
		res.Tags = x.Tags
	}
	return res
}

// checkPutRule also needs to tag, where a rule begins with tags.
func checkPutRule(c *cloud.Call, r store.Reader, in *api.PutInsightRuleInput) ([]cloud.Check, error) {
	return withTags("cloudwatch:PutInsightRule", ruleResource(c, r, in.RuleName), in.Tags), nil
}

func withTags(action string, res cloud.Resource, tags []api.Tag) []cloud.Check {
	keys := cloud.TagKeys(tagMap(tags))
	checks := []cloud.Check{{Action: action, Resource: res, Keys: keys}}
	if len(tags) > 0 {
		checks = append(checks, cloud.Check{Action: "cloudwatch:TagResource", Resource: res, Keys: keys})
	}
	return checks
}

// checkManagedRules tells for which resources rules are asked.
func checkManagedRules(_ *cloud.Call, _ store.Reader, in *api.PutManagedInsightRulesInput) ([]cloud.Check, error) {
	keys := cloud.Keys{}
	for _, m := range in.ManagedRules {
		keys["cloudwatch:requestmanagedresourcearns"] = append(keys["cloudwatch:requestmanagedresourcearns"], m.ResourceARN)
	}
	return []cloud.Check{{Action: "cloudwatch:PutManagedInsightRules", Resource: cloud.Resource{ARN: "*"}, Keys: keys}}, nil
}

// checkPutDashboard also needs to tag, where a dashboard begins with tags.
func checkPutDashboard(c *cloud.Call, r store.Reader, in *api.PutDashboardInput) ([]cloud.Check, error) {
	res := cloud.Resource{ARN: dashboardARN(c, in.DashboardName)}
	if d, ok := dashboards.Get(r, c.Account, in.DashboardName); ok {
		res.Tags = d.Tags
	}
	return withTags("cloudwatch:PutDashboard", res, in.Tags), nil
}
