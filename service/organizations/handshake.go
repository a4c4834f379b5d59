package organizations

import (
	"strings"
	"time"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const (
	expireController = "organizations.handshake"
	inviteLife       = 15 * 24 * time.Hour
	featuresLife     = 90 * 24 * time.Hour
)

// handshake is a question that two accounts have to agree on.
type handshake struct {
	ID, ARN, Organization string
	Action, State         string
	Account, Email        string // whom it asks; one of the two may be empty
	Notes                 string
	Transfer              string // of TRANSFER_RESPONSIBILITY
	Parent                string // of APPROVE_ALL_FEATURES: the handshake that it is part of
	Requested, Expires    time.Time
	Tags                  identity.Tags // of the account, once it has joined
}

var handshakes = &store.Table[handshake]{
	Name: "organizations.handshake",
	Key:  func(h *handshake) store.Key { return store.K(h.ID) },
	Indexes: map[string]func(*handshake) store.Key{
		"organization": func(h *handshake) store.Key { return store.K(h.Organization, h.Requested) },
		"account":      func(h *handshake) store.Key { return store.K(h.Account) },
		"email":        func(h *handshake) store.Key { return store.K(lower(h.Email)) },
	},
}

// open tells whether the question still stands.
func (h *handshake) open() bool {
	return h.State == api.HandshakeStateRequested || h.State == api.HandshakeStateOpen
}

// asks tells whether the handshake is the account's to answer.
func (h *handshake) asks(r store.Reader, account string) bool {
	return h.Account == account || h.Email != "" && strings.EqualFold(h.Email, emailOf(r, account))
}

// newHandshake asks; it ends by itself after its life.
func newHandshake(c *cloud.Call, tx store.Tx, org *identity.Organization, action string, life time.Duration) *handshake {
	id := newID(c.Rand(), "h-", 8)
	h := &handshake{
		ID: id, ARN: arnIn(c, org.Management, "handshake/"+org.ID+"/"+strings.ToLower(action)+"/"+id), Organization: org.ID,
		Action: action, State: api.HandshakeStateOpen, Requested: c.Now, Expires: c.Now.Add(life),
	}
	tx.After(h.Expires, expireController, store.K(id))
	return h
}

func (h *handshake) view(r store.Reader) *api.Handshake {
	v := &api.Handshake{Id: &h.ID, Arn: &h.ARN, State: &h.State, Action: &h.Action, RequestedTimestamp: &h.Requested, ExpirationTimestamp: &h.Expires,
		Parties: []api.HandshakeParty{{Id: h.Organization, Type: api.HandshakePartyTypeOrganization}}}
	about := api.HandshakeResource{Type: new(api.HandshakeResourceTypeOrganization), Value: &h.Organization}
	if org, ok := identity.Organizations.Get(r, h.Organization); ok {
		features := api.OrganizationFeatureSetConsolidatedBilling
		if org.AllFeatures {
			features = api.OrganizationFeatureSetAll
		}
		about.Resources = []api.HandshakeResource{
			resource(api.HandshakeResourceTypeMasterEmail, emailOf(r, org.Management)),
			resource(api.HandshakeResourceTypeMasterName, nameOf(r, org.Management)),
			resource(api.HandshakeResourceTypeOrganizationFeatureSet, features),
		}
	}
	v.Resources = append(v.Resources, about)
	if h.Email != "" {
		v.Parties = append(v.Parties, api.HandshakeParty{Id: h.Email, Type: api.HandshakePartyTypeEmail})
		v.Resources = append(v.Resources, resource(api.HandshakeResourceTypeEmail, h.Email))
	} else if h.Account != "" {
		v.Parties = append(v.Parties, api.HandshakeParty{Id: h.Account, Type: api.HandshakePartyTypeAccount})
		v.Resources = append(v.Resources, resource(api.HandshakeResourceTypeAccount, h.Account))
	}
	if h.Transfer != "" {
		v.Resources = append(v.Resources, h.transferView(r)...)
	}
	if h.Notes != "" {
		v.Resources = append(v.Resources, resource(api.HandshakeResourceTypeNotes, h.Notes))
	}
	if h.Parent != "" {
		v.Resources = append(v.Resources, resource(api.HandshakeResourceTypeParentHandshake, h.Parent))
	}
	return v
}

func resource(kind, value string) api.HandshakeResource {
	return api.HandshakeResource{Type: &kind, Value: &value}
}

// findHandshake is one that the caller's account is a party of: asker tells
// whether it is the management account that asked.
func findHandshake(c *cloud.Call, r store.Reader, id string) (h *handshake, asker bool, err error) {
	h, ok := handshakes.Get(r, id)
	if !ok {
		return nil, false, errNoHandshake()
	}
	org, ok := identity.Organizations.Get(r, h.Organization)
	asker = ok && org.Management == c.Account
	if !asker && !h.asks(r, c.Account) {
		return nil, false, errNoHandshake()
	}
	return h, asker, nil
}

// move brings the handshake into its final state.
func (h *handshake) move(tx store.Tx, state string) error {
	switch {
	case h.State == state:
		return api.ErrHandshakeAlreadyInState.New("The specified handshake is already in the requested state.")
	case !h.open():
		return errTransition()
	}
	h.State = state
	handshakes.Put(tx, h)
	return nil
}

func errTransition() error {
	return api.ErrInvalidHandshakeTransition.New("You can't perform the operation on the handshake in its current state. For example, you can't cancel a handshake that was already accepted or accept a handshake that was already declined.")
}

// expireHandshake ends a question that nobody answered.
func expireHandshake(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		h, ok := handshakes.Get(tx, key...)
		if !ok || !h.open() || c.Now.Before(h.Expires) {
			return nil
		}
		h.State = api.HandshakeStateExpired
		handshakes.Put(tx, h)
		return nil
	})
}

