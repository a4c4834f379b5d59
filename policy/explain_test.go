package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// apply puts a suggested statement where the suggestion says.
func apply(t *testing.T, s Suggestion, set *Set) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(s.Statement), &m); err != nil {
		t.Fatalf("%v: %s", err, s.Statement)
	}
	var level int
	statements := []map[string]any{m}
	switch {
	case strings.HasPrefix(s.Where, "A resource control policy at level "):
		fmt.Sscanf(s.Where, "A resource control policy at level %d", &level)
		set.RCPs[level] = append(set.RCPs[level], attach(t, RCP, statements))
	case strings.HasPrefix(s.Where, "A service control policy at level "):
		fmt.Sscanf(s.Where, "A service control policy at level %d", &level)
		set.SCPs[level] = append(set.SCPs[level], attach(t, SCP, statements))
	case strings.HasPrefix(s.Where, "Add to an identity-based policy of "):
		set.Identity = append(set.Identity, attach(t, Identity, statements))
	case strings.HasPrefix(s.Where, "Add to the permissions boundary of "):
		d := *set.Boundary.Doc
		d.Statements = append(append([]Statement(nil), d.Statements...), attach(t, Boundary, statements).Doc.Statements...)
		set.Boundary = &Attached{set.Boundary.ID, &d}
	case strings.HasPrefix(s.Where, "Add to the session policy "):
		set.Session = append(set.Session, attach(t, Session, statements))
	case strings.HasPrefix(s.Where, "Add to the policy of the resource "):
		set.Resource = append(set.Resource, attach(t, ResourceBased, statements))
	case strings.HasPrefix(s.Where, "Add to the trust policy of the role "):
		set.Resource = append(set.Resource, attach(t, Trust, statements))
	case s.Where == "Add to the VPC endpoint policy":
		set.Endpoint = append(set.Endpoint, attach(t, Endpoint, statements))
	default:
		t.Fatalf("where is %q?", s.Where)
	}
}

// The cases' refusals must be mended by their suggestions too: they have trust
// policies and endpoints.
func TestCasesSuggestionsAllow(t *testing.T) {
	for _, c := range allCases(t) {
		if Evaluate(&c.req, &c.set).Reason != ImplicitDeny {
			continue
		}
		for _, s := range Explain(&c.req, &c.set).Suggestions() {
			apply(t, s, &c.set)
		}
		if d := Evaluate(&c.req, &c.set); !d.Allowed {
			t.Errorf("%s:%d %s: still %v by %v\n%s", c.file, c.line, c.rule, d.Reason, d.Layer, Explain(&c.req, &c.set).Text())
		}
	}
}

