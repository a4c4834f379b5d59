package cloudwatch

import (
	"slices"
	"strconv"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// history is one thing that happened to an alarm. It outlives the alarm.
type history struct {
	Account, Region, Alarm string
	At                     time.Time
	Seq                    string // tells apart what happened at the same time
	Kind, Summary, Data    string
}

var histories = &store.Table[history]{Name: "cloudwatch.history", Key: (*history).key}

func (h *history) key() store.Key { return store.K(h.Account, h.Region, h.At, h.Alarm, h.Seq) }

// historyKept is how long the history of alarms is kept.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
const historyKept = 30 * 24 * time.Hour

const forgetController = "cloudwatch.forget"

func forgetHistory(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error { histories.Delete(tx, key...); return nil })
}

func describeAlarmHistory(c *cloud.Call, r store.Reader, in *api.DescribeAlarmHistoryInput) (*api.DescribeAlarmHistoryOutput, error) {
	skip := 0
	if in.NextToken != nil {
		at, err := readToken(*in.NextToken)
		if err != nil || len(at) != 1 {
			return nil, errToken
		}
		if skip, err = strconv.Atoi(at[0]); err != nil || skip < 0 {
			return nil, errToken
		}
	}
	scan := histories.ScanReverse
	if cloud.Or(in.ScanBy, "") == api.ScanByTimestampAscending {
		scan = histories.Scan
	}
	out := &api.DescribeAlarmHistoryOutput{AlarmHistoryItems: []api.AlarmHistoryItem{}}
	limit, seen := int(cloud.Or(in.MaxRecords, 100)), 0
	for h := range scan(r, c.Account, c.Region) {
		if !h.matches(c.Now, in) {
			continue
		}
		if seen++; seen <= skip {
			continue
		}
		if len(out.AlarmHistoryItems) == limit {
			out.NextToken = new(writeToken(strconv.Itoa(skip + limit)))
			break
		}
		item := api.AlarmHistoryItem{AlarmName: &h.Alarm, AlarmType: new(api.AlarmTypeMetricAlarm), Timestamp: &h.At, HistoryItemType: &h.Kind, HistorySummary: &h.Summary}
		if h.Data != "" {
			item.HistoryData = &h.Data
		}
		out.AlarmHistoryItems = append(out.AlarmHistoryItems, item)
	}
	return out, nil
}

func (h *history) matches(now time.Time, in *api.DescribeAlarmHistoryInput) bool {
	return now.Sub(h.At) <= historyKept && same(in.AlarmName, &h.Alarm) && same(in.HistoryItemType, &h.Kind) &&
		(in.StartDate == nil || !h.At.Before(*in.StartDate)) && (in.EndDate == nil || !h.At.After(*in.EndDate)) &&
		(len(in.AlarmTypes) == 0 || slices.Contains(in.AlarmTypes, api.AlarmTypeMetricAlarm))
}
