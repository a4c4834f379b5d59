package fault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pileus/clock"
	"pileus/cloud"
	"pileus/fault"
	"pileus/rng"
	"pileus/store"
	"pileus/store/pebble"
)

var (
	bg    = context.Background()
	start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

	s3  = &cloud.Service{Name: "s3", ID: "S3", SigningName: "s3", EndpointName: "s3", Protocol: "rest-xml"}
	ddb = &cloud.Service{Name: "dynamodb", ID: "DynamoDB", SigningName: "dynamodb", EndpointName: "dynamodb", Protocol: "json"}
	cw  = &cloud.Service{Name: "cloudwatch", ID: "CloudWatch Logs", SigningName: "logs", EndpointName: "logs", Protocol: "json"}
	rj  = &cloud.Service{Name: "lambda", ID: "Lambda", SigningName: "lambda", EndpointName: "lambda", Protocol: "rest-json"}

	get  = &cloud.OpInfo{Service: s3, Name: "GetObject"}
	put  = &cloud.OpInfo{Service: s3, Name: "PutObject"}
	item = &cloud.OpInfo{Service: ddb, Name: "PutItem"}
)

type world struct {
	*testing.T
	db  store.Store
	clk clock.Control
	f   *fault.Faults
}

func newWorld(t *testing.T) *world {
	db, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &world{T: t, db: db, clk: clock.Still(start)}
	w.f = w.open()
	return w
}

// open makes faults as a restart would.
func (w *world) open() *fault.Faults {
	f, err := fault.New(bg, w.db, w.clk, rng.Seeded(7))
	if err != nil {
		w.Fatal(err)
	}
	return f
}

func (w *world) add(r ...fault.Rule) []fault.Rule {
	w.Helper()
	added, err := w.f.Add(bg, r...)
	if err != nil {
		w.Fatal(err)
	}
	return added
}

func (w *world) check(op *cloud.OpInfo, resources ...string) fault.Action {
	c := &cloud.Call{Context: bg, Account: "000000000000", Region: "us-east-1", Now: w.clk.Now()}
	return w.f.Check(c, op, resources)
}

// code is the error's code and status; "" for none.
func code(a fault.Action) string {
	var e *cloud.Error
	if !errors.As(a.Err, &e) {
		return ""
	}
	return fmt.Sprintf("%s %d", e.Code, e.Status)
}

