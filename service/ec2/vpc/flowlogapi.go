package vpc

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	apis3 "pileus/api/s3"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxFlowLogs = 2 // of a resource

func noFlowLog(id string) *cloud.Error {
	return resource.Errorf("InvalidFlowLogId.NotFound", "The specified flow log id '%s' does not exist", id)
}

func createFlowLogs(c *cloud.Call, tx store.Tx, in *api.CreateFlowLogsInput) (*api.CreateFlowLogsOutput, error) {
	return resource.Once(c, tx, "CreateFlowLogs", in.ClientToken, in, func() (*api.CreateFlowLogsOutput, error) {
		tags, err := tagsFor(in.TagSpecifications, "vpc-flow-log")
		if err != nil {
			return nil, err
		}
		model, err := newFlowLog(c, in)
		if err != nil {
			return nil, err
		}
		out := &api.CreateFlowLogsOutput{ClientToken: in.ClientToken, FlowLogIds: []string{}, Unsuccessful: []api.UnsuccessfulItem{}}
		for _, id := range in.ResourceIds {
			l, err := model.on(c, tx, id, tags)
			var e *cloud.Error
			switch {
			case errors.As(err, &e):
				out.Unsuccessful = append(out.Unsuccessful, api.UnsuccessfulItem{ResourceId: &id, Error: &api.UnsuccessfulItemError{Code: &e.Code, Message: &e.Message}})
			case err != nil:
				return nil, err
			default:
				out.FlowLogIds = append(out.FlowLogIds, l.ID)
			}
		}
		return out, nil
	})
}

// newFlowLog is what a request asks for, without the resource.
func newFlowLog(c *cloud.Call, in *api.CreateFlowLogsInput) (*FlowLog, error) {
	if d := in.DestinationOptions; d != nil && cloud.Or(d.FileFormat, "plain-text") != "plain-text" {
		return nil, resource.Unsupported("Flow logs are written as plain text only in this cloud.")
	}
	if to := cloud.Or(in.LogDestinationType, "cloud-watch-logs"); to != "s3" {
		return nil, resource.Unsupported("Flow logs cannot be delivered to %s in this cloud. Use LogDestinationType s3.", to)
	}
	if !strings.HasPrefix(val(in.LogDestination), "arn:aws:s3:::") {
		return nil, resource.Errorf("InvalidParameter", "LogDestination should be a valid ARN of an S3 bucket.")
	}
	if in.DeliverLogsPermissionArn != nil {
		return nil, resource.Errorf("InvalidParameter", "DeliverLogsPermissionArn is not applicable for s3 destination type.")
	}
	if !slices.Contains([]string{"VPC", "Subnet", "NetworkInterface"}, in.ResourceType) {
		return nil, resource.Invalid(in.ResourceType, "resourceType")
	}
	traffic := val(in.TrafficType)
	switch traffic {
	case "ACCEPT", "REJECT", "ALL":
	case "":
		return nil, resource.Missing("TrafficType")
	default:
		return nil, resource.Invalid(traffic, "trafficType")
	}
	interval := time.Duration(cloud.Or(in.MaxAggregationInterval, 600)) * time.Second
	if interval != time.Minute && interval != 10*time.Minute {
		return nil, resource.Errorf("InvalidParameter", "MaxAggregationInterval must be 60 or 600")
	}
	if in.LogFormat != nil {
		if _, err := parseFormat(*in.LogFormat); err != nil {
			return nil, err
		}
	}
	l := &FlowLog{
		Account: c.Account, Region: c.Region, Kind: in.ResourceType, Traffic: traffic, Destination: *in.LogDestination, Format: val(in.LogFormat),
		Interval: interval, Made: c.Now, Sent: c.Now.Truncate(interval),
	}
	if d := in.DestinationOptions; d != nil {
		l.Hive, l.PerHour = cloud.Or(d.HiveCompatiblePartitions, false), cloud.Or(d.PerHourPartition, false)
	}
	return l, nil
}

