package trail_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/clock"
	"pileus/store"
	"pileus/store/pebble"
	"pileus/trail"
)

var (
	bg    = context.Background()
	start = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
)

func openStore(t testing.TB) store.Store {
	db, err := pebble.OpenMemory()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func newTrail(db store.Store, l trail.Limits) *trail.Trail {
	return trail.NewLimited(db, clock.Still(start), slog.New(slog.DiscardHandler), l)
}

// event is the n-th of a series: of users and services in turn, each third
// refused.
func event(n int) *trail.Event {
	e := &trail.Event{
		Time: start.Add(time.Duration(n) * time.Second), RequestID: fmt.Sprintf("req-%d", n),
		Principal: fmt.Sprintf("arn:aws:iam::000000000000:user/u%d", n%2), PrincipalType: "User", Account: "000000000000",
		AccessKey: "AKIAEXAMPLE", SourceIP: "127.0.0.1", UserAgent: "aws-cli/2", Region: "us-east-1",
		Service: []string{"s3", "sqs"}[n%2], Operation: []string{"GetObject", "SendMessage"}[n%2], ReadOnly: n%2 == 0,
		Resources: []string{fmt.Sprintf("arn:aws:s3:::bucket-%d", n)},
		Status:    200, Latency: 1500 * time.Microsecond, BytesIn: 10, BytesOut: 20,
	}
	if n%3 == 2 {
		e.Status, e.Code, e.Message = 403, "AccessDenied", "not you, \xff" // what clients send is not always UTF-8
		e.Trace = map[string]any{"decision": "deny", "n": n}
	}
	return e
}

func record(tr *trail.Trail, from, to int) {
	for n := from; n < to; n++ {
		tr.Record(event(n))
	}
}

func flush(t testing.TB, tr *trail.Trail) {
	t.Helper()
	if err := tr.Flush(bg); err != nil {
		t.Fatal(err)
	}
}

func ids(t testing.TB, tr *trail.Trail, n int, f trail.Filter) []string {
	t.Helper()
	events, err := tr.Last(bg, n, f)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, strings.TrimPrefix(e.RequestID, "req-"))
	}
	return out
}

func TestFilters(t *testing.T) {
	tr := newTrail(openStore(t), trail.Defaults)
	record(tr, 0, 6)
	for query, want := range map[string]string{
		"":                                  "0 1 2 3 4 5",
		"service=s3":                        "0 2 4",
		"operation=sendmessage":             "1 3 5",
		"principal=user/u1":                 "1 3 5",
		"principal=AKIAEXAMPLE":             "0 1 2 3 4 5",
		"errors=1":                          "2 5",
		"errors=true&service=s3":            "2",
		"writes=1":                          "1 3 5",
		"resource=bucket-4":                 "4",
		"code=AccessDenied":                 "2 5",
		"account=111111111111":              "",
		"region=us-east-1&external=1":       "0 1 2 3 4 5",
		"since=2026-01-31T12:00:04Z":        "4 5",
		"until=2026-01-31T12:00:01%2b00:00": "0",
	} {
		r := httptest.NewRequest("GET", "/?"+query, nil)
		f, err := trail.ParseFilter(r.URL.Query())
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(ids(t, tr, 100, f), " "); got != want {
			t.Errorf("%q chooses %q, want %q", query, got, want)
		}
	}
	if got := ids(t, tr, 2, trail.Filter{Service: "s3"}); !slices.Equal(got, []string{"2", "4"}) {
		t.Errorf("the last two of s3 are %v", got)
	}
}

func TestTrailSurvivesARestart(t *testing.T) {
	db := openStore(t)
	want := event(1)
	for part := range 3 { // 1,500 events: chunks that are full, and one that is not
		tr := newTrail(db, trail.Defaults)
		record(tr, part*500, part*500+250)
		flush(t, tr)
		record(tr, part*500+250, part*500+500)
		flush(t, tr)
		flush(t, tr) // nothing pending
	}
	tr := newTrail(db, trail.Defaults)
	record(tr, 1500, 1510)
	all := ids(t, tr, 5000, trail.Filter{})
	if len(all) != 1510 {
		t.Fatalf("%d events", len(all))
	}
	for n, id := range all {
		if id != fmt.Sprint(n) {
			t.Fatalf("event %d is %s", n, id)
		}
	}
	got, err := tr.Find(bg, "req-1")
	if err != nil || got == nil {
		t.Fatalf("Find: %v, %v", got, err)
	}
	if a, b := fmt.Sprintf("%+v", *got), fmt.Sprintf("%+v", *want); a != b {
		t.Errorf("found\n%s, want\n%s", a, b)
	}
	if e, err := tr.Find(bg, "req-none"); e != nil || err != nil {
		t.Errorf("found %v, %v", e, err)
	}
}

