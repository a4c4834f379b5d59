package sts

import (
	"slices"
	"strings"
	"time"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const (
	assumeRootLimit = 900 // seconds
	rootSessions    = "RootSessions"
	iamService      = "iam.amazonaws.com"
)

// targetAccount reads a member account's id, or the ARN of its root user.
func targetAccount(s string) (string, bool) {
	if identity.IsAccountID(s) {
		return s, true
	}
	a, ok := cloud.ParseARN(s)
	return a.Account, ok && a.Service == "iam" && a.Resource == "root" && identity.IsAccountID(a.Account)
}

// assumeRootChecks is the access of AssumeRoot. The identity side decides: it
// is the organization that gives the caller's account power over the member's.
func assumeRootChecks(c *cloud.Call, _ store.Reader, in *api.AssumeRootInput) ([]cloud.Check, error) {
	if c.Principal.Kind == cloud.Root || c.Principal.Kind == cloud.FederatedUser {
		return nil, errWithSession("AssumeRoot")
	}
	target, ok := targetAccount(in.TargetPrincipal)
	if !ok {
		return nil, errValidation("Target principal is invalid")
	}
	return []cloud.Check{{
		Action:   "sts:AssumeRoot",
		Resource: cloud.Resource{ARN: "arn:" + c.Partition + ":iam::" + target + ":root"},
		Keys:     cloud.Keys{"sts:taskpolicyarn": {cloud.Or(in.TaskPolicyArn.Arn, "")}},
	}}, nil
}

// assumeRoot gives a short session of a member account's root user, for one
// task, to the management account or IAM's delegated administrator.
func assumeRoot(c *cloud.Call, tx store.Tx, in *api.AssumeRootInput) (*api.AssumeRootOutput, error) {
	target, ok := targetAccount(in.TargetPrincipal)
	if !ok {
		return nil, errValidation("Target principal is invalid")
	}
	refusal := errDenied("User: %s is not authorized to perform: sts:AssumeRoot on resource: arn:%s:iam::%s:root", c.Principal.ARN, c.Partition, target)
	org, _ := identity.Path(tx, c.Account)
	if org == nil || !slices.Contains(org.RootFeatures, rootSessions) {
		return nil, refusal
	}
	if c.Account != org.Management && !identity.IsDelegated(tx, org.ID, c.Account, iamService) {
		return nil, refusal
	}
	m, ok := identity.Members.Get(tx, target)
	if !ok || m.Organization != org.ID || target == org.Management || target == c.Account {
		return nil, refusal
	}
	task := cloud.Or(in.TaskPolicyArn.Arn, "")
	if _, ok := identity.AWSManaged(task); !ok || !strings.HasPrefix(task, identity.RootTasks) {
		return nil, errValidation("The task policy %s is not one for root tasks.", task)
	}
	p := identity.RootPrincipal(target)
	p.SessionPolicyARNs = []string{task}
	p.SourceIdentity = c.Principal.SourceIdentity
	life := time.Duration(cloud.Or(in.DurationSeconds, assumeRootLimit)) * time.Second
	return &api.AssumeRootOutput{Credentials: issue(c, tx, p, life), SourceIdentity: optional(p.SourceIdentity)}, nil
}
