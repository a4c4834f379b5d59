package cloudwatch

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

const compositeController = "cloudwatch.composite"

// composite is what an alarm on other alarms has beside what all have.
type composite struct {
	Rule     string
	Children []string // names, of the rule
	// Suppressor is the name of the alarm that holds actions back, as it was
	// given in Given; Wait and Extension are in seconds.
	Suppressor, Given string
	Wait, Extension   *int32
	// By is what holds the actions back now ("Alarm", "WaitPeriod",
	// "ExtensionPeriod"), until Until where it is a period; Held tells that
	// there are some.
	By    string
	Until time.Time
	Held  bool
}

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
func putCompositeAlarm(c *cloud.Call, tx store.Tx, in *api.PutCompositeAlarmInput) (*cloud.Empty, error) {
	if err := checkPropagation(in.ActionConfiguration); err != nil {
		return nil, err
	}
	k, err := newComposite(c, tx, in)
	if err != nil {
		return nil, err
	}
	a := &alarm{Account: c.Account, Region: c.Region, Composite: k}
	a.AlarmName, a.AlarmDescription, a.ActionsEnabled = &in.AlarmName, in.AlarmDescription, new(cloud.Or(in.ActionsEnabled, true))
	a.ActionConfiguration = in.ActionConfiguration
	a.OKActions, a.AlarmActions, a.InsufficientDataActions = in.OKActions, in.AlarmActions, in.InsufficientDataActions
	if err := putAlarm(c, tx, a, in.Tags); err != nil {
		return nil, err
	}
	tx.After(c.Now, compositeController, a.key())
	return &cloud.Empty{}, nil
}

func newComposite(c *cloud.Call, r store.Reader, in *api.PutCompositeAlarmInput) (*composite, error) {
	parsed, err := parseRule(in.AlarmRule)
	if err != nil {
		return nil, validation("AlarmRule must not contain any errors: %v.", err)
	}
	k := &composite{Rule: in.AlarmRule, Wait: in.ActionsSuppressorWaitPeriod, Extension: in.ActionsSuppressorExtensionPeriod, Given: cloud.Or(in.ActionsSuppressor, "")}
	parsed.refs(func(ref string) {
		if name := alarmName(c, ref); !slices.Contains(k.Children, name) {
			k.Children = append(k.Children, name)
		}
	})
	if len(k.Children) > maxChildren {
		return nil, validation("AlarmRule must not reference more than %d alarms.", maxChildren)
	}
	var unknown []string
	for _, name := range k.Children {
		if !alarms.Has(r, c.Account, c.Region, name) {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		return nil, validation("Could not save the composite alarm as alarms [%s] in the alarm rule do not exist", strings.Join(unknown, ", "))
	}
	return k, k.checkSuppressor(c, r, in)
}

func (k *composite) checkSuppressor(c *cloud.Call, r store.Reader, in *api.PutCompositeAlarmInput) error {
	if k.Given == "" {
		if k.Wait != nil || k.Extension != nil {
			return validation("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod need an ActionsSuppressor.")
		}
		return nil
	}
	if k.Wait == nil || k.Extension == nil || *k.Wait < 0 || *k.Extension < 0 {
		return validation("ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod are required when ActionsSuppressor is specified.")
	}
	k.Suppressor = alarmName(c, k.Given)
	if k.Suppressor == in.AlarmName {
		return validation("A composite alarm cannot be its own ActionsSuppressor.")
	}
	if !alarms.Has(r, c.Account, c.Region, k.Suppressor) {
		return validation("Could not save the composite alarm as the suppressor alarm [%s] does not exist", k.Suppressor)
	}
	return nil
}

// dependents are the composite alarms that an alarm has an influence on. Each
// is good until the next.
func dependents(c *cloud.Call, r store.Reader, name string) iter.Seq[*alarm] {
	return func(yield func(*alarm) bool) {
		for a := range alarms.Glance(r, store.K(c.Account, c.Region), store.K(c.Account, c.Region)) {
			if k := a.Composite; k != nil && (k.Suppressor == name || slices.Contains(k.Children, name)) && !yield(a) {
				return
			}
		}
	}
}

// evaluateComposite brings a composite alarm into the state that those which it
// watches give it, and what holds its actions back up to date.
func evaluateComposite(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		a, ok := alarms.Get(tx, key...)
		if !ok || a.Composite == nil {
			return nil
		}
		c := c.In(a.Account, a.Region)
		v, err := a.compose(c, tx)
		if err != nil {
			return err
		}
		if v.state != *a.StateValue && !cyclic(c, tx, a) {
			if err := enter(c, tx, a, v); err != nil {
				return err
			}
		}
		return release(c, tx, a)
	})
}

