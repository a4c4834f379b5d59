package fis_test

import (
	"strings"
	"testing"

	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/node/nodetest"
)

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

// need is an operation with the actions that it needs.
type need struct {
	actions []string
	try     trial
}

func one(action string, try trial) need { return need{[]string{"fis:" + action}, try} }

// operations are all that there are, in a world with a template, a running
// experiment and another account's configuration.
func (w *world) operations() map[string]need {
	wait := w.recipe().action("wait", "aws:fis:wait", "duration=PT10M")
	wait.ExperimentOptions = &api.CreateExperimentTemplateExperimentOptionsInput{AccountTargeting: new("multi-account")}
	template := w.create(wait)
	const other, role = "222222222222", "arn:aws:iam::222222222222:role/chaos"
	nodetest.Do(w.World, &api.CreateTargetAccountConfiguration, &api.CreateTargetAccountConfigurationInput{ExperimentTemplateId: template, AccountId: other, RoleArn: role})
	experiment := *nodetest.Do(w.World, &api.StartExperiment, &api.StartExperimentInput{ClientToken: "s" + template, ExperimentTemplateId: template}).Experiment.Id
	w.Drain()
	resource := arn("fis", "experiment-template/"+template)
	fresh := w.recipe().action("wait", "aws:fis:wait", "duration=PT1M").CreateExperimentTemplateInput
	fresh.ClientToken = "fresh" + template
	tagged := fresh
	tagged.ClientToken, tagged.Tags = "tagged"+template, map[string]string{"a": "b"}
	return map[string]need{
		"CreateExperimentTemplate":                  {[]string{"fis:CreateExperimentTemplate", "iam:PassRole"}, of(&api.CreateExperimentTemplate, &fresh)},
		"CreateExperimentTemplate with tags":        {[]string{"fis:CreateExperimentTemplate", "iam:PassRole", "fis:TagResource"}, of(&api.CreateExperimentTemplate, &tagged)},
		"GetExperimentTemplate":                     one("GetExperimentTemplate", of(&api.GetExperimentTemplate, &api.GetExperimentTemplateInput{Id: template})),
		"ListExperimentTemplates":                   one("ListExperimentTemplates", of(&api.ListExperimentTemplates, &api.ListExperimentTemplatesInput{})),
		"UpdateExperimentTemplate":                  {[]string{"fis:UpdateExperimentTemplate", "iam:PassRole"}, of(&api.UpdateExperimentTemplate, &api.UpdateExperimentTemplateInput{Id: template, RoleArn: &w.role})},
		"DeleteExperimentTemplate":                  one("DeleteExperimentTemplate", of(&api.DeleteExperimentTemplate, &api.DeleteExperimentTemplateInput{Id: template})),
		"StartExperiment":                           one("StartExperiment", of(&api.StartExperiment, &api.StartExperimentInput{ClientToken: "x", ExperimentTemplateId: template})),
		"StartExperiment with tags":                 {[]string{"fis:StartExperiment", "fis:TagResource"}, of(&api.StartExperiment, &api.StartExperimentInput{ClientToken: "y", ExperimentTemplateId: template, Tags: map[string]string{"a": "b"}})},
		"StopExperiment":                            one("StopExperiment", of(&api.StopExperiment, &api.StopExperimentInput{Id: experiment})),
		"GetExperiment":                             one("GetExperiment", of(&api.GetExperiment, &api.GetExperimentInput{Id: experiment})),
		"ListExperiments":                           one("ListExperiments", of(&api.ListExperiments, &api.ListExperimentsInput{})),
		"ListExperimentResolvedTargets":             one("ListExperimentResolvedTargets", of(&api.ListExperimentResolvedTargets, &api.ListExperimentResolvedTargetsInput{ExperimentId: experiment})),
		"GetAction":                                 one("GetAction", of(&api.GetAction, &api.GetActionInput{Id: "aws:fis:wait"})),
		"ListActions":                               one("ListActions", of(&api.ListActions, &api.ListActionsInput{})),
		"GetTargetResourceType":                     one("GetTargetResourceType", of(&api.GetTargetResourceType, &api.GetTargetResourceTypeInput{ResourceType: "aws:ec2:subnet"})),
		"ListTargetResourceTypes":                   one("ListTargetResourceTypes", of(&api.ListTargetResourceTypes, &api.ListTargetResourceTypesInput{})),
		"CreateTargetAccountConfiguration":          one("CreateTargetAccountConfiguration", of(&api.CreateTargetAccountConfiguration, &api.CreateTargetAccountConfigurationInput{ExperimentTemplateId: template, AccountId: "333333333333", RoleArn: strings.ReplaceAll(role, "2", "3")})),
		"GetTargetAccountConfiguration":             one("GetTargetAccountConfiguration", of(&api.GetTargetAccountConfiguration, &api.GetTargetAccountConfigurationInput{ExperimentTemplateId: template, AccountId: other})),
		"ListTargetAccountConfigurations":           one("ListTargetAccountConfigurations", of(&api.ListTargetAccountConfigurations, &api.ListTargetAccountConfigurationsInput{ExperimentTemplateId: template})),
		"UpdateTargetAccountConfiguration":          one("UpdateTargetAccountConfiguration", of(&api.UpdateTargetAccountConfiguration, &api.UpdateTargetAccountConfigurationInput{ExperimentTemplateId: template, AccountId: other, Description: new("d")})),
		"DeleteTargetAccountConfiguration":          one("DeleteTargetAccountConfiguration", of(&api.DeleteTargetAccountConfiguration, &api.DeleteTargetAccountConfigurationInput{ExperimentTemplateId: template, AccountId: other})),
		"GetExperimentTargetAccountConfiguration":   one("GetExperimentTargetAccountConfiguration", of(&api.GetExperimentTargetAccountConfiguration, &api.GetExperimentTargetAccountConfigurationInput{ExperimentId: experiment, AccountId: other})),
		"ListExperimentTargetAccountConfigurations": one("ListExperimentTargetAccountConfigurations", of(&api.ListExperimentTargetAccountConfigurations, &api.ListExperimentTargetAccountConfigurationsInput{ExperimentId: experiment})),
		"GetSafetyLever":                            one("GetSafetyLever", of(&api.GetSafetyLever, &api.GetSafetyLeverInput{Id: "default"})),
		"UpdateSafetyLeverState":                    one("UpdateSafetyLeverState", of(&api.UpdateSafetyLeverState, &api.UpdateSafetyLeverStateRequest{Id: "default", State: api.UpdateSafetyLeverStateInput{Status: "disengaged", Reason: "r"}})),
		"TagResource":                               one("TagResource", of(&api.TagResource, &api.TagResourceInput{ResourceArn: resource, Tags: map[string]string{"a": "b"}})),
		"UntagResource":                             one("UntagResource", of(&api.UntagResource, &api.UntagResourceInput{ResourceArn: resource, TagKeys: []string{"a"}})),
		"ListTagsForResource":                       one("ListTagsForResource", of(&api.ListTagsForResource, &api.ListTagsForResourceInput{ResourceArn: arn("fis", "experiment/"+experiment)})),
	}
}

