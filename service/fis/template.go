package fis

import (
	"maps"
	"time"

	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/rng"
	"pileus/store"
)

// Quotas that cannot be raised, and those that AWS begins with.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-quotas.html
const (
	maxTemplates   = 500
	maxActions     = 20
	maxStops       = 5
	maxExperiments = 5 // that run at once
	maxAccounts    = 40
)

// template is an experiment template.
type template struct {
	Account, Region, ID string
	Token, Print        string // of the request that made it
	api.ExperimentTemplate
}

var templates = &store.Table[template]{
	Name: "fis.template",
	Key:  func(t *template) store.Key { return store.K(t.Account, t.Region, t.ID) },
	Indexes: map[string]func(*template) store.Key{
		"token": func(t *template) store.Key { return store.K(t.Account, t.Region, t.Token) },
	},
}

// newID is an id as "EXT6oWqVvK2bPx8L".
func newID(c *cloud.Call, prefix string) string { return prefix + c.Rand().String(14, rng.Base62) }

func findTemplate(c *cloud.Call, r store.Reader, id string) (*template, error) {
	t, ok := templates.Get(r, c.Account, c.Region, id)
	if !ok {
		return nil, errNoTemplate(id)
	}
	return t, nil
}

// shown is the template as the API shows it.
func (t *template) shown(r store.Reader) *api.ExperimentTemplate {
	out := t.ExperimentTemplate
	if cloud.Or(out.ExperimentOptions.AccountTargeting, "") == api.AccountTargetingMultiAccount {
		out.TargetAccountConfigurationsCount = new(int64(len(accountsOf(r, t))))
	}
	if out.Tags == nil {
		out.Tags = map[string]string{}
	}
	return &out
}

func (s *service) createExperimentTemplate(c *cloud.Call, tx store.Tx, in *api.CreateExperimentTemplateInput) (*api.CreateExperimentTemplateOutput, error) {
	made := fingerprint(in)
	for t := range templates.Index(tx, "token", c.Account, c.Region, in.ClientToken) {
		if t.Print != made {
			return nil, errToken(in.ClientToken)
		}
		return &api.CreateExperimentTemplateOutput{ExperimentTemplate: t.shown(tx)}, nil
	}
	n := 0
	for range templates.Scan(tx, c.Account, c.Region) {
		n++
	}
	if n >= maxTemplates {
		return nil, errQuota("experiment templates", maxTemplates)
	}
	t := &template{Account: c.Account, Region: c.Region, ID: newID(c, "EXT"), Token: in.ClientToken, Print: made}
	t.ExperimentTemplate = api.ExperimentTemplate{
		Id: &t.ID, Arn: new(c.ARN("fis", "experiment-template/"+t.ID)), Description: &in.Description, RoleArn: &in.RoleArn,
		Targets: map[string]api.ExperimentTemplateTarget{}, Actions: map[string]api.ExperimentTemplateAction{}, Tags: in.Tags,
		CreationTime: new(c.Now), LastUpdateTime: new(c.Now),
		ExperimentOptions: &api.ExperimentTemplateExperimentOptions{
			AccountTargeting: new(api.AccountTargetingSingleAccount), EmptyTargetResolutionMode: new(api.EmptyTargetResolutionModeFail),
		},
	}
	for name, x := range in.Targets {
		t.Targets[name] = targetOf(x)
	}
	for name, x := range in.Actions {
		t.Actions[name] = actionOf(x)
	}
	for _, x := range in.StopConditions {
		t.StopConditions = append(t.StopConditions, api.ExperimentTemplateStopCondition{Source: new(x.Source), Value: x.Value})
	}
	if o := in.ExperimentOptions; o != nil {
		over(&t.ExperimentOptions.AccountTargeting, o.AccountTargeting)
		over(&t.ExperimentOptions.EmptyTargetResolutionMode, o.EmptyTargetResolutionMode)
	}
	if l := in.LogConfiguration; l != nil {
		t.LogConfiguration = logOf(l.LogSchemaVersion, l.S3Configuration, l.CloudWatchLogsConfiguration)
	}
	if p := in.ExperimentReportConfiguration; p != nil {
		t.ExperimentReportConfiguration = reportOf(p.Outputs, p.DataSources, p.PreExperimentDuration, p.PostExperimentDuration)
	}
	if err := s.check(c, tx, t); err != nil {
		return nil, err
	}
	templates.Insert(tx, t)
	return &api.CreateExperimentTemplateOutput{ExperimentTemplate: t.shown(tx)}, nil
}

func over[T any](p **T, v *T) {
	if v != nil {
		*p = v
	}
}

// targetOf is a target as a template keeps it.
func targetOf(x api.CreateExperimentTemplateTargetInput) api.ExperimentTemplateTarget {
	t := api.ExperimentTemplateTarget{
		ResourceType: new(x.ResourceType), ResourceArns: x.ResourceArns, ResourceTags: x.ResourceTags, SelectionMode: new(x.SelectionMode), Parameters: x.Parameters,
	}
	for _, f := range x.Filters {
		t.Filters = append(t.Filters, api.ExperimentTemplateTargetFilter{Path: new(f.Path), Values: f.Values})
	}
	return t
}

func actionOf(x api.CreateExperimentTemplateActionInput) api.ExperimentTemplateAction {
	return api.ExperimentTemplateAction{ActionId: new(x.ActionId), Description: x.Description, Parameters: x.Parameters, Targets: x.Targets, StartAfter: x.StartAfter}
}