func TestWhyAfterARestart(t *testing.T) {
	db := openStore(t)
	tr := newTrail(db, trail.Defaults)
	record(tr, 0, 3)
	flush(t, tr)
	for name, tr := range map[string]*trail.Trail{"live": tr, "restarted": newTrail(db, trail.Defaults)} {
		x, err := tr.Why(bg, "req-2")
		if err != nil || x == nil || string(x.Trace) != `{"decision":"deny","n":2}` || x.Event.Code != "AccessDenied" {
			t.Errorf("%s: %+v, %v", name, x, err)
		}
		if x, err := tr.Why(bg, "req-1"); err != nil || x == nil || x.Trace != nil {
			t.Errorf("%s: a request that was not refused: %+v, %v", name, x, err)
		}
		if x, err := tr.Why(bg, "req-9"); err != nil || x != nil {
			t.Errorf("%s: an unknown request: %+v, %v", name, x, err)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	tr := newTrail(openStore(t), trail.Limits{Live: 8, LiveBytes: 1 << 20, Kept: 100, KeptFor: time.Hour, Denials: 10})
	record(tr, 0, 20) // before any flush: what fell out of the ring is lost
	if got := ids(t, tr, 100, trail.Filter{}); len(got) != 8 || got[0] != "12" {
		t.Errorf("live: %v", got)
	}
	small := newTrail(openStore(t), trail.Limits{Live: 1000, LiveBytes: 10_000, Kept: 100, KeptFor: time.Hour, Denials: 10})
	record(small, 0, 100)
	if got := ids(t, small, 1000, trail.Filter{}); len(got) < 2 || len(got) > 25 || got[len(got)-1] != "99" {
		t.Errorf("live: %v", got)
	}
}

func TestStoreIsBounded(t *testing.T) {
	db := openStore(t)
	limits := trail.Limits{Live: 100, LiveBytes: 1 << 20, Kept: 2000, KeptFor: time.Hour, Denials: 50}
	for part := range 60 {
		tr := newTrail(db, limits)
		record(tr, part*100, part*100+100)
		flush(t, tr)
	}
	tr := newTrail(db, limits)
	got := ids(t, tr, 10_000, trail.Filter{})
	if len(got) < 1000 || len(got) > 2000 || got[len(got)-1] != "5999" {
		t.Errorf("%d events are kept, up to %s", len(got), got[len(got)-1])
	}
	for n, kept := range map[int]bool{5999: true, 5852: true, 5849: false, 2: false} {
		if x, err := tr.Why(bg, fmt.Sprintf("req-%d", n)); err != nil || (x != nil && x.Trace != nil) != kept {
			t.Errorf("trace of %d: %+v, %v, want kept: %v", n, x, err, kept)
		}
	}
}

func TestRunWritesAtTheEnd(t *testing.T) {
	db := openStore(t)
	tr := newTrail(db, trail.Defaults)
	ctx, cancel := context.WithCancel(bg)
	ended := make(chan bool)
	go func() {
		tr.Run(ctx)
		close(ended)
	}()
	record(tr, 0, 3)
	cancel()
	<-ended
	if got := ids(t, newTrail(db, trail.Defaults), 10, trail.Filter{}); len(got) != 3 {
		t.Errorf("kept %v", got)
	}
}

func TestManyEventsAreWrittenBeforeTheyFallOut(t *testing.T) {
	db := openStore(t)
	tr := newTrail(db, trail.Limits{Live: 100, LiveBytes: 1 << 20, Kept: 10_000, KeptFor: time.Hour, Denials: 10})
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	go tr.Run(ctx)
	fresh := func() int { return len(ids(t, newTrail(db, trail.Defaults), 1000, trail.Filter{})) }
	record(tr, 0, 60)
	watch := clock.Start()
	for fresh() == 0 { // more than half of the ring is pending: at once rather than in a second
		record(tr, 60, 61)
		if watch.Elapsed() > 5*time.Minute {
			t.Fatal("nothing was written")
		}
	}
}

func TestResetForgets(t *testing.T) {
	db := openStore(t)
	tr := newTrail(db, trail.Defaults)
	record(tr, 0, 600)
	flush(t, tr)
	record(tr, 600, 610)
	if err := db.Clear(bg); err != nil {
		t.Fatal(err)
	}
	tr.Reset()
	record(tr, 610, 612)
	flush(t, tr)
	if got := ids(t, newTrail(db, trail.Defaults), 1000, trail.Filter{}); !slices.Equal(got, []string{"610", "611"}) {
		t.Errorf("after a reset: %v", got)
	}
}

func TestHandler(t *testing.T) {
	tr := newTrail(openStore(t), trail.Defaults)
	record(tr, 0, 6)
	server := httptest.NewServer(tr.Handler())
	defer server.Close()
	get := func(path string) (int, string) {
		resp, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	status, body := get("/_pileus/trail?errors=1&limit=1")
	var e trail.Event
	if err := json.Unmarshal([]byte(body), &e); err != nil || status != 200 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if e.RequestID != "req-5" || e.Latency != 1500*time.Microsecond || e.Code != "AccessDenied" || e.BytesOut != 20 {
		t.Errorf("got %+v", e)
	}
	for path, want := range map[string]int{
		"/_pileus/trail?limit=x":    400,
		"/_pileus/trail?errors=x":   400,
		"/_pileus/trail?since=x":    400,
		"/_pileus/why/req-2":        200,
		"/_pileus/why/req-nonesuch": 404,
	} {
		if status, body := get(path); status != want {
			t.Errorf("%s answers %d %s, want %d", path, status, body, want)
		}
	}
	if _, body := get("/_pileus/why/req-2"); !strings.Contains(body, `"trace":{"decision":"deny","n":2}`) {
		t.Errorf("why: %s", body)
	}
}

func TestFollow(t *testing.T) {
	tr := newTrail(openStore(t), trail.Defaults)
	record(tr, 0, 4)
	server := httptest.NewServer(tr.Handler())
	defer server.Close()
	for accept, prefix := range map[string]string{"application/json": "{", "text/event-stream": "data: {"} {
		ctx, cancel := context.WithCancel(bg)
		req, _ := http.NewRequestWithContext(ctx, "GET", server.URL+"/_pileus/trail?follow=1&limit=1&service=sqs", nil)
		req.Header.Set("Accept", accept)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(resp.Body)
		next := func(id string) {
			t.Helper()
			for lines.Scan() {
				if line := lines.Text(); line != "" {
					if !strings.HasPrefix(line, prefix) || !strings.Contains(line, `"requestId":"`+id+`"`) {
						t.Errorf("%s: %s, want %s", accept, line, id)
					}
					return
				}
			}
			t.Errorf("%s: the stream ended: %v", accept, lines.Err())
		}
		next("req-3")
		record(tr, 4, 6)
		next("req-5")
		record(tr, 1, 4) // so that the next round begins as this one did
		next("req-1")
		cancel()
		resp.Body.Close()
	}
}

func TestSlowSubscriberMissesButDoesNotHinder(t *testing.T) {
	tr := newTrail(openStore(t), trail.Defaults)
	sub, stop := tr.Subscribe(trail.Filter{})
	record(tr, 0, 1000)
	if got := sub.Missed(); got != 1000-cap(sub.C) {
		t.Errorf("missed %d", got)
	}
	stop()
	for len(sub.C) > 0 {
		<-sub.C
	}
	record(tr, 0, 1)
	if len(sub.C) != 0 {
		t.Error("still subscribed after stop")
	}
}

func TestReadOnly(t *testing.T) {
	for op, want := range map[string]bool{"GetObject": true, "ListQueues": true, "HeadBucket": true, "PutObject": false, "DeleteQueue": false, "ReceiveMessage": false} {
		if got := trail.ReadOnly(op); got != want {
			t.Errorf("%s: %v", op, got)
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	tr := newTrail(openStore(b), trail.Defaults)
	e := event(1)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			tr.Record(e)
		}
	})
}

func BenchmarkFlush1000(b *testing.B) {
	tr := newTrail(openStore(b), trail.Defaults)
	b.ReportAllocs()
	for b.Loop() {
		for n := range 1000 {
			e := event(n)
			e.Trace = nil
			tr.Record(e)
		}
		flush(b, tr)
	}
}
