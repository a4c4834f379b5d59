package iam

import (
	"time"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// IAM temporary delegation (access_policies-temporary-delegation): an account
// asks another one for access that ends, somebody there takes the request on,
// somebody approves it, and the requestor gets a token that STS exchanges for
// credentials of the approver's, narrowed by the policy that was asked for.
// Every account here may ask; AWS lets its partners.

const (
	unassignedLife = 24 * time.Hour
	requestLife    = 7 * 24 * time.Hour

	forgetController = "iam.delegation"
)

func errNoDelegation(id string) error {
	return api.ErrNoSuchEntity.New("The delegation request with id %s cannot be found.", id)
}

func errDelegationState(d *identity.Delegation, now time.Time) error {
	return api.ErrInvalidInput.New("The delegation request is in the state %s, which does not allow this operation.", d.StateAt(now))
}

func createDelegationRequest(c *cloud.Call, tx store.Tx, in *api.CreateDelegationRequestInput) (*api.CreateDelegationRequestOutput, error) {
	if q, ok := cloud.ParseARN(in.NotificationChannel); !ok || q.Service != "sqs" {
		return nil, api.ErrInvalidInput.New("NotificationChannel %s is not the ARN of a queue.", in.NotificationChannel)
	}
	for range identity.Delegations.Index(tx, "workflow", c.Account, in.RequestorWorkflowId) {
		return nil, api.ErrEntityAlreadyExists.New("A delegation request with the workflow id %s already exists.", in.RequestorWorkflowId)
	}
	text, err := renderTemplate(tx, c.Account, &in.Permissions)
	if err != nil {
		return nil, err
	}
	d := &identity.Delegation{ID: c.Rand().UUID(), Requestor: c.Account, OwnerAccount: cloud.Or(in.OwnerAccountId, ""),
		Workflow: in.RequestorWorkflowId, Description: in.Description, Message: cloud.Or(in.RequestMessage, ""),
		RedirectURL: cloud.Or(in.RedirectUrl, ""), Channel: in.NotificationChannel, Template: *in.Permissions.PolicyTemplateArn,
		Policy: text, Seconds: in.SessionDuration, OnlySendByOwner: cloud.Or(in.OnlySendByOwner, false), Created: c.Now}
	for _, p := range in.Permissions.Parameters {
		d.Parameters = append(d.Parameters, identity.DelegationParameter{Name: *p.Name, Type: cloud.Or(p.Type, api.PolicyParameterTypeEnumString), Values: p.Values})
	}
	become(c, tx, d, api.StateTypeUnassigned, unassignedLife)
	link := "https://console.aws.amazon.com/iam/home#/delegation-requests/" + d.ID
	return &api.CreateDelegationRequestOutput{DelegationRequestId: &d.ID, ConsoleDeepLink: &link}, nil
}

// become moves a request to a state that lasts so long, and tells the
// requestor.
func become(c *cloud.Call, tx store.Tx, d *identity.Delegation, state string, life time.Duration) {
	created := d.State == ""
	d.State, d.Updated, d.Expires = state, c.Now, c.Now.Add(life)
	identity.Delegations.Put(tx, d)
	tx.After(d.Expires.Add(requestLife), forgetController, store.K(d.ID))
	if !created {
		tellRequestor(tx, d, state, "")
	}
}

// forgetDelegation removes a request that expired a week ago.
func forgetDelegation(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		if d, ok := identity.Delegations.Get(tx, key...); ok && !c.Now.Before(d.Expires.Add(requestLife)) {
			identity.Delegations.Delete(tx, d.ID)
		}
		return nil
	})
}

// findDelegation is a request that the caller's account may see: its own, or
// one that nobody has taken on yet.
func findDelegation(c *cloud.Call, r store.Reader, id string) (*identity.Delegation, error) {
	d, ok := identity.Delegations.Get(r, id)
	if !ok || d.OwnerAccount != "" && d.OwnerAccount != c.Account {
		return nil, errNoDelegation(id)
	}
	return d, nil
}

// openDelegation is a request in one of the states.
func openDelegation(c *cloud.Call, r store.Reader, id string, states ...string) (*identity.Delegation, error) {
	d, err := findDelegation(c, r, id)
	if err != nil {
		return nil, err
	}
	for _, s := range states {
		if d.StateAt(c.Now) == s {
			return d, nil
		}
	}
	return nil, errDelegationState(d, c.Now)
}

func associateDelegationRequest(c *cloud.Call, tx store.Tx, in *api.AssociateDelegationRequestInput) (*cloud.Empty, error) {
	d, err := openDelegation(c, tx, in.DelegationRequestId, api.StateTypeUnassigned)
	if err != nil {
		return nil, err
	}
	d.OwnerAccount, d.OwnerARN = c.Account, c.Principal.ARN
	become(c, tx, d, api.StateTypeAssigned, requestLife)
	return new(cloud.Empty), nil
}

func updateDelegationRequest(c *cloud.Call, tx store.Tx, in *api.UpdateDelegationRequestInput) (*cloud.Empty, error) {
	d, err := openDelegation(c, tx, in.DelegationRequestId, api.StateTypeAssigned, api.StateTypePendingApproval)
	if err != nil {
		return nil, err
	}
	d.Notes = cloud.Or(in.Notes, d.Notes)
	become(c, tx, d, api.StateTypePendingApproval, requestLife)
	return new(cloud.Empty), nil
}

