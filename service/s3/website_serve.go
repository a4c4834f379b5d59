package s3

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// websiteHost is the bucket that a website endpoint's host name stands for:
// BUCKET.s3-website-REGION.SUFFIX, BUCKET.s3-website.REGION.SUFFIX, and
// BUCKET.s3-website.SUFFIX where no region is named.
func websiteHost(host string) (bucket string, ok bool) {
	host = strings.ToLower(host)
	for _, mark := range [...]string{".s3-website.", ".s3-website-"} {
		if at := strings.LastIndex(host, mark); at > 0 {
			return host[:at], true
		}
	}
	return "", false
}

// visit is one request to a website endpoint.
type visit struct {
	c   *cloud.Call
	w   http.ResponseWriter
	r   *http.Request
	b   *Bucket
	key string // as asked for, without the leading slash
}

// serveWebsite answers a request to a bucket's website endpoint. Visitors are
// anonymous, whoever they are: what they may see, the bucket's policy and ACLs
// decide.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html
func serveWebsite(c *cloud.Call, w http.ResponseWriter, r *http.Request, bucket string) {
	v := &visit{c: c, w: w, r: r, key: strings.TrimPrefix(r.URL.Path, "/")}
	w.Header().Set("X-Amz-Request-Id", c.RequestID)
	w.Header().Set("X-Amz-Id-2", c.RequestID)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		v.page(errMethod(r.Method, "OBJECT").Head("Allow", "GET, HEAD"), nil)
		return
	}
	err := c.View(func(rd store.Reader) (err error) {
		v.b, err = findBucket(rd, bucket)
		return err
	})
	if err == nil && v.b.Website == nil {
		err = errNoWebsite(v.b)
	}
	if err != nil {
		v.page(err, nil)
		return
	}
	logRequest(c, v.b)
	corsHeaders(v.b, r, w.Header())
	v.serve()
}

func (v *visit) serve() {
	site := v.b.Website
	if all := site.RedirectAllRequestsTo; all != nil {
		to := cloud.Or(all.Protocol, v.scheme()) + "://" + strings.TrimSuffix(all.HostName, "/") + "/" + escapePath(v.key)
		if v.r.URL.RawQuery != "" {
			to += "?" + v.r.URL.RawQuery
		}
		v.redirect(to, http.StatusMovedPermanently)
		return
	}
	if rule, ok := route(site.RoutingRules, v.key, 0); ok {
		v.redirect(location(rule, v.scheme(), v.r.Host, v.key))
		return
	}
	key := v.key
	if key == "" || strings.HasSuffix(key, "/") {
		key += site.IndexDocument.Suffix
	}
	out, err := v.get(key)
	if err == nil {
		v.send(out, http.StatusOK)
		return
	}
	v.failed(key, err)
}

// failed is what a website makes of an object that cannot be read: a folder's
// name without its slash, a rule for the error, the error document, or a page
// of S3's own.
func (v *visit) failed(key string, err error) {
	site := v.b.Website
	var e *cloud.Error
	if !errors.As(err, &e) {
		e = cloud.Errorf(500, "InternalError", "We encountered an internal error. Please try again.")
	}
	if e.Status == http.StatusNotModified {
		v.w.WriteHeader(e.Status)
		return
	}
	if key == v.key && (e.Status == 404 || e.Status == 403) && v.exists(key+"/"+site.IndexDocument.Suffix) {
		v.redirect("/"+escapePath(key)+"/", http.StatusFound)
		return
	}
	if rule, ok := route(site.RoutingRules, v.key, e.Status); ok {
		v.redirect(location(rule, v.scheme(), v.r.Host, v.key))
		return
	}
	if site.ErrorDocument == nil || e.Status < 400 || e.Status > 499 {
		v.page(e, nil)
		return
	}
	out, second := v.get(site.ErrorDocument.Key)
	if second != nil {
		v.page(e, second)
		return
	}
	v.send(out, e.Status)
}

// get reads an object as an anonymous visitor.
func (v *visit) get(key string) (*api.GetObjectOutput, error) {
	in := &api.GetObjectInput{Bucket: v.b.Name, Key: key}
	if key == v.key || v.key == "" || strings.HasSuffix(v.key, "/") {
		h := v.r.Header
		in.Range, in.IfMatch, in.IfNoneMatch = header(h, "Range"), header(h, "If-Match"), header(h, "If-None-Match")
		if t, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil {
			in.IfModifiedSince = &t
		}
	}
	return api.GetObject.Call(v.visitor(), in)
}

