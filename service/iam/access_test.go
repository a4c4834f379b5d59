package iam_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/service/iam"
	"pileus/store"
)

// TestEveryOperationHasAccess: an operation that is bound but not declared is
// denied to everyone, and one that is declared but not bound is a mistake.
func TestEveryOperationHasAccess(t *testing.T) {
	declared := map[string]int{}
	m := iam.Module()
	for _, a := range m.Access {
		declared[a.Op.Name]++
		if a.Open || len(a.Actions) == 0 || a.Actions[0] != "iam:"+a.Op.Name {
			t.Errorf("%s is declared with %v, open %v", a.Op.Name, a.Actions, a.Open)
		}
	}
	for _, b := range m.Operations {
		if declared[b.Op.Name] != 1 {
			t.Errorf("%s has %d declarations of access", b.Op.Name, declared[b.Op.Name])
		}
		delete(declared, b.Op.Name)
	}
	for op := range declared {
		t.Errorf("%s is declared, but not bound", op)
	}
}

// row is one operation: what it acts on, as the resource part of an ARN
// ("user/u"), a whole ARN or "*", and a request that succeeds on the fixture.
type row struct {
	resource string
	input    any // a pointer to the SDK's input
	also     string
}

func (x row) op() string {
	return strings.TrimSuffix(reflect.TypeOf(x.input).Elem().Name(), "Input")
}

// call makes the request through AWS's own client.
func (x row) call(t *testing.T, c *sdk.Client) error {
	out := reflect.ValueOf(c).MethodByName(x.op()).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(x.input)})
	err, _ := out[1].Interface().(error)
	return err
}

// TestAccess runs every operation as a user with the smallest policy that
// allows it, with one that allows it on another resource, and with none.
func TestAccess(t *testing.T) {
	for i, x := range rows(new(fixture)) {
		t.Run(x.op(), func(t *testing.T) {
			t.Parallel()
			f := furnish(t)
			x := rows(f)[i]
			f.prepare(x.op())
			arn := x.resource
			if arn != "*" && !strings.HasPrefix(arn, "arn:") {
				arn = arnHead + arn
			}
			as := func(name, policy string) *sdk.Client {
				k := f.w.User(name, policy)
				f.withPassword(name)
				return client(f.w.ConfigAs(k))
			}
			refused(t, x.call(t, as("nobody", "")), "AccessDenied", "is not authorized to perform: iam:"+x.op()+" on resource: ")
			if arn != "*" {
				refused(t, x.call(t, as("elsewhere", minimal(x, arn+"-other"))), "AccessDenied", "on resource: ")
			}
			if err := x.call(t, as("caller", minimal(x, arn))); err != nil {
				t.Errorf("allowed by %s: %v", minimal(x, arn), err)
			}
		})
	}
}

func minimal(x row, arn string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:%s","Resource":%q}%s]}`, x.op(), arn, x.also)
}

// prepare puts right what stands in the way of one operation alone.
func (f *fixture) prepare(op string) {
	if op == "EnableOutboundWebIdentityFederation" {
		nodetest.Do(f.w, &api.DisableOutboundWebIdentityFederation, new(cloud.Empty))
	}
}

// withPassword gives a user the password that ChangePassword's row knows.
func (f *fixture) withPassword(name string) {
	f.w.Update(func(tx store.Tx) {
		u, _ := identity.FindUser(tx, account, name)
		other, _ := identity.FindUser(tx, account, "u")
		u.Login = other.Login
		identity.Users.Put(tx, u)
	})
}

// TestEveryOperationHasARow: no operation is bound without its row above.
func TestEveryOperationHasARow(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range rows(new(fixture)) {
		if seen[x.op()] {
			t.Errorf("%s has two rows", x.op())
		}
		seen[x.op()] = true
	}
	for _, b := range iam.Module().Operations {
		if !seen[b.Op.Name] {
			t.Errorf("%s has no row", b.Op.Name)
		}
	}
	t.Logf("%d operations", len(seen))
}

const passRole = `,{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}`

