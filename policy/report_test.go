package policy

import (
	"slices"
	"testing"
)

func parse(t testing.TB, kind Kind, text string) *Document {
	t.Helper()
	d, err := Parse(text, kind)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return d
}

// access-control-block-public-access, "The meaning of public".
func TestIsPublic(t *testing.T) {
	for _, c := range []struct {
		rule, principal, condition string
		public                     bool
	}{
		{"everyone", `"*"`, ``, true},
		{"everyone, as an account", `{"AWS":"*"}`, ``, true},
		{"everyone among others", `{"AWS":["111111111111","*"]}`, ``, true},
		{"a web identity provider's users", `{"Federated":"graph.facebook.com"}`, ``, true},
		{"an account", `{"AWS":"111111111111"}`, ``, false},
		{"a user", `{"AWS":"arn:aws:iam::111111111111:user/a"}`, ``, false},
		{"a service", `{"Service":"cloudtrail.amazonaws.com"}`, ``, false},
		{"a canonical user", `{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}`, ``, false},
		{"one VPC", `"*"`, `{"StringEquals":{"aws:SourceVpc":"vpc-91237329"}}`, false},
		{"VPCs by a wildcard", `"*"`, `{"StringLike":{"aws:SourceVpc":"vpc-*"}}`, true},
		{"like a fixed value", `"*"`, `{"StringLike":{"aws:SourceVpc":"vpc-1"}}`, false},
		{"one endpoint", `"*"`, `{"StringEquals":{"aws:sourceVpce":"vpce-1"}}`, false},
		{"all but one endpoint", `"*"`, `{"StringNotEquals":{"aws:sourceVpce":"vpce-1"}}`, true},
		{"a value from a variable", `"*"`, `{"StringEquals":{"aws:SourceVpc":"${aws:PrincipalTag/vpc}"}}`, true},
		{"one fixed and one wild value", `"*"`, `{"StringLike":{"aws:SourceVpc":["vpc-1","vpc-*"]}}`, true},
		{"only where the key exists", `"*"`, `{"StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}}`, true},
		{"all values of a key that may be missing", `"*"`, `{"ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-1"}}`, true},
		{"one organization", `"*"`, `{"StringEquals":{"aws:PrincipalOrgID":"o-abc"}}`, false},
		{"one principal", `"*"`, `{"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111111111111:role/r"}}`, false},
		{"principals by a wildcard", `"*"`, `{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/r"}}`, true},
		{"one source resource", `"*"`, `{"ArnEquals":{"aws:SourceArn":"arn:aws:sns:us-east-1:111111111111:t"}}`, false},
		{"source resources by a wildcard", `"*"`, `{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:t"}}`, true},
		{"one source account", `"*"`, `{"StringEquals":{"aws:SourceAccount":"111111111111"}}`, false},
		{"one source owner", `"*"`, `{"StringEquals":{"aws:SourceOwner":"111111111111"}}`, false},
		{"one network", `"*"`, `{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, false},
		{"every address", `"*"`, `{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, true},
		{"half of all addresses", `"*"`, `{"IpAddress":{"aws:SourceIp":"0.0.0.0/1"}}`, true},
		{"a /8", `"*"`, `{"IpAddress":{"aws:SourceIp":"52.0.0.0/8"}}`, false},
		{"a /7", `"*"`, `{"IpAddress":{"aws:SourceIp":"52.0.0.0/7"}}`, true},
		{"private addresses", `"*"`, `{"IpAddress":{"aws:SourceIp":["10.0.0.0/8","172.16.0.0/12"]}}`, false},
		{"one narrow and one broad network", `"*"`, `{"IpAddress":{"aws:SourceIp":["203.0.113.0/24","0.0.0.0/0"]}}`, true},
		{"all addresses but some", `"*"`, `{"NotIpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`, true},
		{"an IPv6 /32", `"*"`, `{"IpAddress":{"aws:SourceIp":"2001:db8::/32"}}`, false},
		{"an IPv6 /31", `"*"`, `{"IpAddress":{"aws:SourceIp":"2001:db8::/31"}}`, true},
		{"a role's sessions by id", `"*"`, `{"StringLike":{"aws:userid":"AROACKCEVSQ6C2EXAMPLE:*"}}`, false},
		{"a user by id", `"*"`, `{"StringEquals":{"aws:userid":"AIDACKCEVSQ6C2EXAMPLE"}}`, false},
		{"every id", `"*"`, `{"StringLike":{"aws:userid":"*"}}`, true},
		{"access points of one account", `"*"`, `{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:111111111111:accesspoint/*"}}`, false},
		{"access points of all accounts", `"*"`, `{"ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:*:accesspoint/*"}}`, true},
		{"one account's access points", `"*"`, `{"StringEquals":{"s3:DataAccessPointAccount":"111111111111"}}`, false},
		{"one key of KMS", `"*"`, `{"StringEquals":{"s3:x-amz-server-side-encryption-aws-kms-key-id":"arn:aws:kms:us-east-1:111111111111:key/k"}}`, false},
		{"only over TLS", `"*"`, `{"Bool":{"aws:SecureTransport":"true"}}`, true},
		{"only some referers", `"*"`, `{"StringLike":{"aws:Referer":"https://example.com/*"}}`, true},
		{"a narrowing key beside another", `"*"`, `{"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"aws:SourceVpc":"vpc-1"}}`, false},
	} {
		text := `"Effect":"Allow","Principal":` + c.principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`
		if c.condition != "" {
			text += `,"Condition":` + c.condition
		}
		if got := parse(t, ResourceBased, st(text)).IsPublic(); got != c.public {
			t.Errorf("%s: %v", c.rule, got)
		}
	}
}

func TestIsPublicLooksAtEveryStatement(t *testing.T) {
	const (
		everyone = `{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}`
		account  = `{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"s3:*","Resource":"*"}`
		deny     = `{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}`
	)
	for text, want := range map[string]bool{account: false, deny: false, account + "," + deny: false, account + "," + everyone: true, everyone + "," + deny: true} {
		if got := parse(t, ResourceBased, `{"Statement":[`+text+`]}`).IsPublic(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestContextKeys(t *testing.T) {
	d := parse(t, Identity, st(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}/${aws:PrincipalTag/team, 'x'}/${*}","Condition":{"StringEquals":{"AWS:UserName":"a","s3:prefix":["${aws:userid}","${?}"]},"Null":{"aws:TokenIssueTime":"true"}}`))
	want := []string{"aws:username", "aws:PrincipalTag/team", "s3:prefix", "aws:userid", "aws:TokenIssueTime"}
	if got := d.ContextKeys(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	r := Request{Keys: Keys{"aws:username": {"a"}, "s3:prefix": {""}}}
	if got := MissingContextKeys(&r, &Set{Identity: []Attached{{"p", d}, {"q", d}}}); !slices.Equal(got, []string{"aws:PrincipalTag/team", "aws:userid", "aws:TokenIssueTime"}) {
		t.Errorf("missing: %q", got)
	}
}

func TestServices(t *testing.T) {
	for text, want := range map[string][]string{
		`{"Effect":"Allow","Action":["s3:Get*","SQS:*","s3:Put*"],"Resource":"*"}`:                                                {"s3", "sqs"},
		`{"Effect":"Allow","Action":"*","Resource":"*"}`:                                                                          {"*"},
		`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`:                                                                   {"*"},
		`{"Effect":"Deny","Action":"s3:*","Resource":"*"}`:                                                                        {},
		`{"Effect":"Deny","Action":"s3:*","Resource":"*"},{"Effect":"Allow","Action":["ec2:Run*","iam:PassRole"],"Resource":"*"}`: {"ec2", "iam"},
	} {
		if got := parse(t, Identity, `{"Version":"2012-10-17","Statement":[`+text+`]}`).Services(); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestPrincipals(t *testing.T) {
	d := parse(t, Trust, st(`"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":["111111111111","*"],"Service":"ec2.amazonaws.com"}`))
	want := []PrincipalRef{{"AWS", "111111111111"}, {"*", "*"}, {"Service", "ec2.amazonaws.com"}}
	if got := d.Principals(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// API_SimulateCustomPolicy: statements that allow, or, where any denies, only
// those that deny.
func TestMatchedStatements(t *testing.T) {
	a := parse(t, Identity, `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"B","Effect":"Allow","Action":"s3:Get*","Resource":"*"},{"Sid":"C","Effect":"Allow","Action":"sqs:*","Resource":"*"}]}`)
	b := parse(t, Identity, `{"Version":"2012-10-17","Statement":{"Sid":"D","Effect":"Deny","Action":"s3:Put*","Resource":"*"}}`)
	set := &Set{Identity: []Attached{{"one", a}, {"two", b}}}
	for action, want := range map[string][]string{"s3:GetObject": {"one/A", "one/B"}, "s3:PutObject": {"two/D"}, "ec2:RunInstances": nil} {
		trace := Explain(&Request{Principal: who("user/alice"), Action: action, Resource: "*"}, set)
		var got []string
		for _, m := range trace.Matched() {
			got = append(got, m.PolicyID+"/"+m.Sid)
			if m.Start.Line != 1 || m.End.Column <= m.Start.Column {
				t.Errorf("%s stands at %v to %v", m.Sid, m.Start, m.End)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s (%s): got %q, want %q", action, trace.Reason, got, want)
		}
	}
}

func TestAllowedBy(t *testing.T) {
	p := caseReader{t: t, version: "2012-10-17", at: "here"}
	for _, l := range []string{"ask user/alice s3:GetObject arn:aws:s3:::b/k", "id Allow sqs:* *", "boundary Allow s3:* *", "scp0 Allow * *", "scp1 Allow s3:Get* *", "scp1 Deny s3:Put* *"} {
		p.line(l)
	}
	for _, c := range []struct {
		action string
		kind   Kind
		want   bool
	}{
		{"s3:GetObject", Boundary, true}, {"sqs:SendMessage", Boundary, false}, {"s3:GetObject", Identity, false}, {"sqs:SendMessage", Identity, true},
		{"s3:GetObject", SCP, true}, {"s3:ListBucket", SCP, false}, {"s3:PutObject", SCP, false}, {"s3:GetObject", Session, false},
	} {
		p.c.req.Action = c.action
		if got := Explain(&p.c.req, &p.c.set).AllowedBy(c.kind); got != c.want {
			t.Errorf("%s by the %v: %v", c.action, c.kind, got)
		}
	}
}

// A refused request's trace is kept, so it must not grow with the policies.
func TestTraceKeepsTheNearestOfALongList(t *testing.T) {
	set, r := tenPolicies(t), benchRequest()
	r.Action = "service7:DeleteThing"
	e := Explain(r, set).Policies[0].Statements[0].Action
	if len(e.Wanted) != mostWanted || e.Omitted != 800-mostWanted {
		t.Errorf("%d kept, %d omitted", len(e.Wanted), e.Omitted)
	}
	for _, w := range e.Wanted[:10] {
		if w[:9] != "service7:" {
			t.Errorf("%s is not near", w)
		}
	}
}

func TestStatementElements(t *testing.T) {
	s := parse(t, Identity, st(`"Effect":"Deny","NotAction":["iam:*","s3:Get*"],"NotResource":"arn:aws:sqs"`)).Statements[0]
	actions, notActions := s.Actions()
	resources, notResources := s.Resources()
	if !slices.Equal(actions, []string{"iam:*", "s3:Get*"}) || !notActions || !slices.Equal(resources, []string{"arn:aws:sqs"}) || !notResources || s.Effect() != "Deny" {
		t.Errorf("%q %v %q %v %s", actions, notActions, resources, notResources, s.Effect())
	}
}
