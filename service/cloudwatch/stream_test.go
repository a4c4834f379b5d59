package cloudwatch

import (
	"testing"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

func TestMetricStreams(t *testing.T) {
	w := nodetest.New(t, Module())
	in := stream("s")
	in.IncludeFilters = []api.MetricStreamFilter{{Namespace: new("AWS/EC2"), MetricNames: []string{"CPUUtilization"}}}
	in.StatisticsConfigurations = []api.MetricStreamStatisticsConfiguration{{IncludeMetrics: []api.MetricStreamStatisticsMetric{{Namespace: "AWS/EC2", MetricName: "CPUUtilization"}}, AdditionalStatistics: []string{"p99", "TM(10%:90%)"}}}
	in.Tags = []api.Tag{{Key: "k", Value: "v"}}
	arn := nodetest.Do(w, &api.PutMetricStream, in).Arn
	if *arn != "arn:aws:cloudwatch:us-east-1:000000000000:metric-stream/s" {
		t.Errorf("ARN %s", *arn)
	}
	state := func() string {
		return *nodetest.Do(w, &api.GetMetricStream, &api.GetMetricStreamInput{Name: "s"}).State
	}
	if got := state(); got != "running" {
		t.Errorf("a new stream is %s", got)
	}
	nodetest.Do(w, &api.StopMetricStreams, &api.StopMetricStreamsInput{Names: []string{"s"}})
	in.OutputFormat, in.StatisticsConfigurations = "opentelemetry1.0", nil
	nodetest.Do(w, &api.PutMetricStream, in)
	if got := state(); got != "stopped" {
		t.Errorf("a stopped stream that was changed is %s", got)
	}
	nodetest.Do(w, &api.StartMetricStreams, &api.StartMetricStreamsInput{Names: []string{"s"}})
	if list := nodetest.Do(w, &api.ListMetricStreams, &api.ListMetricStreamsInput{}).Entries; len(list) != 1 || *list[0].State != "running" || *list[0].OutputFormat != "opentelemetry1.0" {
		t.Errorf("list %+v", list)
	}
	if tags := nodetest.Do(w, &api.ListTagsForResource, &api.ListTagsForResourceInput{ResourceARN: *arn}).Tags; len(tags) != 1 {
		t.Errorf("tags %+v", tags)
	}
	for name, change := range map[string]func(*api.PutMetricStreamInput){
		"both filters": func(in *api.PutMetricStreamInput) { in.ExcludeFilters = in.IncludeFilters },
		"no Firehose":  func(in *api.PutMetricStreamInput) { in.FirehoseArn = "arn:aws:s3:::b" },
		"no role":      func(in *api.PutMetricStreamInput) { in.RoleArn = "r" },
		"statistic": func(in *api.PutMetricStreamInput) {
			in.StatisticsConfigurations = []api.MetricStreamStatisticsConfiguration{{IncludeMetrics: []api.MetricStreamStatisticsMetric{{Namespace: "n", MetricName: "m"}}, AdditionalStatistics: []string{"TM(10%:90%)"}}}
		},
	} {
		bad := *in
		change(&bad)
		if _, err := nodetest.Try(w, &api.PutMetricStream, &bad); err == nil {
			t.Errorf("%s: is accepted", name)
		}
	}
	nodetest.Do(w, &api.DeleteMetricStream, &api.DeleteMetricStreamInput{Name: "s"})
	if _, err := nodetest.Try(w, &api.GetMetricStream, &api.GetMetricStreamInput{Name: "s"}); err == nil {
		t.Error("a stream that was deleted is there")
	}
}

func TestOTelEnrichment(t *testing.T) {
	w := nodetest.New(t, Module())
	status := func() string { return nodetest.Do(w, &api.GetOTelEnrichment, &api.GetOTelEnrichmentInput{}).Status }
	if got := status(); got != "Stopped" {
		t.Errorf("at first %s", got)
	}
	nodetest.Do(w, &api.StartOTelEnrichment, &api.StartOTelEnrichmentInput{})
	if got := status(); got != "Running" {
		t.Errorf("started %s", got)
	}
	nodetest.Do(w, &api.StopOTelEnrichment, &api.StopOTelEnrichmentInput{})
	if got := status(); got != "Stopped" {
		t.Errorf("stopped %s", got)
	}
}

func TestEntityMetricData(t *testing.T) {
	w := nodetest.New(t, Module())
	put := func(strict bool, key map[string]string) error {
		_, err := nodetest.Try(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, StrictEntityValidation: &strict,
			EntityMetricData: []api.EntityMetricData{{Entity: &api.Entity{KeyAttributes: key}, MetricData: []api.MetricDatum{{MetricName: "of", Value: new(1.0)}}}}})
		return err
	}
	good, bad := map[string]string{"Type": "Service", "Name": "shop", "Environment": "prod"}, map[string]string{"Color": "red", "Name": "shop"}
	if err := put(true, good); err != nil {
		t.Error(err)
	}
	if err := put(false, bad); err != nil {
		t.Errorf("not strict: %v", err)
	}
	if put(true, bad) == nil {
		t.Error("strict, a wrong entity is accepted")
	}
	points := statistics(w, "of", w.Now().Add(-60e9), w.Now().Add(60e9), 60, "Sum")
	if len(points) != 1 || *points[0].Sum != 2 {
		t.Errorf("points %+v", points)
	}
}
