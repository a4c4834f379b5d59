package fis

import (
	"errors"
	"fmt"
	"slices"
	"time"

	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/store"
)

const (
	// looks is how often what has no time of its own is looked at: alarms, work
	// that is done when it is done.
	looks = 5 * time.Second
	// kept is how long an experiment that is over is shown.
	kept = 120 * 24 * time.Hour
)

// turn is one look of the controller at an experiment.
type turn struct {
	*service
	*experiment
	c     *cloud.Call // as the service
	roles map[string]*cloud.Call
	wake  time.Time // when to look again; zero: not
}

// lead brings an experiment as far as it can go now. Whatever it was doing when
// an earlier process ended, it does again.
func (s *service) lead(c *cloud.Call, key store.Key) error {
	t, err := s.open(c, key)
	if err != nil || t == nil {
		return err
	}
	if t.over() {
		return t.afterwards()
	}
	if t.Ending == "" && *t.State.Status == api.ExperimentStatusInitiating {
		if err := t.begin(); err != nil {
			return err
		}
	}
	if t.Ending == "" {
		if err := t.watch(); err != nil {
			return err
		}
	}
	if t.Ending == "" && *t.State.Status == api.ExperimentStatusRunning {
		if err := t.advance(); err != nil {
			return err
		}
	}
	if t.Ending != "" && !t.over() {
		if err := t.wind(); err != nil {
			return err
		}
	}
	return t.save()
}

// open reads the experiment of a key; nil where there is none any more.
func (s *service) open(c *cloud.Call, key store.Key) (t *turn, err error) {
	c = c.In(key[0].(string), key[1].(string))
	err = c.View(func(r store.Reader) error {
		t = nil
		if e, ok := experiments.Get(r, key...); ok {
			t = &turn{service: s, experiment: e, c: c, roles: map[string]*cloud.Call{}}
		}
		return nil
	})
	return t, err
}

// save writes how far the experiment is. What was asked for meanwhile, an end
// or tags, is kept.
func (t *turn) save() error {
	return t.c.Cloud.DB().Update(t.c, func(tx store.Tx) error {
		now, ok := experiments.Get(tx, t.key()...)
		if !ok {
			return fmt.Errorf("the experiment %s is gone", t.ID)
		}
		t.Tags = now.Tags
		if now.Ending != "" && t.Ending == "" && !t.over() {
			t.end(now.Ending, now.Why)
			t.wake = t.c.Now
		}
		experiments.Put(tx, t.experiment)
		if !t.wake.IsZero() {
			tx.After(t.wake, experimentController, t.key())
		}
		return nil
	})
}

// lookAt has the controller look again at a time, if not sooner.
func (t *turn) lookAt(at time.Time) {
	if t.wake.IsZero() || at.Before(t.wake) {
		t.wake = at
	}
}

// begin finds the targets, and has the actions begin.
func (t *turn) begin() error {
	t.say("experiment-start", map[string]any{
		"experiment_template_id": *t.ExperimentTemplateId, "experiment_start_time": stamp(*t.StartTime), "experiment_role_arn": *t.RoleArn,
	})
	t.say("target-resolution-start", map[string]any{"target_resolution_start_time": stamp(t.c.Now)})
	t.Resolved = nil
	err := t.resolve()
	t.say("target-resolution-end", map[string]any{"target_resolution_end_time": stamp(t.c.Now)})
	if refused, why := refusal(err); refused {
		t.fail(err, "", "Unable to resolve targets: "+why)
		return nil
	}
	if err != nil {
		return err
	}
	t.State = &api.ExperimentState{Status: new(api.ExperimentStatusRunning), Reason: new("Experiment is running.")}
	if *t.ExperimentOptions.ActionsMode == api.ActionsModeSkipAll {
		for name := range t.Actions {
			t.put(name, api.ExperimentActionStatusSkipped, "Actions are skipped: the mode of the experiment is skip-all.")
		}
	}
	return t.save()
}

// fail begins the end of an experiment that failed.
func (t *turn) fail(err error, where, why string) {
	t.end(api.ExperimentStatusFailed, short(why))
	var e *cloud.Error
	if errors.As(err, &e) {
		t.State.Error = &api.ExperimentError{AccountId: new(t.Account), Code: new(e.Code)}
		if where != "" {
			t.State.Error.Location = &where
		}
	}
}

// short keeps a reason to the length that the API allows.
func short(why string) string {
	const longest = 512
	if len(why) > longest {
		return why[:longest-3] + "..."
	}
	return why
}

// refusal tells whether an error is somebody's answer, and not our trouble, and
// what it says.
func refusal(err error) (yes bool, why string) {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return false, ""
	}
	return true, e.Code + ": " + e.Message
}

// advance starts what can start and ends what is done, as long as something
// happens.
func (t *turn) advance() error {
	for moved := true; moved && t.Ending == ""; {
		moved = false
		for _, name := range t.names() {
			m, err := t.step(name)
			if err != nil {
				return err
			}
			moved = moved || m
			if t.Ending != "" {
				return nil
			}
		}
	}
	open := slices.ContainsFunc(t.names(), func(name string) bool { return !done(t.status(name)) })
	if !open {
		t.finish(api.ExperimentStatusCompleted, "Experiment completed.")
	}
	return nil
}

// wind undoes what goes on, and then ends the experiment.
func (t *turn) wind() error {
	for _, name := range t.names() {
		switch t.status(name) {
		case api.ExperimentActionStatusPending:
			t.put(name, api.ExperimentActionStatusCancelled, "Action was cancelled.")
		case api.ExperimentActionStatusInitiating, api.ExperimentActionStatusRunning, api.ExperimentActionStatusStopping:
			if err := t.undo(name, api.ExperimentActionStatusStopped, "Action was stopped."); err != nil {
				return err
			}
		}
	}
	t.finish(t.Ending, t.Why)
	return nil
}

// finish is the end.
func (t *turn) finish(how, why string) {
	t.Ending, t.Why = how, why
	trouble := t.State.Error
	t.State = &api.ExperimentState{Status: new(how), Reason: new(short(why)), Error: trouble}
	t.EndTime = new(t.c.Now)
	t.say("experiment-end", map[string]any{
		"experiment_end_time": stamp(t.c.Now), "experiment_state": map[string]any{"status": how, "reason": why},
	})
	t.wake = t.c.Now // for what comes after it
}

// afterwards is what an experiment that is over still does: its log is
// delivered, its report made, and in the end it is forgotten.
func (t *turn) afterwards() error {
	if err := t.deliver(); err != nil {
		return err
	}
	return t.c.Cloud.DB().Update(t.c, func(tx store.Tx) error {
		if !experiments.Has(tx, t.key()...) {
			return nil
		}
		if gone := t.EndTime.Add(kept); t.c.Now.Before(gone) {
			tx.After(gone, experimentController, t.key())
		} else {
			experiments.Delete(tx, t.key()...)
			return nil
		}
		if t.ExperimentReport != nil && *t.ExperimentReport.State.Status == api.ExperimentReportStatusPending {
			tx.After(t.reportTime(), reportController, t.key())
		}
		return nil
	})
}

// names are the experiment's actions, in an order that does not change.
func (t *turn) names() []string { return sortedKeys(t.Actions) }

func (t *turn) status(name string) string { return *t.Actions[name].State.Status }

// done tells whether an action has ended.
func done(status string) bool {
	switch status {
	case api.ExperimentActionStatusCompleted, api.ExperimentActionStatusCancelled, api.ExperimentActionStatusStopped,
		api.ExperimentActionStatusFailed, api.ExperimentActionStatusSkipped:
		return true
	}
	return false
}
