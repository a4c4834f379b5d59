package fis

import (
	"maps"
	"slices"
	"time"

	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/identity"
)

// task is an action of an experiment at work.
type task struct {
	*turn
	name    string
	kind    *kind
	action  api.ExperimentAction
	step    *step
	targets map[string][]resolved // by the kind's name of the target
	// undoing tells that what was done is taken back: if the role may not do
	// that, its account does.
	undoing bool
}

func (t *turn) task(name string) *task {
	a := t.Actions[name]
	k := &task{turn: t, name: name, kind: t.kinds[*a.ActionId], action: a, step: t.Steps[name], targets: map[string][]resolved{}}
	for as, target := range a.Targets {
		for _, x := range t.Resolved {
			if x.Name == target {
				k.targets[as] = append(k.targets[as], x)
			}
		}
	}
	return k
}

// put sets the state of an action.
func (t *turn) put(name, status, reason string) {
	a := t.Actions[name]
	a.State = &api.ExperimentActionState{Status: &status, Reason: new(short(reason))}
	switch {
	case status == api.ExperimentActionStatusInitiating && a.StartTime == nil:
		a.StartTime = new(t.c.Now)
	case done(status) && a.StartTime != nil:
		a.EndTime = new(t.c.Now)
	}
	t.Actions[name] = a
	switch {
	case status == api.ExperimentActionStatusRunning:
		t.say("action-start", map[string]any{"action_name": name, "action_id": *a.ActionId, "action_start_time": stamp(*a.StartTime), "action_targets": t.aimedAt(a)})
	case status == api.ExperimentActionStatusFailed:
		t.say("action-error", map[string]any{"action_name": name, "action_id": *a.ActionId, "action_error": reason})
	case done(status):
		t.say("action-end", map[string]any{"action_name": name, "action_id": *a.ActionId, "action_end_time": stamp(t.c.Now), "action_state": map[string]any{"status": status, "reason": reason}})
	}
}

// aimedAt are the targets of an action by name, for the log.
func (t *turn) aimedAt(a api.ExperimentAction) map[string]string {
	out := map[string]string{}
	for as, target := range a.Targets {
		out[as] = target
	}
	return out
}

// step moves one action on, and tells whether anything happened.
func (t *turn) step(name string) (moved bool, err error) {
	switch t.status(name) {
	case api.ExperimentActionStatusPending:
		if !t.ready(name) {
			return false, nil
		}
		return true, t.start(name)
	case api.ExperimentActionStatusInitiating:
		return true, t.act(name)
	case api.ExperimentActionStatusRunning:
		return t.look(name)
	}
	return false, nil
}

// ready tells whether an action's turn has come.
func (t *turn) ready(name string) bool {
	for _, before := range t.Actions[name].StartAfter {
		if s := t.status(before); s != api.ExperimentActionStatusCompleted && s != api.ExperimentActionStatusSkipped {
			return false
		}
	}
	return true
}

// start notes that an action begins, before it does anything.
func (t *turn) start(name string) error {
	k := t.task(name)
	for as := range k.kind.targets {
		if len(k.targets[as]) == 0 {
			t.put(name, api.ExperimentActionStatusSkipped, "Target resolution returned empty set.")
			return nil
		}
	}
	s := &step{Begun: t.c.Now, Notes: map[string]string{}}
	if d, ok := k.lasts(); ok {
		s.Until = t.c.Now.Add(d)
	}
	t.Steps[name] = s
	t.put(name, api.ExperimentActionStatusInitiating, "Action is initiating.")
	if err := t.save(); err != nil {
		return err
	}
	return t.act(name)
}

// act does what the action is about, once more where it was not finished.
func (t *turn) act(name string) error {
	if t.Ending != "" { // it was stopped meanwhile
		return nil
	}
	k := t.task(name)
	if k.kind.begin != nil {
		err := k.kind.begin(k)
		if refused, why := refusal(err); refused {
			return t.broken(name, err, why)
		}
		if err != nil {
			return err
		}
	}
	t.put(name, api.ExperimentActionStatusRunning, "Action is running.")
	return t.save()
}

