package iam

import (
	"slices"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

// accessTable says for each operation what it acts on. The action is the
// operation's name; condition keys follow from the input.
func accessTable() []cloud.Access {
	user, group, role, profile := userNamed("UserName"), groupNamed("GroupName"), roleNamed("RoleName"), profileNamed("InstanceProfileName")
	return []cloud.Access{
		on(&api.AcceptDelegationRequest, delegationWith("DelegationRequestId")),
		on(&api.AddClientIDToOpenIDConnectProvider, providerWith("OpenIDConnectProviderArn")),
		api.AddRoleToInstanceProfile.Decides([]string{"iam:AddRoleToInstanceProfile", "iam:PassRole"}, addRoleChecks),
		on(&api.AddUserToGroup, group),
		on(&api.AssociateDelegationRequest, delegationWith("DelegationRequestId")),
		on(&api.AttachGroupPolicy, group),
		on(&api.AttachRolePolicy, role),
		on(&api.AttachUserPolicy, user),
		api.ChangePassword.Needs("iam:ChangePassword", ownPassword),
		on(&api.CreateAccessKey, user),
		on(&api.CreateAccountAlias, everything),
		on(&api.CreateDelegationRequest, everything),
		created(&api.CreateGroup, "group", "GroupName"),
		created(&api.CreateInstanceProfile, "instance-profile", "InstanceProfileName"),
		on(&api.CreateLoginProfile, user),
		on(&api.CreateOpenIDConnectProvider, newIssuer),
		created(&api.CreatePolicy, "policy", "PolicyName"),
		on(&api.CreatePolicyVersion, policyWith("PolicyArn")),
		created(&api.CreateRole, "role", "RoleName"),
		created(&api.CreateSAMLProvider, "saml-provider", "Name"),
		on(&api.CreateServiceLinkedRole, linkedRole),
		on(&api.CreateServiceSpecificCredential, user),
		created(&api.CreateUser, "user", "UserName"),
		created(&api.CreateVirtualMFADevice, "mfa", "VirtualMFADeviceName"),
		on(&api.DeactivateMFADevice, user),
		on(&api.DeleteAccessKey, user),
		on(&api.DeleteAccountAlias, everything),
		on(&api.DeleteAccountPasswordPolicy, everything),
		on(&api.DeleteGroup, group),
		on(&api.DeleteGroupPolicy, group),
		on(&api.DeleteInstanceProfile, profile),
		on(&api.DeleteLoginProfile, user),
		on(&api.DeleteOpenIDConnectProvider, providerWith("OpenIDConnectProviderArn")),
		on(&api.DeletePolicy, policyWith("PolicyArn")),
		on(&api.DeletePolicyVersion, policyWith("PolicyArn")),
		on(&api.DeleteRole, role),
		on(&api.DeleteRolePermissionsBoundary, role),
		on(&api.DeleteRolePolicy, role),
		on(&api.DeleteSAMLProvider, providerWith("SAMLProviderArn")),
		on(&api.DeleteSSHPublicKey, user),
		on(&api.DeleteServerCertificate, certificateNamed("ServerCertificateName")),
		on(&api.DeleteServiceLinkedRole, role),
		on(&api.DeleteServiceSpecificCredential, user),
		on(&api.DeleteSigningCertificate, user),
		on(&api.DeleteUser, user),
		on(&api.DeleteUserPermissionsBoundary, user),
		on(&api.DeleteUserPolicy, user),
		on(&api.DeleteVirtualMFADevice, deviceWith("SerialNumber")),
		on(&api.DetachGroupPolicy, group),
		on(&api.DetachRolePolicy, role),
		on(&api.DetachUserPolicy, user),
		on(&api.DisableOrganizationsRootCredentialsManagement, everything),
		on(&api.DisableOrganizationsRootSessions, everything),
		on(&api.DisableOutboundWebIdentityFederation, everything),
		on(&api.EnableMFADevice, user),
		on(&api.EnableOrganizationsRootCredentialsManagement, everything),
		on(&api.EnableOrganizationsRootSessions, everything),
		on(&api.EnableOutboundWebIdentityFederation, everything),
		on(&api.GenerateCredentialReport, everything),
		on(&api.GenerateOrganizationsAccessReport, everything),
		on(&api.GenerateServiceLastAccessedDetails, entityWith("Arn")),
		on(&api.GetAccessKeyLastUsed, keyOwner),
		on(&api.GetAccountAuthorizationDetails, everything),
		api.GetAccountPasswordPolicy.Needs("iam:GetAccountPasswordPolicy", passwordRules),
		on(&api.GetAccountSummary, everything),
		on(&api.GetContextKeysForCustomPolicy, everything),
		on(&api.GetContextKeysForPrincipalPolicy, entityWith("PolicySourceArn")),
		on(&api.GetCredentialReport, everything),
		on(&api.GetDelegationRequest, delegationWith("DelegationRequestId")),
		on(&api.GetGroup, group),
		on(&api.GetGroupPolicy, group),
		on(&api.GetHumanReadableSummary, delegationWith("EntityArn")),
		on(&api.GetInstanceProfile, profile),
		on(&api.GetLoginProfile, user),
		on(&api.GetMFADevice, user),
		on(&api.GetOpenIDConnectProvider, providerWith("OpenIDConnectProviderArn")),
		on(&api.GetOrganizationsAccessReport, everything),
		on(&api.GetOutboundWebIdentityFederationInfo, everything),
		on(&api.GetPolicy, policyWith("PolicyArn")),
		on(&api.GetPolicyVersion, policyWith("PolicyArn")),
		on(&api.GetRole, role),
		on(&api.GetRolePolicy, role),
		on(&api.GetSAMLProvider, providerWith("SAMLProviderArn")),
		on(&api.GetSSHPublicKey, user),
		on(&api.GetServerCertificate, certificateNamed("ServerCertificateName")),
		on(&api.GetServiceLastAccessedDetails, everything),
		on(&api.GetServiceLastAccessedDetailsWithEntities, everything),
		on(&api.GetServiceLinkedRoleDeletionStatus, everything),
		on(&api.GetUser, user),
		on(&api.GetUserPolicy, user),
		on(&api.ListAccessKeys, user),
		on(&api.ListAccountAliases, everything),
		on(&api.ListAttachedGroupPolicies, group),
		on(&api.ListAttachedRolePolicies, role),
		on(&api.ListAttachedUserPolicies, user),
		on(&api.ListDelegationRequests, everything),
		on(&api.ListEntitiesForPolicy, policyWith("PolicyArn")),
		on(&api.ListGroupPolicies, group),
		on(&api.ListGroups, listOf("group")),
		on(&api.ListGroupsForUser, user),
		on(&api.ListInstanceProfileTags, profile),
		on(&api.ListInstanceProfiles, listOf("instance-profile")),
		on(&api.ListInstanceProfilesForRole, role),
		on(&api.ListMFADeviceTags, deviceWith("SerialNumber")),
		on(&api.ListMFADevices, user),
		on(&api.ListOpenIDConnectProviderTags, providerWith("OpenIDConnectProviderArn")),
		on(&api.ListOpenIDConnectProviders, everything),
		on(&api.ListOrganizationsFeatures, everything),
		on(&api.ListPolicies, everything),
		on(&api.ListPoliciesGrantingServiceAccess, entityWith("Arn")),
		on(&api.ListPolicyTags, policyWith("PolicyArn")),
		on(&api.ListPolicyVersions, policyWith("PolicyArn")),
		on(&api.ListRolePolicies, role),
		on(&api.ListRoleTags, role),
		on(&api.ListRoles, listOf("role")),
		on(&api.ListSAMLProviderTags, providerWith("SAMLProviderArn")),
		on(&api.ListSAMLProviders, everything),
		on(&api.ListSSHPublicKeys, user),
		on(&api.ListServerCertificateTags, certificateNamed("ServerCertificateName")),
		on(&api.ListServerCertificates, listOf("server-certificate")),
		on(&api.ListServiceSpecificCredentials, user),
		on(&api.ListSigningCertificates, user),
		on(&api.ListUserPolicies, user),
		on(&api.ListUserTags, user),
		on(&api.ListUsers, listOf("user")),
		on(&api.ListVirtualMFADevices, everything),
		on(&api.PutGroupPolicy, group),
		on(&api.PutRolePermissionsBoundary, role),
		on(&api.PutRolePolicy, role),
		on(&api.PutUserPermissionsBoundary, user),
		on(&api.PutUserPolicy, user),
		on(&api.RejectDelegationRequest, delegationWith("DelegationRequestId")),
		on(&api.RemoveClientIDFromOpenIDConnectProvider, providerWith("OpenIDConnectProviderArn")),
		on(&api.RemoveRoleFromInstanceProfile, profile),
		on(&api.RemoveUserFromGroup, group),
		on(&api.ResetServiceSpecificCredential, user),
		on(&api.ResyncMFADevice, user),
		on(&api.SendDelegationToken, delegationWith("DelegationRequestId")),
		on(&api.SetDefaultPolicyVersion, policyWith("PolicyArn")),
		on(&api.SetSecurityTokenServicePreferences, everything),
		on(&api.SimulateCustomPolicy, everything),
		on(&api.SimulatePrincipalPolicy, entityWith("PolicySourceArn")),
		on(&api.TagInstanceProfile, profile),
		on(&api.TagMFADevice, deviceWith("SerialNumber")),
		on(&api.TagOpenIDConnectProvider, providerWith("OpenIDConnectProviderArn")),
		on(&api.TagPolicy, policyWith("PolicyArn")),
		on(&api.TagRole, role),
		on(&api.TagSAMLProvider, providerWith("SAMLProviderArn")),
		on(&api.TagServerCertificate, certificateNamed("ServerCertificateName")),
		on(&api.TagUser, user),
		on(&api.UntagInstanceProfile, profile),
		on(&api.UntagMFADevice, deviceWith("SerialNumber")),
		on(&api.UntagOpenIDConnectProvider, providerWith("OpenIDConnectProviderArn")),
		on(&api.UntagPolicy, policyWith("PolicyArn")),
		on(&api.UntagRole, role),
		on(&api.UntagSAMLProvider, providerWith("SAMLProviderArn")),
		on(&api.UntagServerCertificate, certificateNamed("ServerCertificateName")),
		on(&api.UntagUser, user),
		on(&api.UpdateAccessKey, user),
		on(&api.UpdateAccountPasswordPolicy, everything),
		on(&api.UpdateAssumeRolePolicy, role),
		on(&api.UpdateDelegationRequest, delegationWith("DelegationRequestId")),
		on(&api.UpdateGroup, group),
		on(&api.UpdateLoginProfile, user),
		on(&api.UpdateOpenIDConnectProviderThumbprint, providerWith("OpenIDConnectProviderArn")),
		on(&api.UpdateRole, role),
		on(&api.UpdateRoleDescription, role),
		on(&api.UpdateSAMLProvider, providerWith("SAMLProviderArn")),
		on(&api.UpdateSSHPublicKey, user),
		on(&api.UpdateServerCertificate, certificateNamed("ServerCertificateName")),
		on(&api.UpdateServiceSpecificCredential, user),
		on(&api.UpdateSigningCertificate, user),
		on(&api.UpdateUser, user),
		on(&api.UploadSSHPublicKey, user),
		created(&api.UploadServerCertificate, "server-certificate", "ServerCertificateName"),
		on(&api.UploadSigningCertificate, user),
	}
}

// addRoleChecks: putting a role into an instance profile passes it to EC2.
func addRoleChecks(c *cloud.Call, r store.Reader, in *api.AddRoleToInstanceProfileInput) ([]cloud.Check, error) {
	return []cloud.Check{
		{Action: "iam:AddRoleToInstanceProfile", Resource: profileNamed("").find(c, r, in.InstanceProfileName)},
		identity.PassRole(r, roleNamed("").find(c, r, in.RoleName).ARN, "ec2.amazonaws.com"),
	}, nil
}

// mayChange is what an account's password policy that lets users change their
// own passwords grants to them.
const mayChange = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["iam:ChangePassword","iam:GetAccountPasswordPolicy"],"Resource":"*"}]}`

// selfService adds the grant of the password policy to a resource.
func selfService(c *cloud.Call, r store.Reader, res cloud.Resource) (cloud.Resource, error) {
	rule, _ := passwordPolicy(r, c.Account)
	if c.Principal.Kind != cloud.User || !rule.AllowUsersToChange {
		return res, nil
	}
	doc, err := policy.Cached(mayChange, policy.ResourceBased)
	if err != nil {
		return res, err
	}
	res.Policies = []policy.Attached{{ID: "account password policy", Doc: doc}}
	return res, nil
}

func ownPassword(c *cloud.Call, r store.Reader, _ *api.ChangePasswordInput) (cloud.Resource, error) {
	return selfService(c, r, userNamed("").find(c, r, ""))
}

func passwordRules(c *cloud.Call, r store.Reader, _ *cloud.Empty) (cloud.Resource, error) {
	return selfService(c, r, cloud.Resource{ARN: "*"})
}

// linkedRole is the role that a service would get.
var linkedRole = target{"AWSServiceName", func(c *cloud.Call, _ store.Reader, host string) cloud.Resource {
	return cloud.Resource{ARN: arnOf(c, "role", "/aws-service-role/"+host+"/", linkedServices[host].role)}
}}

var newIssuer = target{"Url", func(c *cloud.Call, _ store.Reader, url string) cloud.Resource {
	_, at, _ := strings.Cut(url, "://")
	return cloud.Resource{ARN: arnOf(c, "oidc-provider", "/", strings.TrimSuffix(at, "/"))}
}}

// keyOwner is the user whom an access key belongs to.
var keyOwner = target{"AccessKeyId", func(c *cloud.Call, r store.Reader, id string) cloud.Resource {
	k, ok := identity.AccessKeys.Get(r, id)
	if !ok || k.Account != c.Account {
		return cloud.Resource{ARN: "*"}
	}
	if k.User == "" {
		return cloud.Resource{ARN: "arn:" + c.Partition + ":iam::" + c.Account + ":root"}
	}
	return userNamed("").find(c, r, k.User)
}}

// entityWith is a user, group, role or policy by its ARN.
func entityWith(member string) target {
	return target{member, func(_ *cloud.Call, _ store.Reader, arn string) cloud.Resource {
		if a, ok := cloud.ParseARN(arn); ok && a.Service == "iam" {
			kind, _, _ := strings.Cut(a.Resource, "/")
			if slices.Contains([]string{"user", "group", "role", "policy"}, kind) {
				return cloud.Resource{ARN: arn}
			}
		}
		return cloud.Resource{ARN: "*"}
	}}
}
