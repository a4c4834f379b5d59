package node_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/node"
)

func (w *world) decode(method, path, body string, into any) {
	w.Helper()
	status, answer := w.ask(method, path, body)
	if status != 200 {
		w.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	w.check(json.Unmarshal([]byte(answer), into))
}

func TestStatus(t *testing.T) {
	w := onDisk(t)
	w.bucket()
	var s node.Status
	w.decode("GET", "/_pileus/status", "", &s)
	if !s.Ready || s.PID == 0 || s.Endpoint != w.node.Endpoint() || s.DataDir != w.o.DataDir || s.Backend != "pebble" ||
		s.Account != "000000000000" || s.Region != "us-east-1" || s.Services["s3"]["buckets"] != 1 || len(s.Warnings) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestStatusWarns(t *testing.T) {
	for _, c := range []struct {
		name  string
		o     node.Options
		warns []string
	}{
		{"in memory", node.Options{}, []string{"lost when this cloud stops"}},
		{"signatures", node.Options{DataDir: "x", SkipSignatures: true}, []string{"signatures are not verified"}},
		{"policies", node.Options{DataDir: "x", SkipPolicies: true}, []string{"policies are not enforced"}},
		{"durability", node.Options{DataDir: "x", Durability: "async"}, []string{"a crash may lose"}},
		{"every address", node.Options{DataDir: "x", Listen: []string{"0.0.0.0:4566"}}, []string{"other machines can reach 0.0.0.0:4566"}},
		{"this machine", node.Options{DataDir: "x", Listen: []string{"localhost:4566", "[::1]:4566"}}, nil},
		{"safe", node.Options{DataDir: "x", Durability: "sync"}, nil},
		{"default", node.Options{DataDir: "x"}, nil},
	} {
		got := c.o.Warnings()
		if len(got) != len(c.warns) || len(got) > 0 && !strings.Contains(got[0], c.warns[0]) {
			t.Errorf("%s: %q, want %q", c.name, got, c.warns)
		}
	}
	w := begin(t, node.Options{SkipPolicies: true, SkipSignatures: true})
	var s node.Status
	w.decode("GET", "/_pileus/status", "", &s)
	if len(s.Warnings) != 3 {
		t.Errorf("%q", s.Warnings)
	}
}

func TestClockRequests(t *testing.T) {
	w := inMemory(t)
	var s node.ClockState
	w.decode("POST", "/_pileus/clock/advance", `{"by":"30d"}`, &s)
	if s.Offset != "720h0m0s" {
		t.Errorf("advanced by %s", s.Offset)
	}
	w.decode("POST", "/_pileus/clock/freeze", "", &s)
	w.decode("GET", "/_pileus/clock", "", &s)
	if !s.Frozen {
		t.Error("the clock runs")
	}
	w.decode("POST", "/_pileus/clock/set", `{"to":"2031-02-03T04:05:06Z"}`, &s)
	if want := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC); !s.Now.Equal(want) {
		t.Errorf("set to %v", s.Now)
	}
	w.decode("POST", "/_pileus/clock/resume", "", &s)
	w.decode("POST", "/_pileus/clock/reset", "", &s)
	if s.Frozen || s.Offset != "0s" {
		t.Errorf("after a reset: %+v", s)
	}
	for _, c := range []struct {
		path, body string
		status     int
	}{
		{"advance", `{"by":"sideways"}`, 400}, {"advance", `{`, 400}, {"advance", ``, 400}, {"advance", `{"by":"-1h"}`, 400},
		{"set", ``, 400}, {"set", `{"to":"noon"}`, 400}, {"rewind", ``, 404},
	} {
		if status, answer := w.ask("POST", "/_pileus/clock/"+c.path, c.body); status != c.status {
			t.Errorf("%s %s: %d %s", c.path, c.body, status, answer)
		}
	}
}

func TestLocalStackEndpoints(t *testing.T) {
	w := inMemory(t)
	var health struct {
		Services         map[string]string
		Version, Edition string
	}
	w.decode("GET", "/_localstack/health", "", &health)
	if health.Services["s3"] != "running" || health.Version == "" {
		t.Errorf("health: %+v", health)
	}
	var info map[string]any
	w.decode("GET", "/_localstack/info", "", &info)
	for _, key := range []string{"version", "edition", "session_id", "server_time_utc", "uptime", "is_license_activated"} {
		if _, ok := info[key]; !ok {
			t.Errorf("info lacks %s: %v", key, info)
		}
	}
	var init struct {
		Completed map[string]bool
		Scripts   []any
	}
	w.decode("GET", "/_localstack/init", "", &init)
	if !init.Completed["READY"] || init.Completed["SHUTDOWN"] || len(init.Scripts) != 0 {
		t.Errorf("init: %+v", init)
	}
	var stage struct{ Completed bool }
	w.decode("GET", "/_localstack/init/ready", "", &stage)
	if !stage.Completed {
		t.Error("the stage ready is not completed")
	}
}

func TestMetrics(t *testing.T) {
	w := inMemory(t)
	w.bucket()
	status, text := w.ask("GET", "/_pileus/metrics", "")
	if want := `pileus_requests_total{code="",operation="CreateBucket",service="s3",status="200"} 1`; status != 200 || !strings.Contains(text, want) {
		t.Errorf("%d, no %s in\n%s", status, want, text)
	}
}

func TestProfilesAreOptIn(t *testing.T) {
	if status, _ := inMemory(t).ask("GET", "/_pileus/pprof/heap", ""); status != 404 {
		t.Errorf("without the option: %d", status)
	}
	w := begin(t, node.Options{Profile: true})
	for _, path := range []string{"heap", "goroutine", "cmdline", "symbol", ""} {
		if status, _ := w.ask("GET", "/_pileus/pprof/"+path, ""); status != 200 {
			t.Errorf("%q: %d", path, status)
		}
	}
}

func TestDown(t *testing.T) {
	w := inMemory(t)
	for range 2 {
		if status, _ := w.ask("POST", "/_pileus/down", ""); status != http.StatusAccepted {
			t.Error(status)
		}
	}
	<-w.node.Asked()
}

// TestFollowersDoNotHoldUp: somebody who follows the trail holds up neither a
// load nor the stop.
func TestFollowersDoNotHoldUp(t *testing.T) {
	w := onDisk(t)
	w.bucket()
	_, err := w.node.Save(t.Context(), "s")
	w.check(err)
	w.followed("a load", func() { _, err := w.node.Load(t.Context(), "s"); w.check(err) })
	w.followed("a stop", w.stop)
}

func (w *world) followed(name string, end func()) {
	w.Helper()
	res, err := http.Get(w.node.Endpoint() + "/_pileus/trail?follow=1")
	w.check(err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || !strings.Contains(lines.Text(), "CreateBucket") {
		w.Fatalf("%s: the trail begins with %q", name, lines.Text())
	}
	end()
	for lines.Scan() { // to its end
	}
}

func TestStoppedNodesRefuse(t *testing.T) {
	w := inMemory(t)
	n := w.node
	w.stop()
	for name, err := range map[string]error{
		"reset": n.Reset(t.Context()),
		"save":  second(n.Save(t.Context(), "s")),
	} {
		if err == nil {
			t.Errorf("%s went through after the stop", name)
		}
	}
	if list, _ := node.ListSnapshots(w.o.SnapshotDir); slices.ContainsFunc(list, func(s *node.Snapshot) bool { return s.Name == "s" }) {
		t.Error("a stopped node saved a snapshot")
	}
}

func second(_ *node.Snapshot, err error) error { return err }
