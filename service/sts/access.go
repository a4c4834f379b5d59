package sts

import (
	"strings"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/store"
)

// accessTable says for each operation what it takes.
func accessTable() []cloud.Access {
	return []cloud.Access{
		api.AssumeRole.Decides([]string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"}, assumeRoleChecks),
		byToken(&api.AssumeRoleWithSAML.OpInfo),
		byToken(&api.AssumeRoleWithWebIdentity.OpInfo),
		api.AssumeRoot.Decides([]string{"sts:AssumeRoot"}, assumeRootChecks),
		asking(&api.DecodeAuthorizationMessage),
		asking(&api.GetAccessKeyInfo),
		api.GetCallerIdentity.Anyone(),
		api.GetDelegatedAccessToken.Decides([]string{"sts:GetDelegatedAccessToken"}, delegatedChecks),
		api.GetFederationToken.Decides([]string{"sts:GetFederationToken", "sts:TagSession"}, federationChecks),
		// Whoever has credentials may have temporary ones of the same kind:
		// id_credentials_temp_control-access_getsessiontoken.
		api.GetSessionToken.Anyone(),
		api.GetWebIdentityToken.Decides([]string{"sts:GetWebIdentityToken", "sts:TagGetWebIdentityToken"}, webTokenChecks),
	}
}

// asking declares an operation without resources, which sessions of users and
// root users cannot call: of STS they have GetCallerIdentity and AssumeRole.
func asking[In, Out any](o *cloud.Op[In, Out]) cloud.Access {
	action := "sts:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, _ store.Reader, _ In) ([]cloud.Check, error) {
		if p := c.Principal; p.HasSession && p.Kind != cloud.AssumedRole && len(p.SessionPolicyARNs) == 0 {
			return nil, errWithSession(o.Name)
		}
		return []cloud.Check{{Action: action, Resource: cloud.Resource{ARN: "*"}}}, nil
	})
}

// byToken declares an operation whose caller is known only once the token in
// its input has been read: outsider.assume decides these actions.
func byToken(op *cloud.OpInfo) cloud.Access {
	return cloud.Access{Op: op, Open: true, Actions: []string{"sts:" + op.Name, "sts:TagSession", "sts:SetSourceIdentity"}}
}

// denied words refusals as STS does: who may not assume a role is not told
// which kind of policy is missing, because that would tell whether it exists.
func denied(_ *cloud.Call, op *cloud.OpInfo, e *cloud.Error) *cloud.Error {
	switch op.Name {
	case "AssumeRole":
		text, _, _ := strings.Cut(e.Message, " because no ")
		return errDenied("%s", text)
	case "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity":
		return errNotAuthorized(op.Name)
	}
	return e
}
