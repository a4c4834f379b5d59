package organizations

import (
	"slices"
	"strings"
	"time"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/rng"
	"pileus/store"
)

const (
	createController = "organizations.create"
	creationTakes    = 2 * time.Second
	accessRole       = "OrganizationAccountAccessRole"
	administrator    = "arn:aws:iam::aws:policy/AdministratorAccess"
	billingAccess    = "IamUserAccessToBilling"
)

// creation is a request for an account, and what became of it.
type creation struct {
	ID, Organization  string
	Name, Email, Role string
	Billing           string
	Tags              identity.Tags
	Requested         time.Time
	Completed         time.Time
	State             string
	Account           string // once there is one
	Failure           string
}

// creations are in the order in which they were asked for.
var creations = &store.Table[creation]{
	Name: "organizations.creation",
	Key:  func(x *creation) store.Key { return store.K(x.ID) },
	Indexes: map[string]func(*creation) store.Key{
		"organization": func(x *creation) store.Key { return store.K(x.Organization, x.Requested) },
	},
}

func (x *creation) view() *api.CreateAccountStatus {
	v := &api.CreateAccountStatus{Id: &x.ID, AccountName: &x.Name, State: &x.State, RequestedTimestamp: &x.Requested}
	if !x.Completed.IsZero() {
		v.CompletedTimestamp = &x.Completed
	}
	if x.Account != "" {
		v.AccountId = &x.Account
	}
	if x.Failure != "" {
		v.FailureReason = &x.Failure
	}
	return v
}

func createAccount(c *cloud.Call, tx store.Tx, in *api.CreateAccountInput) (*api.CreateAccountOutput, error) {
	org, err := own(c, tx)
	if err != nil {
		return nil, err
	}
	n := 0
	for range identity.Members.Index(tx, "parent", org.ID) {
		n++
	}
	if n >= accountQuota {
		return nil, errConstraint(api.ConstraintViolationExceptionReasonAccountNumberLimitExceeded, "You have exceeded the allowed number of AWS accounts.")
	}
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	x := &creation{
		ID: newID(c.Rand(), "car-", 32), Organization: org.ID, Name: in.AccountName, Email: in.Email, Role: cloud.Or(in.RoleName, accessRole),
		Billing: cloud.Or(in.IamUserAccessToBilling, api.IAMUserAccessToBillingAllow), Tags: tags,
		Requested: c.Now, State: api.CreateAccountStateInProgress,
	}
	creations.Insert(tx, x)
	tx.After(c.Now.Add(creationTakes), createController, store.K(x.ID))
	return &api.CreateAccountOutput{CreateAccountStatus: x.view()}, nil
}

// finishCreation makes the account that a request asked for.
func finishCreation(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		x, ok := creations.Get(tx, key...)
		if !ok || x.State != api.CreateAccountStateInProgress {
			return nil
		}
		x.Completed = c.Now
		x.fulfil(c, tx)
		creations.Put(tx, x)
		return nil
	})
}

func (x *creation) fulfil(c *cloud.Call, tx store.Tx) {
	x.State = api.CreateAccountStateFailed
	org, ok := identity.Organizations.Get(tx, x.Organization)
	if !ok {
		x.Failure = api.CreateAccountFailureReasonInternalFailure
		return
	}
	for a := range identity.Accounts.Scan(tx) {
		if strings.EqualFold(a.Email, x.Email) {
			x.Failure = api.CreateAccountFailureReasonEmailAlreadyExists
			return
		}
	}
	id := newAccountID(tx, c.Rand())
	a := identity.NewAccount(id, x.Name, x.Email, c.Now)
	a.Preferences = map[string]string{billingAccess: x.Billing}
	identity.Accounts.Insert(tx, a)
	putAccessRole(c, tx, org, id, x.Role)
	join(c, tx, org, id, api.AccountJoinedMethodCreated, x.Tags)
	x.State, x.Account = api.CreateAccountStateSucceeded, id
}

// putAccessRole makes the role through which the management account reaches
// into a new account.
func putAccessRole(c *cloud.Call, tx store.Tx, org *identity.Organization, account, name string) {
	identity.Roles.Insert(tx, &identity.Role{
		Account: account, Name: name, Path: "/", ID: identity.RoleID + c.Rand().String(17, rng.Base32),
		ARN: "arn:" + c.Partition + ":iam::" + account + ":role/" + name, Created: c.Now, MaxSession: 3600,
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:` + c.Partition + `:iam::` + org.Management +
			`:root"},"Action":"sts:AssumeRole"}]}`,
		Grants: identity.Grants{Attached: []string{administrator}},
	})
}

func createGovCloudAccount(c *cloud.Call, r store.Reader, _ *api.CreateGovCloudAccountInput) (*api.CreateGovCloudAccountOutput, error) {
	if _, err := own(c, r); err != nil {
		return nil, err
	}
	return nil, errConstraint(api.ConstraintViolationExceptionReasonMasterAccountNotGovcloudEnabled,
		"The management account isn't associated with an account in the AWS GovCloud (US) Region, which this cloud does not have.")
}

func describeCreateAccountStatus(c *cloud.Call, r store.Reader, in *api.DescribeCreateAccountStatusInput) (*api.DescribeCreateAccountStatusOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	x, ok := creations.Get(r, in.CreateAccountRequestId)
	if !ok || x.Organization != org.ID {
		return nil, api.ErrCreateAccountStatusNotFound.New("You specified an account creation request that doesn't exist.")
	}
	return &api.DescribeCreateAccountStatusOutput{CreateAccountStatus: x.view()}, nil
}

func listCreateAccountStatus(c *cloud.Call, r store.Reader, in *api.ListCreateAccountStatusInput) (*api.ListCreateAccountStatusOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	list, next, err := pageIndex(creations, r, "organization", store.K(org.ID), in.NextToken, in.MaxResults, func(x *creation) bool {
		return len(in.States) == 0 || slices.Contains(in.States, x.State)
	})
	return &api.ListCreateAccountStatusOutput{
		CreateAccountStatuses: views(list, func(x *creation) api.CreateAccountStatus { return *x.view() }), NextToken: next,
	}, err
}
