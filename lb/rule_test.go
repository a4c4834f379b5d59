package lb

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestConditions(t *testing.T) {
	for _, test := range []struct {
		c    Condition
		head string
		want bool
	}{
		{Condition{Field: "host-header", Values: []string{"*.Example.com"}}, "GET / HTTP/1.1\r\nHost: WWW.example.COM:8080", true},
		{Condition{Field: "host-header", Values: []string{"*.example.com"}}, "GET / HTTP/1.1\r\nHost: example.com", false},
		{Condition{Field: "host-header", Values: []string{"a.com", "b.com"}}, "GET / HTTP/1.1\r\nHost: b.com", true},
		{Condition{Field: "host-header", Values: []string{"c.com"}}, "GET http://c.com/x HTTP/1.1\r\nHost: c.com", true},
		{Condition{Field: "path-pattern", Values: []string{"/img/*"}}, "GET /img/a.png?x=/y HTTP/1.1\r\nHost: a", true},
		{Condition{Field: "path-pattern", Values: []string{"/Img/*"}}, "GET /img/a.png HTTP/1.1\r\nHost: a", false},
		{Condition{Field: "path-pattern", Values: []string{"/a?c"}}, "GET /abc HTTP/1.1\r\nHost: a", true},
		{Condition{Field: "path-pattern", Values: []string{"/a?c"}}, "GET /ac HTTP/1.1\r\nHost: a", false},
		{Condition{Field: "path-pattern", Values: []string{`/a\*c`}}, "GET /abc HTTP/1.1\r\nHost: a", false},
		{Condition{Field: "path-pattern", Values: []string{`/a\*c`}}, "GET /a*c HTTP/1.1\r\nHost: a", true},
		{Condition{Field: "http-request-method", Values: []string{"GET", "HEAD"}}, "HEAD / HTTP/1.1\r\nHost: a", true},
		{Condition{Field: "http-request-method", Values: []string{"*"}}, "HEAD / HTTP/1.1\r\nHost: a", false},
		{Condition{Field: "http-header", Header: "user-Agent", Values: []string{"*chrome*"}}, "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: x Chrome y", true},
		{Condition{Field: "http-header", Header: "X-A", Values: []string{"2"}}, "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2", true},
		{Condition{Field: "http-header", Header: "X-A", Values: []string{"*"}}, "GET / HTTP/1.1\r\nHost: a", false},
		{Condition{Field: "query-string", Queries: []Query{{"Version", "V1"}}}, "GET /?a=b&version=v1 HTTP/1.1\r\nHost: a", true},
		{Condition{Field: "query-string", Queries: []Query{{"", "*example*"}}}, "GET /?a=an-example HTTP/1.1\r\nHost: a", true},
		{Condition{Field: "query-string", Queries: []Query{{"version", "v1"}}}, "GET /?version=v12 HTTP/1.1\r\nHost: a", false},
		{Condition{Field: "path-pattern", Regex: []string{`^/v\d+/`}}, "GET /v12/x HTTP/1.1\r\nHost: a", true},
		{Condition{Field: "host-header", Regex: []string{`^x`, `\.org$`}}, "GET / HTTP/1.1\r\nHost: a.com", false},
		{Condition{Field: "source-ip", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, "GET / HTTP/1.1\r\nHost: a", true},
		{Condition{Field: "source-ip", Sources: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.1", false},
	} {
		var r request
		if err := r.parse(test.head + "\r\n\r\n"); err != nil {
			t.Fatal(test.head, err)
		}
		m, err := newMatcher(nil, &Rule{Conditions: []Condition{test.c}})
		if err != nil {
			t.Fatal(err)
		}
		from := netip.MustParseAddr("192.0.2.77")
		if got := m.met(&r, from); got != test.want {
			t.Errorf("%+v for %q: %v", test.c, test.head, got)
		}
		if n := testing.AllocsPerRun(10, func() { m.met(&r, from) }); n > 0 && test.c.Regex == nil {
			t.Errorf("%+v: %v allocations", test.c, n)
		}
	}
}

// FuzzPattern compares patterns with regular expressions of the same meaning.
func FuzzPattern(f *testing.F) {
	f.Add("/a*b?c", "/axxbyc", false)
	f.Add(`\*\\?`, `*\x`, true)
	f.Add("**a*", "bab", true)
	f.Fuzz(func(t *testing.T, p, s string, folds bool) {
		if len(p) > 40 || len(s) > 200 || !ascii(p) || !ascii(s) {
			return
		}
		re := "(?s)^"
		if folds {
			re = "(?si)^"
		}
		for i := 0; i < len(p); i++ {
			switch c := p[i]; {
			case c == '\\' && i+1 < len(p) && strings.IndexByte(`*?\`, p[i+1]) >= 0:
				i++
				re += regexp.QuoteMeta(p[i : i+1])
			case c == '*':
				re += ".*"
			case c == '?':
				re += "."
			default:
				re += regexp.QuoteMeta(p[i : i+1])
			}
		}
		want := regexp.MustCompile(re + "$").MatchString(s)
		if got := newPattern(p, folds).match(s); got != want {
			t.Errorf("%q matches %q (folded: %v): %v, want %v", p, s, folds, got, want)
		}
	})
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

func TestActions(t *testing.T) {
	target := webTarget(t, "i-1", tells)
	s := newWeb(t, target)
	path := func(p string) []Condition { return []Condition{{Field: "path-pattern", Values: []string{p}}} }
	redirect := func(r Redirect) []Action { return []Action{{Type: "redirect", Redirect: &r}} }
	s.b.Listeners[0].Rules = []Rule{
		{Priority: 1, Conditions: path("/tls/*"), Actions: redirect(Redirect{Protocol: "HTTPS", Port: "443", Query: "#{query}", Status: 301})},
		{Priority: 2, Conditions: path("/moved*"), Actions: redirect(Redirect{Host: "new.#{host}", Path: "/x/#{path}", Query: "from=#{port}&#{query}", Status: 302})},
		{Priority: 3, Conditions: path("/fixed"), Actions: []Action{{Type: "fixed-response", Fixed: &Fixed{Status: 418, ContentType: "text/plain", Body: "tea"}}}},
		{Priority: 4, Conditions: path("/nowhere"), Actions: forwardTo("empty")},
	}
	s.b.Groups["empty"] = &Group{ID: "empty", Protocol: "HTTP", Version: "HTTP1"}
	s.b.HTTP.Add = map[string]string{"Strict-Transport-Security": "max-age=1"}
	b := s.apply().dial()
	for _, test := range []struct {
		path, location, body string
		status               int
	}{
		{"/tls/a?b=c", "https://www.example.com:443/tls/a?b=c", "<h1>301 Moved Permanently</h1>", 301},
		{"/moved?q=1", "http://new.www.example.com:80/x/moved?from=80&q=1", "<h1>302 Found</h1>", 302},
		{"/fixed", "", "tea", 418},
		{"/nowhere", "", "503 Service Temporarily Unavailable", 503},
		{"/else", "", "GET /else", 200},
	} {
		resp, body := b.get(test.path)
		if resp.StatusCode != test.status || resp.Header.Get("Location") != test.location {
			t.Errorf("%s: %d to %q", test.path, resp.StatusCode, resp.Header.Get("Location"))
		}
		if got := resp.Header.Get("Strict-Transport-Security"); got != "max-age=1" {
			t.Errorf("%s: header %q", test.path, got)
		}
		contains(t, body, test.body)
	}
	s.b.Listeners[0].Rules = nil
	s.apply() // connections that are open obey at once
	if resp, _ := b.get("/fixed"); resp.StatusCode != 200 {
		t.Errorf("a rule that is gone still answers: %v", resp)
	}
	all := s.counted()
	for name, want := range map[string]float64{"HTTP_Redirect_Count": 2, "HTTP_Fixed_Response_Count": 1, "HTTPCode_ELB_503_Count": 1, "HTTPCode_Target_2XX_Count": 2} {
		if got := sumIn(all, name, "", ""); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// sumIn is the sum of a metric's values.
func sumIn(all []Statistic, name, zone, group string) (sum float64) {
	for _, st := range all {
		if st.Name == name && st.Zone == zone && st.Group == group {
			for i := range st.Values {
				sum += st.Values[i] * st.Counts[i]
			}
		}
	}
	return sum
}

func TestWeights(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", named("one")))
	s.b.Groups["h"] = &Group{ID: "h", Protocol: "HTTP", Version: "HTTP1", Check: Check{Off: true}, Targets: []Target{webTarget(t, "i-2", named("two"))}}
	s.b.Listeners[0].Default = []Action{{Type: "forward", Sticky: time.Hour, Forward: []Weighted{{"g", 1}, {"h", 3}}}}
	b := s.apply().dial()
	got := map[string]int{}
	for range 400 {
		_, body := b.get("/")
		got[body]++
	}
	if got["one"] < 50 || got["one"] > 150 || got["one"]+got["two"] != 400 {
		t.Errorf("weights 1 and 3: %v", got)
	}
	resp, first := b.get("/")
	cookies := resp.Cookies()
	if len(cookies) != 2 || cookies[0].Name != "AWSALBTG" || cookies[1].Name != "AWSALBTGCORS" || !cookies[1].Secure {
		t.Fatalf("cookies %v", cookies)
	}
	for range 50 {
		if _, body := b.get("/", fmt.Sprintf("Cookie: a=b; AWSALBTG=%s", cookies[0].Value)); body != first {
			t.Fatalf("went to %s, then to %s", first, body)
		}
	}
}

func TestTransforms(t *testing.T) {
	s := newWeb(t, webTarget(t, "i-1", tells))
	s.b.Listeners[0].Rules = []Rule{{Priority: 1, Conditions: []Condition{{Field: "path-pattern", Values: []string{"/api/*"}}}, Actions: forwardTo("g"),
		Transforms: []Transform{{"host-header-rewrite", `^www\.(.*)$`, "$1a.internal"}, {"url-rewrite", `^/api/(v\d)/(.*)$`, "/$2?version=$1"}}},
		{Priority: 2, Conditions: []Condition{{Field: "path-pattern", Values: []string{"/bad"}}}, Actions: forwardTo("g"), Transforms: []Transform{{"url-rewrite", "bad", "a b"}}}}
	s.apply()
	b := s.dial()
	_, body := b.get("/api/v2/users")
	contains(t, body, "GET /users?version=v2 HTTP/1.1 example.coma.internal\n")
	if resp, _ := b.get("/bad"); resp.StatusCode != 500 {
		t.Errorf("a target that cannot be: %d", resp.StatusCode)
	}
	_, body = b.get("/else")
	contains(t, body, "GET /else HTTP/1.1 www.example.com\n")
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "http://www.example.com/api/v3/x%20y", nil)
	s.engine.Handler("b", 80).ServeHTTP(w, r)
	contains(t, w.Body.String(), "GET /x%20y?version=v3 HTTP/1.1 example.coma.internal\n")
	s.b.Listeners[0].Rules = []Rule{{Priority: 1, Transforms: []Transform{{"url-rewrite", "(", ""}}}}
	if err := s.engine.Apply(t.Context(), s.b); err == nil {
		t.Error("an expression that is none is taken")
	}
}
