package cloudwatch

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

const evaluateController = "cloudwatch.evaluate"

// How an alarm takes periods without data.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
const (
	treatMissing      = "missing"
	treatIgnore       = "ignore"
	treatBreaching    = "breaching"
	treatNotBreaching = "notBreaching"
)

var comparisons = map[string]struct {
	words    string
	breaches func(v, threshold float64) bool
}{
	api.ComparisonOperatorGreaterThanThreshold:          {"greater than", func(v, t float64) bool { return v > t }},
	api.ComparisonOperatorGreaterThanOrEqualToThreshold: {"greater than or equal to", func(v, t float64) bool { return v >= t }},
	api.ComparisonOperatorLessThanThreshold:             {"less than", func(v, t float64) bool { return v < t }},
	api.ComparisonOperatorLessThanOrEqualToThreshold:    {"less than or equal to", func(v, t float64) bool { return v <= t }},
}

// evaluateEvery is how often an alarm looks: each minute, or each ten seconds
// where its period is below a minute.
func evaluateEvery(a *alarm) time.Duration {
	if *a.Period < 60 {
		return 10 * time.Second
	}
	return time.Minute
}

// evaluate looks at an alarm's metric and changes its state.
func evaluate(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		a, ok := alarms.Get(tx, key...)
		if !ok {
			return nil
		}
		tx.After(c.Now.Truncate(evaluateEvery(a)).Add(evaluateEvery(a)), evaluateController, key)
		c := c.In(a.Account, a.Region)
		seen, err := a.look(c, tx)
		if err != nil {
			return err
		}
		state, reason := a.judge(seen)
		if state == *a.StateValue {
			return nil
		}
		data, err := reasonData(c, a, seen)
		if err != nil {
			return err
		}
		return enter(c, tx, a, state, reason, data)
	})
}

// spare is how many periods beyond the evaluation periods an alarm looks back,
// so that data that come late do not count as missing.
const spare = 2

// look is what the last whole periods show, the newest first; nil where a
// period has no data.
func (a *alarm) look(c *cloud.Call, r store.Reader) ([]*float64, error) {
	period := int64(*a.Period)
	end := c.Now.Unix() / period * period
	n := int64(*a.EvaluationPeriods) + spare
	stat := &api.MetricStat{Metric: api.Metric{Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions}, Period: *a.Period, Unit: a.Unit, Stat: cloud.Or(a.Statistic, cloud.Or(a.ExtendedStatistic, ""))}
	list, err := samples(c, r, stat, end-n*period, end)
	if err != nil {
		return nil, err
	}
	seen := make([]*float64, n)
	for _, s := range list {
		seen[(end-s.at)/period-1] = &s.v
	}
	return seen, nil
}

// judge decides the state. Where enough periods have data, the missing ones are
// passed over for older ones; where not, they count as the alarm says.
func (a *alarm) judge(seen []*float64) (state, reason string) {
	n := int(*a.EvaluationPeriods)
	m := int(cloud.Or(a.DatapointsToAlarm, *a.EvaluationPeriods))
	var real []float64
	age := 0 // of the oldest, in periods
	for i, v := range seen {
		if v != nil && len(real) < n {
			real, age = append(real, *v), i+1
		}
	}
	over := 0
	for _, v := range real {
		if comparisons[*a.ComparisonOperator].breaches(v, *a.Threshold) {
			over++
		}
	}
	gaps := n - len(real)
	how := cloud.Or(a.TreatMissingData, treatMissing)
	switch {
	case over >= m, how == treatBreaching && over+gaps >= m:
		return api.StateValueAlarm, a.crossed(real, gaps, m, "")
	case len(real) == 0 && how == treatMissing:
		return api.StateValueInsufficientData, fmt.Sprintf("Insufficient Data: %d datapoint%s %s unknown.", n, plural(n), were(n))
	case gaps > 0 && how == treatIgnore && (len(real) == 0 || over+gaps >= m):
		return *a.StateValue, *a.StateReason
	case how == treatMissing && over == len(real) && over+gaps >= m && age >= m:
		return api.StateValueAlarm, a.crossed(real, gaps, m, "")
	case how == treatMissing && over == len(real) && over+gaps >= m:
		return *a.StateValue, *a.StateReason // it is too early to tell
	}
	return api.StateValueOk, a.crossed(real, gaps, max(1, n-m+1), "not ")
}

