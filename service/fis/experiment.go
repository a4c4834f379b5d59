package fis

import (
	"time"

	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/store"
)

// experiment is a template that was started. What it has done, and so what is
// to be undone, is in its steps.
type experiment struct {
	Account, Region, ID string
	Token, Print        string // of the request that started it
	api.Experiment
	Accounts []account // other accounts, with their roles
	Resolved []resolved
	Steps    map[string]*step // by name of action
	// Ending is how it is to end, once everything is undone: "" while it goes
	// on, or a terminal status. Why is the reason that it will have.
	Ending, Why string
	// Said are the events of its log; Delivered how many of them have reached
	// their destination.
	Said      []event
	Delivered int
}

// step is an action as far as it has come.
type step struct {
	Begun time.Time // the first time that it was tried
	Until time.Time // when it ends by itself; zero: when its work is done
	// Notes are what it has to know to be undone: a subnet's own network ACL.
	Notes map[string]string
}

// resolved is a target that was found.
type resolved struct {
	Name string // of the target in the template
	Type string
	ARN  string
}

var experiments = &store.Table[experiment]{
	Name: "fis.experiment",
	Key:  func(e *experiment) store.Key { return e.key() },
	Indexes: map[string]func(*experiment) store.Key{
		"token": func(e *experiment) store.Key { return store.K(e.Account, e.Region, e.Token) },
	},
}

func (e *experiment) key() store.Key { return store.K(e.Account, e.Region, e.ID) }

// over tells whether it has ended.
func (e *experiment) over() bool {
	switch *e.State.Status {
	case api.ExperimentStatusCompleted, api.ExperimentStatusStopped, api.ExperimentStatusFailed, api.ExperimentStatusCancelled:
		return true
	}
	return false
}

func findExperiment(c *cloud.Call, r store.Reader, id string) (*experiment, error) {
	e, ok := experiments.Get(r, c.Account, c.Region, id)
	if !ok {
		return nil, errNoExperiment(id)
	}
	return e, nil
}

// shown is the experiment as the API shows it.
func (e *experiment) shown() *api.Experiment {
	out := e.Experiment
	if out.Tags == nil {
		out.Tags = map[string]string{}
	}
	return &out
}

// startExperiment leaves the rest to the controller.
func (s *service) startExperiment(c *cloud.Call, tx store.Tx, in *api.StartExperimentInput) (*api.StartExperimentOutput, error) {
	made := fingerprint(in)
	for e := range experiments.Index(tx, "token", c.Account, c.Region, in.ClientToken) {
		if e.Print != made {
			return nil, errToken(in.ClientToken)
		}
		return &api.StartExperimentOutput{Experiment: e.shown()}, nil
	}
	t, err := findTemplate(c, tx, in.ExperimentTemplateId)
	if err != nil {
		return nil, err
	}
	running := 0
	for e := range experiments.Scan(tx, c.Account, c.Region) {
		if !e.over() {
			running++
		}
	}
	if running >= maxExperiments {
		return nil, errQuota("active experiments", maxExperiments)
	}
	// What the template names may be gone, or this cloud another version.
	if err := s.check(c, tx, t); err != nil {
		return nil, err
	}
	mode := api.ActionsModeRunAll
	if in.ExperimentOptions != nil {
		mode = cloud.Or(in.ExperimentOptions.ActionsMode, mode)
	}
	e := begun(c, tx, t, mode)
	if leverOf(c, tx).engaged() {
		// https://docs.aws.amazon.com/fis/latest/userguide/safety-lever.html
		e.Ending, e.Why = api.ExperimentStatusCancelled, "Experiment cancelled: the safety lever is engaged."
	}
	e.Token, e.Print, e.Tags = in.ClientToken, made, in.Tags
	experiments.Insert(tx, e)
	tx.After(time.Time{}, experimentController, e.key())
	return &api.StartExperimentOutput{Experiment: e.shown()}, nil
}

