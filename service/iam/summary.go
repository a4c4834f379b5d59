package iam

import (
	"fmt"
	"strings"
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

// getHumanReadableSummary tells in words what a delegation request asks for.
// AWS has a language model write it; this is worked out from the policy.
func getHumanReadableSummary(c *cloud.Call, r store.Reader, in *api.GetHumanReadableSummaryInput) (*api.GetHumanReadableSummaryOutput, error) {
	a, ok := cloud.ParseARN(in.EntityArn)
	id, isRequest := strings.CutPrefix(a.Resource, delegationOf+"/")
	if !ok || a.Service != "iam" || !isRequest {
		return nil, api.ErrInvalidInput.New("Summaries are available for delegation requests only: %s", in.EntityArn)
	}
	d, err := findDelegation(c, r, id)
	if err != nil {
		return nil, err
	}
	locale := "en"
	if l := cloud.Or(in.Locale, "en"); !strings.HasPrefix(l, "en") {
		return &api.GetHumanReadableSummaryOutput{Locale: &l, SummaryState: new(api.SummaryStateTypeNotSupported)}, nil
	}
	text, err := summaryOf(d)
	if err != nil {
		return nil, err
	}
	return &api.GetHumanReadableSummaryOutput{SummaryContent: &text, Locale: &locale, SummaryState: new(api.SummaryStateTypeAvailable)}, nil
}

// summaryLimit is how long a summary may be.
const summaryLimit = 10_000

func summaryOf(d *identity.Delegation) (string, error) {
	doc, err := policy.Cached(d.Policy, policy.Session)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Account %s asks for access for %v: %s\n", d.Requestor, time.Duration(d.Seconds)*time.Second, d.Description)
	for i := range doc.Statements {
		s := &doc.Statements[i]
		actions, not := s.Actions()
		verb := "It could do "
		if s.Deny {
			verb = "It could never do "
		}
		if not {
			verb += "everything but "
		}
		resources, not := s.Resources()
		where := " on "
		if not {
			where = " on everything but "
		}
		fmt.Fprintf(&b, "- %s%s%s%s", verb, strings.Join(actions, ", "), where, strings.Join(resources, ", "))
		b.WriteString("\n")
	}
	if keys := doc.ContextKeys(); len(keys) > 0 {
		fmt.Fprintf(&b, "There are conditions on %s.\n", strings.Join(keys, ", "))
	}
	if list := boundariesOf(d.Policy); len(list) > 0 {
		fmt.Fprintf(&b, "Roles that it creates are limited by %s.\n", strings.Join(list, ", "))
	}
	text := b.String()
	if len(text) > summaryLimit {
		text = text[:summaryLimit]
	}
	return text, nil
}

// covers tells whether the caller has all that a request asks for. What the
// policy says by wildcards is compared as it is written, which may be unsure.
func covers(c *cloud.Call, r store.Reader, d *identity.Delegation) string {
	doc, err := policy.Cached(d.Policy, policy.Session)
	if err != nil {
		return api.PermissionCheckResultTypeUnsure
	}
	who := identity.NewResolver(1).Policies(r, c.Principal)
	p := c.Principal
	result := api.PermissionCheckResultTypeAllowed
	for i := range doc.Statements {
		s := &doc.Statements[i]
		actions, notAction := s.Actions()
		resources, notResource := s.Resources()
		switch {
		case s.Deny:
			continue
		case notAction || notResource:
			result = api.PermissionCheckResultTypeUnsure
			continue
		}
		for _, action := range actions {
			for _, resource := range resources {
				q := &policy.Request{Principal: policy.Principal{Kind: p.Kind.String(), ARN: p.ARN, Account: p.Account, RoleARN: p.RoleARN, ID: p.ID},
					Action: action, Resource: resource, ResourceAccount: c.Account, Now: c.Now, Keys: policy.Keys{}}
				switch {
				case policy.Evaluate(q, &who.Policies).Allowed:
				case strings.Contains(action, "*"):
					result = api.PermissionCheckResultTypeUnsure
				default:
					return api.PermissionCheckResultTypeDenied
				}
			}
		}
	}
	return result
}
