package s3

import (
	"encoding/json"
	"errors"
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"

	api "pileus/api/s3"
)

// maxPolicy is the limit of a bucket policy in characters, white space aside.
const maxPolicy = 20 << 10

func getBucketPolicy(c *cloud.Call, r store.Reader, in *api.GetBucketPolicyInput) (*api.GetBucketPolicyOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, missing(api.ErrNoSuchBucketPolicy, b, "The bucket policy does not exist")
	}
	return &api.GetBucketPolicyOutput{Policy: &b.Policy}, nil
}

// putBucketPolicy ignores ConfirmRemoveSelfBucketAccess: a policy that locks
// its author out is taken with and without it, and the root of the bucket's
// account can always replace it (see rootOverPolicy).
func putBucketPolicy(c *cloud.Call, tx store.Tx, in *api.PutBucketPolicyInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		doc, err := checkPolicy(tx, in.Policy, b.covers)
		if err != nil {
			return err
		}
		if blocks(tx, b).policy && doc.IsPublic() {
			return errBlocked(c, "s3:PutBucketPolicy", b.ARN(), "policies", "BlockPublicPolicy")
		}
		b.Policy = in.Policy
		return nil
	})
}

func deleteBucketPolicy(c *cloud.Call, tx store.Tx, in *api.DeleteBucketPolicyInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		b.Policy = ""
		return nil
	})
}

func getBucketPolicyStatus(c *cloud.Call, r store.Reader, in *api.GetBucketPolicyStatusInput) (*api.GetBucketPolicyStatusOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, missing(api.ErrNoSuchBucketPolicy, b, "The bucket policy does not exist")
	}
	public := publicPolicy(b)
	return &api.GetBucketPolicyStatusOutput{PolicyStatus: &api.PolicyStatus{IsPublic: &public}}, nil
}

// words are a policy element that is one string or several.
type words []string

func (w *words) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(w))
}

// statement is what S3 itself looks at in a policy whose grammar is right.
type statement struct {
	Action, NotAction       words
	Resource, NotResource   words
	Principal, NotPrincipal json.RawMessage
}

// checkPolicy is S3's own view of a resource policy, beyond the grammar:
// resources must be of the bucket, actions S3's and apply to a resource beside
// them, principals exist. in tells what a resource of the policy can be.
func checkPolicy(r store.Reader, text string, in func(resource string) (bucket, object bool)) (*policy.Document, error) {
	if policy.Size(text) > maxPolicy {
		return nil, errPolicy("Policy exceeds the maximum allowed document size.")
	}
	doc, err := policy.Parse(text, policy.ResourceBased)
	if err != nil {
		if bad := (*policy.Error)(nil); errors.As(err, &bad) {
			return nil, errPolicy("%s", bad.Message)
		}
		return nil, errPolicy("%s", err.Error())
	}
	for _, s := range statements(text) {
		if err := s.check(r, in); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// statements reads the statements of a document that has been parsed before.
func statements(text string) []statement {
	var doc struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(text), &doc) != nil {
		return nil
	}
	var many []statement
	if json.Unmarshal(doc.Statement, &many) == nil {
		return many
	}
	var one statement
	if json.Unmarshal(doc.Statement, &one) != nil {
		return nil
	}
	return []statement{one}
}

func (s *statement) check(r store.Reader, in func(string) (bucket, object bool)) error {
	var onBucket, onObject bool // what the resources are
	for _, res := range append(s.Resource, s.NotResource...) {
		b, o := in(res)
		if !b && !o {
			return errPolicy("Policy has invalid resource")
		}
		onBucket, onObject = onBucket || b, onObject || o
	}
	for _, a := range append(s.Action, s.NotAction...) {
		b, o := covers(a)
		if !b && !o {
			return errPolicy("Policy has invalid action")
		}
		if len(s.Action) > 0 && len(s.Resource) > 0 && !(b && onBucket || o && onObject) {
			return errPolicy("Action does not apply to any resource(s) in statement")
		}
	}
	for _, p := range [2]json.RawMessage{s.Principal, s.NotPrincipal} {
		if err := checkPrincipals(r, p); err != nil {
			return err
		}
	}
	return nil
}

// coversResource tells whether a policy's resource can be the bucket itself,
// and whether it can be an object in it.
func coversResource(bucket, resource string) (itself, object bool) {
	a, ok := cloud.ParseARN(resource)
	if !ok || a.Service != "s3" || a.Region != "" || a.Account != "" {
		return false, false
	}
	name, key, hasKey := strings.Cut(a.Resource, "/")
	literal, _, _ := strings.Cut(name, "*")
	literal, _, _ = strings.Cut(literal, "?")
	if !strings.HasPrefix(literal, bucket) || !glob(name, bucket) {
		return false, false
	}
	if hasKey {
		return false, key != ""
	}
	return true, strings.HasSuffix(name, "*")
}

// covers tells whether a resource of the bucket's policy can be the bucket
// itself, and whether it can be an object in it.
func (b *Bucket) covers(resource string) (itself, object bool) {
	if b.Directory() {
		return resource == b.ARN() || resource == "*", false
	}
	return coversResource(b.Name, resource)
}

// checkPrincipals refuses AWS principals that do not exist, as S3 does at the
// time that a policy is put.
func checkPrincipals(r store.Reader, raw json.RawMessage) error {
	var byType map[string]words
	if len(raw) == 0 || json.Unmarshal(raw, &byType) != nil {
		return nil // "*", or none
	}
	for _, name := range byType["AWS"] {
		if !principalExists(r, name) {
			return errPolicy("Invalid principal in policy").With("Detail", `"AWS" : "`+name+`"`)
		}
	}
	for _, id := range byType["CanonicalUser"] {
		if _, ok := accountOf(r, id); !ok {
			return errPolicy("Invalid principal in policy").With("Detail", `"CanonicalUser" : "`+id+`"`)
		}
	}
	return nil
}

func principalExists(r store.Reader, name string) bool {
	if name == "*" {
		return true
	}
	a, ok := cloud.ParseARN(name)
	if !ok {
		return identity.Accounts.Has(r, name) || identity.OfAmazon(name) // an account id; unique ids of deleted principals are not put again
	}
	if !identity.Accounts.Has(r, a.Account) {
		return a.Service == "iam" && a.Resource == "root" && identity.OfAmazon(a.Account)
	}
	kind, rest, _ := strings.Cut(a.Resource, "/")
	last := rest[strings.LastIndexByte(rest, '/')+1:]
	switch {
	case a.Service == "iam" && a.Resource == "root":
		return true
	case a.Service == "iam" && kind == "user":
		u, ok := identity.FindUser(r, a.Account, last)
		return ok && u.ARN == name
	case a.Service == "iam" && kind == "role":
		role, ok := identity.FindRole(r, a.Account, last)
		return ok && role.ARN == name
	case a.Service == "sts" && kind == "assumed-role":
		role, _, _ := strings.Cut(rest, "/")
		_, ok := identity.FindRole(r, a.Account, role)
		return ok
	case a.Service == "sts" && kind == "federated-user":
		return true
	}
	return false
}
