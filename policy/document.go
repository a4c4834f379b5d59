package policy

import (
	"strings"
	"unicode"
)

// Document is a compiled policy document. It never changes once made and may
// be shared.
type Document struct {
	Text       string
	Kind       Kind
	Version    string // "2012-10-17" or "2008-10-17"
	ID         string // the Id element
	Statements []Statement
}

// Position is a place in a document's text; both count from 1.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Statement is one compiled statement.
type Statement struct {
	Doc        *Document
	Index      int // from 0
	Sid        string
	Deny       bool
	Start, End Position // of the statement's braces

	principal    principals
	actions      actionSet
	resources    []pattern
	notResource  bool
	anyResource  bool // a trust policy has no Resource element
	conditions   []condition
	startOffset  int
	endOffset    int
	hasPrincipal bool
}

// Error is a document that AWS would not accept. The services wrap its text
// in their own code: MalformedPolicyDocument, MalformedPolicy,
// InvalidParameterValue.
type Error struct{ Message string }

func (e *Error) Error() string { return e.Message }

// Parse checks a document against the policy grammar as AWS does and compiles
// it. The error is an *Error that carries AWS's message. Size limits are the
// services' own.
func Parse(text string, kind Kind) (*Document, error) {
	root, err := parseJSON(text)
	if err != nil {
		switch {
		case kind.identitySide():
			return nil, errSyntax
		case kind == Trust:
			return nil, errInvalidJSON
		case !strings.HasPrefix(strings.TrimSpace(text), "{"):
			return nil, errFirstByte
		}
		return nil, errInvalidJSON
	}
	g := grammar{kind: kind}
	doc, err := g.document(text, root)
	if err != nil {
		return nil, err
	}
	return doc, nil
}

// Size counts a document's characters as AWS's limits do: white space is free.
func Size(text string) int {
	n := 0
	for _, r := range text {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}

// identitySide are the documents that IAM and Organizations check strictly.
func (k Kind) identitySide() bool {
	return k == Identity || k == Session || k == Boundary || k == SCP
}

// resourceSide are the documents that the resource's own service checks.
func (k Kind) resourceSide() bool { return k == ResourceBased || k == Endpoint || k == RCP }

// String is the kind as traces name it.
func (k Kind) String() string {
	switch k {
	case Identity:
		return "identity-based policy"
	case ResourceBased:
		return "resource-based policy"
	case Trust:
		return "role trust policy"
	case Session:
		return "session policy"
	case Boundary:
		return "permissions boundary"
	case SCP:
		return "service control policy"
	case RCP:
		return "resource control policy"
	case Endpoint:
		return "VPC endpoint policy"
	}
	return "policy"
}

// positions turns ascending byte offsets into lines and columns in one pass.
type positions struct {
	text         string
	offset       int
	line, column int
}

func (p *positions) at(offset int) Position {
	if p.line == 0 || offset < p.offset {
		p.offset, p.line, p.column = 0, 1, 1
	}
	for _, r := range p.text[p.offset:offset] {
		if r == '\n' {
			p.line, p.column = p.line+1, 1
		} else {
			p.column++
		}
	}
	p.offset = offset
	return Position{p.line, p.column}
}
