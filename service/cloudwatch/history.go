package cloudwatch

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// history is one thing that happened to an alarm. It outlives the alarm.
type history struct {
	Account, Region, Alarm string
	At                     time.Time
	// Seq tells apart what happened at the same time, in order of its first
	// digit: configuration, state, actions.
	Seq                 string
	Type                string // AlarmType; "" for that of metric alarms
	Kind, Summary, Data string
	Contributor         string // its id; "" for the alarm itself
	Attributes          map[string]string
}

var histories = &store.Table[history]{Name: "cloudwatch.history", Key: (*history).key}

func (h *history) key() store.Key { return store.K(h.Account, h.Region, h.At, h.Seq, h.Alarm) }

// historyKept is how long the history of alarms is kept.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
const historyKept = 30 * 24 * time.Hour

const forgetController = "cloudwatch.forget"

func forgetHistory(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error { histories.Delete(tx, key...); return nil })
}

// write keeps an item of the history for its time.
func (h *history) write(tx store.Tx) {
	histories.Put(tx, h)
	tx.After(h.At.Add(historyKept+time.Second), forgetController, h.key())
}

// record adds to an alarm's history.
func record(c *cloud.Call, tx store.Tx, a *alarm, kind, summary, data string) {
	item(c, a, kind, summary, data).write(tx)
}

// item is an entry of an alarm's history, for now.
func item(c *cloud.Call, a *alarm, kind, summary, data string) *history {
	rank := map[string]string{api.HistoryItemTypeConfigurationUpdate: "0", api.HistoryItemTypeStateUpdate: "1", api.HistoryItemTypeAlarmContributorStateUpdate: "1"}[kind]
	if rank == "" {
		rank = "2"
	}
	return &history{
		Account: a.Account, Region: a.Region, Alarm: *a.AlarmName, Type: a.kind(), At: c.Now,
		Seq: rank + strconv.FormatUint(c.Rand().Uint64(), 36), Kind: kind, Summary: cut(summary, 255), Data: data,
	}
}

// recordConfiguration tells that an alarm was made, changed or removed: kind is
// "Create", "Update" or "Delete".
func recordConfiguration(c *cloud.Call, tx store.Tx, a *alarm, kind string) {
	past := map[string]string{"Create": "created", "Update": "updated", "Delete": "deleted"}[kind]
	var shown any = a.MetricAlarm
	if a.Composite != nil {
		shown = a.describeComposite()
	}
	b, err := plainJSON(map[string]any{"version": "1.0", "type": kind, past + "Alarm": camel(shown)})
	if err != nil || len(b) > 4095 {
		b = nil
	}
	record(c, tx, a, api.HistoryItemTypeConfigurationUpdate, `Alarm "`+*a.AlarmName+`" `+past, string(b))
}

// plainJSON is JSON as the history keeps it: with ">" as it is, which reasons
// are full of.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// camel is a value with the names of its members as the history writes them,
// beginning with a small letter, and without what is not set.
func camel(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	var parsed any
	if err := json.Unmarshal(b, &parsed); err != nil {
		return nil
	}
	return lowered(parsed)
}

func lowered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, x := range v {
			if x == nil {
				continue
			}
			name := []rune(k)
			name[0] = unicode.ToLower(name[0])
			m[string(name)] = lowered(x)
		}
		return m
	case []any:
		for i := range v {
			v[i] = lowered(v[i])
		}
	}
	return v
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
		item := api.AlarmHistoryItem{AlarmName: &h.Alarm, AlarmType: new(h.kind()), Timestamp: &h.At, HistoryItemType: &h.Kind, HistorySummary: &h.Summary}
		if h.Contributor != "" {
			item.AlarmContributorId, item.AlarmContributorAttributes = &h.Contributor, h.Attributes
		}
		if h.Data != "" {
			item.HistoryData = &h.Data
		}
		out.AlarmHistoryItems = append(out.AlarmHistoryItems, item)
	}
	return out, nil
}

func (h *history) kind() string {
	if h.Type == "" {
		return api.AlarmTypeMetricAlarm
	}
	return h.Type
}

// matches tells whether an item was asked for. Who asks for neither an alarm
// nor a type is told of metric alarms.
func (h *history) matches(now time.Time, in *api.DescribeAlarmHistoryInput) bool {
	types := in.AlarmTypes
	if len(types) == 0 && in.AlarmName == nil {
		types = []string{api.AlarmTypeMetricAlarm}
	}
	return now.Sub(h.At) <= historyKept && same(in.AlarmName, &h.Alarm) && same(in.HistoryItemType, &h.Kind) && same(in.AlarmContributorId, &h.Contributor) &&
		(in.StartDate == nil || !h.At.Before(*in.StartDate)) && (in.EndDate == nil || !h.At.After(*in.EndDate)) &&
		(len(types) == 0 || slices.Contains(types, h.kind()))
}
