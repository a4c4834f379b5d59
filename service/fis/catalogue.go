package fis

import (
	"strings"
	"time"

	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/store"
)

// kind is a kind of action.
type kind struct {
	id, about string
	// targets name what the action is aimed at, with the type of each; an
	// action without any is aimed at nothing.
	targets map[string]string
	params  []param
	// lasts is the parameter that says for how long the action goes on; "" or
	// absent: until its work is done.
	lasts string

	// begin does what the action is about. It is called again after a crash, so
	// it looks before it acts, and notes what will be undone.
	begin func(*task) error
	// during is asked while the action's time is not over; at is when to ask
	// again, zero for not before the end.
	during func(*task) (at time.Time, err error)
	// done tells whether the work is done, once the action's time is over.
	done func(*task) (bool, error)
	// end undoes what the action did. It is called however the action ends.
	end func(*task) error
}

// param is a parameter of an action or of a type of targets.
type param struct {
	name, about string
	required    bool
	check       func(value string) error // nil: anything
}

// catalogue lists the actions that really act here. Others of AWS's are not in
// it, and templates that name them are refused.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html
func (s *service) catalogue() []*kind {
	list := append(instanceActions(), networkActions()...)
	list = append(list, volumeActions()...)
	list = append(list, capacityActions()...)
	list = append(list, shiftActions()...)
	list = append(list, s.callActions()...)
	list = append(list, s.commandActions()...)
	return append(list, waitActions()...)
}

func (k *kind) arn(c *cloud.Call) string { return c.ARN("fis", "action/"+k.id) }

func (k *kind) aims() map[string]api.ActionTarget {
	out := map[string]api.ActionTarget{}
	for name, of := range k.targets {
		out[name] = api.ActionTarget{ResourceType: new(of)}
	}
	return out
}

func (k *kind) param(name string) (param, bool) {
	for _, p := range k.params {
		if p.name == name {
			return p, true
		}
	}
	return param{}, false
}

func (s *service) getAction(c *cloud.Call, _ store.Reader, in *api.GetActionInput) (*api.GetActionOutput, error) {
	k, ok := s.kinds[in.Id]
	if !ok {
		return nil, api.ErrResourceNotFound.New("Action not found: %s", in.Id)
	}
	a := &api.Action{Id: &k.id, Arn: new(k.arn(c)), Description: &k.about, Targets: k.aims(), Tags: map[string]string{}, Parameters: map[string]api.ActionParameter{}}
	for _, p := range k.params {
		a.Parameters[p.name] = api.ActionParameter{Description: new(p.about), Required: new(p.required)}
	}
	return &api.GetActionOutput{Action: a}, nil
}

func (s *service) listActions(c *cloud.Call, _ store.Reader, in *api.ListActionsInput) (*api.ListActionsOutput, error) {
	out := &api.ListActionsOutput{Actions: []api.ActionSummary{}}
	sorted := func(yield func(*kind) bool) {
		for _, id := range sortedKeys(s.kinds) {
			if !yield(s.kinds[id]) {
				return
			}
		}
	}
	next, err := page(sorted, func(k *kind) string { return k.id }, in.MaxResults, in.NextToken, func(k *kind) {
		out.Actions = append(out.Actions, api.ActionSummary{Id: &k.id, Arn: new(k.arn(c)), Description: &k.about, Targets: k.aims(), Tags: map[string]string{}})
	})
	out.NextToken = next
	return out, err
}

func getTargetResourceType(_ *cloud.Call, _ store.Reader, in *api.GetTargetResourceTypeInput) (*api.GetTargetResourceTypeOutput, error) {
	f, ok := finders()[in.ResourceType]
	if !ok {
		return nil, api.ErrResourceNotFound.New("Target resource type not found: %s", in.ResourceType)
	}
	t := &api.TargetResourceType{ResourceType: &in.ResourceType, Description: &f.about, Parameters: map[string]api.TargetResourceTypeParameter{}}
	for _, p := range f.params {
		t.Parameters[p.name] = api.TargetResourceTypeParameter{Description: new(p.about), Required: new(p.required)}
	}
	return &api.GetTargetResourceTypeOutput{TargetResourceType: t}, nil
}

func listTargetResourceTypes(_ *cloud.Call, _ store.Reader, in *api.ListTargetResourceTypesInput) (*api.ListTargetResourceTypesOutput, error) {
	out := &api.ListTargetResourceTypesOutput{TargetResourceTypes: []api.TargetResourceTypeSummary{}}
	all := finders()
	next, err := page(each(sortedKeys(all)), func(id *string) string { return *id }, in.MaxResults, in.NextToken, func(id *string) {
		out.TargetResourceTypes = append(out.TargetResourceTypes, api.TargetResourceTypeSummary{ResourceType: id, Description: new(all[*id].about)})
	})
	out.NextToken = next
	return out, err
}

// The parameter that most actions have.
func duration(required bool) param {
	return param{name: "duration", about: "For how long, as ISO 8601 has it: PT1M to PT12H.", required: required, check: checkDuration}
}

const (
	shortest = time.Minute
	longest  = 12 * time.Hour
)

func checkDuration(value string) error {
	d, err := parseDuration(value)
	switch {
	case err != nil:
		return err
	case d < shortest || d > longest:
		return errInvalid("The duration %s is not between one minute and 12 hours.", value)
	}
	return nil
}

// parseDuration reads a duration of ISO 8601 in days, hours, minutes and
// seconds: "PT1M", "P1DT12H".
func parseDuration(value string) (d time.Duration, err error) {
	wrong := errInvalid("Invalid duration: %s", value)
	rest, ok := strings.CutPrefix(value, "P")
	if !ok || rest == "" || strings.HasSuffix(rest, "T") {
		return 0, wrong
	}
	days, clock, _ := strings.Cut(rest, "T")
	for _, part := range []struct{ text, units string }{{days, "D"}, {clock, "HMS"}} {
		at, n, digits := 0, time.Duration(0), 0
		for _, r := range part.text {
			if r >= '0' && r <= '9' && digits < 9 {
				n, digits = n*10+time.Duration(r-'0'), digits+1
				continue
			}
			u := strings.IndexRune(part.units[min(at, len(part.units)):], r)
			if u < 0 || digits == 0 {
				return 0, wrong
			}
			d += n * map[rune]time.Duration{'D': 24 * time.Hour, 'H': time.Hour, 'M': time.Minute, 'S': time.Second}[r]
			at, n, digits = at+u+1, 0, 0
		}
		if digits > 0 {
			return 0, wrong
		}
	}
	return d, nil
}
