package resource

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// request is a call that carried a ClientToken, kept so that a repetition
// answers the same.
type request struct {
	Account, Region, Operation, Token string
	Digest                            [sha256.Size]byte // of the parameters
	Result                            []byte            // JSON
	Made                              time.Time
}

var requests = &store.Table[request]{
	Name: "ec2.request",
	Key:  func(q *request) store.Key { return store.K(q.Account, q.Region, q.Operation, q.Token) },
}

// Once performs an operation once for each client token: a repetition with the
// same parameters gets the first result again, one with others is refused.
// Without a token it is performed.
// https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
func Once[Out any](c *cloud.Call, tx store.Tx, operation string, token *string, in any, do func() (Out, error)) (out Out, err error) {
	if cloud.Or(token, "") == "" {
		return do()
	}
	if len(*token) > 64 {
		return out, Errorf("InvalidParameterValue", "Invalid value '%s' for clientToken: it must be at most 64 ASCII characters", *token)
	}
	params, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	digest := sha256.Sum256(params)
	if q, ok := requests.Get(tx, c.Account, c.Region, operation, *token); ok {
		if q.Digest != digest {
			return out, Errorf("IdempotentParameterMismatch", "The request uses the same client token as a previous, but non-identical request.")
		}
		return out, json.Unmarshal(q.Result, &out)
	}
	if out, err = do(); err != nil {
		return out, err
	}
	result, err := json.Marshal(out)
	if err != nil {
		return out, err
	}
	requests.Put(tx, &request{Account: c.Account, Region: c.Region, Operation: operation, Token: *token, Digest: digest, Result: result, Made: c.Now})
	return out, nil
}
