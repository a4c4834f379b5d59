// Package sts is the Security Token Service: temporary credentials for users,
// roles, outside identities and root users. The sessions are package
// identity's records, because every request is authenticated from them.
package sts

import (
	"context"

	api "pileus/api/sts"
	"pileus/cloud"
)

// Module lists what the service offers; see cloud.Module.
func Module() cloud.Module {
	return cloud.Module{
		API:    &api.Service,
		Access: accessTable(),
		Denied: denied,
		Web:    web,
		Start: func(_ context.Context, c cloud.Cloud) error {
			c.Go("sts.expire", func(ctx context.Context) { expire(ctx, c) })
			return nil
		},
		Operations: []cloud.Binding{
			api.AssumeRole.Update(assumeRole),
			api.AssumeRoleWithSAML.Serve(assumeRoleWithSAML),
			api.AssumeRoleWithWebIdentity.Serve(assumeRoleWithWebIdentity).Partial("OAuth 2.0 access tokens (ProviderId)"),
			api.AssumeRoot.Update(assumeRoot),
			api.DecodeAuthorizationMessage.View(decodeAuthorizationMessage),
			api.GetAccessKeyInfo.View(getAccessKeyInfo),
			api.GetCallerIdentity.View(getCallerIdentity),
			api.GetDelegatedAccessToken.Update(getDelegatedAccessToken),
			api.GetFederationToken.Update(getFederationToken),
			api.GetSessionToken.Update(getSessionToken),
			api.GetWebIdentityToken.View(getWebIdentityToken),
		},
	}
}
