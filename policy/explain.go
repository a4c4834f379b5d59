package policy

import "slices"

// Trace is an evaluation written down: every policy, every statement, and why
// each matched or did not. It is what `pileus why` and the console show, and
// serialises as JSON.
type Trace struct {
	Principal       string `json:"principal"`
	PrincipalKind   string `json:"principalKind"`
	Account         string `json:"account,omitempty"`
	Action          string `json:"action"`
	Resource        string `json:"resource"`
	ResourceAccount string `json:"resourceAccount,omitempty"`
	CrossAccount    bool   `json:"crossAccount,omitempty"`
	Root            bool   `json:"root,omitempty"`
	Trust           bool   `json:"trust,omitempty"`
	HasSession      bool   `json:"hasSession,omitempty"` // session policies were passed
	SCPLevels       int    `json:"scpLevels,omitempty"`  // from the organization's root to the account
	RCPLevels       int    `json:"rcpLevels,omitempty"`  // the same, of the resource's account
	RoleARN         string `json:"roleArn,omitempty"`    // of an assumed role

	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason"` // allowed, explicitDeny, implicitDeny
	Layer   string `json:"layer"`
	Message string `json:"message,omitempty"` // what the client was told

	Policies []PolicyTrace `json:"policies"`
}

// PolicyTrace is one policy that was looked at.
type PolicyTrace struct {
	ID         string           `json:"id"`
	Layer      string           `json:"layer"`
	Level      int              `json:"level,omitempty"` // of an organization's policy, 0 at the organization's root
	Effect     string           `json:"effect"`          // allows, denies, says nothing
	Statements []StatementTrace `json:"statements"`
}

// StatementTrace is one statement, with each element's outcome.
type StatementTrace struct {
	Index      int              `json:"index"`
	Sid        string           `json:"sid,omitempty"`
	Effect     string           `json:"effect"`
	Start      Position         `json:"start"`
	End        Position         `json:"end"`
	Matched    bool             `json:"matched"`
	Decided    bool             `json:"decided,omitempty"` // the statement that the decision rests on
	Principal  *ElementTrace    `json:"principal,omitempty"`
	Action     ElementTrace     `json:"action"`
	Resource   *ElementTrace    `json:"resource,omitempty"`
	Conditions []ConditionTrace `json:"conditions,omitempty"`
}

// ElementTrace is one element of a statement.
type ElementTrace struct {
	Element string   `json:"element"` // "Action", "NotAction", ...
	Matched bool     `json:"matched"`
	Wanted  []string `json:"wanted"`
	Omitted int      `json:"omitted,omitempty"` // how many more are wanted, of a list too long to keep
	Got     string   `json:"got"`
	Note    string   `json:"note,omitempty"`
}

// ConditionTrace is one condition: an operator on a key.
type ConditionTrace struct {
	Operator string   `json:"operator"`
	Key      string   `json:"key"`
	Matched  bool     `json:"matched"`
	Wanted   []string `json:"wanted"`
	Got      []string `json:"got"`               // nil where the request has no such key
	Missing  bool     `json:"missing,omitempty"` // the request has no such key
	Note     string   `json:"note,omitempty"`    // variables and what they stood for
}

// federatedKind is a trace's kind of an outside identity that assumes a role.
const federatedKind = "Federated"

// Explain decides a request as Evaluate does and writes down why.
func Explain(r *Request, set *Set) *Trace {
	p := &r.Principal
	t := &Trace{Principal: p.ARN, PrincipalKind: p.Kind, Account: p.Account, Action: r.Action, Resource: r.Resource,
		ResourceAccount: r.ResourceAccount, Root: set.Root, Trust: set.Trust, HasSession: set.limitsSession(p), RoleARN: p.RoleARN,
		CrossAccount: !p.external() && r.ResourceAccount != "" && r.ResourceAccount != p.Account}
	switch {
	case p.external() && p.Federated != "":
		t.Principal, t.PrincipalKind = p.Federated, federatedKind
	case p.Kind == "Anonymous":
		t.Principal = "anonymous"
	case t.Principal == "":
		t.Principal = p.Service
	}
	if Guardable(r.Action) {
		t.RCPLevels = len(set.RCPs)
	}
	if !p.external() {
		t.SCPLevels = len(set.SCPs)
	}
	e := evaluation{request: r, set: set}
	d := e.decide(t)
	t.Allowed, t.Reason, t.Layer = d.Allowed, d.Reason.String(), d.Layer.String()
	if !d.Allowed {
		t.Message = Message(r, d)
	}
	t.finish(d)
	return t
}

// finish fills in what only the whole tells.
func (t *Trace) finish(d Decision) {
	for i := range t.Policies {
		p := &t.Policies[i]
		p.Effect = "says nothing"
		for j := range p.Statements {
			s := &p.Statements[j]
			s.finish()
			if !s.Matched {
				continue
			}
			if s.Effect == "Deny" {
				p.Effect = "denies"
			} else if p.Effect != "denies" {
				p.Effect = "allows"
			}
			by := d.By.Statement
			s.Decided = by != nil && p.ID == d.By.PolicyID && p.Layer == t.Layer && by.Index == s.Index && by.Sid == s.Sid
		}
	}
}

