package identity

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"pileus/policy"
	"pileus/store"
)

const denialPurpose = "authorization message"

// maxDenial bounds what a message may unpack to.
const maxDenial = 1 << 20

// The form of a decoded authorization message (API_DecodeAuthorizationMessage).
type (
	denialItems[T any] struct {
		Items []T `json:"items"`
	}
	denialValue struct {
		Value string `json:"value"`
	}
	denialValues = denialItems[denialValue]
	denialKey    struct {
		Key    string       `json:"key"`
		Values denialValues `json:"values"`
	}
	denialStatement struct {
		ID        string       `json:"statementId"`
		Policy    string       `json:"sourcePolicyId"`
		Effect    string       `json:"effect"`
		Actions   denialValues `json:"actions"`
		Resources denialValues `json:"resources"`
	}
	denialPrincipal struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		ARN  string `json:"arn"`
	}
	denialContext struct {
		Principal  denialPrincipal        `json:"principal"`
		Action     string                 `json:"action"`
		Resource   string                 `json:"resource"`
		Conditions denialItems[denialKey] `json:"conditions"`
	}
	denial struct {
		Allowed      bool                         `json:"allowed"`
		ExplicitDeny bool                         `json:"explicitDeny"`
		Matched      denialItems[denialStatement] `json:"matchedStatements"`
		Failures     denialValues                 `json:"failures"`
		Context      denialContext                `json:"context"`
	}
)

func denialList(list []string) denialValues {
	v := denialValues{Items: make([]denialValue, 0, len(list))}
	for _, s := range list {
		v.Items = append(v.Items, denialValue{s})
	}
	return v
}

// EncodeDenial is a refusal as services put it into their messages for whoever
// may call sts:DecodeAuthorizationMessage: EC2 does. It is empty where the
// cloud has no key yet.
func EncodeDenial(r store.Reader, req *policy.Request, d policy.Decision) string {
	m := denial{
		ExplicitDeny: d.Reason == policy.ExplicitDeny,
		Matched:      denialItems[denialStatement]{Items: []denialStatement{}},
		Failures:     denialList(nil),
		Context: denialContext{
			Principal: denialPrincipal{req.Principal.ID, lastElement(req.Principal.ARN), req.Principal.ARN},
			Action:    req.Action, Resource: req.Resource,
			Conditions: denialItems[denialKey]{Items: []denialKey{}},
		},
	}
	if s := d.By.Statement; s != nil {
		actions, _ := s.Actions()
		resources, _ := s.Resources()
		m.Matched.Items = append(m.Matched.Items, denialStatement{ID: s.Sid, Policy: d.By.PolicyID,
			Effect: strings.ToUpper(s.Effect()), Actions: denialList(actions), Resources: denialList(resources)})
	}
	for _, k := range slices.Sorted(maps.Keys(req.Keys)) {
		m.Context.Conditions.Items = append(m.Context.Conditions.Items, denialKey{k, denialList(req.Keys[k])})
	}
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return ""
	}
	if json.NewEncoder(w).Encode(m) != nil || w.Close() != nil {
		return ""
	}
	sealed, _ := Seal(r, denialPurpose, b.Bytes())
	return sealed
}

// DecodeDenial is the JSON text of a message that EncodeDenial made.
func DecodeDenial(r store.Reader, message string) (string, bool) {
	b, ok := Unseal(r, denialPurpose, message)
	if !ok {
		return "", false
	}
	text, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), maxDenial))
	return strings.TrimSpace(string(text)), err == nil
}
