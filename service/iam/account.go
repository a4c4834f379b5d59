package iam

import (
	"regexp"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// tokenVersion is the account preference that sts obeys; the value is
// "v1Token" or "v2Token".
const tokenVersion = "GlobalEndpointTokenVersion"

// aliasForm is the alias' own pattern, which Go's engine cannot take from the
// model because it looks ahead: no two hyphens in a row.
var aliasForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func createAccountAlias(c *cloud.Call, tx store.Tx, in *api.CreateAccountAliasInput) (*cloud.Empty, error) {
	if !aliasForm.MatchString(in.AccountAlias) || len(in.AccountAlias) < 3 || len(in.AccountAlias) > 63 {
		return nil, errValidation("1 validation error detected: Value '%s' at 'accountAlias' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$", in.AccountAlias)
	}
	for a := range identity.Accounts.Index(tx, "alias", in.AccountAlias) {
		if a.ID != c.Account {
			return nil, api.ErrEntityAlreadyExists.New("The account alias %s already exists.", in.AccountAlias)
		}
	}
	changeAccount(c, tx, func(a *identity.Account) { a.Alias = in.AccountAlias })
	return new(cloud.Empty), nil
}

func alias(r store.Reader, account string) string {
	if a, ok := identity.Accounts.Get(r, account); ok {
		return a.Alias
	}
	return ""
}

func deleteAccountAlias(c *cloud.Call, tx store.Tx, in *api.DeleteAccountAliasInput) (*cloud.Empty, error) {
	if alias(tx, c.Account) != in.AccountAlias {
		return nil, api.ErrNoSuchEntity.New("The account alias %s cannot be found.", in.AccountAlias)
	}
	changeAccount(c, tx, func(a *identity.Account) { a.Alias = "" })
	return new(cloud.Empty), nil
}

func listAccountAliases(c *cloud.Call, r store.Reader, in *api.ListAccountAliasesInput) (*api.ListAccountAliasesOutput, error) {
	list := []string{}
	if a := alias(r, c.Account); a != "" {
		list = append(list, a)
	}
	page, p, err := pageSlice(list, in.Marker, in.MaxItems)
	return &api.ListAccountAliasesOutput{AccountAliases: page, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func setSecurityTokenServicePreferences(c *cloud.Call, tx store.Tx, in *api.SetSecurityTokenServicePreferencesInput) (*cloud.Empty, error) {
	changeAccount(c, tx, func(a *identity.Account) {
		kept := map[string]string{tokenVersion: in.GlobalEndpointTokenVersion}
		for k, v := range a.Preferences {
			if k != tokenVersion {
				kept[k] = v
			}
		}
		a.Preferences = kept
	})
	return new(cloud.Empty), nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func getAccountSummary(c *cloud.Call, r store.Reader, _ *cloud.Empty) (*api.GetAccountSummaryOutput, error) {
	a := new(identity.Account)
	if found, ok := identity.Accounts.Get(r, c.Account); ok {
		a = found
	}
	inUse, versions := 0, 0
	for d := range identity.MFADevices.Scan(r, c.Account) {
		inUse += flag(!d.Enabled.IsZero())
	}
	for m := range identity.Policies.Scan(r, c.Account) {
		versions += len(m.Versions)
	}
	token := 1
	if a.Preferences[tokenVersion] == api.GlobalEndpointTokenVersionV2Token {
		token = 2
	}
	counts := map[string]int{
		"Users": identity.Users.Count(r, c.Account), "UsersQuota": usersQuota,
		"Groups": identity.Groups.Count(r, c.Account), "GroupsQuota": groupsQuota,
		"Roles": identity.Roles.Count(r, c.Account), "RolesQuota": rolesQuota,
		"Policies": identity.Policies.Count(r, c.Account), "PoliciesQuota": policiesQuota,
		"InstanceProfiles": identity.InstanceProfiles.Count(r, c.Account), "InstanceProfilesQuota": instanceProfilesQuota,
		"ServerCertificates": identity.ServerCertificates.Count(r, c.Account), "ServerCertificatesQuota": serverCertsQuota,
		"Providers":  identity.SAMLProviders.Count(r, c.Account) + identity.OIDCProviders.Count(r, c.Account),
		"MFADevices": identity.MFADevices.Count(r, c.Account), "MFADevicesInUse": inUse,
		"PolicyVersionsInUse": versions, "PolicyVersionsInUseQuota": versionsInUseQuota,
		"AccountMFAEnabled":                 flag(len(a.RootMFA) > 0),
		"AccountAccessKeysPresent":          flag(len(keysOf(r, c.Account, "")) > 0),
		"AccountSigningCertificatesPresent": flag(len(signingOf(r, c.Account, "")) > 0),
		"AccountPasswordPresent":            flag(hasPassword(a)),
		"UserPolicySizeQuota":               userPolicySize, "GroupPolicySizeQuota": groupPolicySize, "RolePolicySizeQuota": rolePolicySize,
		"AssumeRolePolicySizeQuota": trustPolicySize, "PolicySizeQuota": managedPolicySize,
		"GroupsPerUserQuota": groupsPerUserQuota, "SigningCertificatesPerUserQuota": signingCertsQuota,
		"AccessKeysPerUserQuota": accessKeysQuota, "VersionsPerPolicyQuota": versionsQuota,
		"AttachedPoliciesPerUserQuota": attachedQuota, "AttachedPoliciesPerGroupQuota": attachedQuota, "AttachedPoliciesPerRoleQuota": attachedQuota,
		"GlobalEndpointTokenVersion": token,
	}
	out := make(map[string]int32, len(counts))
	for k, n := range counts {
		out[k] = int32(n)
	}
	return &api.GetAccountSummaryOutput{SummaryMap: out}, nil
}
