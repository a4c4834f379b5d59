package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// Random policies over a small vocabulary, so that statements meet often.

type generator struct{ *rand.Rand }

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) some(list ...string) []string {
	var out []string
	for range 1 + g.IntN(2) {
		out = append(out, g.pick(list...))
	}
	return out
}

func (g generator) statement(kind Kind, effect string) map[string]any {
	m := map[string]any{"Effect": effect}
	action := "Action"
	if kind != RCP && g.IntN(6) == 0 {
		action = "NotAction"
	}
	m[action] = g.some("s3:GetObject", "s3:Get*", "s3:*", "*", "s3:PutObject", "sqs:*", "S3:GETOBJECT", "s3:?etObject")
	resource := "Resource"
	if g.IntN(8) == 0 {
		resource = "NotResource"
	}
	m[resource] = g.some("*", "arn:aws:s3:::b/*", "arn:aws:s3:::b/k", "arn:aws:s3:::c/*", "arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::b/?", "arn:aws:s3")
	if kind == RCP {
		m["Principal"] = "*"
	}
	if kind == ResourceBased {
		element := "Principal"
		if effect == "Deny" && g.IntN(4) == 0 {
			element = "NotPrincipal"
		}
		m[element] = principalJSON(g.pick("*", home, other, "root", "user/alice", "user/bob", "role/app", "session/app/s", "federated/bob", "svc=s3.amazonaws.com", "user/alice,root", "aws=AIDAALICE0123456789ABCDEF"))
	}
	if g.IntN(3) == 0 {
		m["Condition"] = map[string]any{g.operator(): map[string]any{g.pick("aws:username", "aws:SourceIp", "aws:TagKeys", "s3:prefix"): g.some("alice", "bob", "a*", "10.0.0.0/8", "", "${aws:username}", "${s3:prefix,'x'}", "true", "5")}}
	}
	return m
}

