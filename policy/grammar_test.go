package policy

import (
	"errors"
	"strings"
	"sync"
	"testing"
)

// st is an identity document around one statement's members.
func st(members string) string { return `{"Version":"2012-10-17","Statement":{` + members + `}}` }

const (
	okStatement = `"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b"`
	allowTo     = `"Effect":"Allow","Principal":{"AWS":"111111111111"},`
)

func TestParseRefusals(t *testing.T) {
	const (
		syntax  = "Syntax errors in policy."
		legacy  = "The policy failed legacy parsing"
		version = "Policy document must be version 2012-10-17 or greater."
		vendor  = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	)
	for _, c := range []struct {
		kind       Kind
		text, want string
	}{
		{Identity, `no json`, syntax},
		{Identity, ``, syntax},
		{Identity, `[]`, syntax},
		{Identity, `null`, syntax},
		{Identity, `{}`, syntax},
		{Identity, `{"Version":"2012-10-17"}`, syntax},
		{Identity, `{"Version":"2012-10-17","Statement":[]}`, syntax},
		{Identity, `{"Version":"2012-10-17","Statement":"x"}`, syntax},
		{Identity, `{"Version":"2012-10-17","Statement":["x"]}`, syntax},
		{Identity, `{"Version":"2013-10-17","Statement":{` + okStatement + `}}`, syntax},
		{Identity, `{"Version":20121017,"Statement":{` + okStatement + `}}`, syntax},
		{Identity, `{"Statement":{` + okStatement + `}}`, version},
		{Identity, `{"Version":"2008-10-17","Statement":{` + okStatement + `}}`, version},
		{Identity, `{"Version":"2012-10-17","Version":"2012-10-17","Statement":{` + okStatement + `}}`, syntax},
		{Identity, `{"Version":"2012-10-17","Extra":1,"Statement":{` + okStatement + `}}`, syntax},
		{Identity, `{"Version":"2012-10-17","Id":{},"Statement":{` + okStatement + `}}`, syntax},
		{Identity, `{"Version":"2012-10-17","Statement":{` + okStatement + `}} x`, syntax},
		{Identity, st(okStatement + `,"Extra":"x"`), syntax},
		{Identity, st(okStatement + `,"Sid":{}`), syntax},
		{Identity, st(okStatement + `,"Sid":1`), syntax},
		{Identity, st(okStatement + `,"Action":"s3:GetObject"`), syntax},
		{Identity, st(okStatement + `,"NotAction":"s3:GetObject"`), syntax},
		{Identity, st(okStatement + `,"NotAction":[]`), syntax},
		{Identity, st(okStatement + `,"NotResource":"*"`), syntax},
		{Identity, st(okStatement + `,"Condition":[]`), syntax},
		{Identity, st(okStatement + `,"Condition":"x"`), syntax},
		{Identity, st(okStatement + `,"Condition":{"a":"b"}`), syntax},
		{Identity, st(okStatement + `,"Condition":{"StringEquals":[]}`), syntax},
		{Identity, st(okStatement + `,"Condition":{"StringEquals":{"a":{}}}`), syntax},
		{Identity, st(okStatement + `,"Condition":{"StringEquals":{"a":null}}`), syntax},
		{Identity, st(okStatement + `,"Condition":{"StringEquals":{"a":[["x"]]}}`), syntax},
		{Identity, st(okStatement + `,"Condition":{"StringIs":{"a":"b"}}`), syntax},
		{Identity, st(okStatement + `,"Condition":{"ForAnyValue::StringEquals":{"a":"b"}}`), syntax},
		{Identity, st(okStatement + `,"Condition":{"ForSomeValues:StringEquals":{"a":"b"}}`), syntax},
		{Identity, st(okStatement + `,"Condition":{"NullIfExists":{"a":"true"}}`), syntax},
		{Identity, st(`"Effect":"Permit","Action":"s3:ListBucket","Resource":"*"`), syntax},
		{Identity, st(`"Effect":["Allow"],"Action":"s3:ListBucket","Resource":"*"`), syntax},
		{Identity, st(`"Action":"s3:ListBucket","Resource":"*"`), syntax},
		{Identity, st(`"Effect":"Allow","Action":{},"Resource":"*"`), syntax},
		{Identity, st(`"Effect":"Allow","Action":[["s3:Get"]],"Resource":"*"`), syntax},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":{"a":"b"}`), syntax},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":["x",{}]`), syntax},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":7`), syntax},

		{Identity, st(`"Effect":"allow","Action":"s3:ListBucket","Resource":"*"`), legacy},
		{Identity, st(`"Effect":"denY","Action":"s3:ListBucket","Resource":"*"`), legacy},
		{Identity, st(okStatement + `,"Condition":{"DateGreaterThan":{"a":"soon"}}`), legacy},
		{Identity, st(okStatement + `,"Condition":{"DateLessThan":{"a":"234-13"}}`), legacy},
		{Identity, st(okStatement + `,"Condition":{"DateLessThan":{"a":"9223372036854775808"}}`), legacy},
		{Identity, st(`"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3::b"`), legacy},
		{Identity, st(`"Effect":"Allow","Resource":"arn:aws:s3::b"`), legacy},
		{Identity, st(`"Effect":"Allow","Action":"s3:ListBucket","NotResource":"arn:aws:s3::b"`), legacy},
		{Identity, st(`"Effect":"Allow","NotAction":"s3:ListBucket","Resource":"arn:aws::::b"`), legacy},

		{Identity, st(`"Effect":"Allow","Action":"ListBucket","Resource":"*"`), vendor},
		{Identity, st(`"Effect":"Allow","NotAction":"","Resource":"*"`), vendor},
		{Identity, st(`"Effect":"Allow","Action":":x","Resource":"*"`), vendor},
		{Identity, st(`"Effect":"Allow","Action":"ListBucket"`), vendor},
		{Identity, st(`"Effect":"Allow","Action":"a a:ListBucket","Resource":"*"`), "Vendor a a is not valid"},
		{Identity, st(`"Effect":"Allow","Action":"s3:List:Bucket","Resource":"*"`), "Actions/Condition can contain only one colon."},
		{Identity, st(`"Effect":"Allow","Action":"*:Untag*","Resource":"*"`), "Action vendors (e.g., aws, ec2, etc.) must not contain wildcards."},
		{Identity, st(`"Effect":"Allow","Resource":"*"`), "Policy statement must contain actions."},
		{Identity, st(`"Effect":"Allow","Action":[],"Resource":"*"`), "Policy statement must contain actions."},
		{Identity, st(`"Effect":"Deny"`), "Policy statement must contain actions."},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get"`), "Policy statement must contain resources."},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":[]`), "Policy statement must contain resources."},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":""`), `Resource  must be in ARN format or "*".`},
		{Identity, st(`"Effect":"Allow","Action":"s:3:Get","Resource":"bucket"`), `Resource bucket must be in ARN format or "*".`},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":["bucket"]`), `Resource bucket must be in ARN format or "*".`},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:moon:s3:::b"`), `Partition "moon" is not valid for resource "arn:moon:s3:::b".`},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":"a:moon"`), `Partition "moon" is not valid for resource "arn:moon:*:*:*:*".`},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":"a:b:c:d:e:f:g:h"`), `Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".`},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s*:::b"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:s3:us-east-1::b"`), "Resource arn:aws:s3:us-east-1::b can not contain region information."},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:iam:us-east-1::user/x"`), "IAM resource arn:aws:iam:us-east-1::user/x cannot contain region information."},
		{Identity, st(`"Effect":"Allow","Action":"s3:Get","Resource":"arn:aws:iam:::box"`), `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`},
		{Identity, `{"Version":"2012-10-17","Statement":[{"Sid":"a",` + okStatement + `},{"Sid":"a",` + okStatement + `}]}`, "Statement IDs (SID) in a single policy must be unique."},
		{Identity, `{"Version":"2012-10-17","Statement":[{"Sid":"a",` + okStatement + `},{"Sid":"a","Effect":"Deny"}]}`, "Statement IDs (SID) in a single policy must be unique."},
		{Identity, st(okStatement + `,"Sid":"with space"`), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{Identity, st(okStatement + `,"Principal":"*"`), "Policy document should not specify a principal."},
		{Session, st(okStatement + `,"NotPrincipal":"*"`), "Policy document should not specify a principal."},
		{SCP, st(okStatement + `,"Principal":{"AWS":"*"}`), "Policy document should not specify a principal."},
		{RCP, st(okStatement), "Principal must be *"},
		{RCP, st(okStatement + `,"Principal":{"AWS":"111111111111"}`), "Principal must be *"},
		{RCP, st(okStatement + `,"Principal":{"AWS":["*","111111111111"]}`), "Principal must be *"},
		{RCP, st(`"Effect":"Deny","NotPrincipal":"*","Action":"s3:*","Resource":"*"`), "Has prohibited field NotPrincipal"},
		{RCP, st(`"Effect":"Deny","Principal":"*","NotAction":"s3:*","Resource":"*"`), "Has prohibited field NotAction"},
		{RCP, st(`"Effect":"Deny","Principal":"*","Action":"s3:*"`), "Missing required field Resource"},
		{Boundary, `{"Version":"2008-10-17","Statement":{` + okStatement + `}}`, version},
		{Identity, st(okStatement + `,"Principal":"x"`), syntax},
		{Identity, st(okStatement + `,"Principal":{"Nobody":"x"}`), syntax},

		{Trust, `x`, "This policy contains invalid Json"},
		{Trust, `[]`, "This policy contains invalid Json"},
		{Trust, st(allowTo + `"Action":"sts:AssumeRole","Comment":"x"`), "Unknown field Comment"},
		{Trust, st(`"Principal":"*","Action":"sts:AssumeRole"`), "Missing required field Effect"},
		{Trust, st(allowTo + `"Action":"sts:AssumeRole","Resource":"*"`), "Has prohibited field Resource"},
		{Trust, st(allowTo + `"Action":"sts:AssumeRole","NotResource":"*"`), "Has prohibited field NotResource"},
		{Trust, st(`"Effect":"Deny","NotPrincipal":"*","Action":"sts:AssumeRole"`), "Has prohibited field NotPrincipal"},
		{Trust, st(`"Effect":"Allow","Action":"sts:AssumeRole"`), "Missing required field Principal"},
		{Trust, st(`"Effect":"Allow","Action":"sts:AssumeRole","Principal":{}`), "Missing required field Principal"},
		{Trust, st(allowTo + `"Action":"s3:GetObject"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{Trust, st(allowTo + `"Action":[]`), "Policy statement must contain actions."},
		{Trust, st(`"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"bob"}`), `Invalid principal in policy: "AWS":"bob"`},
		{Trust, st(`"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111111111111:user/*"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:user/*"`},
		{Trust, st(`"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"Service":"ec2"}`), `Invalid principal in policy: "SERVICE":"ec2"`},

		{ResourceBased, `x`, "Policies must be valid JSON and the first byte must be '{'"},
		{ResourceBased, `{"Version"`, "This policy contains invalid Json"},
		{ResourceBased, `{"Version":"2012-10-17","Version":"2012-10-17"}`, "This policy contains invalid Json"},
		{ResourceBased, `[]`, "Policies must be valid JSON and the first byte must be '{'"},
		{ResourceBased, `{"Version":"2012-10-17"}`, "Missing required field Statement"},
		{ResourceBased, st(okStatement), "Missing required field Principal"},
		{ResourceBased, st(`"Principal":"*","Action":"s3:*","Resource":"*"`), "Missing required field Effect"},
		{ResourceBased, st(`"Effect":"Allow","Principal":"*","Resource":"*"`), "Missing required field Action"},
		{ResourceBased, st(`"Effect":"Allow","Principal":"*","Action":"s3:*"`), "Missing required field Resource"},
		{ResourceBased, st(`"Effect":"Allow","Principal":"*","Action":"s3","Resource":"*"`), "Policy has invalid action"},
		{ResourceBased, st(`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"bucket"`), "Policy has invalid resource"},
		{ResourceBased, st(`"Effect":"Allow","Principal":{"AWS":"bob"},"Action":"s3:*","Resource":"*"`), "Invalid principal in policy"},
		{ResourceBased, st(`"Effect":"Allow","Principal":"bob","Action":"s3:*","Resource":"*"`), "Invalid principal in policy"},
		{ResourceBased, st(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:user/*"},"Action":"s3:*","Resource":"*"`), "Invalid principal in policy"},
		{ResourceBased, st(`"Effect":"Allow","NotPrincipal":"*","Action":"s3:*","Resource":"*"`), "Allow with NotPrincipal is not allowed."},
		{ResourceBased, st(`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Extra":1`), "Unknown field Extra"},
		{ResourceBased, st(`"Effect":"allow","Principal":"*","Action":"s3:*","Resource":"*"`), "Invalid effect: allow"},
		{ResourceBased, st(`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"StringIs":{"a":"b"}}`), "Invalid Condition type : StringIs"},
		{ResourceBased, `{"Version":"1999-01-01","Statement":{` + okStatement + `}}`, "The policy must contain a valid version string"},
	} {
		_, err := Parse(c.text, c.kind)
		var e *Error
		if !errors.As(err, &e) || e.Message != c.want {
			t.Errorf("%v %s:\n got %v\nwant %s", c.kind, c.text, err, c.want)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		text string
	}{
		{Identity, st(okStatement)},
		{Identity, " \n" + st(okStatement) + "\n"},
		{Identity, `{"Version":"2012-10-17","Id":"x","Statement":[{` + okStatement + `}]}`},
		{Identity, st(okStatement + `,"Sid":""`)},
		{Identity, st(okStatement + `,"Condition":{}`)},
		{Identity, st(okStatement + `,"Condition":{"x":{},"y":{}}`)},
		{Identity, st(okStatement + `,"Condition":{"DateGreaterThan":{"a":[]}}`)},
		{Identity, st(okStatement + `,"Condition":{"DateLessThan":{"a":"2016-12-13t21:20:37.593194+00:00"}}`)},
		{Identity, st(okStatement + `,"Condition":{"DateLessThan":{"a":"-292275054"}}`)},
		{Identity, st(okStatement + `,"Condition":{"ForAnyValue:StringEqualsIfExists":{"a":"b"}}`)},
		{Identity, st(okStatement + `,"Condition":{"NumericLessThan":{"a":5},"Bool":{"b":true}}`)},
		{Identity, st(`"Effect":"Allow","Action":"*","Resource":"*"`)},
		{Identity, st(`"Effect":"Allow","Action":"s3-x.y:Get","Resource":"*"`)},
		{Identity, st(`"Effect":"Allow","Action":"iam: odd name ","Resource":"*"`)},
		{Identity, st(`"Effect":"Allow","NotAction":"iam:*","NotResource":"*"`)},
		{Identity, st(`"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:iam:::user/x","arn:aws:iam::*:role/${aws:username}","arn:aws:iam::111111111111:*"]`)},
		{Identity, st(`"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:nosuch:us-east-1::x","arn:aws:sqs","arn:aws:s3:::*","arn:*:s3:::b"]`)},
		{Identity, st(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:us-east-1:111111111111:accesspoint/p"`)},
		{Trust, `{"Version":"2008-10-17","Statement":[{"Sid":"","Effect":"Allow","Principal":{"Service":"ecs.amazonaws.com"},"Action":"sts:AssumeRole"}]}`},
		{Trust, st(allowTo + `"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]`)},
		{Trust, st(`"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"`)},
		{Trust, st(`"Effect":"Allow","Principal":{"Federated":"accounts.google.com"},"Action":"sts:AssumeRoleWithWebIdentity"`)},
		{Trust, st(`"Effect":"Allow","Principal":{"AWS":["AIDACKCEVSQ6C2EXAMPLE","arn:aws:iam::111111111111:role/r"]},"Action":"sts:AssumeRole"`)},
		{ResourceBased, `{"Statement":[{"Sid":"any name","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`},
		{ResourceBased, st(`"Effect":"Allow","Principal":{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"},"Action":"s3:*","Resource":"arn:aws:s3:::b"`)},
		{ResourceBased, st(`"Effect":"Deny","NotPrincipal":{"AWS":"111111111111"},"Action":"s3:*","Resource":"arn:aws:s3:::b"`)},
		{Endpoint, st(`"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"`)},
	} {
		d, err := Parse(c.text, c.kind)
		if err != nil {
			t.Errorf("%v %s: %v", c.kind, c.text, err)
			continue
		}
		if d.Text != c.text || len(d.Statements) != 1 {
			t.Errorf("%s: compiled to %d statements", c.text, len(d.Statements))
		}
	}
}

func TestSizeLeavesOutWhiteSpace(t *testing.T) {
	if got := Size(" {\n\t\"a\": \"é b\" }\r\n"); got != len(`{"a":"xb"}`) {
		t.Errorf("got %d", got)
	}
}

func TestStatementPositions(t *testing.T) {
	text := "{\n \"Version\": \"2012-10-17\",\n \"Statement\": [\n  {\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"},\n  {\n   \"Sid\": \"é\",\n   \"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\"\n  } ]\n}"
	d, err := Parse(strings.Replace(text, "é", "e", 1), Identity)
	if err != nil {
		t.Fatal(err)
	}
	got := []Position{d.Statements[0].Start, d.Statements[0].End, d.Statements[1].Start, d.Statements[1].End}
	want := []Position{{4, 3}, {4, 49}, {5, 3}, {8, 4}}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("position %d: got %v, want %v", i, got[i], want[i])
		}
	}
}

func TestCachedIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	c := &cache{limit: 4096}
	hot := st(okStatement)
	first, err := c.get(hot, Identity)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if _, err := c.get(st(okStatement+`,"Sid":"n`+strings.Repeat("x", i%40)+`"`), Identity); err != nil {
			t.Fatal(err)
		}
		again, _ := c.get(hot, Identity)
		if again != first {
			t.Fatal("a document in use was forgotten")
		}
		if n := len(c.new) + len(c.old); n > 2*4096/256 {
			t.Fatalf("%d documents held", n)
		}
	}
	if _, err := c.get("x", Identity); err == nil {
		t.Error("a wrong document was accepted")
	}
	if other, _ := c.get(hot, SCP); other == first || other.Kind != SCP {
		t.Error("a document is cached by its kind too")
	}
}

func TestCachedFromManyGoroutines(t *testing.T) {
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 200 {
				text := st(okStatement + `,"Sid":"n` + strings.Repeat("x", i%7) + `"`)
				if d, err := Cached(text, Identity); err != nil || d.Text != text {
					t.Errorf("got %v, %v", d, err)
				}
			}
		})
	}
	group.Wait()
	if _, err := Cached("x", Trust); err == nil || err.Error() != "This policy contains invalid Json" {
		t.Errorf("got %v", err)
	}
}

func TestCheckRCP(t *testing.T) {
	for text, ok := range map[string]bool{
		`"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"`:                                   true,
		`"Effect":"Deny","Principal":{"AWS":"*"},"Action":["s3:Get*","sqs:*"],"NotResource":"a:b"`:         false, // not an ARN
		`"Effect":"Deny","Principal":{"AWS":"*"},"Action":["s3:Get*","sqs:*"],"Resource":"arn:aws:s3:::b"`: true,
		`"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"`:                                      false,
		`"Effect":"Deny","Principal":"*","Action":["s3:*","*:*"],"Resource":"*"`:                           false,
		`"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"`:                                  false,
	} {
		d, err := Parse(st(text), RCP)
		if err == nil {
			err = CheckRCP(d)
		}
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