// crossed words the reason of a state.
func (a *alarm) crossed(real []float64, gaps, need int, not string) string {
	words := comparisons[*a.ComparisonOperator].words
	if len(real) == 0 {
		return fmt.Sprintf("Threshold Crossed: no datapoints were received for %d period%s and %d missing datapoint%s %s treated as [%s].",
			gaps, plural(gaps), gaps, plural(gaps), were(gaps), map[bool]string{true: "Breaching", false: "NonBreaching"}[not == ""])
	}
	list := make([]string, len(real))
	for i, v := range real {
		list[i] = fmt.Sprint(v)
	}
	return fmt.Sprintf("Threshold Crossed: %d datapoint%s [%s] %s %s%s the threshold (%v) (minimum %d datapoint%s for transition).",
		len(real), plural(len(real)), strings.Join(list, ", "), were(len(real)), not, words, *a.Threshold, need, plural(need))
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// reasonData is what led to a state, as JSON.
func reasonData(c *cloud.Call, a *alarm, seen []*float64) (string, error) {
	recent := []float64{}
	for _, v := range seen[:*a.EvaluationPeriods] {
		if v != nil {
			recent = append(recent, *v)
		}
	}
	data := map[string]any{"version": "1.0", "queryDate": c.Now.UTC().Format(historyTime), "statistic": cloud.Or(a.Statistic, cloud.Or(a.ExtendedStatistic, "")), "period": *a.Period, "recentDatapoints": recent, "threshold": *a.Threshold}
	b, err := json.Marshal(data)
	return string(b), err
}

const historyTime = "2006-01-02T15:04:05.000-0700"

// stateData is one side of a change in the history.
type stateData struct {
	StateValue      string          `json:"stateValue"`
	StateReason     string          `json:"stateReason"`
	StateReasonData json.RawMessage `json:"stateReasonData,omitempty"`
}

// enter brings an alarm into a state and says so in its history. Its actions
// are kept, and the history says that they did not run.
func enter(c *cloud.Call, tx store.Tx, a *alarm, state, reason, data string) error {
	reason = cut(reason, 1023)
	old := stateData{*a.StateValue, *a.StateReason, json.RawMessage(cloud.Or(a.StateReasonData, ""))}
	a.StateReason, a.StateReasonData, a.StateUpdatedTimestamp = &reason, nil, &c.Now
	if data != "" {
		a.StateReasonData = &data
	}
	changed := state != old.StateValue
	if changed {
		a.StateValue, a.StateTransitionedTimestamp = &state, &c.Now
	}
	alarms.Put(tx, a)
	if !changed {
		return nil
	}
	b, err := json.Marshal(map[string]any{"version": "1.0", "oldState": old, "newState": stateData{state, reason, json.RawMessage(data)}})
	if err != nil {
		return fmt.Errorf("history of %s: %w", *a.AlarmName, err)
	}
	record(c, tx, a, api.HistoryItemTypeStateUpdate, fmt.Sprintf("Alarm updated from %s to %s", old.StateValue, state), string(b))
	if !*a.ActionsEnabled {
		return nil
	}
	actions := map[string][]string{api.StateValueOk: a.OKActions, api.StateValueAlarm: a.AlarmActions, api.StateValueInsufficientData: a.InsufficientDataActions}[state]
	for _, action := range actions {
		record(c, tx, a, api.HistoryItemTypeAction, cut("Failed to execute action "+action+": pileus does not run alarm actions yet", 255), "")
	}
	return nil
}

func cut(s string, n int) string { return s[:min(n, len(s))] }