func (s *StatementTrace) finish() {
	s.Matched = s.Action.Matched && (s.Principal == nil || s.Principal.Matched) && (s.Resource == nil || s.Resource.Matched)
	for _, c := range s.Conditions {
		s.Matched = s.Matched && c.Matched
	}
}

func (t *Trace) policy(a *Attached, kind Kind, level int) *PolicyTrace {
	if t == nil {
		return nil
	}
	t.Policies = append(t.Policies, PolicyTrace{ID: a.ID, Layer: kind.String(), Level: level,
		Statements: make([]StatementTrace, 0, len(a.Doc.Statements))})
	return &t.Policies[len(t.Policies)-1]
}

func (p *PolicyTrace) statement(s *Statement) *StatementTrace {
	if p == nil {
		return nil
	}
	p.Statements = append(p.Statements, StatementTrace{Index: s.Index, Sid: s.Sid, Effect: s.Effect(), Start: s.Start, End: s.End})
	return &p.Statements[len(p.Statements)-1]
}

// Effect is "Allow" or "Deny".
func (s *Statement) Effect() string {
	if s.Deny {
		return "Deny"
	}
	return "Allow"
}

// How closely a Principal element names the caller, as a trace tells it.
const (
	noteAccount = "names the account, which delegates to the account's own policies"
	noteLimited = "names the identity behind the session, whose boundary and session policies still limit it"
)

func (t *StatementTrace) tracePrincipal(s *Statement, r *Request, g grant) {
	e := &ElementTrace{Element: negation(s.principal.not, "Principal"), Matched: g != noGrant, Got: r.Principal.ARN}
	for _, p := range s.principal.entries {
		if p.typ == "*" {
			e.Wanted = append(e.Wanted, "*")
		} else {
			e.Wanted = append(e.Wanted, p.typ+": "+p.value)
		}
	}
	switch p := &r.Principal; {
	case p.external() && p.Federated != "":
		e.Got = p.Federated
	case p.Kind == "Service":
		e.Got = p.Service
	case p.Kind == "Anonymous":
		e.Got = "anonymous"
	}
	switch g {
	case accountGrant:
		e.Note = noteAccount
	case limitedGrant:
		e.Note = noteLimited
	}
	t.Principal = e
}

func (t *StatementTrace) traceAction(s *Statement, r *Request, matched bool) {
	t.Action = ElementTrace{Element: negation(s.actions.not, "Action"), Matched: matched, Got: r.Action}
	t.Action.Wanted, t.Action.Omitted = nearest(s.actions.patterns, r.Action)
}

func (t *StatementTrace) traceResource(s *Statement, r *Request, matched bool) {
	if s.anyResource {
		return
	}
	t.Resource = &ElementTrace{Element: negation(s.notResource, "Resource"), Matched: matched, Got: r.Resource,
		Note: variableNote(s.resources, r)}
	t.Resource.Wanted, t.Resource.Omitted = nearest(s.resources, r.Resource)
}

func (t *StatementTrace) traceCondition(c *condition, r *Request, matched bool) {
	actual, present := r.lookup(c.key)
	ct := ConditionTrace{Operator: c.name, Key: c.source, Matched: matched, Wanted: c.wanted, Got: actual, Missing: !present}
	for i := range c.values {
		ct.Note = joinNote(ct.Note, patternNote(&c.values[i].pattern, r))
	}
	t.Conditions = append(t.Conditions, ct)
}

func negation(not bool, element string) string {
	if not {
		return "Not" + element
	}
	return element
}

// mostWanted bounds the patterns that a trace keeps of one element: a trace of
// every refused request is kept, and ReadOnlyAccess has a thousand actions.
const mostWanted = 20

// nearest are the patterns of a list as the policy has them; of a long list
// those that share the longest beginning with what was asked.
func nearest(list []pattern, got string) (wanted []string, omitted int) {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	if len(list) > mostWanted {
		omitted = len(list) - mostWanted
		slices.SortStableFunc(order, func(a, b int) int {
			return common(list[b].source, got) - common(list[a].source, got)
		})
	}
	for _, i := range order[:len(list)-omitted] {
		wanted = append(wanted, list[i].source)
	}
	return wanted, omitted
}

// common is the length of the common beginning, without case; a pattern that
// is all wildcard is nearest of all.
func common(pattern, s string) int {
	if pattern == "*" {
		return len(s)
	}
	n := 0
	for n < len(pattern) && n < len(s) && pattern[n]|0x20 == s[n]|0x20 {
		n++
	}
	return n
}

func variableNote(list []pattern, r *Request) (note string) {
	for i := range list {
		note = joinNote(note, patternNote(&list[i], r))
	}
	return note
}

// patternNote says what a pattern's variables stood for.
func patternNote(p *pattern, r *Request) (note string) {
	for _, e := range p.pieces {
		if e.kind != variablePiece {
			continue
		}
		if v, ok := e.vari.value(r); ok {
			note = joinNote(note, "${"+e.vari.source+"} is "+v)
		} else {
			note = joinNote(note, "${"+e.vari.source+"} has no value in this request, so it matches nothing")
		}
	}
	return note
}

func joinNote(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
