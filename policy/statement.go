package policy

// Every decision and every explanation goes through Statement.match: with a
// trace it looks at all elements and writes down what it saw, without one it
// stops at the first that fails. They cannot disagree.

// match tells how the statement covers the request: noGrant where it does
// not, otherwise how closely it names who asks (directGrant for a statement
// without Principal).
func (s *Statement) match(r *Request, bounded bool, t *StatementTrace) grant {
	g := directGrant
	matched := true
	if s.hasPrincipal {
		g = s.principal.match(&r.Principal, bounded && s.Deny)
		if matched = g != noGrant; t != nil {
			t.tracePrincipal(s, r, g)
		} else if !matched {
			return noGrant
		}
	}
	ok := s.actions.match(r.Action)
	if t != nil {
		t.traceAction(s, r, ok)
	} else if !ok {
		return noGrant
	}
	matched = matched && ok
	ok = s.matchResource(r)
	if t != nil {
		t.traceResource(s, r, ok)
	} else if !ok {
		return noGrant
	}
	matched = matched && ok
	for i := range s.conditions {
		c := &s.conditions[i]
		ok = c.match(r)
		if t != nil {
			t.traceCondition(c, r, ok)
		} else if !ok {
			return noGrant
		}
		matched = matched && ok
	}
	if !matched {
		return noGrant
	}
	return g
}

func (s *Statement) matchResource(r *Request) bool {
	if s.anyResource {
		return true
	}
	for i := range s.resources {
		p := &s.resources[i]
		if p.match(r.Resource, r) {
			return !s.notResource
		}
	}
	return s.notResource
}
