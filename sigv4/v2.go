package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pileus/cloud"
)

// subresources are the parameters that version 2 signs.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/RESTAuthentication.html
var subresources = map[string]bool{
	"accelerate": true, "acl": true, "analytics": true, "cors": true, "defaultObjectAcl": true, "delete": true,
	"inventory": true, "lifecycle": true, "location": true, "logging": true, "metrics": true, "notification": true,
	"object-lock": true, "partNumber": true, "policy": true, "replication": true, "requestPayment": true,
	"response-cache-control": true, "response-content-disposition": true, "response-content-encoding": true,
	"response-content-language": true, "response-content-type": true, "response-expires": true, "restore": true,
	"select": true, "select-type": true, "storageClass": true, "tagging": true, "torrent": true, "uploadId": true,
	"uploads": true, "versionId": true, "versioning": true, "versions": true, "website": true,
}

// parseHeaderV2 reads "AWS key:signature".
func parseHeaderV2(r *http.Request, rest string) (*Auth, error) {
	key, signature, ok := strings.Cut(rest, ":")
	if !ok || key == "" || signature == "" {
		return nil, &Fault{incomplete, cloud.Errorf(400, "InvalidArgument", "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature").
			With("ArgumentName", "Authorization").With("ArgumentValue", "AWS "+rest), "AWS authorization header is invalid."}
	}
	a := &Auth{Result: Result{Version: V2, Service: "s3", AccessKey: key, Signature: signature}}
	a.SessionToken = first(r.Header["X-Amz-Security-Token"])
	a.Payload = first(r.Header["X-Amz-Content-Sha256"])
	raw := first(r.Header["X-Amz-Date"])
	if raw == "" {
		raw = first(r.Header["Date"])
	}
	t, err := http.ParseTime(raw)
	if err != nil {
		if t, err = parseISO(raw); err != nil {
			if t, err = time.Parse(time.RFC1123Z, raw); err != nil {
				return nil, errNoDate("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
			}
		}
	}
	a.Time, a.rawTime = t.UTC(), raw
	return a, nil
}

// parseQueryV2 reads AWSAccessKeyId, Signature and Expires.
func parseQueryV2(r *http.Request) (*Auth, error) {
	q := r.URL.Query()
	if q.Get("SignatureVersion") != "" {
		const text = "Signature Version 2 is not supported by this endpoint. Please use AWS4-HMAC-SHA256."
		return nil, &Fault{incomplete, cloud.Errorf(400, "InvalidRequest", text), text}
	}
	a := &Auth{Result: Result{Version: V2, Service: "s3", Presigned: true, AccessKey: q.Get("AWSAccessKeyId"), Signature: q.Get("Signature")}}
	at, err := strconv.ParseInt(q.Get("Expires"), 10, 64)
	if a.AccessKey == "" || a.Signature == "" || err != nil {
		const text = "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
		return nil, &Fault{incomplete, cloud.Errorf(403, "AccessDenied", text), text}
	}
	a.rawTime, a.Time = q.Get("Expires"), time.Unix(at, 0).UTC()
	a.SessionToken = first(r.Header["X-Amz-Security-Token"])
	if a.SessionToken == "" {
		a.SessionToken = q.Get("x-amz-security-token")
	}
	a.Payload = first(r.Header["X-Amz-Content-Sha256"])
	return a, nil
}

// verifyV2 proves an HMAC-SHA1 signature of S3's version 2. Where o.Bucket is
// set, the request was addressed to the bucket's own host.
func (a *Auth) verifyV2(r *http.Request, secret string, o Options) (*Result, error) {
	if o.Family != S3 {
		return nil, (&Fault{incomplete, nil, "Signature Version 2 is not supported by this endpoint. Please use AWS4-HMAC-SHA256."}).In(o.Family)
	}
	if a.Presigned {
		if o.Now.After(a.Time) {
			return nil, a.errExpired(o.Now)
		}
	} else if err := a.checkTime(o); err != nil {
		return nil, err
	}
	if a.Payload == StreamingSigned || a.Payload == StreamingTrailer {
		return nil, cloud.Errorf(400, "InvalidRequest", "Signed streaming uploads require AWS4-HMAC-SHA256.")
	}
	text := a.toSignV2(r, o.Bucket)
	if !hmac.Equal([]byte(signV2(secret, text)), []byte(a.Signature)) {
		return nil, errDoesNotMatch(S3, &a.Result, []byte(text), nil)
	}
	a.verified = true
	return &a.Result, nil
}

func signV2(secret, text string) string {
	h := hmac.New(sha1.New, []byte(secret))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// toSignV2 is the string to sign of version 2.
func (a *Auth) toSignV2(r *http.Request, bucket string) string {
	query := r.URL.Query()
	headerOrQuery := func(name string) string {
		if v := first(r.Header[http.CanonicalHeaderKey(name)]); v != "" || !a.Presigned {
			return v
		}
		return query.Get(name)
	}
	date := a.rawTime
	if !a.Presigned && len(r.Header["X-Amz-Date"]) > 0 {
		date = ""
	}
	var b strings.Builder
	b.WriteString(r.Method + "\n" + headerOrQuery("content-md5") + "\n" + headerOrQuery("content-type") + "\n" + date + "\n")
	amz := map[string]string{}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Amz-") {
			amz[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	if a.Presigned { // x-amz-* parameters stand for headers
		for name, values := range query {
			if strings.HasPrefix(name, "x-amz-") {
				amz[name] = strings.Join(values, ",")
			}
		}
	}
	for _, name := range sortedKeys(amz) {
		b.WriteString(name + ":" + strings.TrimSpace(amz[name]) + "\n")
	}
	if bucket != "" {
		b.WriteString("/" + bucket)
	}
	b.WriteString(requestPath(r))
	b.WriteString(subresourcesOf(r.URL.RawQuery))
	return b.String()
}

// subresourcesOf are the signed parameters, decoded and sorted by name.
func subresourcesOf(raw string) string {
	var parts []string
	for _, pair := range strings.Split(raw, "&") {
		name, value, has := strings.Cut(pair, "=")
		if !subresources[name] {
			continue
		}
		if v, err := url.PathUnescape(value); err == nil {
			value = v
		}
		if has {
			name += "=" + value
		}
		parts = append(parts, name)
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return "?" + strings.Join(parts, "&")
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
