package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxExpires is how long a presigned request may live: a week.
const maxExpires = 7 * 24 * time.Hour

// usualExpires is how long one lives that does not say, which only S3 insists on.
const usualExpires = "900"

// scopeService is the service in a credential, "" where there is none.
func scopeService(credential string) string {
	parts := strings.Split(credential, "/")
	if len(parts) < 5 {
		return ""
	}
	return parts[len(parts)-2]
}

// place is where in the query credentials are, if there are any.
type place uint8

const (
	nowhere place = iota
	inQueryV4
	inQueryV2
)

// queryAuth looks for credentials in a raw query.
func queryAuth(raw string) place {
	if len(raw) < len("Signature=") {
		return nowhere
	}
	var key, signature bool
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		name, _, _ := strings.Cut(pair, "=")
		switch name {
		case "X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential":
			return inQueryV4
		case "AWSAccessKeyId":
			key = true
		case "Signature":
			signature = true
		}
	}
	if key && signature {
		return inQueryV2
	}
	return nowhere
}

// parseQueryV4 reads the X-Amz-* parameters of a presigned request.
func parseQueryV4(r *http.Request) (*Auth, error) {
	a := new(Auth)
	a.Presigned = true
	var alg, credential, date, expires, signed string
	for raw := r.URL.RawQuery; raw != ""; {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "X-Amz-") {
			continue
		}
		to := map[string]*string{"X-Amz-Algorithm": &alg, "X-Amz-Credential": &credential, "X-Amz-Date": &date,
			"X-Amz-Expires": &expires, "X-Amz-SignedHeaders": &signed, "X-Amz-Signature": &a.Signature,
			"X-Amz-Security-Token": &a.SessionToken, "X-Amz-S3session-Token": &a.SessionToken, "X-Amz-Content-Sha256": &a.Payload}[name]
		if to == nil {
			continue
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			return nil, errQuery("Error parsing the " + name + " parameter")
		}
		if *to != "" {
			return nil, errQuery("X-Amz-* parameters must not be repeated: " + name)
		}
		*to = v
	}
	if alg == asymmetric {
		return nil, errAsymmetric()
	}
	if alg != "" && alg != algorithm {
		return nil, errQuery("X-Amz-Algorithm only supports \"" + algorithm + "\"")
	}
	if alg == "" || credential == "" || date == "" || signed == "" || a.Signature == "" || expires == "" && onceEncoded(scopeService(credential)) {
		return nil, errQuery("Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
	}
	return a, a.setQuery(credential, date, expires, signed, first(r.Header["X-Amz-Content-Sha256"]))
}

// setQuery checks and takes the decoded parameters.
func (a *Auth) setQuery(credential, date, expires, signed, payload string) (err error) {
	if err := a.setScope(credential, true); err != nil {
		return err
	}
	if a.Time, err = parseISO(date); err != nil {
		return errQuery("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
	}
	a.rawTime = date
	if !strings.HasPrefix(date, a.Date) {
		return &Fault{incomplete, errQuery("Invalid credential date \"" + a.Date + "\". This date is not the same as X-Amz-Date: \"" + date[:8] + "\".").s3, scopeDate(a)}
	}
	if expires == "" {
		expires = usualExpires
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	switch {
	case err != nil:
		return errQuery("X-Amz-Expires should be a number")
	case seconds < 0:
		return errQuery("X-Amz-Expires must be non-negative")
	case seconds > int64(maxExpires/time.Second):
		return errQuery("X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds")
	}
	a.Expires = time.Duration(seconds) * time.Second
	if !a.setSigned(signed) {
		return errQuery("X-Amz-SignedHeaders has too many names")
	}
	if a.Payload == "" {
		a.Payload = payload
	}
	return nil
}
