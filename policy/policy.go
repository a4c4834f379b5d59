// Package policy evaluates AWS policies: pure functions of a request and the
// documents that apply to it.
package policy

import "time"

// Keys are condition keys and their values. Names are lower-cased
// ("aws:sourceip"); a missing name is a key that is not in the request
// context. More than one value makes the key multivalued.
type Keys map[string][]string

// Kind is what a document is used as; it decides which elements are allowed.
type Kind uint8

const (
	Identity      Kind = iota // attached to a user, group or role: no Principal
	ResourceBased             // bucket and queue policies: needs Principal
	Trust                     // a role's trust policy: needs Principal, no Resource
	Session                   // passed to AssumeRole
	Boundary                  // a permissions boundary
	SCP                       // a service control policy
	Endpoint                  // a VPC endpoint policy
	RCP                       // a resource control policy: needs Principal
)

// Attached is a compiled document together with where it came from, for
// traces: "arn:aws:iam::aws:policy/ReadOnlyAccess", "inline policy p of user
// alice", "bucket policy of example".
type Attached struct {
	ID  string
	Doc *Document
}

// Request is what is asked: may Principal do Action on Resource.
type Request struct {
	Principal       Principal
	Action          string // "s3:GetObject"
	Resource        string // an ARN, or "*"
	ResourceAccount string // who owns the resource
	Keys            Keys   // condition keys, global and service-specific
	Now             time.Time
}

// Principal is who asks, as Principal elements match it.
type Principal struct {
	Kind      string // "Account" (root), "User", "AssumedRole", "FederatedUser", "Service", "Anonymous"
	ARN       string
	Account   string
	RoleARN   string // AssumedRole: the role's ARN, which Principal elements may name instead
	UserARN   string // FederatedUser: the user who asked for the session
	Service   string // Service: "s3.amazonaws.com"
	Federated string // web identity and SAML: the provider, while assuming a role
	ID        string // aws:userid: "AIDA...", "AROA...:session"; unique ids in Principal elements match it
	Canonical string // the account's canonical user id, where S3 knows it
}

// Set is every policy that applies to a request.
type Set struct {
	Identity []Attached
	// Boundary limits Identity (and, where AWS documents it, resource
	// policies); nil when there is none.
	Boundary *Attached
	// Session policies limit a session; HasSession tells that some were
	// passed (none that allow then means deny).
	Session    []Attached
	HasSession bool
	// SCPs by level, from the organization's root to the account: each level
	// must allow. Empty where the account is in no organization, or is its
	// management account, or the principal is a service-linked role.
	SCPs [][]Attached
	// RCPs by level, from the root of the organization of the resource's
	// account down to that account: each level must allow, whoever asks. They
	// count for actions that are Guardable only. Empty where the account is in
	// no organization or is its management account, or where a service-linked
	// role asks.
	RCPs [][]Attached
	// Resource policies of the resource.
	Resource []Attached
	// Trust: the resource policy must allow by itself, even in the same
	// account (a role's trust policy).
	Trust bool
	// Root marks the account's root user, whose identity side allows all.
	Root bool
	// Endpoint policies of the VPC endpoint that the request came through;
	// they must allow by themselves. Empty where it came through none.
	Endpoint []Attached
}
