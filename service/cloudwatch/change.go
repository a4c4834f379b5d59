package cloudwatch

import (
	"encoding/json"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// setAlarmState changes a state by hand, until the next evaluation.
func setAlarmState(c *cloud.Call, tx store.Tx, in *api.SetAlarmStateInput) (*cloud.Empty, error) {
	a, ok := alarms.Get(tx, c.Account, c.Region, in.AlarmName)
	if !ok {
		return nil, errNoAlarm
	}
	if in.StateReasonData != nil && !json.Valid([]byte(*in.StateReasonData)) {
		return nil, api.ErrInvalidFormatFault.New("StateReasonData was not valid JSON.")
	}
	if err := enter(c, tx, a, in.StateValue, in.StateReason, cloud.Or(in.StateReasonData, "")); err != nil {
		return nil, err
	}
	tx.After(c.Now.Add(evaluateEvery(a)), evaluateController, store.K(c.Account, c.Region, in.AlarmName))
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
		record(c, tx, a, api.HistoryItemTypeConfigurationUpdate, "Alarm \""+name+"\" updated", "")
	}
	return &cloud.Empty{}, nil
}
