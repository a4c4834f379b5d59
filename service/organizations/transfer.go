package organizations

import (
	"strings"
	"time"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// transfer hands a responsibility of one organization, the source, to the
// management account of another, the target, which is the one that asks
// (orgs_transfer_billing). Its status follows the handshake until it is ended.
type transfer struct {
	ID, Type, Name string
	Target         string // organization
	Source         string // organization; empty until it has accepted
	Handshake      string
	Start, End     time.Time // End is zero where it is not known yet
	Withdrawn      bool
}

var transfers = &store.Table[transfer]{
	Name: "organizations.transfer",
	Key:  func(t *transfer) store.Key { return store.K(t.ID) },
	Indexes: map[string]func(*transfer) store.Key{
		"target": func(t *transfer) store.Key { return store.K(t.Target, t.Type, t.ID) },
		"source": func(t *transfer) store.Key {
			if t.Source == "" {
				return nil
			}
			return store.K(t.Source, t.Type, t.ID)
		},
	},
}

const (
	transferAhead = 366 * 24 * time.Hour // how far away a transfer may begin
	instant       = time.Millisecond     // the precision of a month's end
)

func errNoTransfer() error {
	return api.ErrResponsibilityTransferNotFound.New("We can't find a transfer that you specified.")
}

// status is where the transfer stands.
func (t *transfer) status(r store.Reader) string {
	if t.Withdrawn {
		return api.ResponsibilityTransferStatusWithdrawn
	}
	h, ok := handshakes.Get(r, t.Handshake)
	if !ok || h.open() {
		return api.ResponsibilityTransferStatusRequested
	}
	return h.State
}

func (t *transfer) view(c *cloud.Call, r store.Reader, seenBy *identity.Organization) *api.ResponsibilityTransfer {
	v := &api.ResponsibilityTransfer{Id: &t.ID, Arn: new(t.arn(c, seenBy)), Name: &t.Name, Type: &t.Type, Status: new(t.status(r)),
		StartTimestamp: &t.Start, Target: participant(r, t.Target)}
	if !t.End.IsZero() {
		v.EndTimestamp = &t.End
	}
	if t.Source != "" {
		v.Source = participant(r, t.Source)
	} else if h, ok := handshakes.Get(r, t.Handshake); ok {
		v.Source = new(api.TransferParticipant)
		if h.Account != "" {
			v.Source.ManagementAccountId = &h.Account
		} else {
			v.Source.ManagementAccountEmail = &h.Email
		}
	}
	if h, ok := handshakes.Get(r, t.Handshake); ok && h.open() {
		v.ActiveHandshakeId = &t.Handshake
	}
	return v
}

// arn is the transfer's name for one of its two organizations.
func (t *transfer) arn(c *cloud.Call, seenBy *identity.Organization) string {
	way := "outbound"
	if seenBy.ID == t.Target {
		way = "inbound"
	}
	return arnIn(c, seenBy.Management, "transfer/"+seenBy.ID+"/"+strings.ToLower(t.Type)+"/"+way+"/"+t.ID)
}

func participant(r store.Reader, organization string) *api.TransferParticipant {
	org, ok := identity.Organizations.Get(r, organization)
	if !ok {
		return nil
	}
	return &api.TransferParticipant{ManagementAccountId: &org.Management, ManagementAccountEmail: new(emailOf(r, org.Management))}
}

// findTransfer is one that the caller's organization is a party of.
func findTransfer(c *cloud.Call, r store.Reader, id string) (*transfer, *identity.Organization, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, nil, err
	}
	t, ok := transfers.Get(r, id)
	if !ok || t.Target != org.ID && t.Source != org.ID {
		return nil, nil, errNoTransfer()
	}
	return t, org, nil
}

func describeResponsibilityTransfer(c *cloud.Call, r store.Reader, in *api.DescribeResponsibilityTransferInput) (*api.DescribeResponsibilityTransferOutput, error) {
	t, org, err := findTransfer(c, r, in.Id)
	if err != nil {
		return nil, err
	}
	return &api.DescribeResponsibilityTransferOutput{ResponsibilityTransfer: t.view(c, r, org)}, nil
}

