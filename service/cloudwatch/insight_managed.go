package cloudwatch

import (
	"encoding/json"
	"slices"
	"strings"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// templates are the managed rules that a resource can have: those of endpoint
// services of VPCs.
// https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-contributor-insights.html
func templates(c *cloud.Call, resource string) ([]string, error) {
	a, ok := cloud.ParseARN(resource)
	if !ok || a.Service != "ec2" || !strings.HasPrefix(a.Resource, "vpc-endpoint-service/") || a.Account != c.Account {
		return nil, badValue(resource, "ResourceARN")
	}
	return []string{"VpcEndpointService-NewConnectionsByEndpointId-v1", "VpcEndpointService-BytesByEndpointId-v1",
		"VpcEndpointService-RstPacketsByEndpointId-v1", "VpcEndpointService-ActiveConnectionsByEndpointId-v1"}, nil
}

// managedName is what the rule of a template for a resource is called.
func managedName(template, resource string) string {
	return "Managed-" + template + "-" + resource[strings.LastIndexByte(resource, '/')+1:]
}

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutManagedInsightRules.html
func putManagedInsightRules(c *cloud.Call, tx store.Tx, in *api.PutManagedInsightRulesInput) (*api.PutManagedInsightRulesOutput, error) {
	if len(in.ManagedRules) == 0 {
		return nil, missing("ManagedRules")
	}
	out := &api.PutManagedInsightRulesOutput{Failures: []api.PartialFailure{}}
	for _, m := range in.ManagedRules {
		list, err := templates(c, m.ResourceARN)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(list, m.TemplateName) {
			out.Failures = append(out.Failures, failure(m.TemplateName, "InvalidParameterValue", "400", "The template "+m.TemplateName+" is not offered for "+m.ResourceARN+"."))
			continue
		}
		r := &insightRule{Account: c.Account, Region: c.Region, Name: managedName(m.TemplateName, m.ResourceARN), State: ruleEnabled, Template: m.TemplateName, Resource: m.ResourceARN, Tags: tagMap(m.Tags)}
		if old, ok := insightRules.Get(tx, c.Account, c.Region, r.Name); ok {
			r.Tags = old.Tags
		} else if countRules(c, tx) >= maxRules {
			return nil, tooManyRules()
		}
		b, err := json.Marshal(map[string]string{"TemplateName": m.TemplateName, "ResourceARN": m.ResourceARN})
		if err != nil {
			return nil, err
		}
		r.Definition = string(b)
		insightRules.Put(tx, r)
	}
	return out, nil
}

func listManagedInsightRules(c *cloud.Call, r store.Reader, in *api.ListManagedInsightRulesInput) (*api.ListManagedInsightRulesOutput, error) {
	list, err := templates(c, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	from := 0
	if in.NextToken != nil {
		after, err := readToken(*in.NextToken)
		if err != nil || len(after) != 1 || !slices.Contains(list, after[0]) {
			return nil, errToken
		}
		from = slices.Index(list, after[0]) + 1
	}
	out := &api.ListManagedInsightRulesOutput{ManagedRules: []api.ManagedRuleDescription{}}
	for i, name := range list[from:] {
		if i == int(cloud.Or(in.MaxResults, rulePage)) {
			out.NextToken = new(writeToken(list[from+i-1]))
			break
		}
		d := api.ManagedRuleDescription{TemplateName: &name, ResourceARN: &in.ResourceARN}
		if x, ok := insightRules.Get(r, c.Account, c.Region, managedName(name, in.ResourceARN)); ok {
			d.RuleState = &api.ManagedRuleState{RuleName: x.Name, State: x.State}
		}
		out.ManagedRules = append(out.ManagedRules, d)
	}
	return out, nil
}