// The words are part of the product: testdata/text holds them as they are
// meant to read. POLICY_WRITE=1 writes them anew.
func TestTraceText(t *testing.T) {
	for name, c := range map[string]struct {
		ask, owner string
		lines      []string
	}{
		"nothing":  {"user/alice s3:GetObject arn:aws:s3:::b/k", home, nil},
		"near":     {"user/alice s3:GetObject arn:aws:s3:::b/k", home, []string{"id Allow s3:Get* arn:aws:s3:::c/*,arn:aws:s3:::b/${aws:PrincipalTag/team}/*", `id Allow s3:* * if {"IpAddress":{"aws:SourceIp":"203.0.113.0/24"},"Bool":{"aws:MultiFactorAuthPresent":"true"}}`, "key aws:sourceip=198.51.100.7"}},
		"deny":     {"session/app/s s3:DeleteObject arn:aws:s3:::b/k", home, []string{"id Allow * *", `id {"Sid":"KeepObjects","Effect":"Deny","Action":"s3:Delete*","Resource":"*"}`}},
		"cross":    {"user/alice sqs:SendMessage arn:aws:sqs:us-east-1:222222222222:q", other, []string{"res Allow sqs:SendMessage * to 333333333333"}},
		"trust":    {"user/alice sts:AssumeRole arn:aws:iam::111111111111:role/r", home, []string{`trust Allow sts:AssumeRole to root if {"StringEquals":{"sts:ExternalId":"42"}}`}},
		"limits":   {"session/app/s ec2:RunInstances *", home, []string{"id Allow * *", "boundary Allow s3:* *", "session Allow s3:* *", "scp0 Allow * *", "scp1 Allow s3:* *"}},
		"service":  {"service/s3.amazonaws.com sqs:SendMessage arn:aws:sqs:us-east-1:111111111111:q", home, nil},
		"allowed":  {"user/alice s3:GetObject arn:aws:s3:::b/k", home, []string{"id Allow s3:* *"}},
		"root":     {"root s3:GetObject arn:aws:s3:::b/k", home, []string{"rootuser"}},
		"endpoint": {"user/alice s3:GetObject arn:aws:s3:::b/k", home, []string{"id Allow * *", "endpoint Allow s3:PutObject * to *"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := caseReader{t: t, version: "2012-10-17", at: name}
			p.line("ask " + c.ask)
			p.line("owner " + c.owner)
			for _, l := range c.lines {
				p.line(l)
			}
			trace := Explain(&p.c.req, &p.c.set)
			got := trace.Text()
			path := "testdata/text/" + name + ".txt"
			if os.Getenv("POLICY_WRITE") != "" {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil || got != string(want) {
				t.Errorf("%v\n%s", err, got)
			}
			// A trace is kept as JSON and must tell the same afterwards.
			b, err := json.Marshal(trace)
			if err != nil {
				t.Fatal(err)
			}
			var kept Trace
			if err := json.Unmarshal(b, &kept); err != nil {
				t.Fatal(err)
			}
			if again := kept.Text(); again != got {
				t.Errorf("after JSON:\n%s", again)
			}
		})
	}
}

func TestMessage(t *testing.T) {
	for _, c := range []struct {
		ask, want string
		lines     []string
	}{
		{"user/alice s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no identity-based policy allows the s3:GetObject action", nil},
		{"user/alice s3:ListAllMyBuckets *", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action", nil},
		{"session/app/s s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k with an explicit deny in an identity-based policy", []string{"id Deny * *"}},
		{"user/alice s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k with an explicit deny in a resource-based policy", []string{"res Deny * * to *"}},
		{"user/alice s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k with an explicit deny in a service control policy", []string{"scp0 Deny * *"}},
		{"user/alice s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no service control policy allows the s3:GetObject action", []string{"scp0 Allow sqs:* *"}},
		{"user/alice s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k with an explicit deny in a permissions boundary", []string{"boundary Deny * *"}},
		{"user/alice s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no permissions boundary allows the s3:GetObject action", []string{"id Allow * *", "boundary Allow sqs:* *"}},
		{"session/app/s s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no session policy allows the s3:GetObject action", []string{"id Allow * *", "hassession"}},
		{"session/app/s s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:sts::111111111111:assumed-role/app/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k with an explicit deny in a session policy", []string{"session Deny * *"}},
		{"user/alice s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no resource-based policy allows the s3:GetObject action", []string{"id Allow * *", "owner 222222222222"}},
		{"user/alice s3:GetObject arn:aws:s3:::b/k", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no VPC endpoint policy allows the s3:GetObject action", []string{"id Allow * *", "endpoint Allow sqs:* * to *"}},
		{"user/alice sts:AssumeRole arn:aws:iam::111111111111:role/r", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/r because no role trust policy allows the sts:AssumeRole action", []string{"trust Allow sts:AssumeRole to user/bob"}},
		{"user/alice sts:AssumeRole arn:aws:iam::111111111111:role/r", "User: arn:aws:iam::111111111111:user/alice is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111111111111:role/r with an explicit deny in the role trust policy", []string{"trust Deny sts:AssumeRole to *"}},
		{"anonymous s3:GetObject arn:aws:s3:::b/k", "User: anonymous is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k because no resource-based policy allows the s3:GetObject action", nil},
		{"service/s3.amazonaws.com sqs:SendMessage *", "User: s3.amazonaws.com is not authorized to perform: sqs:SendMessage because no resource-based policy allows the sqs:SendMessage action", nil},
	} {
		p := caseReader{t: t, version: "2012-10-17", at: c.ask}
		p.line("ask " + c.ask)
		for _, l := range c.lines {
			p.line(l)
		}
		if got := Message(&p.c.req, Evaluate(&p.c.req, &p.c.set)); got != c.want {
			t.Errorf("%s %q:\n got %s\nwant %s", c.ask, c.lines, got, c.want)
		}
	}
}
