package policy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Suggestion is one change that the request needs to be allowed.
type Suggestion struct {
	Where     string `json:"where"`               // what to change, in words
	Statement string `json:"statement,omitempty"` // the smallest statement to add, as JSON; empty where one must be taken away
}

// suggested is a statement with its members in the order that people write.
type suggested struct {
	Effect    string
	Principal any `json:",omitempty"`
	Action    string
	Resource  string `json:",omitempty"`
}

func (s suggested) String() string {
	b, _ := json.MarshalIndent(s, "", "  ") // strings only: cannot fail
	return string(b)
}

// Suggest says what would allow the request: the smallest statement, and
// where it belongs. It is empty for a request that is allowed.
func Suggest(t *Trace) string {
	var b strings.Builder
	for i, s := range t.Suggestions() {
		if i > 0 {
			b.WriteString("\n\n")
		}
		b.WriteString(s.Where)
		if s.Statement != "" {
			b.WriteString(":\n" + s.Statement)
		}
	}
	return b.String()
}

// Suggestions are all the changes that are needed together.
func (t *Trace) Suggestions() []Suggestion {
	if t.Allowed {
		return nil
	}
	if t.Reason == ExplicitDeny.String() {
		return t.lift()
	}
	allow := suggested{Effect: "Allow", Action: t.Action, Resource: strings.ReplaceAll(t.Resource, "${", "${$}{")}
	if allow.Resource == "" {
		allow.Resource = "*"
	}
	var list []Suggestion
	for _, level := range t.silent(RCP) {
		s := allow
		s.Principal = "*"
		list = append(list, Suggestion{fmt.Sprintf("A resource control policy at level %d of the organization of account %s must allow it: attach RCPFullAWSAccess there", level, t.ResourceAccount), s.String()})
	}
	for _, level := range t.silent(SCP) {
		list = append(list, Suggestion{fmt.Sprintf("A service control policy at level %d of the organization must allow it (a service control policy grants nothing, it only leaves room)", level), allow.String()})
	}
	if t.has(Endpoint) && !t.allows(Endpoint) {
		s := allow
		s.Principal = t.principalElement()
		list = append(list, Suggestion{"Add to the VPC endpoint policy", s.String()})
	}
	if t.external() {
		return append(list, t.addToResource(allow)...)
	}
	list = append(list, t.identitySide(allow)...)
	if t.CrossAccount || t.Trust {
		list = append(list, t.addToResource(allow)...)
	}
	return list
}

// identitySide is what the caller's own account must change.
func (t *Trace) identitySide(allow suggested) (list []Suggestion) {
	granted := t.Root || t.allows(Identity) || !t.CrossAccount && t.granted(limitedGrant)
	direct := t.Trust && !t.CrossAccount && !t.granted(accountGrant)
	if !granted && !direct {
		where := "Add to an identity-based policy of " + t.entity()
		if t.CrossAccount {
			where += " (its own account must allow it)"
		}
		list = append(list, Suggestion{where, allow.String()})
	}
	if direct {
		return nil // naming the caller in the trust policy is enough
	}
	if t.has(Boundary) && !t.allows(Boundary) {
		list = append(list, Suggestion{"Add to the permissions boundary of " + t.entity() + " (a boundary grants nothing, it only leaves room)", allow.String()})
	}
	if t.HasSession && !t.allows(Session) {
		list = append(list, Suggestion{"Add to the session policy that was passed when the session was made, or ask for the session without one", allow.String()})
	}
	return list
}

// addToResource is what the resource's owner must change.
func (t *Trace) addToResource(allow suggested) []Suggestion {
	if t.granted(accountGrant) {
		return nil
	}
	allow.Principal = t.principalElement()
	where := "Add to the policy of the resource " + t.Resource
	if t.Trust {
		allow.Resource = ""
		where = "Add to the trust policy of the role " + t.Resource
	}
	if t.CrossAccount {
		where += " in account " + t.ResourceAccount
	}
	return []Suggestion{{where, allow.String()}}
}

// lift names the statements that deny.
func (t *Trace) lift() (list []Suggestion) {
	for i := range t.Policies {
		p := &t.Policies[i]
		for j := range p.Statements {
			if s := &p.Statements[j]; s.Matched && s.Effect == "Deny" {
				where := "Change " + s.name() + " of the " + p.Layer + " " + p.ID + ": it denies, and no Allow outweighs a Deny. Narrow its "
				if len(s.Conditions) > 0 {
					where += "Action, Resource or Condition"
				} else {
					where += "Action or Resource, or add a Condition,"
				}
				list = append(list, Suggestion{Where: where + " so that it no longer covers this request"})
			}
		}
	}
	return list
}

// principalElement names the caller as a resource's policy would.
func (t *Trace) principalElement() any {
	switch {
	case t.PrincipalKind == "Anonymous":
		return "*"
	case t.PrincipalKind == "Service":
		return map[string]string{"Service": t.Principal}
	case t.PrincipalKind == federatedKind:
		return map[string]string{"Federated": t.Principal}
	case t.RoleARN != "":
		return map[string]string{"AWS": t.RoleARN}
	}
	return map[string]string{"AWS": t.Principal}
}

// entity is the identity that policies are attached to, in words.
func (t *Trace) entity() string {
	arn := t.Principal
	if t.RoleARN != "" {
		arn = t.RoleARN
	}
	resource := arn[strings.LastIndexByte(arn, ':')+1:]
	kind, name, found := strings.Cut(resource, "/")
	if !found {
		return arn
	}
	return kind + " " + name[strings.LastIndexByte(name, '/')+1:]
}

func (t *Trace) external() bool {
	p := Principal{Kind: t.PrincipalKind}
	return p.external()
}

func (t *Trace) has(k Kind) bool {
	for i := range t.Policies {
		if t.Policies[i].Layer == k.String() {
			return true
		}
	}
	return false
}

// allows tells whether a policy of the layer has an Allow that matched.
func (t *Trace) allows(k Kind) bool {
	for i := range t.Policies {
		if t.Policies[i].Layer == k.String() && t.Policies[i].Effect == "allows" {
			return true
		}
	}
	return false
}

// granted tells whether the resource's policy names the caller this closely.
func (t *Trace) granted(at grant) bool {
	for i := range t.Policies {
		p := &t.Policies[i]
		if p.Layer != ResourceBased.String() && p.Layer != Trust.String() {
			continue
		}
		for j := range p.Statements {
			if s := &p.Statements[j]; s.Matched && s.Effect == "Allow" && s.grant() >= at {
				return true
			}
		}
	}
	return false
}

// grant reads back how closely a matching statement names the caller.
func (s *StatementTrace) grant() grant {
	switch {
	case s.Principal == nil || s.Principal.Note == "":
		return directGrant
	case s.Principal.Note == noteAccount:
		return accountGrant
	}
	return limitedGrant
}

// silent are the levels at which no policy of an organization's kind allows.
func (t *Trace) silent(k Kind) (levels []int) {
	silent := map[int]bool{}
	last := t.SCPLevels - 1
	if k == RCP {
		last = t.RCPLevels - 1
	}
	for i := range t.Policies {
		p := &t.Policies[i]
		if p.Layer != k.String() {
			continue
		}
		if _, seen := silent[p.Level]; !seen {
			silent[p.Level] = true
		}
		if p.Effect == "allows" {
			silent[p.Level] = false
		}
		last = max(last, p.Level)
	}
	for level := 0; level <= last; level++ {
		if s, seen := silent[level]; s || !seen {
			levels = append(levels, level)
		}
	}
	return levels
}
