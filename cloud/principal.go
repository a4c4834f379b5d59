package cloud

import "time"

// PrincipalKind is what sort of identity makes a call.
type PrincipalKind uint8

const (
	Anonymous PrincipalKind = iota
	Root
	User
	AssumedRole
	FederatedUser
	ServicePrincipal
)

// String is the kind as aws:PrincipalType has it.
func (k PrincipalKind) String() string {
	return [...]string{"Anonymous", "Account", "User", "AssumedRole", "FederatedUser", "Service"}[k]
}

// Principal is who makes a call.
//
//	Root           arn:aws:iam::ACCOUNT:root
//	User           arn:aws:iam::ACCOUNT:user/PATH/NAME
//	AssumedRole    arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION; RoleARN is the role's own
//	FederatedUser  arn:aws:sts::ACCOUNT:federated-user/NAME
//	Service        the service's host name, "s3.amazonaws.com"
type Principal struct {
	Kind    PrincipalKind
	ARN     string
	Account string
	Name    string // user name, role session name, federated name
	ID      string // aws:userid: AIDA..., AROA...:session, ACCOUNT:name, the account for root

	RoleARN  string // AssumedRole: the role
	UserARN  string // FederatedUser and GetSessionToken: the user who asked
	RoleName string

	Tags              map[string]string // principal tags: the user's or role's, overlaid by session tags
	SessionPolicy     string            // inline session policy document, if any
	SessionPolicyARNs []string          // managed session policies
	HasSession        bool              // temporary credentials
	MFA               bool              // authenticated with MFA (temporary credentials only)
	MFASince          time.Time
	IssuedAt          time.Time // of the session token
	Expires           time.Time
	SourceIdentity    string
	TransitiveTags    []string
	FederatedBy       string              // aws:FederatedProvider
	FederatedKeys     map[string][]string // saml:sub, graph...:aud and so on, as sessions keep them
	SourceARN         string              // Service: the resource on whose behalf
	ServiceLinked     bool                // a service-linked role: SCPs do not apply
	LinkedService     string              // the service that acts through it, where a call inside the cloud says so
	ChainDepth        int                 // role chaining: 1 for the first role assumed
	CreatedBy         string              // access key that asked for the session
}
