// Package fis is the Fault Injection Service: experiments that break things on
// purpose, watch alarms meanwhile, and put everything back.
//
//	template.go    experiment templates and their operations
//	check.go       what a template must be like
//	experiment.go  experiments and their operations
//	engine.go      the controller that leads an experiment to its end
//	step.go        the actions of an experiment, one by one
//	stop.go        what stops an experiment
//	target.go      finding targets
//	find.go        how targets of each type are found
//	filter.go      filters and selection modes
//	catalogue.go   what actions and types of targets there are
//	act_*.go       what actions do, and how it is undone
//	log.go         the log of an experiment
//	report.go      its report
//	account.go     configurations of other accounts
//	lever.go       the safety lever
//	tag.go         tags
//	access.go      who may
//	errors.go      errors
//
// An action acts through the API of the service that it breaks, as the
// experiment's role. Before it does something, the experiment's record says so:
// whatever happens, the controller finds there what is to be undone.
package fis

import (
	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/fault"
	"pileus/plane"
	"pileus/store"
)

// The controllers, by account, region and id of an experiment.
const (
	experimentController = "fis.experiment"
	reportController     = "fis.report"
)

// Parts are what the service is made with.
type Parts struct {
	// Plane runs commands in instances; nil: those actions fail.
	Plane plane.Machines
	// Faults strike API calls; nil: those actions fail.
	Faults *fault.Faults
}

// service is the service with its parts and its catalogue.
type service struct {
	Parts
	kinds map[string]*kind
}

// Module is the service.
func Module(p Parts) cloud.Module {
	s := &service{Parts: p, kinds: map[string]*kind{}}
	for _, k := range s.catalogue() {
		s.kinds[k.id] = k
	}
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.CreateExperimentTemplate.Update(s.createExperimentTemplate),
			api.GetExperimentTemplate.View(getExperimentTemplate),
			api.ListExperimentTemplates.View(listExperimentTemplates),
			api.UpdateExperimentTemplate.Update(s.updateExperimentTemplate),
			api.DeleteExperimentTemplate.Update(deleteExperimentTemplate),
			api.StartExperiment.Update(s.startExperiment),
			api.StopExperiment.Update(stopExperiment),
			api.GetExperiment.View(getExperiment),
			api.ListExperiments.View(listExperiments),
			api.ListExperimentResolvedTargets.View(listExperimentResolvedTargets),
			api.GetAction.View(s.getAction),
			api.ListActions.View(s.listActions),
			api.GetTargetResourceType.View(getTargetResourceType),
			api.ListTargetResourceTypes.View(listTargetResourceTypes),
			api.CreateTargetAccountConfiguration.Update(createTargetAccountConfiguration),
			api.GetTargetAccountConfiguration.View(getTargetAccountConfiguration),
			api.ListTargetAccountConfigurations.View(listTargetAccountConfigurations),
			api.UpdateTargetAccountConfiguration.Update(updateTargetAccountConfiguration),
			api.DeleteTargetAccountConfiguration.Update(deleteTargetAccountConfiguration),
			api.GetExperimentTargetAccountConfiguration.View(getExperimentTargetAccountConfiguration),
			api.ListExperimentTargetAccountConfigurations.View(listExperimentTargetAccountConfigurations),
			api.GetSafetyLever.View(getSafetyLever),
			api.UpdateSafetyLeverState.Update(updateSafetyLeverState),
			api.TagResource.Update(tagResource),
			api.UntagResource.Update(untagResource),
			api.ListTagsForResource.View(listTagsForResource),
		},
		Access: access(),
		Controllers: []cloud.Controller{
			{Name: experimentController, Reconcile: s.lead},
			{Name: reportController, Reconcile: s.report},
		},
		Count: count,
	}
}

func count(r store.Reader) map[string]int {
	n := map[string]int{}
	for range templates.Scan(r) {
		n["experiment templates"]++
	}
	for e := range experiments.Scan(r) {
		if !e.over() {
			n["running experiments"]++
		}
	}
	return n
}