// on makes the flow log of one resource.
func (l FlowLog) on(c *cloud.Call, tx store.Tx, id string, tags identity.Tags) (*FlowLog, error) {
	l.Resource = id
	var err error
	switch l.Kind {
	case "VPC":
		_, err = FindVPC(c, tx, id)
		l.VPC = id
	case "Subnet":
		var s *Subnet
		if s, err = FindSubnet(c, tx, id); err == nil {
			l.VPC = s.VPC
		}
	default:
		var i *Interface
		if i, err = FindInterface(c, tx, id); err == nil {
			l.VPC = i.VPC
		}
	}
	if err != nil {
		return nil, err
	}
	have := 0
	for o := range flowLogs.Index(tx, "vpc", c.Account, c.Region, l.VPC) {
		if o.Resource != id {
			continue
		}
		if have++; o.Traffic == l.Traffic && o.Destination == l.Destination && o.Format == l.Format {
			return nil, resource.Errorf("FlowLogAlreadyExists", "Error. There is an existing Flow Log with the same configuration and log destination.")
		}
	}
	if have >= maxFlowLogs {
		return nil, limit("FlowLogsLimitExceeded", "flow logs")
	}
	if err := l.admit(c); err != nil {
		return nil, err
	}
	l.ID = resource.NewID(c, "fl")
	flowLogs.Put(tx, &l)
	resource.Register(c, tx, "vpc-flow-log", l.ID, tags)
	touch(c, tx, l.VPC)
	tx.After(l.next(c.Now), flowLogController, keyOf(l.Account, l.Region, l.ID))
	return &l, nil
}

// admit lets the delivery service write to the bucket, if the caller may say
// so: AWS adds these statements to the bucket's policy, too.
func (l *FlowLog) admit(c *cloud.Call) error {
	bucket, folder := l.bucket()
	denied := func() error {
		return resource.Errorf("400", "Access Denied for LogDestination: %s. Please check LogDestination permission", bucket)
	}
	doc := struct {
		Version   string
		ID        string `json:"Id,omitempty"`
		Statement []json.RawMessage
	}{Version: "2012-10-17", ID: "AWSLogDeliveryWrite20150319"}
	out, err := apis3.GetBucketPolicy.Call(c, &apis3.GetBucketPolicyInput{Bucket: bucket})
	var e *cloud.Error
	switch {
	case errors.As(err, &e) && e.Code == "NoSuchBucket":
		return resource.Errorf("400", "LogDestination: %s does not exist", bucket)
	case errors.As(err, &e) && e.Code == "NoSuchBucketPolicy":
	case err != nil:
		return denied()
	default:
		text := val(out.Policy)
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			return denied()
		}
		if strings.Contains(text, deliveryService) {
			return nil // it is told already who may
		}
	}
	for _, s := range []map[string]any{
		{"Sid": "AWSLogDeliveryWrite", "Effect": "Allow", "Principal": map[string]string{"Service": deliveryService}, "Action": "s3:PutObject",
			"Resource": "arn:aws:s3:::" + bucket + "/" + folder + "AWSLogs/*", "Condition": l.guard(c, map[string]string{"s3:x-amz-acl": "bucket-owner-full-control"})},
		{"Sid": "AWSLogDeliveryAclCheck", "Effect": "Allow", "Principal": map[string]string{"Service": deliveryService}, "Action": "s3:GetBucketAcl",
			"Resource": "arn:aws:s3:::" + bucket, "Condition": l.guard(c, nil)},
	} {
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		doc.Statement = append(doc.Statement, text)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	if _, err := apis3.PutBucketPolicy.Call(c, &apis3.PutBucketPolicyInput{Bucket: bucket, Policy: string(text)}); err != nil {
		return denied()
	}
	return nil
}

// guard is the condition of the statements: only for this account's logs.
func (l *FlowLog) guard(c *cloud.Call, more map[string]string) map[string]any {
	equals := map[string]string{"aws:SourceAccount": l.Account}
	for k, v := range more {
		equals[k] = v
	}
	return map[string]any{"StringEquals": equals, "ArnLike": map[string]string{"aws:SourceArn": c.ARN("logs", "*")}}
}

func removeFlowLog(c *cloud.Call, tx store.Tx, l *FlowLog) {
	flowLogs.Delete(tx, c.Account, c.Region, l.ID)
	resource.Unregister(c, tx, l.ID)
	touch(c, tx, l.VPC)
}

