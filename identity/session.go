package identity

import "pileus/cloud"

// MayCall tells whether AWS lets the principal's kind of credentials call the
// service at all (id_credentials_temp_request, the comparison of STS's
// operations): federation tokens never reach IAM, and tokens of
// GetSessionToken only when they were asked for with MFA.
// Credentials for a directory bucket of S3 reach nothing else.
func MayCall(p *cloud.Principal, service string) bool {
	if service != "s3" && len(p.FederatedKeys["s3express:sessionbucket"]) > 0 {
		return false
	}
	if service != "iam" || !p.HasSession {
		return true
	}
	switch p.Kind {
	case cloud.FederatedUser:
		return false
	case cloud.User:
		return p.MFA || p.SessionPolicy != "" // delegated access is limited by its policy instead
	case cloud.Root:
		// An AssumeRoot session is limited by its task policy instead,
		// delegated access by its own.
		return p.MFA || len(p.SessionPolicyARNs) > 0 || p.SessionPolicy != ""
	}
	return true
}