func updateResponsibilityTransfer(c *cloud.Call, tx store.Tx, in *api.UpdateResponsibilityTransferInput) (*api.UpdateResponsibilityTransferOutput, error) {
	t, org, err := findTransfer(c, tx, in.Id)
	switch {
	case err != nil:
		return nil, err
	case t.Target != org.ID: // the name is the target's
		return nil, errInput(api.InvalidInputExceptionReasonUnsupportedActionInResponsibilityTransfer, "You can't rename a transfer that your organization is the source of.")
	}
	t.Name = in.Name
	transfers.Put(tx, t)
	return &api.UpdateResponsibilityTransferOutput{ResponsibilityTransfer: t.view(c, tx, org)}, nil
}

// terminateResponsibilityTransfer ends a transfer, at the end of this month or
// of a later one. Both sides may.
func terminateResponsibilityTransfer(c *cloud.Call, tx store.Tx, in *api.TerminateResponsibilityTransferInput) (*api.TerminateResponsibilityTransferOutput, error) {
	t, org, err := findTransfer(c, tx, in.Id)
	if err != nil {
		return nil, err
	}
	switch t.status(tx) {
	case api.ResponsibilityTransferStatusWithdrawn:
		return nil, api.ErrResponsibilityTransferAlreadyInStatus.New("The responsibility transfer is already in the status that you specified.")
	case api.ResponsibilityTransferStatusAccepted:
	default:
		return nil, api.ErrInvalidResponsibilityTransferTransition.New("The responsibility transfer can't transition to the requested state because it's not in a valid state for this operation.")
	}
	end := monthEnd(c.Now)
	if in.EndTimestamp != nil {
		switch end = in.EndTimestamp.UTC(); {
		case end.Before(monthEnd(c.Now).Truncate(time.Second)):
			return nil, errInput(api.InvalidInputExceptionReasonEndDateTooEarly, "You provided an invalid end date. The end date is too early.")
		case !end.Truncate(time.Second).Equal(monthEnd(end).Truncate(time.Second)):
			return nil, errInput(api.InvalidInputExceptionReasonEndDateNotEndOfMonth, "You provided an invalid end date. The end date must be the end of the last day of the month (23.59.59.999).")
		}
	}
	t.Withdrawn, t.End = true, end
	transfers.Put(tx, t)
	return &api.TerminateResponsibilityTransferOutput{ResponsibilityTransfer: t.view(c, tx, org)}, nil
}

// monthBegin and monthEnd are the first and the last instant of a month.
func monthBegin(t time.Time) time.Time {
	return time.Date(t.UTC().Year(), t.UTC().Month(), 1, 0, 0, 0, 0, time.UTC)
}
func monthEnd(t time.Time) time.Time { return monthBegin(t).AddDate(0, 1, 0).Add(-instant) }

func listInboundResponsibilityTransfers(c *cloud.Call, r store.Reader, in *api.ListInboundResponsibilityTransfersInput) (*api.ListInboundResponsibilityTransfersOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	if in.Id != nil {
		if t, ok := transfers.Get(r, *in.Id); !ok || t.Target != org.ID {
			return nil, errNoTransfer()
		}
	}
	list, next, err := pageIndex(transfers, r, "target", store.K(org.ID, in.Type), in.NextToken, in.MaxResults,
		func(t *transfer) bool { return in.Id == nil || t.ID == *in.Id })
	return &api.ListInboundResponsibilityTransfersOutput{ResponsibilityTransfers: transferViews(c, r, org, list), NextToken: next}, err
}

func listOutboundResponsibilityTransfers(c *cloud.Call, r store.Reader, in *api.ListOutboundResponsibilityTransfersInput) (*api.ListOutboundResponsibilityTransfersOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	list, next, err := pageIndex(transfers, r, "source", store.K(org.ID, in.Type), in.NextToken, in.MaxResults, nil)
	return &api.ListOutboundResponsibilityTransfersOutput{ResponsibilityTransfers: transferViews(c, r, org, list), NextToken: next}, err
}

func transferViews(c *cloud.Call, r store.Reader, org *identity.Organization, list []*transfer) []api.ResponsibilityTransfer {
	return views(list, func(t *transfer) api.ResponsibilityTransfer { return *t.view(c, r, org) })
}