func TestWhereARuleStrikes(t *testing.T) {
	const arn = "arn:aws:s3:::logs/2026/a.txt"
	for _, test := range []struct {
		rule fault.Rule
		op   *cloud.OpInfo
		want bool
	}{
		{fault.Rule{}, get, true},
		{fault.Rule{Service: "s3"}, get, true},
		{fault.Rule{Service: "S3"}, get, true},
		{fault.Rule{Service: "sqs"}, get, false},
		{fault.Rule{Service: "logs"}, &cloud.OpInfo{Service: cw, Name: "X"}, true},
		{fault.Rule{Service: "cloudwatch-logs"}, &cloud.OpInfo{Service: cw, Name: "X"}, true},
		{fault.Rule{Operation: "GetObject"}, get, true},
		{fault.Rule{Operation: "GetObject"}, put, false},
		{fault.Rule{Operation: "Get*"}, get, true},
		{fault.Rule{Operation: "*Obj*t"}, put, true},
		{fault.Rule{Operation: "Get"}, get, false},
		{fault.Rule{Operation: "?etObject"}, get, true},
		{fault.Rule{Resource: "arn:aws:s3:::logs/*"}, get, true},
		{fault.Rule{Resource: "arn:aws:s3:::other/*"}, get, false},
		{fault.Rule{Resource: "*a.txt"}, get, true},
		{fault.Rule{Region: "us-east-1"}, get, true},
		{fault.Rule{Region: "eu-*"}, get, false},
		{fault.Rule{Account: "000000000000"}, get, true},
		{fault.Rule{Account: "111111111111"}, get, false},
		{fault.Rule{Kind: "zone"}, get, false},
	} {
		w := newWorld(t)
		test.rule.Rate = 1
		w.add(test.rule)
		if got := code(w.check(test.op, "arn:aws:s3:::else", arn)) != ""; got != test.want {
			t.Errorf("%+v strikes %s: %v, want %v", test.rule, test.op.Name, got, test.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		rule fault.Rule
		op   *cloud.OpInfo
		want string
	}{
		{fault.Rule{}, get, "ServiceUnavailable 503"},
		{fault.Rule{Error: "SlowDown"}, get, "SlowDown 503"},
		{fault.Rule{Error: "InternalError"}, get, "InternalError 500"},
		{fault.Rule{Error: "ThrottlingException"}, item, "ThrottlingException 400"},
		{fault.Rule{Error: "ThrottlingException"}, &cloud.OpInfo{Service: rj, Name: "Invoke"}, "ThrottlingException 429"},
		{fault.Rule{Error: "ProvisionedThroughputExceededException"}, item, "ProvisionedThroughputExceededException 400"},
		{fault.Rule{Error: "SlowDown", Status: 429}, get, "SlowDown 429"},
		{fault.Rule{Error: "SomethingInternal"}, get, "SomethingInternal 500"},
		{fault.Rule{Error: "NoSuchThing"}, get, "NoSuchThing 404"},
		{fault.Rule{Error: "Whatever"}, get, "Whatever 400"},
		{fault.Rule{Status: 500}, get, "ServiceUnavailable 500"},
		{fault.Rule{Latency: fault.Duration(time.Second)}, get, ""},
		{fault.Rule{Reset: true}, get, ""},
	} {
		w := newWorld(t)
		test.rule.Rate = 1
		w.add(test.rule)
		a := w.check(test.op)
		if got := code(a); got != test.want {
			t.Errorf("%+v answers %q, want %q", test.rule, got, test.want)
		}
		if a.Reset != test.rule.Reset || a.Latency != time.Duration(test.rule.Latency) {
			t.Errorf("%+v acts as %+v", test.rule, a)
		}
	}
	w := newWorld(t)
	w.add(fault.Rule{Error: "SlowDown", Rate: 1})
	if e := w.check(get).Err; e.Error() != "SlowDown: Please reduce your request rate." {
		t.Errorf("SlowDown says %q", e)
	}
}

func TestRulesAreTriedInOrderAndLatenciesAddUp(t *testing.T) {
	w := newWorld(t)
	w.add(
		fault.Rule{Latency: fault.Duration(time.Second), Rate: 1},
		fault.Rule{Latency: fault.Duration(2 * time.Second), Error: "SlowDown", Rate: 1},
		fault.Rule{Latency: fault.Duration(4 * time.Second), Error: "InternalError", Rate: 1})
	if a := w.check(get); a.Latency != 3*time.Second || code(a) != "SlowDown 503" {
		t.Errorf("got %+v", a)
	}
}

func TestRate(t *testing.T) {
	for rate, want := range map[float64][2]int{0: {0, 0}, 0.1: {60, 140}, 1: {1000, 1000}} {
		w := newWorld(t)
		w.add(fault.Rule{Rate: rate})
		struck := 0
		for range 1000 {
			if w.check(get).Err != nil {
				struck++
			}
		}
		if struck < want[0] || struck > want[1] {
			t.Errorf("a rate of %v struck %d of 1000 times", rate, struck)
		}
		if got := w.f.List()[0].Struck; got != struck {
			t.Errorf("the rule counts %d, want %d", got, struck)
		}
	}
}

func TestCountAndUntilEndARule(t *testing.T) {
	w := newWorld(t)
	tomorrow := start.Add(24 * time.Hour)
	w.add(fault.Rule{Operation: "GetObject", Rate: 1, Count: 3}, fault.Rule{Operation: "PutObject", Rate: 1, Until: &tomorrow})
	for n := range 5 {
		if struck := w.check(get).Err != nil; struck != (n < 3) {
			t.Errorf("call %d: struck %v", n, struck)
		}
	}
	if got := w.open().List(); len(got) != 1 {
		t.Errorf("after a restart: %+v", got)
	}
	if w.check(put).Err == nil {
		t.Error("the rule has ended before its time")
	}
	w.clk.Advance(bg, 24*time.Hour)
	if w.check(put).Err != nil || len(w.f.List()) != 0 || len(w.open().List()) != 0 {
		t.Error("the rule lives after its time")
	}
}

func TestRulesSurviveARestart(t *testing.T) {
	w := newWorld(t)
	w.add(fault.Rule{Service: "s3", Operation: "GetObject", Error: "SlowDown", Status: 503, Latency: fault.Duration(time.Second), Rate: 0.5})
	w.add(fault.Rule{Service: "sqs", Rate: 1})
	w.f = w.open()
	added := w.add(fault.Rule{Service: "iam", Rate: 1})
	list := w.f.List()
	if len(list) != 3 || list[0].Error != "SlowDown" || list[0].Latency != fault.Duration(time.Second) || list[0].Rate != 0.5 ||
		list[1].Service != "sqs" || list[2].ID != added[0].ID {
		t.Fatalf("after a restart: %+v", list)
	}
	if n, err := w.f.Remove(bg, func(r fault.Rule) bool { return r.ID == list[1].ID }); n != 1 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	if got := w.open().List(); len(got) != 2 || got[1].Service != "iam" {
		t.Errorf("after removing one: %+v", got)
	}
	if err := w.f.Clear(bg); err != nil || w.f.Active() || len(w.open().List()) != 0 {
		t.Errorf("after clearing: %+v, %v", w.f.List(), err)
	}
}

func TestInvalidRules(t *testing.T) {
	w := newWorld(t)
	for _, r := range []fault.Rule{
		{Rate: 1.5}, {Rate: -1}, {Rate: 1, Count: -1}, {Rate: 1, Status: 200}, {Rate: 1, Latency: -1},
		{Rate: 1, Reset: true, Error: "SlowDown"}, {Rate: 1, Error: "<b>"},
	} {
		var invalid *fault.Invalid
		if _, err := w.f.Add(bg, fault.Rule{Rate: 1}, r); !errors.As(err, &invalid) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if w.f.Active() {
		t.Errorf("added with an invalid rule: %+v", w.f.List())
	}
}

// zone is a point that is no API call.
type zone string

func (z zone) Kind() string             { return "zone" }
func (z zone) Aimed(r *fault.Rule) bool { return r.Resource == string(z) }

func TestOtherPoints(t *testing.T) {
	w := newWorld(t)
	w.add(fault.Rule{Kind: "zone", Resource: "us-east-1a", Error: "Cut", Rate: 1})
	if r, _ := w.f.At(bg, zone("us-east-1a")); r == nil || r.Error != "Cut" {
		t.Errorf("got %+v", r)
	}
	if r, _ := w.f.At(bg, zone("us-east-1b")); r != nil {
		t.Errorf("got %+v", r)
	}
}

// request asks the handler and returns status and body without its newline.
func (w *world) request(method, path, body string) (int, string) {
	rec := httptest.NewRecorder()
	w.f.Handler().ServeHTTP(rec, httptest.NewRequest(method, path, strings.NewReader(body)))
	b, _ := io.ReadAll(rec.Body)
	return rec.Code, strings.TrimSuffix(string(b), "\n")
}

func TestHandler(t *testing.T) {
	w := newWorld(t)
	const path = "/_pileus/faults"
	status, body := w.request("POST", path, `{"service":"s3","operation":"GetObject","error":"SlowDown","rate":0.1,"latency":"250ms","count":5}`)
	var r fault.Rule
	if err := json.Unmarshal([]byte(body), &r); err != nil || status != http.StatusCreated {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if r.ID == "" || r.Rate != 0.1 || r.Latency != fault.Duration(250*time.Millisecond) || r.Count != 5 {
		t.Errorf("added %+v", r)
	}
	if status, body := w.request("POST", path, `{"latency":1500}`); status != 201 || !strings.Contains(body, `"latency":"1.5s"`) || !strings.Contains(body, `"rate":1`) {
		t.Errorf("%d %s", status, body)
	}
	for _, bad := range []string{``, `{`, `{"rate":2}`, `{"latency":"long"}`, `{"latency":1e300}`, `[]`} {
		if status, body := w.request("POST", path, bad); status != 400 {
			t.Errorf("%q: %d %s", bad, status, body)
		}
	}
	if status, body := w.request("GET", path, ""); status != 200 || strings.Count(body, `"id"`) != 2 {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := w.request("DELETE", path+"/"+r.ID, ""); status != 200 || len(w.f.List()) != 1 {
		t.Errorf("removing one: %d, %+v", status, w.f.List())
	}
	if status, _ := w.request("DELETE", path+"/"+r.ID, ""); status != 404 {
		t.Errorf("removing it again: %d", status)
	}
	if status, body := w.request("DELETE", path, ""); status != 200 || body != "[]" || w.f.Active() {
		t.Errorf("removing all: %d %s", status, body)
	}
}

func TestChaosAPI(t *testing.T) {
	w := newWorld(t)
	w.add(fault.Rule{Service: "iam", Rate: 1}) // which the chaos API leaves alone
	const faults, effects = "/_localstack/chaos/faults", "/_localstack/chaos/effects"
	const outage = `{"region":"us-east-1","service":"dynamodb"}`
	const custom = `{"service":"s3","operation":"GetObject","probability":0.5,"error":{"statusCode":404,"code":"AccessDenied"}}`
	for _, step := range []struct{ method, path, body, want string }{
		{"GET", faults, "", "[]"},
		{"POST", faults, "[" + outage + "]", "[" + outage + "]"},
		{"PATCH", faults, "[" + custom + "]", "[" + outage + "," + custom + "]"},
		{"GET", faults, "", "[" + outage + "," + custom + "]"},
		{"DELETE", faults, "[" + outage + "]", "[" + custom + "]"},
		{"PUT", faults, "[" + outage + "]", "[" + outage + "]"},
		{"DELETE", faults, "", "[]"},
		{"POST", faults, "[{}]", "[{}]"},
		{"POST", faults, "[]", "[]"},
		{"GET", effects, "", `{"latency":0}`},
		{"POST", effects, `{"latency":5000}`, `{"latency":5000}`},
		{"POST", effects, `{"latency":200}`, `{"latency":200}`},
		{"GET", faults, "", "[]"},
	} {
		if status, body := w.request(step.method, step.path, step.body); status != 200 || body != step.want {
			t.Errorf("%s %s %s: %d %s, want %s", step.method, step.path, step.body, status, body, step.want)
		}
	}
	if a := w.check(item); a.Latency != 200*time.Millisecond || a.Err != nil {
		t.Errorf("under a latency: %+v", a)
	}
	w.request("POST", effects, `{"latency":0}`)
	w.request("POST", faults, "["+outage+"]")
	a := w.check(item)
	if code(a) != "ServiceUnavailable 503" || a.Latency != 0 || !strings.Contains(a.Err.Error(), "simulated fault") {
		t.Errorf("during an outage: %+v", a)
	}
	if status, body := w.request("POST", faults, `[{"probability":7}]`); status != 400 {
		t.Errorf("%d %s", status, body)
	}
	if len(w.f.List()) != 2 {
		t.Errorf("left: %+v", w.f.List())
	}
}

func BenchmarkCheckWithoutRules(b *testing.B) {
	db, err := pebble.OpenMemory()
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	f, err := fault.New(bg, db, clock.Still(start), rng.Seeded(7))
	if err != nil {
		b.Fatal(err)
	}
	c := &cloud.Call{Context: bg, Now: start}
	for b.Loop() {
		f.Check(c, get, nil)
	}
}
