package sigv4

import (
	"net/http"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	asymmetric = "AWS4-ECDSA-P256-SHA256"
	terminator = "aws4_request"
	isoBasic   = "20060102T150405Z"

	// maxSigned bounds the names in SignedHeaders: more is no real client.
	maxSigned = 128
)

// parseHeader reads an Authorization header of version 4, or S3's version 2.
func parseHeader(r *http.Request, h string) (*Auth, error) {
	scheme, rest, _ := strings.Cut(h, " ")
	switch scheme {
	case algorithm:
	case asymmetric:
		return nil, errAsymmetric()
	case "AWS":
		return parseHeaderV2(r, rest)
	default:
		if strings.HasPrefix(h, algorithm) { // no space after it
			return nil, errMalformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.", missingParts("", "", "", h))
		}
		return nil, errBadType(h)
	}
	a := new(Auth)
	credential, signed, signature, err := headerParts(rest, h)
	if err != nil {
		return nil, err
	}
	if err := a.setDate(r); err != nil {
		return nil, err
	}
	if err := a.setScope(credential, false); err != nil {
		return nil, err
	}
	if !a.setSigned(signed) {
		return nil, errMalformed("too many SignedHeaders", "Too many SignedHeaders")
	}
	if !strings.HasPrefix(a.rawTime, a.Date) {
		return nil, errMalformed("Invalid credential date \""+a.Date+"\". This date is not the same as X-Amz-Date: \""+a.rawTime[:8]+"\".", scopeDate(a))
	}
	a.Signature = signature
	if a.SessionToken = first(r.Header["X-Amz-Security-Token"]); a.SessionToken == "" && a.Service == express {
		a.SessionToken = first(r.Header["X-Amz-S3session-Token"])
	}
	a.Payload = first(r.Header["X-Amz-Content-Sha256"])
	return a, nil
}

// headerParts splits "Credential=..., SignedHeaders=..., Signature=...".
func headerParts(s, whole string) (credential, signed, signature string, err error) {
	for s != "" {
		var part string
		part, s, _ = strings.Cut(s, ",")
		if part = strings.Trim(part, " \t"); part == "" {
			continue
		}
		k, v, ok := strings.Cut(part, "=")
		if !ok {
			return "", "", "", errMalformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.",
				"'"+part+"' not a valid key=value pair (missing equal-sign) in Authorization header: '"+whole+"'.")
		}
		var to *string
		switch k {
		case "Credential":
			to = &credential
		case "SignedHeaders":
			to = &signed
		case "Signature":
			to = &signature
		default:
			continue
		}
		if *to != "" {
			return "", "", "", errMalformed("duplicate "+k, "Authorization header has more than one '"+k+"' parameter.")
		}
		*to = v
	}
	if credential == "" || signed == "" || signature == "" {
		return "", "", "", errMalformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.",
			missingParts(credential, signed, signature, whole))
	}
	return credential, signed, signature, nil
}

// missingParts is the text that names each parameter that is not there.
func missingParts(credential, signed, signature, whole string) string {
	var b strings.Builder
	for _, p := range [...][2]string{{"Credential", credential}, {"Signature", signature}, {"SignedHeaders", signed}} {
		if p[1] == "" {
			b.WriteString("Authorization header requires '" + p[0] + "' parameter. ")
		}
	}
	b.WriteString("Authorization=" + whole)
	return b.String()
}

// setDate takes the request's time from X-Amz-Date or else Date, each of which
// clients write in the ISO basic format or as HTTP does.
func (a *Auth) setDate(r *http.Request) error {
	raw, ok := r.Header["X-Amz-Date"]
	if !ok {
		raw, ok = r.Header["Date"]
	}
	if !ok || len(raw) != 1 {
		return errNoDate("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	t, err := parseISO(raw[0])
	a.rawTime = raw[0]
	if err != nil {
		if t, err = http.ParseTime(raw[0]); err != nil {
			return errNoDate("Date must be in ISO-8601 'basic format'. Got '" + raw[0] + "'. See http://en.wikipedia.org/wiki/ISO_8601")
		}
		t = t.UTC()
		a.rawTime = t.Format(isoBasic)
	}
	a.Time = t
	return nil
}

// parseISO reads 20060102T150405Z and nothing looser, which time.Parse would
// take (fractions of a second).
func parseISO(s string) (time.Time, error) {
	if len(s) != len(isoBasic) {
		return time.Time{}, &time.ParseError{Layout: isoBasic, Value: s}
	}
	return time.Parse(isoBasic, s)
}

// setScope splits a credential: key/date/region/service/aws4_request. The key
// is the part before the last four: keys of other clouds have slashes in them.
func (a *Auth) setScope(credential string, query bool) error {
	bad := func(s3, text string) error {
		if query {
			return &Fault{incomplete, errQuery("Error parsing the X-Amz-Credential parameter; " + s3).s3, text}
		}
		return errMalformed(s3, text)
	}
	var parts [5]string
	rest := credential
	for i := 4; i > 0; i-- {
		cut := strings.LastIndexByte(rest, '/')
		if cut < 0 {
			return bad("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
				"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"+credential+"'")
		}
		parts[i], rest = rest[cut+1:], rest[:cut]
	}
	if rest == "" || len(parts[1]) != 8 || parts[2] == "" || parts[3] == "" {
		return bad("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"+credential+"'")
	}
	if parts[4] != terminator {
		return bad("incorrect terminal \""+parts[4]+"\". This endpoint uses \""+terminator+"\".",
			"Credential should be scoped with a valid terminator: '"+terminator+"', not '"+parts[4]+"'.")
	}
	a.AccessKey, a.Date, a.Region, a.Service = rest, parts[1], parts[2], parts[3]
	return nil
}

// setSigned splits SignedHeaders; false where there are too many.
func (a *Auth) setSigned(s string) bool {
	if strings.Count(s, ";") >= maxSigned {
		return false
	}
	a.SignedHeaders = a.names[:0]
	for s != "" {
		var name string
		name, s, _ = strings.Cut(s, ";")
		a.SignedHeaders = append(a.SignedHeaders, name)
	}
	return true
}

// scopeDate says that the scope's date is not the request's.
func scopeDate(a *Auth) string {
	return "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
		a.Date + "' != '" + a.rawTime[:8] + "', from '" + a.rawTime + "'."
}

func first(v []string) string {
	if len(v) == 0 {
		return ""
	}
	return v[0]
}
