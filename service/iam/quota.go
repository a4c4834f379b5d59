package iam

// Quotas of an account as AWS sets them by default
// (reference_iam-quotas.html); sizes are in characters without white space.
const (
	usersQuota             = 5000
	groupsQuota            = 300
	rolesQuota             = 1000
	policiesQuota          = 1500
	instanceProfilesQuota  = 1000
	serverCertsQuota       = 20
	samlProvidersQuota     = 100
	oidcProvidersQuota     = 100
	groupsPerUserQuota     = 10
	attachedQuota          = 10 // managed policies on a user, group or role
	accessKeysQuota        = 2
	signingCertsQuota      = 2
	sshKeysQuota           = 5
	serviceCredsQuota      = 2 // per user and service
	mfaDevicesQuota        = 8
	clientIDsQuota         = 100
	thumbprintsQuota       = 5
	tagsQuota              = 50
	versionsQuota          = 5
	versionsInUseQuota     = 10000
	managedPolicySize      = 6144
	userPolicySize         = 2048
	groupPolicySize        = 5120
	rolePolicySize         = 10240
	trustPolicySize        = 2048
	defaultSessionDuration = 3600 // seconds
)
