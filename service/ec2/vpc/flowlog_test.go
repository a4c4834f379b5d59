package vpc_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	api "pileus/api/ec2"
	apis3 "pileus/api/s3"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// flowing is the simulated plane with flows that the test makes up.
type flowing struct {
	*sim.Plane
	flows chan plane.Flow
	taken chan struct{}
}

// Flows implements plane.Network.
func (p *flowing) Flows(ctx context.Context, _ string) (iter.Seq[plane.Flow], error) {
	return func(yield func(plane.Flow) bool) {
		for {
			select {
			case f := <-p.flows:
				ok := yield(f)
				p.taken <- struct{}{}
				if !ok {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}, nil
}

func (p *flowing) pass(f plane.Flow) {
	p.flows <- f
	<-p.taken
}

// lines reads all that flow logs have written below a bucket, and the keys.
func (w *world) lines(bucket string) (lines, keys []string) {
	w.T.Helper()
	list := nodetest.Do(w.World, &apis3.ListObjectsV2, &apis3.ListObjectsV2Input{Bucket: bucket})
	for _, o := range list.Contents {
		keys = append(keys, *o.Key)
		out := nodetest.Do(w.World, &apis3.GetObject, &apis3.GetObjectInput{Bucket: bucket, Key: *o.Key})
		z, err := gzip.NewReader(out.Body)
		if err != nil {
			w.T.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			w.T.Fatal(err)
		}
		lines = append(lines, strings.Split(strings.TrimSpace(string(text)), "\n")...)
	}
	return lines, keys
}

func TestFlowLogs(t *testing.T) {
	p := &flowing{Plane: sim.New(""), flows: make(chan plane.Flow), taken: make(chan struct{})}
	w := newWorldOver(t, p.Plane, p)
	nodetest.Do(w.World, &apis3.CreateBucket, &apis3.CreateBucketInput{Bucket: "flows"})
	v := w.vpc("10.0.0.0/16")
	subnet := w.subnet(v, "10.0.1.0/24", "us-east-1a")
	busy, idle := w.nic(subnet), w.nic(subnet)
	in := &api.CreateFlowLogsInput{
		ResourceIds: []string{v}, ResourceType: "VPC", TrafficType: new("ALL"), LogDestinationType: new("s3"), LogDestination: new("arn:aws:s3:::flows/net"),
		MaxAggregationInterval: new(int32(60)), LogFormat: new("${version} ${interface-id} ${srcaddr} ${dstport} ${packets} ${bytes} ${action} ${flow-direction} ${vpc-id} ${log-status}"),
	}
	made := nodetest.Do(w.World, &api.CreateFlowLogs, in)
	if len(made.FlowLogIds) != 1 {
		t.Fatalf("%+v", made)
	}
	if again := nodetest.Do(w.World, &api.CreateFlowLogs, in); len(again.Unsuccessful) != 1 || *again.Unsuccessful[0].Error.Code != "FlowLogAlreadyExists" {
		t.Errorf("the same again: %+v", again)
	}
	if !w.applied(v).FlowLogs {
		t.Error("the data plane was not asked to record flows")
	}
	at := w.Now()
	flow := func(after time.Duration, port uint16, accepted bool) plane.Flow {
		return plane.Flow{
			Interface: busy, Source: netip.MustParseAddr("10.0.9.9"), Destination: netip.MustParseAddr("10.0.1.4"), SourcePort: 40000, DestPort: port,
			Protocol: 6, Packets: 2, Bytes: 100, Start: at.Add(after - time.Second), End: at.Add(after), Accepted: accepted, Ingress: true,
		}
	}
	p.pass(flow(10*time.Second, 80, true))
	p.pass(flow(20*time.Second, 80, true))
	p.pass(flow(70*time.Second, 22, false))
	w.Advance(5*time.Minute + time.Minute)
	lines, keys := w.lines("flows")
	if len(keys) != 1 || !strings.HasPrefix(keys[0], "net/AWSLogs/000000000000/vpcflowlogs/us-east-1/2026/01/01/000000000000_vpcflowlogs_us-east-1_"+made.FlowLogIds[0]+"_20260101T0005Z_") || !strings.HasSuffix(keys[0], ".log.gz") {
		t.Errorf("keys: %q", keys)
	}
	count := map[string]int{}
	for _, l := range lines {
		count[l]++
	}
	for want, n := range map[string]int{
		"version interface-id srcaddr dstport packets bytes action flow-direction vpc-id log-status": 1,
		"5 " + busy + " 10.0.9.9 80 4 200 ACCEPT ingress " + v + " OK":                               1,
		"5 " + busy + " 10.0.9.9 22 2 100 REJECT ingress " + v + " OK":                               1,
		"5 " + busy + " - - - - - - " + v + " NODATA":                                                3,
		"5 " + idle + " - - - - - - " + v + " NODATA":                                                5,
	} {
		if count[want] != n {
			t.Errorf("%q is there %d times, want %d", want, count[want], n)
		}
	}
	if t.Failed() {
		t.Logf("lines:\n%s", strings.Join(lines, "\n"))
	}
	w.integrates(made.FlowLogIds[0])
	nodetest.Do(w.World, &api.DeleteFlowLogs, &api.DeleteFlowLogsInput{FlowLogIds: made.FlowLogIds})
	if w.applied(v).FlowLogs {
		t.Error("the data plane still records flows")
	}
}

func TestFlowLogRequests(t *testing.T) {
	w := servedWorld(t)
	v := w.vpc("10.0.0.0/16")
	good := func() *api.CreateFlowLogsInput {
		return &api.CreateFlowLogsInput{ResourceIds: []string{v}, ResourceType: "VPC", TrafficType: new("REJECT"), LogDestinationType: new("s3"), LogDestination: new("arn:aws:s3:::flows")}
	}
	for name, tt := range map[string]struct {
		edit func(*api.CreateFlowLogsInput)
		code string
	}{
		"CloudWatch":       {func(in *api.CreateFlowLogsInput) { in.LogDestinationType = nil }, "UnsupportedOperation"},
		"an odd interval":  {func(in *api.CreateFlowLogsInput) { in.MaxAggregationInterval = new(int32(61)) }, "InvalidParameter"},
		"an unknown field": {func(in *api.CreateFlowLogsInput) { in.LogFormat = new("${nothing}") }, "InvalidParameter"},
		"no traffic type":  {func(in *api.CreateFlowLogsInput) { in.TrafficType = nil }, "MissingParameter"},
		"no bucket":        {func(in *api.CreateFlowLogsInput) { in.LogDestination = new("flows") }, "InvalidParameter"},
	} {
		in := good()
		tt.edit(in)
		_, err := nodetest.Try(w.World, &api.CreateFlowLogs, in)
		t.Log(name)
		wantCode(t, err, tt.code)
	}
	out := nodetest.Do(w.World, &api.CreateFlowLogs, good())
	if len(out.Unsuccessful) != 1 || *out.Unsuccessful[0].Error.Message != "LogDestination: flows does not exist" {
		t.Errorf("to a bucket that is not there: %+v", out.Unsuccessful)
	}
	// Who may not change the bucket's policy cannot have logs written to it.
	nodetest.Do(w.World, &apis3.CreateBucket, &apis3.CreateBucketInput{Bucket: "flows"})
	user := w.User("networks", nodetest.Allow("ec2:*"))
	got, err := api.CreateFlowLogs.Call(w.As(user), good())
	if err != nil || len(got.Unsuccessful) != 1 || !strings.HasPrefix(*got.Unsuccessful[0].Error.Message, "Access Denied for LogDestination: flows") {
		t.Errorf("without permission: %+v, %v", got, err)
	}
}

// integrates has a template for Athena written, by those who may.
func (w *world) integrates(id string) {
	w.T.Helper()
	in := &api.GetFlowLogsIntegrationTemplateInput{FlowLogId: id, ConfigDeliveryS3DestinationArn: "arn:aws:s3:::flows/templates", IntegrateServices: api.IntegrateServices{
		AthenaIntegrations: []api.AthenaIntegration{{IntegrationResultS3DestinationArn: "arn:aws:s3:::flows/answers/", PartitionLoadFrequency: "none"}},
	}}
	op := &api.GetFlowLogsIntegrationTemplate
	_, err := op.Call(w.As(w.User("other", nodetest.Allow("ec2:DescribeFlowLogs", "s3:PutObject"))), in)
	wantCode(w.T, err, "UnauthorizedOperation")
	_, err = op.Call(w.As(w.User("poor", nodetest.Allow("ec2:GetFlowLogsIntegrationTemplate"))), in)
	wantCode(w.T, err, "AccessDenied")
	out, err := op.Call(w.As(w.User("able", nodetest.Allow("ec2:GetFlowLogsIntegrationTemplate", "s3:PutObject"))), in)
	if err != nil {
		w.T.Fatal(err)
	}
	// From outside as well, where the request has a body of its own, which is not the file's.
	sent, err := ec2.NewFromConfig(w.Config()).GetFlowLogsIntegrationTemplate(w.T.Context(), &ec2.GetFlowLogsIntegrationTemplateInput{
		FlowLogId: &id, ConfigDeliveryS3DestinationArn: &in.ConfigDeliveryS3DestinationArn,
		IntegrateServices: &types.IntegrateServices{AthenaIntegrations: []types.AthenaIntegration{{IntegrationResultS3DestinationArn: new("arn:aws:s3:::flows/answers/"), PartitionLoadFrequency: types.PartitionLoadFrequencyNone}}},
	})
	if err != nil || *sent.Result != *out.Result {
		w.T.Errorf("sent by a client: %+v, %v", sent, err)
	}
	key, ok := strings.CutPrefix(*out.Result, "https://flows.s3.us-east-1.amazonaws.com/")
	got := nodetest.Do(w.World, &apis3.GetObject, &apis3.GetObjectInput{Bucket: "flows", Key: key})
	b, err := io.ReadAll(got.Body)
	var form struct {
		Resources map[string]struct{ Type string }
	}
	if err = errors.Join(err, json.Unmarshal(b, &form)); err != nil || !ok {
		w.T.Fatalf("%s: %v", *out.Result, err)
	}
	if form.Resources["Table"].Type != "AWS::Glue::Table" || form.Resources["Rejected"].Type == "" || !strings.Contains(string(b), "s3://flows/net/AWSLogs/000000000000/vpcflowlogs/us-east-1/${day}") || !strings.Contains(string(b), "flow_direction") {
		w.T.Errorf("%s", b)
	}
	in.FlowLogId = "fl-0123456789abcdef0"
	_, err = nodetest.Try(w.World, op, in)
	wantCode(w.T, err, "InvalidFlowLogId.NotFound")
}
