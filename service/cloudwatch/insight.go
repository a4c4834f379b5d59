package cloudwatch

import (
	"slices"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutInsightRule.html
const (
	ruleEnabled  = "ENABLED"
	ruleDisabled = "DISABLED"
	maxRules     = 100
	rulePage     = 500
)

// insightRule is a Contributor Insights rule. It would read log events, which there
// are none of, so all that it has is its definition.
type insightRule struct {
	Account, Region, Name, State, Definition string
	Transformed                              bool // ApplyOnTransformedLogs
	// Template and Resource are those of a managed rule.
	Template, Resource string
	Tags               map[string]string
}

var insightRules = &store.Table[insightRule]{Name: "cloudwatch.rule", Key: func(r *insightRule) store.Key { return store.K(r.Account, r.Region, r.Name) }}

func ruleARN(c *cloud.Call, name string) string { return c.ARN("cloudwatch", "insight-rule/"+name) }

func putInsightRule(c *cloud.Call, tx store.Tx, in *api.PutInsightRuleInput) (*api.PutInsightRuleOutput, error) {
	state := cloud.Or(in.RuleState, ruleEnabled)
	if state != ruleEnabled && state != ruleDisabled {
		return nil, badValue(state, "RuleState")
	}
	if _, err := parseDefinition(in.RuleDefinition); err != nil {
		return nil, err
	}
	old, ok := insightRules.Get(tx, c.Account, c.Region, in.RuleName)
	if ok && old.Template != "" {
		return nil, invalid("The rule %s is a managed rule and cannot be changed with PutInsightRule.", in.RuleName)
	}
	if !ok && countRules(c, tx) >= maxRules {
		return nil, tooManyRules()
	}
	r := &insightRule{Account: c.Account, Region: c.Region, Name: in.RuleName, State: state, Definition: in.RuleDefinition, Transformed: cloud.Or(in.ApplyOnTransformedLogs, false), Tags: tagMap(in.Tags)}
	if ok {
		r.Tags = old.Tags
	}
	insightRules.Put(tx, r)
	return &api.PutInsightRuleOutput{}, nil
}

func countRules(c *cloud.Call, r store.Reader) (n int) {
	for range insightRules.Scan(r, c.Account, c.Region) {
		n++
	}
	return n
}

func tooManyRules() error {
	return api.ErrLimitExceeded.New("You have reached the limit of %d Contributor Insights insightRules.", maxRules)
}

func describeInsightRules(c *cloud.Call, r store.Reader, in *api.DescribeInsightRulesInput) (*api.DescribeInsightRulesOutput, error) {
	page, next, ok := insightRules.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), int(cloud.Or(in.MaxResults, rulePage)), nil)
	if !ok {
		return nil, errToken
	}
	out := &api.DescribeInsightRulesOutput{InsightRules: []api.InsightRule{}}
	for _, x := range page {
		out.InsightRules = append(out.InsightRules, x.describe())
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}

// describe tells of a rule, its schema as AWS writes it: by name and version.
func (r *insightRule) describe() api.InsightRule {
	d := api.InsightRule{Name: r.Name, State: r.State, Schema: "CloudWatchLogRule/1", Definition: r.Definition, ManagedRule: new(r.Template != "")}
	if r.Template != "" {
		d.Schema = "ServiceLogRule/1"
	}
	if r.Transformed {
		d.ApplyOnTransformedLogs = &r.Transformed
	}
	return d
}

func enableInsightRules(c *cloud.Call, tx store.Tx, in *api.EnableInsightRulesInput) (*api.EnableInsightRulesOutput, error) {
	return &api.EnableInsightRulesOutput{Failures: eachRule(c, tx, in.RuleNames, func(r *insightRule) { r.State = ruleEnabled; insightRules.Put(tx, r) })}, nil
}

func disableInsightRules(c *cloud.Call, tx store.Tx, in *api.DisableInsightRulesInput) (*api.DisableInsightRulesOutput, error) {
	return &api.DisableInsightRulesOutput{Failures: eachRule(c, tx, in.RuleNames, func(r *insightRule) { r.State = ruleDisabled; insightRules.Put(tx, r) })}, nil
}

func deleteInsightRules(c *cloud.Call, tx store.Tx, in *api.DeleteInsightRulesInput) (*api.DeleteInsightRulesOutput, error) {
	return &api.DeleteInsightRulesOutput{Failures: eachRule(c, tx, in.RuleNames, func(r *insightRule) { insightRules.Delete(tx, c.Account, c.Region, r.Name) })}, nil
}

// eachRule does something with rules, and tells which of them are not there.
func eachRule(c *cloud.Call, r store.Reader, names []string, f func(*insightRule)) (failures []api.PartialFailure) {
	failures = []api.PartialFailure{}
	for _, name := range names {
		if x, ok := insightRules.Get(r, c.Account, c.Region, name); ok {
			f(x)
		} else {
			failures = append(failures, failure(name, "ResourceNotFoundException", "404", "The rule "+name+" does not exist."))
		}
	}
	return failures
}

func failure(resource, kind, code, text string) api.PartialFailure {
	return api.PartialFailure{FailureResource: &resource, ExceptionType: &kind, FailureCode: &code, FailureDescription: &text}
}

// maxContributors is how many contributors a report can have.
const maxContributors = 100

// reportMetrics are what a rule says of all of its contributors.
func reportMetrics() []string {
	return []string{"UniqueContributors", "MaxContributorValue", "SampleCount", "Sum", "Minimum", "Maximum", "Average"}
}

// getInsightRuleReport reports on a rule. There being no log events, no
// contributors come up.
func getInsightRuleReport(c *cloud.Call, r store.Reader, in *api.GetInsightRuleReportInput) (*api.GetInsightRuleReportOutput, error) {
	x, ok := insightRules.Get(r, c.Account, c.Region, in.RuleName)
	switch {
	case !ok:
		return nil, api.ErrResourceNotFoundException.New("The rule %s does not exist.", in.RuleName)
	case !in.StartTime.Before(in.EndTime):
		return nil, errReversed
	case in.Period%60 != 0:
		return nil, invalid("The parameter Period must be a multiple of 60.")
	}
	if n := cloud.Or(in.MaxContributorCount, 10); n < 1 || n > maxContributors {
		return nil, invalid("The parameter MaxContributorCount must be between 1 and %d.", maxContributors)
	}
	for _, name := range in.Metrics {
		if !slices.Contains(reportMetrics(), name) {
			return nil, badValue(name, "Metrics")
		}
	}
	if by := cloud.Or(in.OrderBy, "Sum"); by != "Sum" && by != "Maximum" {
		return nil, badValue(by, "OrderBy")
	}
	out := &api.GetInsightRuleReportOutput{KeyLabels: []string{}, AggregationStatistic: new("COUNT"), AggregateValue: new(0.0), ApproximateUniqueCount: new(int64(0)),
		Contributors: []api.InsightRuleContributor{}, MetricDatapoints: []api.InsightRuleMetricDatapoint{}}
	if d, err := parseDefinition(x.Definition); err == nil {
		out.KeyLabels = d.Contribution.Keys
		if d.AggregateOn == "Sum" {
			out.AggregationStatistic = new("SUM")
		}
	}
	return out, nil
}
