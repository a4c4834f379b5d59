package organizations

import (
	"strings"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

func inviteAccountToOrganization(c *cloud.Call, tx store.Tx, in *api.InviteAccountToOrganizationInput) (*api.InviteAccountToOrganizationOutput, error) {
	org, err := own(c, tx)
	if err != nil {
		return nil, err
	}
	if migration(tx, org) != nil {
		return nil, errHandshake(api.HandshakeConstraintViolationExceptionReasonInviteDisabledDuringEnableAllFeatures,
			"You can't issue new invitations to join an organization while it's in the process of enabling all features.")
	}
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	h := newHandshake(c, tx, org, api.ActionTypeInvite, inviteLife)
	h.Notes, h.Tags = cloud.Or(in.Notes, ""), tags
	switch in.Target.Type {
	case api.HandshakePartyTypeAccount:
		if h.Account = in.Target.Id; !identity.IsAccountID(h.Account) {
			return nil, errInput(api.InvalidInputExceptionReasonInvalidPattern, "You provided a value that does not match the required pattern.")
		}
	case api.HandshakePartyTypeEmail:
		if h.Email = in.Target.Id; !strings.Contains(h.Email, "@") {
			return nil, errInput(api.InvalidInputExceptionReasonInvalidEmailAddressTarget, "You specified an invalid email address for the invited account owner.")
		}
	default:
		return nil, errInput(api.InvalidInputExceptionReasonInvalidPartyTypeTarget, "You specified the wrong type of entity (account, organization, or email) as a party.")
	}
	if err := h.mayInvite(tx); err != nil {
		return nil, err
	}
	handshakes.Insert(tx, h)
	return &api.InviteAccountToOrganizationOutput{Handshake: h.view(tx)}, nil
}

// mayInvite refuses accounts that are members already, here or elsewhere, or
// that have been asked.
func (h *handshake) mayInvite(r store.Reader) error {
	if m, ok := identity.Members.Get(r, h.Account); ok && m.Organization == h.Organization {
		return errHandshake(api.HandshakeConstraintViolationExceptionReasonAlreadyInAnOrganization, "The handshake request is invalid because the invited account is already a member of an organization.")
	}
	for m := range identity.Members.Index(r, "parent", h.Organization) {
		if h.Email != "" && strings.EqualFold(m.Email, h.Email) {
			return errHandshake(api.HandshakeConstraintViolationExceptionReasonAlreadyInAnOrganization, "The handshake request is invalid because the invited account is already a member of an organization.")
		}
	}
	for other := range handshakes.Index(r, "organization", h.Organization) {
		if other.open() && other.Action == h.Action && other.Account == h.Account && strings.EqualFold(other.Email, h.Email) {
			return api.ErrDuplicateHandshake.New("A handshake with the same action and target already exists. For example, if you invited an account to join your organization, the invited account might already have a pending invitation from this organization.")
		}
	}
	return nil
}

// acceptInvitation makes the invited account a member.
func (h *handshake) acceptInvitation(c *cloud.Call, tx store.Tx, org *identity.Organization, asker bool) error {
	if asker {
		return errAccess()
	}
	if h.open() && identity.Members.Has(tx, c.Account) {
		return errHandshake(api.HandshakeConstraintViolationExceptionReasonAlreadyInAnOrganization, "The handshake request is invalid because the invited account is already a member of an organization.")
	}
	if h.open() && migration(tx, org) != nil {
		return errHandshake(api.HandshakeConstraintViolationExceptionReasonInviteDisabledDuringEnableAllFeatures, "The organization is in the process of enabling all features.")
	}
	if err := h.move(tx, api.HandshakeStateAccepted); err != nil {
		return err
	}
	h.Account = c.Account
	handshakes.Put(tx, h)
	join(c, tx, org, c.Account, api.AccountJoinedMethodInvited, h.Tags)
	return nil
}
