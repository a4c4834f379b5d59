package cloudwatch

import (
	"slices"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

const evaluateController = "cloudwatch.evaluate"

const aDay = 24 * time.Hour

// every is how often an alarm looks: each minute; each ten seconds where its
// period is below a minute; each hour where it looks back for more than a day.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
func (a *alarm) every() time.Duration {
	period := time.Duration(a.period()) * time.Second
	switch {
	case period < time.Minute:
		return tickFine
	case period*time.Duration(cloud.Or(a.EvaluationPeriods, 1)) > aDay:
		return time.Hour
	}
	return time.Minute
}

// evaluateAll evaluates the alarms that look now and have not since last. It
// writes only about those with something new. fine tells that some look more
// often than each minute.
func evaluateAll(c *cloud.Call, last time.Time) (fine bool, err error) {
	var news []store.Key
	err = c.View(func(r store.Reader) error {
		news, fine = nil, false
		for a := range alarms.Glance(r, store.K(), store.K()) {
			if a.Composite != nil {
				continue
			}
			every := a.every()
			fine = fine || every < time.Minute
			if !c.Now.Truncate(every).After(last) {
				continue
			}
			v, err := a.evaluate(c.In(a.Account, a.Region), r)
			if err != nil {
				return err
			}
			if v.isNews(a) || a.repeats() {
				news = append(news, alarms.Key(a))
			}
		}
		return nil
	})
	if err != nil || len(news) == 0 {
		return fine, err
	}
	return fine, c.Update(func(tx store.Tx) error {
		for _, key := range news {
			if err := evaluateOne(c, tx, key, true); err != nil {
				return err
			}
		}
		return nil
	})
}

// evaluate looks at one alarm outside of its turn, because it was changed.
func evaluate(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error { return evaluateOne(c, tx, key, false) })
}

// evaluateOne brings an alarm into the state that it should be in. In its turn
// it also runs the actions that are repeated for as long as a state lasts.
func evaluateOne(c *cloud.Call, tx store.Tx, key store.Key, turn bool) error {
	a, ok := alarms.Get(tx, key...)
	if !ok || a.Composite != nil {
		return nil
	}
	c = c.In(a.Account, a.Region)
	v, err := a.evaluate(c, tx)
	if err != nil {
		return err
	}
	news := v.isNews(a)
	if !v.warms {
		a.Warming = time.Time{}
	}
	if err := contribute(c, tx, a, v.contributors); err != nil {
		return err
	}
	switch {
	case v.state != *a.StateValue:
		return enter(c, tx, a, v)
	case news:
		a.EvaluationState = v.evaluation
		alarms.Put(tx, a)
	}
	if turn && a.repeats() {
		return emit(c, tx, a, v, scalingAction)
	}
	return nil
}

// repeats tells whether actions of the alarm's state are run again for as long
// as it lasts, each minute: those of Auto Scaling.
func (a *alarm) repeats() bool {
	return *a.ActionsEnabled && a.Muted == "" && slices.ContainsFunc(a.actions(*a.StateValue), scalingAction)
}

// actions are what an alarm does on coming into a state.
func (a *alarm) actions(state string) []string {
	switch state {
	case api.StateValueOk:
		return a.OKActions
	case api.StateValueAlarm:
		return a.AlarmActions
	}
	return a.InsufficientDataActions
}

// verdict is what an evaluation has found.
type verdict struct {
	state, reason, data string
	value               *float64 // the newest data point
	threshold           *float64
	evaluation          *string // EvaluationState, where something is wrong
	warms               bool    // the alarm warms up: nothing is done
	contributors        []contributor
}

// isNews tells whether a verdict says something that the alarm does not.
func (v *verdict) isNews(a *alarm) bool {
	return v.state != *a.StateValue || cloud.Or(v.evaluation, "") != cloud.Or(a.EvaluationState, "") || v.warms == a.Warming.IsZero() || contributed(a.Contributors, v.contributors)
}

// evaluate looks at what an alarm watches and judges it.
func (a *alarm) evaluate(c *cloud.Call, r store.Reader) (verdict, error) {
	if a.grouped() {
		return a.evaluateGroups(c, r)
	}
	w, err := a.look(c, r)
	if err != nil {
		return verdict{}, err
	}
	if a.warms(c.Now, w) {
		return warming(), nil
	}
	return a.judge(c, w)
}
