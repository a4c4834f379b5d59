package fis

import (
	"slices"
	"strings"

	api "pileus/api/fis"
	"pileus/cloud"
)

// found is a resource that may be a target.
type found struct {
	arn  string
	tags map[string]string
	// thing is the resource as its Describe operation has it, for filters.
	thing any
}

// wanted is what a finder looks for, in one account.
type wanted struct {
	ids  []string // by ARN; empty: by tags and filters
	tags map[string]string
	// params are the target's.
	params map[string]string
}

// finder finds the targets of a type.
type finder struct {
	about   string
	service string // of its ARNs
	prefix  string // of the resource in them: "instance/"
	// is tells the ARNs of the type where these are of several services.
	is     func(cloud.ARN) bool
	params []param
	find   func(c *cloud.Call, w wanted) ([]found, error)
}

// names tells whether an ARN is one of the type's.
func (f finder) names(a cloud.ARN) bool {
	if f.is != nil {
		return f.is(a)
	}
	return a.Service == f.service && strings.HasPrefix(a.Resource, f.prefix)
}

func (f finder) has(name string) bool {
	return slices.ContainsFunc(f.params, func(p param) bool { return p.name == name })
}

// resolve finds the targets of all actions, or tells why it cannot.
func (t *turn) resolve() error {
	for _, name := range sortedKeys(t.Targets) {
		list, err := t.find(t.Targets[name])
		if err != nil {
			return err
		}
		list, err = t.choose(list, *t.Targets[name].SelectionMode)
		if err != nil {
			return err
		}
		if len(list) == 0 && *t.ExperimentOptions.EmptyTargetResolutionMode == api.EmptyTargetResolutionModeFail {
			return errInvalid("Target resolution returned empty set. Target: %s.", name)
		}
		for _, x := range list {
			t.Resolved = append(t.Resolved, resolved{Name: name, Type: *t.Targets[name].ResourceType, ARN: x.arn})
			t.say("target-resolution-detail", map[string]any{"target_name": name, "resource_type": *t.Targets[name].ResourceType, "target_arn": x.arn})
		}
	}
	slices.SortFunc(t.Resolved, func(a, b resolved) int { return strings.Compare(a.Name+" "+a.ARN, b.Name+" "+b.ARN) })
	return nil
}

// find asks in every account that the target may be in.
func (t *turn) find(x api.ExperimentTarget) (list []found, err error) {
	f := finders()[*x.ResourceType]
	where := []string{t.Account}
	if *t.ExperimentOptions.AccountTargeting == api.AccountTargetingMultiAccount {
		where = nil
		for _, a := range t.Accounts {
			where = append(where, a.ID)
		}
	}
	for _, account := range where {
		w := wanted{tags: x.ResourceTags, params: x.Parameters}
		for _, arn := range x.ResourceArns {
			if a, _ := cloud.ParseARN(arn); a.Account == account {
				w.ids = append(w.ids, resolved{ARN: arn}.id())

			}
		}
		if len(x.ResourceArns) > 0 && len(w.ids) == 0 {
			continue
		}
		c, err := t.role(account)
		if err != nil {
			return nil, err
		}
		all, err := f.find(c, w)
		if err != nil {
			return nil, err
		}
		for _, one := range all {
			if (len(w.ids) > 0 || hasTags(one.tags, x.ResourceTags)) && passes(one.thing, x.Filters) {
				list = append(list, one)
			}
		}
	}
	return list, nil
}

// hasTags tells whether a resource has all of the tags.
func hasTags(has, want map[string]string) bool {
	for k, v := range want {
		if got, ok := has[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// choose takes some of those that were found, at random, as the selection mode
// says.
func (t *turn) choose(list []found, text string) ([]found, error) {
	m, err := parseMode(text)
	if err != nil {
		return nil, err
	}
	n := len(list)
	switch {
	case m.count > 0:
		n = min(n, m.count)
	case m.percent > 0 && n > 0:
		n = max(n*m.percent/100, 1)
	}
	if n == len(list) {
		return list, nil
	}
	rand := t.c.Rand()
	for i := range n { // the first n of a shuffle
		j := i + int(rand.Uint64()%uint64(len(list)-i))
		list[i], list[j] = list[j], list[i]
	}
	return list[:n], nil
}

// id is what the ARN calls the resource: what follows its last slash.
func (x resolved) id() string { return x.ARN[strings.LastIndexAny(x.ARN, "/")+1:] }
