package organizations_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

func TestInvitation(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	them := w.as(rootOf(guest))
	invite := func(p *types.HandshakeParty) (*types.Handshake, error) {
		out, err := w.c.InviteAccountToOrganization(ctx, &sdk.InviteAccountToOrganizationInput{Target: p, Notes: aws.String("join us"),
			Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}}})
		if err != nil {
			return nil, err
		}
		return out.Handshake, nil
	}
	h := must(invite(party(guest)))(t)
	equal(t, "state", h.State, types.HandshakeStateOpen)
	equal(t, "life", h.ExpirationTimestamp.Sub(*h.RequestedTimestamp), 15*day)
	_, err := invite(party(guest))
	refused(t, err, "DuplicateHandshakeException", "")
	_, err = invite(&types.HandshakeParty{Id: aws.String("o-0123456789"), Type: types.HandshakePartyTypeOrganization})
	refused(t, err, "InvalidInputException", "INVALID_PARTY_TYPE_TARGET")
	_, err = w.as(rootOf("333333333333")).DescribeHandshake(ctx, &sdk.DescribeHandshakeInput{HandshakeId: h.Id})
	refused(t, err, "HandshakeNotFoundException", "")
	_, err = w.c.DeclineHandshake(ctx, &sdk.DeclineHandshakeInput{HandshakeId: h.Id})
	refused(t, err, "AccessDeniedException", "You don't have permissions to access this resource.")
	_, err = them.CancelHandshake(ctx, &sdk.CancelHandshakeInput{HandshakeId: h.Id})
	refused(t, err, "AccessDeniedException", "")
	got := must(them.ListHandshakesForAccount(ctx, &sdk.ListHandshakesForAccountInput{}))(t).Handshakes
	equal(t, "asked", *got[0].Id, *h.Id)

	must(them.DeclineHandshake(ctx, &sdk.DeclineHandshakeInput{HandshakeId: h.Id}))(t)
	_, err = them.DeclineHandshake(ctx, &sdk.DeclineHandshakeInput{HandshakeId: h.Id})
	refused(t, err, "HandshakeAlreadyInStateException", "")
	_, err = them.AcceptHandshake(ctx, &sdk.AcceptHandshakeInput{HandshakeId: h.Id})
	refused(t, err, "InvalidHandshakeTransitionException", "")

	h = must(invite(party(guest)))(t)
	must(w.c.CancelHandshake(ctx, &sdk.CancelHandshakeInput{HandshakeId: h.Id}))(t)
	h = must(invite(party(guest)))(t)
	w.Advance(16 * day)
	equal(t, "state after 16 days", must(w.c.DescribeHandshake(ctx, &sdk.DescribeHandshakeInput{HandshakeId: h.Id}))(t).Handshake.State, types.HandshakeStateExpired)

	h = must(invite(&types.HandshakeParty{Id: aws.String("account-" + guest + "@EXAMPLE.com"), Type: types.HandshakePartyTypeEmail}))(t)
	must(them.AcceptHandshake(ctx, &sdk.AcceptHandshakeInput{HandshakeId: h.Id}))(t)
	a := must(w.c.DescribeAccount(ctx, &sdk.DescribeAccountInput{AccountId: aws.String(guest)}))(t).Account
	equal(t, "how it joined", a.JoinedMethod, types.AccountJoinedMethodInvited)
	tags := must(w.c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceId: aws.String(guest)}))(t).Tags
	equal(t, "its tag", *tags[0].Value, "blue")
	_, err = invite(party(guest))
	refused(t, err, "HandshakeConstraintViolationException", "ALREADY_IN_AN_ORGANIZATION")
	list := must(w.c.ListHandshakesForOrganization(ctx, &sdk.ListHandshakesForOrganizationInput{Filter: &types.HandshakeFilter{ActionType: types.ActionTypeInviteAccountToOrganization}}))(t)
	equal(t, "all invitations", len(list.Handshakes), 4)
}

func TestAllFeaturesNeedEverybody(t *testing.T) {
	w := bare(t)
	ctx := t.Context()
	must(w.c.CreateOrganization(ctx, &sdk.CreateOrganizationInput{FeatureSet: types.OrganizationFeatureSetConsolidatedBilling}))(t)
	w.root = *must(w.c.ListRoots(ctx, &sdk.ListRootsInput{}))(t).Roots[0].Id
	_, err := w.c.EnablePolicyType(ctx, &sdk.EnablePolicyTypeInput{RootId: &w.root, PolicyType: scp})
	refused(t, err, "PolicyTypeNotAvailableForOrganizationException", "")
	_, err = w.c.EnableAWSServiceAccess(ctx, &sdk.EnableAWSServiceAccessInput{ServicePrincipal: aws.String("ram.amazonaws.com")})
	refused(t, err, "ConstraintViolationException", "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE")
	w.invite(t, guest)
	w.invite(t, "333333333333")
	parent := must(w.c.EnableAllFeatures(ctx, &sdk.EnableAllFeaturesInput{}))(t).Handshake
	_, err = w.c.EnableAllFeatures(ctx, &sdk.EnableAllFeaturesInput{})
	refused(t, err, "HandshakeConstraintViolationException", "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION")
	_, err = w.c.InviteAccountToOrganization(ctx, &sdk.InviteAccountToOrganizationInput{Target: party("444444444444")})
	refused(t, err, "HandshakeConstraintViolationException", "INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES")
	for _, id := range []string{guest, "333333333333"} {
		_, err = w.c.AcceptHandshake(ctx, &sdk.AcceptHandshakeInput{HandshakeId: parent.Id})
		refused(t, err, "InvalidHandshakeTransitionException", "")
		them := w.as(rootOf(id))
		asked := must(them.ListHandshakesForAccount(ctx, &sdk.ListHandshakesForAccountInput{Filter: &types.HandshakeFilter{ActionType: types.ActionTypeApproveAllFeatures}}))(t)
		must(them.AcceptHandshake(ctx, &sdk.AcceptHandshakeInput{HandshakeId: asked.Handshakes[0].Id}))(t)
	}
	must(w.c.AcceptHandshake(ctx, &sdk.AcceptHandshakeInput{HandshakeId: parent.Id}))(t)
	org := must(w.c.DescribeOrganization(ctx, &sdk.DescribeOrganizationInput{}))(t).Organization
	equal(t, "features", org.FeatureSet, types.OrganizationFeatureSetAll)
	w.enable(t, scp)
	_, err = w.c.EnableAllFeatures(ctx, &sdk.EnableAllFeaturesInput{})
	refused(t, err, "HandshakeConstraintViolationException", "ORGANIZATION_ALREADY_HAS_ALL_FEATURES")
}