func (g generator) operator() string {
	name := g.pick("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "IpAddress", "NotIpAddress", "Null", "Bool", "NumericLessThan", "ArnLike", "ArnNotLike")
	if name != "Null" && g.IntN(4) == 0 {
		name += "IfExists"
	}
	return g.pick("", "", "", "ForAllValues:", "ForAnyValue:") + name
}

func (g generator) document(t testing.TB, kind Kind, statements int, effects ...string) Attached {
	var list []map[string]any
	for range statements {
		list = append(list, g.statement(kind, g.pick(effects...)))
	}
	return attach(t, kind, list)
}

var attached int

func attach(t testing.TB, kind Kind, statements []map[string]any) Attached {
	t.Helper()
	b, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	d, err := Parse(string(b), kind)
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	attached++
	return Attached{fmt.Sprintf("%v %d", kind, attached), d}
}

func (g generator) policies(t testing.TB, kind Kind, most int) (list []Attached) {
	for range g.IntN(most + 1) {
		list = append(list, g.document(t, kind, 1+g.IntN(3), "Allow", "Allow", "Allow", "Deny"))
	}
	return list
}

func (g generator) request() Request {
	r := Request{
		Principal: who(g.pick("user/alice", "user/bob", "session/app/s", "federated/bob", "root", "user/alice@"+other, "service/s3.amazonaws.com", "anonymous")),
		Action:    g.pick("s3:GetObject", "s3:PutObject", "sqs:SendMessage"),
		Resource:  g.pick("arn:aws:s3:::b/k", "arn:aws:s3:::c/k", "arn:aws:s3:::alice/k", "*"),
		Keys:      Keys{},
	}
	r.ResourceAccount = g.pick(home, home, other)
	for _, k := range []string{"aws:username", "aws:sourceip", "aws:tagkeys", "s3:prefix"} {
		if g.IntN(2) == 0 {
			r.Keys[k] = g.some("alice", "bob", "10.1.2.3", "arn:aws:s3:::b", "", "5")
		}
	}
	return r
}

func (g generator) set(t testing.TB, r *Request) Set {
	s := Set{Identity: g.policies(t, Identity, 3), Resource: g.policies(t, ResourceBased, 2), Root: r.Principal.Kind == "Account"}
	if g.IntN(3) == 0 && !s.Root {
		b := g.document(t, Boundary, 1+g.IntN(3), "Allow", "Allow", "Deny")
		s.Boundary = &b
	}
	if g.IntN(3) == 0 {
		s.Session, s.HasSession = g.policies(t, Session, 2), true
	}
	for range g.IntN(3) {
		s.SCPs = append(s.SCPs, g.policies(t, SCP, 2))
	}
	if g.IntN(3) == 0 {
		for range 1 + g.IntN(2) {
			s.RCPs = append(s.RCPs, g.policies(t, RCP, 2))
		}
	}
	return s
}

// rounds is enough to meet each rule many times and stays under a second.
const rounds = 1500

func each(t *testing.T, f func(t *testing.T, g generator, r *Request, s *Set)) {
	for seed := range uint64(rounds) {
		g := generator{rand.New(rand.NewPCG(seed, 7))}
		r := g.request()
		s := g.set(t, &r)
		f(t, g, &r, &s)
		if t.Failed() {
			t.Fatalf("with seed %d: %+v\n%s", seed, r, Explain(&r, &s).Text())
		}
	}
}

func TestExplainAgreesWithEvaluate(t *testing.T) {
	reasons := map[string]int{}
	each(t, func(t *testing.T, g generator, r *Request, s *Set) {
		agree(t, r, s)
		d := Evaluate(r, s)
		reasons[d.Reason.String()+" by "+d.Layer.String()]++
	})
	for _, want := range []string{"allowed by identity-based policy", "allowed by resource-based policy", "explicitDeny by identity-based policy",
		"explicitDeny by resource-based policy", "implicitDeny by permissions boundary", "implicitDeny by session policy",
		"implicitDeny by resource control policy", "explicitDeny by resource control policy", "implicitDeny by service control policy", "explicitDeny by service control policy", "implicitDeny by identity-based policy", "implicitDeny by resource-based policy"} {
		if reasons[want] < 5 {
			t.Errorf("random policies met %q only %d times: %v", want, reasons[want], reasons)
		}
	}
}

func TestExplicitDenyAlwaysWins(t *testing.T) {
	each(t, func(t *testing.T, g generator, r *Request, s *Set) {
		deny := []map[string]any{{"Effect": "Deny", "Action": r.Action, "Resource": "*"}}
		layer := g.IntN(6)
		if r.Principal.external() {
			layer = 4 + g.IntN(2) // the others do not bind it
		}
		switch layer {
		case 0:
			s.Identity = append(s.Identity, attach(t, Identity, deny))
		case 1:
			s.Session, s.HasSession = append(s.Session, attach(t, Session, deny)), true
		case 2:
			s.SCPs = append(s.SCPs, []Attached{attach(t, SCP, deny)})
		case 3:
			b := attach(t, Boundary, deny)
			s.Boundary = &b
		case 4:
			deny[0]["Principal"] = "*"
			s.Resource = append(s.Resource, attach(t, ResourceBased, deny))
		case 5:
			deny[0]["Principal"] = "*"
			s.RCPs = append(s.RCPs, []Attached{attach(t, RCP, deny)})
		}
		if d := Evaluate(r, s); d.Reason != ExplicitDeny {
			t.Errorf("a deny was outweighed: %v", d.Reason)
		}
	})
}

func TestAddingADenyNeverAllows(t *testing.T) {
	each(t, func(t *testing.T, g generator, r *Request, s *Set) {
		before := Evaluate(r, s)
		if g.IntN(2) == 0 {
			s.Identity = append(s.Identity, g.document(t, Identity, 1, "Deny"))
		} else {
			s.Resource = append(s.Resource, g.document(t, ResourceBased, 1, "Deny"))
		}
		if after := Evaluate(r, s); after.Allowed && !before.Allowed {
			t.Error("a deny allowed")
		}
	})
}

func TestAddingAnAllowNeverDenies(t *testing.T) {
	each(t, func(t *testing.T, g generator, r *Request, s *Set) {
		before := Evaluate(r, s)
		switch g.IntN(3) {
		case 0:
			s.Identity = append(s.Identity, g.document(t, Identity, 1, "Allow"))
		case 1:
			s.Resource = append(s.Resource, g.document(t, ResourceBased, 1, "Allow"))
		default:
			for i := range s.SCPs {
				s.SCPs[i] = append(s.SCPs[i], g.document(t, SCP, 1, "Allow"))
			}
			for i := range s.RCPs {
				s.RCPs[i] = append(s.RCPs[i], g.document(t, RCP, 1, "Allow"))
			}
		}
		if after := Evaluate(r, s); before.Allowed && !after.Allowed || before.Reason != ExplicitDeny && after.Reason == ExplicitDeny {
			t.Error("an allow denied")
		}
	})
}

func TestOrderDoesNotMatter(t *testing.T) {
	each(t, func(t *testing.T, g generator, r *Request, s *Set) {
		before := Evaluate(r, s)
		o := *s
		shuffle := func(list []Attached) []Attached {
			list = slices.Clone(list)
			g.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			for i, a := range list {
				d := *a.Doc
				d.Statements = slices.Clone(d.Statements)
				slices.Reverse(d.Statements)
				list[i].Doc = &d
			}
			return list
		}
		o.Identity, o.Resource, o.Session = shuffle(s.Identity), shuffle(s.Resource), shuffle(s.Session)
		o.SCPs, o.RCPs = nil, nil
		for i := range s.SCPs {
			o.SCPs = append(o.SCPs, shuffle(s.SCPs[len(s.SCPs)-1-i]))
		}
		for i := range s.RCPs {
			o.RCPs = append(o.RCPs, shuffle(s.RCPs[len(s.RCPs)-1-i]))
		}
		if after := Evaluate(r, &o); after.Reason != before.Reason || after.Layer != before.Layer {
			t.Errorf("%v by %v became %v by %v in another order", before.Reason, before.Layer, after.Reason, after.Layer)
		}
	})
}

func TestLimitsOnlyShrink(t *testing.T) {
	each(t, func(t *testing.T, g generator, r *Request, s *Set) {
		before := Evaluate(r, s)
		switch g.IntN(4) {
		case 3:
			s.RCPs = append(s.RCPs, g.policies(t, RCP, 2))
		case 0:
			if s.Boundary != nil {
				return
			}
			b := g.document(t, Boundary, 2, "Allow", "Deny")
			s.Boundary = &b
		case 1:
			if s.HasSession || r.Principal.Kind == "FederatedUser" {
				return // a federation token has nothing without them
			}
			s.Session, s.HasSession = g.policies(t, Session, 2), true
		default:
			s.SCPs = append(s.SCPs, g.policies(t, SCP, 2))
		}
		if after := Evaluate(r, s); after.Allowed && !before.Allowed {
			t.Error("a limit granted")
		}
	})
}

// What Suggest proposes must work: with the proposed statements in place the
// request is allowed.
func TestSuggestionsAllow(t *testing.T) {
	applied := 0
	each(t, func(t *testing.T, g generator, r *Request, s *Set) {
		if Evaluate(r, s).Reason != ImplicitDeny {
			return
		}
		for _, suggestion := range Explain(r, s).Suggestions() {
			apply(t, suggestion, s)
		}
		applied++
		if d := Evaluate(r, s); !d.Allowed {
			t.Errorf("still %v by %v", d.Reason, d.Layer)
		}
	})
	if applied < rounds/10 {
		t.Errorf("only %d suggestions were tried", applied)
	}
}

// A resource control policy does not reach the services that have none.
func TestUnguardedActionsIgnoreRCPs(t *testing.T) {
	each(t, func(t *testing.T, g generator, r *Request, s *Set) {
		r.Action = g.pick("ec2:RunInstances", "iam:GetUser", "kms:RetireGrant")
		without := *s
		without.RCPs = nil
		if a, b := Evaluate(r, s), Evaluate(r, &without); a != b {
			t.Errorf("%v by %v became %v by %v", b.Reason, b.Layer, a.Reason, a.Layer)
		}
	})
}