func rows(f *fixture) []row {
	m := made()
	blue := []types.Tag{{Key: new("colour"), Value: new("blue")}}
	team := []string{"team"}
	u, g, r, i, p := new("u"), new("g"), new("r"), new("i"), new("inline")
	return []row{
		{"delegation-request/" + f.owned, &sdk.AcceptDelegationRequestInput{DelegationRequestId: &f.owned}, ""},
		{f.oidc, &sdk.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: &f.oidc, ClientID: new("other")}, ""},
		{"instance-profile/barei", &sdk.AddRoleToInstanceProfileInput{InstanceProfileName: new("barei"), RoleName: r}, passRole},
		{"group/bareg", &sdk.AddUserToGroupInput{GroupName: new("bareg"), UserName: u}, ""},
		{"delegation-request/" + f.asked, &sdk.AssociateDelegationRequestInput{DelegationRequestId: &f.asked}, ""},
		{"group/bareg", &sdk.AttachGroupPolicyInput{GroupName: new("bareg"), PolicyArn: &f.policy}, ""},
		{"role/barer", &sdk.AttachRolePolicyInput{RoleName: new("barer"), PolicyArn: &f.policy}, ""},
		{"user/bareu", &sdk.AttachUserPolicyInput{UserName: new("bareu"), PolicyArn: &f.policy}, ""},
		{"user/caller", &sdk.ChangePasswordInput{OldPassword: new(oldWord), NewPassword: new("Battery-Staple-8")}, ""},
		{"user/bareu", &sdk.CreateAccessKeyInput{UserName: new("bareu")}, ""},
		{"*", &sdk.CreateAccountAliasInput{AccountAlias: new("another")}, ""},
		{"*", &sdk.CreateDelegationRequestInput{Description: new("set up"), RequestorWorkflowId: new("another"), SessionDuration: new(int32(900)), NotificationChannel: new("arn:aws:sqs:us-east-1:" + account + ":notices"), Permissions: &types.DelegationPermission{PolicyTemplateArn: &f.policy}}, ""},
		{"group/eng/new", &sdk.CreateGroupInput{GroupName: new("new"), Path: new("/eng/")}, ""},
		{"instance-profile/new", &sdk.CreateInstanceProfileInput{InstanceProfileName: new("new")}, ""},
		{"user/bareu", &sdk.CreateLoginProfileInput{UserName: new("bareu"), Password: new(oldWord)}, ""},
		{"oidc-provider/accounts.example.com", &sdk.CreateOpenIDConnectProviderInput{Url: new("https://accounts.example.com")}, ""},
		{"policy/new", &sdk.CreatePolicyInput{PolicyName: new("new"), PolicyDocument: new(allowList)}, ""},
		{f.policy, &sdk.CreatePolicyVersionInput{PolicyArn: &f.policy, PolicyDocument: new(allowList)}, ""},
		{"role/new", &sdk.CreateRoleInput{RoleName: new("new"), AssumeRolePolicyDocument: new(ec2Trust)}, ""},
		{"saml-provider/new", &sdk.CreateSAMLProviderInput{Name: new("new"), SAMLMetadataDocument: &m.metadata}, ""},
		{"role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS", &sdk.CreateServiceLinkedRoleInput{AWSServiceName: new("rds.amazonaws.com")}, ""},
		{"user/u", &sdk.CreateServiceSpecificCredentialInput{UserName: u, ServiceName: new("codecommit.amazonaws.com")}, ""},
		{"user/eng/new", &sdk.CreateUserInput{UserName: new("new"), Path: new("/eng/")}, ""},
		{"mfa/new", &sdk.CreateVirtualMFADeviceInput{VirtualMFADeviceName: new("new")}, ""},
		{"user/u", &sdk.DeactivateMFADeviceInput{UserName: u, SerialNumber: &f.device}, ""},
		{"user/u", &sdk.DeleteAccessKeyInput{UserName: u, AccessKeyId: &f.key}, ""},
		{"*", &sdk.DeleteAccountAliasInput{AccountAlias: new("my-cloud")}, ""},
		{"*", &sdk.DeleteAccountPasswordPolicyInput{}, ""},
		{"group/bareg", &sdk.DeleteGroupInput{GroupName: new("bareg")}, ""},
		{"group/g", &sdk.DeleteGroupPolicyInput{GroupName: g, PolicyName: p}, ""},
		{"instance-profile/barei", &sdk.DeleteInstanceProfileInput{InstanceProfileName: new("barei")}, ""},
		{"user/u", &sdk.DeleteLoginProfileInput{UserName: u}, ""},
		{f.oidc, &sdk.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: &f.oidc}, ""},
		{f.bare, &sdk.DeletePolicyInput{PolicyArn: &f.bare}, ""},
		{f.policy, &sdk.DeletePolicyVersionInput{PolicyArn: &f.policy, VersionId: new("v2")}, ""},
		{"role/barer", &sdk.DeleteRoleInput{RoleName: new("barer")}, ""},
		{"role/r", &sdk.DeleteRolePermissionsBoundaryInput{RoleName: r}, ""},
		{"role/r", &sdk.DeleteRolePolicyInput{RoleName: r, PolicyName: p}, ""},
		{f.saml, &sdk.DeleteSAMLProviderInput{SAMLProviderArn: &f.saml}, ""},
		{"user/u", &sdk.DeleteSSHPublicKeyInput{UserName: u, SSHPublicKeyId: &f.ssh}, ""},
		{"server-certificate/cert", &sdk.DeleteServerCertificateInput{ServerCertificateName: new("cert")}, ""},
		{f.linkedRole, &sdk.DeleteServiceLinkedRoleInput{RoleName: &f.linkedRoleName}, ""},
		{"user/u", &sdk.DeleteServiceSpecificCredentialInput{UserName: u, ServiceSpecificCredentialId: &f.cred}, ""},
		{"user/u", &sdk.DeleteSigningCertificateInput{UserName: u, CertificateId: &f.signing}, ""},
		{"user/bareu", &sdk.DeleteUserInput{UserName: new("bareu")}, ""},
		{"user/u", &sdk.DeleteUserPermissionsBoundaryInput{UserName: u}, ""},
		{"user/u", &sdk.DeleteUserPolicyInput{UserName: u, PolicyName: p}, ""},
		{f.spare, &sdk.DeleteVirtualMFADeviceInput{SerialNumber: &f.spare}, ""},
		{"group/g", &sdk.DetachGroupPolicyInput{GroupName: g, PolicyArn: &f.policy}, ""},
		{"role/r", &sdk.DetachRolePolicyInput{RoleName: r, PolicyArn: &f.policy}, ""},
		{"user/u", &sdk.DetachUserPolicyInput{UserName: u, PolicyArn: &f.policy}, ""},
		{"*", &sdk.DisableOrganizationsRootCredentialsManagementInput{}, ""},
		{"*", &sdk.DisableOrganizationsRootSessionsInput{}, ""},
		{"*", &sdk.DisableOutboundWebIdentityFederationInput{}, ""},
		{"user/bareu", &sdk.EnableMFADeviceInput{UserName: new("bareu"), SerialNumber: &f.spare, AuthenticationCode1: &f.codes[0], AuthenticationCode2: &f.codes[1]}, ""},
		{"*", &sdk.EnableOrganizationsRootCredentialsManagementInput{}, ""},
		{"*", &sdk.EnableOrganizationsRootSessionsInput{}, ""},
		{"*", &sdk.EnableOutboundWebIdentityFederationInput{}, ""},
		{"*", &sdk.GenerateCredentialReportInput{}, ""},
		{"*", &sdk.GenerateOrganizationsAccessReportInput{EntityPath: new("o-abcdefghij/r-abcd")}, ""},
		{"user/u", &sdk.GenerateServiceLastAccessedDetailsInput{Arn: new(arnHead + "user/u")}, ""},
		{"user/u", &sdk.GetAccessKeyLastUsedInput{AccessKeyId: &f.key}, ""},
		{"*", &sdk.GetAccountAuthorizationDetailsInput{}, ""},
		{"*", &sdk.GetAccountPasswordPolicyInput{}, ""},
		{"*", &sdk.GetAccountSummaryInput{}, ""},
		{"*", &sdk.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{allowList}}, ""},
		{"user/u", &sdk.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: new(arnHead + "user/u")}, ""},
		{"*", &sdk.GetCredentialReportInput{}, ""},
		{"delegation-request/" + f.owned, &sdk.GetDelegationRequestInput{DelegationRequestId: &f.owned}, ""},
		{"group/g", &sdk.GetGroupInput{GroupName: g}, ""},
		{"group/g", &sdk.GetGroupPolicyInput{GroupName: g, PolicyName: p}, ""},
		{"delegation-request/" + f.owned, &sdk.GetHumanReadableSummaryInput{EntityArn: new(arnHead + "delegation-request/" + f.owned)}, ""},
		{"instance-profile/i", &sdk.GetInstanceProfileInput{InstanceProfileName: i}, ""},
		{"user/u", &sdk.GetLoginProfileInput{UserName: u}, ""},
		{"user/u", &sdk.GetMFADeviceInput{UserName: u, SerialNumber: &f.device}, ""},
		{f.oidc, &sdk.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: &f.oidc}, ""},
		{"*", &sdk.GetOrganizationsAccessReportInput{JobId: &f.orgJob}, ""},
		{"*", &sdk.GetOutboundWebIdentityFederationInfoInput{}, ""},
		{f.policy, &sdk.GetPolicyInput{PolicyArn: &f.policy}, ""},
		{f.policy, &sdk.GetPolicyVersionInput{PolicyArn: &f.policy, VersionId: new("v1")}, ""},
		{"role/r", &sdk.GetRoleInput{RoleName: r}, ""},
		{"role/r", &sdk.GetRolePolicyInput{RoleName: r, PolicyName: p}, ""},
		{f.saml, &sdk.GetSAMLProviderInput{SAMLProviderArn: &f.saml}, ""},
		{"user/u", &sdk.GetSSHPublicKeyInput{UserName: u, SSHPublicKeyId: &f.ssh, Encoding: types.EncodingTypeSsh}, ""},
		{"server-certificate/cert", &sdk.GetServerCertificateInput{ServerCertificateName: new("cert")}, ""},
		{"*", &sdk.GetServiceLastAccessedDetailsInput{JobId: &f.job}, ""},
		{"*", &sdk.GetServiceLastAccessedDetailsWithEntitiesInput{JobId: &f.job, ServiceNamespace: new("s3")}, ""},
		{"*", &sdk.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: &f.deletion}, ""},
		{"user/u", &sdk.GetUserInput{UserName: u}, ""},
		{"user/u", &sdk.GetUserPolicyInput{UserName: u, PolicyName: p}, ""},
		{"user/u", &sdk.ListAccessKeysInput{UserName: u}, ""},
		{"*", &sdk.ListAccountAliasesInput{}, ""},
		{"group/g", &sdk.ListAttachedGroupPoliciesInput{GroupName: g}, ""},
		{"role/r", &sdk.ListAttachedRolePoliciesInput{RoleName: r}, ""},
		{"user/u", &sdk.ListAttachedUserPoliciesInput{UserName: u}, ""},
		{"*", &sdk.ListDelegationRequestsInput{}, ""},
		{f.policy, &sdk.ListEntitiesForPolicyInput{PolicyArn: &f.policy}, ""},
		{"group/g", &sdk.ListGroupPoliciesInput{GroupName: g}, ""},
		{"group/eng/", &sdk.ListGroupsInput{PathPrefix: new("/eng/")}, ""},
		{"user/u", &sdk.ListGroupsForUserInput{UserName: u}, ""},
		{"instance-profile/i", &sdk.ListInstanceProfileTagsInput{InstanceProfileName: i}, ""},
		{"instance-profile/", &sdk.ListInstanceProfilesInput{}, ""},
		{"role/r", &sdk.ListInstanceProfilesForRoleInput{RoleName: r}, ""},
		{f.device, &sdk.ListMFADeviceTagsInput{SerialNumber: &f.device}, ""},
		{"user/u", &sdk.ListMFADevicesInput{UserName: u}, ""},
		{f.oidc, &sdk.ListOpenIDConnectProviderTagsInput{OpenIDConnectProviderArn: &f.oidc}, ""},
		{"*", &sdk.ListOpenIDConnectProvidersInput{}, ""},
		{"*", &sdk.ListOrganizationsFeaturesInput{}, ""},
		{"*", &sdk.ListPoliciesInput{}, ""},
		{"user/u", &sdk.ListPoliciesGrantingServiceAccessInput{Arn: new(arnHead + "user/u"), ServiceNamespaces: []string{"s3"}}, ""},
		{f.policy, &sdk.ListPolicyTagsInput{PolicyArn: &f.policy}, ""},
		{f.policy, &sdk.ListPolicyVersionsInput{PolicyArn: &f.policy}, ""},
		{"role/r", &sdk.ListRolePoliciesInput{RoleName: r}, ""},
		{"role/r", &sdk.ListRoleTagsInput{RoleName: r}, ""},
		{"role/", &sdk.ListRolesInput{}, ""},
		{f.saml, &sdk.ListSAMLProviderTagsInput{SAMLProviderArn: &f.saml}, ""},
		{"*", &sdk.ListSAMLProvidersInput{}, ""},
		{"user/u", &sdk.ListSSHPublicKeysInput{UserName: u}, ""},
		{"server-certificate/cert", &sdk.ListServerCertificateTagsInput{ServerCertificateName: new("cert")}, ""},
		{"server-certificate/", &sdk.ListServerCertificatesInput{}, ""},
		{"user/u", &sdk.ListServiceSpecificCredentialsInput{UserName: u}, ""},
		{"user/u", &sdk.ListSigningCertificatesInput{UserName: u}, ""},
		{"user/u", &sdk.ListUserPoliciesInput{UserName: u}, ""},
		{"user/u", &sdk.ListUserTagsInput{UserName: u}, ""},
		{"user/", &sdk.ListUsersInput{}, ""},
		{"*", &sdk.ListVirtualMFADevicesInput{}, ""},
		{"group/g", &sdk.PutGroupPolicyInput{GroupName: g, PolicyName: p, PolicyDocument: new(allowList)}, ""},
		{"role/r", &sdk.PutRolePermissionsBoundaryInput{RoleName: r, PermissionsBoundary: new(admin)}, ""},
		{"role/r", &sdk.PutRolePolicyInput{RoleName: r, PolicyName: p, PolicyDocument: new(allowList)}, ""},
		{"user/u", &sdk.PutUserPermissionsBoundaryInput{UserName: u, PermissionsBoundary: new(admin)}, ""},
		{"user/u", &sdk.PutUserPolicyInput{UserName: u, PolicyName: p, PolicyDocument: new(allowList)}, ""},
		{"delegation-request/" + f.owned, &sdk.RejectDelegationRequestInput{DelegationRequestId: &f.owned}, ""},
		{f.oidc, &sdk.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: &f.oidc, ClientID: new("app")}, ""},
		{"instance-profile/i", &sdk.RemoveRoleFromInstanceProfileInput{InstanceProfileName: i, RoleName: r}, ""},
		{"group/g", &sdk.RemoveUserFromGroupInput{GroupName: g, UserName: u}, ""},
		{"user/u", &sdk.ResetServiceSpecificCredentialInput{UserName: u, ServiceSpecificCredentialId: &f.cred}, ""},
		{"user/u", &sdk.ResyncMFADeviceInput{UserName: u, SerialNumber: &f.device, AuthenticationCode1: &f.next[0], AuthenticationCode2: &f.next[1]}, ""},
		{"delegation-request/" + f.approved, &sdk.SendDelegationTokenInput{DelegationRequestId: &f.approved}, ""},
		{f.policy, &sdk.SetDefaultPolicyVersionInput{PolicyArn: &f.policy, VersionId: new("v2")}, ""},
		{"*", &sdk.SetSecurityTokenServicePreferencesInput{GlobalEndpointTokenVersion: types.GlobalEndpointTokenVersionV2Token}, ""},
		{"*", &sdk.SimulateCustomPolicyInput{PolicyInputList: []string{allowList}, ActionNames: []string{"s3:GetObject"}}, ""},
		{"user/u", &sdk.SimulatePrincipalPolicyInput{PolicySourceArn: new(arnHead + "user/u"), ActionNames: []string{"s3:GetObject"}}, ""},
		{"instance-profile/i", &sdk.TagInstanceProfileInput{InstanceProfileName: i, Tags: blue}, ""},
		{f.device, &sdk.TagMFADeviceInput{SerialNumber: &f.device, Tags: blue}, ""},
		{f.oidc, &sdk.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: &f.oidc, Tags: blue}, ""},
		{f.policy, &sdk.TagPolicyInput{PolicyArn: &f.policy, Tags: blue}, ""},
		{"role/r", &sdk.TagRoleInput{RoleName: r, Tags: blue}, ""},
		{f.saml, &sdk.TagSAMLProviderInput{SAMLProviderArn: &f.saml, Tags: blue}, ""},
		{"server-certificate/cert", &sdk.TagServerCertificateInput{ServerCertificateName: new("cert"), Tags: blue}, ""},
		{"user/u", &sdk.TagUserInput{UserName: u, Tags: blue}, ""},
		{"instance-profile/i", &sdk.UntagInstanceProfileInput{InstanceProfileName: i, TagKeys: team}, ""},
		{f.device, &sdk.UntagMFADeviceInput{SerialNumber: &f.device, TagKeys: team}, ""},
		{f.oidc, &sdk.UntagOpenIDConnectProviderInput{OpenIDConnectProviderArn: &f.oidc, TagKeys: team}, ""},
		{f.policy, &sdk.UntagPolicyInput{PolicyArn: &f.policy, TagKeys: team}, ""},
		{"role/r", &sdk.UntagRoleInput{RoleName: r, TagKeys: team}, ""},
		{f.saml, &sdk.UntagSAMLProviderInput{SAMLProviderArn: &f.saml, TagKeys: team}, ""},
		{"server-certificate/cert", &sdk.UntagServerCertificateInput{ServerCertificateName: new("cert"), TagKeys: team}, ""},
		{"user/u", &sdk.UntagUserInput{UserName: u, TagKeys: team}, ""},
		{"user/u", &sdk.UpdateAccessKeyInput{UserName: u, AccessKeyId: &f.key, Status: types.StatusTypeInactive}, ""},
		{"*", &sdk.UpdateAccountPasswordPolicyInput{}, ""},
		{"role/r", &sdk.UpdateAssumeRolePolicyInput{RoleName: r, PolicyDocument: new(ec2Trust)}, ""},
		{"delegation-request/" + f.owned, &sdk.UpdateDelegationRequestInput{DelegationRequestId: &f.owned, Notes: new("please")}, ""},
		{"group/g", &sdk.UpdateGroupInput{GroupName: g, NewGroupName: new("new")}, ""},
		{"user/u", &sdk.UpdateLoginProfileInput{UserName: u, PasswordResetRequired: new(true)}, ""},
		{f.oidc, &sdk.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: &f.oidc, ThumbprintList: []string{strings.Repeat("ab", 20)}}, ""},
		{"role/r", &sdk.UpdateRoleInput{RoleName: r, Description: new("new")}, ""},
		{"role/r", &sdk.UpdateRoleDescriptionInput{RoleName: r, Description: new("new")}, ""},
		{f.saml, &sdk.UpdateSAMLProviderInput{SAMLProviderArn: &f.saml, SAMLMetadataDocument: &m.metadata}, ""},
		{"user/u", &sdk.UpdateSSHPublicKeyInput{UserName: u, SSHPublicKeyId: &f.ssh, Status: types.StatusTypeInactive}, ""},
		{"server-certificate/cert", &sdk.UpdateServerCertificateInput{ServerCertificateName: new("cert"), NewPath: new("/new/")}, ""},
		{"user/u", &sdk.UpdateServiceSpecificCredentialInput{UserName: u, ServiceSpecificCredentialId: &f.cred, Status: types.StatusTypeInactive}, ""},
		{"user/u", &sdk.UpdateSigningCertificateInput{UserName: u, CertificateId: &f.signing, Status: types.StatusTypeInactive}, ""},
		{"user/u", &sdk.UpdateUserInput{UserName: u, NewUserName: new("new")}, ""},
		{"user/u", &sdk.UploadSSHPublicKeyInput{UserName: u, SSHPublicKeyBody: &m.ssh2}, ""},
		{"server-certificate/new", &sdk.UploadServerCertificateInput{ServerCertificateName: new("new"), CertificateBody: &m.cert, PrivateKey: &m.key, CertificateChain: &m.authority}, ""},
		{"user/u", &sdk.UploadSigningCertificateInput{UserName: u, CertificateBody: &m.other}, ""},
	}
}
