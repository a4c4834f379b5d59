package fis

import (
	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsfaultinjectionservice.html
func access() []cloud.Access {
	return append(templateAccess(), []cloud.Access{
		api.StartExperiment.Decides([]string{"fis:StartExperiment", "fis:TagResource"}, checkStart),
		onExperiment(&api.StopExperiment, func(in *api.StopExperimentInput) string { return in.Id }),
		onExperiment(&api.GetExperiment, func(in *api.GetExperimentInput) string { return in.Id }),
		api.ListExperiments.Needs("fis:ListExperiments", nil),
		onExperiment(&api.ListExperimentResolvedTargets, func(in *api.ListExperimentResolvedTargetsInput) string { return in.ExperimentId }),
		onExperiment(&api.GetExperimentTargetAccountConfiguration, func(in *api.GetExperimentTargetAccountConfigurationInput) string { return in.ExperimentId }),
		onExperiment(&api.ListExperimentTargetAccountConfigurations, func(in *api.ListExperimentTargetAccountConfigurationsInput) string { return in.ExperimentId }),
		api.GetAction.Needs("fis:GetAction", func(c *cloud.Call, _ store.Reader, in *api.GetActionInput) (cloud.Resource, error) {
			return cloud.Resource{ARN: c.ARN("fis", "action/"+in.Id)}, nil
		}),
		api.ListActions.Needs("fis:ListActions", nil),
		api.GetTargetResourceType.Needs("fis:GetTargetResourceType", nil),
		api.ListTargetResourceTypes.Needs("fis:ListTargetResourceTypes", nil),
		api.GetSafetyLever.Needs("fis:GetSafetyLever", func(c *cloud.Call, _ store.Reader, in *api.GetSafetyLeverInput) (cloud.Resource, error) {
			return cloud.Resource{ARN: c.ARN("fis", "safety-lever/"+in.Id)}, nil
		}),
		api.UpdateSafetyLeverState.Needs("fis:UpdateSafetyLeverState", func(c *cloud.Call, _ store.Reader, in *api.UpdateSafetyLeverStateRequest) (cloud.Resource, error) {
			return cloud.Resource{ARN: c.ARN("fis", "safety-lever/"+in.Id)}, nil
		}),
		onARN(&api.TagResource, func(in *api.TagResourceInput) (string, cloud.Keys) { return in.ResourceArn, cloud.TagKeys(in.Tags) }),
		onARN(&api.UntagResource, func(in *api.UntagResourceInput) (string, cloud.Keys) {
			return in.ResourceArn, cloud.Keys{"aws:tagkeys": in.TagKeys}
		}),
		onARN(&api.ListTagsForResource, func(in *api.ListTagsForResourceInput) (string, cloud.Keys) { return in.ResourceArn, nil }),
	}...)
}

func templateAccess() []cloud.Access {
	return []cloud.Access{
		api.CreateExperimentTemplate.Decides([]string{"fis:CreateExperimentTemplate", "fis:TagResource", "iam:PassRole"}, checkCreate),
		onTemplate(&api.GetExperimentTemplate, func(in *api.GetExperimentTemplateInput) string { return in.Id }),
		api.ListExperimentTemplates.Needs("fis:ListExperimentTemplates", nil),
		api.UpdateExperimentTemplate.Decides([]string{"fis:UpdateExperimentTemplate", "iam:PassRole"}, checkUpdate),
		onTemplate(&api.DeleteExperimentTemplate, func(in *api.DeleteExperimentTemplateInput) string { return in.Id }),
		onTemplate(&api.CreateTargetAccountConfiguration, func(in *api.CreateTargetAccountConfigurationInput) string { return in.ExperimentTemplateId }),
		onTemplate(&api.GetTargetAccountConfiguration, func(in *api.GetTargetAccountConfigurationInput) string { return in.ExperimentTemplateId }),
		onTemplate(&api.ListTargetAccountConfigurations, func(in *api.ListTargetAccountConfigurationsInput) string { return in.ExperimentTemplateId }),
		onTemplate(&api.UpdateTargetAccountConfiguration, func(in *api.UpdateTargetAccountConfigurationInput) string { return in.ExperimentTemplateId }),
		onTemplate(&api.DeleteTargetAccountConfiguration, func(in *api.DeleteTargetAccountConfigurationInput) string { return in.ExperimentTemplateId }),
	}
}

func resourceOf(c *cloud.Call, r store.Reader, id string) cloud.Resource {
	res := cloud.Resource{ARN: c.ARN("fis", "experiment-template/"+id)}
	if t, err := findTemplate(c, r, id); err == nil {
		res.Tags = t.Tags
	}
	return res
}

func onTemplate[In, Out any](o *cloud.Op[In, Out], id func(In) string) cloud.Access {
	return o.Needs("fis:"+o.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		return resourceOf(c, r, id(in)), nil
	})
}