// broken ends an action that failed, and with it the experiment.
func (t *turn) broken(name string, err error, why string) error {
	t.fail(err, name, "Experiment ended with error. The action "+name+" failed. "+why)
	return t.undo(name, api.ExperimentActionStatusFailed, why)
}

// look ends an action whose work or time is over.
func (t *turn) look(name string) (moved bool, err error) {
	k := t.task(name)
	if !k.step.Until.IsZero() && t.c.Now.Before(k.step.Until) {
		t.lookAt(k.step.Until)
		if k.kind.during == nil {
			return false, nil
		}
		at, err := k.kind.during(k)
		if refused, why := refusal(err); refused {
			return true, t.broken(name, err, why)
		}
		if !at.IsZero() {
			t.lookAt(at)
		}
		return false, err
	}
	if k.kind.done != nil {
		ok, err := k.kind.done(k)
		if refused, why := refusal(err); refused {
			return true, t.broken(name, err, why)
		}
		if err != nil {
			return false, err
		}
		if !ok {
			t.lookAt(t.c.Now.Add(looks))
			return false, nil
		}
	}
	return true, t.undo(name, api.ExperimentActionStatusCompleted, "Action was completed.")
}

// undo takes back what an action did, and ends it.
func (t *turn) undo(name, status, reason string) error {
	k := t.task(name)
	k.undoing = true
	if k.kind.end != nil && k.step != nil {
		err := k.kind.end(k)
		if refused, why := refusal(err); refused {
			status, reason = api.ExperimentActionStatusFailed, why
			t.put(name, status, reason)
			t.fail(err, name, "Experiment ended with error. The action "+name+" failed. "+why)
			return nil
		}
		if err != nil {
			return err
		}
	}
	t.put(name, status, reason)
	return nil
}

// note remembers something before it is done: it is written when note returns.
func (k *task) note(key, value string) error {
	if k.step.Notes[key] == value {
		return nil
	}
	if k.step.Notes == nil {
		k.step.Notes = map[string]string{}
	}
	k.step.Notes[key] = value
	return k.save()
}

// cause is what the action's faults are known by.
func (k *task) cause() string { return *k.Arn + "/" + k.name }

// lasts is for how long the action goes on, by the parameter that says so.
func (k *task) lasts() (time.Duration, bool) {
	text, ok := k.action.Parameters[k.kind.lasts]
	if !ok {
		return 0, false
	}
	d, err := parseDuration(text)
	return d, err == nil
}

// parameter is the value of a parameter, or its default.
func (k *task) parameter(name, otherwise string) string {
	if v, ok := k.action.Parameters[name]; ok {
		return v
	}
	return otherwise
}

// byAccount are the ids of targets by the account that they are in; an id is
// what follows the last slash of an ARN.
func byAccount(list []resolved) map[string][]string {
	out := map[string][]string{}
	for _, x := range list {
		a, _ := cloud.ParseARN(x.ARN)
		out[a.Account] = append(out[a.Account], x.id())
	}
	return out
}

// each calls f for each account that has targets of a name, as its role.
func (k *task) each(target string, f func(c *cloud.Call, ids []string) error) error {
	groups := byAccount(k.targets[target])
	for _, account := range sortedKeys(groups) {
		if err := k.as(account, func(c *cloud.Call) error { return f(c, groups[account]) }); err != nil {
			return err
		}
	}
	return nil
}

// as calls f as the role for an account. What is undone is undone by the
// account itself where the role cannot any more.
func (k *task) as(account string, f func(c *cloud.Call) error) error {
	c, err := k.role(account)
	if err == nil {
		err = f(c)
	}
	if refused, _ := refusal(err); refused && k.undoing {
		return f(identity.AsAccount(k.c.In(account, k.Region)))
	}
	return err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
