package sigv4

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pileus/cloud"
)

// PostPolicy is the verified policy of a browser's form upload.
// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
type PostPolicy struct {
	// Result is who signed it; Payload and SignedHeaders are empty.
	Result     Result
	Expiration time.Time
	conditions []condition
}

// condition is one line of a policy. A content-length-range has no field.
type condition struct {
	operator string // eq, starts-with, content-length-range
	field    string // lower case, without $
	value    string
	min, max int64
	quoted   string // as error messages quote it
}

// PostKey is the access key and session token that a form was signed with.
// Here and below the names of form fields are in lower case, as they do not
// differ by case. ok is false for a form without credentials.
func PostKey(fields map[string]string) (accessKey, token string, ok bool) {
	token = fields["x-amz-security-token"]
	if key := fields["awsaccesskeyid"]; key != "" {
		return key, token, true
	}
	var a Auth
	if a.setScope(fields["x-amz-credential"], true) != nil {
		return "", "", false
	}
	return a.AccessKey, token, true
}

// VerifyPost proves a form's signature, of version 4 or 2, and reads its
// policy. Its errors are *cloud.Error as S3 words them.
func VerifyPost(fields map[string]string, secret string, now time.Time) (*PostPolicy, error) {
	encoded := fields["policy"]
	var res *Result
	var err error
	if fields["awsaccesskeyid"] != "" || fields["signature"] != "" {
		res, err = verifyPostV2(fields, secret)
	} else {
		res, err = verifyPostV4(fields, secret)
	}
	if err != nil {
		return nil, err
	}
	doc, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errPolicy("Invalid Base64.")
	}
	p, err := parsePolicy(doc)
	if err != nil {
		return nil, err
	}
	if !now.Before(p.Expiration) {
		return nil, errAgainst("Policy expired.")
	}
	res.verified = true
	p.Result = *res
	return p, nil
}

func verifyPostV2(fields map[string]string, secret string) (*Result, error) {
	for _, name := range [...]string{"AWSAccessKeyId", "signature", "policy"} {
		if fields[strings.ToLower(name)] == "" {
			return nil, errNoField(name)
		}
	}
	res := &Result{Version: V2, Service: "s3", AccessKey: fields["awsaccesskeyid"], SessionToken: fields["x-amz-security-token"], Signature: fields["signature"]}
	if !hmac.Equal([]byte(signV2(secret, fields["policy"])), []byte(res.Signature)) {
		return nil, errDoesNotMatch(S3, res, []byte(fields["policy"]), nil)
	}
	return res, nil
}

