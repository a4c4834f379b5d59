package fis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	api "pileus/api/fis"
	"pileus/node/nodetest"
)

func TestTemplates(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	r := w.recipe().action("wait", "aws:fis:wait", "duration=PT1M")
	r.Tags = map[string]string{"team": "blue"}
	in := &r.CreateExperimentTemplateInput
	made := nodetest.Do(w.World, &api.CreateExperimentTemplate, in).ExperimentTemplate
	if again := nodetest.Do(w.World, &api.CreateExperimentTemplate, in).ExperimentTemplate; *again.Id != *made.Id {
		t.Errorf("the same token made %s and %s", *made.Id, *again.Id)
	}
	in.Description = "other"
	if _, err := nodetest.Try(w.World, &api.CreateExperimentTemplate, in); code(err) != "ConflictException" {
		t.Errorf("another request with the same token: %v", err)
	}
	if !strings.HasPrefix(*made.Id, "EXT") || *made.Arn != arn("fis", "experiment-template/"+*made.Id) || *made.ExperimentOptions.EmptyTargetResolutionMode != "fail" || made.Tags["team"] != "blue" {
		t.Errorf("made %+v", made)
	}
	w.Advance(time.Minute)
	updated := nodetest.Do(w.World, &api.UpdateExperimentTemplate, &api.UpdateExperimentTemplateInput{
		Id: *made.Id, Description: new("new"), Actions: map[string]api.UpdateExperimentTemplateActionInputItem{"rest": {ActionId: new("aws:fis:wait"), Parameters: map[string]string{"duration": "PT2M"}}},
	}).ExperimentTemplate
	if *updated.Description != "new" || len(updated.Actions) != 1 || updated.Actions["rest"].Parameters["duration"] != "PT2M" || !updated.LastUpdateTime.After(*updated.CreationTime) {
		t.Errorf("updated %+v", updated)
	}
	nodetest.Do(w.World, &api.UntagResource, &api.UntagResourceInput{ResourceArn: *made.Arn, TagKeys: []string{"team"}})
	nodetest.Do(w.World, &api.TagResource, &api.TagResourceInput{ResourceArn: *made.Arn, Tags: map[string]string{"a": "b"}})
	if tags := nodetest.Do(w.World, &api.ListTagsForResource, &api.ListTagsForResourceInput{ResourceArn: *made.Arn}).Tags; len(tags) != 1 || tags["a"] != "b" {
		t.Errorf("tags %v", tags)
	}
	nodetest.Do(w.World, &api.DeleteExperimentTemplate, &api.DeleteExperimentTemplateInput{Id: *made.Id})
	if _, err := nodetest.Try(w.World, &api.GetExperimentTemplate, &api.GetExperimentTemplateInput{Id: *made.Id}); code(err) != "ResourceNotFoundException" {
		t.Errorf("deleted: %v", err)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	for range 5 {
		w.create(w.recipe().action("wait", "aws:fis:wait", "duration=PT1M"))
	}
	seen := map[string]bool{}
	in := &api.ListExperimentTemplatesInput{MaxResults: new(int32(2))}
	for n := range 3 {
		out := nodetest.Do(w.World, &api.ListExperimentTemplates, in)
		for _, x := range out.ExperimentTemplates {
			seen[*x.Id] = true
		}
		if in.NextToken = out.NextToken; (in.NextToken == nil) != (n == 2) {
			t.Fatalf("page %d: next token %v", n, in.NextToken)
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d templates", len(seen))
	}
	if _, err := nodetest.Try(w.World, &api.ListExperimentTemplates, &api.ListExperimentTemplatesInput{NextToken: new("abc")}); code(err) != "ValidationException" {
		t.Errorf("a token that is none: %v", err)
	}
}

// TestInvalidTemplates changes one thing each of a template that is good.
func TestInvalidTemplates(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	instance := arn("ec2", "instance/i-0123456789abcdef0")
	good := func() *recipe {
		return w.recipe().aim("t", "aws:ec2:instance", instance).action("a", "aws:ec2:stop-instances", "Instances>t").action("b", "aws:fis:wait", "duration=PT1M", "after:a")
	}
	target := func(change func(*api.CreateExperimentTemplateTargetInput)) func(*recipe) {
		return func(r *recipe) {
			x := r.Targets["t"]
			change(&x)
			r.Targets["t"] = x
		}
	}
	for name, change := range map[string]func(*recipe){
		"no actions":             func(r *recipe) { clear(r.Actions) },
		"no stop condition":      func(r *recipe) { r.StopConditions = []api.CreateExperimentTemplateStopConditionInput{} },
		"unknown action":         func(r *recipe) { r.action("c", "aws:ecs:stop-task") },
		"unknown parameter":      func(r *recipe) { r.action("c", "aws:fis:wait", "duration=PT1M", "x=y") },
		"parameter missing":      func(r *recipe) { r.action("c", "aws:fis:wait") },
		"duration too short":     func(r *recipe) { r.action("c", "aws:fis:wait", "duration=PT1S") },
		"duration too long":      func(r *recipe) { r.action("c", "aws:fis:wait", "duration=PT13H") },
		"no duration":            func(r *recipe) { r.action("c", "aws:fis:wait", "duration=5m") },
		"unknown scope":          func(r *recipe) { r.action("c", "aws:network:disrupt-connectivity", "duration=PT1M", "scope=moon") },
		"target missing":         func(r *recipe) { r.action("c", "aws:ec2:stop-instances") },
		"target not there":       func(r *recipe) { r.action("c", "aws:ec2:stop-instances", "Instances>u") },
		"target of another type": func(r *recipe) { r.action("c", "aws:ebs:pause-volume-io", "duration=PT1M", "Volumes>t") },
		"target of a wrong name": func(r *recipe) { r.action("c", "aws:ec2:stop-instances", "Instances>t", "Volumes>t") },
		"target not used":        func(r *recipe) { r.aim("u", "aws:ec2:instance", instance) },
		"after itself":           func(r *recipe) { r.action("a", "aws:ec2:stop-instances", "Instances>t", "after:b") },
		"after nothing":          func(r *recipe) { r.action("c", "aws:fis:wait", "duration=PT1M", "after:z") },
		"unknown document": func(r *recipe) {
			r.action("c", "aws:ssm:send-command", "duration=PT1M", "documentArn=arn:aws:ssm:us-east-1::document/AWS-RunShellScript", "Instances>t")
		},
		"percentage": func(r *recipe) {
			r.action("c", "aws:fis:inject-api-internal-error", "duration=PT1M", "service=ec2", "percentage=0", "operations=A", "Roles>t")
		},
		"selection mode":        target(func(x *api.CreateExperimentTemplateTargetInput) { x.SelectionMode = "SOME" }),
		"selection of none":     target(func(x *api.CreateExperimentTemplateTargetInput) { x.SelectionMode = "COUNT(0)" }),
		"selection of too many": target(func(x *api.CreateExperimentTemplateTargetInput) { x.SelectionMode = "PERCENT(101)" }),
		"ARNs and tags":         target(func(x *api.CreateExperimentTemplateTargetInput) { x.ResourceTags = map[string]string{"a": "b"} }),
		"unknown type":          target(func(x *api.CreateExperimentTemplateTargetInput) { x.ResourceType = "aws:rds:db" }),
		"ARN of another type": target(func(x *api.CreateExperimentTemplateTargetInput) {
			x.ResourceArns = []string{arn("ec2", "volume/vol-1")}
		}),
		"ARN of another account": target(func(x *api.CreateExperimentTemplateTargetInput) {
			x.ResourceArns = []string{strings.ReplaceAll(instance, "000000000000", "111111111111")}
		}),
		"unknown target setting": target(func(x *api.CreateExperimentTemplateTargetInput) { x.Parameters = map[string]string{"x": "y"} }),
		"alarm that is none": func(r *recipe) {
			r.StopConditions[0] = api.CreateExperimentTemplateStopConditionInput{Source: "aws:cloudwatch:alarm", Value: new(instance)}
		},
		"none with a value":      func(r *recipe) { r.StopConditions[0].Value = new(instance) },
		"unknown stop condition": func(r *recipe) { r.StopConditions[0].Source = "feeling" },
		"role that is none":      func(r *recipe) { r.RoleArn = instance },
		"log without destination": func(r *recipe) {
			r.LogConfiguration = &api.CreateExperimentTemplateLogConfigurationInput{LogSchemaVersion: 2}
		},
		"log of another version": func(r *recipe) {
			r.LogConfiguration = &api.CreateExperimentTemplateLogConfigurationInput{LogSchemaVersion: 3, S3Configuration: &api.ExperimentTemplateS3LogConfigurationInput{BucketName: "logs"}}
		},
		"report without a bucket": func(r *recipe) {
			r.ExperimentReportConfiguration = &api.CreateExperimentTemplateReportConfigurationInput{}
		},
	} {
		r := good()
		change(r)
		r.ClientToken = strings.ReplaceAll(name, " ", "-")
		if _, err := nodetest.Try(w.World, &api.CreateExperimentTemplate, &r.CreateExperimentTemplateInput); code(err) != "ValidationException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := good()
	for n := range 20 {
		r.action(fmt.Sprint(n), "aws:fis:wait", "duration=PT1M")
	}
	if _, err := nodetest.Try(w.World, &api.CreateExperimentTemplate, &r.CreateExperimentTemplateInput); code(err) != "ServiceQuotaExceededException" {
		t.Errorf("too many actions: %v", err)
	}
	w.create(good())
}

// TestCatalogue: what is listed can be asked for, and is consistent.
func TestCatalogue(t *testing.T) {
	w := newWorld(t)
	types := map[string]bool{}
	for _, x := range nodetest.Do(w.World, &api.ListTargetResourceTypes, &api.ListTargetResourceTypesInput{}).TargetResourceTypes {
		types[*x.ResourceType] = true
		nodetest.Do(w.World, &api.GetTargetResourceType, &api.GetTargetResourceTypeInput{ResourceType: *x.ResourceType})
	}
	var ids []string
	for _, a := range nodetest.Do(w.World, &api.ListActions, &api.ListActionsInput{}).Actions {
		ids = append(ids, *a.Id)
		got := nodetest.Do(w.World, &api.GetAction, &api.GetActionInput{Id: *a.Id}).Action
		for name, x := range got.Targets {
			if !types[*x.ResourceType] {
				t.Errorf("%s: the target %s has the type %s, which is not listed", *a.Id, name, *x.ResourceType)
			}
		}
	}
	if !slices.IsSorted(ids) || len(ids) < 15 {
		t.Errorf("actions: %v", ids)
	}
	for _, err := range []error{
		func() error {
			_, err := nodetest.Try(w.World, &api.GetAction, &api.GetActionInput{Id: "aws:eks:pod-delete"})
			return err
		}(),
		func() error {
			_, err := nodetest.Try(w.World, &api.GetTargetResourceType, &api.GetTargetResourceTypeInput{ResourceType: "aws:rds:db"})
			return err
		}(),
	} {
		if code(err) != "ResourceNotFoundException" {
			t.Errorf("what is not there: %v", err)
		}
	}
}

func TestLever(t *testing.T) {
	w := newWorld(t)
	w.roleFor("ec2:*")
	template := w.create(w.recipe().action("wait", "aws:fis:wait", "duration=PT1M"))
	set := func(status string) *api.SafetyLever {
		return nodetest.Do(w.World, &api.UpdateSafetyLeverState, &api.UpdateSafetyLeverStateRequest{Id: "default", State: api.UpdateSafetyLeverStateInput{Status: status, Reason: "because"}}).SafetyLever
	}
	start := func(token string) string {
		id := *nodetest.Do(w.World, &api.StartExperiment, &api.StartExperimentInput{ClientToken: token, ExperimentTemplateId: template}).Experiment.Id
		w.Drain()
		return id
	}
	if l := nodetest.Do(w.World, &api.GetSafetyLever, &api.GetSafetyLeverInput{Id: "default"}).SafetyLever; *l.State.Status != "disengaged" || *l.Arn != arn("fis", "safety-lever/default") {
		t.Errorf("at first: %+v", l)
	}
	if l := set("engaged"); *l.State.Status != "engaged" || *l.State.Reason != "because" {
		t.Errorf("engaged: %+v", l.State)
	}
	w.is(start("a"), "cancelled wait:cancelled")
	set("disengaged")
	w.is(start("b"), "running wait:running")
}