func onExperiment[In, Out any](o *cloud.Op[In, Out], id func(In) string) cloud.Access {
	return o.Needs("fis:"+o.Name, func(c *cloud.Call, r store.Reader, in In) (cloud.Resource, error) {
		res := cloud.Resource{ARN: c.ARN("fis", "experiment/"+id(in))}
		if e, err := findExperiment(c, r, id(in)); err == nil {
			res.Tags = e.Tags
		}
		return res, nil
	})
}

func onARN[In, Out any](o *cloud.Op[In, Out], of func(In) (string, cloud.Keys)) cloud.Access {
	action := "fis:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		arn, keys := of(in)
		check := cloud.Check{Action: action, Resource: cloud.Resource{ARN: arn}, Keys: keys}
		if t, e, err := byARN(c, r, arn); err == nil && t != nil {
			check.Resource.Tags = t.Tags
		} else if err == nil {
			check.Resource.Tags = e.Tags
		}
		return []cloud.Check{check}, nil
	})
}

// checkCreate asks for the template, and for each kind of action in it.
func checkCreate(c *cloud.Call, r store.Reader, in *api.CreateExperimentTemplateInput) ([]cloud.Check, error) {
	keys := cloud.TagKeys(in.Tags)
	res := cloud.Resource{ARN: c.ARN("fis", "experiment-template/*")}
	checks := []cloud.Check{{Action: "fis:CreateExperimentTemplate", Resource: res, Keys: keys}, identity.PassRole(r, in.RoleArn, serviceName)}
	for _, name := range sortedKeys(in.Actions) {
		checks = append(checks, cloud.Check{Action: "fis:CreateExperimentTemplate", Resource: cloud.Resource{ARN: c.ARN("fis", "action/"+in.Actions[name].ActionId)}, Keys: keys})
	}
	if len(in.Tags) > 0 {
		checks = append(checks, cloud.Check{Action: "fis:TagResource", Resource: res, Keys: keys})
	}
	return checks, nil
}

func checkUpdate(c *cloud.Call, r store.Reader, in *api.UpdateExperimentTemplateInput) ([]cloud.Check, error) {
	checks := []cloud.Check{{Action: "fis:UpdateExperimentTemplate", Resource: resourceOf(c, r, in.Id)}}
	for _, name := range sortedKeys(in.Actions) {
		arn := c.ARN("fis", "action/"+cloud.Or(in.Actions[name].ActionId, ""))
		checks = append(checks, cloud.Check{Action: "fis:UpdateExperimentTemplate", Resource: cloud.Resource{ARN: arn}})
	}
	if in.RoleArn != nil {
		checks = append(checks, identity.PassRole(r, *in.RoleArn, serviceName))
	}
	return checks, nil
}

func checkStart(c *cloud.Call, r store.Reader, in *api.StartExperimentInput) ([]cloud.Check, error) {
	keys := cloud.TagKeys(in.Tags)
	res := cloud.Resource{ARN: c.ARN("fis", "experiment/*")}
	checks := []cloud.Check{
		{Action: "fis:StartExperiment", Resource: resourceOf(c, r, in.ExperimentTemplateId), Keys: keys},
		{Action: "fis:StartExperiment", Resource: res, Keys: keys},
	}
	if len(in.Tags) > 0 {
		checks = append(checks, cloud.Check{Action: "fis:TagResource", Resource: res, Keys: keys})
	}
	return checks, nil
}
