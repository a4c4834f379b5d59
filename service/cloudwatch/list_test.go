package cloudwatch

import (
	"fmt"
	"slices"
	"testing"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

// TestListMetricsPages lists more metrics than fit on a page, each once, and by
// the account that owns them.
func TestListMetricsPages(t *testing.T) {
	w := nodetest.New(t, Module())
	for _, name := range []string{"a", "b"} {
		in := &api.PutMetricDataInput{Namespace: ns}
		for i := range 400 {
			in.MetricData = append(in.MetricData, api.MetricDatum{MetricName: name, Value: new(1.0), Dimensions: dims("Id", fmt.Sprint(i))})
		}
		nodetest.Do(w, &api.PutMetricData, in)
	}
	seen := map[string]bool{}
	in := &api.ListMetricsInput{Namespace: new(ns), IncludeLinkedAccounts: new(true)}
	var pages []int
	for {
		out := nodetest.Do(w, &api.ListMetrics, in)
		pages = append(pages, len(out.Metrics))
		for i, m := range out.Metrics {
			seen[*m.MetricName+m.Dimensions[0].Value] = true
			if out.OwningAccounts[i] != nodetest.Account {
				t.Fatalf("owned by %s", out.OwningAccounts[i])
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if len(seen) != 800 || !slices.Equal(pages, []int{metricPage, 300}) {
		t.Errorf("%d metrics on pages of %v", len(seen), pages)
	}
	if list := nodetest.Do(w, &api.ListMetrics, &api.ListMetricsInput{OwningAccount: new("999999999999"), IncludeLinkedAccounts: new(true)}).Metrics; len(list) != 0 {
		t.Errorf("another account's: %d", len(list))
	}
	if list := nodetest.Do(w, &api.ListMetrics, &api.ListMetricsInput{OwningAccount: new(nodetest.Account)}); len(list.Metrics) != metricPage || list.OwningAccounts != nil {
		t.Errorf("own: %d, %v", len(list.Metrics), list.OwningAccounts)
	}
}
