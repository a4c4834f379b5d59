package sigv4

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"
)

// form is a signed form with a policy document.
func form(policy string, fields map[string]string) map[string]string {
	f := maps.Clone(fields)
	if f == nil {
		f = map[string]string{}
	}
	f["policy"] = base64.StdEncoding.EncodeToString([]byte(policy))
	f["x-amz-algorithm"], f["x-amz-date"] = algorithm, "20130524T000000Z"
	f["x-amz-credential"] = exampleKey + "/20130524/us-east-1/s3/aws4_request"
	f["x-amz-signature"] = string(scope{exampleSecret, "20130524", "us-east-1", "s3"}.derive().sign(nil, []byte(f["policy"])))
	return f
}

const signedFields = `["starts-with","$x-amz-algorithm",""],["starts-with","$x-amz-date",""],["starts-with","$x-amz-credential",""],`

func TestPostPolicy(t *testing.T) {
	conditions := func(s string) string {
		return `{"expiration":"2013-05-24T01:00:00Z","conditions":[` + signedFields + s + `]}`
	}
	fields := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	for _, c := range []struct {
		name, policy string
		fields       map[string]string
		size         int64
		code, text   string
	}{
		{"exact object", conditions(`{"KEY":"a"}`), fields("key", "a"), 1, "", ""},
		{"exact object, another value", conditions(`{"key":"a"}`), fields("key", "b"), 1, "AccessDenied", `Invalid according to Policy: Policy Condition failed: ["eq", "$key", "a"]`},
		{"eq without the field", conditions(`["EQ","$key","a"]`), nil, 1, "AccessDenied", `Policy Condition failed: ["eq", "$key", "a"]`},
		{"starts-with", conditions(`["starts-with","$key","user/"]`), fields("key", "user/x"), 1, "", ""},
		{"starts-with nothing", conditions(`["starts-with","$key",""]`), fields("key", "x"), 1, "", ""},
		{"starts-with, another start", conditions(`["starts-with","$key","user/"]`), fields("key", "x"), 1, "AccessDenied", `Policy Condition failed: ["starts-with", "$key", "user/"]`},
		{"content types, all begin so", conditions(`["starts-with","$Content-Type","image/"]`), fields("content-type", "image/png, image/gif"), 1, "", ""},
		{"content types, one does not", conditions(`["starts-with","$Content-Type","image/"]`), fields("content-type", "image/png,text/html"), 1, "AccessDenied", "Condition failed"},
		{"range met", conditions(`["content-length-range",1,10]`), nil, 10, "", ""},
		{"range as text", conditions(`["content-length-range","1","10"]`), nil, 1, "", ""},
		{"too large", conditions(`["content-length-range",1,10]`), nil, 11, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size"},
		{"too small", conditions(`["content-length-range",1,10]`), nil, 0, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"},
		{"a field that no condition names", conditions(`{"key":"a"}`), fields("key", "a", "acl", "public-read", "tagging", "x"), 1, "AccessDenied", "Invalid according to Policy: Extra input fields: acl,tagging"},
		{"ignored fields", conditions(`{"key":"a"}`), fields("key", "a", "x-ignore-me", "y"), 1, "", ""},
		{"expired", `{"expiration":"2013-05-23T23:59:59.000Z","conditions":[{"key":"a"}]}`, nil, 1, "AccessDenied", "Invalid according to Policy: Policy expired."},
		{"no expiration", `{"conditions":[{"key":"a"}]}`, nil, 1, "InvalidPolicyDocument", "Policy missing expiration."},
		{"expiration in capitals", `{"EXPIRATION":"2013-05-24T01:00:00Z","conditions":[{"key":"a"}]}`, nil, 1, "InvalidPolicyDocument", "Policy missing expiration."},
		{"expiration that is no time", `{"expiration":"tomorrow","conditions":[{"key":"a"}]}`, nil, 1, "InvalidPolicyDocument", "Invalid 'expiration' value: 'tomorrow'"},
		{"no conditions", `{"expiration":"2013-05-24T01:00:00Z"}`, nil, 1, "InvalidPolicyDocument", "Policy missing conditions."},
		{"empty conditions", `{"expiration":"2013-05-24T01:00:00Z","conditions":[]}`, nil, 1, "InvalidPolicyDocument", "conditions"},
		{"no JSON", `{`, nil, 1, "InvalidPolicyDocument", "Invalid JSON"},
		{"null", `null`, nil, 1, "InvalidPolicyDocument", "Invalid JSON"},
		{"an unknown operation", conditions(`["ends-with","$key","a"]`), nil, 1, "InvalidPolicyDocument", "ends-with"},
		{"no dollar", conditions(`["eq","key","a"]`), nil, 1, "InvalidPolicyDocument", "eq"},
		{"two properties", conditions(`{"a":"b","c":"d"}`), nil, 1, "InvalidPolicyDocument", "exactly one"},
		{"a number for a string", conditions(`{"a":1}`), nil, 1, "InvalidPolicyDocument", "string"},
		{"a range without an end", conditions(`["content-length-range",1]`), nil, 1, "InvalidPolicyDocument", "arguments"},
		{"a range backwards", conditions(`["content-length-range",2,1]`), nil, 1, "InvalidPolicyDocument", "content-length-range"},
		{"a negative range", conditions(`["content-length-range",-1,1]`), nil, 1, "InvalidPolicyDocument", "content-length-range"},
		{"a condition that is a string", conditions(`"x"`), nil, 1, "InvalidPolicyDocument", "List or an Object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := form(c.policy, c.fields)
			p, err := VerifyPost(f, exampleSecret, exampleTime)
			if err == nil {
				err = p.Check(f, c.size)
			}
			if code(err) != c.code || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v; want %s %q", err, c.code, c.text)
			}
		})
	}
}

// TestPostSignature takes the parts of a form's signature away or changes them.
func TestPostSignature(t *testing.T) {
	const policy = `{"expiration":"2013-05-24T01:00:00Z","conditions":[["starts-with","$key",""]]}`
	for _, c := range []struct{ field, value, code string }{
		{"x-amz-signature", "", "InvalidArgument"},
		{"x-amz-signature", strings.Repeat("0", 64), "SignatureDoesNotMatch"},
		{"x-amz-credential", "", "InvalidArgument"},
		{"x-amz-credential", "a/b", "AuthorizationQueryParametersError"},
		{"x-amz-date", "x", "AuthorizationQueryParametersError"},
		{"x-amz-algorithm", "x", "AuthorizationQueryParametersError"},
		{"x-amz-algorithm", asymmetric, "InvalidRequest"},
		{"policy", "", "InvalidArgument"},
		{"policy", "e30=", "SignatureDoesNotMatch"},
		{"signature", "x", "InvalidArgument"},
		{"awsaccesskeyid", "x", "InvalidArgument"},
	} {
		f := form(policy, nil)
		f[c.field] = c.value
		if _, err := VerifyPost(f, exampleSecret, exampleTime); code(err) != c.code {
			t.Errorf("%s=%q: %v; want %s", c.field, c.value, err, c.code)
		}
	}
	if max, ok := (&PostPolicy{Expiration: time.Time{}}).MaxSize(); ok {
		t.Error(max)
	}
}