func describeHandshake(c *cloud.Call, r store.Reader, in *api.DescribeHandshakeInput) (*api.DescribeHandshakeOutput, error) {
	h, _, err := findHandshake(c, r, in.HandshakeId)
	if err != nil {
		return nil, err
	}
	return &api.DescribeHandshakeOutput{Handshake: h.view(r)}, nil
}

func acceptHandshake(c *cloud.Call, tx store.Tx, in *api.AcceptHandshakeInput) (*api.AcceptHandshakeOutput, error) {
	h, asker, err := findHandshake(c, tx, in.HandshakeId)
	if err != nil {
		return nil, err
	}
	org, ok := identity.Organizations.Get(tx, h.Organization)
	if !ok {
		return nil, errNoHandshake()
	}
	switch h.Action {
	case api.ActionTypeInvite:
		err = h.acceptInvitation(c, tx, org, asker)
	case api.ActionTypeTransferResponsibility:
		err = h.acceptTransfer(c, tx, asker)
	case api.ActionTypeApproveAllFeatures:
		err = h.approveFeatures(c, tx)
	case api.ActionTypeEnableAllFeatures:
		err = h.finishFeatures(c, tx, asker)
	}
	if err != nil {
		return nil, err
	}
	return &api.AcceptHandshakeOutput{Handshake: h.view(tx)}, nil
}

func declineHandshake(c *cloud.Call, tx store.Tx, in *api.DeclineHandshakeInput) (*api.DeclineHandshakeOutput, error) {
	h, asker, err := findHandshake(c, tx, in.HandshakeId)
	if err != nil {
		return nil, err
	}
	if asker && !h.asks(tx, c.Account) {
		return nil, errAccess()
	}
	if err := h.move(tx, api.HandshakeStateDeclined); err != nil {
		return nil, err
	}
	return &api.DeclineHandshakeOutput{Handshake: h.view(tx)}, nil
}

func cancelHandshake(c *cloud.Call, tx store.Tx, in *api.CancelHandshakeInput) (*api.CancelHandshakeOutput, error) {
	h, asker, err := findHandshake(c, tx, in.HandshakeId)
	if err != nil {
		return nil, err
	}
	if !asker {
		return nil, errAccess()
	}
	if err := h.move(tx, api.HandshakeStateCanceled); err != nil {
		return nil, err
	}
	for child := range handshakes.Index(tx, "organization", h.Organization) {
		if child.Parent == h.ID && child.open() {
			child.State = api.HandshakeStateCanceled
			handshakes.Put(tx, child)
		}
	}
	return &api.CancelHandshakeOutput{Handshake: h.view(tx)}, nil
}

// passes tells whether a filter lets the handshake through.
func (h *handshake) passes(f *api.HandshakeFilter) bool {
	return f == nil || (f.ActionType == nil || *f.ActionType == h.Action) && (f.ParentHandshakeId == nil || *f.ParentHandshakeId == h.Parent)
}

func listHandshakesForOrganization(c *cloud.Call, r store.Reader, in *api.ListHandshakesForOrganizationInput) (*api.ListHandshakesForOrganizationOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	list, next, err := pageIndex(handshakes, r, "organization", store.K(org.ID), in.NextToken, in.MaxResults,
		func(h *handshake) bool { return h.passes(in.Filter) })
	return &api.ListHandshakesForOrganizationOutput{Handshakes: views(list, func(h *handshake) api.Handshake { return *h.view(r) }), NextToken: next}, err
}

func listHandshakesForAccount(c *cloud.Call, r store.Reader, in *api.ListHandshakesForAccountInput) (*api.ListHandshakesForAccountOutput, error) {
	var all []*handshake
	for h := range handshakes.Index(r, "account", c.Account) {
		if h.passes(in.Filter) {
			all = append(all, h)
		}
	}
	for h := range handshakes.Index(r, "email", lower(emailOf(r, c.Account))) {
		if h.passes(in.Filter) && h.Account != c.Account {
			all = append(all, h)
		}
	}
	list, next, err := cut(all, in.NextToken, in.MaxResults)
	return &api.ListHandshakesForAccountOutput{Handshakes: views(list, func(h *handshake) api.Handshake { return *h.view(r) }), NextToken: next}, err
}
