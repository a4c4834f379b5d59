package lb

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

func named(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, name) }
}

func TestStickiness(t *testing.T) {
	app := func(name string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/login" {
				http.SetCookie(w, &http.Cookie{Name: "session", Value: "s"})
			}
			fmt.Fprint(w, name)
		}
	}
	for name, test := range map[string]struct {
		classic       bool
		sticky        Stickiness
		path, request string // what makes the cookie, and what comes with it
		cookie        string
		sets          int // cookies of the balancer
		again         int // those of an answer to a client that has them
	}{
		"none":           {sticky: Stickiness{}, path: "/login"},
		"duration":       {sticky: Stickiness{Type: "lb_cookie", Duration: time.Hour}, path: "/", cookie: "AWSALB", sets: 2, again: 2},
		"application":    {sticky: Stickiness{Type: "app_cookie", Duration: time.Hour, Cookie: "session"}, path: "/login", request: "session=s; ", cookie: "AWSALBAPP-0", sets: 1},
		"no login":       {sticky: Stickiness{Type: "app_cookie", Duration: time.Hour, Cookie: "session"}, path: "/"},
		"classic":        {classic: true, sticky: Stickiness{Type: "lb_cookie", Duration: time.Minute}, path: "/", cookie: "AWSELB", sets: 2},
		"classic, app":   {classic: true, sticky: Stickiness{Type: "app_cookie", Cookie: "session"}, path: "/login", request: "session=s; ", cookie: "AWSELB", sets: 2},
		"classic, never": {classic: true, sticky: Stickiness{Type: "app_cookie", Cookie: "session"}, path: "/"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newWeb(t, webTarget(t, "i-1", app("one")), webTarget(t, "i-2", app("two")), webTarget(t, "i-3", app("three")))
			if test.classic {
				s.b.Kind = Classic
				s.b.Listeners[0].Sticky = test.sticky
			} else {
				s.b.Groups["g"].Sticky = test.sticky
			}
			b := s.apply().dial()
			resp, first := b.get(test.path)
			var ours []*http.Cookie
			for _, c := range resp.Cookies() {
				if c.Name != "session" {
					ours = append(ours, c)
				}
			}
			if len(ours) != test.sets || test.sets > 0 && ours[0].Name != test.cookie {
				t.Fatalf("cookies %v", ours)
			}
			if test.sets == 0 {
				return
			}
			header := "Cookie: " + test.request + test.cookie + "=" + ours[0].Value
			for range 6 {
				resp, body := b.get("/", header)
				if body != first || len(resp.Cookies()) != test.again {
					t.Fatalf("went to %s, then to %s; cookies %v", first, body, resp.Cookies())
				}
			}
			strays(t, b, header+"x")
			taken(t, s, b, first, test.path, header, test.sets)
		})
	}
}

// strays holds a client with a forged cookie to go to more than one target.
func strays(t *testing.T, b *browser, header string) {
	t.Helper()
	to := map[string]bool{}
	for range 6 {
		_, body := b.get("/", header)
		to[body] = true
	}
	if len(to) < 2 {
		t.Errorf("a forged cookie sticks to %v", to)
	}
}

// taken takes the target that a client sticks to out of the group: the client
// gets another one.
func taken(t *testing.T, s *web, b *browser, first, path, header string, sets int) {
	t.Helper()
	g := *s.b.Groups["g"]
	g.Targets = nil
	for i, target := range s.b.Groups["g"].Targets {
		if []string{"one", "two", "three"}[i] != first {
			g.Targets = append(g.Targets, target)
		}
	}
	s.b.Groups = map[string]*Group{"g": &g}
	s.apply()
	if resp, body := b.get(path, header); body == first || len(resp.Cookies()) < sets {
		t.Errorf("after %s was taken out: %s, %v", first, body, resp.Cookies())
	}
}

func FuzzCookie(f *testing.F) {
	s := newSealer(make([]byte, 32), "b")
	now := time.Unix(1e9, 0)
	good := s.seal(cookieTarget, stick{group: "g", target: TargetKey{"i-1", 80}, expires: now.Add(time.Hour)})
	f.Add("a=b; AWSALB="+good, "AWSALB")
	f.Add(`x="quoted"; ;=;`, "x")
	f.Fuzz(func(t *testing.T, header, name string) {
		v, ok := cookieIn(header, name)
		k, opened := s.open(name, v, now)
		if !ok && v != "" || opened && (k.target != TargetKey{"i-1", 80} || name != cookieTarget) {
			t.Errorf("%q has %q: %+v", header, v, k)
		}
	})
	if _, ok := s.open(cookieTarget, good, now.Add(2*time.Hour)); ok {
		f.Error("a cookie outlives its time")
	}
	if _, ok := s.open(cookieGroup, good, now); ok {
		f.Error("a cookie's value is good for another cookie")
	}
	if _, ok := newSealer(make([]byte, 32), "c").open(cookieTarget, good, now); ok {
		f.Error("a cookie is good for another load balancer")
	}
}