func logOf(version int32, s3 *api.ExperimentTemplateS3LogConfigurationInput, logs *api.ExperimentTemplateCloudWatchLogsLogConfigurationInput) *api.ExperimentTemplateLogConfiguration {
	l := &api.ExperimentTemplateLogConfiguration{LogSchemaVersion: &version}
	if s3 != nil {
		l.S3Configuration = &api.ExperimentTemplateS3LogConfiguration{BucketName: &s3.BucketName, Prefix: s3.Prefix}
	}
	if logs != nil {
		l.CloudWatchLogsConfiguration = &api.ExperimentTemplateCloudWatchLogsLogConfiguration{LogGroupArn: &logs.LogGroupArn}
	}
	return l
}

func reportOf(out *api.ExperimentTemplateReportConfigurationOutputsInput, data *api.ExperimentTemplateReportConfigurationDataSourcesInput, before, after *string) *api.ExperimentTemplateReportConfiguration {
	p := &api.ExperimentTemplateReportConfiguration{PreExperimentDuration: before, PostExperimentDuration: after}
	if out != nil && out.S3Configuration != nil {
		p.Outputs = &api.ExperimentTemplateReportConfigurationOutputs{S3Configuration: &api.ReportConfigurationS3Output{
			BucketName: out.S3Configuration.BucketName, Prefix: out.S3Configuration.Prefix,
		}}
	}
	if data != nil {
		p.DataSources = &api.ExperimentTemplateReportConfigurationDataSources{}
		for _, d := range data.CloudWatchDashboards {
			p.DataSources.CloudWatchDashboards = append(p.DataSources.CloudWatchDashboards, api.ExperimentTemplateReportConfigurationCloudWatchDashboard(d))
		}
	}
	return p
}

func getExperimentTemplate(c *cloud.Call, r store.Reader, in *api.GetExperimentTemplateInput) (*api.GetExperimentTemplateOutput, error) {
	t, err := findTemplate(c, r, in.Id)
	if err != nil {
		return nil, err
	}
	return &api.GetExperimentTemplateOutput{ExperimentTemplate: t.shown(r)}, nil
}

func listExperimentTemplates(c *cloud.Call, r store.Reader, in *api.ListExperimentTemplatesInput) (*api.ListExperimentTemplatesOutput, error) {
	out := &api.ListExperimentTemplatesOutput{ExperimentTemplates: []api.ExperimentTemplateSummary{}}
	next, err := page(templates.Scan(r, c.Account, c.Region), func(t *template) string { return t.ID }, in.MaxResults, in.NextToken, func(t *template) {
		out.ExperimentTemplates = append(out.ExperimentTemplates, api.ExperimentTemplateSummary{
			Id: t.Id, Arn: t.Arn, Description: t.Description, CreationTime: t.CreationTime, LastUpdateTime: t.LastUpdateTime, Tags: t.Tags,
		})
	})
	out.NextToken = next
	return out, err
}

// updateExperimentTemplate replaces what the request brings: whole maps of
// targets and actions, not single ones of them.
func (s *service) updateExperimentTemplate(c *cloud.Call, tx store.Tx, in *api.UpdateExperimentTemplateInput) (*api.UpdateExperimentTemplateOutput, error) {
	t, err := findTemplate(c, tx, in.Id)
	if err != nil {
		return nil, err
	}
	over(&t.Description, in.Description)
	over(&t.RoleArn, in.RoleArn)
	if in.Targets != nil {
		t.Targets = map[string]api.ExperimentTemplateTarget{}
		for name, x := range in.Targets {
			t.Targets[name] = targetOf(api.CreateExperimentTemplateTargetInput(x))
		}
	}
	if in.Actions != nil {
		t.Actions = map[string]api.ExperimentTemplateAction{}
		for name, x := range in.Actions {
			t.Actions[name] = api.ExperimentTemplateAction(x)
		}
	}
	if in.StopConditions != nil {
		t.StopConditions = nil
		for _, x := range in.StopConditions {
			t.StopConditions = append(t.StopConditions, api.ExperimentTemplateStopCondition{Source: new(x.Source), Value: x.Value})
		}
	}
	if in.ExperimentOptions != nil {
		o := *t.ExperimentOptions
		over(&o.EmptyTargetResolutionMode, in.ExperimentOptions.EmptyTargetResolutionMode)
		t.ExperimentOptions = &o
	}
	if l := in.LogConfiguration; l != nil {
		t.LogConfiguration = logOf(cloud.Or(l.LogSchemaVersion, 1), l.S3Configuration, l.CloudWatchLogsConfiguration)
	}
	if p := in.ExperimentReportConfiguration; p != nil {
		t.ExperimentReportConfiguration = reportOf(p.Outputs, p.DataSources, p.PreExperimentDuration, p.PostExperimentDuration)
	}
	t.LastUpdateTime = new(c.Now)
	if err := s.check(c, tx, t); err != nil {
		return nil, err
	}
	templates.Put(tx, t)
	return &api.UpdateExperimentTemplateOutput{ExperimentTemplate: t.shown(tx)}, nil
}

func deleteExperimentTemplate(c *cloud.Call, tx store.Tx, in *api.DeleteExperimentTemplateInput) (*api.DeleteExperimentTemplateOutput, error) {
	t, err := findTemplate(c, tx, in.Id)
	if err != nil {
		return nil, err
	}
	out := &api.DeleteExperimentTemplateOutput{ExperimentTemplate: t.shown(tx)}
	for _, a := range accountsOf(tx, t) {
		accounts.Delete(tx, a.Account, a.Region, a.Template, a.ID)
	}
	templates.Delete(tx, t.Account, t.Region, t.ID)
	return out, nil
}

// clone is a copy whose maps can be changed.
func clone(tags map[string]string) map[string]string {
	if tags == nil {
		return map[string]string{}
	}
	return maps.Clone(tags)
}

// stamp is a time as the API and logs write it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
