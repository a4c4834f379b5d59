package cloudwatch

import (
	"encoding/json"
	"fmt"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// stateData is one side of a change in the history.
type stateData struct {
	StateValue      string          `json:"stateValue"`
	StateReason     string          `json:"stateReason"`
	StateReasonData json.RawMessage `json:"stateReasonData,omitempty"`
}

// enter brings an alarm into a state, says so in its history, runs its actions
// and has those look again who depend on it.
func enter(c *cloud.Call, tx store.Tx, a *alarm, v verdict) error {
	reason := cut(v.reason, 1023)
	old := stateData{*a.StateValue, *a.StateReason, json.RawMessage(cloud.Or(a.StateReasonData, ""))}
	a.StateReason, a.StateReasonData, a.StateUpdatedTimestamp, a.EvaluationState = &reason, nil, &c.Now, v.evaluation
	if v.data != "" {
		a.StateReasonData = &v.data
	}
	changed := v.state != old.StateValue
	if changed {
		a.StateValue, a.StateTransitionedTimestamp, a.Muted = &v.state, &c.Now, ""
	}
	if !changed {
		alarms.Put(tx, a)
		return nil
	}
	data, err := changeData(old, stateData{v.state, reason, json.RawMessage(v.data)})
	if err != nil {
		return fmt.Errorf("history of %s: %w", *a.AlarmName, err)
	}
	record(c, tx, a, api.HistoryItemTypeStateUpdate, fmt.Sprintf("Alarm updated from %s to %s", old.StateValue, v.state), data)
	if !v.warms {
		if err := act(c, tx, a, v); err != nil {
			return err
		}
	}
	alarms.Put(tx, a)
	for p := range dependents(c, tx, *a.AlarmName) {
		tx.After(c.Now, compositeController, p.key())
	}
	return nil
}

// changeData is what the history keeps of a change, which has room for 4,095
// characters.
func changeData(old, now stateData) (string, error) {
	for {
		b, err := plainJSON(struct {
			Version  string    `json:"version"`
			OldState stateData `json:"oldState"`
			NewState stateData `json:"newState"`
		}{"1.0", old, now})
		switch {
		case err != nil || len(b) <= 4095:
			return string(b), err
		case old.StateReasonData != nil:
			old.StateReasonData = nil
		case now.StateReasonData != nil:
			now.StateReasonData = nil
		default:
			return "", nil
		}
	}
}

func cut(s string, n int) string { return s[:min(n, len(s))] }

// setAlarmState changes a state by hand, until the next evaluation.
func setAlarmState(c *cloud.Call, tx store.Tx, in *api.SetAlarmStateInput) (*cloud.Empty, error) {
	a, ok := alarms.Get(tx, c.Account, c.Region, in.AlarmName)
	if !ok {
		return nil, errNoAlarm
	}
	if in.StateReasonData != nil && !json.Valid([]byte(*in.StateReasonData)) {
		return nil, api.ErrInvalidFormatFault.New("StateReasonData was not valid JSON.")
	}
	v := verdict{state: in.StateValue, reason: in.StateReason, data: cloud.Or(in.StateReasonData, ""), threshold: a.Threshold}
	if a.Composite == nil { // scaling policies want to know how far it is
		w, err := a.look(c, tx)
		if err != nil {
			return nil, err
		}
		v.value = w.newest()
	}
	if err := enter(c, tx, a, v); err != nil {
		return nil, err
	}
	return &cloud.Empty{}, nil
}

func enableAlarmActions(c *cloud.Call, tx store.Tx, in *api.EnableAlarmActionsInput) (*cloud.Empty, error) {
	return switchActions(c, tx, in.AlarmNames, true)
}

func disableAlarmActions(c *cloud.Call, tx store.Tx, in *api.DisableAlarmActionsInput) (*cloud.Empty, error) {
	return switchActions(c, tx, in.AlarmNames, false)
}

func switchActions(c *cloud.Call, tx store.Tx, names []string, on bool) (*cloud.Empty, error) {
	for _, name := range names {
		a, ok := alarms.Get(tx, c.Account, c.Region, name)
		if !ok || *a.ActionsEnabled == on {
			continue
		}
		a.ActionsEnabled, a.AlarmConfigurationUpdatedTimestamp = &on, &c.Now
		alarms.Put(tx, a)
		recordConfiguration(c, tx, a, "Update")
	}
	return &cloud.Empty{}, nil
}
