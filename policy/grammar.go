package policy

import "strings"

var (
	errSyntax = &Error{"Syntax errors in policy."}
	// What is not JSON, in trust policies and in resources' policies.
	errInvalidJSON = &Error{"This policy contains invalid Json"}
	errFirstByte   = &Error{"Policies must be valid JSON and the first byte must be '{'"}
	errLegacy      = &Error{"The policy failed legacy parsing"}
	errVersion     = &Error{"Policy document must be version 2012-10-17 or greater."}
	errVendor      = &Error{"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."}
)

// grammar turns a JSON tree into a compiled document. IAM checks in passes:
// the shape of the whole document, its version, what its oldest parser would
// have refused, and only then the statements one by one; which message a
// document with several faults gets depends on that order.
type grammar struct {
	kind    Kind
	version string
}

// shape is an error about the document's form. For identities' policies IAM
// has one text for all of them; for trust policies it says more, as the
// services that keep their own policies do.
func (g *grammar) shape(detail string) error {
	if g.kind.identitySide() {
		return errSyntax
	}
	return &Error{detail}
}

func (g *grammar) document(text string, root node) (*Document, error) {
	if root.kind != objectNode {
		if g.kind == Trust {
			return nil, errInvalidJSON
		}
		return nil, g.shape(errFirstByte.Message)
	}
	doc := &Document{Text: text, Kind: g.kind}
	var list []node
	hasVersion, hasStatement := false, false
	for _, m := range root.members {
		switch m.key {
		case "Version":
			if m.value.kind != stringNode {
				return nil, g.shape("The policy must contain a valid version string")
			}
			doc.Version, hasVersion = m.value.text, true
		case "Id":
			if m.value.kind != stringNode {
				return nil, g.shape("Invalid policy syntax.")
			}
			doc.ID = m.value.text
		case "Statement":
			hasStatement = true
			if list = m.value.list; m.value.kind == objectNode {
				list = []node{m.value}
			} else if m.value.kind != listNode {
				return nil, g.shape("Invalid policy syntax.")
			}
		default:
			return nil, g.shape("Unknown field " + m.key)
		}
	}
	if !hasStatement {
		return nil, g.shape("Missing required field Statement")
	}
	if len(list) == 0 {
		return nil, g.shape("Could not parse the policy: Statement is empty!")
	}
	if hasVersion && doc.Version != "2012-10-17" && doc.Version != "2008-10-17" {
		return nil, g.shape("The policy must contain a valid version string")
	}
	if !hasVersion {
		doc.Version = "2008-10-17" // what AWS takes a document without one to be
	}
	raws, err := g.shapes(list)
	if err != nil {
		return nil, err
	}
	if g.kind.identitySide() && doc.Version != "2012-10-17" {
		return nil, errVersion
	}
	g.version = doc.Version
	if err := g.check(raws); err != nil {
		return nil, err
	}
	return doc, g.compile(doc, raws)
}

// rawStatement is a statement whose shape is right.
type rawStatement struct {
	node                       node
	sid, effect                string
	actions, resources         []string
	hasAction, notAction       bool
	hasResource, notResource   bool
	hasPrincipal, notPrincipal bool
	principal                  []principalEntry
	conditions                 []rawCondition
}

type rawCondition struct {
	operator, key string
	values        []string
}

func (g *grammar) shapes(list []node) ([]rawStatement, error) {
	raws := make([]rawStatement, len(list))
	for i, n := range list {
		if n.kind != objectNode {
			return nil, g.shape("Invalid policy syntax.")
		}
		raws[i].node = n
		for _, m := range n.members {
			if err := g.element(&raws[i], m); err != nil {
				return nil, err
			}
		}
		if raws[i].effect == "" {
			return nil, g.shape("Missing required field Effect")
		}
	}
	return raws, nil
}

// element reads one member of a statement.
func (g *grammar) element(s *rawStatement, m member) error {
	ok := true
	switch m.key {
	case "Sid":
		s.sid, ok = m.value.text, m.value.kind == stringNode
	case "Effect":
		s.effect = m.value.text
		lower := lowerASCII(s.effect)
		if m.value.kind != stringNode || lower != "allow" && lower != "deny" {
			return g.shape("Invalid effect: " + s.effect)
		}
	case "Action", "NotAction":
		if s.hasAction {
			return g.shape("Statement must not contain both Action and NotAction")
		}
		s.hasAction, s.notAction = true, m.key == "NotAction"
		s.actions, ok = m.value.strings()
	case "Resource", "NotResource":
		if s.hasResource {
			return g.shape("Statement must not contain both Resource and NotResource")
		}
		s.hasResource, s.notResource = true, m.key == "NotResource"
		s.resources, ok = m.value.strings()
	case "Principal", "NotPrincipal":
		if s.hasPrincipal {
			return g.shape("Statement must not contain both Principal and NotPrincipal")
		}
		s.hasPrincipal, s.notPrincipal = true, m.key == "NotPrincipal"
		s.principal, ok = readPrincipal(m.value)
		if !ok {
			return g.shape("Invalid principal in policy")
		}
	case "Condition":
		return g.condition(s, m.value)
	default:
		return g.shape("Unknown field " + m.key)
	}
	if !ok {
		return g.shape("Invalid policy syntax.")
	}
	return nil
}

