package organizations

import (
	"time"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const (
	closeController = "organizations.close"
	closureTakes    = 2 * time.Second
	// closureKept is how long a closed account stays in its organization, as
	// suspended, before it is gone for good.
	closureKept = 90 * 24 * time.Hour
	// closureQuota accounts, or a tenth of the members where that is more, may
	// be closed within closureWindow.
	closureQuota  = 10
	closureWindow = 30 * 24 * time.Hour
)

// closeAccount closes a member account: from now on nobody gets in.
func closeAccount(c *cloud.Call, tx store.Tx, in *api.CloseAccountInput) (*cloud.Empty, error) {
	org, m, err := findMember(c, tx, in.AccountId)
	if err != nil {
		return nil, err
	}
	switch {
	case m.Account == org.Management:
		return nil, errConstraint(api.ConstraintViolationExceptionReasonCannotCloseManagementAccount, "You can't close the management account.")
	case m.Status != api.AccountStatusActive:
		return nil, api.ErrAccountAlreadyClosed.New("You attempted to close an account that is already closed.")
	}
	members, closed := 0, 0
	for other := range identity.Members.Index(tx, "parent", org.ID) {
		members++
		if a, ok := identity.Accounts.Get(tx, other.Account); ok && !a.Closed.IsZero() && c.Now.Sub(a.Closed) < closureWindow {
			closed++
		}
	}
	if closed >= max(closureQuota, members/10) {
		return nil, errConstraint(api.ConstraintViolationExceptionReasonCloseAccountQuotaExceeded, "You have exceeded close account quota for the past 30 days.")
	}
	if found, ok := identity.Accounts.Get(tx, m.Account); ok {
		a := *found
		a.Closed = c.Now
		identity.Accounts.Put(tx, &a)
	}
	m.Status = api.AccountStatusPendingClosure
	identity.Members.Put(tx, m)
	for d := range identity.Delegates.Scan(tx, org.ID, m.Account) {
		identity.Delegates.Delete(tx, d.Organization, d.Account, d.Service)
	}
	identity.Touch(tx, identity.OrganizationScope)
	tx.After(c.Now.Add(closureTakes), closeController, store.K(m.Account))
	return new(cloud.Empty), nil
}

// finishClosure suspends a closed account, and takes it out of its
// organization when its time is over.
func finishClosure(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		found, ok := identity.Members.Get(tx, key...)
		if !ok {
			return nil
		}
		a, ok := identity.Accounts.Get(tx, found.Account)
		if !ok || a.Closed.IsZero() {
			return nil
		}
		m := *found
		switch end := a.Closed.Add(closureKept); {
		case !c.Now.Before(end):
			part(tx, &m)
		default:
			m.Status = api.AccountStatusSuspended
			identity.Members.Put(tx, &m)
			tx.After(end, closeController, key)
		}
		return nil
	})
}
