package policy

import "strings"

// principalEntry is one value of a Principal element.
type principalEntry struct{ typ, value string }

// principals is a compiled Principal or NotPrincipal element.
type principals struct {
	not     bool
	entries []principalEntry
}

// grant says how closely a Principal element names who asks, because that
// decides which other policies still limit what it allows
// (reference_policies_evaluation-logic).
type grant uint8

const (
	noGrant grant = iota
	// accountGrant names the account: authority is delegated to it, and its
	// own policies must allow too.
	accountGrant
	// limitedGrant names the role behind a session, or the user behind a
	// federated session: boundaries and session policies still limit it.
	limitedGrant
	// directGrant names the caller itself, or everyone.
	directGrant
)

// readPrincipal reads "*" or an object of types.
func readPrincipal(n node) (entries []principalEntry, ok bool) {
	if n.kind == stringNode {
		if n.text != "*" {
			return nil, false
		}
		return []principalEntry{{"*", "*"}}, true
	}
	if n.kind != objectNode {
		return nil, false
	}
	for _, m := range n.members {
		switch m.key {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			return nil, false
		}
		values, ok := m.value.strings()
		if !ok {
			return nil, false
		}
		for _, v := range values {
			entries = append(entries, principalEntry{m.key, v})
		}
	}
	return entries, true
}

// checkPrincipals is the form of the values; whether they exist is for the
// service to see. IAM names the culprit, the others do not.
func checkPrincipals(entries []principalEntry, trust bool) error {
	for _, e := range entries {
		if !validPrincipal(e, trust) {
			if trust {
				return &Error{`Invalid principal in policy: "` + strings.ToUpper(e.typ) + `":"` + e.value + `"`}
			}
			return &Error{"Invalid principal in policy"}
		}
	}
	return nil
}

func validPrincipal(e principalEntry, trust bool) bool {
	switch e.typ {
	case "AWS":
		if e.value == "*" || isAccountID(e.value) || isUniqueID(e.value) {
			return true
		}
		f := strings.SplitN(e.value, ":", 6)
		if len(f) != 6 || f[0] != "arn" || !knownPartition(f[1]) || strings.ContainsAny(e.value, "*?") {
			return false
		}
		return (f[2] == "iam" || f[2] == "sts") && f[3] == "" && f[5] != "" && (isAccountID(f[4]) || f[4] == "cloudfront")
	case "Service":
		return strings.Contains(e.value, ".") && !strings.ContainsAny(e.value, " /*:") || e.value == "*" && !trust
	case "Federated":
		return e.value != ""
	case "CanonicalUser":
		return e.value != "" && !trust
	}
	return true
}

func isAccountID(s string) bool {
	if len(s) != 12 {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isUniqueID knows the ids of users and roles: AIDA..., AROA..., ASIA...
func isUniqueID(s string) bool {
	return len(s) >= 16 && len(s) <= 128 && strings.HasPrefix(s, "A") && alphanumeric(s)
}

func compilePrincipals(entries []principalEntry, not bool) principals {
	p := principals{not: not}
	for _, e := range entries {
		if e.typ == "AWS" && e.value == "*" {
			e.typ = "*"
		}
		p.entries = append(p.entries, e)
	}
	return p
}

// match is how closely the element names who asks. bounded tells that a
// permissions boundary applies: NotPrincipal with Deny then spares nobody
// (reference_policies_elements_notprincipal).
func (ps *principals) match(p *Principal, bounded bool) grant {
	if ps.not {
		if !bounded && ps.spares(p) {
			return noGrant
		}
		return directGrant
	}
	best := noGrant
	for i := range ps.entries {
		if g := ps.entries[i].match(p); g > best {
			if best = g; best == directGrant {
				break
			}
		}
	}
	return best
}

func (e *principalEntry) match(p *Principal) grant {
	switch e.typ {
	case "*":
		return directGrant
	case "AWS":
		return e.matchAWS(p)
	case "Service":
		if p.Kind == "Service" && (e.value == "*" || e.value == p.Service) {
			return directGrant
		}
	case "Federated":
		if p.Federated != "" && (e.value == "*" || e.value == p.Federated) {
			return directGrant
		}
	case "CanonicalUser":
		if p.Canonical != "" && e.value == p.Canonical {
			return accountGrant
		}
	}
	return noGrant
}

func (e *principalEntry) matchAWS(p *Principal) grant {
	if p.external() {
		return noGrant
	}
	v := e.value
	switch {
	case v == p.RoleARN && v != "", v == p.UserARN && v != "":
		return limitedGrant
	case v == p.ARN:
		return directGrant
	case p.Account != "" && (v == p.Account || isRootOf(v, p.Account)):
		if p.Kind == "Account" {
			return directGrant
		}
		return accountGrant
	case p.ID != "" && v == p.ID:
		return directGrant
	case p.Kind == "AssumedRole" && len(v) < len(p.ID) && p.ID[len(v)] == ':' && p.ID[:len(v)] == v:
		return limitedGrant
	}
	return noGrant
}

// isRootOf tells whether arn is the account's arn:...:iam::ACCOUNT:root.
func isRootOf(arn, account string) bool {
	const suffix = ":root"
	n := len(arn) - len(suffix) - len(account)
	return n > 0 && strings.HasSuffix(arn, suffix) && arn[n:n+len(account)] == account && strings.HasSuffix(arn[:n], ":iam::")
}

// spares tells whether a NotPrincipal element exempts who asks: a user needs
// its own ARN and its account's in the list, a role session its session's,
// its role's and its account's.
func (ps *principals) spares(p *Principal) bool {
	var own, behind, account bool
	for i := range ps.entries {
		e := &ps.entries[i]
		if e.typ == "CanonicalUser" {
			account = account || e.match(p) == accountGrant
			continue
		}
		switch e.match(p) {
		case directGrant:
			if e.typ != "AWS" || p.Kind == "Account" {
				return true // everyone, a service, a provider, the root user
			}
			own = true
		case limitedGrant:
			behind = true
		case accountGrant:
			account = true
		}
	}
	if p.Kind == "AssumedRole" || p.Kind == "FederatedUser" && p.UserARN != "" {
		return own && behind && account
	}
	return own && account
}

// external principals have no identity side in any account: services,
// anonymous callers, and the outside identities that ask for a role.
func (p *Principal) external() bool {
	switch p.Kind {
	case "Account", "User", "AssumedRole", "FederatedUser":
		return false
	}
	return true
}
