package policy

// Reason is how a decision came about.
type Reason uint8

const (
	ImplicitDeny Reason = iota // nothing allowed it
	ExplicitDeny               // a Deny statement matched
	Allowed
)

// String is the reason as the policy simulator has it.
func (r Reason) String() string {
	return [...]string{"implicitDeny", "explicitDeny", "allowed"}[r]
}

// Decision is the outcome of an evaluation.
type Decision struct {
	Allowed bool
	Reason  Reason
	// Layer is the kind of policy that decided: the one that allowed, that
	// denied, or the first that did not allow.
	Layer Kind
	// By is the statement that allowed or denied; empty for an implicit deny
	// and for the root user's own rights.
	By StatementRef
}

// StatementRef is a statement and the policy it stands in.
type StatementRef struct {
	PolicyID  string // Attached.ID
	Statement *Statement
}

// Evaluate decides a request as AWS documents it
// (reference_policies_evaluation-logic and ..._evaluation-logic-cross-account):
// an explicit deny in any policy wins; otherwise every layer that limits must
// allow, and a layer that grants must grant. It allocates nothing.
func Evaluate(r *Request, set *Set) Decision {
	var e evaluation
	e.request, e.set = r, set
	return e.decide(nil)
}

// evaluation gathers what each layer says.
type evaluation struct {
	request *Request
	set     *Set

	identity, boundary, session, resource, endpoint verdict
	denied                                          Kind
	deny                                            StatementRef
}

// verdict is one layer's: whether it allows, through which statement, and how
// closely that names who asks.
type verdict struct {
	grant grant
	by    StatementRef
}

func (v verdict) allows() bool { return v.grant != noGrant }

// decide looks at all layers; with a trace it looks at every statement, and
// without one it stops at an explicit deny.
func (e *evaluation) decide(t *Trace) Decision {
	set := e.set
	resourceKind := ResourceBased
	if set.Trust {
		resourceKind = Trust
	}
	external := e.request.Principal.external()
	rcpMissing := len(set.RCPs) > 0 && Guardable(e.request.Action) && !e.levels(set.RCPs, RCP, t)
	scpMissing := !external && !e.levels(set.SCPs, SCP, t)
	e.resource = e.scan(set.Resource, resourceKind, 0, t)
	e.endpoint = e.scan(set.Endpoint, Endpoint, 0, t)
	if !external {
		e.identity = e.scan(set.Identity, Identity, 0, t)
		if set.Boundary != nil {
			e.boundary = e.scanOne(set.Boundary, Boundary, 0, t, verdict{})
		}
		e.session = e.scan(set.Session, Session, 0, t)
	}
	switch {
	case e.deny.Statement != nil:
		return Decision{Reason: ExplicitDeny, Layer: e.denied, By: e.deny}
	case rcpMissing:
		return Decision{Layer: RCP}
	case scpMissing:
		return Decision{Layer: SCP}
	case len(set.Endpoint) > 0 && !e.endpoint.allows():
		return Decision{Layer: Endpoint}
	case external:
		return e.granted(resourceKind, e.resource)
	}
	return e.combine(resourceKind)
}

// levels tells whether an organization's policies of a kind allow at every
// level.
func (e *evaluation) levels(levels [][]Attached, kind Kind, t *Trace) bool {
	all := true
	for level, list := range levels {
		all = e.scan(list, kind, level, t).allows() && all
	}
	return all
}

// scan reads the policies of one layer. Its verdict is the closest grant.
func (e *evaluation) scan(list []Attached, kind Kind, level int, t *Trace) (v verdict) {
	for i := range list {
		if e.deny.Statement != nil && t == nil {
			return v
		}
		v = e.scanOne(&list[i], kind, level, t, v)
	}
	return v
}

func (e *evaluation) scanOne(a *Attached, kind Kind, level int, t *Trace, v verdict) verdict {
	if a.Doc == nil || e.deny.Statement != nil && t == nil {
		return v
	}
	pt := t.policy(a, kind, level)
	for i := range a.Doc.Statements {
		s := &a.Doc.Statements[i]
		if pt == nil && !s.Deny && v.grant == directGrant {
			continue // another allow changes nothing
		}
		st := pt.statement(s)
		g := s.match(e.request, e.set.Boundary != nil, st)
		if g == noGrant {
			continue
		}
		ref := StatementRef{a.ID, s}
		if s.Deny {
			if e.deny.Statement == nil {
				e.deny, e.denied = ref, kind
			}
			if pt == nil {
				return v
			}
			continue
		}
		if g > v.grant {
			v = verdict{g, ref}
		}
	}
	return v
}

// combine weighs the layers of a principal that has an identity side, once no
// policy denies and the organization allows.
func (e *evaluation) combine(resourceKind Kind) Decision {
	set, p := e.set, &e.request.Principal
	boundary := set.Boundary == nil || e.boundary.allows()
	session := !set.limitsSession(p) || e.session.allows()
	identity := set.Root || e.identity.allows()
	own := e.request.ResourceAccount == "" || e.request.ResourceAccount == p.Account
	if own {
		switch {
		case e.resource.grant == directGrant,
			e.resource.grant == limitedGrant && boundary && session:
			return e.granted(resourceKind, e.resource)
		case set.Trust && !e.resource.allows():
			return Decision{Layer: Trust}
		case e.resource.grant == limitedGrant:
			identity = true // granted, but what limits the role does not allow
		}
	}
	switch {
	case !identity:
		return Decision{Layer: Identity}
	case !boundary:
		return Decision{Layer: Boundary}
	case !session:
		return Decision{Layer: Session}
	case !own || set.Trust: // both sides must allow
		return e.granted(resourceKind, e.resource)
	}
	return Decision{Allowed: true, Reason: Allowed, Layer: Identity, By: e.identity.by}
}

// limitsSession tells whether session policies must allow. A federation token
// has no permissions of its own without them
// (id_credentials_temp_control-access_getfederationtoken).
func (set *Set) limitsSession(p *Principal) bool {
	return set.HasSession || p.Kind == "FederatedUser"
}

func (e *evaluation) granted(kind Kind, v verdict) Decision {
	if !v.allows() {
		return Decision{Layer: kind}
	}
	return Decision{Allowed: true, Reason: Allowed, Layer: kind, By: v.by}
}
