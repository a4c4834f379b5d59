package cloudwatch

import (
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// lift forgets actions that were held back: the alarm's state is another.
func (a *alarm) lift() {
	if k := a.Composite; k != nil {
		if k.Held = false; k.By == api.ActionsSuppressedByWaitPeriod {
			k.By, k.Until = "", time.Time{}
		}
	}
}

// suppress holds back the actions of a composite alarm that has changed its
// state, where its suppressor is in alarm, has been until lately, or still has
// time to be.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html
func suppress(c *cloud.Call, tx store.Tx, a *alarm) (held bool) {
	k := a.Composite
	switch {
	case suppressing(tx, a):
		k.By, k.Until = api.ActionsSuppressedByAlarm, time.Time{}
	case k.By == api.ActionsSuppressedByExtensionPeriod && c.Now.Before(k.Until):
	case cloud.Or(k.Wait, 0) > 0:
		a.wait(c, tx, api.ActionsSuppressedByWaitPeriod, *k.Wait)
	default:
		return false
	}
	k.Held = true
	record(c, tx, a, api.HistoryItemTypeAction, "Actions suppressed by "+k.By, "")
	return true
}

// wait holds actions back for a period.
func (a *alarm) wait(c *cloud.Call, tx store.Tx, by string, seconds int32) {
	k := a.Composite
	k.By, k.Until = by, c.Now.Add(time.Duration(seconds)*time.Second)
	tx.After(k.Until, compositeController, a.key())
}

// suppressing tells whether the suppressor of an alarm is in alarm.
func suppressing(r store.Reader, a *alarm) bool {
	s, ok := alarms.Peek(r, a.Account, a.Region, a.Composite.Suppressor)
	return ok && *s.StateValue == api.StateValueAlarm
}

// release has the actions of a composite alarm no longer held back once its
// suppressor has left the alarm state, and the period after it has passed, or
// once it has not come into it in time. What was held back is done then.
func release(c *cloud.Call, tx store.Tx, a *alarm) error {
	k := a.Composite
	if k.Suppressor == "" {
		return nil
	}
	by, until, held := k.By, k.Until, k.Held
	in := suppressing(tx, a)
	switch {
	case k.By == api.ActionsSuppressedByWaitPeriod && c.Now.Before(k.Until):
		tx.After(k.Until, compositeController, a.key())
	case in:
		k.By, k.Until = api.ActionsSuppressedByAlarm, time.Time{}
	case k.By == api.ActionsSuppressedByAlarm && cloud.Or(k.Extension, 0) > 0:
		a.wait(c, tx, api.ActionsSuppressedByExtensionPeriod, *k.Extension)
	case k.By == api.ActionsSuppressedByExtensionPeriod && c.Now.Before(k.Until):
		tx.After(k.Until, compositeController, a.key())
	default:
		k.By, k.Until = "", time.Time{}
	}
	if k.By == "" && k.Held {
		if k.Held = false; *a.ActionsEnabled {
			if err := emit(c, tx, a, verdict{state: *a.StateValue}, anyAction); err != nil {
				return err
			}
		}
	}
	if k.By != by || !k.Until.Equal(until) || k.Held != held {
		alarms.Put(tx, a)
	}
	return nil
}
