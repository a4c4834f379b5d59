package iam

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

// simulation is what both simulator operations ask: may Caller do Actions on
// Resources.
type simulation struct {
	actions, resources []string
	principal          *cloud.Principal
	set                policy.Set
	sources            map[string]string // policy id to its source type
	owner              string            // of the resources
	keys               policy.Keys
}

// inputKind is the source type of policies passed in the request.
const (
	inputPolicy   = "PolicyInputList."
	inputBoundary = "PermissionsBoundaryPolicyInputList."
)

func simulateCustomPolicy(c *cloud.Call, r store.Reader, in *api.SimulateCustomPolicyInput) (*api.SimulatePolicyResponse, error) {
	s := &simulation{actions: in.ActionNames, resources: in.ResourceArns, sources: map[string]string{}, keys: policy.Keys{}}
	if err := s.caller(c, r, in.CallerArn, nil); err != nil {
		return nil, err
	}
	if err := s.inputs(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList); err != nil {
		return nil, err
	}
	if err := s.resource(c, in.ResourcePolicy, in.ResourceOwner); err != nil {
		return nil, err
	}
	if err := s.context(in.ContextEntries); err != nil {
		return nil, err
	}
	return s.run(c, in.Marker, in.MaxItems)
}

func simulatePrincipalPolicy(c *cloud.Call, r store.Reader, in *api.SimulatePrincipalPolicyInput) (*api.SimulatePolicyResponse, error) {
	s := &simulation{actions: in.ActionNames, resources: in.ResourceArns, sources: map[string]string{}, keys: policy.Keys{}}
	source, err := sourcePolicies(c, r, in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	if in.ResourcePolicy != nil && in.CallerArn == nil && source.principal.Kind != cloud.User {
		return nil, api.ErrInvalidInput.New("CallerArn is required when ResourcePolicy is given and the policy source is not a user.")
	}
	if err := s.caller(c, r, in.CallerArn, source.principal); err != nil {
		return nil, err
	}
	s.set, s.sources = source.set, source.sources
	if err := s.inputs(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList); err != nil {
		return nil, err
	}
	if err := s.resource(c, in.ResourcePolicy, in.ResourceOwner); err != nil {
		return nil, err
	}
	if err := s.context(in.ContextEntries); err != nil {
		return nil, err
	}
	return s.run(c, in.Marker, in.MaxItems)
}

// source is whose policies a simulation starts with.
type source struct {
	principal *cloud.Principal
	set       policy.Set
	sources   map[string]string
}

// sourcePolicies are the policies of a user, group or role of the account.
func sourcePolicies(c *cloud.Call, r store.Reader, arn string) (*source, error) {
	a, ok := cloud.ParseARN(arn)
	kind, path, _ := strings.Cut(a.Resource, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	if !ok || a.Service != "iam" || kind != "user" && kind != "role" && kind != "group" {
		return nil, api.ErrInvalidInput.New("Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
	}
	s := &source{sources: map[string]string{}}
	switch kind {
	case "group":
		g, err := seeGroup(c, r, name)
		if err != nil {
			return nil, err
		}
		s.principal = &cloud.Principal{Kind: cloud.User, ARN: g.ARN, Account: c.Account, Name: g.Name, ID: g.ID}
		s.set = identity.GrantedBy(r, c.Account, "group "+g.Name, &g.Grants)
		s.set.SCPs = identity.NewResolver(1).Policies(r, identity.RootPrincipal(c.Account)).Policies.SCPs
	case "user":
		u, err := seeUser(c, r, name)
		if err != nil {
			return nil, err
		}
		s.principal = identity.UserPrincipal(u)
	case "role":
		role, err := seeRole(c, r, name)
		if err != nil {
			return nil, err
		}
		s.principal = &cloud.Principal{Kind: cloud.AssumedRole, Account: c.Account, Name: "simulation", RoleName: role.Name,
			RoleARN: role.ARN, ARN: "arn:" + c.Partition + ":sts::" + c.Account + ":assumed-role/" + role.Name + "/simulation",
			ID: role.ID + ":simulation", Tags: role.Tags.Map(), ServiceLinked: role.ServiceLinked != ""}
	}
	if kind != "group" {
		s.set = identity.NewResolver(1).Policies(r, s.principal).Policies
	}
	for _, p := range s.set.Identity {
		s.sources[p.ID] = sourceType(p.ID)
	}
	return s, nil
}

// sourceType tells from a policy's id where it comes from.
func sourceType(id string) string {
	switch {
	case strings.HasPrefix(id, "arn:aws:iam::aws:"):
		return api.PolicySourceTypeAwsManaged
	case strings.HasPrefix(id, "arn:"):
		return api.PolicySourceTypeUserManaged
	}
	for _, kind := range []string{"user", "group", "role"} {
		if strings.Contains(id, " of "+kind+" ") {
			return kind
		}
	}
	return api.PolicySourceTypeNone
}

// caller settles who is asked about: CallerArn, or the source itself, or for
// custom policies nobody in particular.
func (s *simulation) caller(c *cloud.Call, r store.Reader, arn *string, source *cloud.Principal) error {
	s.principal = source
	if arn != nil {
		a, ok := cloud.ParseARN(*arn)
		if !ok || !strings.HasPrefix(a.Resource, "user/") {
			return api.ErrInvalidInput.New("Invalid Caller Arn: %s. The caller has to be a user.", *arn)
		}
		name := a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
		s.principal = &cloud.Principal{Kind: cloud.User, ARN: *arn, Account: a.Account, Name: name}
		if u, ok := identity.PeekUser(r, a.Account, name); ok && u.ARN == *arn {
			s.principal = identity.UserPrincipal(u)
		}
	}
	if s.principal == nil {
		s.principal = &cloud.Principal{Kind: cloud.User, ARN: arnOf(c, "user", "/", "simulation"), Account: c.Account, Name: "simulation"}
	}
	return nil
}

// inputs adds the policies passed in the request.
func (s *simulation) inputs(policies, boundaries []string) error {
	for i, text := range policies {
		doc, err := policy.Parse(text, policy.Identity)
		if err != nil {
			return api.ErrInvalidInput.New("Invalid policy in PolicyInputList: %s", err)
		}
		id := inputPolicy + strconv.Itoa(i+1)
		s.sources[id] = api.PolicySourceTypeNone
		s.set.Identity = append(slices.Clip(s.set.Identity), policy.Attached{ID: id, Doc: doc})
	}
	for i, text := range boundaries {
		doc, err := policy.Parse(text, policy.Boundary)
		if err != nil {
			return api.ErrInvalidInput.New("Invalid policy in PermissionsBoundaryPolicyInputList: %s", err)
		}
		id := inputBoundary + strconv.Itoa(i+1)
		s.sources[id] = api.PolicySourceTypeNone
		s.set.Boundary = &policy.Attached{ID: id, Doc: doc}
	}
	if len(boundaries) > 1 {
		return api.ErrInvalidInput.New("Only one permissions boundary policy can be simulated.")
	}
	return nil
}

func (s *simulation) resource(c *cloud.Call, text, owner *string) error {
	if len(s.resources) == 0 {
		s.resources = []string{"*"}
	}
	s.owner = c.Account
	if owner != nil {
		a, ok := cloud.ParseARN(*owner)
		if !ok || a.Account == "" {
			return api.ErrInvalidInput.New("Invalid Resource Owner: %s", *owner)
		}
		s.owner = a.Account
	}
	if text == nil {
		return nil
	}
	doc, err := policy.Parse(*text, policy.ResourceBased)
	if err != nil {
		return api.ErrInvalidInput.New("Invalid resource policy: %s", err)
	}
	s.sources["ResourcePolicy"] = api.PolicySourceTypeResource
	s.set.Resource = []policy.Attached{{ID: "ResourcePolicy", Doc: doc}}
	return nil
}

// context takes over the condition keys of the request, and adds those that
// follow from the caller.
func (s *simulation) context(entries []api.ContextEntry) error {
	p := s.principal
	s.keys["aws:principalarn"] = []string{p.ARN}
	if p.RoleARN != "" {
		s.keys["aws:principalarn"] = []string{p.RoleARN}
	}
	s.keys["aws:principalaccount"] = []string{p.Account}
	s.keys["aws:principaltype"] = []string{p.Kind.String()}
	if p.Kind == cloud.User {
		s.keys["aws:username"] = []string{p.Name}
	}
	if p.ID != "" {
		s.keys["aws:userid"] = []string{p.ID}
	}
	for k, v := range p.Tags {
		s.keys["aws:principaltag/"+strings.ToLower(k)] = []string{v}
	}
	for _, e := range entries {
		if e.ContextKeyName == nil || e.ContextKeyType == nil {
			return api.ErrInvalidInput.New("Context entries need a name and a type.")
		}
		if len(e.ContextKeyValues) == 0 || len(e.ContextKeyValues) > 1 && !strings.HasSuffix(*e.ContextKeyType, "List") {
			return api.ErrInvalidInput.New("Context entry %s has %d values, which its type %s cannot hold.", *e.ContextKeyName, len(e.ContextKeyValues), *e.ContextKeyType)
		}
		s.keys[strings.ToLower(*e.ContextKeyName)] = e.ContextKeyValues
	}
	return nil
}

// run evaluates every action, page by page.
func (s *simulation) run(c *cloud.Call, marker *string, max *int32) (*api.SimulatePolicyResponse, error) {
	page, p, err := pageSlice(s.actions, marker, max)
	if err != nil {
		return nil, err
	}
	out := &api.SimulatePolicyResponse{IsTruncated: p.IsTruncated, Marker: p.Marker, EvaluationResults: []api.EvaluationResult{}}
	for _, action := range page {
		if !strings.Contains(action, ":") {
			return nil, api.ErrInvalidInput.New("Invalid Action: %s", action)
		}
		out.EvaluationResults = append(out.EvaluationResults, s.evaluate(c, action))
	}
	return out, nil
}

func (s *simulation) evaluate(c *cloud.Call, action string) api.EvaluationResult {
	var result api.EvaluationResult
	missing := map[string]bool{}
	for i, resource := range s.resources {
		one := s.decide(c, action, resource)
		for _, k := range one.MissingContextValues {
			missing[k] = true
		}
		if i == 0 {
			result = api.EvaluationResult{EvalActionName: action, EvalResourceName: &one.EvalResourceName, EvalDecision: one.EvalResourceDecision,
				MatchedStatements: one.MatchedStatements, PermissionsBoundaryDecisionDetail: one.PermissionsBoundaryDecisionDetail,
				EvalDecisionDetails: one.EvalDecisionDetails, OrganizationsDecisionDetail: s.organizations(c, action, resource)}
		} else if worse(one.EvalResourceDecision, result.EvalDecision) {
			result.EvalDecision = one.EvalResourceDecision
		}
		result.ResourceSpecificResults = append(result.ResourceSpecificResults, one)
	}
	result.MissingContextValues = slices.AppendSeq([]string{}, maps.Keys(missing))
	slices.Sort(result.MissingContextValues)
	if len(s.resources) == 1 {
		result.ResourceSpecificResults = nil
	}
	return result
}

// worse orders decisions: over several resources the strictest is told.
func worse(a, b string) bool {
	rank := map[string]int{policy.Allowed.String(): 0, policy.ImplicitDeny.String(): 1, policy.ExplicitDeny.String(): 2}
	return rank[a] > rank[b]
}

func (s *simulation) request(c *cloud.Call, action, resource string) *policy.Request {
	p := s.principal
	return &policy.Request{
		Principal: policy.Principal{Kind: p.Kind.String(), ARN: p.ARN, Account: p.Account, RoleARN: p.RoleARN, UserARN: p.UserARN, ID: p.ID},
		Action:    action, Resource: resource, ResourceAccount: s.owner, Keys: s.keys, Now: c.Now,
	}
}

func (s *simulation) decide(c *cloud.Call, action, resource string) api.ResourceSpecificResult {
	req := s.request(c, action, resource)
	t := policy.Explain(req, &s.set)
	one := api.ResourceSpecificResult{EvalResourceName: resource, EvalResourceDecision: t.Reason,
		MatchedStatements: []api.Statement{}, MissingContextValues: slices.Concat([]string{}, policy.MissingContextKeys(req, &s.set))}
	for _, m := range t.Matched() {
		// Boundaries of the source and service control policies are told of
		// apart.
		if from, ok := s.sources[m.PolicyID]; ok {
			one.MatchedStatements = append(one.MatchedStatements, api.Statement{SourcePolicyId: new(policyName(m.PolicyID)),
				SourcePolicyType: &from, StartPosition: position(m.Start), EndPosition: position(m.End)})
		}
	}
	if s.set.Boundary != nil {
		one.PermissionsBoundaryDecisionDetail = &api.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(t.AllowedBy(policy.Boundary))}
	}
	if s.owner != s.principal.Account {
		one.EvalDecisionDetails = map[string]string{
			"IAM Policy":      layerDecision(t, policy.Identity),
			"Resource Policy": layerDecision(t, policy.ResourceBased),
		}
	}
	return one
}

// layerDecision is what one kind of policy says by itself.
func layerDecision(t *policy.Trace, k policy.Kind) string {
	for _, p := range t.Policies {
		if p.Layer == k.String() && p.Effect == "denies" {
			return policy.ExplicitDeny.String()
		}
	}
	if t.AllowedBy(k) {
		return policy.Allowed.String()
	}
	return policy.ImplicitDeny.String()
}

// policyName is a policy's id as the simulator shows it.
func policyName(id string) string {
	if name, ok := strings.CutPrefix(id, "inline policy "); ok {
		name, owner, _ := strings.Cut(name, " of ")
		return strings.Replace(owner, " ", "_", 1) + "_" + name
	}
	return id[strings.LastIndexByte(id, '/')+1:]
}

func position(p policy.Position) *api.Position {
	return &api.Position{Line: new(int32(p.Line)), Column: new(int32(p.Column))}
}

// organizations tells what service control policies say, where some apply.
func (s *simulation) organizations(c *cloud.Call, action, resource string) *api.OrganizationsDecisionDetail {
	if s.set.SCPs == nil {
		return nil
	}
	t := policy.Explain(s.request(c, action, resource), &s.set)
	return &api.OrganizationsDecisionDetail{AllowedByOrganizations: new(t.AllowedBy(policy.SCP))}
}
