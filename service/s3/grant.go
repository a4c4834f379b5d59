package s3

import (
	"encoding/json"

	"pileus/cloud"
	"pileus/policy"
	"pileus/store"
)

// resourcePolicies are the policies that S3 itself has on a bucket (o is nil)
// or on an object in it: the bucket policy, the ACL expressed as statements,
// and what public access blocks take away. Documents are compiled once and
// found again by their text.
func resourcePolicies(r store.Reader, b *Bucket, o *Object) []policy.Attached {
	if b.Policy == "" && b.ACL == nil && (o == nil || o.ACL == nil && o.Owner == b.Account) {
		return nil // what nearly every bucket has
	}
	forbid := blocks(r, b)
	var out []policy.Attached
	if b.Policy != "" {
		if doc, err := policy.Cached(b.Policy, policy.ResourceBased); err == nil {
			id := "bucket policy of " + b.Name
			if o != nil && o.Owner != b.Account && !b.ACLsDisabled() {
				doc = onlyDenials(doc) // the policy cannot give away what is another account's
			}
			out = append(out, policy.Attached{ID: id, Doc: doc})
			if forbid.restrict && doc.IsPublic() {
				out = append(out, restriction(b.Account))
			}
		}
	}
	if b.ACLsDisabled() {
		return out
	}
	if o != nil {
		return append(out, aclPolicy("ACL of "+b.KeyARN(o.Key), o.ACL, o.Owner, forbid.ignore, objectPermissions)...)
	}
	return append(out, aclPolicy("ACL of "+b.ARN(), b.ACL, b.Account, forbid.ignore, bucketPermissions)...)
}

// objectResource is an object, or a key that may come to be one (o is nil), as
// authorisation sees it. An object belongs to the account that wrote it where
// ACLs are enabled.
func objectResource(r store.Reader, b *Bucket, key string, o *Object) cloud.Resource {
	res := cloud.Resource{ARN: b.KeyARN(key), Account: b.Account, Policies: resourcePolicies(r, b, o)}
	if o != nil && !o.Marker && o.Owner != "" && !b.ACLsDisabled() {
		res.Account = o.Owner
	}
	return res
}

// onlyDenials is the document without what it allows.
func onlyDenials(doc *policy.Document) *policy.Document {
	d := *doc
	d.Statements = nil
	for _, s := range doc.Statements {
		if s.Deny {
			d.Statements = append(d.Statements, s)
		}
	}
	return &d
}

// What the permissions of ACLs mean as actions.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions
var (
	bucketPermissions = map[string][]string{
		"READ":      {"s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"},
		"WRITE":     {"s3:PutObject"},
		"READ_ACP":  {"s3:GetBucketAcl"},
		"WRITE_ACP": {"s3:PutBucketAcl"},
	}
	objectPermissions = map[string][]string{
		"READ":      {"s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes", "s3:GetObjectVersionAttributes", "s3:GetObjectTorrent"},
		"READ_ACP":  {"s3:GetObjectAcl", "s3:GetObjectVersionAcl"},
		"WRITE_ACP": {"s3:PutObjectAcl", "s3:PutObjectVersionAcl"},
	}
)

type jsonStatement struct {
	Effect    string
	Principal any
	Action    []string
	Resource  string
	Condition any `json:",omitempty"`
}

// aclPolicy is the ACL as a policy. Grants to the owner's own account say
// nothing: its identity policies decide.
func aclPolicy(id string, a *ACL, account string, ignorePublic bool, actions map[string][]string) []policy.Attached {
	if a == nil {
		return nil
	}
	var list []jsonStatement
	for _, g := range a.Grants {
		if g.To == account || ignorePublic && (g.To == allUsers || g.To == authenticatedUsers) {
			continue
		}
		s := jsonStatement{Effect: "Allow", Resource: "*"}
		for _, permission := range [...]string{"READ", "WRITE", "READ_ACP", "WRITE_ACP"} {
			if g.Permission == permission || g.Permission == "FULL_CONTROL" {
				s.Action = append(s.Action, actions[permission]...)
			}
		}
		if len(s.Action) == 0 {
			continue // WRITE on an object
		}
		switch g.To {
		case allUsers:
			s.Principal = "*"
		case authenticatedUsers:
			s.Principal = "*"
			s.Condition = map[string]any{"StringNotEquals": map[string]string{"aws:PrincipalType": "Anonymous"}}
		case logDelivery:
			s.Principal = map[string]string{"Service": logService}
		default:
			s.Principal = map[string]string{"AWS": "arn:aws:iam::" + g.To + ":root"}
		}
		list = append(list, s)
	}
	return compiled(id, list)
}

// restriction is what RestrictPublicBuckets takes from a public bucket policy:
// everyone but the bucket's account and AWS services.
func restriction(account string) policy.Attached {
	return compiled("RestrictPublicBuckets", []jsonStatement{{
		Effect: "Deny", Principal: "*", Action: []string{"s3:*"}, Resource: "*",
		Condition: map[string]any{
			"StringNotEquals": map[string]string{"aws:PrincipalAccount": account},
			"BoolIfExists":    map[string]string{"aws:PrincipalIsAWSService": "false"},
		},
	}})[0]
}

// compiled is a policy made of statements; they are well-formed, because they
// are ours.
func compiled(id string, list []jsonStatement) []policy.Attached {
	if len(list) == 0 {
		return nil
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": list})
	if err != nil {
		panic(err) // strings and maps of strings
	}
	doc, err := policy.Cached(string(text), policy.ResourceBased)
	if err != nil {
		panic("s3: policy of our own making: " + err.Error())
	}
	return []policy.Attached{{ID: id, Doc: doc}}
}