// acceptDelegationRequest records who approves: it is that identity's access
// that the requestor will have. One that is limited by session policies has no
// access of its own to hand on.
func acceptDelegationRequest(c *cloud.Call, tx store.Tx, in *api.AcceptDelegationRequestInput) (*cloud.Empty, error) {
	d, err := openDelegation(c, tx, in.DelegationRequestId, api.StateTypeAssigned, api.StateTypePendingApproval)
	if err != nil {
		return nil, err
	}
	p := *c.Principal
	if p.SessionPolicy != "" || len(p.SessionPolicyARNs) > 0 {
		return nil, api.ErrInvalidInput.New("A session that is limited by session policies cannot accept delegation requests.")
	}
	p.Tags, p.CreatedBy = nil, ""
	d.Approver = &p
	become(c, tx, d, api.StateTypeAccepted, requestLife)
	return new(cloud.Empty), nil
}

func rejectDelegationRequest(c *cloud.Call, tx store.Tx, in *api.RejectDelegationRequestInput) (*cloud.Empty, error) {
	d, err := openDelegation(c, tx, in.DelegationRequestId, api.StateTypeAssigned, api.StateTypePendingApproval, api.StateTypeAccepted)
	if err != nil {
		return nil, err
	}
	d.Rejection, d.Approver = cloud.Or(in.Notes, ""), nil
	become(c, tx, d, api.StateTypeRejected, requestLife)
	return new(cloud.Empty), nil
}

func sendDelegationToken(c *cloud.Call, tx store.Tx, in *api.SendDelegationTokenInput) (*cloud.Empty, error) {
	d, err := openDelegation(c, tx, in.DelegationRequestId, api.StateTypeAccepted)
	if err != nil {
		return nil, err
	}
	if d.OnlySendByOwner && c.Principal.ARN != d.OwnerARN {
		return nil, api.ErrInvalidInput.New("The delegation token can only be sent by the owner of the delegation request.")
	}
	d.TokenUntil = c.Cloud.Clock().Machine().Truncate(time.Second).Add(time.Duration(d.Seconds) * time.Second)
	d.State, d.Updated, d.Expires = api.StateTypeFinalized, c.Now, c.Now.Add(requestLife)
	token, ok := d.TradeInToken(tx)
	if !ok {
		return nil, api.ErrServiceFailure.New("This cloud has no key yet.")
	}
	identity.Delegations.Put(tx, d)
	tx.After(d.Expires.Add(requestLife), forgetController, store.K(d.ID))
	tellRequestor(tx, d, d.State, token)
	return new(cloud.Empty), nil
}

func getDelegationRequest(c *cloud.Call, r store.Reader, in *api.GetDelegationRequestInput) (*api.GetDelegationRequestOutput, error) {
	d, err := findDelegation(c, r, in.DelegationRequestId)
	if err != nil {
		return nil, err
	}
	out := &api.GetDelegationRequestOutput{DelegationRequest: new(delegationView(c, d))}
	if cloud.Or(in.DelegationPermissionCheck, false) {
		out.PermissionCheckStatus = new(api.PermissionCheckStatusTypeComplete)
		out.PermissionCheckResult = new(covers(c, r, d))
	}
	return out, nil
}

// listDelegationRequests lists what the caller took on, or another owner of
// the account.
func listDelegationRequests(c *cloud.Call, r store.Reader, in *api.ListDelegationRequestsInput) (*api.ListDelegationRequestsOutput, error) {
	all := []api.DelegationRequest{}
	for d := range identity.Delegations.Index(r, "owner", c.Account) {
		if in.OwnerId == nil || d.OwnerARN == *in.OwnerId {
			all = append(all, delegationView(c, d))
		}
	}
	page, p, err := pageSlice(all, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &api.ListDelegationRequestsOutput{DelegationRequests: page, IsTruncated: p.IsTruncated, Marker: p.Marker}, nil
}

func delegationView(c *cloud.Call, d *identity.Delegation) api.DelegationRequest {
	v := api.DelegationRequest{
		DelegationRequestId: &d.ID, OwnerAccountId: maybe(d.OwnerAccount), OwnerId: maybe(d.OwnerARN), Description: &d.Description,
		RequestMessage: maybe(d.Message), PermissionPolicy: &d.Policy, RolePermissionRestrictionArns: boundariesOf(d.Policy),
		State: new(d.StateAt(c.Now)), ExpirationTime: &d.Expires, RequestorId: &d.Requestor, RequestorName: new("Account " + d.Requestor),
		CreateDate: &d.Created, UpdatedTime: &d.Updated, SessionDuration: &d.Seconds, RedirectUrl: maybe(d.RedirectURL),
		Notes: maybe(d.Notes), RejectionReason: maybe(d.Rejection), OnlySendByOwner: &d.OnlySendByOwner,
		Permissions: &api.DelegationPermission{PolicyTemplateArn: &d.Template},
	}
	for _, p := range d.Parameters {
		v.Permissions.Parameters = append(v.Permissions.Parameters, api.PolicyParameter{Name: &p.Name, Type: &p.Type, Values: p.Values})
	}
	if d.Approver != nil {
		v.ApproverId = &d.Approver.ARN
	}
	return v
}

func maybe(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
