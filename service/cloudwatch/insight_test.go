package cloudwatch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/node/nodetest"
)

const (
	ruleText        = `{"Schema":{"Name":"CloudWatchLogRule","Version":1},"LogGroupNames":["API-Gateway-Access-Logs*"],"LogFormat":"JSON","Contribution":{"Keys":["$.ip"],"ValueOf":"$.requestBytes","Filters":[{"Match":"$.httpMethod","In":["PUT"]}]},"AggregateOn":"Sum"}`
	endpointService = "arn:aws:ec2:" + nodetest.Region + ":" + nodetest.Account + ":vpc-endpoint-service/vpce-svc-1"
)

func TestInsightRules(t *testing.T) {
	w := nodetest.New(t, Module())
	for _, name := range []string{"b", "a"} {
		nodetest.Do(w, &api.PutInsightRule, &api.PutInsightRuleInput{RuleName: name, RuleDefinition: ruleText, Tags: []api.Tag{{Key: "k", Value: name}}})
	}
	out := nodetest.Do(w, &api.DisableInsightRules, &api.DisableInsightRulesInput{RuleNames: []string{"a", "nowhere"}})
	if len(out.Failures) != 1 || *out.Failures[0].FailureResource != "nowhere" || *out.Failures[0].ExceptionType != "ResourceNotFoundException" {
		t.Errorf("failures %+v", out.Failures)
	}
	page := nodetest.Do(w, &api.DescribeInsightRules, &api.DescribeInsightRulesInput{MaxResults: new(int32(1))})
	if len(page.InsightRules) != 1 || page.InsightRules[0].Name != "a" || page.InsightRules[0].State != "DISABLED" || page.InsightRules[0].Schema != "CloudWatchLogRule/1" || page.InsightRules[0].Definition != ruleText || page.NextToken == nil {
		t.Fatalf("rules %+v", page)
	}
	page = nodetest.Do(w, &api.DescribeInsightRules, &api.DescribeInsightRulesInput{NextToken: page.NextToken})
	if len(page.InsightRules) != 1 || page.InsightRules[0].Name != "b" || page.InsightRules[0].State != "ENABLED" || page.NextToken != nil {
		t.Errorf("second page %+v", page)
	}
	arn := "arn:aws:cloudwatch:" + nodetest.Region + ":" + nodetest.Account + ":insight-rule/b"
	nodetest.Do(w, &api.TagResource, &api.TagResourceInput{ResourceARN: arn, Tags: []api.Tag{{Key: "l", Value: "2"}}})
	if tags := nodetest.Do(w, &api.ListTagsForResource, &api.ListTagsForResourceInput{ResourceARN: arn}).Tags; !slices.Equal(tags, []api.Tag{{Key: "k", Value: "b"}, {Key: "l", Value: "2"}}) {
		t.Errorf("tags %+v", tags)
	}
	report := nodetest.Do(w, &api.GetInsightRuleReport, &api.GetInsightRuleReportInput{RuleName: "b", StartTime: w.Now(), EndTime: w.Now().Add(time.Hour), Period: 60, Metrics: []string{"Sum"}})
	if !slices.Equal(report.KeyLabels, []string{"$.ip"}) || *report.AggregationStatistic != "SUM" || len(report.Contributors) != 0 {
		t.Errorf("report %+v", report)
	}
	if got := spell(w, nodetest.Do(w, &api.GetMetricData, ask(w, formula("e", "FILL(INSIGHT_RULE_METRIC('b', 'UniqueContributors'), 0)"))).MetricDataResults); got != "e[0=0 1=0 2=0 3=0 4=0]" {
		t.Errorf("INSIGHT_RULE_METRIC: %s", got)
	}
	nodetest.Do(w, &api.DeleteInsightRules, &api.DeleteInsightRulesInput{RuleNames: []string{"a", "b"}})
	if list := nodetest.Do(w, &api.DescribeInsightRules, &api.DescribeInsightRulesInput{}).InsightRules; len(list) != 0 {
		t.Errorf("left %+v", list)
	}
	if _, err := nodetest.Try(w, &api.GetInsightRuleReport, &api.GetInsightRuleReportInput{RuleName: "b", StartTime: w.Now(), EndTime: w.Now().Add(time.Hour), Period: 60}); !api.ErrResourceNotFoundException.Is(err) {
		t.Errorf("report of nothing: %v", err)
	}
}