// TestWhoMay runs each operation with no permission, with all but one of those
// that it needs, and with exactly those.
func TestWhoMay(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	names := map[string]bool{}
	for name := range w.operations() {
		names[name] = true
	}
	for name := range names {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.roleFor("ec2:*")
			op := w.operations()[name]
			if err := op.try(w.As(w.User("none", ""))); code(err) != "AccessDeniedException" {
				t.Errorf("without permissions: %v", err)
			}
			for i := range op.actions {
				rest := append([]string{"fis:Nothing"}, op.actions[:i]...)
				rest = append(rest, op.actions[i+1:]...)
				if err := op.try(w.As(w.User("nearly", nodetest.Allow(rest...)))); code(err) != "AccessDeniedException" || !strings.Contains(err.Error(), op.actions[i]) {
					t.Errorf("without %s: %v", op.actions[i], err)
				}
			}
			if err := op.try(w.As(w.User("allowed", nodetest.Allow(op.actions...)))); err != nil {
				t.Errorf("with %v: %v", op.actions, err)
			}
		})
	}
	for _, op := range api.Service.Ops {
		if !names[op.Name] {
			t.Errorf("%s has no case", op.Name)
		}
	}
	if len(api.Service.Ops) != 26 {
		t.Errorf("%d operations", len(api.Service.Ops))
	}
}