// begun is an experiment of a template, before anything has happened.
func begun(c *cloud.Call, r store.Reader, t *template, mode string) *experiment {
	e := &experiment{Account: c.Account, Region: c.Region, ID: newID(c, "EXP"), Steps: map[string]*step{}}
	e.Experiment = api.Experiment{
		Id: &e.ID, Arn: new(c.ARN("fis", "experiment/"+e.ID)), ExperimentTemplateId: &t.ID, RoleArn: t.RoleArn,
		State:   &api.ExperimentState{Status: new(api.ExperimentStatusInitiating), Reason: new("Experiment is initiating.")},
		Targets: map[string]api.ExperimentTarget{}, Actions: map[string]api.ExperimentAction{}, CreationTime: new(c.Now), StartTime: new(c.Now),
		ExperimentOptions: &api.ExperimentOptions{
			AccountTargeting: t.ExperimentOptions.AccountTargeting, EmptyTargetResolutionMode: t.ExperimentOptions.EmptyTargetResolutionMode, ActionsMode: &mode,
		},
	}
	for name, x := range t.Targets {
		o := api.ExperimentTarget{ResourceType: x.ResourceType, ResourceArns: x.ResourceArns, ResourceTags: x.ResourceTags, SelectionMode: x.SelectionMode, Parameters: x.Parameters}
		for _, f := range x.Filters {
			o.Filters = append(o.Filters, api.ExperimentTargetFilter(f))
		}
		e.Targets[name] = o
	}
	for name, x := range t.Actions {
		e.Actions[name] = api.ExperimentAction{
			ActionId: x.ActionId, Description: x.Description, Parameters: x.Parameters, Targets: x.Targets, StartAfter: x.StartAfter,
			State: &api.ExperimentActionState{Status: new(api.ExperimentActionStatusPending), Reason: new("Initial state")},
		}
	}
	for _, x := range t.StopConditions {
		e.StopConditions = append(e.StopConditions, api.ExperimentStopCondition(x))
	}
	for _, a := range accountsOf(r, t) {
		e.Accounts = append(e.Accounts, *a)
	}
	if cloud.Or(t.ExperimentOptions.AccountTargeting, "") == api.AccountTargetingMultiAccount {
		e.TargetAccountConfigurationsCount = new(int64(len(e.Accounts)))
	}
	e.keepOutputs(t)
	return e
}

// keepOutputs notes where the log and the report go.
func (e *experiment) keepOutputs(t *template) {
	if l := t.LogConfiguration; l != nil {
		e.LogConfiguration = &api.ExperimentLogConfiguration{LogSchemaVersion: l.LogSchemaVersion}
		if l.S3Configuration != nil {
			e.LogConfiguration.S3Configuration = new(api.ExperimentS3LogConfiguration(*l.S3Configuration))
		}
		if l.CloudWatchLogsConfiguration != nil {
			e.LogConfiguration.CloudWatchLogsConfiguration = new(api.ExperimentCloudWatchLogsLogConfiguration(*l.CloudWatchLogsConfiguration))
		}
	}
	p := t.ExperimentReportConfiguration
	if p == nil {
		return
	}
	e.ExperimentReportConfiguration = &api.ExperimentReportConfiguration{PreExperimentDuration: p.PreExperimentDuration, PostExperimentDuration: p.PostExperimentDuration}
	e.ExperimentReport = &api.ExperimentReport{State: &api.ExperimentReportState{Status: new(api.ExperimentReportStatusPending)}}
	if p.Outputs != nil && p.Outputs.S3Configuration != nil {
		e.ExperimentReportConfiguration.Outputs = &api.ExperimentReportConfigurationOutputs{
			S3Configuration: new(api.ExperimentReportConfigurationOutputsS3Configuration(*p.Outputs.S3Configuration)),
		}
	}
	if p.DataSources != nil {
		d := &api.ExperimentReportConfigurationDataSources{}
		for _, x := range p.DataSources.CloudWatchDashboards {
			d.CloudWatchDashboards = append(d.CloudWatchDashboards, api.ExperimentReportConfigurationCloudWatchDashboard(x))
		}
		e.ExperimentReportConfiguration.DataSources = d
	}
}