func (g *grammar) condition(s *rawStatement, n node) error {
	if n.kind != objectNode {
		return g.shape("Invalid policy syntax.")
	}
	for _, operator := range n.members {
		if operator.value.kind != objectNode {
			return g.shape("Invalid policy syntax.")
		}
		if len(operator.value.members) == 0 {
			continue // tests nothing, and AWS takes it, whatever the name
		}
		if _, ok := parseOperator(operator.key); !ok {
			return g.shape("Invalid Condition type : " + operator.key)
		}
		for _, key := range operator.value.members {
			values, ok := key.value.scalars()
			if !ok {
				return g.shape("Invalid policy syntax.")
			}
			s.conditions = append(s.conditions, rawCondition{operator.key, key.key, values})
		}
	}
	return nil
}

// check is what holds beyond the shape.
func (g *grammar) check(raws []rawStatement) error {
	if !g.kind.resourceSide() {
		for i := range raws {
			if err := legacy(&raws[i]); err != nil {
				return err
			}
		}
	}
	sids := map[string]bool{}
	for i := range raws {
		sid := raws[i].sid
		if sid == "" {
			continue
		}
		if sids[sid] {
			return &Error{"Statement IDs (SID) in a single policy must be unique."}
		}
		sids[sid] = true
		if g.kind.identitySide() && !alphanumeric(sid) {
			return &Error{"Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"}
		}
	}
	for i := range raws {
		if err := g.statement(&raws[i]); err != nil {
			return err
		}
	}
	return nil
}

func (g *grammar) statement(s *rawStatement) error {
	switch g.kind {
	case Trust:
		return g.trustStatement(s)
	case ResourceBased, Endpoint:
		return g.resourceStatement(s)
	case RCP:
		return g.rcpStatement(s)
	}
	if s.hasPrincipal {
		return &Error{"Policy document should not specify a principal."}
	}
	for _, r := range s.resources {
		if err := checkResource(r); err != nil {
			return err
		}
	}
	if len(s.actions) == 0 {
		return &Error{"Policy statement must contain actions."}
	}
	for _, a := range s.actions {
		if err := checkAction(a); err != nil {
			return err
		}
	}
	if len(s.resources) == 0 {
		return &Error{"Policy statement must contain resources."}
	}
	return nil
}

func (g *grammar) trustStatement(s *rawStatement) error {
	switch {
	case s.hasResource && s.notResource:
		return &Error{"Has prohibited field NotResource"}
	case s.hasResource:
		return &Error{"Has prohibited field Resource"}
	case s.notPrincipal:
		return &Error{"Has prohibited field NotPrincipal"}
	case !s.hasPrincipal || len(s.principal) == 0:
		return &Error{"Missing required field Principal"}
	case len(s.actions) == 0:
		return &Error{"Policy statement must contain actions."}
	}
	for _, a := range s.actions {
		if err := checkAction(a); err != nil {
			return err
		}
		if vendor, _, _ := strings.Cut(a, ":"); a != "*" && !strings.EqualFold(vendor, "sts") {
			return &Error{"AssumeRole policy may only specify STS AssumeRole actions."}
		}
	}
	return checkPrincipals(s.principal, true)
}

func (g *grammar) resourceStatement(s *rawStatement) error {
	switch {
	case !s.hasPrincipal || len(s.principal) == 0:
		return &Error{"Missing required field Principal"}
	case s.notPrincipal && s.effect == "Allow":
		return &Error{"Allow with NotPrincipal is not allowed."}
	case len(s.actions) == 0:
		return &Error{"Missing required field Action"}
	case len(s.resources) == 0:
		return &Error{"Missing required field Resource"}
	case s.effect != "Allow" && s.effect != "Deny":
		return &Error{"Invalid effect: " + s.effect}
	}
	for _, a := range s.actions {
		if checkAction(a) != nil {
			return &Error{"Policy has invalid action"}
		}
	}
	for _, r := range s.resources {
		if r != "*" && !strings.HasPrefix(r, "arn:") {
			return &Error{"Policy has invalid resource"}
		}
	}
	return checkPrincipals(s.principal, false)
}

// compile prepares the statements for matching.
func (g *grammar) compile(doc *Document, raws []rawStatement) error {
	x := syntax{wild: true, vars: g.version == "2012-10-17"}
	pos := positions{text: doc.Text}
	doc.Statements = make([]Statement, len(raws))
	for i := range raws {
		r, s := &raws[i], &doc.Statements[i]
		*s = Statement{Doc: doc, Index: i, Sid: r.sid, Deny: r.effect == "Deny",
			notResource: r.notResource, anyResource: g.kind == Trust,
			startOffset: r.node.start, endOffset: r.node.end}
		s.Start, s.End = pos.at(r.node.start), pos.at(r.node.end)
		s.actions = compileActions(r.actions, r.notAction)
		for _, text := range r.resources {
			p := compilePattern(completeARN(text), x)
			p.source = text
			s.resources = append(s.resources, p)
		}
		s.hasPrincipal = r.hasPrincipal
		s.principal = compilePrincipals(r.principal, r.notPrincipal)
		for _, c := range r.conditions {
			s.conditions = append(s.conditions, compileCondition(c, x.vars))
		}
	}
	return nil
}

func alphanumeric(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return false
		}
	}
	return true
}
