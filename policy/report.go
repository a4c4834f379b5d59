package policy

import (
	"slices"
	"strings"
)

// ContextKeys are the condition keys that the document refers to, in
// conditions and in variables, in order of appearance
// (API_GetContextKeysForCustomPolicy).
func (d *Document) ContextKeys() []string {
	var keys []string
	seen := map[string]bool{}
	add := func(key string) {
		if lower := lowerASCII(key); !seen[lower] {
			seen[lower] = true
			keys = append(keys, key)
		}
	}
	variables := func(p *pattern) {
		for _, e := range p.pieces {
			if e.kind == variablePiece {
				name, _, _ := strings.Cut(e.vari.source, ",")
				add(strings.TrimSpace(name))
			}
		}
	}
	for i := range d.Statements {
		s := &d.Statements[i]
		for j := range s.resources {
			variables(&s.resources[j])
		}
		for j := range s.conditions {
			c := &s.conditions[j]
			add(c.source)
			for k := range c.values {
				variables(&c.values[k].pattern)
			}
		}
	}
	return keys
}

// Services are the vendors of the actions that the document may allow, sorted;
// "*" stands for all of them (access advisor).
func (d *Document) Services() []string {
	found := map[string]bool{}
	for i := range d.Statements {
		s := &d.Statements[i]
		if s.Deny {
			continue
		}
		if s.actions.not || s.actions.all {
			return []string{"*"}
		}
		for _, p := range s.actions.patterns {
			vendor, _, _ := strings.Cut(lowerASCII(p.source), ":")
			found[vendor] = true
		}
	}
	list := make([]string, 0, len(found))
	for v := range found {
		list = append(list, v)
	}
	slices.Sort(list)
	return list
}

// PrincipalRef is one value of a Principal or NotPrincipal element.
type PrincipalRef struct {
	Type  string // "AWS", "Service", "Federated", "CanonicalUser", or "*"
	Value string
}

// Principals are all principals that the document names, for services that
// must see whether they exist.
func (d *Document) Principals() []PrincipalRef {
	var list []PrincipalRef
	for i := range d.Statements {
		for _, e := range d.Statements[i].principal.entries {
			list = append(list, PrincipalRef{e.typ, e.value})
		}
	}
	return list
}

// Actions are the statement's actions as written; not tells that they are
// NotAction's.
func (s *Statement) Actions() (list []string, not bool) {
	return sources(s.actions.patterns), s.actions.not
}

// Resources are the statement's resources as written; not tells that they are
// NotResource's. A trust policy's statement has none.
func (s *Statement) Resources() (list []string, not bool) { return sources(s.resources), s.notResource }

func sources(list []pattern) []string {
	out := make([]string, len(list))
	for i := range list {
		out[i] = list[i].source
	}
	return out
}

// MatchedStatement is a statement that decided a simulated request.
type MatchedStatement struct {
	PolicyID   string
	Layer      string
	Sid        string
	Start, End Position
}

// Matched are the statements that decided: those that deny where any does,
// otherwise those that allow (API_SimulateCustomPolicy).
func (t *Trace) Matched() []MatchedStatement {
	effect := "Allow"
	if t.Reason == ExplicitDeny.String() {
		effect = "Deny"
	}
	var list []MatchedStatement
	for i := range t.Policies {
		p := &t.Policies[i]
		for j := range p.Statements {
			if s := &p.Statements[j]; s.Matched && s.Effect == effect {
				list = append(list, MatchedStatement{p.ID, p.Layer, s.Sid, s.Start, s.End})
			}
		}
	}
	return list
}

// AllowedBy tells whether a layer allows the request by itself: some policy of
// it allows and none denies, at every level for an organization's policies
// (PermissionsBoundaryDecisionDetail, OrganizationsDecisionDetail). A layer
// without policies allows nothing; whether it applies is the caller's to know.
func (t *Trace) AllowedBy(k Kind) bool {
	for i := range t.Policies {
		if p := &t.Policies[i]; p.Layer == k.String() && p.Effect == "denies" {
			return false
		}
	}
	if k == SCP || k == RCP {
		return len(t.silent(k)) == 0 && t.has(k)
	}
	return t.allows(k)
}

// MissingContextKeys are the keys that the set's policies refer to and that
// the request does not carry.
func MissingContextKeys(r *Request, set *Set) []string {
	var keys []string
	seen := map[string]bool{}
	for _, a := range set.all() {
		for _, k := range a.Doc.ContextKeys() {
			lower := lowerASCII(k)
			if _, have := r.lookup(lower); !have && !seen[lower] {
				seen[lower] = true
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// all is every document of the set, in the order in which they are looked at.
func (set *Set) all() (list []Attached) {
	for _, level := range slices.Concat(set.RCPs, set.SCPs) {
		list = append(list, level...)
	}
	list = append(list, set.Resource...)
	list = append(list, set.Endpoint...)
	list = append(list, set.Identity...)
	if set.Boundary != nil {
		list = append(list, *set.Boundary)
	}
	list = append(list, set.Session...)
	return slices.DeleteFunc(list, func(a Attached) bool { return a.Doc == nil })
}
