package cloudwatch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/math"
	"pileus/store"
)

// contributor is one of the series that an alarm on a query with GROUP BY looks
// at. It is in ALARM or OK: without data there is none.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/multi-time-series-alarm.html
type contributor struct {
	ID            string
	Attributes    map[string]string // the values of what is grouped by
	State, Reason string
	Since         time.Time
}

const (
	// mostAlarming is how many contributors in ALARM an alarm tells of, and
	// mostSeries how many series it looks at.
	mostAlarming = 100
	mostSeries   = 500
)

// groupsOf are the dimensions that a query of Metrics Insights groups by; nil
// for other expressions.
func groupsOf(text string) []string {
	if !math.IsInsight(text) {
		return nil
	}
	q, err := math.ParseInsight(text)
	if err != nil {
		return nil // refused where expressions are checked
	}
	return q.GroupBy
}

// groups are the dimensions that an alarm's query groups by; nil where the alarm
// is one on a single series.
func (a *alarm) groups() []string {
	if len(a.Metrics) != 1 {
		return nil
	}
	return groupsOf(cloud.Or(a.Metrics[0].Expression, ""))
}

func (a *alarm) grouped() bool { return len(a.groups()) > 0 }

// known is a contributor by its id, as it is.
func (a *alarm) known(id string) (contributor, bool) {
	n := slices.IndexFunc(a.Contributors, func(k contributor) bool { return k.ID == id })
	if n < 0 {
		return contributor{}, false
	}
	return a.Contributors[n], true
}

// evaluateGroups judges each series of an alarm by itself: the alarm is in ALARM
// where one of them is.
func (a *alarm) evaluateGroups(c *cloud.Call, r store.Reader) (v verdict, err error) {
	w := newWindow(a.period(), *a.EvaluationPeriods)
	end := c.Now.Unix() / w.period * w.period
	if a.aligned() {
		end = a.end(c.Now)
	}
	values, err := evaluateQueries(c, r, a.Metrics, time.Unix(end-int64(len(w.seen))*w.period, 0), time.Unix(end, 0))
	if err != nil {
		var refused *cloud.Error
		if errors.As(err, &refused) {
			return verdict{state: *a.StateValue, evaluation: new(api.EvaluationStateEvaluationError), contributors: a.Contributors, warms: !a.Warming.IsZero()}, nil
		}
		return v, err
	}
	list := values[a.Metrics[0].Id].Series
	full := window{}
	for _, s := range list[:min(len(list), mostSeries)] {
		if s.Len() == 0 {
			continue
		}
		own := newWindow(w.period, *a.EvaluationPeriods)
		for i, at := range s.Times {
			own.put(end, &reading{at: at, value: s.Values[i]})
		}
		k, err := a.judgeSeries(c, s, own)
		if err != nil {
			return v, err
		}
		if k.State != "" {
			v.contributors, full = append(v.contributors, k), own
		}
	}
	if a.warms(c.Now, full) {
		return warming(), nil
	}
	v.sum()
	if len(list) > mostSeries {
		v.evaluation = new(api.EvaluationStatePartialData)
	}
	v.threshold = a.Threshold
	return v, nil
}

// judgeSeries is one series as a contributor; its State is "" where there is
// none, because it has no data.
func (a *alarm) judgeSeries(c *cloud.Call, s math.Series, w window) (contributor, error) {
	k := contributor{Attributes: map[string]string{}, State: api.StateValueOk, Since: c.Now}
	id := sha256.New()
	for _, d := range s.Metric.Dimensions {
		k.Attributes[d.Name] = d.Value
		fmt.Fprintf(id, "%s=%s\n", d.Name, d.Value)
	}
	k.ID = hex.EncodeToString(id.Sum(nil)[:8])
	if old, ok := a.known(k.ID); ok {
		k = old
	}
	alone := *a
	alone.StateValue = &k.State
	v, err := alone.judge(c, w)
	switch {
	case err != nil || v.state == api.StateValueInsufficientData:
		return contributor{}, err
	case v.state != k.State:
		k.State, k.Reason, k.Since = v.state, cut(v.reason, 1023), c.Now
	case k.Reason == "":
		k.Reason = cut(v.reason, 1023)
	}
	return k, nil
}

// sum is the verdict on an alarm whose contributors are known.
func (v *verdict) sum() {
	alarming := 0
	for _, k := range v.contributors {
		if k.State == api.StateValueAlarm {
			alarming++
		}
	}
	switch all := len(v.contributors); {
	case all == 0:
		v.state, v.reason = api.StateValueInsufficientData, "Insufficient Data: no time series were returned."
	case alarming > mostAlarming:
		v.state, v.reason = api.StateValueAlarm, fmt.Sprintf("%d+ time series evaluated to ALARM", mostAlarming)
	case alarming > 0:
		v.state, v.reason = api.StateValueAlarm, fmt.Sprintf("%d out of %d time series evaluated to ALARM", alarming, all)
	default:
		v.state, v.reason = api.StateValueOk, fmt.Sprintf("0 out of %d time series evaluated to ALARM", all)
	}
}

// contributed tells whether contributors came, went or changed.
func contributed(before, now []contributor) bool {
	return !slices.EqualFunc(before, now, func(a, b contributor) bool { return a.ID == b.ID && a.State == b.State })
}

// contribute gives an alarm its contributors, says in its history what became of
// each, and has the actions carried out that are each contributor's own.
func contribute(c *cloud.Call, tx store.Tx, a *alarm, list []contributor) error {
	for _, k := range list {
		from := api.StateValueOk
		if old, ok := a.known(k.ID); ok {
			from = old.State
		}
		if k.State == from {
			continue
		}
		data, err := changeData(stateData{StateValue: from}, stateData{StateValue: k.State, StateReason: k.Reason})
		if err != nil {
			return err
		}
		h := item(c, a, api.HistoryItemTypeAlarmContributorStateUpdate, fmt.Sprintf("Alarm contributor %s updated from %s to %s", k.told(), from, k.State), data)
		h.Contributor, h.Attributes = k.ID, k.Attributes
		h.write(tx)
		if err := k.act(c, tx, a); err != nil {
			return err
		}
	}
	a.Contributors = list
	return nil
}

// told is a contributor in a sentence: its attributes.
func (k *contributor) told() string {
	var all []string
	for name, value := range k.Attributes {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return "[" + strings.Join(all, ", ") + "]"
}

// act puts those actions into the outbox that act on a contributor: what is done
// with instances. Auto Scaling is told of the alarm alone.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Acting_Alarm_Changes.html
func (k *contributor) act(c *cloud.Call, tx store.Tx, a *alarm) error {
	if by, _ := muting(c, tx, a); !*a.ActionsEnabled || by != nil {
		return nil
	}
	for _, action := range a.actions(k.State) {
		if actionKind(action) != ofInstance {
			continue
		}
		b, err := json.Marshal(&order{
			ID: strconv.FormatUint(c.Rand().Uint64(), 36), Account: a.Account, Region: a.Region, Alarm: *a.AlarmName, Type: a.kind(), Action: action,
			Instance: k.Attributes["InstanceId"], State: k.State, At: c.Now, Since: k.Since, Threshold: a.Threshold, Contributor: k.ID, Attributes: k.Attributes,
		})
		if err != nil {
			return fmt.Errorf("action of %s: %w", *a.AlarmName, err)
		}
		tx.Emit(actionTopic, a.key(), b)
	}
	return nil
}