// stopExperiment has the controller undo what goes on.
func stopExperiment(c *cloud.Call, tx store.Tx, in *api.StopExperimentInput) (*api.StopExperimentOutput, error) {
	e, err := findExperiment(c, tx, in.Id)
	if err != nil {
		return nil, err
	}
	if e.over() {
		return nil, errInvalid("Experiment %s is %s: it cannot be stopped.", e.ID, *e.State.Status)
	}
	if e.Ending == "" {
		e.end(api.ExperimentStatusStopped, "Experiment stopped by user.")
		experiments.Put(tx, e)
		tx.After(time.Time{}, experimentController, e.key())
	}
	return &api.StopExperimentOutput{Experiment: e.shown()}, nil
}

// end begins the end of the experiment.
func (e *experiment) end(how, why string) {
	if e.Ending != "" {
		return
	}
	e.Ending, e.Why = how, why
	e.State = &api.ExperimentState{Status: new(api.ExperimentStatusStopping), Reason: new("Stopping Experiment.")}
}

func getExperiment(c *cloud.Call, r store.Reader, in *api.GetExperimentInput) (*api.GetExperimentOutput, error) {
	e, err := findExperiment(c, r, in.Id)
	if err != nil {
		return nil, err
	}
	return &api.GetExperimentOutput{Experiment: e.shown()}, nil
}

func listExperiments(c *cloud.Call, r store.Reader, in *api.ListExperimentsInput) (*api.ListExperimentsOutput, error) {
	out := &api.ListExperimentsOutput{Experiments: []api.ExperimentSummary{}}
	wanted := func(yield func(*experiment) bool) {
		for e := range experiments.Scan(r, c.Account, c.Region) {
			if (in.ExperimentTemplateId == nil || *in.ExperimentTemplateId == *e.ExperimentTemplateId) && !yield(e) {
				return
			}
		}
	}
	next, err := page(wanted, func(e *experiment) string { return e.ID }, in.MaxResults, in.NextToken, func(e *experiment) {
		out.Experiments = append(out.Experiments, api.ExperimentSummary{
			Id: e.Id, Arn: e.Arn, ExperimentTemplateId: e.ExperimentTemplateId, State: e.State, CreationTime: e.CreationTime, Tags: e.Tags, ExperimentOptions: e.ExperimentOptions,
		})
	})
	out.NextToken = next
	return out, err
}

func listExperimentResolvedTargets(c *cloud.Call, r store.Reader, in *api.ListExperimentResolvedTargetsInput) (*api.ListExperimentResolvedTargetsOutput, error) {
	e, err := findExperiment(c, r, in.ExperimentId)
	if err != nil {
		return nil, err
	}
	if in.TargetName != nil {
		if _, ok := e.Targets[*in.TargetName]; !ok {
			return nil, errInvalid("The experiment %s has no target %s.", e.ID, *in.TargetName)
		}
	}
	out := &api.ListExperimentResolvedTargetsOutput{ResolvedTargets: []api.ResolvedTarget{}}
	wanted := func(yield func(*resolved) bool) {
		for i := range e.Resolved {
			if (in.TargetName == nil || *in.TargetName == e.Resolved[i].Name) && !yield(&e.Resolved[i]) {
				return
			}
		}
	}
	out.NextToken, err = page(wanted, func(t *resolved) string { return t.Name + " " + t.ARN }, in.MaxResults, in.NextToken, func(t *resolved) {
		out.ResolvedTargets = append(out.ResolvedTargets, api.ResolvedTarget{
			ResourceType: new(t.Type), TargetName: new(t.Name), TargetInformation: map[string]string{"arn": t.ARN},
		})
	})
	return out, err
}