func TestInsightRuleDefinitions(t *testing.T) {
	w := nodetest.New(t, Module())
	put := func(text string) error {
		_, err := nodetest.Try(w, &api.PutInsightRule, &api.PutInsightRuleInput{RuleName: "r", RuleDefinition: text})
		return err
	}
	change := func(from, to string) string { return strings.Replace(ruleText, from, to, 1) }
	for _, text := range []string{
		change(`"In":["PUT"]`, `"StartsWith":["P"]`), change(`"In":["PUT"]`, `"EqualTo":200`), change(`"In":["PUT"]`, `"IsPresent":false`),
		change(`"$.ip"`, `"$.users[1].name","$.a"`), change(`"LogGroupNames"`, `"LogGroupARNs"`),
		`{"Schema":{"Name":"CloudWatchLogRule","Version":1},"LogGroupNames":["a"],"LogFormat":"CLF","Fields":{"4":"IpAddress"},"Contribution":{"Keys":["IpAddress","7"]},"AggregateOn":"Count"}`,
	} {
		if err := put(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		"no", "{}", ruleText + "{}", change(`"Version":1`, `"Version":2`), change(`"JSON"`, `"XML"`), change(`"Sum"`, `"Max"`), change(`"Sum"`, `"Count"`), change(`"ValueOf":"$.requestBytes",`, ""),
		change(`["$.ip"]`, `[]`), change(`["$.ip"]`, `["$.a","$.b","$.c","$.d","$.e"]`), change(`"$.ip"`, `"ip"`), change(`"Match":"$.httpMethod",`, ""), change(`"In":["PUT"]`, `"In":[]`),
		change(`"In":["PUT"]`, `"EqualTo":"x"`), change(`"In":["PUT"]`, `"IsPresent":1`), change(`"In":["PUT"]`, `"Like":["x"]`), change(`"LogGroupNames":["API-Gateway-Access-Logs*"],`, ""), change(`"LogFormat"`, `"Colour":1,"LogFormat"`),
	} {
		if err := put(text); !api.ErrInvalidParameterValue.Is(err) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for i := range maxRules - 1 {
		nodetest.Do(w, &api.PutInsightRule, &api.PutInsightRuleInput{RuleName: fmt.Sprint("many-", i), RuleDefinition: ruleText})
	}
	if _, err := nodetest.Try(w, &api.PutInsightRule, &api.PutInsightRuleInput{RuleName: "beyond", RuleDefinition: ruleText}); !api.ErrLimitExceeded.Is(err) {
		t.Errorf("a rule too many: %v", err)
	}
	if err := put(ruleText); err != nil {
		t.Errorf("a rule that is there cannot be changed: %v", err)
	}
}

func TestManagedInsightRules(t *testing.T) {
	w := nodetest.New(t, Module())
	list := func(token *string) *api.ListManagedInsightRulesOutput {
		return nodetest.Do(w, &api.ListManagedInsightRules, &api.ListManagedInsightRulesInput{ResourceARN: endpointService, MaxResults: new(int32(3)), NextToken: token})
	}
	page := list(nil)
	if len(page.ManagedRules) != 3 || page.ManagedRules[1].RuleState != nil || page.NextToken == nil || len(list(page.NextToken).ManagedRules) != 1 {
		t.Fatalf("templates %+v", page)
	}
	out := nodetest.Do(w, &api.PutManagedInsightRules, &api.PutManagedInsightRulesInput{ManagedRules: []api.ManagedRule{
		{TemplateName: *page.ManagedRules[1].TemplateName, ResourceARN: endpointService}, {TemplateName: "Nothing-v1", ResourceARN: endpointService}}})
	if len(out.Failures) != 1 || *out.Failures[0].FailureResource != "Nothing-v1" {
		t.Errorf("failures %+v", out.Failures)
	}
	state := list(nil).ManagedRules[1].RuleState
	if state == nil || state.State != "ENABLED" {
		t.Fatalf("state %+v", state)
	}
	if d := nodetest.Do(w, &api.DescribeInsightRules, &api.DescribeInsightRulesInput{}).InsightRules; len(d) != 1 || !*d[0].ManagedRule || d[0].Schema != "ServiceLogRule/1" {
		t.Errorf("described as %+v", d)
	}
	if _, err := nodetest.Try(w, &api.PutInsightRule, &api.PutInsightRuleInput{RuleName: state.RuleName, RuleDefinition: ruleText}); err == nil {
		t.Error("a managed rule can be changed")
	}
	for _, arn := range []string{"nonsense", "arn:aws:s3:::b"} {
		_, err := nodetest.Try(w, &api.ListManagedInsightRules, &api.ListManagedInsightRulesInput{ResourceARN: arn})
		if e, ok := err.(*cloud.Error); !ok || e.Code != "InvalidParameterValue" {
			t.Errorf("%s: %v", arn, err)
		}
	}
}