// exists tells whether a visitor can read the object.
func (v *visit) exists(key string) bool {
	_, err := api.HeadObject.Call(v.visitor(), &api.HeadObjectInput{Bucket: v.b.Name, Key: key})
	return err == nil
}

// visitor is the call by which the website reads: anonymous, and with headers
// of its own.
func (v *visit) visitor() *cloud.Call {
	c := v.c.In(v.b.Account, v.b.Region)
	c.Principal = &cloud.Principal{Kind: cloud.Anonymous, ARN: "*"}
	h := *c.HTTP
	h.Header, h.AuthType, h.AccessKey = http.Header{}, "", ""
	c.HTTP = &h
	return c
}

func (v *visit) scheme() string {
	if v.c.HTTP.Secure {
		return "https"
	}
	return "http"
}

// send answers with an object, or with the redirect that it carries.
func (v *visit) send(out *api.GetObjectOutput, status int) {
	if out.Body != nil {
		defer out.Body.Close()
	}
	if to := cloud.Or(out.WebsiteRedirectLocation, ""); to != "" {
		v.redirect(to, http.StatusMovedPermanently)
		return
	}
	h := v.w.Header()
	for name, value := range map[string]*string{
		"Content-Type": out.ContentType, "Cache-Control": out.CacheControl, "Content-Disposition": out.ContentDisposition,
		"Content-Encoding": out.ContentEncoding, "Content-Language": out.ContentLanguage, "Etag": out.ETag,
		"Content-Range": out.ContentRange, "X-Amz-Version-Id": out.VersionId,
	} {
		if value != nil {
			h.Set(name, *value)
		}
	}
	if out.LastModified != nil {
		h.Set("Last-Modified", out.LastModified.UTC().Format(http.TimeFormat))
	}
	for name, value := range out.Metadata {
		h.Set("X-Amz-Meta-"+name, value)
	}
	if out.ContentLength != nil {
		h.Set("Content-Length", strconv.FormatInt(*out.ContentLength, 10))
	}
	if status == http.StatusOK && out.ContentRange != nil {
		status = http.StatusPartialContent
	}
	v.w.WriteHeader(status)
	if v.r.Method == http.MethodGet && out.Body != nil {
		if _, err := io.Copy(v.w, out.Body); err != nil {
			panic(http.ErrAbortHandler) // too late for an error: the visitor must not take it for whole
		}
	}
}

func (v *visit) redirect(to string, code int) {
	v.w.Header().Set("Location", to)
	v.w.Header().Set("Content-Length", "0")
	v.w.WriteHeader(code)
}

// page is S3's own error page; second is why the error document could not be
// shown instead.
func (v *visit) page(err, second error) {
	var e *cloud.Error
	if !errors.As(err, &e) {
		e = cloud.Errorf(500, "InternalError", "We encountered an internal error. Please try again.")
	}
	title := strconv.Itoa(e.Status) + " " + http.StatusText(e.Status)
	var s strings.Builder
	fmt.Fprintf(&s, "<html>\n<head><title>%s</title></head>\n<body>\n<h1>%s</h1>\n", title, title)
	v.details(&s, e, true)
	var why *cloud.Error
	if errors.As(second, &why) {
		s.WriteString("<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n")
		v.details(&s, why, false)
	}
	s.WriteString("<hr/>\n</body>\n</html>\n")
	h := v.w.Header()
	for name := range e.Header {
		h.Set(name, e.Header.Get(name))
	}
	h.Set("X-Amz-Error-Code", e.Code)
	h.Set("X-Amz-Error-Message", e.Message)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(s.Len()))
	v.w.WriteHeader(e.Status)
	if v.r.Method != http.MethodHead {
		io.WriteString(v.w, s.String())
	}
}

func (v *visit) details(s *strings.Builder, e *cloud.Error, ids bool) {
	item := func(name, value string) {
		fmt.Fprintf(s, "<li>%s: %s</li>\n", name, html.EscapeString(value))
	}
	s.WriteString("<ul>\n")
	item("Code", e.Code)
	item("Message", e.Message)
	for _, f := range e.Fields {
		item(f[0], f[1])
	}
	if ids {
		item("RequestId", v.c.RequestID)
		item("HostId", v.c.RequestID)
	}
	s.WriteString("</ul>\n")
}

// escapePath writes a key as the path of a URL.
func escapePath(key string) string {
	return strings.TrimPrefix((&url.URL{Path: "/" + key}).EscapedPath(), "/")
}

// header is the value of a header, nil without one.
func header(h http.Header, name string) *string {
	if v := h.Get(name); v != "" {
		return &v
	}
	return nil
}
