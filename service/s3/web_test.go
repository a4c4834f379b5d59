package s3_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func (s *stage) publish(bucket string) {
	s.T.Helper()
	text := statement("Allow", `"*"`, "s3:GetObject", "arn:aws:s3:::"+bucket+"/*")
	must(s.T)(s.PutBucketPolicy(s.T.Context(), &sdk.PutBucketPolicyInput{Bucket: &bucket, Policy: &text}))
}

func (s *stage) website(bucket string, c *types.WebsiteConfiguration) {
	s.T.Helper()
	must(s.T)(s.PutBucketWebsite(s.T.Context(), &sdk.PutBucketWebsiteInput{Bucket: &bucket, WebsiteConfiguration: c}))
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html
func TestWebsite(t *testing.T) {
	s := newStage(t)
	b := s.open("site")
	page := func(in *sdk.PutObjectInput) { in.ContentType = new("text/html") }
	s.put(b, "index.html", "home", page)
	s.put(b, "docs/index.html", "docs", page)
	s.put(b, "error.html", "oops", page)
	s.put(b, "old", "", func(in *sdk.PutObjectInput) { in.WebsiteRedirectLocation = new("/new") })
	const host = "site.s3-website-us-east-1.amazonaws.com"
	if resp, body := s.fetch("GET", host, "/"); resp.StatusCode != 404 || !strings.Contains(body, "NoSuchWebsiteConfiguration") {
		t.Errorf("without a configuration: %s %s", resp.Status, body)
	}
	s.website(b, &types.WebsiteConfiguration{
		IndexDocument: &types.IndexDocument{Suffix: new("index.html")},
		ErrorDocument: &types.ErrorDocument{Key: new("error.html")},
		RoutingRules: []types.RoutingRule{
			{Condition: &types.Condition{KeyPrefixEquals: new("a/")}, Redirect: &types.Redirect{ReplaceKeyPrefixWith: new("b/"), HttpRedirectCode: new("302")}},
			{Condition: &types.Condition{HttpErrorCodeReturnedEquals: new("404"), KeyPrefixEquals: new("lost/")}, Redirect: &types.Redirect{HostName: new("example.com"), Protocol: types.ProtocolHttps}},
		},
	})
	if resp, body := s.fetch("GET", host, "/"); resp.StatusCode != 403 || !strings.Contains(body, "<li>Code: AccessDenied</li>") {
		t.Errorf("a private site: %s %s", resp.Status, body)
	}
	s.publish(b)
	for _, test := range []struct {
		host, path     string
		status         int
		location, body string
	}{
		{host, "/", 200, "", "home"},
		{"site.s3-website.us-east-1.amazonaws.com", "/", 200, "", "home"},
		{"site.s3-website.localhost.localstack.cloud:4566", "/index.html", 200, "", "home"},
		{host, "/docs/", 200, "", "docs"},
		{host, "/docs", 302, "/docs/", ""},
		{host, "/none", 403, "", "oops"}, // visitors may not list
		{host, "/a/x%20y", 302, "http://" + host + "/b/x%20y", ""},
		{host, "/old", 301, "/new", ""},
	} {
		resp, body := s.fetch("GET", test.host, test.path)
		if resp.StatusCode != test.status || resp.Header.Get("Location") != test.location || body != test.body {
			t.Errorf("%s%s: %s, to %q, %q", test.host, test.path, resp.Status, resp.Header.Get("Location"), body)
		}
	}
	all := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::site","arn:aws:s3:::site/*"]}]}`
	must(t)(s.PutBucketPolicy(t.Context(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &all}))
	if resp, body := s.fetch("GET", host, "/none"); resp.StatusCode != 404 || body != "oops" {
		t.Errorf("nothing there: %s %s", resp.Status, body)
	}
	if resp, _ := s.fetch("GET", host, "/lost/x"); resp.StatusCode != 301 || resp.Header.Get("Location") != "https://example.com/lost/x" {
		t.Errorf("a rule for an error: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	if resp, body := s.fetch("HEAD", host, "/docs/"); resp.StatusCode != 200 || body != "" || resp.ContentLength != 4 {
		t.Errorf("HEAD: %s, %d bytes", resp.Status, resp.ContentLength)
	}
	if resp, _ := s.fetch("POST", host, "/"); resp.StatusCode != 405 {
		t.Errorf("POST: %s", resp.Status)
	}
	s.website(b, &types.WebsiteConfiguration{RedirectAllRequestsTo: &types.RedirectAllRequestsTo{HostName: new("example.com"), Protocol: types.ProtocolHttps}})
	if resp, _ := s.fetch("GET", host, "/x?y=1"); resp.StatusCode != 301 || resp.Header.Get("Location") != "https://example.com/x?y=1" {
		t.Errorf("redirect all: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	must(t)(s.DeleteBucketWebsite(t.Context(), &sdk.DeleteBucketWebsiteInput{Bucket: &b}))
	if resp, _ := s.fetch("GET", host, "/"); resp.StatusCode != 404 {
		t.Errorf("after deletion: %s", resp.Status)
	}
}

func TestWebsiteIsChecked(t *testing.T) {
	s := newStage(t)
	b := s.bucket("site")
	index := &types.IndexDocument{Suffix: new("index.html")}
	for name, test := range map[string]struct {
		c    types.WebsiteConfiguration
		code string
	}{
		"nothing":       {types.WebsiteConfiguration{}, "InvalidArgument"},
		"slash":         {types.WebsiteConfiguration{IndexDocument: &types.IndexDocument{Suffix: new("a/b")}}, "InvalidArgument"},
		"redirect code": {types.WebsiteConfiguration{IndexDocument: index, RoutingRules: []types.RoutingRule{{Redirect: &types.Redirect{HttpRedirectCode: new("200")}}}}, "InvalidRequest"},
		"two keys":      {types.WebsiteConfiguration{IndexDocument: index, RoutingRules: []types.RoutingRule{{Redirect: &types.Redirect{ReplaceKeyWith: new("a"), ReplaceKeyPrefixWith: new("b")}}}}, "InvalidRequest"},
		"no condition":  {types.WebsiteConfiguration{IndexDocument: index, RoutingRules: []types.RoutingRule{{Condition: &types.Condition{}, Redirect: &types.Redirect{HostName: new("x")}}}}, "InvalidRequest"},
		"error code":    {types.WebsiteConfiguration{IndexDocument: index, RoutingRules: []types.RoutingRule{{Condition: &types.Condition{HttpErrorCodeReturnedEquals: new("200")}, Redirect: &types.Redirect{HostName: new("x")}}}}, "InvalidRequest"},
		"both":          {types.WebsiteConfiguration{IndexDocument: index, RedirectAllRequestsTo: &types.RedirectAllRequestsTo{HostName: new("x")}}, "MalformedXML"},
	} {
		_, err := s.PutBucketWebsite(t.Context(), &sdk.PutBucketWebsiteInput{Bucket: &b, WebsiteConfiguration: &test.c})
		if code(err) != test.code {
			t.Errorf("%s: %v, want %s", name, err, test.code)
		}
	}
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html
func TestCORS(t *testing.T) {
	s := newStage(t)
	b := s.open("shared")
	s.put(b, "x", "1")
	s.publish(b)
	ask := []string{"Origin", "https://app.example.com", "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "X-Amz-Date, content-type"}
	if resp, body := s.fetch("OPTIONS", "", "/shared/x", ask...); resp.StatusCode != 403 || !strings.Contains(body, "CORS is not enabled for this bucket") {
		t.Errorf("not enabled: %s %s", resp.Status, body)
	}
	rules := []types.CORSRule{
		{AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"PUT", "GET"}, AllowedHeaders: []string{"x-amz-*", "Content-Type"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: new(int32(300))},
		{AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}},
	}
	must(t)(s.PutBucketCors(t.Context(), &sdk.PutBucketCorsInput{Bucket: &b, CORSConfiguration: &types.CORSConfiguration{CORSRules: rules}}))
	resp, body := s.fetch("OPTIONS", "", "/shared/x", ask...)
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Methods": "PUT, GET", "Access-Control-Allow-Headers": "x-amz-date, content-type",
		"Access-Control-Expose-Headers": "ETag", "Access-Control-Max-Age": "300", "Access-Control-Allow-Credentials": "true",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("preflight: %s is %q, want %q", name, got, want)
		}
	}
	if resp.StatusCode != 200 || body != "" {
		t.Errorf("preflight: %s %s", resp.Status, body)
	}
	for _, test := range []struct {
		origin, method, headers string
		status                  int
	}{
		{"https://app.example.com", "DELETE", "", 403},
		{"https://app.example.com", "PUT", "x-other", 403},
		{"https://evil.org", "PUT", "", 403},
		{"https://evil.org", "GET", "", 200},
		{"", "GET", "", 400},
		{"https://evil.org", "PATCH", "", 400},
	} {
		resp, body := s.fetch("OPTIONS", "", "/shared/x", "Origin", test.origin, "Access-Control-Request-Method", test.method, "Access-Control-Request-Headers", test.headers)
		if resp.StatusCode != test.status {
			t.Errorf("%+v: %s %s", test, resp.Status, body)
		}
	}
	// Requests that are not preflights are answered in any case.
	for origin, want := range map[string]string{"https://a.example.com": "https://a.example.com", "https://evil.org": "*", "": ""} {
		resp, body := s.fetch("GET", "", "/shared/x", "Origin", origin)
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != want || body != "1" {
			t.Errorf("GET from %q: allowed %q, body %q", origin, got, body)
		}
	}
	for name, rule := range map[string]types.CORSRule{
		"method":   {AllowedOrigins: []string{"*"}, AllowedMethods: []string{"PATCH"}},
		"origin":   {AllowedOrigins: []string{"*.*"}, AllowedMethods: []string{"GET"}},
		"header":   {AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, AllowedHeaders: []string{"*-*"}},
		"exposing": {AllowedOrigins: []string{"*"}, AllowedMethods: []string{"GET"}, ExposeHeaders: []string{"*"}},
	} {
		_, err := s.PutBucketCors(t.Context(), &sdk.PutBucketCorsInput{Bucket: &b, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{rule}}})
		if code(err) != "InvalidRequest" {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t)(s.DeleteBucketCors(t.Context(), &sdk.DeleteBucketCorsInput{Bucket: &b}))
	wantCode(t, "NoSuchCORSConfiguration")(s.GetBucketCors(t.Context(), &sdk.GetBucketCorsInput{Bucket: &b}))
}
