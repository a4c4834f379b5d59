package cloudwatch

import (
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

func TestEnrichmentKeepsItsFilters(t *testing.T) {
	w := nodetest.New(t, Module())
	get := func() *api.GetOTelEnrichmentOutput {
		return nodetest.Do(w, &api.GetOTelEnrichment, &api.GetOTelEnrichmentInput{})
	}
	if _, err := nodetest.Try(w, &api.UpdateOTelEnrichment, &api.UpdateOTelEnrichmentInput{}); !api.ErrResourceNotFoundException.Is(err) {
		t.Errorf("updated before it runs: %v", err)
	}
	ec2 := []api.OTelEnrichmentMetricSelector{{Namespace: "AWS/EC2", MetricNames: []string{"CPUUtilization"}}}
	nodetest.Do(w, &api.StartOTelEnrichment, &api.StartOTelEnrichmentInput{IncludeFilters: ec2})
	w.Advance(time.Hour)
	nodetest.Do(w, &api.UpdateOTelEnrichment, &api.UpdateOTelEnrichmentInput{ExcludeFilters: ec2})
	if e := get(); e.Status != "Running" || len(e.IncludeFilters) != 0 || e.ExcludeFilters[0].MetricNames[0] != "CPUUtilization" || e.UpdatedAt.Sub(*e.CreatedAt) != time.Hour {
		t.Errorf("%+v", e)
	}
	nodetest.Do(w, &api.StopOTelEnrichment, &api.StopOTelEnrichmentInput{})
	if e := get(); e.Status != "Stopped" || e.CreatedAt != nil || len(e.ExcludeFilters) != 0 {
		t.Errorf("%+v", e)
	}
}
