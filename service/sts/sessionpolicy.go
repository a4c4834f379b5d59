package sts

import (
	"bytes"
	"compress/flate"
	"strings"
	"unicode/utf8"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

const (
	policyArnsLimit = 10
	policyChars     = 2048 // of inline policy and ARNs together, as plain text
	// packedLimit is the room for a session's policies and tags once packed.
	// AWS does not say how large it is; with this one the packed sizes of the
	// examples in its API reference come out about right.
	packedLimit = 1600 // bytes
)

// passed is what a request hands to the session beside its name.
type passed struct {
	policy *string
	arns   []api.PolicyDescriptorType
	tags   *tagging
}

// limits are the session policies of a request, checked, as the session keeps
// them, and how much of the room for them is taken, in percent.
type limits struct {
	policy  string
	arns    []string
	percent *int32 // nil where nothing was passed
}

// pack checks the session policies that are passed for a session in an
// account.
func (p passed) pack(r store.Reader, account string) (*limits, error) {
	l := new(limits)
	if p.policy != nil {
		if _, err := policy.Parse(*p.policy, policy.Session); err != nil {
			return nil, api.ErrMalformedPolicyDocument.New("%s", err.Error())
		}
		l.policy = *p.policy
	}
	if len(p.arns) > policyArnsLimit {
		return nil, errValidation("1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", policyArnsLimit)
	}
	chars := utf8.RuneCountInString(l.policy)
	for _, d := range p.arns {
		arn := cloud.Or(d.Arn, "")
		if err := checkSessionPolicy(r, account, arn); err != nil {
			return nil, err
		}
		chars += len(arn)
		l.arns = append(l.arns, arn)
	}
	if chars > policyChars {
		return nil, api.ErrPackedPolicyTooLarge.New("Serialized policy exceeds the limit of %d characters.", policyChars)
	}
	return l, l.measure(p.tags)
}

// checkSessionPolicy sees that the managed policy exists: AWS's, or one of the
// account that the session is in.
func checkSessionPolicy(r store.Reader, account, arn string) error {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != "iam" || !strings.HasPrefix(a.Resource, "policy/") {
		return errValidation("%s is invalid", arn)
	}
	if a.Account != "aws" && a.Account != account {
		return errValidation("Session policy %s must be in the account of the session.", arn)
	}
	if _, ok := identity.ManagedDocument(r, account, arn); !ok {
		return errValidation("Session policy %s does not exist.", arn)
	}
	return nil
}

// measure packs policies and tags and sees whether they fit.
func (l *limits) measure(t *tagging) error {
	if l.policy == "" && len(l.arns) == 0 && (t == nil || len(t.requested) == 0) {
		return nil
	}
	text := l.policy + strings.Join(l.arns, "\n")
	policies := packedSize(text)
	all := policies
	if t != nil {
		for _, tag := range t.requested {
			text += "\n" + tag.Key + "=" + tag.Value
		}
		all = packedSize(text)
	}
	percent := int32((all*100 + packedLimit - 1) / packedLimit)
	l.percent = &percent
	switch {
	case percent <= 100:
		return nil
	case policies > packedLimit:
		return api.ErrPackedPolicyTooLarge.New("Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
	}
	return api.ErrPackedPolicyTooLarge.New("Packed size of session tags consumes %d%% of allotted space.", percent)
}

func packedSize(text string) int {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil { // only for a level that does not exist
		return len(text)
	}
	w.Write([]byte(text)) // a bytes.Buffer takes everything
	w.Close()
	return b.Len()
}
