package organizations

import (
	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// migration is the handshake with which an organization is on its way to all
// features; nil where there is none.
func migration(r store.Reader, org *identity.Organization) *handshake {
	for h := range handshakes.Index(r, "organization", org.ID) {
		if h.Action == api.ActionTypeEnableAllFeatures && h.open() {
			return h
		}
	}
	return nil
}

// enableAllFeatures asks every account that was invited, because it joined for
// consolidated billing alone. Accounts that were created here are not asked.
func enableAllFeatures(c *cloud.Call, tx store.Tx, _ *api.EnableAllFeaturesInput) (*api.EnableAllFeaturesOutput, error) {
	org, err := own(c, tx)
	if err != nil {
		return nil, err
	}
	switch {
	case org.AllFeatures:
		return nil, errHandshake(api.HandshakeConstraintViolationExceptionReasonOrganizationAlreadyHasAllFeatures, "The handshake request is invalid because the organization has already enabled all features.")
	case migration(tx, org) != nil:
		return nil, errHandshake(api.HandshakeConstraintViolationExceptionReasonOrganizationIsAlreadyPendingAllFeaturesMigration, "The handshake request is invalid because the organization has already started the process to enable all features.")
	}
	parent := newHandshake(c, tx, org, api.ActionTypeEnableAllFeatures, featuresLife)
	for m := range identity.Members.Index(tx, "parent", org.ID) {
		if m.Account == org.Management || m.Method != api.AccountJoinedMethodInvited {
			continue
		}
		h := newHandshake(c, tx, org, api.ActionTypeApproveAllFeatures, featuresLife)
		h.Account, h.Parent = m.Account, parent.ID
		handshakes.Insert(tx, h)
		parent.State = api.HandshakeStateRequested
	}
	handshakes.Insert(tx, parent)
	return &api.EnableAllFeaturesOutput{Handshake: parent.view(tx)}, nil
}

// approveFeatures is one member's consent. The last one opens the migration's
// own handshake for the management account.
func (h *handshake) approveFeatures(c *cloud.Call, tx store.Tx) error {
	if h.Account != c.Account {
		return errAccess()
	}
	if err := h.move(tx, api.HandshakeStateAccepted); err != nil {
		return err
	}
	for other := range handshakes.Index(tx, "organization", h.Organization) {
		if other.Parent == h.Parent && other.State != api.HandshakeStateAccepted {
			return nil
		}
	}
	if parent, ok := handshakes.Get(tx, h.Parent); ok && parent.open() {
		parent.State = api.HandshakeStateOpen
		handshakes.Put(tx, parent)
	}
	return nil
}

// finishFeatures turns all features on, once everybody has agreed.
func (h *handshake) finishFeatures(c *cloud.Call, tx store.Tx, asker bool) error {
	switch {
	case !asker:
		return errAccess()
	case h.State == api.HandshakeStateRequested:
		return errTransition()
	}
	if err := h.move(tx, api.HandshakeStateAccepted); err != nil {
		return err
	}
	org, err := change(c, tx)
	if err != nil {
		return err
	}
	org.AllFeatures = true
	putDefaults(c, tx, org)
	for _, id := range targets(tx, org) {
		attachDefaults(tx, org, id)
	}
	save(tx, org)
	return nil
}
