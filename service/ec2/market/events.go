package market

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// event is one entry of a fleet's history.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-fleet-events-using-eventbridge.html
type event struct {
	Account, Region, Fleet string
	At                     time.Time
	ID                     string // orders those of one moment, and keeps them apart
	Kind, Sub              string
	Instance, Text         string
}

var events = &store.Table[event]{
	Name: "ec2.fleet.event",
	Key:  func(e *event) store.Key { return store.K(e.Account, e.Region, e.Fleet, e.At, e.ID) },
}

// note enters an event into a fleet's history.
func note(c *cloud.Call, tx store.Tx, f *fleet, kind, sub, instance, text string) {
	events.Put(tx, &event{Account: f.Account, Region: f.Region, Fleet: f.ID, At: c.Now, ID: c.Rand().String(12, hexDigits), Kind: kind, Sub: sub, Instance: instance, Text: text})
}

// described is what an event says of an instance.
func described(m *member) string {
	return fmt.Sprintf(`{"instanceType":%q,"spot":%t,"weight":%s}`, m.Type, m.Spot, strconv.FormatFloat(m.Weight, 'g', -1, 64))
}

// eventTypes are what histories are asked for, by the names in requests.
var eventTypes = map[string]string{
	"instance-change": "instanceChange", "fleet-change": "fleetRequestChange", "service-error": "error",
	"instanceChange": "instanceChange", "fleetRequestChange": "fleetRequestChange", "error": "error", "information": "information",
}

// history is a page of a fleet's events since a time.
func history(c *cloud.Call, r store.Reader, f *fleet, kind, token *string, most *int32, since time.Time) (list []event, next *string, err error) {
	wanted := ""
	if kind != nil {
		if wanted = eventTypes[*kind]; wanted == "" {
			return nil, nil, resource.Invalid(*kind, "EventType")
		}
	}
	skip := 0
	if t := cloud.Or(token, ""); t != "" {
		b, err := base64.RawURLEncoding.DecodeString(t)
		if err == nil {
			skip, err = strconv.Atoi(string(b))
		}
		if err != nil {
			return nil, nil, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter nextToken is invalid.", t)
		}
	}
	limit := 1000
	if n := int(cloud.Or(most, 0)); n > 0 {
		limit = min(n, limit)
	}
	seen := 0
	for e := range events.Scan(r, f.Account, f.Region, f.ID) {
		if e.At.Before(since) || wanted != "" && e.Kind != wanted {
			continue
		}
		if seen++; seen <= skip {
			continue
		}
		if len(list) == limit {
			next = new(base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(skip + limit))))
			break
		}
		list = append(list, *e)
	}
	return list, next, nil
}

func describeFleetHistory(c *cloud.Call, r store.Reader, in *api.DescribeFleetHistoryInput) (*api.DescribeFleetHistoryOutput, error) {
	f, err := findFleet(c, r, in.FleetId, false)
	if err != nil {
		return nil, err
	}
	list, next, err := history(c, r, f, in.EventType, in.NextToken, in.MaxResults, in.StartTime)
	out := &api.DescribeFleetHistoryOutput{FleetId: &f.ID, StartTime: &in.StartTime, LastEvaluatedTime: &c.Now, NextToken: next, HistoryRecords: []api.HistoryRecordEntry{}}
	for n := range list {
		e := &list[n]
		kind := map[string]string{"instanceChange": "instance-change", "fleetRequestChange": "fleet-change", "error": "service-error"}[e.Kind]
		out.HistoryRecords = append(out.HistoryRecords, api.HistoryRecordEntry{Timestamp: &e.At, EventType: &kind, EventInformation: e.api(strings.ReplaceAll(e.Sub, "_", "-"))})
	}
	return out, err
}

func describeSpotFleetRequestHistory(c *cloud.Call, r store.Reader, in *api.DescribeSpotFleetRequestHistoryInput) (*api.DescribeSpotFleetRequestHistoryOutput, error) {
	f, err := findFleet(c, r, in.SpotFleetRequestId, true)
	if err != nil {
		return nil, err
	}
	list, next, err := history(c, r, f, in.EventType, in.NextToken, in.MaxResults, in.StartTime)
	out := &api.DescribeSpotFleetRequestHistoryOutput{SpotFleetRequestId: &f.ID, StartTime: &in.StartTime, LastEvaluatedTime: &c.Now, NextToken: next, HistoryRecords: []api.HistoryRecord{}}
	for n := range list {
		e := &list[n]
		out.HistoryRecords = append(out.HistoryRecords, api.HistoryRecord{Timestamp: &e.At, EventType: &e.Kind, EventInformation: e.api(e.Sub)})
	}
	return out, err
}

func (e *event) api(sub string) *api.EventInformation {
	return &api.EventInformation{EventSubType: &sub, InstanceId: optional(e.Instance), EventDescription: optional(e.Text)}
}
