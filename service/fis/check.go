package fis

import (
	"regexp"
	"strconv"
	"strings"

	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/store"
)

// check tells what is wrong with a template.
func (s *service) check(c *cloud.Call, r store.Reader, t *template) error {
	switch {
	case len(t.Actions) == 0:
		return errInvalid("An experiment template needs at least one action.")
	case len(t.Actions) > maxActions:
		return errQuota("actions of an experiment template", maxActions)
	case len(t.StopConditions) == 0:
		return errInvalid("An experiment template needs at least one stop condition.")
	case len(t.StopConditions) > maxStops:
		return errQuota("stop conditions of an experiment template", maxStops)
	}
	if arn, ok := cloud.ParseARN(*t.RoleArn); !ok || arn.Service != "iam" || !strings.HasPrefix(arn.Resource, "role/") {
		return errInvalid("Invalid role ARN: %s", *t.RoleArn)
	}
	for _, stop := range t.StopConditions {
		if err := checkStop(stop, len(t.StopConditions)); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(t.Targets) {
		if err := t.checkTarget(name); err != nil {
			return err
		}
	}
	used := map[string]bool{}
	for _, name := range sortedKeys(t.Actions) {
		if err := s.checkAction(t, name, used); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(t.Targets) {
		if !used[name] {
			return errInvalid("The target %s is not used by any action.", name)
		}
	}
	if err := t.checkOrder(); err != nil {
		return err
	}
	return t.checkOutputs()
}

func checkStop(stop api.ExperimentTemplateStopCondition, of int) error {
	switch *stop.Source {
	case sourceNone:
		if stop.Value != nil || of > 1 {
			return errInvalid("The stop condition none has no value, and stands alone.")
		}
	case sourceAlarm:
		if alarmName(cloud.Or(stop.Value, "")) == "" {
			return errInvalid("The stop condition needs the ARN of a CloudWatch alarm.")
		}
	default:
		return errInvalid("Invalid stop condition source: %s", *stop.Source)
	}
	return nil
}

// alarmName is the name of the alarm that an ARN names; "" where it names none.
func alarmName(arn string) string {
	a, ok := cloud.ParseARN(arn)
	name, is := strings.CutPrefix(a.Resource, "alarm:")
	if !ok || a.Service != "cloudwatch" || !is {
		return ""
	}
	return name
}

func (t *template) checkTarget(name string) error {
	x := t.Targets[name]
	f, ok := finders()[*x.ResourceType]
	switch {
	case !ok:
		return errInvalid("The target %s has an invalid resource type: %s", name, *x.ResourceType)
	case len(x.ResourceArns) == 0 && len(x.ResourceTags) == 0 && len(x.Filters) == 0 && len(x.Parameters) == 0:
		return errInvalid("The target %s needs resource ARNs, resource tags, filters or parameters.", name)
	case len(x.ResourceArns) > 0 && len(x.ResourceTags)+len(x.Filters) > 0:
		return errInvalid("The target %s has resource ARNs, and so neither resource tags nor filters.", name)
	}
	if _, err := parseMode(*x.SelectionMode); err != nil {
		return err
	}
	for _, arn := range x.ResourceArns {
		a, ok := cloud.ParseARN(arn)
		if !ok || !f.names(a) {
			return errInvalid("The target %s has a resource ARN that is not of type %s: %s", name, *x.ResourceType, arn)
		}
		if a.Account != t.Account && cloud.Or(t.ExperimentOptions.AccountTargeting, "") != api.AccountTargetingMultiAccount {
			return errInvalid("The target %s is in another account, and the template targets a single account: %s", name, arn)
		}
	}
	for _, filter := range x.Filters {
		if len(filter.Values) == 0 {
			return errInvalid("The filter %s of the target %s needs values.", *filter.Path, name)
		}
	}
	for p := range x.Parameters {
		if !f.has(p) {
			return errInvalid("The target %s has an unknown parameter: %s", name, p)
		}
	}
	return nil
}

func (s *service) checkAction(t *template, name string, used map[string]bool) error {
	a := t.Actions[name]
	k, ok := s.kinds[cloud.Or(a.ActionId, "")]
	if !ok {
		return errInvalid("The action %s has an invalid action id: %s", name, cloud.Or(a.ActionId, ""))
	}
	for _, p := range k.params {
		v, given := a.Parameters[p.name]
		switch {
		case !given && p.required:
			return errInvalid("The action %s needs the parameter %s.", name, p.name)
		case given && p.check != nil:
			if err := p.check(v); err != nil {
				return err
			}
		}
	}
	for p := range a.Parameters {
		if _, ok := k.param(p); !ok {
			return errInvalid("The action %s has an unknown parameter: %s", name, p)
		}
	}
	for as, of := range k.targets {
		target, given := a.Targets[as]
		x, exists := t.Targets[target]
		switch {
		case !given:
			return errInvalid("The action %s needs the target %s.", name, as)
		case !exists:
			return errInvalid("The action %s names a target that does not exist: %s", name, target)
		case *x.ResourceType != of:
			return errInvalid("The target %s of the action %s must be of type %s.", target, name, of)
		}
		used[target] = true
	}
	for as := range a.Targets {
		if k.targets[as] == "" {
			return errInvalid("The action %s has an unknown target: %s", name, as)
		}
	}
	return nil
}

// checkOrder refuses actions that wait for each other.
func (t *template) checkOrder() error {
	const seen, passed = 1, 2
	state := map[string]int{}
	var visit func(name string) error
	visit = func(name string) error {
		switch state[name] {
		case passed:
			return nil
		case seen:
			return errInvalid("The action %s waits for itself.", name)
		}
		state[name] = seen
		for _, before := range t.Actions[name].StartAfter {
			if _, ok := t.Actions[before]; !ok {
				return errInvalid("The action %s starts after one that does not exist: %s", name, before)
			}
			if err := visit(before); err != nil {
				return err
			}
		}
		state[name] = passed
		return nil
	}
	for _, name := range sortedKeys(t.Actions) {
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

// checkOutputs looks at the log and the report.
func (t *template) checkOutputs() error {
	if l := t.LogConfiguration; l != nil {
		switch {
		case *l.LogSchemaVersion != 1 && *l.LogSchemaVersion != 2:
			return errInvalid("Invalid log schema version: %d", *l.LogSchemaVersion)
		case l.S3Configuration == nil && l.CloudWatchLogsConfiguration == nil:
			return errInvalid("The log configuration needs a destination.")
		case l.CloudWatchLogsConfiguration != nil:
			return errInvalid("Logs go to Amazon S3 here: there is no CloudWatch Logs in this cloud.")
		}
	}
	p := t.ExperimentReportConfiguration
	if p == nil {
		return nil
	}
	if p.Outputs == nil || p.Outputs.S3Configuration == nil || cloud.Or(p.Outputs.S3Configuration.BucketName, "") == "" {
		return errInvalid("The report configuration needs an S3 bucket.")
	}
	for _, d := range []*string{p.PreExperimentDuration, p.PostExperimentDuration} {
		if _, err := parseDuration(cloud.Or(d, "PT20M")); err != nil {
			return err
		}
	}
	return nil
}

// mode is how many of the targets that were found are meant.
type mode struct {
	count, percent int // 0: all
}

var modes = regexp.MustCompile(`^(?:ALL|(COUNT|PERCENT)\(([0-9]{1,5})\))$`)

func parseMode(text string) (m mode, err error) {
	p := modes.FindStringSubmatch(text)
	if p == nil {
		return m, errInvalid("Invalid selection mode: %s", text)
	}
	if p[1] == "" {
		return m, nil
	}
	n, err := strconv.Atoi(p[2])
	switch {
	case err != nil || n < 1 || p[1] == "PERCENT" && n > 100:
		return m, errInvalid("Invalid selection mode: %s", text)
	case p[1] == "COUNT":
		return mode{count: n}, nil
	}
	return mode{percent: n}, nil
}
