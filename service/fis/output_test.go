package fis_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"pileus/api/cloudwatch"
	api "pileus/api/fis"
	"pileus/api/s3"
	"pileus/node/nodetest"
)

// object reads an object of a bucket; its key begins with a prefix.
func (w *world) object(bucket, prefix string) (key string, content []byte) {
	w.T.Helper()
	list := nodetest.Do(w.World, &s3.ListObjectsV2, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: &prefix})
	if len(list.Contents) != 1 {
		w.T.Fatalf("%d objects under %s", len(list.Contents), prefix)
	}
	out := nodetest.Do(w.World, &s3.GetObject, &s3.GetObjectInput{Bucket: bucket, Key: *list.Contents[0].Key})
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		w.T.Fatal(err)
	}
	return *list.Contents[0].Key, b
}

const lets = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"delivery.logs.amazonaws.com"},"Action":"s3:PutObject","Resource":"arn:aws:s3:::logs/*"}]}`

func TestLogAndReport(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*", "s3:PutObject", "cloudwatch:*")
	nodetest.Do(w.World, &s3.CreateBucket, &s3.CreateBucketInput{Bucket: "logs"})
	nodetest.Do(w.World, &s3.PutBucketPolicy, &s3.PutBucketPolicyInput{Bucket: "logs", Policy: lets})
	nodetest.Do(w.World, &cloudwatch.PutDashboard, &cloudwatch.PutDashboardInput{DashboardName: "board", DashboardBody: `{"widgets":[
		{"type":"metric","x":0,"y":0,"width":6,"height":6,"properties":{"title":"CPU","region":"us-east-1","metrics":[["AWS/EC2","CPUUtilization"]]}},
		{"type":"text","x":0,"y":6,"width":6,"height":6,"properties":{"markdown":"hello"}}]}`})
	i := w.instance("us-east-1a")
	r := w.recipe().aim("one", "aws:ec2:instance", arn("ec2", "instance/"+i)).
		action("stop", "aws:ec2:stop-instances", "startInstancesAfterDuration=PT2M", "Instances>one").action("wait", "aws:fis:wait", "duration=PT1M", "after:stop")
	r.LogConfiguration = &api.CreateExperimentTemplateLogConfigurationInput{LogSchemaVersion: 2, S3Configuration: &api.ExperimentTemplateS3LogConfigurationInput{BucketName: "logs", Prefix: new("l")}}
	r.ExperimentReportConfiguration = &api.CreateExperimentTemplateReportConfigurationInput{
		Outputs:     &api.ExperimentTemplateReportConfigurationOutputsInput{S3Configuration: &api.ReportConfigurationS3OutputInput{BucketName: new("logs"), Prefix: new("r")}},
		DataSources: &api.ExperimentTemplateReportConfigurationDataSourcesInput{CloudWatchDashboards: []api.ReportConfigurationCloudWatchDashboardInput{{DashboardIdentifier: new(arn("cloudwatch", "dashboard/board"))}}},

		PostExperimentDuration: new("PT5M"),
	}
	id := w.start(r)
	w.Advance(4 * minute)
	w.is(id, "completed stop:completed wait:completed")
	w.log(id)

	if e := w.experiment(id); *e.ExperimentReport.State.Status != "pending" {
		t.Errorf("the report is %s already", *e.ExperimentReport.State.Status)
	}
	w.Advance(5 * minute)
	e := w.experiment(id)
	if *e.ExperimentReport.State.Status != "completed" {
		t.Fatalf("the report is %s: %s", *e.ExperimentReport.State.Status, *e.ExperimentReport.State.Reason)
	}
	key, pdf := w.object("logs", "r/")
	if got := *e.ExperimentReport.S3Reports[0].Arn; got != "arn:aws:s3:::logs/"+key {
		t.Errorf("the report is at %s, and said to be at %s", key, got)
	}
	if !bytes.HasPrefix(pdf, []byte("%PDF-")) || !bytes.Contains(pdf, []byte("/Subtype /Image")) {
		t.Errorf("no PDF with a picture: %d bytes", len(pdf))
	}
}

// log compares the log of an experiment.
func (w *world) log(id string) {
	w.T.Helper()
	key, content := w.object("logs", "l/")
	if !strings.HasPrefix(key, "l/AWSLogs/fis/us-east-1/"+id+"/000000000000_awsfislogs_us-east-1_"+id+"_202601010000Z_") {
		w.T.Errorf("the log is at %s", key)
	}
	var types []string
	for _, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		var x struct {
			ID      string         `json:"id"`
			Type    string         `json:"log_type"`
			Version int            `json:"version"`
			Details map[string]any `json:"details"`
		}
		if err := json.Unmarshal([]byte(line), &x); err != nil || x.ID != id || x.Version != 2 || len(x.Details) == 0 {
			w.T.Errorf("%s: %v", line, err)
		}
		types = append(types, x.Type)
	}
	want := "experiment-start target-resolution-start target-resolution-detail target-resolution-end action-start action-end action-start action-end experiment-end"
	if got := strings.Join(types, " "); got != want {
		w.T.Errorf("log: %s\nwant %s", got, want)
	}
}

// TestReportRefused: a bucket that does not let the role write fails the report,
// and not the experiment.
func TestReportRefused(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	nodetest.Do(w.World, &s3.CreateBucket, &s3.CreateBucketInput{Bucket: "logs"})
	r := w.recipe().action("wait", "aws:fis:wait", "duration=PT1M")
	r.LogConfiguration = &api.CreateExperimentTemplateLogConfigurationInput{LogSchemaVersion: 2, S3Configuration: &api.ExperimentTemplateS3LogConfigurationInput{BucketName: "logs"}}
	r.ExperimentReportConfiguration = &api.CreateExperimentTemplateReportConfigurationInput{
		Outputs: &api.ExperimentTemplateReportConfigurationOutputsInput{S3Configuration: &api.ReportConfigurationS3OutputInput{BucketName: new("logs")}},
	}
	id := w.start(r)
	w.Advance(minute)
	w.Advance(20 * minute)
	e := w.experiment(id)
	if *e.State.Status != "completed" || !strings.Contains(*e.State.Reason, "The log could not be delivered: AccessDenied") {
		t.Errorf("the experiment is %s: %s", *e.State.Status, *e.State.Reason)
	}
	if s := e.ExperimentReport.State; *s.Status != "failed" || *s.Error.Code != "AccessDenied" {
		t.Errorf("the report is %s: %s", *s.Status, *s.Reason)
	}
}