func verifyPostV4(fields map[string]string, secret string) (*Result, error) {
	for _, name := range [...]string{"policy", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature"} {
		if fields[strings.ToLower(name)] == "" {
			return nil, errNoField(name)
		}
	}
	switch fields["x-amz-algorithm"] {
	case algorithm:
	case asymmetric:
		return nil, errAsymmetric().In(S3)
	default:
		return nil, errQuery("X-Amz-Algorithm only supports \"" + algorithm + "\"").In(S3)
	}
	var a Auth
	if err := a.setScope(fields["x-amz-credential"], true); err != nil {
		return nil, Explain(err, S3)
	}
	t, err := parseISO(fields["x-amz-date"])
	if err != nil {
		return nil, errQuery("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"").In(S3)
	}
	a.Time, a.rawTime, a.Signature, a.SessionToken = t, fields["x-amz-date"], fields["x-amz-signature"], fields["x-amz-security-token"]
	key := scope{secret, a.Date, a.Region, a.Service}.derive()
	if text := []byte(fields["policy"]); !sameText(key.sign(nil, text), a.Signature) {
		return nil, errDoesNotMatch(S3, &a.Result, text, nil)
	}
	return &a.Result, nil
}

func errNoField(name string) error {
	return cloud.Errorf(400, "InvalidArgument", "Bucket POST must contain a field named '%s'.  If it is specified, please check the order of the fields.", name).
		With("ArgumentName", name).With("ArgumentValue", "")
}

func errPolicy(detail string) error {
	return cloud.Errorf(400, "InvalidPolicyDocument", "Invalid Policy: %s", detail)
}

func errAgainst(detail string) error {
	return cloud.Errorf(403, "AccessDenied", "Invalid according to Policy: %s", detail)
}

// parsePolicy reads a policy document. Names of members differ by case, names
// of fields and operators do not.
func parsePolicy(doc []byte) (*PostPolicy, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(doc, &members) != nil || members == nil {
		return nil, errPolicy("Invalid JSON.")
	}
	var when string
	if members["expiration"] == nil {
		return nil, errPolicy("Policy missing expiration.")
	}
	if json.Unmarshal(members["expiration"], &when) != nil {
		return nil, errPolicy("Invalid 'expiration' value: " + string(members["expiration"]))
	}
	t, err := time.Parse(time.RFC3339, when)
	if err != nil {
		return nil, errPolicy("Invalid 'expiration' value: '" + when + "'")
	}
	if members["conditions"] == nil {
		return nil, errPolicy("Policy missing conditions.")
	}
	var lines []json.RawMessage
	if json.Unmarshal(members["conditions"], &lines) != nil || len(lines) == 0 {
		return nil, errPolicy("Invalid 'conditions' value: must be a List.")
	}
	p := &PostPolicy{Expiration: t}
	for _, line := range lines {
		if err := p.parseCondition(line); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// parseCondition reads one condition: {"field": "value", ...} or [op, a, b].
func (p *PostPolicy) parseCondition(line json.RawMessage) error {
	var exact map[string]any
	if json.Unmarshal(line, &exact) == nil && exact != nil {
		if len(exact) != 1 {
			return errPolicy("Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.")
		}
		for name, v := range exact {
			s, ok := v.(string)
			if !ok {
				return errPolicy("Invalid Simple-Condition: value must be a string.")
			}
			p.add("eq", name, s)
		}
		return nil
	}
	var parts []any
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if d.Decode(&parts) != nil || len(parts) == 0 {
		return errPolicy("Invalid Condition: must be a List or an Object.")
	}
	operator, _ := parts[0].(string)
	operator = strings.ToLower(operator)
	if operator != "eq" && operator != "starts-with" && operator != "content-length-range" {
		return errPolicy(fmt.Sprintf("Invalid Condition: unknown operation '%v'.", parts[0]))
	}
	if len(parts) != 3 {
		return errPolicy(operator + ": wrong number of arguments.")
	}
	if operator == "content-length-range" {
		return p.addRange(parts[1], parts[2])
	}
	name, ok1 := parts[1].(string)
	value, ok2 := parts[2].(string)
	if !ok1 || !ok2 || !strings.HasPrefix(name, "$") {
		return errPolicy("Invalid Condition: " + operator + " takes \"$field\" and a string.")
	}
	p.add(operator, name[1:], value)
	return nil
}

func (p *PostPolicy) add(operator, name, value string) {
	p.conditions = append(p.conditions, condition{operator: operator, field: strings.ToLower(name), value: value,
		quoted: "[" + quote(operator) + ", " + quote("$"+name) + ", " + quote(value) + "]"})
}

func (p *PostPolicy) addRange(least, most any) error {
	min, err1 := strconv.ParseInt(fmt.Sprint(least), 10, 64)
	max, err2 := strconv.ParseInt(fmt.Sprint(most), 10, 64)
	if err1 != nil || err2 != nil || min < 0 || max < min {
		return errPolicy("content-length-range takes two whole numbers, the lower first.")
	}
	p.conditions = append(p.conditions, condition{operator: "content-length-range", min: min, max: max})
	return nil
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return strconv.Quote(s)
	}
	return string(b)
}

// exempt are the fields that no condition needs to name.
var exempt = map[string]bool{"x-amz-signature": true, "awsaccesskeyid": true, "signature": true, "file": true, "policy": true}

// Check holds a form to its policy: every condition is met and every field is
// covered by one. fields has the bucket's name as "bucket"; size is the file's
// in bytes, or -1 where it is not known yet, which leaves the range to
// MaxSize and CheckSize.
func (p *PostPolicy) Check(fields map[string]string, size int64) error {
	covered := map[string]bool{}
	for i := range p.conditions {
		c := &p.conditions[i]
		if c.operator == "content-length-range" {
			continue
		}
		covered[c.field] = true
		if !c.met(fields[c.field]) {
			return errAgainst("Policy Condition failed: " + c.quoted)
		}
	}
	var extra []string
	for _, name := range sortedKeys(fields) {
		if !covered[name] && !exempt[name] && !strings.HasPrefix(name, "x-ignore-") {
			extra = append(extra, name)
		}
	}
	if extra != nil {
		return errAgainst("Extra input fields: " + strings.Join(extra, ","))
	}
	if size < 0 {
		return nil
	}
	return p.CheckSize(size)
}

// CheckSize holds the file's size to the policy's ranges.
func (p *PostPolicy) CheckSize(size int64) error {
	for _, c := range p.conditions {
		switch {
		case c.operator != "content-length-range":
		case size > c.max:
			return cloud.Errorf(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size").
				With("ProposedSize", strconv.FormatInt(size, 10)).With("MaxSizeAllowed", strconv.FormatInt(c.max, 10))
		case size < c.min:
			return cloud.Errorf(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").
				With("ProposedSize", strconv.FormatInt(size, 10)).With("MinSizeAllowed", strconv.FormatInt(c.min, 10))
		}
	}
	return nil
}

// MaxSize is the largest file that the policy takes; ok is false where it has
// no range.
func (p *PostPolicy) MaxSize() (max int64, ok bool) {
	for _, c := range p.conditions {
		if c.operator == "content-length-range" && (!ok || c.max < max) {
			max, ok = c.max, true
		}
	}
	return max, ok
}

// met tells whether a field's value meets the condition. A Content-Type may be
// a list, each part of which must begin as asked.
func (c *condition) met(value string) bool {
	if c.operator == "eq" {
		return value == c.value
	}
	if c.field == "content-type" && strings.Contains(value, ",") {
		for part := range strings.SplitSeq(value, ",") {
			if !strings.HasPrefix(strings.TrimSpace(part), c.value) {
				return false
			}
		}
		return true
	}
	return strings.HasPrefix(value, c.value)
}