// compose works out the state of a composite alarm.
func (a *alarm) compose(c *cloud.Call, r store.Reader) (verdict, error) {
	parsed, err := parseRule(a.Composite.Rule)
	if err != nil {
		return verdict{}, fmt.Errorf("rule of %s: %w", *a.AlarmName, err)
	}
	var latest *alarm
	states := map[string]string{}
	for _, name := range a.Composite.Children {
		child, ok := alarms.Peek(r, a.Account, a.Region, name)
		if !ok {
			states[name] = api.StateValueInsufficientData
			continue
		}
		states[name] = *child.StateValue
		if latest == nil || child.StateTransitionedTimestamp.After(*latest.StateTransitionedTimestamp) {
			latest = child
		}
	}
	v := verdict{state: api.StateValueOk}
	if parsed.holds(func(ref string) string { return states[alarmName(c, ref)] }) {
		v.state = api.StateValueAlarm
	}
	configured := *a.AlarmConfigurationUpdatedTimestamp
	if latest == nil || !latest.StateTransitionedTimestamp.After(configured) {
		verb := "updated"
		if *a.StateReason == "Unchecked: Initial alarm creation" {
			verb = "created"
		}
		v.reason = fmt.Sprintf("%s was %s and its alarm rule evaluates to %s", *a.AlarmArn, verb, v.state)
		return v, nil
	}
	at := latest.StateTransitionedTimestamp.UTC()
	v.reason = fmt.Sprintf("%s transitioned to %s at %s UTC", *latest.AlarmArn, *latest.StateValue, at.Format("Monday 02 January, 2006 15:04:05"))
	b, err := json.Marshal(map[string]any{"triggeringAlarms": []any{map[string]any{
		"arn": *latest.AlarmArn, "state": map[string]any{"value": *latest.StateValue, "timestamp": at.Format(historyTime)},
	}}})
	v.data = string(b)
	return v, err
}

// cyclic tells whether an alarm watches itself, through others: then it is not
// evaluated.
func cyclic(c *cloud.Call, r store.Reader, a *alarm) bool {
	seen := map[string]bool{}
	var visit func(k *composite) bool
	visit = func(k *composite) bool {
		for _, name := range k.Children {
			if name == *a.AlarmName {
				return true
			}
			child, ok := alarms.Peek(r, c.Account, c.Region, name)
			if !seen[name] && ok && child.Composite != nil {
				if seen[name] = true; visit(child.Composite) {
					return true
				}
			}
		}
		return false
	}
	return visit(a.Composite)
}

// describeComposite is a composite alarm as the API shows it.
func (a *alarm) describeComposite() api.CompositeAlarm {
	k, m := a.Composite, a.MetricAlarm
	d := api.CompositeAlarm{
		ActionsEnabled: m.ActionsEnabled, AlarmActions: shownList(m.AlarmActions), AlarmArn: m.AlarmArn, AlarmConfigurationUpdatedTimestamp: m.AlarmConfigurationUpdatedTimestamp,
		AlarmDescription: m.AlarmDescription, AlarmName: m.AlarmName, AlarmRule: &k.Rule, InsufficientDataActions: shownList(m.InsufficientDataActions), OKActions: shownList(m.OKActions),
		StateReason: m.StateReason, StateReasonData: m.StateReasonData, StateUpdatedTimestamp: m.StateUpdatedTimestamp, StateValue: m.StateValue,
		StateTransitionedTimestamp: m.StateTransitionedTimestamp, ActionsSuppressorWaitPeriod: k.Wait, ActionsSuppressorExtensionPeriod: k.Extension,
		ActionConfiguration: m.ActionConfiguration,
	}
	if k.Given != "" {
		d.ActionsSuppressor = &k.Given
	}
	if k.By != "" {
		d.ActionsSuppressedBy, d.ActionsSuppressedReason = &k.By, new("Actions suppressed by "+k.By)
	}
	return d
}
