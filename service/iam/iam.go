// Package iam is Identity and Access Management: users, groups, roles, their
// policies and credentials, and the questions that can be asked about them.
// The records are package identity's, because every request is authorised
// from them.
package iam

import (
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// Module lists what the service offers; see cloud.Module.
func Module() cloud.Module {
	return cloud.Module{
		API:    &api.Service,
		Access: accessTable(),
		Controllers: []cloud.Controller{
			{Name: unlinkController, Reconcile: unlink},
			{Name: reportController, Reconcile: writeReport},
			{Name: jobController, Reconcile: forgetJob},
			{Name: forgetController, Reconcile: forgetDelegation},
		},
		Deliveries: []cloud.Delivery{{Topic: noticeTopic, Deliver: deliverNotice, Attempts: noticeTries}},
		Count:      count,
		Denied:     denied,
		Operations: []cloud.Binding{
			api.AcceptDelegationRequest.Update(acceptDelegationRequest),
			api.AddClientIDToOpenIDConnectProvider.Update(addClientIDToOpenIDConnectProvider),
			api.AddRoleToInstanceProfile.Update(addRoleToInstanceProfile),
			api.AddUserToGroup.Update(addUserToGroup),
			api.AssociateDelegationRequest.Update(associateDelegationRequest),
			api.AttachGroupPolicy.Update(attachGroupPolicy),
			api.AttachRolePolicy.Update(attachRolePolicy),
			api.AttachUserPolicy.Update(attachUserPolicy),
			api.ChangePassword.Serve(changePassword),
			api.CreateAccessKey.Update(createAccessKey),
			api.CreateAccountAlias.Update(createAccountAlias),
			api.CreateDelegationRequest.Update(createDelegationRequest).Partial("SNS topics as notification channels (queues are taken instead); conditional statements in templates"),
			api.CreateGroup.Update(createGroup),
			api.CreateInstanceProfile.Update(createInstanceProfile),
			api.CreateLoginProfile.Serve(createLoginProfile),
			api.CreateOpenIDConnectProvider.Update(createOpenIDConnectProvider),
			api.CreatePolicy.Update(createPolicy),
			api.CreatePolicyVersion.Update(createPolicyVersion),
			api.CreateRole.Update(createRole),
			api.CreateSAMLProvider.Update(createSAMLProvider),
			api.CreateServiceLinkedRole.Update(createServiceLinkedRole),
			api.CreateServiceSpecificCredential.Update(createServiceSpecificCredential),
			api.CreateUser.Update(createUser),
			api.CreateVirtualMFADevice.Update(createVirtualMFADevice),
			api.DeactivateMFADevice.Update(deactivateMFADevice),
			api.DeleteAccessKey.Update(deleteAccessKey),
			api.DeleteAccountAlias.Update(deleteAccountAlias),
			api.DeleteAccountPasswordPolicy.Update(deleteAccountPasswordPolicy),
			api.DeleteGroup.Update(deleteGroup),
			api.DeleteGroupPolicy.Update(deleteGroupPolicy),
			api.DeleteInstanceProfile.Update(deleteInstanceProfile),
			api.DeleteLoginProfile.Update(deleteLoginProfile),
			api.DeleteOpenIDConnectProvider.Update(deleteOpenIDConnectProvider),
			api.DeletePolicy.Update(deletePolicy),
			api.DeletePolicyVersion.Update(deletePolicyVersion),
			api.DeleteRole.Update(deleteRole),
			api.DeleteRolePermissionsBoundary.Update(deleteRolePermissionsBoundary),
			api.DeleteRolePolicy.Update(deleteRolePolicy),
			api.DeleteSAMLProvider.Update(deleteSAMLProvider),
			api.DeleteSSHPublicKey.Update(deleteSSHPublicKey),
			api.DeleteServerCertificate.Update(deleteServerCertificate),
			api.DeleteServiceLinkedRole.Update(deleteServiceLinkedRole),
			api.DeleteServiceSpecificCredential.Update(deleteServiceSpecificCredential),
			api.DeleteSigningCertificate.Update(deleteSigningCertificate),
			api.DeleteUser.Update(deleteUser),
			api.DeleteUserPermissionsBoundary.Update(deleteUserPermissionsBoundary),
			api.DeleteUserPolicy.Update(deleteUserPolicy),
			api.DeleteVirtualMFADevice.Update(deleteVirtualMFADevice),
			api.DetachGroupPolicy.Update(detachGroupPolicy),
			api.DetachRolePolicy.Update(detachRolePolicy),
			api.DetachUserPolicy.Update(detachUserPolicy),
			api.DisableOrganizationsRootCredentialsManagement.Update(disableOrganizationsRootCredentialsManagement),
			api.DisableOrganizationsRootSessions.Update(disableOrganizationsRootSessions),
			api.DisableOutboundWebIdentityFederation.Update(disableOutboundWebIdentityFederation),
			api.EnableMFADevice.Update(enableMFADevice),
			api.EnableOrganizationsRootCredentialsManagement.Update(enableOrganizationsRootCredentialsManagement),
			api.EnableOrganizationsRootSessions.Update(enableOrganizationsRootSessions),
			api.EnableOutboundWebIdentityFederation.Serve(enableOutboundWebIdentityFederation),
			api.GenerateCredentialReport.Update(generateCredentialReport),
			api.GenerateOrganizationsAccessReport.Update(generateOrganizationsAccessReport),
			api.GenerateServiceLastAccessedDetails.Update(generateServiceLastAccessedDetails),
			api.GetAccessKeyLastUsed.View(getAccessKeyLastUsed),
			api.GetAccountAuthorizationDetails.View(getAccountAuthorizationDetails),
			api.GetAccountPasswordPolicy.View(getAccountPasswordPolicy),
			api.GetAccountSummary.View(getAccountSummary),
			api.GetContextKeysForCustomPolicy.View(getContextKeysForCustomPolicy),
			api.GetContextKeysForPrincipalPolicy.View(getContextKeysForPrincipalPolicy),
			api.GetCredentialReport.View(getCredentialReport),
			api.GetDelegationRequest.View(getDelegationRequest),
			api.GetGroup.View(getGroup),
			api.GetGroupPolicy.View(getGroupPolicy),
			api.GetHumanReadableSummary.View(getHumanReadableSummary),
			api.GetInstanceProfile.View(getInstanceProfile),
			api.GetLoginProfile.View(getLoginProfile),
			api.GetMFADevice.View(getMFADevice),
			api.GetOpenIDConnectProvider.View(getOpenIDConnectProvider),
			api.GetOrganizationsAccessReport.View(getOrganizationsAccessReport),
			api.GetOutboundWebIdentityFederationInfo.View(getOutboundWebIdentityFederationInfo),
			api.GetPolicy.View(getPolicy),
			api.GetPolicyVersion.View(getPolicyVersion),
			api.GetRole.View(getRole),
			api.GetRolePolicy.View(getRolePolicy),
			api.GetSAMLProvider.View(getSAMLProvider),
			api.GetSSHPublicKey.View(getSSHPublicKey),
			api.GetServerCertificate.View(getServerCertificate),
			api.GetServiceLastAccessedDetails.View(getServiceLastAccessedDetails),
			api.GetServiceLastAccessedDetailsWithEntities.View(getServiceLastAccessedDetailsWithEntities),
			api.GetServiceLinkedRoleDeletionStatus.View(getServiceLinkedRoleDeletionStatus),
			api.GetUser.View(getUser),
			api.GetUserPolicy.View(getUserPolicy),
			api.ListAccessKeys.View(listAccessKeys),
			api.ListAccountAliases.View(listAccountAliases),
			api.ListAttachedGroupPolicies.View(listAttachedGroupPolicies),
			api.ListAttachedRolePolicies.View(listAttachedRolePolicies),
			api.ListAttachedUserPolicies.View(listAttachedUserPolicies),
			api.ListDelegationRequests.View(listDelegationRequests),
			api.ListEntitiesForPolicy.View(listEntitiesForPolicy),
			api.ListGroupPolicies.View(listGroupPolicies),
			api.ListGroups.View(listGroups),
			api.ListGroupsForUser.View(listGroupsForUser),
			api.ListInstanceProfileTags.View(listInstanceProfileTags),
			api.ListInstanceProfiles.View(listInstanceProfiles),
			api.ListInstanceProfilesForRole.View(listInstanceProfilesForRole),
			api.ListMFADeviceTags.View(listMFADeviceTags),
			api.ListMFADevices.View(listMFADevices),
			api.ListOpenIDConnectProviderTags.View(listOpenIDConnectProviderTags),
			api.ListOpenIDConnectProviders.View(listOpenIDConnectProviders),
			api.ListOrganizationsFeatures.View(listOrganizationsFeatures),
			api.ListPolicies.View(listPolicies),
			api.ListPoliciesGrantingServiceAccess.View(listPoliciesGrantingServiceAccess),
			api.ListPolicyTags.View(listPolicyTags),
			api.ListPolicyVersions.View(listPolicyVersions),
			api.ListRolePolicies.View(listRolePolicies),
			api.ListRoleTags.View(listRoleTags),
			api.ListRoles.View(listRoles),
			api.ListSAMLProviderTags.View(listSAMLProviderTags),
			api.ListSAMLProviders.View(listSAMLProviders),
			api.ListSSHPublicKeys.View(listSSHPublicKeys),
			api.ListServerCertificateTags.View(listServerCertificateTags),
			api.ListServerCertificates.View(listServerCertificates),
			api.ListServiceSpecificCredentials.View(listServiceSpecificCredentials),
			api.ListSigningCertificates.View(listSigningCertificates),
			api.ListUserPolicies.View(listUserPolicies),
			api.ListUserTags.View(listUserTags),
			api.ListUsers.View(listUsers),
			api.ListVirtualMFADevices.View(listVirtualMFADevices),
			api.PutGroupPolicy.Update(putGroupPolicy),
			api.PutRolePermissionsBoundary.Update(putRolePermissionsBoundary),
			api.PutRolePolicy.Update(putRolePolicy),
			api.PutUserPermissionsBoundary.Update(putUserPermissionsBoundary),
			api.PutUserPolicy.Update(putUserPolicy),
			api.RejectDelegationRequest.Update(rejectDelegationRequest),
			api.RemoveClientIDFromOpenIDConnectProvider.Update(removeClientIDFromOpenIDConnectProvider),
			api.RemoveRoleFromInstanceProfile.Update(removeRoleFromInstanceProfile),
			api.RemoveUserFromGroup.Update(removeUserFromGroup),
			api.ResetServiceSpecificCredential.Update(resetServiceSpecificCredential),
			api.ResyncMFADevice.Update(resyncMFADevice),
			api.SendDelegationToken.Update(sendDelegationToken),
			api.SetDefaultPolicyVersion.Update(setDefaultPolicyVersion),
			api.SetSecurityTokenServicePreferences.Update(setSecurityTokenServicePreferences),
			api.SimulateCustomPolicy.View(simulateCustomPolicy),
			api.SimulatePrincipalPolicy.View(simulatePrincipalPolicy),
			api.TagInstanceProfile.Update(tagInstanceProfile),
			api.TagMFADevice.Update(tagMFADevice),
			api.TagOpenIDConnectProvider.Update(tagOpenIDConnectProvider),
			api.TagPolicy.Update(tagPolicy),
			api.TagRole.Update(tagRole),
			api.TagSAMLProvider.Update(tagSAMLProvider),
			api.TagServerCertificate.Update(tagServerCertificate),
			api.TagUser.Update(tagUser),
			api.UntagInstanceProfile.Update(untagInstanceProfile),
			api.UntagMFADevice.Update(untagMFADevice),
			api.UntagOpenIDConnectProvider.Update(untagOpenIDConnectProvider),
			api.UntagPolicy.Update(untagPolicy),
			api.UntagRole.Update(untagRole),
			api.UntagSAMLProvider.Update(untagSAMLProvider),
			api.UntagServerCertificate.Update(untagServerCertificate),
			api.UntagUser.Update(untagUser),
			api.UpdateAccessKey.Update(updateAccessKey),
			api.UpdateAccountPasswordPolicy.Update(updateAccountPasswordPolicy),
			api.UpdateAssumeRolePolicy.Update(updateAssumeRolePolicy),
			api.UpdateDelegationRequest.Update(updateDelegationRequest),
			api.UpdateGroup.Update(updateGroup),
			api.UpdateLoginProfile.Serve(updateLoginProfile),
			api.UpdateOpenIDConnectProviderThumbprint.Update(updateOpenIDConnectProviderThumbprint),
			api.UpdateRole.Update(updateRole),
			api.UpdateRoleDescription.Update(updateRoleDescription),
			api.UpdateSAMLProvider.Update(updateSAMLProvider),
			api.UpdateSSHPublicKey.Update(updateSSHPublicKey),
			api.UpdateServerCertificate.Update(updateServerCertificate),
			api.UpdateServiceSpecificCredential.Update(updateServiceSpecificCredential),
			api.UpdateSigningCertificate.Update(updateSigningCertificate),
			api.UpdateUser.Update(updateUser),
			api.UploadSSHPublicKey.Update(uploadSSHPublicKey),
			api.UploadServerCertificate.Update(uploadServerCertificate),
			api.UploadSigningCertificate.Update(uploadSigningCertificate),
		},
	}
}

// count is what all accounts have together.
func count(r store.Reader) map[string]int {
	n := map[string]int{}
	for a := range identity.Accounts.Scan(r) {
		n["users"] += identity.Users.Count(r, a.ID)
		n["groups"] += identity.Groups.Count(r, a.ID)
		n["roles"] += identity.Roles.Count(r, a.ID)
		n["policies"] += identity.Policies.Count(r, a.ID)
	}
	return n
}

// denied names the resource of actions that have none of their own, which IAM
// does and other services do not.
func denied(_ *cloud.Call, op *cloud.OpInfo, e *cloud.Error) *cloud.Error {
	head, tail, ok := strings.Cut(e.Message, " to perform: iam:"+op.Name+" ")
	if !ok || strings.HasPrefix(tail, "on resource: ") {
		return e
	}
	d := *e
	d.Message = head + " to perform: iam:" + op.Name + " on resource: * " + tail
	return &d
}
