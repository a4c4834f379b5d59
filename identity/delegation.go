package identity

import (
	"encoding/json"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// Delegation is a request for temporary access that one account, the
// requestor, makes to another, the owner (IAM temporary delegation).
type Delegation struct {
	ID, Requestor    string // Requestor is an account
	OwnerAccount     string // empty until it is known
	OwnerARN         string // who took the request on
	Workflow         string // the requestor's own id, unique for it
	Description      string
	Message          string
	RedirectURL      string
	Channel          string // ARN of the queue that is told of changes
	Template         string // ARN of the policy that Policy was made from
	Parameters       []DelegationParameter
	Policy           string // what is asked for
	Seconds          int32  // how long the delegated access lasts
	OnlySendByOwner  bool
	State            string           // as api/iam has it, but for EXPIRED: see StateAt
	Approver         *cloud.Principal // whose access is delegated
	Notes, Rejection string
	Created, Updated time.Time
	Expires          time.Time // by the cloud's clock
	TokenUntil       time.Time // by the machine's clock: sent and not yet expired
}

// DelegationParameter fills a placeholder of a delegation's policy template.
type DelegationParameter struct {
	Name, Type string
	Values     []string
}

// Delegations by id.
var Delegations = &store.Table[Delegation]{
	Name: "identity.delegation",
	Key:  func(d *Delegation) store.Key { return store.K(d.ID) },
	Indexes: map[string]func(*Delegation) store.Key{
		"owner": func(d *Delegation) store.Key {
			if d.OwnerARN == "" {
				return nil
			}
			return store.K(d.OwnerAccount, d.ID)
		},
		"workflow": func(d *Delegation) store.Key { return store.K(d.Requestor, d.Workflow) },
	},
}

// StateAt is the request's state: one that nobody has dealt with in time has
// expired.
func (d *Delegation) StateAt(now time.Time) string {
	if now.Before(d.Expires) || d.State == "FINALIZED" || d.State == "REJECTED" {
		return d.State
	}
	return "EXPIRED"
}

const tradeInPurpose = "delegation token"

// TradeInToken is the token that the requestor exchanges for credentials; ok is
// false where the cloud has no key yet.
func (d *Delegation) TradeInToken(r store.Reader) (token string, ok bool) {
	b, err := json.Marshal(d.ID)
	if err != nil {
		return "", false
	}
	return Seal(r, tradeInPurpose, b)
}

// DelegationByToken is the request that a token was sent for.
func DelegationByToken(r store.Reader, token string) (*Delegation, bool) {
	b, ok := Unseal(r, tradeInPurpose, token)
	var id string
	if !ok || json.Unmarshal(b, &id) != nil {
		return nil, false
	}
	return Delegations.Get(r, id)
}
