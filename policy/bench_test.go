package policy

import (
	"encoding/json"
	"fmt"
	"testing"
)

// tenPolicies is a principal as courses and companies have them: a wide
// read-only policy of 800 actions, some of plain statements, some with
// conditions and variables, and the one that matters at the end.
func tenPolicies(t testing.TB) *Set {
	var wide []string
	for s := range 80 {
		for _, a := range []string{"Get*", "List*", "Describe*", "BatchGet*", "Search*", "View*", "Lookup*", "Select*", "Scan*", "Query"} {
			wide = append(wide, fmt.Sprintf("service%d:%s", s, a))
		}
	}
	set := &Set{Identity: []Attached{attach(t, Identity, []map[string]any{{"Effect": "Allow", "Action": wide, "Resource": "*"}})}}
	for i := range 8 {
		set.Identity = append(set.Identity, attach(t, Identity, []map[string]any{
			{"Effect": "Allow", "Action": []string{"ec2:Describe*", "ec2:Get*", fmt.Sprintf("sqs:Send%d", i)}, "Resource": "*"},
			{"Effect": "Allow", "Action": "s3:*", "Resource": []string{fmt.Sprintf("arn:aws:s3:::bucket-%d", i), fmt.Sprintf("arn:aws:s3:::bucket-%d/*", i)}},
			{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": map[string]any{"Bool": map[string]any{"aws:SecureTransport": "false"}, "NotIpAddress": map[string]any{"aws:SourceIp": "203.0.113.0/24"}}},
			{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::home/${aws:username}/*", "Condition": map[string]any{"StringLike": map[string]any{"aws:PrincipalTag/team": "r*"}}},
		}))
	}
	set.Identity = append(set.Identity, attach(t, Identity, []map[string]any{{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::data/*"}}))
	return set
}

func benchRequest() *Request {
	return &Request{Principal: who("user/alice"), Action: "s3:PutObject", Resource: "arn:aws:s3:::data/2026/11/report.csv", ResourceAccount: home,
		Keys: Keys{"aws:username": {"alice"}, "aws:securetransport": {"true"}, "aws:sourceip": {"203.0.113.9"}, "aws:principaltag/team": {"red"}}}
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	set, r := tenPolicies(t), benchRequest()
	if d := Evaluate(r, set); !d.Allowed {
		t.Fatal(Explain(r, set).Text())
	}
	if n := testing.AllocsPerRun(200, func() { Evaluate(r, set) }); n != 0 {
		t.Errorf("%v allocations for an evaluation", n)
	}
	r.Action, r.Resource = "s3:GetObject", "arn:aws:s3:::home/alice/x"
	if n := testing.AllocsPerRun(200, func() { Evaluate(r, set) }); n != 0 {
		t.Errorf("%v allocations for an evaluation with variables", n)
	}
}

func BenchmarkEvaluateTenPolicies(b *testing.B) {
	set, r := tenPolicies(b), benchRequest()
	b.ReportAllocs()
	for b.Loop() {
		Evaluate(r, set)
	}
}

// BenchmarkEvaluateTenCached is the same for a caller who holds only texts.
func BenchmarkEvaluateTenCached(b *testing.B) {
	set, r := tenPolicies(b), benchRequest()
	texts := make([]string, len(set.Identity))
	for i, a := range set.Identity {
		texts[i] = a.Doc.Text
	}
	b.ReportAllocs()
	for b.Loop() {
		for i, text := range texts {
			d, err := Cached(text, Identity)
			if err != nil {
				b.Fatal(err)
			}
			set.Identity[i].Doc = d
		}
		Evaluate(r, set)
	}
}

func BenchmarkEvaluateOnePolicy(b *testing.B) {
	r := benchRequest()
	set := &Set{Identity: []Attached{attach(b, Identity, []map[string]any{{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})}}
	b.ReportAllocs()
	for b.Loop() {
		Evaluate(r, set)
	}
}

func BenchmarkExplainTenPolicies(b *testing.B) {
	set, r := tenPolicies(b), benchRequest()
	r.Action = "s3:DeleteObject"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(Explain(r, set)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	text := tenPolicies(b).Identity[1].Doc.Text
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text, Identity); err != nil {
			b.Fatal(err)
		}
	}
}
