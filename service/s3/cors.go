package s3

import (
	"net/http"
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// maxCORSRules is the limit of one bucket.
const maxCORSRules = 100

func getBucketCors(c *cloud.Call, r store.Reader, in *api.GetBucketCorsInput) (*api.GetBucketCorsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.CORS) == 0 {
		return nil, missing(api.ErrNoSuchCORSConfiguration, b, "The CORS configuration does not exist")
	}
	return &api.GetBucketCorsOutput{CORSRules: b.CORS}, nil
}

func putBucketCors(c *cloud.Call, tx store.Tx, in *api.PutBucketCorsInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		rules := in.CORSConfiguration.CORSRules
		if len(rules) == 0 || len(rules) > maxCORSRules {
			return errMalformedXML
		}
		for i := range rules {
			if err := checkCORSRule(&rules[i]); err != nil {
				return err
			}
		}
		b.CORS = rules
		return nil
	})
}

func deleteBucketCors(c *cloud.Call, tx store.Tx, in *api.DeleteBucketCorsInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		b.CORS = nil
		return nil
	})
}

func checkCORSRule(rule *api.CORSRule) error {
	if len(rule.AllowedMethods) == 0 || len(rule.AllowedOrigins) == 0 {
		return errMalformedXML
	}
	if rule.ID != nil && len(*rule.ID) > 255 {
		return errInvalidRequest("The ID of a CORS rule cannot be longer than 255 characters.")
	}
	for _, m := range rule.AllowedMethods {
		if !oneOf(m, "GET", "PUT", "HEAD", "POST", "DELETE") {
			return errInvalidRequest("Found unsupported HTTP method in CORS config. Unsupported method is %s", m)
		}
	}
	for _, o := range rule.AllowedOrigins {
		if strings.Count(o, "*") > 1 {
			return errInvalidRequest("AllowedOrigin %q can not have more than one wildcard.", o)
		}
	}
	for _, h := range rule.AllowedHeaders {
		if strings.Count(h, "*") > 1 {
			return errInvalidRequest("AllowedHeader %q can not have more than one wildcard.", h)
		}
	}
	for _, h := range rule.ExposeHeaders {
		if strings.Contains(h, "*") {
			return errInvalidRequest("ExposeHeader %q contains wildcard. We currently do not support wildcard for ExposeHeader.", h)
		}
	}
	return nil
}

// corsRule is the first rule that allows the origin to use the method and the
// headers.
func corsRule(rules []api.CORSRule, origin, method string, headers []string) (*api.CORSRule, bool) {
	for i := range rules {
		rule := &rules[i]
		if oneOf(method, rule.AllowedMethods...) && anyGlob(rule.AllowedOrigins, origin) && allowsHeaders(rule, headers) {
			return rule, true
		}
	}
	return nil, false
}

func anyGlob(patterns []string, s string) bool {
	for _, p := range patterns {
		if before, after, wild := strings.Cut(p, "*"); !wild && p == s ||
			wild && len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after) {
			return true
		}
	}
	return false
}

func allowsHeaders(rule *api.CORSRule, headers []string) bool {
	for _, h := range headers {
		ok := false
		for _, allowed := range rule.AllowedHeaders {
			ok = ok || anyGlob([]string{strings.ToLower(allowed)}, h)
		}
		if !ok {
			return false
		}
	}
	return true
}

// corsHeaders adds to an answer what its Origin may know, where the bucket's
// rules allow the request. Requests that they do not allow are answered too,
// without these headers: it is the browser that then hides the answer.
func corsHeaders(b *Bucket, req *http.Request, answer http.Header) {
	origin := req.Header.Get("Origin")
	if origin == "" || len(b.CORS) == 0 {
		return
	}
	method := req.Method
	if asked := req.Header.Get("Access-Control-Request-Method"); asked != "" {
		method = asked
	}
	if rule, ok := corsRule(b.CORS, origin, method, nil); ok {
		allowOrigin(rule, origin, answer)
	}
}

func allowOrigin(rule *api.CORSRule, origin string, answer http.Header) {
	if oneOf("*", rule.AllowedOrigins...) {
		answer.Set("Access-Control-Allow-Origin", "*")
	} else {
		answer.Set("Access-Control-Allow-Origin", origin)
		answer.Set("Access-Control-Allow-Credentials", "true")
	}
	answer.Set("Access-Control-Allow-Methods", strings.Join(rule.AllowedMethods, ", "))
	if len(rule.ExposeHeaders) > 0 {
		answer.Set("Access-Control-Expose-Headers", strings.Join(rule.ExposeHeaders, ", "))
	}
	if rule.MaxAgeSeconds != nil {
		answer.Set("Access-Control-Max-Age", strconv.Itoa(int(*rule.MaxAgeSeconds)))
	}
	answer.Set("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
}

// preflight answers OPTIONS. It needs no permission: browsers send it without
// credentials.
// https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
func preflight(c *cloud.Call, bucket string, req *http.Request, answer http.Header) error {
	origin, method := req.Header.Get("Origin"), req.Header.Get("Access-Control-Request-Method")
	if origin == "" {
		return cloud.Errorf(400, "BadRequest", "Insufficient information. Origin request header needed.")
	}
	if !oneOf(method, "GET", "PUT", "HEAD", "POST", "DELETE") {
		if method == "" {
			method = "null"
		}
		return cloud.Errorf(400, "BadRequest", "Invalid Access-Control-Request-Method: %s", method)
	}
	var b *Bucket
	if err := c.View(func(r store.Reader) (err error) {
		b, err = findBucket(r, bucket)
		return err
	}); err != nil {
		return err
	}
	if len(b.CORS) == 0 {
		return errNoCORS(method, "CORSResponse: CORS is not enabled for this bucket.")
	}
	var headers []string
	for h := range strings.SplitSeq(req.Header.Get("Access-Control-Request-Headers"), ",") {
		if h = strings.ToLower(strings.TrimSpace(h)); h != "" {
			headers = append(headers, h)
		}
	}
	rule, ok := corsRule(b.CORS, origin, method, headers)
	if !ok {
		return errNoCORS(method, "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.")
	}
	allowOrigin(rule, origin, answer)
	if len(headers) > 0 {
		answer.Set("Access-Control-Allow-Headers", strings.Join(headers, ", "))
	}
	return nil
}

func errNoCORS(method, text string) *cloud.Error {
	return cloud.Errorf(403, "AccessForbidden", "%s", text).With("Method", method).With("ResourceType", "OBJECT")
}
