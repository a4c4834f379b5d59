package lb

import (
	"net"
	"regexp"
	"strings"
	"testing"
)

// TestAccessLog has each line compared with a pattern of AWS's format.
func TestAccessLog(t *testing.T) {
	s := newWeb(t, raw(t, "i-1", fine))
	s.b.AccessLog = true
	s.b.Groups["g"].ID = "arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/73e2d6bc24d8a067"
	s.b.Groups = map[string]*Group{s.b.Groups["g"].ID: s.b.Groups["g"]}
	s.b.Listeners[0].Default = forwardTo("arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/73e2d6bc24d8a067")
	s.b.Listeners[0].Rules = []Rule{{Priority: 17, Conditions: []Condition{{Field: "path-pattern", Values: []string{"/old"}}},
		Actions: []Action{{Type: "redirect", Redirect: &Redirect{Host: "new.com", Status: 301}}}}}
	b := s.apply().dial()
	const (
		stamp  = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`
		target = `127\.0\.0\.1:\d+`
		trace  = `"Root=1-[0-9a-f]{8}-[0-9a-f]{24}"`
		tail   = ` TID_[0-9a-f]{32} "-" "-" "-"`
	)
	for _, test := range []struct{ say, want string }{
		{"GET /?a=b HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/7.46.0 \"x\"\r\n\r\n",
			`http ` + stamp + ` app/web/50dc6c495c0c9188 127\.0\.0\.1:\d+ ` + target + ` 0\.0\d\d 0\.\d\d\d 0\.0\d\d 200 200 74 \d+ ` +
				`"GET http://www\.example\.com:80/\?a=b HTTP/1\.1" "curl/7\.46\.0 \\x22x\\x22" - - ` +
				`arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/web/73e2d6bc24d8a067 ` + trace + ` "-" "-" 0 ` + stamp +
				` "forward" "-" "-" "` + target + `" "200" "-" "-"` + tail},
		{"GET /old HTTP/1.1\r\nHost: a:8080\r\n\r\n",
			`http ` + stamp + ` app/web/50dc6c495c0c9188 127\.0\.0\.1:\d+ - -1 -1 -1 301 - 35 \d+ "GET http://a:8080/old HTTP/1\.1" "-" - - - "-" "-" "-" 17 ` + stamp +
				` "redirect" "http://new\.com:80/old" "-" "-" "-" "-" "-"` + tail},
		{"nonsense\r\n\r\n",
			`http ` + stamp + ` app/web/50dc6c495c0c9188 127\.0\.0\.1:\d+ - -1 -1 -1 400 - 12 \d+ "- http://10\.0\.0\.4:80- -" "-" - - - "-" "-" "-" - ` + stamp +
				` "-" "-" "-" "-" "-" "-" "-"` + tail},
	} {
		b.say("%s", test.say).hear("GET")
		if line := (<-s.records).Line; !regexp.MustCompile("^" + test.want + "$").MatchString(line) {
			t.Errorf("line\n%s\nis not as\n%s", line, test.want)
		}
	}
}

func TestClassicAccessLog(t *testing.T) {
	s := newWeb(t, raw(t, "i-1", fine))
	s.b.AccessLog, s.b.Kind, s.b.Name = true, Classic, "my-loadbalancer"
	b := s.apply().dial()
	b.say("POST / HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: 4\r\nUser-Agent: curl/7.38.0\r\n\r\nbody").hear("POST")
	r := <-s.records
	want := `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z my-loadbalancer 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+ 0\.\d{6} 0\.\d{6} 0\.\d{6} 200 200 4 2 ` +
		`"POST http://www\.example\.com:80/ HTTP/1\.1" "curl/7\.38\.0" - -$`
	if !regexp.MustCompile(want).MatchString(r.Line) || r.Kind != "access" || r.Node.String() != "10.0.0.4" {
		t.Errorf("%+v", r)
	}
	all := s.counted()
	for name, n := range map[string]float64{"RequestCount": 1, "HTTPCode_Backend_2XX": 1, "HealthyHostCount": 1, "EstimatedProcessedBytes": -1, "Latency": -1, "NewConnectionCount": 0} {
		if got := sumIn(all, name, "a", ""); n >= 0 && got != n || n < 0 && got <= 0 {
			t.Errorf("%s is %v", name, got)
		}
	}
}

// TestFailedHandshakeIsLogged in the connection log.
func TestFailedHandshakeIsLogged(t *testing.T) {
	s, _, _ := secureWeb(t, nil)
	c, err := net.Dial("tcp", s.wire.at("10.0.0.4:80"))
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	r := <-s.records
	c.Close()
	if r.Kind != "connection" || !strings.Contains(r.Line, ` - - 0.0`) || !strings.Contains(r.Line, ` "-" - - Failed:UnmappedConnectionError TID_`) {
		t.Errorf("%+v", r)
	}
}

func TestQuoted(t *testing.T) {
	for in, want := range map[string]string{"a b": `"a b"`, `"`: `"\x22"`, "\n": `"\x0a"`, "é": `"\xc3\xa9"`, `\`: `"\x5c"`} {
		if got := quoted(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}
