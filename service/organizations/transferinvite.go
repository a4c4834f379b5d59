package organizations

import (
	"strings"
	"time"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// inviteOrganizationToTransferResponsibility asks the management account of
// another organization to hand its bills to the caller's.
func inviteOrganizationToTransferResponsibility(c *cloud.Call, tx store.Tx, in *api.InviteOrganizationToTransferResponsibilityInput) (*api.InviteOrganizationToTransferResponsibilityOutput, error) {
	org, err := own(c, tx)
	if err != nil {
		return nil, err
	}
	if err := checkStart(in.StartTimestamp, c.Now); err != nil {
		return nil, err
	}
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	h := newHandshake(c, tx, org, api.ActionTypeTransferResponsibility, inviteLife)
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
	if m, ok := identity.Members.Get(tx, h.Account); ok && m.Organization == org.ID {
		return nil, errHandshake(api.HandshakeConstraintViolationExceptionReasonSourceAndTargetCannotMatch, "An organization can't accept a responsibility transfer handshake where the source and target are the same.")
	}
	for other := range handshakes.Index(tx, "organization", org.ID) {
		if other.open() && other.Action == h.Action && other.Account == h.Account && strings.EqualFold(other.Email, h.Email) {
			return nil, api.ErrDuplicateHandshake.New("A handshake with the same action and target already exists. For example, if you invited an account to join your organization, the invited account might already have a pending invitation from this organization.")
		}
	}
	t := &transfer{ID: newID(c.Rand(), "rt-", 8), Type: in.Type, Name: in.SourceName, Target: org.ID, Handshake: h.ID, Start: in.StartTimestamp.UTC()}
	h.Transfer = t.ID
	handshakes.Insert(tx, h)
	transfers.Insert(tx, t)
	return &api.InviteOrganizationToTransferResponsibilityOutput{Handshake: h.view(tx)}, nil
}

// checkStart holds a transfer to begin with a month.
func checkStart(start, now time.Time) error {
	start = start.UTC()
	switch {
	case !start.Equal(start.Truncate(24 * time.Hour)):
		return errInput(api.InvalidInputExceptionReasonStartDateNotBeginningOfDay, "You provided an invalid start date. The start date must be the beginning of the day (00:00:00.000).")
	case start.Day() != 1:
		return errInput(api.InvalidInputExceptionReasonStartDateNotBeginningOfMonth, "You provided an invalid start date. The start date must be the first day of the month.")
	case !start.After(now):
		return errInput(api.InvalidInputExceptionReasonStartDateTooEarly, "You provided an invalid start date. The start date is too early.")
	case start.Sub(now) > transferAhead:
		return errInput(api.InvalidInputExceptionReasonStartDateTooLate, "You provided an invalid start date. The start date is too late.")
	}
	return nil
}

// acceptTransfer hands over the responsibility of the caller's organization,
// which has it to give once.
func (h *handshake) acceptTransfer(c *cloud.Call, tx store.Tx, asker bool) error {
	if asker {
		return errAccess()
	}
	org, err := own(c, tx)
	if err != nil {
		return err
	}
	t, ok := transfers.Get(tx, h.Transfer)
	switch {
	case org.Management != c.Account:
		return errAccess()
	case !ok:
		return errNoHandshake()
	case t.Target == org.ID:
		return errHandshake(api.HandshakeConstraintViolationExceptionReasonSourceAndTargetCannotMatch, "An organization can't accept a responsibility transfer handshake where the source and target are the same.")
	}
	if h.open() {
		for other := range transfers.Index(tx, "source", org.ID, t.Type) {
			if !other.Withdrawn || c.Now.Before(other.End) {
				return errHandshake(api.HandshakeConstraintViolationExceptionReasonResponsibilityTransferAlreadyExists, "You cannot perform this operation with an existing active responsibility transfer.")
			}
		}
	}
	if err := h.move(tx, api.HandshakeStateAccepted); err != nil {
		return err
	}
	h.Account = c.Account
	handshakes.Put(tx, h)
	t.Source = org.ID
	transfers.Put(tx, t)
	return nil
}

// transferring tells whether a responsibility of the organization's, or of
// another's with it, is handed over or asked for.
func transferring(c *cloud.Call, r store.Reader, org *identity.Organization) bool {
	for _, index := range []string{"source", "target"} {
		for t := range transfers.Index(r, index, org.ID) {
			switch s := t.status(r); {
			case s == api.ResponsibilityTransferStatusAccepted, s == api.ResponsibilityTransferStatusRequested,
				s == api.ResponsibilityTransferStatusWithdrawn && c.Now.Before(t.End):
				return true
			}
		}
	}
	return false
}

// transferView tells a handshake's parties what it is about.
func (h *handshake) transferView(r store.Reader) (out []api.HandshakeResource) {
	t, ok := transfers.Get(r, h.Transfer)
	if !ok {
		return nil
	}
	x := resource(api.HandshakeResourceTypeResponsibilityTransfer, t.ID)
	x.Resources = []api.HandshakeResource{
		resource(api.HandshakeResourceTypeTransferStartTimestamp, t.Start.Format(time.RFC3339)),
		resource(api.HandshakeResourceTypeTransferType, t.Type),
	}
	return append(out, x)
}
