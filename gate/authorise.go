package gate

import (
	"errors"
	"net/http"
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/sigv4"
	"pileus/store"
)

// authorise decides whether the request may go on.
func (x *exchange) authorise() error {
	err := x.gate.decide(x.call, x.op, x.in, x.who, &x.checks)
	if err == nil {
		return nil
	}
	var denied *cloud.Error
	if x.auth == nil && x.svc.family != sigv4.S3 && errors.As(err, &denied) && denied.Trace != nil {
		missing := sigv4.MissingToken(x.family())
		missing.Trace = denied.Trace
		return missing
	}
	return err
}

// decide evaluates an operation's declared access. An operation without a
// declaration is denied.
func (g *Gate) decide(c *cloud.Call, o *operation, in any, who *identity.Resolved, seen *[]cloud.Check) error {
	if o.access == nil {
		return cloud.Errorf(http.StatusForbidden, "AccessDenied", "%s declares no access and is denied to everyone.", o.Op.Name)
	}
	if o.access.Open {
		return nil
	}
	epoch := g.epoch(c)
	return c.View(func(r store.Reader) error {
		who := who
		if who == nil {
			who = g.resolver.Policies(r, c.Principal)
		}
		checks, err := o.access.Checks(c, r, in)
		if err != nil {
			return err
		}
		*seen = checks
		return g.allow(c, r, epoch, o.Op, who, checks)
	})
}

// Authorise decides checks outside of an operation's declared access.
func (g *Gate) Authorise(c *cloud.Call, op *cloud.OpInfo, checks ...cloud.Check) error {
	epoch := g.epoch(c)
	return c.View(func(r store.Reader) error {
		return g.allow(c, r, epoch, op, g.resolver.Policies(r, c.Principal), checks)
	})
}

// epoch is the identity's where what is read from now on proves something about
// it, or 0.
func (g *Gate) epoch(c *cloud.Call) uint64 {
	if !g.exclusive || c.Tx != nil || c.Snapshot != nil {
		return 0
	}
	return g.resolver.Epoch()
}

func (g *Gate) allow(c *cloud.Call, r store.Reader, epoch uint64, op *cloud.OpInfo, who *identity.Resolved, checks []cloud.Check) error {
	if g.SkipPolicies {
		return nil
	}
	through := g.through(c, r)
	for i := range checks {
		k := &checks[i]
		guards := g.guards(c, r, epoch, k)
		if who.Policies.Root && who.Policies.SCPs == nil && guards == nil && through == nil && !who.Policies.HasSession && len(who.Policies.Session) == 0 &&
			len(k.Resource.Policies) == 0 && owner(c, k) == who.Principal.Account {
			continue // nothing in sight could deny the root user
		}
		req, set := g.question(c, who, k)
		set.RCPs, set.Endpoint = guards, through
		d := policy.Evaluate(req, set)
		if d.Allowed {
			continue
		}
		return g.refuse(c, r, op, req, set, d)
	}
	return nil
}

// through are the policies of the VPC endpoint that the request came through.
// What a service does on its own behalf has not come through any.
func (g *Gate) through(c *cloud.Call, r store.Reader) (policies []policy.Attached) {
	if g.services.through == nil || c.HTTP == nil || c.HTTP.Origin == nil || c.Principal.Kind == cloud.ServicePrincipal || c.Caller != nil {
		return nil
	}
	c.HTTP.Origin.Endpoint, policies = g.services.through(r, *c.HTTP.Origin)
	return policies
}

// guards are the resource control policies that bear on a check.
func (g *Gate) guards(c *cloud.Call, r store.Reader, epoch uint64, k *cloud.Check) [][]policy.Attached {
	if !policy.Guardable(k.Action) {
		return nil
	}
	if epoch != 0 {
		return g.resolver.GuardsAt(epoch, r, c.Principal, owner(c, k))
	}
	return g.resolver.Guards(r, c.Principal, owner(c, k))
}

// question puts a check into the evaluator's terms.
func (g *Gate) question(c *cloud.Call, who *identity.Resolved, k *cloud.Check) (*policy.Request, *policy.Set) {
	set := who.Policies
	set.Resource, set.Trust = k.Resource.Policies, k.Resource.Trust
	p := c.Principal
	req := &policy.Request{
		Principal: policy.Principal{
			Kind: p.Kind.String(), ARN: p.ARN, Account: p.Account, RoleARN: p.RoleARN, UserARN: p.UserARN, ID: p.ID,
			Canonical: who.Canonical,
		},
		Action: k.Action, Resource: k.Resource.ARN, ResourceAccount: owner(c, k), Now: c.Now,
		Keys: conditionKeys(c, who, k),
	}
	switch p.Kind {
	case cloud.ServicePrincipal:
		req.Principal.Service = p.Name
	case cloud.Anonymous:
		req.Principal.Federated = p.FederatedBy
	}
	return req, &set
}

// refuse words a denial as the service does and keeps its evaluation.
func (g *Gate) refuse(c *cloud.Call, r store.Reader, op *cloud.OpInfo, req *policy.Request, set *policy.Set, d policy.Decision) error {
	said := *req
	switch op.Service.Name {
	case "s3":
		said.Resource = `"` + req.Resource + `"` // S3 alone quotes it
	case "sqs":
		said.Action = strings.ToLower(req.Action) // and SQS alone writes it so
	}
	message := policy.Message(&said, d)
	if op.Service.Protocol == "ec2" {
		if sealed := identity.EncodeDenial(r, req, d); sealed != "" {
			message += ". Encoded authorization failure message: " + sealed
		}
	}
	e := deniedAs(op.Service, message)
	e.Trace = policy.Explain(req, set)
	if s := g.services.byName[op.Service.Name]; s != nil && s.Denied != nil {
		trace := e.Trace
		e = s.Denied(c, op, e)
		e.Trace = trace
	}
	return e
}

// deniedAs is the code and status with which each family of APIs denies.
func deniedAs(s *cloud.Service, message string) *cloud.Error {
	switch {
	case s.Protocol == "ec2":
		return cloud.Errorf(http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation. %s", message)
	case s.Name == "sqs":
		// SQS kept the query era's code when it moved to JSON.
		return cloud.Errorf(http.StatusForbidden, "AccessDenied", "%s", message)
	case s.Protocol == "json":
		return cloud.Errorf(http.StatusBadRequest, "AccessDeniedException", "%s", message)
	case s.Protocol == "rest-json":
		return cloud.Errorf(http.StatusForbidden, "AccessDeniedException", "%s", message)
	}
	return cloud.Errorf(http.StatusForbidden, "AccessDenied", "%s", message)
}
