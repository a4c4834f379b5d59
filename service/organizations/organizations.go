// Package organizations is AWS Organizations: accounts under one management
// account, the tree of units that they are in, and the policies that hang on
// that tree. The tree is package identity's records, because service control
// policies take part in authorising every request.
package organizations

import (
	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// Module lists what the service offers; see cloud.Module.
func Module() cloud.Module {
	return cloud.Module{
		API:    &api.Service,
		Access: accessTable(),
		Denied: denied,
		Controllers: []cloud.Controller{
			{Name: createController, Reconcile: finishCreation},
			{Name: closeController, Reconcile: finishClosure},
			{Name: expireController, Reconcile: expireHandshake},
		},
		Count: count,
		Operations: []cloud.Binding{
			api.AcceptHandshake.Update(acceptHandshake),
			api.AttachPolicy.Update(attachPolicy),
			api.CancelHandshake.Update(cancelHandshake),
			api.CloseAccount.Update(closeAccount),
			api.CreateAccount.Update(createAccount),
			api.CreateGovCloudAccount.View(createGovCloudAccount).Partial("there is no AWS GovCloud (US) here: it is always refused"),
			api.CreateOrganization.Update(createOrganization),
			api.CreateOrganizationalUnit.Update(createOrganizationalUnit),
			api.CreatePolicy.Update(createPolicy).Partial("only service and resource control policies bind requests"),
			api.DeclineHandshake.Update(declineHandshake),
			api.DeleteOrganization.Update(deleteOrganization),
			api.DeleteOrganizationalUnit.Update(deleteOrganizationalUnit),
			api.DeletePolicy.Update(deletePolicy),
			api.DeleteResourcePolicy.Update(deleteResourcePolicy),
			api.DeregisterDelegatedAdministrator.Update(deregisterDelegatedAdministrator),
			api.DescribeAccount.View(describeAccount),
			api.DescribeCreateAccountStatus.View(describeCreateAccountStatus),
			api.DescribeEffectivePolicy.View(describeEffectivePolicy),
			api.DescribeHandshake.View(describeHandshake),
			api.DescribeOrganization.View(describeOrganization),
			api.DescribeOrganizationalUnit.View(describeOrganizationalUnit),
			api.DescribePolicy.View(describePolicy),
			api.DescribeResourcePolicy.View(describeResourcePolicy),
			api.DescribeResponsibilityTransfer.View(describeResponsibilityTransfer),
			api.DetachPolicy.Update(detachPolicy),
			api.DisableAWSServiceAccess.Update(disableAWSServiceAccess),
			api.DisablePolicyType.Update(disablePolicyType),
			api.EnableAWSServiceAccess.Update(enableAWSServiceAccess),
			api.EnableAllFeatures.Update(enableAllFeatures),
			api.EnablePolicyType.Update(enablePolicyType),
			api.InviteAccountToOrganization.Update(inviteAccountToOrganization),
			api.InviteOrganizationToTransferResponsibility.Update(inviteOrganizationToTransferResponsibility).Partial("bills are not sent to the account that takes them over"),
			api.LeaveOrganization.Update(leaveOrganization),
			api.ListAWSServiceAccessForOrganization.View(listAWSServiceAccessForOrganization),
			api.ListAccounts.View(listAccounts),
			api.ListAccountsForParent.View(listAccountsForParent),
			api.ListAccountsWithInvalidEffectivePolicy.View(listAccountsWithInvalidEffectivePolicy).Partial("the faults that merging can make in tag policies"),
			api.ListChildren.View(listChildren),
			api.ListCreateAccountStatus.View(listCreateAccountStatus),
			api.ListDelegatedAdministrators.View(listDelegatedAdministrators),
			api.ListDelegatedServicesForAccount.View(listDelegatedServicesForAccount),
			api.ListEffectivePolicyValidationErrors.View(listEffectivePolicyValidationErrors).Partial("the faults that merging can make in tag policies"),
			api.ListHandshakesForAccount.View(listHandshakesForAccount),
			api.ListHandshakesForOrganization.View(listHandshakesForOrganization),
			api.ListInboundResponsibilityTransfers.View(listInboundResponsibilityTransfers),
			api.ListOrganizationalUnitsForParent.View(listOrganizationalUnitsForParent),
			api.ListOutboundResponsibilityTransfers.View(listOutboundResponsibilityTransfers),
			api.ListParents.View(listParents),
			api.ListPolicies.View(listPolicies),
			api.ListPoliciesForTarget.View(listPoliciesForTarget),
			api.ListRoots.View(listRoots),
			api.ListTagsForResource.View(listTagsForResource),
			api.ListTargetsForPolicy.View(listTargetsForPolicy),
			api.MoveAccount.Update(moveAccount),
			api.PutResourcePolicy.Update(putResourcePolicy),
			api.RegisterDelegatedAdministrator.Update(registerDelegatedAdministrator),
			api.RemoveAccountFromOrganization.Update(removeAccountFromOrganization),
			api.TagResource.Update(tagResource),
			api.TerminateResponsibilityTransfer.Update(terminateResponsibilityTransfer),
			api.UntagResource.Update(untagResource),
			api.UpdateOrganizationalUnit.Update(updateOrganizationalUnit),
			api.UpdatePolicy.Update(updatePolicy),
			api.UpdateResponsibilityTransfer.Update(updateResponsibilityTransfer),
		},
	}
}

func count(r store.Reader) map[string]int {
	n := map[string]int{}
	for range identity.Organizations.Scan(r) {
		n["organizations"]++
	}
	for range identity.Members.Scan(r) {
		n["accounts"]++
	}
	return n
}