func deleteFlowLogs(c *cloud.Call, tx store.Tx, in *api.DeleteFlowLogsInput) (*api.DeleteFlowLogsOutput, error) {
	out := &api.DeleteFlowLogsOutput{Unsuccessful: []api.UnsuccessfulItem{}}
	for _, id := range in.FlowLogIds {
		l, err := find(c, tx, flowLogs, id, noFlowLog)
		if err != nil {
			e := noFlowLog(id)
			out.Unsuccessful = append(out.Unsuccessful, api.UnsuccessfulItem{ResourceId: &id, Error: &api.UnsuccessfulItemError{Code: &e.Code, Message: &e.Message}})
			continue
		}
		removeFlowLog(c, tx, l)
	}
	return out, nil
}

func (l *FlowLog) api(c *cloud.Call, r store.Reader) api.FlowLog {
	o := api.FlowLog{
		CreationTime: &l.Made, FlowLogId: &l.ID, FlowLogStatus: new(flowLogActive), ResourceId: &l.Resource, TrafficType: &l.Traffic,
		LogDestinationType: new("s3"), LogDestination: &l.Destination, LogFormat: new(cmp.Or(l.Format, defaultFormat)),
		Tags: resource.APITags(resource.Tags(c, r, l.ID)), MaxAggregationInterval: new(int32(l.Interval / time.Second)), DeliverLogsStatus: new("SUCCESS"),
		DestinationOptions: &api.DestinationOptionsResponse{FileFormat: new("plain-text"), HiveCompatiblePartitions: &l.Hive, PerHourPartition: &l.PerHour},
	}
	if l.Failure != "" {
		o.DeliverLogsStatus, o.DeliverLogsErrorMessage = new("FAILED"), new("Access error")
	}
	return o
}

func describeFlowLogs(c *cloud.Call, r store.Reader, in *api.DescribeFlowLogsInput) (*api.DescribeFlowLogsOutput, error) {
	status := func(l *FlowLog) string { return *l.api(c, r).DeliverLogsStatus }
	list, next, err := resource.List(c, r, resource.Query{IDs: in.FlowLogIds, Filters: in.Filter, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: noFlowLog},
		flowLogs.Scan(r, c.Account, c.Region), func(l *FlowLog) string { return l.ID },
		resource.Fields[FlowLog]{
			"deliver-log-status":   resource.One(status),
			"log-destination-type": resource.One(func(*FlowLog) string { return "s3" }),
			"flow-log-id":          resource.One(func(l *FlowLog) string { return l.ID }),
			"log-group-name":       func(*FlowLog) []string { return nil },
			"resource-id":          resource.One(func(l *FlowLog) string { return l.Resource }),
			"traffic-type":         resource.One(func(l *FlowLog) string { return l.Traffic }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeFlowLogsOutput{FlowLogs: []api.FlowLog{}, NextToken: next}
	for _, l := range list {
		out.FlowLogs = append(out.FlowLogs, l.api(c, r))
	}
	return out, nil
}

func flowLogAccess() []cloud.Access {
	kinds := map[string]string{"VPC": "vpc", "Subnet": "subnet", "NetworkInterface": "network-interface"}
	return []cloud.Access{
		api.CreateFlowLogs.Decides([]string{"ec2:CreateFlowLogs"}, func(c *cloud.Call, r store.Reader, in *api.CreateFlowLogsInput) ([]cloud.Check, error) {
			checks := resource.CreateChecks(c, "CreateFlowLogs", "vpc-flow-log", in.TagSpecifications)
			if kind, ok := kinds[in.ResourceType]; ok {
				checks = append(checks, checksOn(c, r, "CreateFlowLogs", several(kind, in.ResourceIds))...)
			}
			return checks, nil
		}),
		acts(&api.DeleteFlowLogs, func(in *api.DeleteFlowLogsInput) []named { return several("vpc-flow-log", in.FlowLogIds) }),
		resource.Looks(&api.DescribeFlowLogs),
		acts(&api.GetFlowLogsIntegrationTemplate, one("vpc-flow-log", func(in *api.GetFlowLogsIntegrationTemplateInput) string { return in.FlowLogId })),
	}
}
