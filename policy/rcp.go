package policy

import "strings"

// rcpServices are the services whose resources resource control policies
// protect, by the vendor of their actions
// (orgs_manage_policies_rcps#rcp-supported-services).
var rcpServices = map[string]bool{
	"aoss": true, "cognito-identity": true, "cognito-idp": true, "dynamodb": true, "ecr": true, "kms": true,
	"logs": true, "s3": true, "secretsmanager": true, "sqs": true, "sts": true,
}

// Guardable tells whether resource control policies reach an action: its
// service takes part in them, and it is not one that they leave alone
// (orgs_manage_policies_rcps#actions-not-restricted-by-rcps).
func Guardable(action string) bool {
	vendor, name, _ := strings.Cut(action, ":")
	return rcpServices[vendor] && (vendor != "kms" || !strings.EqualFold(name, "RetireGrant"))
}

// CheckRCP holds a resource control policy of an organization's own to what
// Parse cannot ask of AWS's RCPFullAWSAccess: it only denies, and its actions
// name their service (orgs_manage_policies_rcps_syntax).
func CheckRCP(d *Document) error {
	for i := range d.Statements {
		s := &d.Statements[i]
		if !s.Deny {
			return &Error{"Allow is supported by RCPFullAWSAccess only."}
		}
		actions, _ := s.Actions()
		for _, a := range actions {
			if a == "*" || strings.HasPrefix(a, "*:") {
				return &Error{"Actions must be prefaced by a service."}
			}
		}
	}
	return nil
}

// rcpStatement is a statement of a resource control policy: for everyone, by
// action.
func (g *grammar) rcpStatement(s *rawStatement) error {
	switch {
	case s.notPrincipal:
		return &Error{"Has prohibited field NotPrincipal"}
	case s.notAction:
		return &Error{"Has prohibited field NotAction"}
	case len(s.principal) != 1 || s.principal[0].value != "*" || s.principal[0].typ != "*" && s.principal[0].typ != "AWS":
		return &Error{"Principal must be *"}
	}
	return g.resourceStatement(s)
}
